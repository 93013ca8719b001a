//! Signature verification: users' keys on the server, host keys on the client.

use super::{Backend, CryptoError};

/// The signature algorithms accepted, in order of preference; what `server-sig-algs` announces.
pub fn signature_algorithms() -> &'static [&'static str] {
    &["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"]
}

/// The backend in use for a signature algorithm.
pub(super) fn backend_for(_algorithm: &str) -> Backend {
    Backend::preferred()
}

/// Verifies `signature`, a whole SSH signature blob, over `data`. The blob must name `algorithm`,
/// and the key must be of the type that signs with it.
///
/// # Errors
/// [`CryptoError::UnknownAlgorithm`], [`CryptoError::PublicKey`], [`CryptoError::SignatureEncoding`]
/// or [`CryptoError::Signature`].
pub fn verify(
    public_blob: &[u8],
    algorithm: &str,
    data: &[u8],
    signature: &[u8],
) -> Result<(), CryptoError> {
    verify_with(backend_for(algorithm), public_blob, algorithm, data, signature)
}

/// As [`verify`], with the backend named, for tests and benchmarks.
///
/// # Errors
/// As [`verify`], and [`CryptoError::UnknownAlgorithm`] if the backend is not in this build.
pub fn verify_with(
    backend: Backend,
    _public_blob: &[u8],
    _algorithm: &str,
    _data: &[u8],
    _signature: &[u8],
) -> Result<(), CryptoError> {
    backend.require()?;
    Err(CryptoError::UnknownAlgorithm)
}
