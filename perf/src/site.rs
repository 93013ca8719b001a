//! The place a comparison happens in: one folder with the keys, the configuration files and the
//! served folder, which every server gets alike.

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::Outcome;

/// Removed with all its files when dropped.
pub(crate) struct Site {
    dir: PathBuf,
    /// The account that runs this: the only one that an sshd without root can serve.
    pub(crate) user: String,
    numbers: AtomicU32,
}

/// The file of the bulk scenarios.
pub(crate) const BULK: &str = "bulk.bin";

impl Site {
    /// Makes keys and an empty served folder below `parent`.
    pub(crate) fn make(parent: &Path) -> Outcome<Site> {
        let dir = parent.join(format!("ringferry-perf-{}", std::process::id()));
        fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        let user = String::from_utf8(Command::new("id").arg("-un").output()?.stdout)?;
        let site = Site { dir, user: user.trim().to_owned(), numbers: AtomicU32::new(0) };
        fs::create_dir(site.served())?;
        for key in ["client_key", "host_key"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(site.path(key))
                .status()
                .map_err(|e| format!("ssh-keygen: {e}"))?;
            if !made.success() {
                return Err("ssh-keygen failed".into());
            }
        }
        fs::copy(site.path("client_key.pub"), site.path("authorized_keys"))?;
        Ok(site)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The folder that servers serve.
    pub(crate) fn served(&self) -> PathBuf {
        self.path("served")
    }

    pub(crate) fn served_file(&self, name: &str) -> PathBuf {
        self.served().join(name)
    }

    /// A served file of random bytes; one that is there already stays.
    pub(crate) fn serve_file(&self, name: &str, bytes: u64) -> Outcome<()> {
        let path = self.served_file(name);
        if path.exists() {
            return Ok(());
        }
        write_random(&path, bytes)
    }

    /// A number that nobody else gets: for names that no server has heard of yet.
    pub(crate) fn number(&self) -> u32 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// A text for the report, in which this folder is `SITE` and the one it lies in `WORK`: where a
    /// machine keeps them says nothing.
    pub(crate) fn shortened(&self, text: &str) -> String {
        let name = |path: &Path| path.display().to_string();
        let short = text.replace(&name(&self.dir), "SITE");
        self.dir.parent().map_or(short.clone(), |parent| short.replace(&name(parent), "WORK"))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.dir) {
            eprintln!("ringferry-perf: {} is left behind: {error}", self.dir.display());
        }
    }
}

/// Words that no filesystem or transport can compress; the same seed gives the same. xorshift64:
/// not for secrets, but with no short period.
fn random_words(seed: u64) -> impl Iterator<Item = [u8; 8]> {
    let mut state = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
}

/// So many random bytes.
pub(crate) fn random_bytes(seed: u64, bytes: usize) -> Vec<u8> {
    random_words(seed).flatten().take(bytes).collect()
}

/// A file of random bytes, on the disk before this returns, so that no writeback of them falls into
/// the measurement.
fn write_random(path: &Path, bytes: u64) -> Outcome<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut left = bytes;
    let mut words = random_words(0);
    while let Some(word) = words.next().filter(|_| left > 0) {
        let take = word.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        out.write_all(&word[..take])?;
        left -= take as u64;
    }
    out.flush()?;
    out.get_ref().sync_all()?;
    Ok(())
}

/// Compares byte for byte, which costs a fifth of two SHA-256 and finds no less.
pub(crate) fn expect_same(expected: &Path, actual: &Path) -> Outcome<()> {
    compare(File::open(expected)?, actual)
}

/// Compares `actual` with the first bytes of `expected`, of which it must have no more.
pub(crate) fn expect_start_of(expected: &Path, actual: &Path, bytes: u64) -> Outcome<()> {
    compare(File::open(expected)?.take(bytes), actual)
}

fn compare(mut expected: impl Read, actual: &Path) -> Outcome<()> {
    let mut right = File::open(actual).map_err(|e| format!("{}: {e}", actual.display()))?;
    let (mut a, mut b) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let mut offset = 0;
    loop {
        let (got_a, got_b) = (fill(&mut expected, &mut a)?, fill(&mut right, &mut b)?);
        if a[..got_a] != b[..got_b] {
            let text = format!("{} is not the file sent, from byte", actual.display());
            return Err(format!("{text} {offset} or soon after").into());
        }
        if got_a == 0 {
            return Ok(());
        }
        offset += got_a;
    }
}

fn fill(from: &mut impl Read, block: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < block.len() {
        match from.read(&mut block[filled..])? {
            0 => break,
            got => filled += got,
        }
    }
    Ok(filled)
}

/// The number of regular files below `folder`, which must be there.
pub(crate) fn count_files(folder: &Path) -> Outcome<usize> {
    let mut count = 0;
    for entry in fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))? {
        count += usize::from(entry?.file_type()?.is_file());
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparison_sees_a_byte_and_a_length() {
        let dir = std::env::temp_dir().join(format!("ringferry-perf-same-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let (a, b) = (dir.join("a"), dir.join("b"));
        write_random(&a, 3_000_001).unwrap();
        fs::copy(&a, &b).unwrap();
        assert!(expect_same(&a, &b).is_ok());
        let mut bytes = fs::read(&a).unwrap();
        bytes[2_500_000] ^= 1;
        fs::write(&b, &bytes).unwrap();
        assert!(expect_same(&a, &b).is_err());
        bytes[2_500_000] ^= 1;
        bytes.pop();
        fs::write(&b, &bytes).unwrap();
        assert!(expect_same(&a, &b).is_err());
        assert!(expect_same(&b, &a).is_err());
        fs::write(&b, &fs::read(&a).unwrap()[..2_000_000]).unwrap();
        assert!(expect_start_of(&a, &b, 2_000_000).is_ok());
        assert!(expect_start_of(&a, &b, 2_000_001).is_err());
        assert!(expect_start_of(&a, &b, 1_999_999).is_err());
        fs::remove_dir_all(&dir).unwrap();
    }
}
