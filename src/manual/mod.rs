//! The manual, chapter by chapter.
//!
//! Each chapter is a Markdown file beside this one, so that it reads as well in a checkout as here.
//! A chapter states what is true of the code in this tree; whoever changes the code changes it.

#[doc = include_str!("architecture.md")]
pub mod architecture {}

#[doc = include_str!("users.md")]
pub mod users {}

#[doc = include_str!("protocol.md")]
pub mod protocol {}

#[doc = include_str!("states.md")]
pub mod states {}

#[doc = include_str!("limits.md")]
pub mod limits {}

#[doc = include_str!("security.md")]
pub mod security {}
