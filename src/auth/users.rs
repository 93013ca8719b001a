//! The users, and the verdicts on their attempts.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::authorized_keys::Unfit;
use super::chains::{self, Chains, Questions, Step};
use super::login::{Login, Proof};
use super::rules::LoginRules;
use super::secrets::{Check, PasswordDigest, Secrets, StandIns, Typed};
use super::verdict::{Attempt, Authenticator, Given, Verdict, Work};
use super::{AuthorizedKey, KeyOptions};
use crate::crypto::fingerprint_sha256;

/// One user: a name and what proves to be it.
#[derive(Clone, Debug, Default)]
pub struct Person {
    /// The login name.
    pub name: String,
    /// Keys that prove it.
    pub keys: Vec<AuthorizedKey>,
    /// What else does.
    pub secrets: Secrets,
    /// Which proofs have to come together; `None`: as for everybody.
    pub chains: Option<Chains>,
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
    names: Vec<[u8; 32]>,
    entries: Vec<Entry>,
    /// In the order of `names`.
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
    message: Option<String>,
}

/// A user's key, and what it is good for.
#[derive(Clone)]
struct Entry {
    digest: [u8; 32],
    options: KeyOptions,
}

/// What came of looking for a key.
struct Found {
    listed: Choice,
    granted: Choice,
    /// Why it is not granted where it is listed.
    unfit: Option<Unfit>,
}

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
        let mut made = Self { chains, rules, stand_ins, ..Self::default() };
        for person in people {
            made.names.push(digest_of_name(&person.name));
            made.entries.extend(person.keys.into_iter().map(|key| Entry {
                digest: digest_of_entry(&person.name, &key.blob),
                options: key.options,
            }));
            made.people.push(Known {
                secrets: person.secrets,
                chains: person.chains.map(Arc::new),
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

    /// The user who is called so.
    fn find_person(&self, name: &str) -> Option<&Known> {
        let wanted = digest_of_name(name);
        let mut found = None;
        // Every one is looked at, wherever the first that matches may be.
        for (known, one) in self.people.iter().zip(&self.names) {
            if bool::from(one.ct_eq(&wanted)) {
                found = Some(known);
            }
        }
        found
    }

    fn chains_of<'a>(&'a self, known: Option<&'a Known>) -> &'a Arc<Chains> {
        known.and_then(|known| known.chains.as_ref()).unwrap_or(&self.chains)
    }

    /// Whether somebody is called so and may log in with the key now and from there. A key may be
    /// listed more than once; what one line takes away another may grant.
    fn find(&self, name: &str, blob: &[u8], attempt: &Attempt) -> Found {
        let wanted = digest_of_entry(name, blob);
        let no = Choice::from(0);
        let mut found = Found { listed: no, granted: no, unfit: None };
        for Entry { digest, options } in &self.entries {
            // Asked of each, whether it is the one or not, so that the work is the same.
            let (same, unfit) = (digest.ct_eq(&wanted), options.unfit_for(attempt));
            found.listed |= same;
            found.granted |= same & Choice::from(u8::from(unfit.is_none()));
            if bool::from(same) {
                found.unfit = found.unfit.or(unfit);
            }
        }
        found
    }

    /// Whether the key is good for the user now and from there: offered or proven, it is the same.
    fn judge_key(&self, user: &str, blob: &[u8], attempt: &Attempt) -> Result<(), String> {
        // Both are always asked, so that the work is the same for everybody.
        let (known, found) = (self.find_person(user).is_some(), self.find(user, blob, attempt));
        if known && bool::from(found.granted) {
            return Ok(());
        }
        let fingerprint = fingerprint_sha256(blob);
        Err(match (known, found.unfit.filter(|_| found.listed.into())) {
            (true, Some(unfit)) => format!("key {fingerprint} {unfit}"),
            (true, None) => format!("key {fingerprint} is not authorized"),
            (false, _) => NO_SUCH_USER.to_owned(),
        })
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
        let (login, known) = (login.clone(), known.is_some());
        let slow = check.is_slow(&typed);
        let work = move || match check.judge(&typed, now) {
            Ok(()) if known => login.advance(&chains, Proof::of(step)),
            Err(cause) if known => Verdict::reject(cause),
            _ => Verdict::reject(NO_SUCH_USER),
        };
        if slow { Verdict::Later(Work::new(work)) } else { work() }
    }
}

/// The cause in the log where a name is nobody's.
const NO_SUCH_USER: &str = "no such user";

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Users({} with {} keys)", self.names.len(), self.entries.len())
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
        let judged = self.judge_key(user, blob, attempt);
        let wanted = login.wants_key(self.chains_of(self.find_person(user)), blob);
        match judged {
            Ok(()) if wanted => Verdict::Accept,
            Ok(()) => Verdict::reject("no further key is wanted, or this one was used before"),
            Err(cause) => Verdict::reject(cause),
        }
    }

    fn key_verified(&self, user: &str, blob: &[u8], login: &Login, attempt: &Attempt) -> Verdict {
        let judged = self.judge_key(user, blob, attempt);
        let chains = self.chains_of(self.find_person(user));
        match judged {
            Ok(()) => login.advance(chains, Proof::of_key(blob)),
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

fn digest_of_name(name: &str) -> [u8; 32] {
    Sha256::digest(name.as_bytes()).into()
}

/// The name goes in as its digest, which has one length: no name and key run into one another.
fn digest_of_entry(name: &str, blob: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(digest_of_name(name)).chain_update(blob).finalize().into()
}

#[cfg(test)]
mod tests;
