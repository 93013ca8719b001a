//! A directory tree as a client may see it: every path resolved inside its root by the kernel.
//!
//! It owns the root's descriptor and the open files and directories under it. It must not know who
//! asks or what they may do. Invariant: no syscall here resolves more than one path component
//! except openat2 with `RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS`, so neither links, nor `..`, nor a
//! rename under way can lead outside.

mod dir;
mod file;
mod metadata;
mod names;
mod real_path;
mod resolve;
mod root;

#[cfg(test)]
mod tests;

pub use dir::{Dir, DirEntry};
pub use file::{File, OpenHow};
pub use metadata::{Change, Metadata, Space};
pub use root::Root;
