//! SFTP version 3 (draft-ietf-secsh-filexfer-02) with OpenSSH's extensions, for both ends.
//!
//! The crate owns the wire: bytes in, values out, and values in, bytes out. It knows no file
//! system, no socket, no clock and no SSH; it depends on nothing and holds no `unsafe`.
//! Its invariant: whatever the peer sends, memory stays under the [`limits`] and nothing panics.
//!
//! * [`Decoder`] takes a server's input in any split and gives [`Item`]s. The payload of a WRITE is
//!   never copied: it comes as ranges of the caller's own buffer.
//! * [`reply`] writes the answers, each appended to a `Vec<u8>` of the caller's. With room in the
//!   vector nothing is allocated.
//! * [`longname`] writes the `ls -l` line of a READDIR entry in OpenSSH's format.
//! * [`Status`] maps Linux errno numbers as OpenSSH does; [`errno_text`] gives the words for them.
//! * [`client`] is the other end: [`client::encode`] for requests, [`client::ReplyDecoder`] for
//!   replies, whose DATA payloads are ranges too.
//!
//! # Example: one request and its answer
//!
//! ```
//! use ringferry_sftp::{Attrs, Decoder, DecoderLimits, Item, Request, Status, client, reply};
//!
//! // The client asks for the attributes of a file.
//! let mut wire = Vec::new();
//! client::encode(&mut wire, &Request::Stat { id: 7, path: b"/motd" });
//!
//! // The server decodes it. `step.consumed` bytes of the input are done with.
//! let mut answers = Vec::new();
//! let mut decoder = Decoder::new(DecoderLimits::default());
//! let mut at = 0;
//! while at < wire.len() {
//!     let step = decoder.next(&wire[at..])?;
//!     at += step.consumed;
//!     match step.item {
//!         Some(Item::Request(Request::Stat { id, path: b"/motd" })) => {
//!             let attrs = Attrs { size: Some(42), ..Attrs::default() };
//!             reply::attrs(&mut answers, id, &attrs);
//!         }
//!         Some(Item::Request(request)) => {
//!             let id = request.id().unwrap_or(0);
//!             reply::status(&mut answers, id, Status::OpUnsupported, "not in this example");
//!         }
//!         Some(Item::Malformed { id, why }) => {
//!             reply::status(&mut answers, id, Status::BadMessage, why);
//!         }
//!         Some(Item::WriteData { .. }) | None => {}
//!     }
//! }
//!
//! // And the client reads the answer.
//! let mut replies = client::ReplyDecoder::new(client::ReplyDecoder::default_limits());
//! let step = replies.next(&answers)?;
//! let Some(client::ReplyItem::Reply(client::Reply::Attrs { id: 7, attrs })) = step.item else {
//!     panic!("not the answer expected");
//! };
//! assert_eq!(attrs.size, Some(42));
//! # Ok::<(), ringferry_sftp::FrameError>(())
//! ```
#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::todo
)]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

mod attrs;
mod calendar;
pub mod client;
mod decoder;
mod errno;
pub mod extension;
mod flags;
mod frame;
pub mod limits;
pub mod longname;
mod names;
pub mod numbers;
pub mod reply;
mod request;
mod status;
mod wire;

pub use attrs::Attrs;
pub use decoder::{Decoder, Item, Step};
pub use errno::errno_text;
pub use flags::OpenFlags;
pub use frame::{DecoderLimits, FrameError};
pub use longname::{LongName, Principal};
pub use names::NameBuilder;
pub use request::{IdList, Request};
pub use status::Status;
pub use wire::ParseError;
