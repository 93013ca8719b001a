//! The client's end: requests written, replies read. Tests of servers use it, and bulk clients.
//!
//! It owns the wire of that side and knows nothing of what is asked for or why. Its invariant is
//! the server's: a hostile server costs at most the limits, and replies of careless ones (a STATUS
//! without message or language) are taken as they come.

mod encode;
mod replies;

pub use encode::{encode, extended, write};
pub use replies::{
    NameEntry, Names, Pairs, Reply, ReplyDecoder, ReplyItem, ReplyStep, Strings, users_groups_by_id,
};
