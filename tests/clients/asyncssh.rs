//! AsyncSSH, the other library for Python, which does things its own way: SYMLINK as the draft has
//! it, sparse files by ranges@asyncssh.com, copies on the server. `tests/run` installs it from
//! PyPI.

use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::support::client::Finished;
use super::support::files::{Compare, assert_same_bytes, assert_same_tree};
use super::support::server::{Options, Server, Subject};
use super::support::skipped;
use super::{Site, run};

/// What tests/run installs; other versions have other habits.
const VERSION: &str = "2.21.1";

const PYTHON: &str = "/usr/bin/python3";

/// `sftp` is a session, and `args` what the test has added.
const PREAMBLE: &str = r#"
import asyncio, asyncssh, os, sys
port, user, key, *args = sys.argv[1:]
async def main():
    connection = await asyncssh.connect("127.0.0.1", int(port), username=user, client_keys=[key],
        known_hosts=None, config=None)
    sftp = await connection.start_sftp_client()
"#;

/// Where `tests/run` puts it, or a line that says so.
fn installed() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent()?;
    let folder = target.join(format!("asyncssh-{VERSION}"));
    if folder.join("asyncssh").is_dir() {
        return Some(folder);
    }
    skipped(&format!("no asyncssh {VERSION}; tests/run installs it"));
    None
}

fn python(folder: &Path, site: &Site, script: &str, arguments: &[&str]) -> Finished {
    let mut command = Command::new(PYTHON);
    let body: String = script.trim().lines().map(|line| format!("    {line}\n")).collect();
    let script = format!("{PREAMBLE}{body}asyncio.run(main())\n");
    command.args(["-W", "ignore", "-c", &script, &site.port(), &site.server.user]);
    command.arg(site.scratch.path("client_key")).args(arguments);
    // What lies in the working directory is not for import.
    command.env("PYTHONPATH", folder).env("PYTHONSAFEPATH", "1");
    run(command).expect_success()
}

#[test]
fn up_down_and_trees() {
    let Some(folder) = installed() else { return };
    let site = Site::start();
    site.write_source();
    site.write_tree();
    let script = r#"
source, back, tree, tree_back = args
await sftp.put(source, "/up")
await sftp.get("/up", back)
await sftp.put(tree, "/tree", recurse=True, preserve=True)
await sftp.get("/tree", tree_back, recurse=True, preserve=True)
"#;
    let paths = ["source", "back", "tree", "tree-back"].map(|name| site.local(name));
    python(&folder, &site, script, &paths.each_ref().map(String::as_str));
    site.expect_up("up");
    site.expect_down("back");
    let (tree, back) = (site.scratch.path("tree"), site.scratch.path("tree-back"));
    assert_same_tree(&tree, &site.served("tree"), Compare::BytesModesTimes);
    assert_same_tree(&tree, &back, Compare::BytesModesTimes);
}

/// It names the link first toward a server that is no OpenSSH, and the target first toward one.
#[test]
fn links_say_what_they_were_told_whatever_the_server_calls_itself() {
    let Some(folder) = installed() else { return };
    let mut site = Site::start();
    let idents: &[&str] = match site.server.subject {
        Subject::Ringferry => &["", "OpenSSH_9.2"],
        Subject::Sshd => &[""],
    };
    for (index, ident) in idents.iter().enumerate() {
        if index > 0 {
            let settings = vec![("version_string", (*ident).to_owned())];
            let options = Options { settings, ..Options::default() };
            site.server = Server::start_with(&site.scratch, &options);
        }
        let link = format!("/link-{index}");
        let script = r#"
await sftp.symlink("what it says", args[0])
assert await sftp.readlink(args[0]) == "what it says"
"#;
        python(&folder, &site, script, &[&link]);
        let said = fs::read_link(site.served(&link[1..])).expect("a link");
        assert_eq!(said, Path::new("what it says"), "{ident:?}");
    }
}

#[test]
fn a_sparse_file_stays_sparse_and_is_copied_on_the_server() {
    let Some(folder) = installed() else { return };
    let site = Site::start();
    if site.server.subject == Subject::Sshd {
        return skipped("sshd has no ranges@asyncssh.com");
    }
    let whole = site.served("whole");
    let file = fs::File::create(&whole).expect("create");
    file.set_len(64 << 20).expect("set_len");
    for offset in [0, 5 << 20, (64 << 20) - 4096] {
        file.write_all_at(&[0x5a; 4096], offset).expect("write");
    }
    let script = r#"
await sftp.get("/whole", args[0], sparse=True)
await sftp.copy("/whole", "/copy", sparse=True)
space = await sftp.statvfs("/")
assert space.bavail > 0, space
"#;
    python(&folder, &site, script, &[&site.local("back")]);
    for copy in [site.scratch.path("back"), site.served("copy")] {
        assert_same_bytes(&whole, &copy);
        let kept = fs::metadata(&copy).expect("stat").blocks() * 512;
        assert!(kept < 8 << 20, "{}: {kept} bytes of blocks", copy.display());
    }
}
