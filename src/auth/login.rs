//! What one connection has proved so far.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::chains::{Chains, Progress, Step};
use super::verdict::Verdict;
use crate::crypto::KeyLabel;
use crate::ssh::AuthVerdict;

/// The proofs of one connection, in their order. They are worth nothing to any other user name:
/// the protocol core ends a connection that changes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    steps: Vec<Step>,
    keys: Vec<[u8; 32]>,
    granted: Granted,
}

/// What whoever let the user in has to hand to the session; shared by the clones of one login. It
/// belongs to the connection and not to the name: the next answer about the same user may be
/// another.
#[derive(Clone, Debug, Default)]
struct Granted(Arc<Mutex<Option<Arc<dyn Any + Send + Sync>>>>);

impl PartialEq for Granted {
    fn eq(&self, other: &Self) -> bool {
        let held = |one: &Self| one.0.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        Arc::ptr_eq(&self.0, &other.0) || !held(self) && !held(other)
    }
}

impl Eq for Granted {}

/// One proof that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    step: Step,
    /// SHA-256 of the fingerprint of the key that signed.
    key: Option<[u8; 32]>,
}

impl Proof {
    /// A password, or answers.
    #[must_use]
    pub fn of(step: Step) -> Self {
        Self { step, key: None }
    }

    /// A signature by this key, or by the one that this certificate is for: the key is what was
    /// proved, and one key can have any number of certificates.
    #[must_use]
    pub fn of_key(blob: &[u8]) -> Self {
        let key = Sha256::digest(KeyLabel::of(blob).fingerprint.as_bytes());
        Self { step: Step::PublicKey, key: Some(key.into()) }
    }
}

impl Login {
    /// What was proved.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Leaves `what` for [`granted`](Self::granted), in the place of what was left before: from
    /// whoever judges, just before he accepts a proof.
    pub fn grant<T: Any + Send + Sync>(&self, what: Arc<T>) {
        *self.granted.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
    }

    /// What was left by the verdict that let the user in.
    #[must_use]
    pub fn granted<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let held = self.granted.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        held.and_then(|held| held.downcast().ok())
    }

    /// What the protocol core is to be told. A proof is taken down; work is done at once.
    pub fn answer(&mut self, verdict: Verdict) -> AuthVerdict {
        match verdict {
            Verdict::Accept => AuthVerdict::Accept,
            Verdict::Partial { proof, methods } => {
                self.record(proof);
                AuthVerdict::Partial { methods }
            }
            Verdict::Ask(prompts) => AuthVerdict::Ask(prompts),
            Verdict::Reject { .. } => AuthVerdict::Reject,
            Verdict::Later(work) => self.answer(work.run()),
        }
    }

    /// Takes a proof down.
    pub fn record(&mut self, proof: Proof) {
        self.steps.push(proof.step);
        self.keys.extend(proof.key);
    }

    /// The verdict on one more proof, where any of `chains` lets the user in. Each proof was judged
    /// by its own restrictions (`from=`, `expiry-time=`, those of a certificate), so whoever
    /// is let in satisfies all of them.
    #[must_use]
    pub fn advance(&self, chains: &Chains, proof: Proof) -> Verdict {
        if proof.key.is_some_and(|key| self.keys.contains(&key)) {
            return Verdict::reject("the key was used before in this login");
        }
        let steps: Vec<Step> = self.steps.iter().copied().chain([proof.step]).collect();
        match chains.progress(&steps) {
            Progress::Complete => Verdict::Accept,
            Progress::Wanted(methods) => Verdict::Partial { proof, methods },
            Progress::Off => Verdict::reject(format!(
                "{} alone is not in authentication_methods",
                proof.step.method()
            )),
        }
    }

    /// Whether the key could be the next proof.
    #[must_use]
    pub fn wants_key(&self, chains: &Chains, blob: &[u8]) -> bool {
        let fresh = Proof::of_key(blob).key.is_none_or(|key| !self.keys.contains(&key));
        fresh && chains.next(&self.steps).contains(&Step::PublicKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Chain;

    fn chains(text: &str) -> Chains {
        Chains::new(vec![Chain::parse(text).unwrap()])
    }

    fn partial(verdict: Verdict) -> (Proof, Vec<&'static str>) {
        match verdict {
            Verdict::Partial { proof, methods } => (proof, methods),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn two_keys_are_two_keys() {
        let (chains, mut login) = (chains("publickey,publickey"), Login::default());
        let (proof, methods) = partial(login.advance(&chains, Proof::of_key(b"one")));
        assert_eq!(methods, ["publickey"]);
        login.record(proof);
        assert!(!login.wants_key(&chains, b"one") && login.wants_key(&chains, b"two"));
        let again = login.advance(&chains, Proof::of_key(b"one"));
        assert!(matches!(again, Verdict::Reject { .. }), "{again:?}");
        assert_eq!(login.advance(&chains, Proof::of_key(b"two")), Verdict::Accept);
    }

    /// Two certificates for one key, or one beside the key, are one key.
    #[test]
    fn a_key_and_its_certificates_are_one_key() {
        use crate::auth::recipe::{HOLDER, Recipe, public_blob};
        let (chains, mut login) = (chains("publickey,publickey"), Login::default());
        let certificate = Recipe::new().blob();
        let other = Recipe { serial: 77, ..Recipe::new() }.blob();
        assert_ne!(certificate, other);
        let (proof, _) = partial(login.advance(&chains, Proof::of_key(&certificate)));
        login.record(proof);
        for again in [certificate, other, public_blob(HOLDER)] {
            assert!(!login.wants_key(&chains, &again));
            let verdict = login.advance(&chains, Proof::of_key(&again));
            assert!(matches!(verdict, Verdict::Reject { .. }), "{verdict:?}");
        }
        let verdict = login.advance(&chains, Proof::of_key(&public_blob(HOLDER + 1)));
        assert_eq!(verdict, Verdict::Accept);
    }

    #[test]
    fn what_is_granted_belongs_to_one_login() {
        let (one, other) = (Login::default(), Login::default());
        one.clone().grant(Arc::new(7_u32));
        assert_eq!(one.granted::<u32>().as_deref(), Some(&7));
        assert_eq!((one.granted::<u64>(), other.granted::<u32>()), (None, None));
        one.grant(Arc::new(8_u32));
        assert_eq!(one.granted::<u32>().as_deref(), Some(&8));
        assert!(one == one.clone() && one != other && other == Login::default());
    }

    #[test]
    fn a_proof_out_of_place_is_none() {
        let (chains, mut login) = (chains("publickey,password"), Login::default());
        let early = login.advance(&chains, Proof::of(Step::Password));
        assert!(matches!(early, Verdict::Reject { .. }), "{early:?}");
        let (proof, methods) = partial(login.advance(&chains, Proof::of_key(b"key")));
        assert_eq!(methods, ["password"]);
        login.record(proof);
        assert!(!login.wants_key(&chains, b"other"));
        assert_eq!(login.advance(&chains, Proof::of(Step::Password)), Verdict::Accept);
    }
}
