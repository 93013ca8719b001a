//! The questions the server asks and the answers it gets.

use std::fmt;
use std::net::IpAddr;

use zeroize::Zeroizing;

use super::login::{Login, Proof};
use crate::crypto::Presence;
use crate::ssh::{AuthMethod, AuthRequest, Prompts};

/// Where and when somebody tries to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The address the connection comes from.
    pub peer: IpAddr,
    /// Seconds since 1970.
    pub now: i64,
}

/// The answer to one authentication request.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The key would do (`key_offered`), or the user is logged in.
    Accept,
    /// The proof holds, and more is wanted of this user.
    Partial {
        /// What was proved: the connection's [`Login`] is to record it.
        proof: Proof,
        /// The methods that can continue.
        methods: Vec<&'static str>,
    },
    /// Ask this first (`interactive`).
    Ask(Prompts),
    /// The request fails. The peer only learns that it did.
    Reject {
        /// Why, for the log: never sent to the peer, never holds a secret.
        cause: String,
    },
    /// It takes work to tell, such as hashing a password: do it where it holds up nobody.
    Later(Work),
}

impl Verdict {
    /// A refusal.
    pub(crate) fn reject(cause: impl Into<String>) -> Self {
        Self::Reject { cause: cause.into() }
    }
}

/// Work that ends in a verdict, and not in another piece of work.
pub struct Work {
    work: Box<dyn FnOnce() -> Verdict + Send>,
    waits: bool,
}

impl Work {
    /// What `work` gives.
    pub fn new(work: impl FnOnce() -> Verdict + Send + 'static) -> Self {
        Self { work: Box::new(work), waits: false }
    }

    /// The same, where `work` waits for others (a directory, a disk, a program) and computes
    /// little: it is not to hold up those who compute, nor other users'.
    pub fn waiting(work: impl FnOnce() -> Verdict + Send + 'static) -> Self {
        Self { work: Box::new(work), waits: true }
    }

    /// Whether it is of that kind.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.waits
    }

    /// Does it, on this thread.
    #[must_use]
    pub fn run(self) -> Verdict {
        match (self.work)() {
            Verdict::Later(_) => Verdict::reject("a verdict that never comes"),
            verdict => verdict,
        }
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Work(..)")
    }
}

/// No two pieces of work are known to be the same.
impl PartialEq for Work {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl Eq for Work {}

/// Decides who may log in. Called by the server on a shard's own thread: it must not block, and
/// gives what takes long as [`Verdict::Later`].
///
/// A key that is offered and a key that is proved are two questions: identity comes from
/// [`key_verified`](Self::key_verified) alone, which is asked for the key of the signature that was
/// just verified (CVE-2024-45337).
pub trait Authenticator: Send + Sync {
    /// The method names to offer at first, in the order to offer them (RFC 4252 section 5.1).
    fn methods(&self) -> Vec<&'static str>;

    /// Whether the key would do. Nobody has proved to hold it.
    fn key_offered(&self, user: &str, blob: &[u8], login: &Login, attempt: &Attempt) -> Verdict;

    /// The user has signed with the key.
    fn key_verified(&self, user: &str, key: Proven<'_>, login: &Login, at: &Attempt) -> Verdict;

    /// A password, unasked (RFC 4252 section 8).
    fn password(&self, user: &str, given: Given, login: &Login, attempt: &Attempt) -> Verdict;

    /// What to ask (RFC 4256).
    fn interactive(&self, user: &str, login: &Login, attempt: &Attempt) -> Verdict;

    /// The answers to it.
    fn answers(&self, user: &str, given: Vec<Given>, login: &Login, attempt: &Attempt) -> Verdict;

    /// What is shown to the user just before the login succeeds.
    fn message(&self, user: &str) -> Option<String>;
}

/// A key that has signed.
#[derive(Clone, Copy, Debug)]
pub struct Proven<'a> {
    /// The public key or the certificate, as on the wire.
    pub blob: &'a [u8],
    /// What a security key told about its owner.
    pub presence: Option<Presence>,
}

/// Something secret that a user has typed.
pub type Given = Zeroizing<String>;

/// Puts `request` to `authenticator`. `None` and unknown methods are refused.
pub fn judge(
    authenticator: &dyn Authenticator,
    request: &AuthRequest,
    login: &Login,
    attempt: &Attempt,
) -> Verdict {
    let user = &request.user;
    match &request.method {
        AuthMethod::KeyOffered { blob, .. } => {
            authenticator.key_offered(user, blob, login, attempt)
        }
        AuthMethod::KeyVerified { blob, presence, .. } => {
            let key = Proven { blob, presence: *presence };
            authenticator.key_verified(user, key, login, attempt)
        }
        AuthMethod::Password(given) => authenticator.password(user, given.clone(), login, attempt),
        AuthMethod::Interactive => authenticator.interactive(user, login, attempt),
        AuthMethod::Answers(given) => authenticator.answers(user, given.clone(), login, attempt),
        AuthMethod::None | AuthMethod::Other(_) => Verdict::reject("the method is not offered"),
    }
}
