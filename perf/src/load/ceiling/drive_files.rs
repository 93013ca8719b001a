//! The client of the bare loop of small files. It asks for what OpenSSH's `sftp` asks for, one
//! request after the other, and hands everything through a second thread on a pair of sockets, as
//! `sftp` does through its `ssh`: who wakes whom is most of what small files cost.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use super::drive::connect;
use super::message::{Message, Verb};
use crate::Outcome;
use crate::client::Direction;

/// Files to move to or from a process that runs [`super::serve_files()`].
pub(crate) struct FilesRun {
    pub(crate) address: SocketAddr,
    pub(crate) direction: Direction,
    /// In the folders of both sides.
    pub(crate) names: Vec<String>,
    /// The folder on this side.
    pub(crate) local: PathBuf,
    /// The folder as the loop knows it, below the one that it serves.
    pub(crate) remote: String,
}

/// Moves the files, one after the other.
pub(crate) fn ceiling_files(run: &FilesRun) -> Outcome<()> {
    let stream = connect(run.address)?;
    let (near, far) = UnixStream::pair()?;
    std::thread::scope(|scope| {
        let relay = scope.spawn(move || relay(far, stream));
        let moved = Asking { to: near, message: Message::new() }.run(run);
        // What the relay ran into is why the other one had no answer.
        relay.join().map_err(|_| "the relay panicked")??;
        moved
    })
}

/// Hands on a request and its answer, until there are no more.
fn relay(mut near: UnixStream, mut far: TcpStream) -> Outcome<()> {
    let mut message = Message::new();
    while message.receive(&mut near)? {
        message.send(&mut far)?;
        if !message.receive(&mut far)? {
            return Err("the bare loop closed".into());
        }
        message.send(&mut near)?;
    }
    Ok(())
}

struct Asking {
    to: UnixStream,
    message: Message,
}

impl Asking {
    fn run(mut self, run: &FilesRun) -> Outcome<()> {
        for name in &run.names {
            let (local, remote) = (run.local.join(name), format!("{}/{name}", run.remote));
            match run.direction {
                Direction::Get => self.get(&remote, &mut File::create(local)?)?,
                Direction::Put => self.put(&remote, &File::open(local)?)?,
            }
        }
        Ok(())
    }

    fn get(&mut self, remote: &str, local: &mut File) -> Outcome<()> {
        self.ask(Verb::Open, remote)?;
        loop {
            self.ask(Verb::Read, "")?;
            if self.message.data().is_empty() {
                break;
            }
            local.write_all(self.message.data())?;
        }
        self.ask(Verb::Close, "")
    }

    fn put(&mut self, remote: &str, mut local: &File) -> Outcome<()> {
        self.ask(Verb::Create, remote)?;
        loop {
            self.message.begin(Verb::Write, "")?;
            let data_bytes = local.read(self.message.room())?;
            if data_bytes == 0 {
                break;
            }
            self.message.carry(data_bytes)?;
            self.exchange()?;
        }
        self.ask(Verb::Close, "")
    }

    fn ask(&mut self, verb: Verb, name: &str) -> Outcome<()> {
        self.message.begin(verb, name)?;
        self.exchange()
    }

    fn exchange(&mut self) -> Outcome<()> {
        self.message.send(&mut self.to)?;
        if !self.message.receive(&mut self.to)? {
            return Err("the relay ended".into());
        }
        match self.message.verb()? {
            Verb::Done => Ok(()),
            verb => Err(format!("{verb:?} for an answer").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::path::Path;

    use super::super::files::BareFiles;
    use super::*;

    /// A bare loop of this folder, in a thread that ends with the tests.
    fn loop_of(folder: &Path) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let bare = BareFiles { listen: address, folder: folder.to_owned() };
        std::thread::spawn(move || bare.accept(&listener));
        address
    }

    #[test]
    fn files_go_there_and_back() {
        let dir = tempfile::tempdir().unwrap();
        let place = |name: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(&path).unwrap();
            path
        };
        let (own, down) = (place("own"), place("down"));
        place("served/up");
        let address = loop_of(&place("served"));
        // Nothing, a short one, and one of several requests.
        let names: Vec<_> = ["empty", "short", "long"].map(str::to_owned).into();
        for (name, bytes) in names.iter().zip([0, 4096, 100_000]) {
            std::fs::write(own.join(name), crate::site::random_bytes(7, bytes)).unwrap();
        }
        let run = |direction, local: &Path| FilesRun {
            address,
            direction,
            names: names.clone(),
            local: local.to_owned(),
            remote: "up".to_owned(),
        };
        ceiling_files(&run(Direction::Put, &own)).unwrap();
        ceiling_files(&run(Direction::Get, &down)).unwrap();
        for name in &names {
            let sent = std::fs::read(own.join(name)).unwrap();
            assert!(std::fs::read(dir.path().join("served/up").join(name)).unwrap() == sent);
            assert!(std::fs::read(down.join(name)).unwrap() == sent);
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let run = FilesRun {
            address: loop_of(dir.path()),
            direction: Direction::Get,
            names: vec!["missing".to_owned()],
            local: dir.path().to_owned(),
            remote: "nowhere".to_owned(),
        };
        assert_eq!(ceiling_files(&run).unwrap_err().to_string(), "the bare loop closed");
    }
}
