//! The process that the bare loops run in.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use clap::Args;

use super::packet::Keyed;
use super::receive::receive;
use super::send::send;
use super::{GO, IDENT};
use crate::Outcome;
use crate::arguments::parse_size;
use crate::cipher::Cipher;
use crate::client::Direction;
use crate::load::session::make_patient;

/// What the bare loop does on every connection.
#[derive(Args, Clone)]
pub(crate) struct BareLoop {
    /// Where to accept connections; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    #[arg(long)]
    pub(crate) direction: Direction,
    /// As for the comparison; `default` is what OpenSSH's client asks for first
    #[arg(long)]
    pub(crate) cipher: Cipher,
    /// What is read; what is written, where the second connection at a time writes FILE.1 and so on
    #[arg(long)]
    pub(crate) file: PathBuf,
    /// Bytes of the file on each connection, with K, M or G
    #[arg(long, value_parser = parse_size)]
    pub(crate) bytes: u64,
}

/// Serves until the process is ended; each connection has a thread.
pub(crate) fn serve(bare: &BareLoop) -> Outcome<()> {
    bare.accept(&listen(bare.listen)?)
}

/// Opens the door and says where it is.
pub(super) fn listen(at: SocketAddr) -> Outcome<TcpListener> {
    let listener = TcpListener::bind(at)?;
    println!("ready listen={} pid={}", listener.local_addr()?, std::process::id());
    std::io::stdout().flush()?;
    Ok(listener)
}

/// Says the ident line to whoever has come.
pub(super) fn greet(stream: &mut TcpStream) -> Outcome<()> {
    make_patient(stream)?;
    Ok(stream.write_all(IDENT)?)
}

impl BareLoop {
    /// Accepts for ever.
    pub(super) fn accept(&self, listener: &TcpListener) -> Outcome<()> {
        let keyed = Keyed::new(&self.cipher)?;
        let busy = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            loop {
                let (stream, _) = listener.accept()?;
                let busy = &busy;
                scope.spawn(move || {
                    if let Err(error) = self.connection(stream, keyed, busy) {
                        eprintln!("ceiling: {error}");
                    }
                });
            }
        })
    }

    fn connection(
        &self,
        mut stream: TcpStream,
        keyed: Keyed,
        busy: &Mutex<Vec<usize>>,
    ) -> Outcome<()> {
        greet(&mut stream)?;
        let mut go = [0];
        if stream.read(&mut go)? == 0 {
            // Somebody who wanted to see whether we are there.
            return Ok(());
        }
        match self.direction {
            Direction::Get => send(&File::open(&self.file)?, self.bytes, keyed, &mut stream),
            Direction::Put => {
                let place = Place::take(busy);
                receive(&stream, self.bytes, keyed, &self.create(place.number)?)?;
                stream.write_all(&[GO])?;
                Ok(())
            }
        }
    }

    fn create(&self, number: usize) -> std::io::Result<File> {
        let mut path = self.file.clone();
        if number > 0 {
            path.as_mut_os_string().push(format!(".{number}"));
        }
        OpenOptions::new().write(true).create(true).truncate(true).open(path)
    }
}

/// The lowest number that no other connection has at the time.
struct Place<'a> {
    number: usize,
    busy: &'a Mutex<Vec<usize>>,
}

impl Place<'_> {
    fn take(busy: &Mutex<Vec<usize>>) -> Place<'_> {
        let mut taken = busy.lock().unwrap_or_else(PoisonError::into_inner);
        let free = (0..).find(|number| !taken.contains(number));
        let number = free.unwrap_or_default();
        taken.push(number);
        Place { number, busy }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut taken = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        taken.retain(|number| *number != self.number);
    }
}
