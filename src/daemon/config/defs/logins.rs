//! The keys about what proves who somebody is.

use super::Definition;
use crate::auth::Chain;
use crate::daemon::config::place::Place;
use crate::daemon::config::value::Value;

pub(super) const AUTHENTICATION_METHODS: Definition = Definition {
    key: "authentication_methods",
    doc: "Chains of methods, any one of which lets a user in; a chain asks for all of its \
          methods, in their order. Empty: a key alone, or the password alone for those who \
          have one. keyboard-interactive asks for the password where it comes first, and for \
          the code of the second factor (totp_secret) where it comes later; \
          keyboard-interactive:password, :totp and :password+totp say it in full. The users \
          file has the same key for one user.",
    default: || Value::List(vec![]),
    place: Place::Phrases {
        at: |config| &mut config.authentication_methods,
        form: CHAINS,
        check: chain,
    },
};

pub(super) const BANNER: Definition = Definition {
    key: "banner",
    doc: "A file of text that clients show before the login, up to 8 KiB.",
    default: || Value::text(""),
    place: Place::OptionalPath(|config| &mut config.banner),
};

pub(super) const INTERACTIVE_INSTRUCTION: Definition = Definition {
    key: "interactive_instruction",
    doc: "What keyboard-interactive says before its questions.",
    default: || Value::text(""),
    place: Place::Text {
        at: |config| &mut config.interactive_instruction,
        form: PROMPT,
        check: prompt,
    },
};

pub(super) const PASSWORD_PROMPT: Definition = Definition {
    key: "password_prompt",
    doc: "How keyboard-interactive asks for the password; what is typed is not shown.",
    default: || Value::text("Password: "),
    place: Place::Text { at: |config| &mut config.password_prompt, form: PROMPT, check: prompt },
};

pub(super) const TOTP_PROMPT: Definition = Definition {
    key: "totp_prompt",
    doc: "How keyboard-interactive asks for the code of the second factor.",
    default: || Value::text("Verification code: "),
    place: Place::Text { at: |config| &mut config.totp_prompt, form: PROMPT, check: prompt },
};

pub(super) const TOTP_ECHO: Definition = Definition {
    key: "totp_echo",
    doc: "Whether the code is shown as it is typed.",
    default: || Value::Flag(true),
    place: Place::Flag(|config| &mut config.totp_echo),
};

/// What a question may be.
const PROMPT: &str = "text of up to 255 bytes without control characters";
const PROMPT_BYTES_MAX: usize = 255;

fn prompt(text: &str) -> Result<(), String> {
    match text {
        text if text.len() > PROMPT_BYTES_MAX => Err("it is longer than 255 bytes".to_owned()),
        text if text.chars().any(char::is_control) => Err("it has a control character".to_owned()),
        _ => Ok(()),
    }
}

pub(in crate::daemon::config) const CHAINS: &str =
    "methods with commas between them, such as \"publickey,keyboard-interactive\"";

pub(in crate::daemon::config) fn chain(text: &str) -> Result<(), String> {
    Chain::parse(text).map(|_| ())
}
