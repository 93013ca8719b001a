//! PURE: what a client asks of the file system, checked and put into words.
//!
//! Owns the rules for paths, the policy of a session (read-only or not) and the handle table. It
//! turns an SFTP request into an [`FsOp`] value or a [`Refusal`]; it never opens, reads or resolves
//! anything. It must not know the reactor, the server or the wire; of SFTP it knows the request
//! types only. Invariant: an `FsOp` that comes out of [`plan`] has passed the policy, and its paths
//! hold no NUL byte and no more than [`limits::PATH_BYTES_MAX`] bytes. Confinement itself is the
//! kernel's work (openat2 in `reactor::fs`): no comparison of path prefixes happens here or
//! anywhere.

mod handles;
pub mod limits;
mod ops;
mod path;
mod plan;

pub use handles::{HandleError, HandleTable, WireHandle};
pub use ops::{Change, FsOp, OpenFor};
pub use path::admit;
pub use plan::{Policy, Refusal, change, plan};
