//! The single user of a server without a users file.

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::{Attempt, Authenticator, AuthorizedKey, Users, Verdict};
use crate::ssh::{AuthMethod, AuthRequest};

/// SHA-256 of a password of high entropy: one made by the server for one run. A password people
/// choose needs a slow hash instead.
#[derive(Clone)]
pub struct PasswordDigest([u8; 32]);

impl PasswordDigest {
    /// Digests `password`, which is not kept.
    pub fn of(password: &str) -> Self {
        Self(Sha256::digest(password.as_bytes()).into())
    }
}

impl std::fmt::Debug for PasswordDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordDigest(..)")
    }
}

/// One user name with its keys and, at times, a password.
#[derive(Debug)]
pub struct SoleUser {
    name: String,
    users: Users,
    password: Option<PasswordDigest>,
}

impl SoleUser {
    /// A user who may log in with any of `keys`, or with `password` if there is one.
    pub fn new(name: &str, keys: Vec<AuthorizedKey>, password: Option<PasswordDigest>) -> Self {
        Self { name: name.to_owned(), users: Users::new([(name, &keys[..])]), password }
    }

    /// The login name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn is_password(&self, given: &str) -> Choice {
        let given = PasswordDigest::of(given);
        let (own, enabled) = match &self.password {
            Some(own) => (own.0, Choice::from(1)),
            None => ([0; 32], Choice::from(0)),
        };
        enabled & own.ct_eq(&given.0)
    }

    fn judge_password(&self, user: &str, given: &str) -> Verdict {
        // Both are always asked, so that the work is the same for everybody.
        let (known, right) = (self.users.knows(user), self.is_password(given));
        if bool::from(known & right) {
            return Verdict::Accept;
        }
        let cause = match (bool::from(known), &self.password) {
            (false, _) => "no such user",
            (true, Some(_)) => "wrong password",
            (true, None) => "passwords are not enabled",
        };
        Verdict::Reject { cause: cause.to_owned() }
    }
}

impl Authenticator for SoleUser {
    fn check(&self, request: &AuthRequest, attempt: &Attempt) -> Verdict {
        match &request.method {
            AuthMethod::Password(given) => self.judge_password(&request.user, given),
            _ => self.users.check(request, attempt),
        }
    }

    fn methods(&self) -> Vec<&'static str> {
        let mut methods = self.users.methods();
        if self.password.is_some() {
            methods.push("password");
        }
        methods
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    fn key(byte: u8) -> AuthorizedKey {
        AuthorizedKey { blob: vec![byte; 51], ..AuthorizedKey::default() }
    }

    fn ask(users: &SoleUser, user: &str, method: AuthMethod) -> Verdict {
        let attempt = Attempt { peer: std::net::Ipv4Addr::LOCALHOST.into(), now: 0 };
        users.check(&AuthRequest { user: user.to_owned(), method }, &attempt)
    }

    fn offered(byte: u8) -> AuthMethod {
        AuthMethod::KeyOffered { algorithm: "ssh-ed25519".to_owned(), blob: vec![byte; 51] }
    }

    fn verified(byte: u8) -> AuthMethod {
        AuthMethod::KeyVerified { algorithm: "ssh-ed25519".to_owned(), blob: vec![byte; 51] }
    }

    fn password(text: &str) -> AuthMethod {
        AuthMethod::Password(Zeroizing::new(text.to_owned()))
    }

    fn cause(verdict: Verdict) -> String {
        match verdict {
            Verdict::Reject { cause } => cause,
            Verdict::Accept => panic!("accepted"),
        }
    }

    #[test]
    fn any_listed_key_is_accepted_for_the_user_only() {
        let users = SoleUser::new("ann", vec![key(1), key(2)], None);
        for method in [offered, verified] {
            assert_eq!(ask(&users, "ann", method(1)), Verdict::Accept);
            assert_eq!(ask(&users, "ann", method(2)), Verdict::Accept);
            assert!(cause(ask(&users, "ann", method(3))).contains("is not authorized"));
            assert_eq!(cause(ask(&users, "bob", method(1))), "no such user");
            assert_eq!(cause(ask(&users, "Ann", method(1))), "no such user");
            assert_eq!(cause(ask(&users, "", method(1))), "no such user");
        }
    }

    #[test]
    fn a_prefix_of_a_key_is_not_the_key() {
        let users = SoleUser::new("ann", vec![key(1)], None);
        let blob = vec![1; 50];
        let method = AuthMethod::KeyVerified { algorithm: "ssh-ed25519".to_owned(), blob };
        assert!(cause(ask(&users, "ann", method)).contains("is not authorized"));
    }

    #[test]
    fn the_password_works_for_the_user_only() {
        let users = SoleUser::new("ann", vec![], Some(PasswordDigest::of("sesame")));
        assert_eq!(ask(&users, "ann", password("sesame")), Verdict::Accept);
        assert_eq!(cause(ask(&users, "ann", password("sesam"))), "wrong password");
        assert_eq!(cause(ask(&users, "ann", password(""))), "wrong password");
        assert_eq!(cause(ask(&users, "bob", password("sesame"))), "no such user");
        assert_eq!(users.methods(), ["publickey", "password"]);
    }

    #[test]
    fn without_a_password_no_password_logs_in() {
        let users = SoleUser::new("ann", vec![key(1)], None);
        for given in ["", "sesame", "\0"] {
            assert_eq!(cause(ask(&users, "ann", password(given))), "passwords are not enabled");
        }
        assert_eq!(users.methods(), ["publickey"]);
    }

    #[test]
    fn none_and_unknown_methods_are_rejected() {
        let users = SoleUser::new("ann", vec![key(1)], Some(PasswordDigest::of("sesame")));
        for method in [AuthMethod::None, AuthMethod::Other("hostbased".to_owned())] {
            assert_eq!(cause(ask(&users, "ann", method)), "method is not offered");
        }
    }

    #[test]
    fn debug_output_holds_no_digest() {
        let users = SoleUser::new("ann", vec![], Some(PasswordDigest::of("sesame")));
        assert!(format!("{users:?}").contains("PasswordDigest(..)"));
    }
}
