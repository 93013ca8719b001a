//! RSA keys (RFC 8332): PKCS #1 v1.5 with SHA-256 and SHA-512. SHA-1 is not there.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng;
use rsa::traits::PrivateKeyParts;
use rsa::{BoxedUint, Pkcs1v15Sign, RsaPrivateKey};
use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroizing;

use super::super::blob::{put_positive, put_string};
use super::super::verify::{RSA_SHA256, RSA_SHA512, RsaKey};
use super::super::{Backend, CryptoError};
use super::{HALVES_DIFFER, Signer};

/// An RSA key of 2048 to 16384 bits. The private half is wiped when dropped.
pub struct RsaSigner {
    key: RsaPrivateKey,
    /// The same key for signing: aws-lc takes a fifth of the time, and stops at 8192 bits.
    #[cfg(feature = "aws-lc")]
    fast: Option<aws_lc_rs::rsa::KeyPair>,
    blob: Vec<u8>,
    bits: usize,
}

impl RsaSigner {
    /// The key of these numbers, most significant byte first: modulus, public exponent, private
    /// exponent, and the two primes.
    ///
    /// # Errors
    /// [`CryptoError::PublicKey`] if the public half breaks a bound, [`CryptoError::PrivateKey`] if
    /// the numbers do not belong together.
    pub fn from_numbers(
        modulus: &[u8],
        exponent: &[u8],
        private: &[u8],
        primes: [&[u8]; 2],
    ) -> Result<RsaSigner, CryptoError> {
        let mut blob = Vec::with_capacity(modulus.len() + exponent.len() + 24);
        put_string(&mut blob, b"ssh-rsa");
        put_positive(&mut blob, exponent);
        put_positive(&mut blob, modulus);
        let public = RsaKey::from_blob(&blob)?;
        let bits = public.bits();
        let number = BoxedUint::from_be_slice_vartime;
        // Longer ones cannot belong to this modulus, and would only cost time.
        let too_long =
            |digits: &[u8]| digits.iter().skip_while(|byte| **byte == 0).count() > bits.div_ceil(8);
        let [p, q] = primes;
        if [private, p, q].into_iter().any(too_long) {
            return Err(HALVES_DIFFER);
        }
        let key = RsaPrivateKey::from_components(
            number(modulus),
            number(exponent),
            number(private),
            vec![number(p), number(q)],
        )
        .map_err(|_| HALVES_DIFFER)?;
        #[cfg(feature = "aws-lc")]
        let fast = fast(&key);
        Ok(RsaSigner {
            key,
            #[cfg(feature = "aws-lc")]
            fast,
            blob,
            bits,
        })
    }

    /// Bits of the modulus.
    pub fn bits(&self) -> usize {
        self.bits
    }

    #[cfg(all(test, feature = "aws-lc"))]
    pub(super) fn has_fast(&self) -> bool {
        self.fast.is_some()
    }

    /// As [`Signer::sign`], with the backend named, for tests and benchmarks. Keys over 8192 bits
    /// sign with the pure Rust backend in either case. The bytes are the same.
    ///
    /// # Errors
    /// As [`Signer::sign`], and [`CryptoError::UnknownAlgorithm`] if the backend is not in this
    /// build.
    pub fn sign_with(
        &self,
        backend: Backend,
        algorithm: &str,
        data: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let sha256 = match algorithm {
            RSA_SHA256 => true,
            RSA_SHA512 => false,
            _ => return Err(CryptoError::UnknownAlgorithm),
        };
        let raw = match backend.require()? {
            #[cfg(feature = "aws-lc")]
            Backend::AwsLc if self.fast.is_some() => self.fast_signature(sha256, data),
            _ => self.pure_signature(sha256, data),
        }?;
        let mut out = Vec::with_capacity(raw.len() + 20);
        put_string(&mut out, algorithm.as_bytes());
        put_string(&mut out, &raw);
        Ok(out)
    }

    /// The exponentiation is blinded (its time tells nothing about the key) with a number that
    /// follows from the private key and the data, so that nobody else knows it and a run repeats.
    fn pure_signature(&self, sha256: bool, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let private = Zeroizing::new(self.key.d().to_be_bytes());
        let mut seed = Sha256::new_with_prefix(b"ringferry RSA blinding");
        seed.update(&**private);
        seed.update(data);
        let mut random = ChaCha20Rng::from_seed(seed.finalize().into());
        let signed = if sha256 {
            let scheme = Pkcs1v15Sign::new::<Sha256>();
            self.key.sign_with_rng(&mut random, scheme, &Sha256::digest(data))
        } else {
            let scheme = Pkcs1v15Sign::new::<Sha512>();
            self.key.sign_with_rng(&mut random, scheme, &Sha512::digest(data))
        };
        signed.map_err(|_| CryptoError::PrivateKey("no signature could be made"))
    }

    #[cfg(feature = "aws-lc")]
    fn fast_signature(&self, sha256: bool, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA512};
        const FAILED: CryptoError = CryptoError::PrivateKey("no signature could be made");
        let fast = self.fast.as_ref().ok_or(FAILED)?;
        let mut out = vec![0; fast.public_modulus_len()];
        let padding = if sha256 { &RSA_PKCS1_SHA256 } else { &RSA_PKCS1_SHA512 };
        // The random source is for callers of ring: aws-lc draws its blinding itself, and nothing
        // of it is in the signature.
        let unused = aws_lc_rs::rand::SystemRandom::new();
        fast.sign(padding, &unused, data, &mut out).map_err(|_| FAILED)?;
        Ok(out)
    }
}

/// The key in aws-lc, which wants it as a file holds it (PKCS #1).
#[cfg(feature = "aws-lc")]
fn fast(key: &RsaPrivateKey) -> Option<aws_lc_rs::rsa::KeyPair> {
    use rsa::pkcs1::EncodeRsaPrivateKey;
    let encoded = key.to_pkcs1_der().ok()?;
    aws_lc_rs::rsa::KeyPair::from_der(encoded.as_bytes()).ok()
}

impl Signer for RsaSigner {
    fn algorithms(&self) -> &'static [&'static str] {
        &[RSA_SHA512, RSA_SHA256]
    }

    fn public_blob(&self) -> &[u8] {
        &self.blob
    }

    fn sign(&self, algorithm: &str, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.sign_with(Backend::preferred(), algorithm, data)
    }
}

impl std::fmt::Debug for RsaSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RsaSigner({})", crate::crypto::fingerprint_sha256(&self.blob))
    }
}
