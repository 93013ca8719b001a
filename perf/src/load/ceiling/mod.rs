//! The ceiling: what a server would cost that did nothing but the work no server is spared.
//!
//! A download reads the file, seals and sends; an upload receives, opens and writes: the same
//! packets of 32 KiB, the same ciphers from the same crate, plain blocking system calls, and no
//! protocol. The bare loop runs in a process of its own, so that its CPU time is counted like a
//! server's, and greets like one. `packet` says how packets look, `send` and `receive` are the two
//! loops, `serve` the process around them, `drive` its client.
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
