//! Reads the small files trust rests on: bounded, regular, and not open to others.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// Why a file is not read.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It is not there.
    Missing,
    /// It cannot be opened or read.
    Io(io::Error),
    /// It is a folder, a device, a socket...
    NotRegular,
    /// It holds more than the bound.
    TooLong,
    /// Others have a right they must not have; the mode's last nine bits.
    Mode(u32),
}

impl Refusal {
    /// In words; `bytes_max` is the bound that was set.
    pub(crate) fn describe(&self, bytes_max: usize) -> String {
        match self {
            Self::Missing => "there is no such file".to_owned(),
            Self::Io(error) => error.to_string(),
            Self::NotRegular => "it is not a regular file".to_owned(),
            Self::TooLong => format!("it is longer than {bytes_max} bytes"),
            Self::Mode(mode) => format!("others may use it (mode {mode:04o})"),
        }
    }
}

/// Reads `path` whole if it is a regular file of at most `bytes_max` bytes and its mode has none of
/// the bits in `mode_banned`. What is checked is the open file, not the name.
pub(crate) fn read(path: &Path, bytes_max: usize, mode_banned: u32) -> Result<Vec<u8>, Refusal> {
    read_opened(open(path, OFlags::empty())?, bytes_max, mode_banned, None)
}

/// The same of a file whose name is no link, and which belongs to one of `owners`.
pub(crate) fn read_owned(
    path: &Path,
    bytes_max: usize,
    mode_banned: u32,
    owners: &[u32],
) -> Result<Vec<u8>, Refusal> {
    read_opened(open(path, OFlags::NOFOLLOW)?, bytes_max, mode_banned, Some(owners))
}

fn read_opened(
    file: File,
    bytes_max: usize,
    mode_banned: u32,
    owners: Option<&[u32]>,
) -> Result<Vec<u8>, Refusal> {
    let metadata = file.metadata().map_err(Refusal::Io)?;
    if !metadata.is_file() {
        return Err(Refusal::NotRegular);
    }
    if owners.is_some_and(|owners| !owners.contains(&metadata.uid())) {
        let what = format!("it belongs to somebody else (uid {})", metadata.uid());
        return Err(Refusal::Io(io::Error::other(what)));
    }
    let mode = metadata.mode() & 0o777;
    if mode & mode_banned != 0 {
        return Err(Refusal::Mode(mode));
    }
    let mut bytes = Vec::new();
    let bound = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    file.take(bound).read_to_end(&mut bytes).map_err(Refusal::Io)?;
    if bytes.len() > bytes_max { Err(Refusal::TooLong) } else { Ok(bytes) }
}

/// Without O_NONBLOCK a FIFO in the place of the file would stop the reader for good.
fn open(path: &Path, more: OFlags) -> Result<File, Refusal> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY | more;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => Ok(File::from(fd)),
        Err(Errno::NOENT | Errno::NOTDIR) => Err(Refusal::Missing),
        Err(errno) => Err(Refusal::Io(errno.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn bounds_kind_and_mode_are_checked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert!(matches!(read(&path, 10, 0), Err(Refusal::Missing)));
        std::fs::write(&path, "0123456789").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(read(&path, 10, 0o022).unwrap(), b"0123456789");
        assert!(matches!(read(&path, 9, 0o022), Err(Refusal::TooLong)));
        assert!(matches!(read(&path, 10, 0o077), Err(Refusal::Mode(0o640))));
        assert!(matches!(read(folder.path(), 10, 0), Err(Refusal::NotRegular)));
        let fifo = folder.path().join("fifo");
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, kind, 0o600.into(), 0).unwrap();
        assert!(matches!(read(&fifo, 10, 0), Err(Refusal::NotRegular)));
    }
}
