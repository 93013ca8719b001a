//! Verdicts on logins by what the hook answers. Each waits for the hook, so that each is work for
//! another thread than a shard's.

use std::sync::Arc;

use base64ct::{Base64, Encoding};

use super::Hook;
use super::answer::{self, Grant};
use super::question::{self, Shown};
use crate::auth::{
    Attempt, Authenticator, Given, KeyRules, Login, LoginRules, Person, Proven, Trust, Users,
    Verdict, Work, authorized_keys,
};
use crate::crypto::key_type_of;
use crate::daemon::config::login_name;
use crate::reactor::fs::{Links, Root, View};
use crate::server::Profile;
use crate::ssh::Prompts;
use crate::vfs::Access;

/// Lets in whom the hook accepts, with the profile it gives him in [`Login::granted`].
pub(super) struct HookLogins(Arc<Shared>);

/// What holds besides the hook's answers.
pub(super) struct Terms {
    /// The methods offered, in their order.
    pub(super) methods: Vec<&'static str>,
    /// How `keyboard-interactive` asks for the password.
    pub(super) prompts: Prompts,
    /// What is revoked.
    pub(super) trust: Trust,
    /// What a key has to be.
    pub(super) rules: KeyRules,
    /// Where the answer does not say.
    pub(super) links: Links,
    pub(super) access: Access,
    /// The process's, which an answer can only add to.
    pub(super) umask: u32,
}

struct Shared {
    hook: Hook,
    terms: Terms,
}

impl HookLogins {
    pub(super) fn new(hook: Hook, terms: Terms) -> Self {
        Self(Arc::new(Shared { hook, terms }))
    }

    fn later(
        &self,
        user: &str,
        login: &Login,
        attempt: &Attempt,
        shown: impl FnOnce(&Shared) -> Result<Shown, Verdict> + Send + 'static,
    ) -> Verdict {
        let (shared, user) = (Arc::clone(&self.0), user.to_owned());
        let (login, attempt) = (login.clone(), *attempt);
        Verdict::Later(Work::waiting(move || match shown(&shared) {
            Ok(shown) => shared.judge(&user, &shown, &login, &attempt),
            Err(verdict) => verdict,
        }))
    }
}

impl Shared {
    fn judge(&self, user: &str, shown: &Shown, login: &Login, attempt: &Attempt) -> Verdict {
        let answered = question::write(user, shown, attempt.peer)
            .and_then(|question| self.hook.ask(user, &question))
            .and_then(|bytes| answer::read(&bytes))
            .and_then(|grant| self.profile(grant));
        match (answered, shown) {
            (Err(cause), _) => Verdict::Reject { cause },
            (Ok(_), Shown::Key { proven: false, .. }) => Verdict::Accept,
            (Ok(profile), _) => {
                login.grant(Arc::new(profile));
                Verdict::Accept
            }
        }
    }

    fn profile(&self, grant: Grant) -> Result<Profile, String> {
        let failed = |errno| format!("the root {} cannot be opened: {errno}", grant.root.display());
        let root = Root::open(&grant.root).map_err(failed)?;
        let links = grant.links.unwrap_or(self.terms.links);
        let view = View::new(vec![(b"/".to_vec(), root)], links).map_err(failed)?;
        let mut access = Access::new(grant.rules).map_err(|error| format!("folders: {error}"))?;
        access.home = grant.home.into_bytes();
        access.read_only = grant.read_only || self.terms.access.read_only;
        // What the kernel takes off itself it also leaves alone where a folder has a default ACL.
        access.umask = match grant.umask {
            Some(umask) if umask & self.terms.umask != self.terms.umask => {
                let own = self.terms.umask;
                return Err(format!(
                    "umask {umask:04o} takes off less than the server's {own:04o}"
                ));
            }
            Some(umask) => umask & !self.terms.umask,
            None => self.terms.access.umask,
        };
        Ok(Profile { view: Arc::new(view), access: Arc::new(access) })
    }

    /// Whether the hook is to be asked at all about this method and name.
    fn asks(&self, method: &str, user: &str) -> Result<(), Verdict> {
        if !self.terms.methods.contains(&method) {
            return Err(reject("the method is not offered"));
        }
        // Hooks make paths of names.
        login_name(user).map_err(reject)
    }

    /// Whether the key will do, by all that is asked of the keys of other users too: its size, the
    /// touch of a security key, and that it is neither revoked nor a certificate, whose terms the
    /// hook would have to heed.
    fn check_key(
        &self,
        user: &str,
        blob: &[u8],
        judge: impl FnOnce(&Users) -> Verdict,
    ) -> Result<(), Verdict> {
        let kind = key_type_of(blob).unwrap_or_default();
        let line = format!("{kind} {}", Base64::encode_string(blob));
        let parsed = authorized_keys::parse(line.as_bytes(), &self.terms.rules);
        if let Some(rejected) = parsed.rejected.into_iter().next() {
            return Err(reject(format!("the hook is not asked: {}", rejected.cause)));
        }
        let person = Person { name: user.to_owned(), keys: parsed.keys, ..Person::default() };
        let users = Users::new(vec![person], LoginRules::default());
        match judge(&users.trusting(self.terms.trust.clone())) {
            Verdict::Accept => Ok(()),
            verdict => Err(verdict),
        }
    }
}

impl Authenticator for HookLogins {
    fn methods(&self) -> Vec<&'static str> {
        self.0.terms.methods.clone()
    }

    fn key_offered(&self, user: &str, blob: &[u8], login: &Login, attempt: &Attempt) -> Verdict {
        let (name, blob) = (user.to_owned(), blob.to_vec());
        let (none, at) = (Login::default(), *attempt);
        self.later(user, login, attempt, move |shared| {
            shared.asks("publickey", &name)?;
            shared.check_key(&name, &blob, |users| users.key_offered(&name, &blob, &none, &at))?;
            Ok(Shown::Key { blob, proven: false })
        })
    }

    fn key_verified(&self, user: &str, key: Proven<'_>, login: &Login, at: &Attempt) -> Verdict {
        let (name, blob, presence) = (user.to_owned(), key.blob.to_vec(), key.presence);
        let (none, attempt) = (Login::default(), *at);
        self.later(user, login, at, move |shared| {
            shared.asks("publickey", &name)?;
            shared.check_key(&name, &blob, |users| {
                let key = Proven { blob: &blob, presence };
                users.key_verified(&name, key, &none, &attempt)
            })?;
            Ok(Shown::Key { blob, proven: true })
        })
    }

    fn password(&self, user: &str, given: Given, login: &Login, attempt: &Attempt) -> Verdict {
        let name = user.to_owned();
        self.later(user, login, attempt, move |shared| {
            shared.asks("password", &name)?;
            check_password(&given)?;
            Ok(Shown::Password(given))
        })
    }

    fn interactive(&self, user: &str, _: &Login, _: &Attempt) -> Verdict {
        match self.0.asks("keyboard-interactive", user) {
            Ok(()) => Verdict::Ask(self.0.terms.prompts.clone()),
            Err(verdict) => verdict,
        }
    }

    fn answers(&self, user: &str, given: Vec<Given>, login: &Login, attempt: &Attempt) -> Verdict {
        let name = user.to_owned();
        self.later(user, login, attempt, move |shared| {
            shared.asks("keyboard-interactive", &name)?;
            let one: Result<[Given; 1], _> = given.try_into();
            let Ok([given]) = one else { return Err(reject("one answer was asked for")) };
            check_password(&given)?;
            Ok(Shown::Answer(given))
        })
    }

    fn message(&self, _: &str) -> Option<String> {
        None
    }
}

/// An empty password is an anonymous bind to a directory server, which succeeds; what follows a NUL
/// would not count in many a program.
fn check_password(given: &Given) -> Result<(), Verdict> {
    match given.as_str() {
        "" => Err(reject("the password is empty")),
        given if given.contains('\0') => Err(reject("there is a NUL in the password")),
        _ => Ok(()),
    }
}

fn reject(cause: impl Into<String>) -> Verdict {
    Verdict::Reject { cause: cause.into() }
}
