//! The host key of a server that names none: made on the first start and kept.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{HostKey, ReadError, read};
use crate::crypto::{Ed25519Signer, Signer, public_line};
use crate::daemon::failure::Failure;
use crate::daemon::private_file::Refusal;

/// The name of the key that is made, as ssh-keygen -A would call it.
const FILE_NAME: &str = "ssh_host_ed25519_key";
/// The folder next to root, for users without a home.
const FOLDER_NEXT_TO_ROOT: &str = "ringferry-state";

/// The variables that say where state is kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct StatePlaces {
    /// `$STATE_DIRECTORY`, from systemd; of several, separated by colons, the first.
    pub(crate) state_directory: Option<String>,
    /// `$XDG_STATE_HOME`.
    pub(crate) xdg_state_home: Option<String>,
    /// The invoking user's home.
    pub(crate) home: Option<PathBuf>,
}

impl StatePlaces {
    /// As the environment has them.
    pub(crate) fn from_environment(home: Option<PathBuf>) -> Self {
        let variable = |name| std::env::var(name).ok();
        Self {
            state_directory: variable("STATE_DIRECTORY"),
            xdg_state_home: variable("XDG_STATE_HOME"),
            home,
        }
    }

    /// The folders to try, in order: one that was asked for is the only one.
    pub(super) fn folders(&self, root: &Path) -> Vec<PathBuf> {
        let first = self.state_directory.as_deref().and_then(|list| list.split(':').next());
        if let Some(folder) = first.filter(|folder| folder.starts_with('/')) {
            return vec![PathBuf::from(folder)];
        }
        // The XDG specification: a relative path is invalid and to be ignored.
        let xdg = self.xdg_state_home.as_deref().filter(|folder| folder.starts_with('/'));
        if let Some(folder) = xdg {
            return vec![Path::new(folder).join("ringferry")];
        }
        let home = self.home.iter().map(|home| home.join(".local/state/ringferry"));
        let beside = root.parent().map(|parent| parent.join(FOLDER_NEXT_TO_ROOT));
        home.chain(beside).collect()
    }
}

/// The kept key, made first where there is none. `seed` gives fresh randomness.
pub(crate) fn load_or_make(
    places: &StatePlaces,
    root: &Path,
    seed: impl Fn() -> Result<[u8; 32], Failure>,
) -> Result<HostKey, Failure> {
    let mut last = None;
    for folder in places.folders(root) {
        match in_folder(&folder, &seed) {
            Ok(key) => return Ok(key),
            // A key that is there but may not be used must not be passed over for a new one.
            Err(FolderError::Key(failure)) => return Err(failure),
            Err(FolderError::Folder(error)) => last = Some((folder, error)),
        }
    }
    let what = match last {
        Some((folder, error)) => {
            format!("no host key can be kept in {}: {error}", folder.display())
        }
        None => "there is no folder to keep a host key in".to_owned(),
    };
    Err(Failure::runtime(what).cure("name a key with --host-key, or set XDG_STATE_HOME"))
}

enum FolderError {
    Folder(io::Error),
    Key(Failure),
}

fn in_folder(
    folder: &Path,
    seed: impl Fn() -> Result<[u8; 32], Failure>,
) -> Result<HostKey, FolderError> {
    let path = folder.join(FILE_NAME);
    let made = match read(&path, &[]) {
        Ok(key) => return Ok(key),
        Err(ReadError::Refused(Refusal::Missing)) => {
            make(folder, &path, seed().map_err(FolderError::Key)?)?
        }
        Err(error) => return Err(FolderError::Key(error.into_failure(&path))),
    };
    // Another start may have been faster: what counts is the file.
    let key = read(&path, &[]).map_err(|error| FolderError::Key(error.into_failure(&path)))?;
    Ok(HostKey { made, ..key })
}

/// Makes a key in `path` unless one appears there first. The file gets its name only when it is
/// whole, and a link never replaces: two starts at once agree on one key.
fn make(folder: &Path, path: &Path, seed: [u8; 32]) -> Result<bool, FolderError> {
    let encoding = |error| FolderError::Key(Failure::runtime(format!("new host key: {error}")));
    let signer = Ed25519Signer::from_seed(seed);
    let private = signer.to_openssh_private_key("ringferry host key").map_err(encoding)?;
    let public = public_line(signer.public_blob(), "ringferry host key").map_err(encoding)?;
    let attempt = || -> io::Result<bool> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let draft = folder.join(draft_name(&signer));
        let published = write_new(&draft, private.as_bytes()).and_then(|()| publish(&draft, path));
        let _ = fs::remove_file(&draft);
        let made = published?;
        fs::File::open(folder)?.sync_all()?;
        if made {
            // For people who hand out known_hosts lines; the server does not read it.
            let _ = write_public(&path.with_extension("pub"), &format!("{public}\n"));
        }
        Ok(made)
    };
    attempt().map_err(FolderError::Folder)
}

/// A name no other start uses: the end of the public key, which is as random as the key.
fn draft_name(signer: &Ed25519Signer) -> String {
    let mut name = format!(".{FILE_NAME}.");
    for byte in signer.public_blob().iter().rev().take(12) {
        name.push_str(&format!("{byte:02x}"));
    }
    name
}

/// With a mode of its own: the server's umask is 0.
fn write_public(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o644);
    options.open(path)?.write_all(text.as_bytes())
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Gives `draft` the name `path`; false if that is taken. Some filesystems know no links.
fn publish(draft: &Path, path: &Path) -> io::Result<bool> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let linked = fs::hard_link(draft, path).or_else(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(renameat_with(CWD, draft, CWD, path, RenameFlags::NOREPLACE)?),
    });
    match linked {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}
