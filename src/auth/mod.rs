//! Who may log in: the users, their keys, passwords and one-time codes, and the verdict on an
//! attempt; and who may connect at all: sources, penalties, early drop.
//!
//! PURE: bytes and values in, a [`Verdict`] out. It reads no file (the daemon hands it their
//! bytes), keeps no clock and checks no signature: the protocol core has verified that before it
//! says [`KeyVerified`](crate::ssh::AuthMethod::KeyVerified). Invariant: an unknown user costs the
//! same work and meets the same answer as a known one with a wrong key or password.

pub mod authorized_keys;
mod certificate;
mod chains;
pub mod limits;
mod login;
pub mod password;
mod penalties;
mod proxy_header;
#[cfg(test)]
#[path = "../../tests/peer/recipe.rs"]
mod recipe;
mod revocation;
mod rules;
mod secrets;
mod source;
mod startups;
mod totp;
mod trust;
mod users;
mod verdict;

pub use authorized_keys::{AuthorizedKey, KeyFile, KeyOptions, KeyRules, RejectedLine};
pub use chains::{Chain, Chains, Progress, Questions, Step};
pub use login::{Login, Proof};
pub use password::{PasswordCheck, PasswordHash};
pub use penalties::{Offence, Overflow, Penalised, Penalties, PenaltyRules};
pub use proxy_header::{ProxyHeader, ProxyHeaderError};
pub use revocation::{RevocationProblem, Revocations};
pub use rules::LoginRules;
pub use secrets::{PasswordDigest, Problem, Secrets, UsedCodes};
pub use source::{NetBlocks, Networks, parse_network};
pub use startups::Startups;
pub use totp::{Totp, TotpState};
pub use trust::Trust;
pub use users::{NO_SUCH_USER, Person, Users};
pub use verdict::{Attempt, Authenticator, Given, Proven, Verdict, Work, judge};
