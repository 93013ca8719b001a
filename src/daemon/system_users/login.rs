//! Logins of the host's users. Everything about them may wait for a directory or a network file
//! system, so that each verdict is work for another thread than a shard's.

use std::sync::Arc;

use super::{Keys, SystemUser, SystemUsers};
use crate::auth::{
    Attempt, Authenticator, Given, Login, LoginRules, Person, Proven, Trust, Users, Verdict, Work,
};
use crate::crypto::Presence;

/// Lets the host's users in with the keys in their homes, with the profile in [`Login::granted`].
pub(crate) struct SystemLogins(Arc<Shared>);

struct Shared {
    users: SystemUsers,
    rules: LoginRules,
    trust: Trust,
}

/// A key as it is shown.
enum Shown {
    Offered(Vec<u8>),
    Proven(Vec<u8>, Option<Presence>),
}

impl SystemLogins {
    pub(crate) fn new(users: SystemUsers, rules: LoginRules, trust: Trust) -> Self {
        Self(Arc::new(Shared { users, rules, trust }))
    }

    fn judge(&self, user: &str, shown: Shown, login: &Login, attempt: &Attempt) -> Verdict {
        let (shared, user) = (Arc::clone(&self.0), user.to_owned());
        let (login, attempt) = (login.clone(), *attempt);
        Verdict::Later(Work::waiting(move || shared.judge(&user, &shown, &login, &attempt)))
    }
}

impl Shared {
    fn judge(&self, name: &str, shown: &Shown, login: &Login, attempt: &Attempt) -> Verdict {
        // For somebody unknown a home that is not there is looked through.
        let (user, unknown) = match self.users.find(name, attempt) {
            Ok(user) => (user, None),
            Err(cause) => (SystemUser::nobody(), Some(cause)),
        };
        let Keys { keys, passed_over } = self.users.keys(&user);
        let person = Person { name: name.to_owned(), keys, ..Person::default() };
        let users = Users::new(vec![person], self.rules.clone()).trusting(self.trust.clone());
        let verdict = match shown {
            Shown::Offered(blob) => users.key_offered(name, blob, login, attempt),
            Shown::Proven(blob, presence) => {
                let key = Proven { blob, presence: *presence };
                users.key_verified(name, key, login, attempt)
            }
        };
        // Opened in vain for whoever is not let in: nothing of theirs can hang here.
        let let_in = unknown.is_none() && verdict == Verdict::Accept;
        let nobody = SystemUser::nobody();
        let profile = self.users.profile(if let_in { &user } else { &nobody });
        match (unknown, verdict, profile) {
            (Some(cause), ..) => Verdict::Reject { cause },
            (None, Verdict::Accept, Err(errno)) => {
                let home = user.home.display();
                Verdict::Reject { cause: format!("the home {home} cannot be opened: {errno}") }
            }
            (None, Verdict::Accept, Ok(profile)) => {
                if matches!(shown, Shown::Proven(..)) {
                    login.grant(Arc::new(profile));
                }
                Verdict::Accept
            }
            (None, Verdict::Reject { cause }, _) => {
                let causes: Vec<String> = [cause].into_iter().chain(passed_over).collect();
                Verdict::Reject { cause: causes.join("; ") }
            }
            (None, verdict, _) => verdict,
        }
    }
}

impl Authenticator for SystemLogins {
    fn methods(&self) -> Vec<&'static str> {
        vec!["publickey"]
    }

    fn key_offered(&self, user: &str, blob: &[u8], login: &Login, attempt: &Attempt) -> Verdict {
        self.judge(user, Shown::Offered(blob.to_vec()), login, attempt)
    }

    fn key_verified(&self, user: &str, key: Proven<'_>, login: &Login, at: &Attempt) -> Verdict {
        self.judge(user, Shown::Proven(key.blob.to_vec(), key.presence), login, at)
    }

    fn password(&self, _: &str, _: Given, _: &Login, _: &Attempt) -> Verdict {
        not_offered()
    }

    fn interactive(&self, _: &str, _: &Login, _: &Attempt) -> Verdict {
        not_offered()
    }

    fn answers(&self, _: &str, _: Vec<Given>, _: &Login, _: &Attempt) -> Verdict {
        not_offered()
    }

    fn message(&self, _: &str) -> Option<String> {
        None
    }
}

fn not_offered() -> Verdict {
    Verdict::Reject { cause: "the method is not offered".to_owned() }
}
