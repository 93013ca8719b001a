//! What other servers let paths do (CVE rows of class F in `cve.rs`), tried on a running one.

mod support;

use std::fs;
use std::os::unix::fs::symlink;

use ringferry_sftp::{Attrs, OpenFlags, Request};
use support::files::Scratch;
use support::packets::{
    OPEN_READ, OPEN_WRITE_CREATE, Packets, Reply, STATUS_NO_SUCH_FILE, STATUS_PERMISSION_DENIED,
};
use support::server::{Options, Server, Subject, ringferry};
use support::skipped;

fn open(session: &mut Packets, path: &str, flags: OpenFlags) -> Reply {
    let attrs = Attrs::default();
    session.ask_request(|id| Request::Open { id, path: path.as_bytes(), flags, attrs })
}

fn set_mode(session: &mut Packets, path: &[u8]) -> Reply {
    let attrs = Attrs { permissions: Some(0o600), ..Attrs::default() };
    session.ask_request(|id| Request::Setstat { id, path, attrs })
}

/// A server whose only user `ann` has these tables; `None` where another server is under test.
fn server_for_ann(scratch: &Scratch, tables: &str) -> Option<Server> {
    if Subject::chosen() != Subject::Ringferry {
        skipped("the users file is ours");
        return None;
    }
    let key = fs::read_to_string(scratch.path("client_key.pub")).expect("a key");
    let (root, key) = (scratch.root(), key.trim());
    let text = format!("[users.ann]\nroot = {root:?}\nauthorized_keys = [{key:?}]\n{tables}");
    fs::write(scratch.path("users.toml"), text).expect("write");
    let users_file = Some(scratch.path("users.toml"));
    let mut server = Server::start_with(scratch, &Options { users_file, ..Options::default() });
    server.user = "ann".to_owned();
    Some(server)
}

#[test]
fn cve_2026_23942_cve_2026_40876_cve_2026_49244_a_folder_named_like_the_root_is_outside() {
    let scratch = Scratch::new();
    // Beside `root`, with `root` in front of its name.
    fs::create_dir(scratch.path("root-and-more")).expect("mkdir");
    fs::write(scratch.path("root-and-more/secret"), "secret").expect("write");
    let server = Server::start(&scratch);
    let mut session = Packets::open(&server);
    let beside = scratch.path("root-and-more/secret");
    let paths = [
        "../root-and-more/secret",
        "/../root-and-more/secret",
        "-and-more/secret",
        "/./../root-and-more/./secret",
        "//..//root-and-more//secret",
        beside.to_str().expect("UTF-8"),
    ];
    for path in paths {
        open(&mut session, path, OpenFlags::READ).expect_status(STATUS_NO_SUCH_FILE);
        let path = path.as_bytes();
        session.ask_request(|id| Request::Stat { id, path }).expect_status(STATUS_NO_SUCH_FILE);
    }
}

#[test]
fn cve_2026_30914_every_spelling_of_a_path_meets_its_rule() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.served("private/deeper")).expect("mkdir");
    fs::create_dir(scratch.served("public")).expect("mkdir");
    fs::create_dir(scratch.served("private-not")).expect("mkdir");
    for name in ["private/f", "private/deeper/f", "private-not/f"] {
        fs::write(scratch.served(name), "content").expect("write");
    }
    symlink("../private", scratch.served("public/link")).expect("symlink");
    symlink("/private/f", scratch.served("public/file")).expect("symlink");
    let rule = "[[users.ann.folders]]\npath = \"/private\"\npermissions = []\n";
    let Some(server) = server_for_ann(&scratch, rule) else { return };
    let mut session = Packets::open(&server);
    let spellings = [
        "/private/f",
        "private/f",
        "//private//f",
        "/./private/./f",
        "/public/../private/f",
        "/private/deeper/../f",
        "/private/deeper/f",
        "/public/link/f",
        "/public/link/../private/f",
        "/public/file",
        "../../private/f",
    ];
    for path in spellings {
        let denied = open(&mut session, path, OpenFlags::READ);
        denied.expect_status(STATUS_PERMISSION_DENIED);
        set_mode(&mut session, path.as_bytes()).expect_status(STATUS_PERMISSION_DENIED);
    }
    // Not a folder below it, though its name begins so.
    let handle = open(&mut session, "/private-not/f", OpenFlags::READ).expect_handle();
    session.ask_request(|id| Request::Close { id, handle: &handle }).expect_ok();
}

#[test]
fn cve_2026_30915_a_user_name_is_no_path() {
    let scratch = Scratch::new();
    for name in ["../x", "a/b", "..", ".", "", "a\\u0000b", "a\\nb"] {
        let text = format!("[users.\"{name}\"]\nroot = {:?}\n", scratch.root());
        fs::write(scratch.path("users.toml"), text).expect("write");
        let set = format!("users_file={}", scratch.path("users.toml").display());
        let output = ringferry().args(["check", "--set", &set]).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{name:?} passes");
    }
}

#[test]
fn cve_2026_48855_no_answer_tells_where_the_root_is() {
    let scratch = Scratch::new();
    if Subject::chosen() == Subject::Sshd {
        return skipped("sshd tells a link's text as it is");
    }
    fs::write(scratch.served("file"), "content").expect("write");
    symlink(scratch.served("file"), scratch.served("absolute")).expect("symlink");
    symlink(scratch.root(), scratch.served("itself")).expect("symlink");
    let server = Server::start(&scratch);
    let mut session = Packets::open(&server);
    let text = |reply: Reply| {
        let entries = reply.expect_names();
        String::from_utf8(entries[0].name.clone()).expect("UTF-8")
    };
    let read = |session: &mut Packets, path: &'static [u8]| {
        text(session.ask_request(|id| Request::Readlink { id, path }))
    };
    assert_eq!(read(&mut session, b"/absolute"), "/file");
    assert_eq!(read(&mut session, b"/itself"), "/");
    let path = b"/file/../absolute";
    let host = scratch.root().display().to_string();
    for reply in [
        session.ask_request(|id| Request::Realpath { id, path }),
        session.ask_request(|id| Request::Realpath { id, path: b"none/none" }),
        session.ask_request(|id| Request::Stat { id, path: b"/itself/none" }),
        session.ask_request(|id| Request::Mkdir { id, path: b"/file", attrs: Attrs::default() }),
    ] {
        assert!(!format!("{reply:?}").contains(&host), "{reply:?}");
    }
}

#[test]
fn cve_2023_35887_what_is_outside_answers_like_what_is_nowhere() {
    let scratch = Scratch::new();
    fs::write(scratch.path("there"), "outside").expect("write");
    let server = Server::start(&scratch);
    let mut session = Packets::open(&server);
    let made = Attrs::default();
    for request in 0..5 {
        let mut ask = |name: &str| {
            let path = format!("/../{name}");
            let path = path.as_bytes();
            session.ask_request(|id| match request {
                0 => Request::Stat { id, path },
                1 => Request::Remove { id, path },
                2 => Request::Opendir { id, path },
                3 => Request::Rename { id, old: path, new: b"/stolen" },
                _ => Request::Setstat { id, path, attrs: made },
            })
        };
        assert_eq!(ask("there"), ask("nowhere"), "request {request}");
    }
    assert_eq!(fs::read(scratch.path("there")).expect("read"), b"outside");
}

#[test]
fn cve_2015_3306_cve_2019_12815_a_copy_needs_the_permissions_of_both_folders() {
    let scratch = Scratch::new();
    for folder in ["out", "in", "free"] {
        fs::create_dir(scratch.served(folder)).expect("mkdir");
        fs::write(scratch.served(&format!("{folder}/f")), folder).expect("write");
    }
    let tables = "[[users.ann.folders]]\npath = \"/in\"\npermissions = [\"list\", \"upload\"]\n\
                  [[users.ann.folders]]\npath = \"/out\"\n\
                  permissions = [\"list\", \"download\"]\n";
    let Some(server) = server_for_ann(&scratch, tables) else { return };
    let mut session = Packets::open(&server);
    let mut copy = |source: &str, target: &str, overwrite: bool| {
        let (source, target) = (source.as_bytes(), target.as_bytes());
        session.ask_request(|id| Request::CopyFile { id, source, target, overwrite })
    };
    for (source, target, overwrite) in [
        ("/in/f", "/free/new", false),
        ("/free/f", "/out/new", false),
        ("/free/f", "/out/f", true),
        ("/out/f", "/in/f", true),
        ("/in/f", "/in/new", false),
    ] {
        let denied = copy(source, target, overwrite);
        denied.expect_status(STATUS_PERMISSION_DENIED);
    }
    copy("/out/f", "/in/new", false).expect_ok();
    copy("/out/f", "/free/f", true).expect_ok();
    assert_eq!(fs::read(scratch.served("in/new")).expect("read"), b"out");
    assert_eq!(fs::read(scratch.served("free/f")).expect("read"), b"out");
    assert!(!scratch.served("out/new").exists() && !scratch.served("free/new").exists());
}

#[test]
fn proftpd_2180_attributes_change_by_the_folders_rule_by_path_and_by_handle() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.served("kept")).expect("mkdir");
    fs::write(scratch.served("kept/f"), "kept").expect("write");
    let tables = "[[users.ann.folders]]\npath = \"/kept\"\n\
                  permissions = [\"list\", \"download\", \"upload\"]\n";
    let Some(server) = server_for_ann(&scratch, tables) else { return };
    let mut session = Packets::open(&server);
    set_mode(&mut session, b"/kept/f").expect_status(STATUS_PERMISSION_DENIED);
    let reading = session.ask_handle("/kept/f", OPEN_READ);
    let cut = Attrs { size: Some(0), ..Attrs::default() };
    let mode = Attrs { permissions: Some(0o777), ..Attrs::default() };
    for attrs in [cut, mode] {
        let reply = session.ask_request(|id| Request::Fsetstat { id, handle: &reading, attrs });
        reply.expect_status(STATUS_PERMISSION_DENIED);
    }
    let made = session.ask_handle("/kept/new", OPEN_WRITE_CREATE);
    session.ask_request(|id| Request::Fsetstat { id, handle: &made, attrs: cut }).expect_ok();
    let reply = session.ask_request(|id| Request::Fsetstat { id, handle: &made, attrs: mode });
    reply.expect_status(STATUS_PERMISSION_DENIED);
    assert_eq!(fs::read(scratch.served("kept/f")).expect("read"), b"kept");
}
