//! Raw SFTP version 3 packets through `ssh -s HOST sftp`, or over a pipe to a server program: the
//! test writes the packets, so it can send what no stock client would. Replies are owned values.
//!
//! Requests are `ringferry_sftp::Request`s by [`Packets::ask_request`], or a number and a body made
//! by hand for what that crate cannot say.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use ringferry_sftp::client::{self, ReplyDecoder, ReplyItem};
use ringferry_sftp::{Attrs, Request};

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
pub(crate) const OPEN_TRUNCATE: u32 = 16;

pub(crate) const STATUS_OK: u32 = 0;
pub(crate) const STATUS_EOF: u32 = 1;
pub(crate) const STATUS_NO_SUCH_FILE: u32 = 2;
pub(crate) const STATUS_PERMISSION_DENIED: u32 = 3;
pub(crate) const STATUS_FAILURE: u32 = 4;
pub(crate) const STATUS_BAD_MESSAGE: u32 = 5;
pub(crate) const STATUS_OP_UNSUPPORTED: u32 = 8;

/// What a reply says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Version {
        version: u32,
        extensions: Vec<(String, Vec<u8>)>,
    },
    Status {
        code: u32,
        message: String,
    },
    Handle(Vec<u8>),
    Data(Vec<u8>),
    Names(Vec<Entry>),
    Attrs(Attrs),
    /// The payload of an EXTENDED_REPLY.
    Extended(Vec<u8>),
    /// What no client could read, and why.
    Malformed(String),
    /// A message number no reply has.
    Other(u8),
}

/// One entry of a NAME reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) longname: String,
    pub(crate) attrs: Attrs,
}

impl Reply {
    /// The code of a STATUS.
    pub(crate) fn code(&self) -> Option<u32> {
        match self {
            Reply::Status { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// The words of a STATUS of that code.
    pub(crate) fn expect_status(self, expected: u32) -> String {
        match self {
            Reply::Status { code, message } if code == expected => message,
            other => panic!("{other:?}, not STATUS {expected}"),
        }
    }

    pub(crate) fn expect_ok(self) {
        self.expect_status(STATUS_OK);
    }

    pub(crate) fn expect_handle(self) -> Vec<u8> {
        match self {
            Reply::Handle(handle) => handle,
            other => panic!("{other:?}, not HANDLE"),
        }
    }

    pub(crate) fn expect_data(self) -> Vec<u8> {
        match self {
            Reply::Data(data) => data,
            other => panic!("{other:?}, not DATA"),
        }
    }

    pub(crate) fn expect_names(self) -> Vec<Entry> {
        match self {
            Reply::Names(entries) => entries,
            other => panic!("{other:?}, not NAME"),
        }
    }

    pub(crate) fn expect_attrs(self) -> Attrs {
        match self {
            Reply::Attrs(attrs) => attrs,
            other => panic!("{other:?}, not ATTRS"),
        }
    }

    pub(crate) fn expect_extended(self) -> Vec<u8> {
        match self {
            Reply::Extended(payload) => payload,
            other => panic!("{other:?}, not EXTENDED_REPLY"),
        }
    }
}

/// One SFTP session.
pub(crate) struct Packets {
    program: Child,
    stdin: Option<ChildStdin>,
    replies: mpsc::Receiver<(u32, Reply)>,
    next_id: u32,
    /// What the server's VERSION lists, in its order.
    pub(crate) extensions: Vec<(String, Vec<u8>)>,
}

impl Packets {
    /// Logs in, starts the subsystem and exchanges versions.
    pub(crate) fn open(server: &Server) -> Packets {
        Packets::start(server.ssh_command(&["-s"], &["sftp"]), 3)
    }

    /// The same with whatever speaks SFTP on its stdin and stdout. The client asks for `version`;
    /// the answer must be 3.
    pub(crate) fn start(mut command: Command, version: u32) -> Packets {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut program = command.spawn().unwrap_or_else(|e| panic!("start {command:?}: {e}"));
        let stdin = program.stdin.take().expect("piped");
        let stdout = program.stdout.take().expect("piped");
        let (sender, replies) = mpsc::channel();
        // A reader of its own: a test may have thousands of requests in flight.
        std::thread::spawn(move || read_replies(stdout, &sender));
        let stdin = Some(stdin);
        let mut packets = Packets { program, stdin, replies, next_id: 0, extensions: Vec::new() };
        packets.send_encoded(&Request::Init { version });
        match packets.reply() {
            Some((_, Reply::Version { version: 3, extensions })) => packets.extensions = extensions,
            other => panic!("{other:?}, not SSH_FXP_VERSION 3"),
        }
        packets
    }

    /// What the server's VERSION says about an extension, if it has it.
    pub(crate) fn extension(&self, name: &str) -> Option<&[u8]> {
        let found = self.extensions.iter().find(|(known, _)| known == name);
        found.map(|(_, data)| &data[..])
    }

    /// Sends bytes as they are; `false` once the session is gone.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) -> bool {
        self.stdin.as_mut().is_some_and(|stdin| stdin.write_all(bytes).is_ok())
    }

    fn send_encoded(&mut self, request: &Request<'_>) -> bool {
        let mut packet = Vec::new();
        client::encode(&mut packet, request);
        self.send_raw(&packet)
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

    /// Sends the request that `make` makes with the id it is given; not a WRITE, whose payload must
    /// follow: see [`send_write`](Self::send_write).
    pub(crate) fn send_request<'a>(&mut self, make: impl FnOnce(u32) -> Request<'a>) -> u32 {
        self.next_id += 1;
        let request = make(self.next_id);
        self.send_encoded(&request);
        self.next_id
    }

    pub(crate) fn send_write(&mut self, handle: &[u8], offset: u64, payload: &[u8]) -> u32 {
        self.next_id += 1;
        let mut packet = Vec::new();
        client::write(&mut packet, self.next_id, handle, offset, payload);
        self.send_raw(&packet);
        self.next_id
    }

    /// Sends an EXTENDED request of any name.
    pub(crate) fn send_extended(&mut self, name: &str, payload: &[u8]) -> u32 {
        self.next_id += 1;
        let mut packet = Vec::new();
        client::extended(&mut packet, self.next_id, name, payload);
        self.send_raw(&packet);
        self.next_id
    }

    /// The next reply; `None` when the session has ended (or nothing came for too long).
    pub(crate) fn reply(&mut self) -> Option<(u32, Reply)> {
        self.replies.recv_timeout(SOON).ok()
    }

    /// The next reply, which must be to the request `id`.
    pub(crate) fn reply_to(&mut self, id: u32) -> Reply {
        let (replied, reply) = self.reply().expect("a reply");
        assert_eq!(replied, id, "the reply's id; {reply:?}");
        reply
    }

    /// One request, one reply.
    pub(crate) fn ask(&mut self, kind: u8, body: &[u8]) -> Reply {
        let id = self.send(kind, body);
        self.reply_to(id)
    }

    /// The same by [`send_request`](Self::send_request).
    pub(crate) fn ask_request<'a>(&mut self, make: impl FnOnce(u32) -> Request<'a>) -> Reply {
        let id = self.send_request(make);
        self.reply_to(id)
    }

    pub(crate) fn ask_write(&mut self, handle: &[u8], offset: u64, payload: &[u8]) -> Reply {
        let id = self.send_write(handle, offset, payload);
        self.reply_to(id)
    }

    pub(crate) fn ask_extended(&mut self, name: &str, payload: &[u8]) -> Reply {
        let id = self.send_extended(name, payload);
        self.reply_to(id)
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

    /// SIGKILL for the program at our end.
    pub(crate) fn kill(&mut self) {
        let _ = self.program.kill();
    }

    /// Waits for the session's end and returns the program's exit code.
    pub(crate) fn wait_end(&mut self, deadline: Duration) -> Option<i32> {
        super::wait_for(deadline, || self.program.try_wait().ok().flatten())?.code()
    }
}

impl Drop for Packets {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
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

/// Passes replies on until the stream ends or cannot be followed.
fn read_replies(mut from: impl Read, to: &mpsc::Sender<(u32, Reply)>) {
    let mut decoder = ReplyDecoder::new(ReplyDecoder::default_limits());
    let mut block = vec![0; 64 * 1024];
    // The DATA whose payload is still coming.
    let mut data: Option<(u32, Vec<u8>)> = None;
    while let Ok(got) = from.read(&mut block) {
        if got == 0 {
            return;
        }
        let mut rest = &block[..got];
        while !rest.is_empty() {
            let step = match decoder.next(rest) {
                Ok(step) => step,
                Err(error) => {
                    let _ = to.send((0, Reply::Malformed(error.to_string())));
                    return;
                }
            };
            let consumed = step.consumed;
            let complete = match step.item {
                Some(ReplyItem::Reply(client::Reply::Data { id, len })) if len > 0 => {
                    data = Some((id, Vec::new()));
                    None
                }
                Some(ReplyItem::ReadData { range, last }) => {
                    let (_, bytes) = data.as_mut().expect("the head of its DATA came before");
                    bytes.extend_from_slice(&rest[range]);
                    if last {
                        data.take().map(|(id, bytes)| (id, Reply::Data(bytes)))
                    } else {
                        None
                    }
                }
                Some(ReplyItem::Reply(reply)) => Some((reply.id().unwrap_or(0), owned(&reply))),
                Some(ReplyItem::Malformed { id, why }) => Some((id, Reply::Malformed(why.into()))),
                None => None,
            };
            if complete.is_some_and(|reply| to.send(reply).is_err()) {
                return;
            }
            rest = &rest[consumed..];
        }
    }
}

fn owned(reply: &client::Reply<'_>) -> Reply {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match *reply {
        client::Reply::Version { version, extensions } => {
            let pairs = extensions.iter().map(|(name, data)| (text(name), data.to_vec()));
            Reply::Version { version, extensions: pairs.collect() }
        }
        client::Reply::Status { code, message, .. } => {
            Reply::Status { code, message: text(message) }
        }
        client::Reply::Handle { handle, .. } => Reply::Handle(handle.to_vec()),
        client::Reply::Data { .. } => Reply::Data(Vec::new()),
        client::Reply::Name { names, .. } => {
            let entries = names.iter().map(|entry| Entry {
                name: entry.filename.to_vec(),
                longname: text(entry.longname),
                attrs: entry.attrs,
            });
            Reply::Names(entries.collect())
        }
        client::Reply::Attrs { attrs, .. } => Reply::Attrs(attrs),
        client::Reply::Extended { payload, .. } => Reply::Extended(payload.to_vec()),
        client::Reply::Unknown { kind, .. } => Reply::Other(kind),
    }
}
