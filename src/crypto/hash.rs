//! Hashes of the key exchange.

use sha2::Digest;

use super::{Backend, CryptoError};

/// The hash a key exchange method names (RFC 8268, 8731).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HashAlgorithm {
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-384, 48 bytes.
    Sha384,
    /// SHA-512, 64 bytes.
    Sha512,
}

impl HashAlgorithm {
    /// Bytes of a digest.
    pub const fn bytes(self) -> usize {
        match self {
            HashAlgorithm::Sha256 => 32,
            HashAlgorithm::Sha384 => 48,
            HashAlgorithm::Sha512 => 64,
        }
    }

    /// The digest of all `parts` in a row.
    pub fn digest(self, parts: &[&[u8]]) -> Vec<u8> {
        #[cfg(feature = "aws-lc")]
        {
            awslc(self, parts)
        }
        #[cfg(not(feature = "aws-lc"))]
        {
            pure(self, parts)
        }
    }

    /// The digest from the backend named, for tests and benchmarks.
    ///
    /// # Errors
    /// [`CryptoError::UnknownAlgorithm`] if the backend is not in this build.
    pub fn digest_with(self, backend: Backend, parts: &[&[u8]]) -> Result<Vec<u8>, CryptoError> {
        match backend.require()? {
            #[cfg(feature = "aws-lc")]
            Backend::AwsLc => Ok(awslc(self, parts)),
            _ => Ok(pure(self, parts)),
        }
    }
}

#[cfg(feature = "aws-lc")]
fn awslc(hash: HashAlgorithm, parts: &[&[u8]]) -> Vec<u8> {
    use aws_lc_rs::digest::{Context, SHA256, SHA384, SHA512};
    let mut context = Context::new(match hash {
        HashAlgorithm::Sha256 => &SHA256,
        HashAlgorithm::Sha384 => &SHA384,
        HashAlgorithm::Sha512 => &SHA512,
    });
    parts.iter().for_each(|part| context.update(part));
    context.finish().as_ref().to_vec()
}

fn pure(hash: HashAlgorithm, parts: &[&[u8]]) -> Vec<u8> {
    fn run<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
        let mut digest = D::new();
        parts.iter().for_each(|part| digest.update(part));
        digest.finalize().to_vec()
    }
    match hash {
        HashAlgorithm::Sha256 => run::<sha2::Sha256>(parts),
        HashAlgorithm::Sha384 => run::<sha2::Sha384>(parts),
        HashAlgorithm::Sha512 => run::<sha2::Sha512>(parts),
    }
}
