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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixtures::hex;
    use super::*;

    const HASHES: [HashAlgorithm; 3] =
        [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512];

    /// FIPS 180 examples, the message in pieces.
    #[test]
    fn abc() {
        let digests = [
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
             8086072ba1e7cc2358baeca134c825a7",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ];
        for (hash, digest) in HASHES.iter().zip(digests) {
            assert_eq!(hash.digest(&[b"a", b"", b"bc"]), hex(digest));
            assert_eq!(hash.bytes(), hex(digest).len());
        }
    }

    proptest! {
        #[test]
        fn backends_agree(data in prop::collection::vec(any::<u8>(), 0..600), at in 0usize..600) {
            let (front, back) = data.split_at(at.min(data.len()));
            for hash in HASHES {
                for backend in Backend::built_in() {
                    let digest = hash.digest_with(*backend, &[front, back]).unwrap();
                    prop_assert_eq!(digest, hash.digest(&[&data]));
                }
            }
        }
    }
}
