//! A host key together with the certificate for it.

use std::sync::Arc;

use super::super::{Certificate, CryptoError};
use super::{Signer, plain_algorithm};

/// A key that shows a certificate instead of its plain public half.
pub struct CertifiedSigner {
    signer: Arc<dyn Signer>,
    certificate: Vec<u8>,
    algorithms: &'static [&'static str],
}

impl CertifiedSigner {
    /// `signer` with a certificate, as on the wire, for its public half.
    ///
    /// # Errors
    /// [`CryptoError::Certificate`] if it is for another key or does not hold together.
    pub fn new(signer: Arc<dyn Signer>, certificate: &[u8]) -> Result<Self, CryptoError> {
        let parsed = Certificate::from_blob(certificate)?;
        if parsed.key_blob() != signer.public_blob() {
            return Err(CryptoError::Certificate("for another key"));
        }
        let algorithms: &'static [&'static str] = match signer.algorithms().first().copied() {
            Some("ssh-ed25519") => &["ssh-ed25519-cert-v01@openssh.com"],
            Some("ecdsa-sha2-nistp256") => &["ecdsa-sha2-nistp256-cert-v01@openssh.com"],
            Some("ecdsa-sha2-nistp384") => &["ecdsa-sha2-nistp384-cert-v01@openssh.com"],
            Some("ecdsa-sha2-nistp521") => &["ecdsa-sha2-nistp521-cert-v01@openssh.com"],
            Some("rsa-sha2-512") => {
                &["rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-256-cert-v01@openssh.com"]
            }
            _ => return Err(CryptoError::UnknownAlgorithm),
        };
        Ok(Self { signer, certificate: certificate.to_vec(), algorithms })
    }
}

impl Signer for CertifiedSigner {
    fn algorithms(&self) -> &'static [&'static str] {
        self.algorithms
    }

    /// The certificate.
    fn public_blob(&self) -> &[u8] {
        &self.certificate
    }

    /// The signature names the plain algorithm, as OpenSSH's does.
    fn sign(&self, algorithm: &str, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if !self.algorithms.contains(&algorithm) {
            return Err(CryptoError::UnknownAlgorithm);
        }
        self.signer.sign(plain_algorithm(algorithm), data)
    }
}

impl std::fmt::Debug for CertifiedSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fingerprint = crate::crypto::fingerprint_sha256(self.signer.public_blob());
        write!(f, "CertifiedSigner({fingerprint})")
    }
}
