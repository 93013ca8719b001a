//! What holds for every login, whoever it is.

use super::chains::{Chain, Chains, Questions, Step};
use super::secrets::UsedCodes;
use crate::ssh::{Prompt, Prompts};

/// What holds for every login.
#[derive(Clone, Debug)]
pub struct LoginRules {
    /// The chains of users who have none of their own. `None`: a key, or the password if anybody
    /// has one.
    pub chains: Option<Chains>,
    /// What `keyboard-interactive` says before its questions; may be empty.
    pub instruction: String,
    /// How it asks for the password.
    pub password_prompt: Prompt,
    /// How it asks for the code of the second factor.
    pub code_prompt: Prompt,
    /// The codes that have let somebody in; the same over reloads.
    pub used_codes: UsedCodes,
    /// 32 random bytes, drawn at the start: they decide whose hash stands in for a password that is
    /// nobody's.
    pub stand_in_secret: [u8; 32],
}

impl Default for LoginRules {
    fn default() -> Self {
        Self {
            chains: None,
            instruction: String::new(),
            password_prompt: Prompt { text: "Password: ".to_owned(), echo: false },
            code_prompt: Prompt { text: "Verification code: ".to_owned(), echo: true },
            used_codes: UsedCodes::default(),
            stand_in_secret: [0; 32],
        }
    }
}

impl LoginRules {
    /// The questions of a step.
    pub(super) fn prompts(&self, questions: Questions) -> Prompts {
        let (password, code) = (self.password_prompt.clone(), self.code_prompt.clone());
        let prompts = match questions {
            Questions::Password => vec![password],
            Questions::Code => vec![code],
            Questions::PasswordAndCode => vec![password, code],
        };
        Prompts { name: String::new(), instruction: self.instruction.clone(), prompts }
    }

    /// The chains of users who have none of their own, where somebody has a password or not, and
    /// where chains of others begin with `questions`: everybody is asked the same at first.
    pub(super) fn chains_where(&self, passwords: bool, questions: Option<Questions>) -> Chains {
        let built_in = || {
            let password = [Step::Password, Step::Interactive(Questions::Password)];
            let fits = |step: &Step| match (step, questions) {
                (Step::Interactive(own), Some(others)) => *own == others,
                _ => true,
            };
            let steps = password.into_iter().filter(|_| passwords).filter(fits);
            Chains::new([Step::PublicKey].into_iter().chain(steps).map(Chain::of).collect())
        };
        self.chains.clone().unwrap_or_else(built_in)
    }
}
