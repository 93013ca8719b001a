//! The host keys: those the configuration names, or one made on the first start and kept.
//!
//! A client that has seen a host key once refuses another, so the key outlives the process; and
//! whoever reads it can pose as the server, so a file that others can read is not used.

mod certificate;
mod kept;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use kept::{StatePlaces, load_or_make};
use zeroize::Zeroizing;

use super::config::Config;
use super::failure::Failure;
use super::private_file::{self, Refusal};
use crate::crypto::{
    CertifiedSigner, CryptoError, Signer, check_key_size, fingerprint_sha256, key_type_of,
    read_private_key,
};

/// A private key of any type and format is well below this.
const FILE_BYTES_MAX: usize = 64 * 1024;
/// Longer than any passphrase people type or programs make.
const PASSPHRASE_BYTES_MAX: usize = 4096;
/// Nobody but the owner.
const MODE_BANNED: u32 = 0o077;

/// A key the server proves itself with.
pub(crate) struct HostKey {
    pub(crate) signer: Arc<dyn Signer>,
    pub(crate) path: PathBuf,
    /// Whether this start made it.
    pub(crate) made: bool,
}

impl HostKey {
    /// `SHA256:...`, as clients show it.
    pub(crate) fn fingerprint(&self) -> String {
        fingerprint_sha256(self.signer.public_blob())
    }

    fn key_type(&self) -> &str {
        key_type_of(self.signer.public_blob()).unwrap_or_default()
    }
}

impl std::fmt::Debug for HostKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HostKey({} {})", self.path.display(), self.fingerprint())
    }
}

/// All host keys, one of a type, and the certificates for them.
#[derive(Debug, Default)]
pub(crate) struct HostKeys {
    keys: Vec<HostKey>,
    certified: Vec<CertifiedSigner>,
}

impl HostKeys {
    /// Those `config` names.
    pub(crate) fn named(config: &Config) -> Result<HostKeys, Failure> {
        let passphrases: Vec<_> = config
            .host_key_passphrase_file
            .iter()
            .map(|path| passphrase(path))
            .collect::<Result<_, Failure>>()?;
        let keys = config.host_key.iter().map(|path| load(path, &passphrases));
        HostKeys::new(keys.collect::<Result<_, _>>()?, config)
    }

    /// Checks `keys` and reads the certificates for them.
    pub(crate) fn new(keys: Vec<HostKey>, config: &Config) -> Result<HostKeys, Failure> {
        let rsa_bits_min = usize::try_from(config.required_rsa_size).unwrap_or(usize::MAX);
        for (at, key) in keys.iter().enumerate() {
            let shown = key.path.display();
            check_key_size(key.signer.public_blob(), rsa_bits_min).map_err(|error| {
                Failure::configuration(format!("host key {shown}: {error}"))
                    .cure(format!("ssh-keygen -t rsa -b {rsa_bits_min} -N '' -f {shown}.new"))
            })?;
            let others = keys.iter().take(at);
            if let Some(other) = others.into_iter().find(|it| it.key_type() == key.key_type()) {
                let (kind, other) = (key.key_type(), other.path.display());
                return Err(Failure::configuration(format!(
                    "host keys {other} and {shown} are both of type {kind}: a client could only \
                     ever be shown one of them"
                ))
                .cure("name one key of each type"));
            }
        }
        let certified = config.host_certificate.iter();
        let certified = certified.map(|path| certificate::load(path, &keys, config));
        let certified: Vec<CertifiedSigner> = certified.collect::<Result<_, _>>()?;
        certificate::check_distinct(&certified, config)?;
        Ok(HostKeys { keys, certified })
    }

    /// The keys, in the order they were named.
    pub(crate) fn keys(&self) -> &[HostKey] {
        &self.keys
    }

    /// The keys and certificates that none of the algorithms `offered` is for, by name.
    pub(crate) fn not_offered(&self, offered: &[&str]) -> Vec<String> {
        let unused =
            |signer: &dyn Signer| !signer.algorithms().iter().any(|name| offered.contains(name));
        let keys = self.keys.iter().filter(|key| unused(&*key.signer));
        let keys = keys.map(|key| format!("host key {}", key.path.display()));
        let certified = self.certified.iter().filter(|it| unused(*it));
        let certified = certified.map(|it| {
            let kind = it.algorithms().first().copied().unwrap_or_default();
            format!("host certificate of type {kind}")
        });
        keys.chain(certified).collect()
    }

    /// Everything that signs: certificates, then plain keys.
    pub(crate) fn signers(self) -> Vec<Arc<dyn Signer>> {
        let certified = self.certified.into_iter().map(|it| Arc::new(it) as Arc<dyn Signer>);
        certified.chain(self.keys.into_iter().map(|key| key.signer)).collect()
    }
}

/// Reads the key file `path`, which the configuration names.
fn load(path: &Path, passphrases: &[Zeroizing<String>]) -> Result<HostKey, Failure> {
    let shown = path.display();
    read(path, passphrases).map_err(|error| match error {
        ReadError::Refused(Refusal::Missing) => {
            Failure::configuration(format!("host key {shown}: there is no such file"))
                .cure(format!("ssh-keygen -t ed25519 -N '' -f {shown}"))
        }
        error => error.into_failure(path),
    })
}

/// The first line of a file only its owner reads.
fn passphrase(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let shown = path.display();
    let failed =
        |what: &str| Failure::configuration(format!("host_key_passphrase_file {shown}: {what}"));
    let bytes = private_file::read(path, PASSPHRASE_BYTES_MAX, MODE_BANNED);
    let bytes = bytes.map(Zeroizing::new).map_err(|refusal| match refusal {
        Refusal::Missing => failed("there is no such file")
            .cure(format!("write the passphrase into it, then chmod 600 {shown}")),
        Refusal::Mode(mode) => failed(&format!("others may use it (mode {mode:04o})"))
            .cure(format!("chmod 600 {shown}")),
        Refusal::NotRegular => failed("it is not a regular file"),
        Refusal::TooLong => failed(&format!("it is longer than {PASSPHRASE_BYTES_MAX} bytes")),
        Refusal::Io(error) => failed(&error.to_string()),
    })?;
    let text = std::str::from_utf8(&bytes).map_err(|_| failed("it is not a text file"))?;
    let line = text.lines().next().filter(|line| !line.is_empty());
    Ok(Zeroizing::new(line.ok_or_else(|| failed("its first line is empty"))?.to_owned()))
}

enum ReadError {
    Refused(Refusal),
    Content(String),
    Crypto(CryptoError),
}

impl ReadError {
    fn into_failure(self, path: &Path) -> Failure {
        let shown = path.display();
        let failure = |what: String| Failure::configuration(format!("host key {shown}: {what}"));
        match self {
            Self::Refused(Refusal::Mode(mode)) => failure(format!(
                "others may use it (mode {mode:04o}), so whoever reads it can pose as this server"
            ))
            .cure(format!("chmod 600 {shown}")),
            Self::Refused(Refusal::Missing) => failure("it vanished".to_owned()),
            Self::Refused(Refusal::NotRegular) => failure("it is not a regular file".to_owned()),
            Self::Refused(Refusal::TooLong) => {
                failure(format!("it is longer than {FILE_BYTES_MAX} bytes: not a private key"))
            }
            Self::Refused(Refusal::Io(error)) => failure(error.to_string())
                .cure("let the user who runs the server read it, or name another key"),
            Self::Crypto(error @ CryptoError::PassphraseNeeded) => failure(error.to_string())
                .cure("put it into a file of mode 0600 and name that in host_key_passphrase_file"),
            Self::Crypto(CryptoError::PassphraseWrong) => {
                failure("no passphrase of host_key_passphrase_file opens it".to_owned())
                    .cure(format!("ssh-keygen -y -f {shown} tells whether a passphrase is right"))
            }
            Self::Crypto(error) => Self::Content(error.to_string()).into_failure(path),
            Self::Content(what) => failure(what).cure(
                "an Ed25519, ECDSA or RSA key in OpenSSH's, PEM or PuTTY's format is needed: \
                 ssh-keygen -t ed25519 -N '' -f FILE",
            ),
        }
    }
}

fn read(path: &Path, passphrases: &[Zeroizing<String>]) -> Result<HostKey, ReadError> {
    let bytes =
        private_file::read(path, FILE_BYTES_MAX, MODE_BANNED).map_err(ReadError::Refused)?;
    let bytes = Zeroizing::new(bytes);
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| ReadError::Content("it is not a text file".to_owned()))?;
    let mut opened = read_private_key(text, None);
    for passphrase in passphrases {
        if matches!(opened, Err(CryptoError::PassphraseNeeded | CryptoError::PassphraseWrong)) {
            opened = read_private_key(text, Some(passphrase));
        }
    }
    let signer = opened.map_err(ReadError::Crypto)?;
    Ok(HostKey { signer, path: path.to_owned(), made: false })
}
