//! The users, and the verdicts on their attempts.

mod keys;

use std::sync::Arc;

use self::keys::{KeyRing, Shown};
use super::chains::{self, Chains, Questions, Step};
use super::login::{Login, Proof};
use super::rules::LoginRules;
use super::secrets::{Check, PasswordDigest, Secrets, StandIns, Typed};
use super::verdict::{Attempt, Authenticator, Given, Proven, Verdict, Work};
use super::{AuthorizedKey, Trust};

/// One user: a name and what proves to be it.
#[derive(Clone, Debug, Default)]
pub struct Person {
    /// The login name.
    pub name: String,
    /// Keys that prove it.
    pub keys: Vec<AuthorizedKey>,
    /// Names in certificates that stand for the user; none: the login name.
    pub principals: Vec<String>,
    /// What else does.
    pub secrets: Secrets,
    /// Which proofs have to come together; `None`: as for everybody.
    pub chains: Option<Chains>,
    /// When the account ends, in seconds since 1970.
    pub expires: Option<i64>,
    /// Shown just before a login succeeds.
    pub message: Option<String>,
}

impl Person {
    /// Whether there is something that could prove the step.
    #[must_use]
    pub fn has_for(&self, step: Step) -> bool {
        (step != Step::PublicKey || !self.keys.is_empty())
            && (!step.needs_password() || self.secrets.has_password())
            && (!step.needs_code() || self.secrets.totp.is_some())
    }
}

/// The users of a server and what each may log in with.
///
/// A key counts for its user only, so what is kept is a digest of both together. An attempt makes
/// one digest of the name and one of name and key, and compares each with every one there is, in
/// constant time: neither the time nor the answer tells whether the name is known, whose the key
/// is, or how near they came. A password is checked against somebody's, whoever it is for.
#[derive(Clone, Default)]
pub struct Users {
    keys: KeyRing,
    /// In the order of the names in `keys`.
    people: Vec<Known>,
    /// The chains of those who have none of their own, and of names nobody has.
    chains: Arc<Chains>,
    rules: LoginRules,
    stand_ins: StandIns,
}

/// A user, besides the name and the keys.
#[derive(Clone)]
struct Known {
    secrets: Secrets,
    chains: Option<Arc<Chains>>,
    expires: Option<i64>,
    message: Option<String>,
}

impl Known {
    fn has_expired(&self, now: i64) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }
}

/// The cause in the log where everything else would do.
const EXPIRED: &str = "the account has expired";

impl Users {
    /// These users.
    #[must_use]
    pub fn new(people: Vec<Person>, rules: LoginRules) -> Self {
        let passwords = people.iter().any(|person| person.secrets.has_password());
        let mut own = people.iter().filter_map(|person| person.chains.as_ref());
        let questions = own.find_map(Chains::first_questions);
        let chains = Arc::new(rules.chains_where(passwords, questions));
        let hashes = people.iter().filter_map(|person| person.secrets.password.clone());
        let stand_ins = StandIns {
            hashes: hashes.collect(),
            secret: rules.stand_in_secret,
            quick: people.iter().any(|person| person.secrets.digest.is_some()),
        };
        let keys = KeyRing::new(&people);
        let mut made = Self { keys, chains, rules, stand_ins, ..Self::default() };
        for person in people {
            made.people.push(Known {
                secrets: person.secrets,
                chains: person.chains.map(Arc::new),
                expires: person.expires,
                message: person.message,
            });
        }
        made
    }

    /// One user with these keys and, at times, a password that was made for one run.
    #[must_use]
    pub fn sole(name: &str, keys: Vec<AuthorizedKey>, digest: Option<PasswordDigest>) -> Self {
        let secrets = Secrets { digest, ..Secrets::default() };
        let person = Person { name: name.to_owned(), keys, secrets, ..Person::default() };
        Self::new(vec![person], LoginRules::default())
    }

    /// Whose certificates are taken, besides those of the authorities among the keys, and what is
    /// revoked.
    #[must_use]
    pub fn trusting(self, trust: Trust) -> Self {
        Self { keys: self.keys.trusting(trust), ..self }
    }

    /// The user who is called so.
    fn find_person(&self, name: &str) -> Option<&Known> {
        let (known, place) = self.keys.place(name);
        self.people.get(place).filter(|_| known.into())
    }

    fn chains_of<'a>(&'a self, known: Option<&'a Known>) -> &'a Arc<Chains> {
        known.and_then(|known| known.chains.as_ref()).unwrap_or(&self.chains)
    }

    /// Whether the key is good for the user now, and the chains it is to be a part of.
    fn judge_key(
        &self,
        user: &str,
        blob: &[u8],
        shown: Shown,
        attempt: &Attempt,
    ) -> (Result<(), String>, &Chains) {
        let judged = self.keys.judge(user, blob, shown, attempt);
        let known = self.find_person(user);
        let judged = match judged {
            Ok(()) if known.is_some_and(|known| known.has_expired(attempt.now)) => {
                Err(EXPIRED.to_owned())
            }
            judged => judged,
        };
        (judged, self.chains_of(known))
    }

    /// The questions that come next. Before anything is proved they are the same whoever it is.
    fn questions(&self, user: &str, login: &Login) -> Option<Questions> {
        let known = self.find_person(user);
        let chains = match login.steps() {
            [] => self.everybodys(),
            _ => Box::new(std::iter::once(&**self.chains_of(known))),
        };
        let steps = chains.flat_map(|chains| chains.next(login.steps()));
        steps.into_iter().find_map(Step::questions)
    }

    /// The chains of all users.
    fn everybodys(&self) -> Box<dyn Iterator<Item = &Chains> + '_> {
        let own = self.people.iter().filter_map(|known| known.chains.as_deref());
        Box::new(std::iter::once(&*self.chains).chain(own))
    }

    /// The verdict on what somebody has typed for `step`. The work is the same whoever it is.
    fn judge_typed(
        &self,
        user: &str,
        step: Step,
        typed: Typed,
        login: &Login,
        now: i64,
    ) -> Verdict {
        let known = self.find_person(user);
        let chains = Arc::clone(self.chains_of(known));
        let secrets = known.map(|known| &known.secrets);
        let check = Check::new(user, secrets, &self.stand_ins, &self.rules.used_codes);
        let expired = known.is_some_and(|known| known.has_expired(now));
        let (login, known) = (login.clone(), known.is_some());
        let slow = check.is_slow(&typed);
        let (fits, proved) = (typed.is_what(step), !login.steps().is_empty());
        let work = move || match check.judge(&typed, proved, now) {
            // What was asked for before a reload need not be what is asked for now.
            _ if !fits => Verdict::reject("the answers are not to the questions"),
            Ok(()) if known && expired => Verdict::reject(EXPIRED),
            Ok(()) if known => login.advance(&chains, Proof::of(step)),
            Err(cause) if known => Verdict::reject(cause),
            _ => Verdict::reject(NO_SUCH_USER),
        };
        if slow { Verdict::Later(Work::new(work)) } else { work() }
    }
}

/// The cause in the log where a name is nobody's.
pub const NO_SUCH_USER: &str = "no such user";

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Users({} with {} keys)", self.people.len(), self.keys.keys())
    }
}

impl Authenticator for Users {
    fn methods(&self) -> Vec<&'static str> {
        let first: Vec<Step> = self.everybodys().flat_map(|chains| chains.next(&[])).collect();
        let offered = chains::methods(&first);
        let order = ["publickey", "password", "keyboard-interactive"];
        order.into_iter().filter(|name| offered.contains(name)).collect()
    }

    fn key_offered(&self, user: &str, blob: &[u8], login: &Login, attempt: &Attempt) -> Verdict {
        let (judged, chains) = self.judge_key(user, blob, Shown::Offered, attempt);
        let wanted = login.wants_key(chains, blob);
        match judged {
            Ok(()) if wanted => Verdict::Accept,
            Ok(()) => Verdict::reject("no further key is wanted, or this one was used before"),
            Err(cause) => Verdict::reject(cause),
        }
    }

    fn key_verified(&self, user: &str, key: Proven<'_>, login: &Login, at: &Attempt) -> Verdict {
        let (judged, chains) = self.judge_key(user, key.blob, Shown::Proven(key.presence), at);
        match judged {
            Ok(()) => login.advance(chains, Proof::of_key(key.blob)),
            Err(cause) => Verdict::reject(cause),
        }
    }

    fn password(&self, user: &str, given: Given, login: &Login, attempt: &Attempt) -> Verdict {
        let typed = Typed { password: Some(given), code: None };
        self.judge_typed(user, Step::Password, typed, login, attempt.now)
    }

    fn interactive(&self, user: &str, login: &Login, _: &Attempt) -> Verdict {
        match self.questions(user, login) {
            Some(questions) => Verdict::Ask(self.rules.prompts(questions)),
            None => Verdict::reject("there is nothing to ask"),
        }
    }

    fn answers(&self, user: &str, given: Vec<Given>, login: &Login, attempt: &Attempt) -> Verdict {
        let Some(questions) = self.questions(user, login) else {
            return Verdict::reject("there was nothing to ask");
        };
        if given.len() != self.rules.prompts(questions).prompts.len() {
            return Verdict::reject("the answers are not to the questions");
        }
        let mut given = given.into_iter();
        let (password, code) = match questions {
            Questions::Password => (given.next(), None),
            Questions::Code => (None, given.next()),
            Questions::PasswordAndCode => (given.next(), given.next()),
        };
        let typed = Typed { password, code };
        self.judge_typed(user, Step::Interactive(questions), typed, login, attempt.now)
    }

    fn message(&self, user: &str) -> Option<String> {
        self.find_person(user)?.message.clone()
    }
}

#[cfg(test)]
mod tests;
