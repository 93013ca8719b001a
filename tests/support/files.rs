//! Scratch folders, keys, seeded random files and the comparison of trees.

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

/// A folder of one test, removed with it, on the filesystem of the build (not a tmpfs `/tmp`),
/// which holds a client key, a stranger's key, a host key and the served root.
pub(crate) struct Scratch {
    dir: tempfile::TempDir,
}

impl Scratch {
    pub(crate) fn new() -> Scratch {
        let dir = tempfile::Builder::new()
            .prefix("ringferry-")
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .expect("a scratch folder");
        let scratch = Scratch { dir };
        for key in ["client_key", "stranger_key", "host_key"] {
            make_key(&scratch.path(key));
        }
        fs::copy(scratch.path("client_key.pub"), scratch.path("authorized_keys")).expect("copy");
        fs::create_dir(scratch.root()).expect("the served root");
        // sshd refuses a chroot that others may write to, and the umask is not ours to assume.
        fs::set_permissions(scratch.root(), fs::Permissions::from_mode(0o755)).expect("chmod");
        scratch
    }

    /// The served folder.
    pub(crate) fn root(&self) -> PathBuf {
        self.path("root")
    }

    /// A path inside the served folder.
    pub(crate) fn served(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// A path beside the served folder: what no client may reach.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

fn make_key(path: &Path) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "ringferry-test", "-f"])
        .arg(path)
        .status()
        .expect("ssh-keygen runs");
    assert!(made.success(), "ssh-keygen failed for {}", path.display());
}

/// SplitMix64: reproducible bytes from a seed, fast enough for GiB in a debug build.
pub(crate) struct Seeded(u64);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Seeded {
        Seeded(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            let bytes = self.next().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}

/// Writes `bytes` seeded random bytes, so that no two places of a file look alike.
pub(crate) fn write_random(path: &Path, bytes: u64, seed: u64) {
    let mut seeded = Seeded::new(seed);
    let mut out = BufWriter::new(File::create(path).expect("create"));
    let mut block = vec![0_u8; 64 * 1024];
    let mut left = bytes;
    while left > 0 {
        let take = usize::try_from(left.min(block.len() as u64)).expect("at most a block");
        seeded.fill(&mut block[..take]);
        out.write_all(&block[..take]).expect("write");
        left -= take as u64;
    }
    out.flush().expect("flush");
}

pub(crate) fn sha256(path: &Path) -> String {
    let mut file = File::open(path).unwrap_or_else(|e| panic!("open {}: {e}", path.display()));
    let mut hash = Sha256::new();
    let mut block = vec![0_u8; 1 << 20];
    loop {
        let got = file.read(&mut block).expect("read");
        if got == 0 {
            break;
        }
        hash.update(&block[..got]);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Asserts byte for byte equality, naming the first difference: where it starts says which packet
/// or window boundary went wrong, which a hash cannot.
pub(crate) fn assert_same_bytes(expected: &Path, actual: &Path) {
    let [mut left, mut right] = [expected, actual]
        .map(|path| File::open(path).unwrap_or_else(|e| panic!("open {}: {e}", path.display())));
    let sizes = [&left, &right].map(|file| file.metadata().expect("fstat").len());
    assert_eq!(sizes[0], sizes[1], "size of {} and {}", expected.display(), actual.display());
    let (mut a, mut b) = (vec![0_u8; 1 << 20], vec![0_u8; 1 << 20]);
    let mut offset = 0;
    while offset < sizes[0] {
        let take = usize::try_from((sizes[0] - offset).min(1 << 20)).expect("at most 1 MiB");
        left.read_exact(&mut a[..take]).expect("read");
        right.read_exact(&mut b[..take]).expect("read");
        if a[..take] != b[..take] {
            let at = (0..take).find(|&i| a[i] != b[i]).expect("they differ");
            let at = offset + at as u64;
            panic!("{} differs from {} at byte {at}", actual.display(), expected.display());
        }
        offset += take as u64;
    }
}

/// What a comparison of trees looks at besides names and bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compare {
    Bytes,
    BytesModesTimes,
}

/// Asserts that both folders hold the same names with the same content. Times are compared in
/// whole seconds: SFTP version 3 carries no more.
pub(crate) fn assert_same_tree(expected: &Path, actual: &Path, what: Compare) {
    let names = |dir: &Path| {
        let mut names: Vec<_> = fs::read_dir(dir)
            .unwrap_or_else(|e| panic!("list {}: {e}", dir.display()))
            .map(|entry| entry.expect("entry").file_name())
            .collect();
        names.sort();
        names
    };
    let (left, right) = (names(expected), names(actual));
    if left != right {
        let lost: Vec<_> = left.iter().filter(|name| !right.contains(name)).take(5).collect();
        let extra: Vec<_> = right.iter().filter(|name| !left.contains(name)).take(5).collect();
        panic!("{}: missing {lost:?}, unexpected {extra:?} (at most 5 each)", actual.display());
    }
    for name in left {
        let (a, b) = (expected.join(&name), actual.join(&name));
        let (am, bm) = (fs::symlink_metadata(&a).expect("stat"), fs::symlink_metadata(&b));
        let bm = bm.expect("stat");
        assert_eq!(am.file_type(), bm.file_type(), "type of {}", b.display());
        if what == Compare::BytesModesTimes {
            assert_eq!(am.mode() & 0o7777, bm.mode() & 0o7777, "mode of {}", b.display());
            assert_eq!(am.mtime(), bm.mtime(), "mtime of {}", b.display());
        }
        if am.is_dir() {
            assert_same_tree(&a, &b, what);
        } else {
            assert_same_bytes(&a, &b);
        }
    }
}

/// A folder of `files` files of `bytes` bytes over a few sub-folders, with the names that break
/// clients: spaces, UTF-8 of 2 to 4 bytes, quotes, a leading dash, glob characters.
pub(crate) fn write_tree(root: &Path, files: u64, bytes: u64, seed: u64) {
    const STYLES: [&str; 8] =
        ["plain", "with space", "naïve é", "日本語", "🦀 crab", "quo'te", "-dash", "glob[1]*?"];
    let mut seeded = Seeded::new(seed);
    for index in 0..files {
        let style = STYLES[usize::try_from(index % 8).expect("< 8")];
        let dir = root.join(format!("folder {}", index % 10)).join(format!("ünter-{}", index % 3));
        fs::create_dir_all(&dir).expect("mkdir");
        write_random(&dir.join(format!("{style} {index}")), bytes, seeded.next());
    }
}

/// Gives every entry below `dir` a mode and a time of its own, deepest first so that a folder keeps
/// the time it is given.
pub(crate) fn vary_modes_and_times(dir: &Path, seed: u64) {
    let mut seeded = Seeded::new(seed);
    vary_below(dir, &mut seeded);
}

fn vary_below(dir: &Path, seeded: &mut Seeded) {
    for entry in fs::read_dir(dir).expect("list") {
        let path = entry.expect("entry").path();
        let is_dir = path.is_dir();
        if is_dir {
            vary_below(&path, seeded);
        }
        let modes = if is_dir { [0o755, 0o700, 0o750] } else { [0o644, 0o600, 0o755] };
        let mode = modes[usize::try_from(seeded.below(3)).expect("< 3")];
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("chmod");
        // Between 2001 and 2032: before and after now.
        let seconds = 1_000_000_000 + seeded.below(1_000_000_000);
        let when = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        File::open(&path).expect("open").set_modified(when).expect("set time");
    }
}
