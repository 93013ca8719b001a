//! Certificates for host keys.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{FILE_BYTES_MAX, HostKey};
use crate::crypto::{
    Certificate, CertifiedSigner, CryptoError, Signer, check_key_size, fingerprint_sha256,
};
use crate::daemon::config::Config;
use crate::daemon::failure::Failure;
use crate::daemon::private_file::{self, Refusal};

/// A certificate is public; but whoever may write it could take the server out of service.
const MODE_BANNED: u32 = 0o022;

/// Reads a certificate and joins it to the one of `keys` that it is for.
pub(super) fn load(
    path: &Path,
    keys: &[HostKey],
    config: &Config,
) -> Result<CertifiedSigner, Failure> {
    let shown = path.display();
    let failed = |what: String| Failure::configuration(format!("host_certificate {shown}: {what}"));
    let bytes = private_file::read(path, FILE_BYTES_MAX, MODE_BANNED);
    let bytes = bytes.map_err(|refusal| match refusal {
        Refusal::Missing => failed("there is no such file".to_owned()),
        Refusal::Mode(mode) => failed(format!("others may write it (mode {mode:04o})"))
            .cure(format!("chmod go-w {shown}")),
        Refusal::NotRegular => failed("it is not a regular file".to_owned()),
        Refusal::TooLong => failed(format!("it is longer than {FILE_BYTES_MAX} bytes")),
        Refusal::Io(error) => failed(error.to_string()),
    })?;
    let refused = |error: CryptoError| {
        failed(error.to_string()).cure(
            "a host certificate is needed: ssh-keygen -s CA_KEY -h -I NAME -n HOST HOST_KEY.pub",
        )
    };
    let text = String::from_utf8_lossy(&bytes);
    let blob = Certificate::blob_from_line(&text).map_err(refused)?;
    let certificate = Certificate::from_blob(&blob).map_err(refused)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    certificate.check_host_now(now).map_err(refused)?;
    let rsa_bits_min = usize::try_from(config.required_rsa_size).unwrap_or(usize::MAX);
    check_key_size(certificate.authority_blob(), rsa_bits_min).map_err(refused)?;
    let key = keys.iter().find(|key| key.signer.public_blob() == certificate.key_blob());
    let key = key.ok_or_else(|| {
        let fingerprint = fingerprint_sha256(certificate.key_blob());
        failed(format!("it is for the key {fingerprint}, which is not one of the host keys"))
            .cure("name that key in host_key, or have one of the host keys certified")
    })?;
    CertifiedSigner::new(Arc::clone(&key.signer), &blob).map_err(refused)
}

/// Two certificates for one key: a client could only ever be shown the first.
pub(super) fn check_distinct(
    certified: &[CertifiedSigner],
    config: &Config,
) -> Result<(), Failure> {
    for (at, one) in certified.iter().enumerate() {
        let same = |other: &CertifiedSigner| other.algorithms() == one.algorithms();
        if let Some(first) = certified.iter().take(at).position(same) {
            let path = |at: usize| config.host_certificate.get(at).map(|path| path.display());
            if let (Some(first), Some(second)) = (path(first), path(at)) {
                return Err(Failure::configuration(format!(
                    "host_certificate {first} and {second} are for the same key"
                ))
                .cure("name one certificate for each key"));
            }
        }
    }
    Ok(())
}
