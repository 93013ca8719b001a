//! The ceiling: what a server would cost that did nothing but the work no server is spared: read,
//! seal and send, or receive, open and write, in the same packets of 32 KiB, with the same ciphers,
//! by plain blocking system calls and without a protocol. It runs in a process of its own, so that
//! its CPU time is counted like a server's. `packet` says how packets look, `send` and `receive`
//! are the bare loops, `serve` the process around them, `drive` its client.
//!
//! On a connection: the loop says its ident line and the client one byte, so that one who only
//! connects to see whether somebody is there starts nothing. Then the packets go one way; after an
//! upload the loop answers with one byte once they are written.

mod drive;
mod packet;
mod receive;
mod send;
mod serve;

pub(crate) use drive::{CeilingRun, ceiling};
pub(crate) use serve::{BareLoop, serve};

/// What the loop greets with.
const IDENT: &[u8] = b"SSH-2.0-ceiling\r\n";
/// What the client starts it with, and what the loop ends an upload with.
const GO: u8 = b'!';
