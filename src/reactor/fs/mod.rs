//! Directory trees as a client may see them: a path leads to a spot, and acts happen on spots.
//!
//! Where nothing is thought to be (a vacancy), a file is made without a look. It owns the
//! descriptors of the folders shown and the open files and directories under them. It must not know
//! who asks or what they may do: between finding a spot and acting on it the caller judges.
//! Invariant: no syscall here resolves more than one path component except openat2 with
//! `RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS`, which gets no `..`, and none follows a link, so neither
//! links, nor `..`, nor a rename under way can lead outside.

#[cfg(test)]
mod by_path;
mod copy;
mod dir;
mod file;
mod metadata;
mod mounts;
mod names;
mod resolve;
mod root;
mod spot;
mod vacancy;
mod view;
mod walk;

#[cfg(test)]
mod tests;

pub use dir::{Dir, DirEntry};
pub use file::{File, OpenHow};
pub use metadata::{Change, Metadata, Space};
pub use root::Root;
pub use spot::Spot;
pub use vacancy::Vacancy;
pub use view::{Links, View};
