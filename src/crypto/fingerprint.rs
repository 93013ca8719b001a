//! Fingerprints of public keys, as people compare them.

use ssh_key::Fingerprint;

use super::HashAlgorithm;

/// "SHA256:" and the base64 of the blob's digest without padding, as `ssh-keygen -l` prints it.
pub fn fingerprint_sha256(public_blob: &[u8]) -> String {
    let digest = HashAlgorithm::Sha256.digest(&[public_blob]);
    let digest = <[u8; 32]>::try_from(digest.as_slice()).unwrap_or_default();
    Fingerprint::Sha256(digest).to_string()
}
