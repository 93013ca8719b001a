//! The keys about what proves who somebody is.

use super::Definition;
use crate::auth::Chain;
use crate::daemon::config::place::{Place, Unit};
use crate::daemon::config::value::Value;
use crate::daemon::hook;

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

pub(super) const AUTH_HOOK: Definition = Definition {
    key: "auth_hook",
    doc: "Who decides who may log in, and what each sees: a program, by its absolute path, with \
          its arguments, or a service at http://127.0.0.1:PORT/PATH. See the chapter users of \
          the manual and examples/auth_hook.py. Whatever it does not accept in time is refused. \
          root, user, authorized_keys, home, users_file, system_users, authentication_methods \
          and trusted_user_ca_keys do not apply then; read_only, umask and symlinks are for \
          everybody.",
    default: || Value::List(vec![]),
    place: Place::Texts {
        at: |config| &mut config.auth_hook,
        form: "words: an absolute path and arguments, or one URL",
        check: |_| Ok(()),
    },
};

pub(super) const AUTH_HOOK_TIMEOUT: Definition = Definition {
    key: "auth_hook_timeout",
    doc: "Time auth_hook may take for an answer before the attempt is refused; a program is killed \
          then, with its process group.",
    default: || Value::Integer(10),
    place: Place::Number {
        at: |config| &mut config.auth_hook_timeout,
        unit: Unit::Seconds,
        min: 1,
        max: 60,
        zero: None,
    },
};

pub(super) const AUTH_HOOK_METHODS: Definition = Definition {
    key: "auth_hook_methods",
    doc: "The methods by which users log in with auth_hook, each of them alone. \
          keyboard-interactive asks for the password.",
    default: || Value::texts(["publickey", "password"]),
    place: Place::Words {
        at: |config| &mut config.auth_hook_methods,
        among: || hook::METHODS.to_vec(),
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
