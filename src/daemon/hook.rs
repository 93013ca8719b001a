//! The hook: a program or a local HTTP service that is asked who may log in, and what he sees.
//!
//! One question (`question.rs`), one answer (`answer.rs`), within a deadline, by a program of its
//! own process group (`program.rs`) or over HTTP (`http.rs`); `login.rs` makes verdicts of it.
//! Invariant: whatever is not a whole and well-formed "accept" in time is a refusal.

mod answer;
mod http;
mod limits;
mod login;
mod program;
mod question;

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use self::http::Endpoint;
use self::login::{HookLogins, Terms};
use self::program::Program;
use super::accounts::{Accounts, Umask, key_rules, links};
use super::config::Config;
use super::failure::Failure;
use super::{trust, umask};
use crate::server::MakeProfile;
use crate::ssh::{Prompt, Prompts};
use crate::vfs::Access;

/// What can be put to the hook, as the client's method is called.
pub(crate) const METHODS: &[&str] = &["publickey", "password", "keyboard-interactive"];

/// Where answers come from.
enum Hook {
    Program(Program),
    Http(Endpoint),
}

impl Hook {
    fn new(words: &[String], timeout: Duration) -> Result<Self, String> {
        let Some((first, arguments)) = words.split_first() else {
            return Err("it is empty".to_owned());
        };
        if !first.contains("://") {
            let (path, arguments) = (PathBuf::from(first), arguments.to_vec());
            return Ok(Self::Program(Program { path, arguments, timeout }));
        }
        Ok(Self::Http(Endpoint::parse(first, timeout)?))
    }

    /// The answer as it came.
    ///
    /// # Errors
    /// Why there is none, for the log.
    fn ask(&self, user: &str, question: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Self::Program(program) => program.ask(user, question),
            Self::Http(endpoint) => endpoint.ask(question),
        }
    }
}

/// Checks the words of `auth_hook`.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn check_words(words: &[String]) -> Result<(), String> {
    let Some((first, arguments)) = words.split_first() else { return Ok(()) };
    if words.iter().any(|word| word.contains('\0')) {
        return Err("a word holds a NUL byte".to_owned());
    }
    if first.contains("://") {
        if !arguments.is_empty() {
            return Err("a URL stands alone".to_owned());
        }
        return Endpoint::parse(first, Duration::ZERO).map(drop);
    }
    match Path::new(first).is_absolute() {
        true => Ok(()),
        false => Err(format!("{first:?} is neither an absolute path nor a URL")),
    }
}

/// Whether the program is there and nobody else's to change: who may write it lets anybody in.
pub(crate) fn check_program(config: &Config) -> Result<(), Failure> {
    let Some(first) = config.auth_hook.first().filter(|first| !first.contains("://")) else {
        return Ok(());
    };
    let failed = |what: &str| Failure::configuration(format!("auth_hook {first}: {what}"));
    let found = std::fs::metadata(first).map_err(|error| failed(&error.to_string()))?;
    let mode = found.permissions().mode() & 0o777;
    if !found.is_file() || mode & 0o111 == 0 {
        return Err(failed("it is no program").cure(format!("chmod +x {first}")));
    }
    if mode & 0o022 != 0 {
        let what = format!("others may write it (mode {mode:04o}), and so let anybody in");
        return Err(failed(&what).cure(format!("chmod go-w {first}")));
    }
    let path = std::fs::canonicalize(first).map_err(|error| failed(&error.to_string()))?;
    // Whoever may put another file in its place, as sshd asks of AuthorizedKeysCommand.
    for above in path.ancestors() {
        let found = std::fs::metadata(above).map_err(|error| failed(&error.to_string()))?;
        let (mode, shown) = (found.permissions().mode(), above.display());
        let own = rustix::process::geteuid().as_raw();
        if ![0, own].contains(&found.uid()) {
            let what = format!("{shown} is neither root's nor the server's own");
            return Err(failed(&what).cure(format!("chown root {shown}")));
        }
        let sticky = found.is_dir() && mode & 0o1000 != 0;
        if mode & 0o022 != 0 && !sticky {
            let what = format!("others may write {shown}, and so let anybody in");
            return Err(failed(&what).cure(format!("chmod go-w {shown}")));
        }
    }
    Ok(())
}

/// Whoever the hook lets in. Sets the umask of the process: there must be no threads yet. The
/// hook's program has it too.
pub(crate) fn accounts(config: &Config, umask: Umask) -> Result<Accounts, Failure> {
    check_program(config)?;
    let timeout = Duration::from_secs(config.auth_hook_timeout);
    let hook = Hook::new(&config.auth_hook, timeout)
        .map_err(|what| Failure::configuration(format!("auth_hook: {what}")))?;
    let rules = key_rules(config);
    let mut access = Access::unrestricted();
    access.read_only = config.read_only;
    let process = config.umask.unwrap_or(umask);
    access.umask = process;
    umask::settle(std::iter::once(&mut access));
    let prompt = Prompt { text: config.password_prompt.clone(), echo: false };
    let instruction = config.interactive_instruction.clone();
    let offered = |method: &&str| config.auth_hook_methods.contains(method);
    let terms = Terms {
        methods: METHODS.iter().copied().filter(offered).collect(),
        prompts: Prompts { name: String::new(), instruction, prompts: vec![prompt] },
        trust: trust::trust(config, &rules)?,
        rules,
        links: links(config.symlinks),
        access,
        umask: process,
    };
    let made_at_login: Box<MakeProfile> = Box::new(|_, login| login.granted());
    Ok(Accounts {
        authenticator: Arc::new(HookLogins::new(hook, terms)),
        accounts: Vec::new(),
        made_at_login: Some(made_at_login),
        password: None,
    })
}

#[cfg(test)]
mod tests;
