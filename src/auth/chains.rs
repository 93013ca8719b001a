//! Which proofs have to come, one after the other, before somebody is in
//! (`authentication_methods`, sshd_config(5)).

use std::fmt;

/// What a chain asks for at one place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A key, or a certificate.
    PublicKey,
    /// The password, sent unasked (RFC 4252 section 8).
    Password,
    /// Answers to questions (RFC 4256).
    Interactive(Questions),
}

/// What `keyboard-interactive` asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Questions {
    /// The password.
    Password,
    /// The code of the second factor.
    Code,
    /// Both at once.
    PasswordAndCode,
}

impl Step {
    /// The method's name on the wire.
    #[must_use]
    pub fn method(self) -> &'static str {
        match self {
            Self::PublicKey => "publickey",
            Self::Password => "password",
            Self::Interactive(_) => "keyboard-interactive",
        }
    }

    /// What it asks, if it asks anything.
    #[must_use]
    pub fn questions(self) -> Option<Questions> {
        match self {
            Self::Interactive(questions) => Some(questions),
            Self::PublicKey | Self::Password => None,
        }
    }

    /// Whether the user needs a password for it.
    #[must_use]
    pub fn needs_password(self) -> bool {
        use Questions::{Password, PasswordAndCode};
        matches!(self, Self::Password | Self::Interactive(Password | PasswordAndCode))
    }

    /// Whether the user needs a TOTP secret for it.
    #[must_use]
    pub fn needs_code(self) -> bool {
        matches!(self, Self::Interactive(Questions::Code | Questions::PasswordAndCode))
    }

    /// Reads a method of a chain. `keyboard-interactive` alone asks for the password where it is
    /// the first, and for the code of the second factor where something was proved before.
    fn parse(word: &str, first: bool) -> Result<Self, String> {
        match word {
            "publickey" => Ok(Self::PublicKey),
            "password" => Ok(Self::Password),
            "keyboard-interactive" if first => Ok(Self::Interactive(Questions::Password)),
            "keyboard-interactive" => Ok(Self::Interactive(Questions::Code)),
            "keyboard-interactive:password" => Ok(Self::Interactive(Questions::Password)),
            "keyboard-interactive:totp" => Ok(Self::Interactive(Questions::Code)),
            "keyboard-interactive:password+totp" => {
                Ok(Self::Interactive(Questions::PasswordAndCode))
            }
            other => Err(format!("there is no method {other:?}; {FORM}")),
        }
    }
}

/// How a chain is written.
const FORM: &str = "write publickey, password, keyboard-interactive, or one of \
    keyboard-interactive:password, :totp and :password+totp, several of them with commas";

/// Methods one after the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chain(Vec<Step>);

/// Longest chain. Each further step is a round trip and a proof nobody has.
const STEPS_MAX: usize = 5;

impl Chain {
    /// Reads `publickey,keyboard-interactive`.
    ///
    /// # Errors
    /// What is wrong, in words for the person who wrote it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words = text.split(',').map(str::trim);
        let steps = words.enumerate().map(|(at, word)| Step::parse(word, at == 0));
        let steps = steps.collect::<Result<Vec<_>, _>>()?;
        let once = |step: &Step| steps.iter().filter(|other| *other == step).count() == 1;
        if !steps.iter().all(|step| *step == Step::PublicKey || once(step)) {
            return Err("a method stands there twice; only two keys may be asked for".to_owned());
        }
        if steps.len() > STEPS_MAX {
            return Err(format!("there are more than {STEPS_MAX} methods in a row"));
        }
        Ok(Self(steps))
    }

    /// A chain of one method.
    #[must_use]
    pub fn of(step: Step) -> Self {
        Self(vec![step])
    }

    /// Its methods in their order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.0
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(|step| step.method()).collect();
        f.write_str(&names.join(","))
    }
}

/// The chains any one of which lets somebody in.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Chains(Vec<Chain>);

/// What one more proof has brought.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Progress {
    /// A chain is complete.
    Complete,
    /// These methods can continue.
    Wanted(Vec<&'static str>),
    /// No chain goes on like this.
    Off,
}

impl Chains {
    /// Any one of `chains`.
    #[must_use]
    pub fn new(chains: Vec<Chain>) -> Self {
        Self(chains)
    }

    /// The chains.
    pub fn iter(&self) -> impl Iterator<Item = &Chain> {
        self.0.iter()
    }

    /// Every step of every chain.
    pub fn steps(&self) -> impl Iterator<Item = Step> {
        self.0.iter().flat_map(|chain| chain.0.iter().copied())
    }

    /// What can come next behind `passed`, each once.
    #[must_use]
    pub fn next(&self, passed: &[Step]) -> Vec<Step> {
        let mut next = Vec::new();
        for chain in &self.0 {
            let rest = chain.0.strip_prefix(passed);
            if let Some(step) = rest.and_then(|rest| rest.first()).filter(|it| !next.contains(*it))
            {
                next.push(*step);
            }
        }
        next
    }

    /// What `keyboard-interactive` asks before anything is proved.
    #[must_use]
    pub fn first_questions(&self) -> Option<Questions> {
        self.next(&[]).into_iter().find_map(Step::questions)
    }

    /// Where `passed` leads.
    #[must_use]
    pub fn progress(&self, passed: &[Step]) -> Progress {
        if self.0.iter().any(|chain| chain.0 == passed) {
            return Progress::Complete;
        }
        match methods(&self.next(passed)) {
            none if none.is_empty() => Progress::Off,
            wanted => Progress::Wanted(wanted),
        }
    }
}

/// Their methods' names, each once.
pub(super) fn methods(steps: &[Step]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for name in steps.iter().map(|step| step.method()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use Questions::{Code, Password as Secret, PasswordAndCode};
    use Step::{Interactive, Password, PublicKey};

    fn chains(texts: &[&str]) -> Chains {
        Chains::new(texts.iter().map(|text| Chain::parse(text).unwrap()).collect())
    }

    #[test]
    fn what_is_asked_depends_on_the_place() {
        let steps = |text| Chain::parse(text).unwrap().0;
        assert_eq!(steps("publickey, keyboard-interactive"), [PublicKey, Interactive(Code)]);
        assert_eq!(steps("keyboard-interactive"), [Interactive(Secret)]);
        assert_eq!(steps("keyboard-interactive:password+totp"), [Interactive(PasswordAndCode)]);
        assert_eq!(steps("publickey,publickey"), [PublicKey, PublicKey]);
        for wrong in ["", "publickey,", "pubkey", "password,password", "keyboard-interactive:pam"] {
            assert!(Chain::parse(wrong).is_err(), "{wrong}");
        }
        assert!(
            Chain::parse("publickey,publickey,publickey,publickey,publickey,publickey").is_err()
        );
    }

    #[test]
    fn chains_go_on_together_until_one_is_complete() {
        let own = chains(&["publickey,password", "publickey,keyboard-interactive", "password"]);
        assert_eq!(own.progress(&[]), Progress::Wanted(vec!["publickey", "password"]));
        let wanted = vec!["password", "keyboard-interactive"];
        assert_eq!(own.progress(&[PublicKey]), Progress::Wanted(wanted));
        assert_eq!(own.progress(&[PublicKey, Password]), Progress::Complete);
        assert_eq!(own.progress(&[Password]), Progress::Complete);
        assert_eq!(own.progress(&[Interactive(Code)]), Progress::Off);
        assert_eq!(own.progress(&[PublicKey, PublicKey]), Progress::Off);
        assert_eq!(own.progress(&[Password, PublicKey]), Progress::Off, "past the end");
        assert_eq!(Chains::default().progress(&[]), Progress::Off);
    }
}
