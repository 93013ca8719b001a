//! The client of the bare loops: the sink of the load generator, or the sealing sender.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Instant;

use super::packet::Keyed;
use super::send::send;
use super::{GO, IDENT};
use crate::Outcome;
use crate::cipher::Cipher;
use crate::client::Direction;
use crate::load::bulk::{Load, StreamLoad, in_threads};
use crate::load::drain::drain;
use crate::load::limits::TAIL;
use crate::load::session::{self, silence};

/// What to move to or from a process that runs [`super::serve()`] with the same words.
pub(crate) struct CeilingRun {
    pub(crate) address: SocketAddr,
    pub(crate) direction: Direction,
    pub(crate) cipher: Cipher,
    /// Connections at once.
    pub(crate) streams: usize,
    /// Bytes of file on each.
    pub(crate) bytes: u64,
    /// Where an upload's bytes come from.
    pub(crate) local: PathBuf,
}

/// Moves the bytes and says what it took.
pub(crate) fn ceiling(run: &CeilingRun) -> Outcome<Load> {
    let keyed = Keyed::new(&run.cipher)?;
    let connected = in_threads(0..run.streams, |_| connect(run.address))?;
    let streams = in_threads(connected, |stream| match run.direction {
        Direction::Get => get(stream, run.bytes, keyed),
        Direction::Put => put(stream, run, keyed),
    })?;
    let counted = match run.direction {
        Direction::Get => "bytes of the socket, not decrypted",
        Direction::Put => "one answer when everything is written",
    };
    Load::of(streams, counted)
}

pub(super) fn connect(address: SocketAddr) -> Outcome<TcpStream> {
    let mut stream = session::connect(address)?;
    let mut ident = [0; IDENT.len()];
    stream.read_exact(&mut ident).map_err(silence)?;
    if ident != *IDENT {
        return Err(format!("{address} is no ceiling").into());
    }
    Ok(stream)
}

fn get(mut stream: TcpStream, bytes: u64, keyed: Keyed) -> Outcome<StreamLoad> {
    let due_bytes = keyed.layout().wire_bytes(bytes);
    let start = Instant::now();
    stream.write_all(&[GO])?;
    let (end, wire_bytes) = drain(stream, due_bytes, TAIL)?;
    if wire_bytes != due_bytes {
        return Err(format!("{wire_bytes} bytes came instead of {due_bytes}").into());
    }
    Ok(StreamLoad { start, wall: end - start, bytes, wire_bytes })
}

fn put(mut stream: TcpStream, run: &CeilingRun, keyed: Keyed) -> Outcome<StreamLoad> {
    let named = |error| format!("{}: {error}", run.local.display());
    let file = File::open(&run.local).map_err(named)?;
    let start = Instant::now();
    stream.write_all(&[GO])?;
    send(&file, run.bytes, keyed, &mut stream)?;
    let mut done = [0];
    stream.read_exact(&mut done).map_err(silence)?;
    let wire_bytes = keyed.layout().wire_bytes(run.bytes);
    Ok(StreamLoad { start, wall: start.elapsed(), bytes: run.bytes, wire_bytes })
}
