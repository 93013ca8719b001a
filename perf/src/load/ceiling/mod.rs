//! The ceiling: what a server would cost that did nothing but the work no server is spared: read,
//! seal and send, or receive, open and write, in the same packets of 32 KiB, with the same ciphers,
//! by plain blocking system calls and without a protocol. It runs in a process of its own, so that
//! its CPU time is counted like a server's. `packet` says how packets look, `send` and `receive`
//! are the bare loops, `serve` the process around them, `drive` its client. For small files it is
//! `message`, `files`, `drive_files` and the `relay` between them. On a connection the loop says
//! its ident line and the client one byte, so that one who only connects to see whether somebody is
//! there starts nothing. Then the packets go one way; an upload is answered with one byte once it
//! is written. Small files have an answer to each request instead.

mod drive;
mod drive_files;
mod files;
mod message;
mod packet;
mod receive;
mod relay;
mod send;
mod serve;

pub(crate) use drive::{CeilingRun, ceiling};
pub(crate) use drive_files::{FilesRun, ceiling_files};
pub(crate) use files::{BareFiles, serve_files};
pub(crate) use relay::{RelayWords, relay};
pub(crate) use serve::{BareLoop, serve};

/// What the loop greets with.
const IDENT: &[u8] = b"SSH-2.0-ceiling\r\n";
/// What the client starts it with, and what the loop ends an upload with.
const GO: u8 = b'!';
