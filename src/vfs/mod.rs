//! PURE: what a client asks of the file system, checked and put into words.
//!
//! Owns the rules for paths, what a user may do where ([`Access`]), quotas and the handle table.
//! [`plan`] turns an SFTP request into an [`FsOp`] value, [`Access::judge`] says whether it may be
//! done where its paths lead; neither opens, reads or resolves anything. It must not know the
//! reactor, the server or the wire; of SFTP it knows the request types only. Invariant: the paths
//! of a planned `FsOp` are absolute, hold no NUL byte and at most [`limits::PATH_BYTES_MAX`] bytes.
//! Confinement itself is the kernel's work (openat2 in `reactor::fs`): no comparison of path
//! prefixes happens here or anywhere.

mod access;
mod clients;
mod digest;
mod filter;
mod grants;
mod handles;
mod judge;
mod ledger;
pub mod limits;
mod ops;
mod path;
mod pattern;
mod plan;
mod refusal;
mod rules;

pub use access::{Access, SetstatIgnored};
pub use clients::{SymlinkOrder, check_file_shape};
pub use digest::{Check, DigestKind};
pub use filter::{RequestFilter, UnknownRequest};
pub use grants::Grants;
pub use handles::{HandleError, HandleTable, WireHandle};
pub use judge::{Kind, Target};
pub use ledger::{FileId, Ledger, OverQuota, Usage};
pub use ops::{Change, FsOp, OpenFor, Place};
pub use path::admit;
pub use pattern::{NamePatterns, PatternError};
pub use plan::{SessionFacts, change, plan};
pub use refusal::Refusal;
pub use rules::{Rule, RuleError};
