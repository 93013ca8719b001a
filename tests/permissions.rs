//! Every request and extension, with each permission withheld in turn: what needs it is denied and
//! changes nothing, what does not need it passes.

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use ringferry_sftp::{Attrs, OpenFlags, Request};
use support::files::Scratch;
use support::packets::{Packets, Reply, STATUS_PERMISSION_DENIED};
use support::server::{Options, Server, Subject};
use support::skipped;

const GRANTS: [&str; 12] = [
    "list",
    "download",
    "upload",
    "overwrite",
    "delete",
    "rename",
    "mkdir",
    "rmdir",
    "symlink",
    "chmod",
    "chown",
    "utime",
];

/// A request: its name, the permissions it needs, and how it is made. `None` from `ask` means that
/// the handle it works on could not be opened.
struct Case {
    name: &'static str,
    needs: &'static [&'static str],
    ask: fn(&mut Packets) -> Option<Reply>,
}

const fn case(
    name: &'static str,
    needs: &'static [&'static str],
    ask: fn(&mut Packets) -> Option<Reply>,
) -> Case {
    Case { name, needs, ask }
}

fn open<'a>(id: u32, path: &'a [u8], flags: u32) -> Request<'a> {
    Request::Open { id, path, flags: OpenFlags::from_bits(flags), attrs: Attrs::default() }
}

fn handle(session: &mut Packets, path: &[u8], flags: u32) -> Option<Vec<u8>> {
    match session.ask_request(|id| open(id, path, flags)) {
        Reply::Handle(handle) => Some(handle),
        _ => None,
    }
}

fn close(session: &mut Packets, handle: &[u8]) {
    session.ask_request(|id| Request::Close { id, handle });
}

/// Opens, and closes again what was opened.
fn opening(session: &mut Packets, path: &[u8], flags: u32) -> Option<Reply> {
    let reply = session.ask_request(|id| open(id, path, flags));
    if let Reply::Handle(handle) = &reply {
        close(session, handle);
    }
    Some(reply)
}

fn setting(session: &mut Packets, attrs: Attrs) -> Option<Reply> {
    Some(session.ask_request(|id| Request::Setstat { id, path: b"/file", attrs }))
}

fn on_link(session: &mut Packets, attrs: Attrs) -> Option<Reply> {
    Some(session.ask_request(|id| Request::Lsetstat { id, path: b"/link", attrs }))
}

/// FSETSTAT on a handle that is open for reading.
fn on_handle(session: &mut Packets, attrs: Attrs) -> Option<Reply> {
    let handle = handle(session, b"/file", 1)?;
    let reply = session.ask_request(|id| Request::Fsetstat { id, handle: &handle, attrs });
    close(session, &handle);
    Some(reply)
}

fn mode() -> Attrs {
    Attrs { permissions: Some(0o600), ..Attrs::default() }
}

fn owner() -> Attrs {
    Attrs { owner: Some((12345, 12345)), ..Attrs::default() }
}

fn times() -> Attrs {
    Attrs { times: Some((1, 2)), ..Attrs::default() }
}

fn size() -> Attrs {
    Attrs { size: Some(3), ..Attrs::default() }
}

fn check(session: &mut Packets) -> Option<Reply> {
    Some(session.ask_request(|id| Request::CheckFileName {
        id,
        path: b"/file",
        algorithms: b"sha256",
        start: 0,
        length: 0,
        block_bytes: 0,
    }))
}

fn check_handle(session: &mut Packets) -> Option<Reply> {
    let handle = handle(session, b"/file", 1)?;
    let reply = session.ask_request(|id| Request::CheckFileHandle {
        id,
        handle: &handle,
        algorithms: b"sha256",
        start: 0,
        length: 0,
        block_bytes: 0,
        short_name: false,
    });
    close(session, &handle);
    Some(reply)
}

fn ranges(session: &mut Packets) -> Option<Reply> {
    let handle = handle(session, b"/file", 1)?;
    let (offset, length) = (0, 100);
    let reply = session.ask_request(|id| Request::Ranges { id, handle: &handle, offset, length });
    close(session, &handle);
    Some(reply)
}

/// From a file to a new one.
fn copy_data(session: &mut Packets) -> Option<Reply> {
    let from = handle(session, b"/file", 1)?;
    let Some(to) = handle(session, b"/new", 2 | 8) else {
        close(session, &from);
        return None;
    };
    let reply = session.ask_request(|id| Request::CopyData {
        id,
        read_handle: &from,
        read_offset: 0,
        length: 0,
        write_handle: &to,
        write_offset: 0,
    });
    close(session, &from);
    close(session, &to);
    Some(reply)
}

fn copy_file(session: &mut Packets, target: &[u8], overwrite: bool) -> Option<Reply> {
    let source = b"/file";
    Some(session.ask_request(|id| Request::CopyFile { id, source, target, overwrite }))
}

fn renaming(session: &mut Packets, new: &[u8], over: bool) -> Option<Reply> {
    let old = b"/file";
    Some(session.ask_request(|id| match over {
        true => Request::PosixRename { id, old, new },
        false => Request::Rename { id, old, new },
    }))
}

/// A whole listing: OPENDIR, READDIR, CLOSE.
fn listing(session: &mut Packets) -> Option<Reply> {
    let path = b"/dir";
    let handle = match session.ask_request(|id| Request::Opendir { id, path }) {
        Reply::Handle(handle) => handle,
        other => return Some(other),
    };
    let reply = session.ask_request(|id| Request::Readdir { id, handle: &handle });
    close(session, &handle);
    Some(reply)
}

const CASES: &[Case] = &[
    case("OPEN to read", &["download"], |s| opening(s, b"/file", 1)),
    case("OPEN through a link", &["download"], |s| opening(s, b"/link", 1)),
    case("OPEN to write", &["overwrite"], |s| opening(s, b"/file", 2)),
    case("OPEN to write or make", &["overwrite"], |s| opening(s, b"/file", 2 | 8)),
    case("OPEN to empty", &["overwrite"], |s| opening(s, b"/file", 2 | 8 | 0x10)),
    case("OPEN to append", &["overwrite"], |s| opening(s, b"/file", 2 | 4)),
    case("OPEN to make", &["upload"], |s| opening(s, b"/new", 2 | 8)),
    case("OPEN to make, exclusively", &["upload"], |s| opening(s, b"/new", 2 | 8 | 0x20)),
    case("OPEN to make through a link", &["upload"], |s| opening(s, b"/dangling", 2 | 8)),
    case("OPEN to read and write", &["download", "overwrite"], |s| opening(s, b"/file", 3)),
    case("OPEN to read and make", &["download", "upload"], |s| opening(s, b"/new", 1 | 2 | 8)),
    case("OPENDIR", &["list"], listing),
    case("STAT", &["list"], |s| Some(s.ask_request(|id| Request::Stat { id, path: b"/file" }))),
    case("LSTAT", &["list"], |s| Some(s.ask_request(|id| Request::Lstat { id, path: b"/link" }))),
    case("READLINK", &["list"], |s| {
        Some(s.ask_request(|id| Request::Readlink { id, path: b"/link" }))
    }),
    case("statvfs", &["list"], |s| {
        Some(s.ask_request(|id| Request::Statvfs { id, path: b"/file" }))
    }),
    case("space-available", &["list"], |s| {
        Some(s.ask_request(|id| Request::SpaceAvailable { id, path: b"/file" }))
    }),
    case("REALPATH", &[], |s| Some(s.ask_request(|id| Request::Realpath { id, path: b"." }))),
    case("expand-path", &[], |s| Some(s.ask_request(|id| Request::ExpandPath { id, path: b"~" }))),
    case("home-directory", &[], |s| {
        Some(s.ask_request(|id| Request::HomeDirectory { id, user: b"" }))
    }),
    case("limits", &[], |s| Some(s.ask_request(|id| Request::Limits { id }))),
    case("SETSTAT of the size", &["overwrite"], |s| setting(s, size())),
    case("SETSTAT of the mode", &["chmod"], |s| setting(s, mode())),
    case("SETSTAT of the owner", &["chown"], |s| setting(s, owner())),
    case("SETSTAT of the times", &["utime"], |s| setting(s, times())),
    case("SETSTAT of everything", &["overwrite", "chmod", "chown", "utime"], |s| {
        setting(
            s,
            Attrs {
                size: size().size,
                permissions: mode().permissions,
                owner: owner().owner,
                times: times().times,
            },
        )
    }),
    case("lsetstat of the owner", &["chown"], |s| on_link(s, owner())),
    case("lsetstat of the times", &["utime"], |s| on_link(s, times())),
    case("FSETSTAT of the mode", &["download", "chmod"], |s| on_handle(s, mode())),
    case("FSETSTAT of the owner", &["download", "chown"], |s| on_handle(s, owner())),
    case("FSETSTAT of the times", &["download", "utime"], |s| on_handle(s, times())),
    case("REMOVE", &["delete"], |s| {
        Some(s.ask_request(|id| Request::Remove { id, path: b"/file" }))
    }),
    case("MKDIR", &["mkdir"], |s| {
        let attrs = Attrs::default();
        Some(s.ask_request(|id| Request::Mkdir { id, path: b"/made", attrs }))
    }),
    case("RMDIR", &["rmdir"], |s| Some(s.ask_request(|id| Request::Rmdir { id, path: b"/empty" }))),
    case("RENAME", &["rename"], |s| renaming(s, b"/new", false)),
    case("posix-rename", &["rename"], |s| renaming(s, b"/new", true)),
    case("posix-rename over a file", &["rename", "overwrite"], |s| renaming(s, b"/other", true)),
    case("SYMLINK", &["symlink"], |s| {
        let (first, second) = (b"file", b"/made-link");
        Some(s.ask_request(|id| Request::Symlink { id, first, second }))
    }),
    case("hardlink", &["symlink", "download"], |s| {
        Some(s.ask_request(|id| Request::Hardlink { id, old: b"/file", new: b"/second" }))
    }),
    case("check-file-name", &["download"], check),
    case("check-file-handle", &["download"], check_handle),
    case("ranges", &["download"], ranges),
    case("copy-data", &["download", "upload"], copy_data),
    case("copy-file", &["download", "upload"], |s| copy_file(s, b"/new", false)),
    case("copy-file over a file", &["download", "overwrite"], |s| copy_file(s, b"/other", true)),
];

/// Path, mode, size, modification time in ns, owner, content or link text.
type Row = (PathBuf, u32, u64, i64, i64, u32, Vec<u8>);

fn portrait(folder: &Path) -> Vec<Row> {
    let mut rows = Vec::new();
    for entry in fs::read_dir(folder).expect("list") {
        let path = entry.expect("entry").path();
        let meta = fs::symlink_metadata(&path).expect("stat");
        let content = match () {
            () if meta.is_file() => fs::read(&path).expect("read"),
            () if meta.is_symlink() => {
                fs::read_link(&path).expect("readlink").into_os_string().into_encoded_bytes()
            }
            () => {
                rows.extend(portrait(&path));
                Vec::new()
            }
        };
        let (mtime, nanos) = (meta.mtime(), meta.mtime_nsec());
        rows.push((path, meta.mode(), meta.size(), mtime, nanos, meta.uid(), content));
    }
    rows.sort();
    rows
}

/// Makes the folder's content anew. The folder itself stays: the server holds it open.
fn lay_out(root: &Path) {
    for entry in fs::read_dir(root).expect("list") {
        let path = entry.expect("entry").path();
        let is_dir = path.symlink_metadata().expect("stat").is_dir();
        let removed = if is_dir { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.expect("remove");
    }
    fs::create_dir(root.join("dir")).expect("mkdir");
    fs::create_dir(root.join("empty")).expect("mkdir");
    for (name, content) in [("file", "content"), ("other", "another"), ("dir/inner", "inner")] {
        fs::write(root.join(name), content).expect("write");
    }
    symlink("file", root.join("link")).expect("symlink");
    symlink("missing", root.join("dangling")).expect("symlink");
}

/// A user whose root grants all but `withheld`.
fn user(scratch: &Scratch, name: &str, withheld: Option<&str>, read_only: bool) -> String {
    let key = fs::read_to_string(scratch.path("client_key.pub")).expect("a key");
    let root = scratch.path(name);
    fs::create_dir(&root).expect("mkdir");
    lay_out(&root);
    let granted: Vec<_> = GRANTS.into_iter().filter(|it| Some(*it) != withheld).collect();
    format!(
        "[users.{name}]\nroot = {root:?}\nauthorized_keys = [{:?}]\nread_only = {read_only}\n\
         [[users.{name}.folders]]\npath = \"/\"\npermissions = {granted:?}\n",
        key.trim()
    )
}

fn is_denied(reply: Option<&Reply>) -> bool {
    reply.is_none_or(|reply| reply.code() == Some(STATUS_PERMISSION_DENIED))
}

#[test]
fn what_a_withheld_permission_is_for_is_denied_and_changes_nothing() {
    if Subject::chosen() == Subject::Sshd {
        return skipped("sshd has no permissions by folder");
    }
    let scratch = Scratch::new();
    let mut text = user(&scratch, "everything", None, false);
    for withheld in GRANTS {
        text += &user(&scratch, &format!("no-{withheld}"), Some(withheld), false);
    }
    fs::write(scratch.path("users.toml"), text).expect("write");
    let options = Options { users_file: Some(scratch.path("users.toml")), ..Options::default() };
    let mut server = Server::start_with(&scratch, &options);
    let chown = support::server::is_root();
    let mut denied = 0;
    for withheld in [None].into_iter().chain(GRANTS.map(Some)) {
        server.user = withheld.map_or("everything".to_owned(), |it| format!("no-{it}"));
        let root = scratch.path(&server.user);
        let mut session = Packets::open(&server);
        for case in CASES {
            if case.needs.contains(&"chown") && !chown {
                continue;
            }
            lay_out(&root);
            let before = portrait(&root);
            let reply = (case.ask)(&mut session);
            let what = format!("{} as {}: {reply:?}", case.name, server.user);
            if withheld.is_some_and(|it| case.needs.contains(&it)) {
                assert!(is_denied(reply.as_ref()), "{what}");
                let after = portrait(&root);
                assert_eq!(after, before, "{what}: something changed");
                denied += 1;
            } else {
                assert!(!is_denied(reply.as_ref()), "{what}");
                let failed = reply.as_ref().and_then(Reply::code).is_some_and(|code| code > 1);
                assert!(!failed, "{what}");
            }
        }
    }
    let expected = CASES.iter().filter(|it| chown || !it.needs.contains(&"chown"));
    assert_eq!(denied, expected.map(|case| case.needs.len()).sum::<usize>());
}

#[test]
fn read_only_denies_every_request_that_changes_something() {
    if Subject::chosen() == Subject::Sshd {
        return skipped("sshd has no users file");
    }
    const LOOK: [&str; 2] = ["list", "download"];
    let scratch = Scratch::new();
    fs::write(scratch.path("users.toml"), user(&scratch, "reader", None, true)).expect("write");
    let options = Options { users_file: Some(scratch.path("users.toml")), ..Options::default() };
    let mut server = Server::start_with(&scratch, &options);
    server.user = "reader".to_owned();
    let root = scratch.path("reader");
    let before = portrait(&root);
    let mut session = Packets::open(&server);
    for name in ["posix-rename@openssh.com", "hardlink@openssh.com", "copy-data", "copy-file"] {
        assert_eq!(session.extension(name), None, "announced, and always refused");
    }
    assert!(session.extension("check-file").is_some());
    for case in CASES {
        let reply = (case.ask)(&mut session);
        let looks = case.needs.iter().all(|need| LOOK.contains(need));
        assert_eq!(is_denied(reply.as_ref()), !looks, "{}: {reply:?}", case.name);
        assert_eq!(portrait(&root), before, "{}: something changed", case.name);
    }
}
