//! Reads the files that hold for all users: trusted authorities, and what is revoked.

use std::path::Path;

use super::config::Config;
use super::failure::Failure;
use super::private_file::{self, Refusal};
use crate::auth::limits::{FILE_BYTES_MAX, REVOKED_FILE_BYTES_MAX};
use crate::auth::{KeyOptions, KeyRules, Revocations, Trust, authorized_keys};

/// Whoever may write such a file may let himself in, or make a revoked key good again.
const MODE_BANNED: u32 = 0o022;

/// What `trusted_user_ca_keys` and `revoked_keys` name. Nothing of them is passed over: a server
/// that cannot read what is revoked does not start, as sshd then lets nobody in.
pub(crate) fn trust(config: &Config, rules: &KeyRules) -> Result<Trust, Failure> {
    let mut authorities = Vec::new();
    for path in &config.trusted_user_ca_keys {
        let failed = |what: String| failure("trusted_user_ca_keys", path, &what);
        let bytes = read("trusted_user_ca_keys", path, FILE_BYTES_MAX)?;
        let file = authorized_keys::parse(&bytes, rules);
        if let Some(line) = file.rejected.first() {
            return Err(failed(format!("line {}: {}", line.line, line.cause)));
        }
        if let Some(key) = file.keys.iter().find(|key| key.options != KeyOptions::default()) {
            let what = "options in front of an authority's key are for authorized_keys";
            return Err(failed(format!("line {}: {what}", key.line)));
        }
        if file.keys.is_empty() {
            return Err(failed("there is no key in it".to_owned()));
        }
        authorities.extend(file.keys.into_iter().map(|key| key.blob));
    }
    let mut revoked = Revocations::default();
    for path in &config.revoked_keys {
        let bytes = read("revoked_keys", path, REVOKED_FILE_BYTES_MAX)?;
        revoked.add(&bytes).map_err(|problem| {
            failure("revoked_keys", path, &problem.to_string())
                .cure("make it with ssh-keygen -k, or list public keys, one a line")
        })?;
    }
    Ok(Trust::new(&authorities, revoked))
}

fn failure(key: &str, path: &Path, what: &str) -> Failure {
    Failure::configuration(format!("{key} {}: {what}", path.display()))
}

fn read(key: &str, path: &Path, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    private_file::read(path, bytes_max, MODE_BANNED).map_err(|refusal| match refusal {
        Refusal::Mode(mode) => {
            let what = format!("others may write it (mode {mode:04o})");
            failure(key, path, &what).cure(format!("chmod go-w {}", path.display()))
        }
        other => failure(key, path, &other.describe(bytes_max))
            .cure(format!("nobody is let in while it cannot be read; name it right in {key}")),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::daemon::config::{Layer, load};

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGILoQMasvjSnfyOJCTmHXeOzyU9GRwRHd0BA0lqPCy/";

    /// What is said of a file for `key`.
    fn read(key: &str, text: &[u8], mode: u32) -> Result<Trust, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let text = format!("{key} = '{}'", path.display());
        let config = load(&[Layer::File { name: "f", text: &text }]).unwrap();
        trust(&config, &KeyRules::default())
    }

    #[test]
    fn authorities_are_keys_without_options() {
        let key = "trusted_user_ca_keys";
        let said = |text: &str| read(key, text.as_bytes(), 0o644).unwrap_err().causes[0].clone();
        assert!(
            read(key, format!("# ours\n{KEY} ca\n").as_bytes(), 0o644).unwrap().has_authorities()
        );
        assert!(said("").ends_with("file: there is no key in it"));
        assert!(said(&format!("{KEY}\nwhat\n")).contains("line 2: neither a public key"));
        assert!(said(&format!("cert-authority {KEY}\n")).contains("line 1: options in front of"));
        let failure = read(key, KEY.as_bytes(), 0o664).unwrap_err();
        assert_eq!(failure.exit_code, 2);
        assert!(failure.cure.unwrap().starts_with("chmod go-w "));
    }

    /// sshd refuses every key where it cannot read the list: the same, told at once.
    #[test]
    fn a_list_of_revoked_keys_that_cannot_be_read_stops_the_start() {
        let key = "revoked_keys";
        assert!(read(key, b"", 0o644).is_ok());
        assert!(read(key, KEY.as_bytes(), 0o644).is_ok());
        let said = |text: &[u8]| read(key, text, 0o644).unwrap_err().causes[0].clone();
        assert!(said(b"SSHKRL\n\0").ends_with("no key revocation list: it is cut short"));
        assert!(said(b"ssh-ed25519 what\n").ends_with("line 1 is no public key"));
        let config = load(&[Layer::File { name: "f", text: "revoked_keys = '/none'" }]).unwrap();
        let failure = trust(&config, &KeyRules::default()).unwrap_err();
        assert_eq!(failure.causes, ["revoked_keys /none: there is no such file"]);
        assert!(failure.cure.unwrap().contains("nobody is let in"));
    }
}
