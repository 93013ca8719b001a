//! PURE: the rcp protocol as OpenSSH's scp speaks it, both ends, and command lines without a shell.
//!
//! Owns the records, the order of questions and answers, and what a pattern in a path stands for.
//! [`Source`] (`scp -f`) and [`Sink`] (`scp -t`) open, read and write nothing: each says with an
//! [`Ask`] what is to be done next and is told how it went. It must not know the server or the
//! reactor; of `vfs` it knows what a file can be. Invariant: a name that a peer sends is one
//! component, so no path of a sink leads out of the target by its text.

mod ask;
mod end;
mod glob;
pub mod limits;
mod options;
mod peer;
mod record;
mod sink;
mod source;
mod words;

pub use ask::{Ask, Facts, Told};
pub use end::End;
pub use options::{Options, Role};
pub use sink::Sink;
pub use source::Source;
pub use words::{Word, split};

#[cfg(test)]
mod tests;
