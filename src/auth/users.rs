//! Several users, each with keys.

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::authorized_keys::Unfit;
use super::{Attempt, Authenticator, AuthorizedKey, KeyOptions, Verdict};
use crate::crypto::fingerprint_sha256;
use crate::ssh::{AuthMethod, AuthRequest};

/// The users of a server and the keys each may log in with.
///
/// A key counts for its user only, so what is kept is a digest of both together. An attempt makes
/// one digest of the name and one of name and key, and compares each with every one there is, in
/// constant time: neither the time nor the answer tells whether the name is known, whose the key
/// is, or how near they came.
#[derive(Clone, Default)]
pub struct Users {
    names: Vec<[u8; 32]>,
    entries: Vec<Entry>,
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
    /// The users, by login name, with the keys of each.
    pub fn new<'a>(users: impl IntoIterator<Item = (&'a str, &'a [AuthorizedKey])>) -> Self {
        let mut made = Self::default();
        for (name, keys) in users {
            made.names.push(digest_of_name(name));
            made.entries.extend(keys.iter().map(|key| Entry {
                digest: digest_of_entry(name, &key.blob),
                options: key.options.clone(),
            }));
        }
        made
    }

    /// Whether somebody is called so.
    pub(super) fn knows(&self, name: &str) -> Choice {
        let wanted = digest_of_name(name);
        // Every one is looked at, wherever the first that matches may be.
        self.names.iter().fold(Choice::from(0), |found, one| found | one.ct_eq(&wanted))
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

    /// The verdict on a key that is offered, or proven: it is the same.
    pub(super) fn judge_key(&self, user: &str, blob: &[u8], attempt: &Attempt) -> Verdict {
        // Both are always asked, so that the work is the same for everybody.
        let (known, found) = (self.knows(user), self.find(user, blob, attempt));
        if bool::from(known & found.granted) {
            return Verdict::Accept;
        }
        let fingerprint = fingerprint_sha256(blob);
        let cause = match (bool::from(known), found.unfit.filter(|_| found.listed.into())) {
            (true, Some(unfit)) => format!("key {fingerprint} {unfit}"),
            (true, None) => format!("key {fingerprint} is not authorized"),
            (false, _) => "no such user".to_owned(),
        };
        Verdict::Reject { cause }
    }
}

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Users({} with {} keys)", self.names.len(), self.entries.len())
    }
}

impl Authenticator for Users {
    fn check(&self, request: &AuthRequest, attempt: &Attempt) -> Verdict {
        match &request.method {
            AuthMethod::KeyOffered { blob, .. } | AuthMethod::KeyVerified { blob, .. } => {
                self.judge_key(&request.user, blob, attempt)
            }
            AuthMethod::Password(_) => {
                let known = bool::from(self.knows(&request.user));
                let cause = if known { "passwords are not enabled" } else { "no such user" };
                Verdict::Reject { cause: cause.to_owned() }
            }
            AuthMethod::None | AuthMethod::Other(_) => {
                Verdict::Reject { cause: "method is not offered".to_owned() }
            }
        }
    }

    fn methods(&self) -> Vec<&'static str> {
        vec!["publickey"]
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
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::auth::authorized_keys::{KeyRules, parse};
    use jiff::tz::TimeZone;
    use zeroize::Zeroizing;

    fn key(byte: u8) -> AuthorizedKey {
        AuthorizedKey { blob: vec![byte; 51], ..AuthorizedKey::default() }
    }

    fn users() -> Users {
        let (ann, bob) = ([key(1), key(2)], [key(3)]);
        Users::new([("ann", &ann[..]), ("bob", &bob[..]), ("eve", &[][..])])
    }

    fn ask(user: &str, method: AuthMethod) -> Verdict {
        users().check(&AuthRequest { user: user.to_owned(), method }, &ATTEMPT)
    }

    const ATTEMPT: Attempt = Attempt { peer: std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), now: 5000 };

    fn cause(verdict: Verdict) -> String {
        match verdict {
            Verdict::Reject { cause } => cause,
            Verdict::Accept => panic!("accepted"),
        }
    }

    fn offered(blob: Vec<u8>) -> AuthMethod {
        AuthMethod::KeyOffered { algorithm: "ssh-ed25519".to_owned(), blob }
    }

    fn verified(blob: Vec<u8>) -> AuthMethod {
        AuthMethod::KeyVerified { algorithm: "ssh-ed25519".to_owned(), blob }
    }

    #[test]
    fn a_key_opens_for_its_own_user_only() {
        let granted = [("ann", 1), ("ann", 2), ("bob", 3)];
        for user in ["ann", "bob", "eve", "Ann", "", "an", "anna"] {
            for byte in 0..5 {
                for method in [offered, verified] {
                    let verdict = ask(user, method(vec![byte; 51]));
                    let accepted = verdict == Verdict::Accept;
                    assert_eq!(accepted, granted.contains(&(user, byte)), "{user} {byte}");
                }
            }
        }
    }

    #[test]
    fn the_log_tells_a_wrong_name_from_a_wrong_key() {
        assert!(cause(ask("ann", verified(vec![3; 51]))).contains("is not authorized"));
        assert!(cause(ask("eve", verified(vec![1; 51]))).contains("is not authorized"));
        assert_eq!(cause(ask("mallory", verified(vec![1; 51]))), "no such user");
        assert!(cause(ask("ann", verified(vec![1; 50]))).contains("is not authorized"));
    }

    #[test]
    fn a_name_and_a_key_do_not_run_into_one_another() {
        let whole = AuthorizedKey { blob: b"xy".to_vec(), ..AuthorizedKey::default() };
        let users = Users::new([("a", &[whole][..]), ("ax", &[][..])]);
        let ask = |user: &str, blob: &[u8]| {
            let method = verified(blob.to_vec());
            users.check(&AuthRequest { user: user.to_owned(), method }, &ATTEMPT)
        };
        assert_eq!(ask("a", b"xy"), Verdict::Accept);
        assert_ne!(ask("ax", b"y"), Verdict::Accept);
    }

    /// A key may stand on several lines: one that permits is enough, as in sshd.
    #[test]
    fn options_of_a_key_are_asked_at_each_attempt() {
        let key = "ssh-ed25519 \
            AAAAC3NzaC1lZDI1NTE5AAAAIGILoQMasvjSnfyOJCTmHXeOzyU9GRwRHd0BA0lqPCy/";
        let rules = KeyRules { rsa_bits_min: 3072, zone: TimeZone::UTC };
        let lines = format!(
            "from=\"10.0.0.0/8\" {key}\nfrom=\"192.0.2.1\",expiry-time=\"20010909Z\" {key}\n"
        );
        let keys = parse(lines.as_bytes(), &rules).keys;
        let blob = keys[0].blob.clone();
        let users = Users::new([("ann", &keys[..])]);
        let ask = |user: &str, peer: &str, now: i64, method: fn(Vec<u8>) -> AuthMethod| {
            let request = AuthRequest { user: user.to_owned(), method: method(blob.clone()) };
            users.check(&request, &Attempt { peer: peer.parse().unwrap(), now })
        };
        for method in [offered, verified] {
            assert_eq!(ask("ann", "10.1.1.1", i64::MAX, method), Verdict::Accept);
            assert_eq!(ask("ann", "192.0.2.1", 0, method), Verdict::Accept);
            assert!(cause(ask("ann", "192.0.2.2", 0, method)).contains("from this address"));
            let late = cause(ask("ann", "192.0.2.1", 999_993_600, method));
            assert!(late.contains("may not be used"), "the first line's reason: {late}");
            assert_eq!(cause(ask("bob", "10.1.1.1", 0, method)), "no such user");
        }
    }

    #[test]
    fn passwords_and_other_methods_are_rejected() {
        let password = || AuthMethod::Password(Zeroizing::new("sesame".to_owned()));
        assert_eq!(cause(ask("ann", password())), "passwords are not enabled");
        assert_eq!(cause(ask("mallory", password())), "no such user");
        for method in [AuthMethod::None, AuthMethod::Other("hostbased".to_owned())] {
            assert_eq!(cause(ask("ann", method)), "method is not offered");
        }
        assert_eq!(users().methods(), ["publickey"]);
    }

    #[test]
    fn debug_output_holds_no_digest() {
        assert_eq!(format!("{:?}", users()), "Users(3 with 3 keys)");
    }
}
