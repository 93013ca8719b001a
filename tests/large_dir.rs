//! A folder of 100,000 entries, a million with `RINGFERRY_TEST_LARGE`: the first answer comes at
//! once, memory does not grow with the folder, and every name arrives, once.

mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use ringferry_sftp::Request;
use support::files::Scratch;
use support::packets::{Packets, Reply, STATUS_EOF};
use support::server::{Options, Server, Subject};
use support::{is_large, skipped};

/// A whole listing, in a debug build, beside other tests.
const LONG: Duration = Duration::from_secs(300);

/// Names of one file before another is made: ext4 allows 65,000.
const LINKS: u64 = 50_000;

/// What the server may grow by, however many entries there are.
const GROWTH_KIB_MAX: u64 = 4 * 1024;

/// The most entries of one reply: as OpenSSH's.
const REPLY_ENTRIES_MAX: usize = 100;

fn entries() -> u64 {
    if is_large() { 1_000_000 } else { 100_000 }
}

/// Of lengths from 13 to 52, as names of files are.
fn name_of(index: u64) -> String {
    let tail = usize::try_from(index % 40).expect("< 40");
    format!("entry-{index:07}{}", &"_and_what_else_there_is_to_say_about_it_"[..tail])
}

fn index_of(name: &[u8]) -> Option<u64> {
    let digits = name.strip_prefix(b"entry-")?.get(..7)?;
    let index = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (name == name_of(index).as_bytes()).then_some(index)
}

/// A root in memory, where there is such a folder, with `many` entries in one folder and 300 in
/// another.
fn served_folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    // sshd takes no root below a folder that all may write to.
    let in_memory = memory.is_dir() && Subject::chosen() == Subject::Ringferry;
    let place = if in_memory { memory } else { Path::new(env!("CARGO_TARGET_TMPDIR")) };
    let root =
        tempfile::Builder::new().prefix("ringferry-").tempdir_in(place).expect("a folder to serve");
    for (folder, count) in [("few", 300), ("many", entries())] {
        let folder = root.path().join(folder);
        fs::create_dir(&folder).expect("mkdir");
        let mut file = folder.join(name_of(0));
        for index in 0..count {
            let path = folder.join(name_of(index));
            // One more name is quicker than one more file, and the same to a listing.
            if index % LINKS == 0 {
                fs::write(&path, "x").expect("write");
                file = path;
            } else {
                fs::hard_link(&file, &path).expect("link");
            }
        }
    }
    root
}

/// Lists a folder and says how long the first reply took. Each of `expected` entries must come,
/// and come once.
fn list(session: &mut Packets, path: &str, expected: u64) -> Duration {
    let start = Instant::now();
    let path = path.as_bytes();
    let handle = session.ask_request(|id| Request::Opendir { id, path }).expect_handle();
    let mut seen = vec![false; usize::try_from(expected).expect("small")];
    let (mut first, mut dots) = (None, 0);
    loop {
        let reply = session.ask_request(|id| Request::Readdir { id, handle: &handle });
        first.get_or_insert_with(|| start.elapsed());
        let Reply::Names(entries) = reply else {
            reply.expect_status(STATUS_EOF);
            break;
        };
        assert!((1..=REPLY_ENTRIES_MAX).contains(&entries.len()), "{} entries", entries.len());
        for entry in entries {
            if entry.name == b"." || entry.name == b".." {
                dots += 1;
                continue;
            }
            let index = index_of(&entry.name).unwrap_or_else(|| panic!("{entry:?}"));
            let place = &mut seen[usize::try_from(index).expect("small")];
            assert!(!std::mem::replace(place, true), "a second time: {entry:?}");
            assert_eq!(entry.attrs.size, Some(1), "{entry:?}");
            assert!(entry.longname.starts_with("-rw"), "{entry:?}");
        }
    }
    let missing = seen.iter().filter(|seen| !**seen).count();
    assert_eq!((missing, dots), (0, 2), "(missing, `.` and `..`)");
    session.ask_request(|id| Request::Close { id, handle: &handle }).expect_ok();
    first.expect("a reply")
}

#[test]
fn by_packets() {
    let (scratch, root) = (Scratch::new(), served_folder());
    let options = Options { root: Some(root.path().to_owned()), ..Options::default() };
    let server = Server::start_with(&scratch, &options);
    let mut session = Packets::open(&server);
    // Whatever one listing needs at all is there after this.
    list(&mut session, "/few", 300);
    let before = server.memory_kib("VmRSS");
    server.reset_peak();
    let start = Instant::now();
    let first = list(&mut session, "/many", entries());
    let (whole, peak) = (start.elapsed(), server.memory_kib("VmHWM"));
    eprintln!("{} entries: the first reply after {first:.1?}, all after {whole:.1?}", entries());
    // A bound for a machine that is busy with other tests; the figure to look at is the printed.
    assert!(first < Duration::from_secs(2), "the first reply after {first:?}");
    if server.subject == Subject::Sshd {
        return skipped("(memory only) sshd's sessions are processes of their own");
    }
    let grown = peak.saturating_sub(before);
    eprintln!("memory: {before} KiB before, {peak} KiB at the most");
    assert!(grown <= GROWTH_KIB_MAX, "grown by {grown} KiB");
}

#[test]
fn by_openssh_unsorted() {
    let (scratch, root) = (Scratch::new(), served_folder());
    let options = Options { root: Some(root.path().to_owned()), ..Options::default() };
    let server = Server::start_with(&scratch, &options);
    let start = Instant::now();
    let finished = server.sftp(&["-q"], "cd /many\nls -1f\n", LONG).expect_success();
    eprintln!("{} entries by `ls -1f`: {:.1?}", entries(), start.elapsed());
    let names = finished.stdout.lines().filter(|line| !line.starts_with("sftp> "));
    let mut indices: Vec<u64> =
        names.map(|name| index_of(name.as_bytes()).unwrap_or_else(|| panic!("{name:?}"))).collect();
    indices.sort_unstable();
    assert!(indices.iter().copied().eq(0..entries()), "{} names", indices.len());
}
