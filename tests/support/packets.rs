//! Raw SFTP version 3 packets through `ssh -s HOST sftp`: OpenSSH does the transport, the test
//! writes the packets, so it can send what no stock client would.

use std::io::{BufReader, Read, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::SOON;
use super::server::Server;

pub(crate) const OPEN: u8 = 3;
pub(crate) const CLOSE: u8 = 4;
pub(crate) const READ: u8 = 5;
pub(crate) const WRITE: u8 = 6;
pub(crate) const SETSTAT: u8 = 9;
pub(crate) const REMOVE: u8 = 13;
pub(crate) const MKDIR: u8 = 14;
pub(crate) const RMDIR: u8 = 15;
pub(crate) const STAT: u8 = 17;
pub(crate) const RENAME: u8 = 18;

pub(crate) const OPEN_READ: u32 = 1;
pub(crate) const OPEN_WRITE_CREATE: u32 = 2 | 8;

pub(crate) const STATUS_OK: u32 = 0;
pub(crate) const STATUS_EOF: u32 = 1;

/// What a reply says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Status { code: u32, message: String },
    Handle(Vec<u8>),
    Data(Vec<u8>),
    Other(u8),
}

/// One SFTP session.
pub(crate) struct Packets {
    ssh: Child,
    stdin: Option<ChildStdin>,
    replies: mpsc::Receiver<(u32, Reply)>,
    next_id: u32,
}

impl Packets {
    /// Logs in, starts the subsystem and exchanges versions.
    pub(crate) fn open(server: &Server) -> Packets {
        let mut command = server.ssh_command(&["-s"], &["sftp"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut ssh = command.spawn().expect("ssh runs");
        let mut stdin = ssh.stdin.take().expect("piped");
        let mut stdout = BufReader::new(ssh.stdout.take().expect("piped"));
        stdin.write_all(&[0, 0, 0, 5, 1, 0, 0, 0, 3]).expect("SSH_FXP_INIT");
        let (sender, replies) = mpsc::channel();
        // A reader of its own: a test may have thousands of requests in flight.
        std::thread::spawn(move || {
            while let Some(reply) = read_reply(&mut stdout) {
                if sender.send(reply).is_err() {
                    break;
                }
            }
        });
        let mut packets = Packets { ssh, stdin: Some(stdin), replies, next_id: 0 };
        let version = packets.reply();
        // Its second field, where others have the id, is the version.
        assert_eq!(version, Some((3, Reply::Other(2))), "SSH_FXP_VERSION 3");
        packets
    }

    /// Sends bytes as they are; `false` once the session is gone.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) -> bool {
        self.stdin.as_mut().is_some_and(|stdin| stdin.write_all(bytes).is_ok())
    }

    /// Sends one request and returns its id.
    pub(crate) fn send(&mut self, kind: u8, body: &[u8]) -> u32 {
        self.next_id += 1;
        let length = u32::try_from(body.len() + 5).expect("a small packet");
        let mut packet = length.to_be_bytes().to_vec();
        packet.push(kind);
        packet.extend_from_slice(&self.next_id.to_be_bytes());
        packet.extend_from_slice(body);
        self.send_raw(&packet);
        self.next_id
    }

    /// The next reply; `None` when the session has ended (or nothing came for too long).
    pub(crate) fn reply(&mut self) -> Option<(u32, Reply)> {
        self.replies.recv_timeout(SOON).ok()
    }

    /// One request, one reply.
    pub(crate) fn ask(&mut self, kind: u8, body: &[u8]) -> Reply {
        let id = self.send(kind, body);
        let (replied, reply) = self.reply().expect("a reply");
        assert_eq!(replied, id, "the reply's id; {reply:?}");
        reply
    }

    pub(crate) fn ask_handle(&mut self, path: &str, flags: u32) -> Vec<u8> {
        match self.ask(OPEN, &open_body(path, flags)) {
            Reply::Handle(handle) => handle,
            other => panic!("open {path}: {other:?}"),
        }
    }

    /// Ends our direction.
    pub(crate) fn finish(&mut self) {
        self.stdin = None;
    }

    /// Waits for the session's end and returns ssh's exit code.
    pub(crate) fn wait_end(&mut self, deadline: Duration) -> Option<i32> {
        super::wait_for(deadline, || self.ssh.try_wait().ok().flatten())?.code()
    }
}

impl Drop for Packets {
    fn drop(&mut self) {
        let _ = self.ssh.kill();
        let _ = self.ssh.wait();
    }
}

/// `string`: a uint32 length and the bytes.
pub(crate) fn string(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    let mut out = u32::try_from(bytes.len()).expect("small").to_be_bytes().to_vec();
    out.extend_from_slice(bytes);
    out
}

/// The body of an OPEN without attributes.
pub(crate) fn open_body(path: &str, flags: u32) -> Vec<u8> {
    let mut body = string(path);
    body.extend_from_slice(&flags.to_be_bytes());
    body.extend_from_slice(&0_u32.to_be_bytes());
    body
}

/// The body of a READ.
pub(crate) fn read_body(handle: &[u8], offset: u64, length: u32) -> Vec<u8> {
    let mut body = string(handle);
    body.extend_from_slice(&offset.to_be_bytes());
    body.extend_from_slice(&length.to_be_bytes());
    body
}

/// The body of a WRITE.
pub(crate) fn write_body(handle: &[u8], offset: u64, data: &[u8]) -> Vec<u8> {
    let mut body = string(handle);
    body.extend_from_slice(&offset.to_be_bytes());
    body.extend_from_slice(&string(data));
    body
}

fn read_reply(from: &mut impl Read) -> Option<(u32, Reply)> {
    let mut head = [0; 9];
    from.read_exact(&mut head).ok()?;
    let length = u32::from_be_bytes(head[..4].try_into().ok()?) as usize;
    let id = u32::from_be_bytes(head[5..].try_into().ok()?);
    let mut body = vec![0; length.checked_sub(5)?];
    from.read_exact(&mut body).ok()?;
    let text = |at: usize| -> Option<Vec<u8>> {
        let bytes = u32::from_be_bytes(body.get(at..at + 4)?.try_into().ok()?) as usize;
        Some(body.get(at + 4..at + 4 + bytes)?.to_vec())
    };
    let reply = match head[4] {
        101 => Reply::Status {
            code: u32::from_be_bytes(body.get(..4)?.try_into().ok()?),
            message: String::from_utf8_lossy(&text(4).unwrap_or_default()).into_owned(),
        },
        102 => Reply::Handle(text(0)?),
        103 => Reply::Data(text(0)?),
        kind => Reply::Other(kind),
    };
    Some((id, reply))
}
