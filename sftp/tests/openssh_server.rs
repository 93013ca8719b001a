//! The client's end against OpenSSH's own sftp-server, and our longnames against its.
//!
//! Debian's package `openssh-sftp-server` installs it. Where it is missing the test skips itself:
//! the crate's users need no OpenSSH.

use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use ringferry_sftp::client::{self, NameEntry, Reply, ReplyDecoder, ReplyItem};
use ringferry_sftp::reply::{ServerLimits, Statvfs};
use ringferry_sftp::{Attrs, IdList, LongName, OpenFlags, Principal, Request, Status, longname};

const PLACES: [&str; 3] = [
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
];

struct Server {
    child: Child,
    decoder: ReplyDecoder,
    unread: Vec<u8>,
}

impl Server {
    fn start(program: &str) -> Server {
        let child = Command::new(program)
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sftp-server starts");
        let decoder = ReplyDecoder::new(ReplyDecoder::default_limits());
        Server { child, decoder, unread: Vec::new() }
    }

    /// Sends `wire`, which holds one request, and gives what `take` makes of its reply and of the
    /// payload, if that is DATA.
    fn send<T>(&mut self, wire: &[u8], take: impl Fn(Reply<'_>, &[u8]) -> T) -> T {
        self.child.stdin.as_mut().expect("piped").write_all(wire).expect("it reads");
        let mut payload = Vec::new();
        let mut data = None;
        loop {
            let step = self.decoder.next(&self.unread).expect("frames");
            let done = match step.item {
                Some(ReplyItem::Reply(Reply::Data { id, len })) => {
                    data = Some((id, len));
                    (len == 0).then(|| take(Reply::Data { id, len }, b""))
                }
                Some(ReplyItem::Reply(reply)) => Some(take(reply, b"")),
                Some(ReplyItem::ReadData { range, last }) => {
                    payload.extend_from_slice(&self.unread[range]);
                    let (id, len) = data.expect("a head before the payload");
                    last.then(|| take(Reply::Data { id, len }, &payload))
                }
                Some(ReplyItem::Malformed { id, why }) => panic!("reply {id}: {why}"),
                None => None,
            };
            let stuck = step.consumed == 0;
            self.unread.drain(..step.consumed);
            if let Some(done) = done {
                return done;
            }
            if stuck {
                // A small odd buffer, so that replies come in pieces.
                let mut piece = [0; 77];
                let stdout = self.child.stdout.as_mut().expect("piped");
                let read = stdout.read(&mut piece).expect("it writes");
                assert_ne!(read, 0, "sftp-server has gone");
                self.unread.extend_from_slice(&piece[..read]);
            }
        }
    }

    fn ask<T>(&mut self, request: &Request<'_>, take: impl Fn(Reply<'_>, &[u8]) -> T) -> T {
        let mut wire = Vec::new();
        client::encode(&mut wire, request);
        self.send(&wire, |reply, payload| {
            assert_eq!(reply.id(), request.id(), "{reply:?}");
            take(reply, payload)
        })
    }

    fn status(&mut self, request: &Request<'_>) -> Status {
        self.ask(request, |reply, _| match reply {
            Reply::Status { code, .. } => Status::from_code(code).expect("a code of version 3"),
            other => panic!("{request:?}: {other:?}"),
        })
    }

    fn handle(&mut self, request: &Request<'_>) -> Vec<u8> {
        self.ask(request, |reply, _| match reply {
            Reply::Handle { handle, .. } => handle.to_vec(),
            other => panic!("{request:?}: {other:?}"),
        })
    }

    fn extended<T>(&mut self, request: &Request<'_>, take: impl Fn(&[u8]) -> T) -> T {
        self.ask(request, |reply, _| match reply {
            Reply::Extended { payload, .. } => take(payload),
            other => panic!("{request:?}: {other:?}"),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// A directory that goes away again.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir(&path).expect("a directory");
        Scratch(path)
    }

    fn join(&self, name: &str) -> Vec<u8> {
        self.0.join(name).into_os_string().into_encoded_bytes()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn start() -> Option<Server> {
    let program = PLACES.into_iter().find(|place| Path::new(place).exists());
    if program.is_none() {
        let thread = std::thread::current();
        eprintln!("SKIPPED {}: no sftp-server of OpenSSH", thread.name().unwrap_or("test"));
    }
    let mut server = Server::start(program?);
    let mut wire = Vec::new();
    client::encode(&mut wire, &Request::Init { version: 3 });
    server.send(&wire, |reply, _| {
        let Reply::Version { version: 3, extensions } = reply else { panic!("{reply:?}") };
        assert_eq!(extensions.get("posix-rename@openssh.com"), Some(&b"1"[..]));
    });
    Some(server)
}

#[test]
fn openssh_understands_our_requests_and_we_its_replies() {
    let Some(mut server) = start() else { return };
    let scratch = Scratch::new("ringferry-sftp-requests");
    let (file, moved) = (scratch.join("file"), scratch.join("moved"));
    let (file, moved) = (&file[..], &moved[..]);

    let limits = server.extended(&Request::Limits { id: 1 }, |p| ServerLimits::decode(p).unwrap());
    assert_eq!((limits.packet_bytes, limits.read_bytes), (262_144, 261_120));

    let flags = OpenFlags::READ | OpenFlags::WRITE | OpenFlags::CREAT | OpenFlags::EXCL;
    let attrs = Attrs { permissions: Some(0o600), ..Attrs::default() };
    let handle = server.handle(&Request::Open { id: 2, path: file, flags, attrs });
    let handle = &handle[..];
    let mut wire = Vec::new();
    client::write(&mut wire, 3, handle, 5, &[b'x'; 1000]);
    server.send(&wire, |reply, _| {
        assert!(matches!(reply, Reply::Status { id: 3, code: 0, .. }), "{reply:?}");
    });
    assert_eq!(server.status(&Request::Fsync { id: 4, handle }), Status::Ok);
    let read = Request::Read { id: 5, handle, offset: 4, len: 5000 };
    server.ask(&read, |reply, payload| {
        assert_eq!(reply, Reply::Data { id: 5, len: 1001 });
        assert_eq!(payload, [&[0][..], &[b'x'; 1000]].concat());
    });
    let past = Request::Read { id: 6, handle, offset: 1005, len: 1 };
    assert_eq!(server.status(&past), Status::Eof);
    let times = Attrs { times: Some((7, 8)), ..Attrs::default() };
    assert_eq!(server.status(&Request::Fsetstat { id: 7, handle, attrs: times }), Status::Ok);
    assert_eq!(server.status(&Request::Close { id: 8, handle }), Status::Ok);
    // A handle that is not open is ENOENT to its CLOSE only.
    assert_eq!(server.status(&Request::Close { id: 9, handle }), Status::NoSuchFile);
    assert_eq!(server.status(&Request::Fstat { id: 9, handle }), Status::Failure);

    let rename = Request::PosixRename { id: 10, old: file, new: moved };
    assert_eq!(server.status(&rename), Status::Ok);
    let link = Request::Symlink { id: 11, first: b"moved", second: file };
    assert_eq!(server.status(&link), Status::Ok);
    server.ask(&Request::Readlink { id: 12, path: file }, |reply, _| {
        let Reply::Name { names, .. } = reply else { panic!("{reply:?}") };
        let names: Vec<_> = names.iter().map(|entry| entry.filename.to_vec()).collect();
        assert_eq!(names, [b"moved"]);
    });
    server.ask(&Request::Stat { id: 13, path: file }, |reply, _| {
        let Reply::Attrs { attrs, .. } = reply else { panic!("{reply:?}") };
        assert_eq!((attrs.size, attrs.times), (Some(1005), Some((7, 8))));
        assert_eq!(attrs.permissions, Some(0o100_600));
    });
    let statvfs = Request::Statvfs { id: 14, path: file };
    let vfs = server.extended(&statvfs, |payload| Statvfs::decode(payload).unwrap());
    assert!(vfs.blocks >= vfs.bavail && vfs.namemax >= 143);
    let unknown = Request::ExtendedUnknown { id: 15, name: b"nobody@example.org" };
    assert_eq!(server.status(&unknown), Status::OpUnsupported);

    // The mapping of errno to status, for the ones an unprivileged test can cause.
    let missing = scratch.join("missing/file");
    let below = scratch.join("moved/below");
    let long = scratch.join(&"x".repeat(300));
    let none = Attrs::default();
    for (path, errno) in [(&missing, 2), (&below, 20), (&long, 36), (&moved.to_vec(), 17)] {
        let status = server.status(&Request::Mkdir { id: 16, path, attrs: none });
        assert_eq!(status, Status::from_errno(errno), "errno {errno}");
    }
}

/// The names OpenSSH has for the owner and the group of a file.
fn principals(server: &mut Server, uid: u32, gid: u32) -> (Vec<u8>, Vec<u8>) {
    let (uid, gid) = (uid.to_be_bytes(), gid.to_be_bytes());
    let uids = IdList::from_bytes(&uid).unwrap();
    let gids = IdList::from_bytes(&gid).unwrap();
    server.extended(&Request::UsersGroupsById { id: 1, uids, gids }, |payload| {
        let (users, groups) = client::users_groups_by_id(payload).unwrap();
        let first = |names: client::Strings<'_>| names.iter().next().unwrap_or_default().to_vec();
        (first(users), first(groups))
    })
}

fn principal(name: &[u8], id: u32) -> Principal<'_> {
    if name.is_empty() { Principal::Id(id) } else { Principal::Name(name) }
}

#[test]
fn longnames_are_openssh_s() {
    let Some(mut server) = start() else { return };
    let scratch = Scratch::new("ringferry-sftp-longnames");
    let seconds = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let now = seconds();
    let ages = [0, 3600, 86_400 * 30, 86_400 * 180, 86_400 * 185, 86_400 * 400, now];
    for (size, age) in (0u64..).zip(ages) {
        let file = std::fs::File::create(scratch.0.join(format!("file {size}"))).unwrap();
        file.set_len(1 << (size * 6)).unwrap();
        let mtime = UNIX_EPOCH + std::time::Duration::from_secs(now - age);
        file.set_modified(mtime).unwrap();
    }
    std::os::unix::fs::symlink("nowhere", scratch.0.join("link")).unwrap();

    let path = scratch.join("");
    let handle = server.handle(&Request::Opendir { id: 1, path: &path });
    let entries: Vec<(Vec<u8>, Vec<u8>, Attrs)> =
        server.ask(&Request::Readdir { id: 2, handle: &handle }, |reply, _| {
            let Reply::Name { names, .. } = reply else { panic!("{reply:?}") };
            let own = |e: NameEntry<'_>| (e.filename.to_vec(), e.longname.to_vec(), e.attrs);
            names.iter().map(own).collect()
        });
    assert_eq!(entries.len(), 2 + ages.len() + 1);
    let now = seconds();
    for (name, theirs, attrs) in entries {
        let path = scratch.0.join(String::from_utf8(name.clone()).unwrap());
        let metadata = std::fs::symlink_metadata(path).unwrap();
        let (uid, gid) = attrs.owner.unwrap();
        let (user, group) = principals(&mut server, uid, gid);
        let mut ours = Vec::new();
        let long = LongName {
            mode: attrs.permissions.unwrap(),
            links: metadata.nlink(),
            owner: principal(&user, uid),
            group: principal(&group, gid),
            size: attrs.size.unwrap(),
            mtime: metadata.mtime(),
            name: &name,
            now: now.cast_signed(),
        };
        longname::format(&mut ours, &long);
        // `..` is shared with other tests and may change between the two looks at it.
        if name != b".." {
            assert_eq!(String::from_utf8_lossy(&ours), String::from_utf8_lossy(&theirs));
        }
    }
}
