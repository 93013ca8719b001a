//! Which library an algorithm comes from.

use super::CryptoError;

/// A library that implements algorithms. Production code takes `Backend::preferred`; tests and
/// benchmarks name one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Backend {
    /// aws-lc-rs: assembly kernels behind a C library. Only with the feature `aws-lc`.
    AwsLc,
    /// The pure Rust crates; always built.
    PureRust,
    /// The system's OpenSSL, for chacha20-poly1305@openssh.com only. Only with the feature
    /// `openssl`.
    OpenSsl,
    /// liboqs, for the server's half of Streamlined NTRU Prime only. Only with the feature `oqs`.
    Oqs,
}

impl Backend {
    /// The backends in this build that have algorithms of every kind, the preferred one first.
    /// OpenSSL is not among them, see
    /// [`CipherAlgorithm::backends`](super::CipherAlgorithm::backends), nor liboqs, which comes
    /// with aws-lc.
    pub const fn built_in() -> &'static [Backend] {
        if cfg!(feature = "aws-lc") {
            &[Backend::AwsLc, Backend::PureRust]
        } else {
            &[Backend::PureRust]
        }
    }

    /// "aws-lc", "pure-rust", "openssl" or "liboqs".
    pub const fn name(self) -> &'static str {
        match self {
            Backend::AwsLc => "aws-lc",
            Backend::PureRust => "pure-rust",
            Backend::OpenSsl => "openssl",
            Backend::Oqs => "liboqs",
        }
    }

    /// The backend used for everything that both have and for which nothing else was measured.
    pub(super) const fn preferred() -> Backend {
        if cfg!(feature = "aws-lc") { Backend::AwsLc } else { Backend::PureRust }
    }

    /// An error unless the backend is one of [`Backend::built_in`].
    pub(super) fn require(self) -> Result<Backend, CryptoError> {
        if Backend::built_in().contains(&self) {
            Ok(self)
        } else {
            Err(CryptoError::UnknownAlgorithm)
        }
    }
}

/// The backend of this build: "aws-lc" or "pure-rust".
pub fn backend_name() -> &'static str {
    Backend::preferred().name()
}

/// The backend that serves the algorithm of this name, of any kind; `None` if there is no such
/// algorithm. It differs from [`backend_name`] where only one library has it or the other is
/// faster.
pub fn backend_of(algorithm: &str) -> Option<&'static str> {
    if let Some(cipher) = super::cipher(algorithm) {
        return Some(cipher.backend().name());
    }
    if let Some(mac) = super::mac(algorithm) {
        return Some(mac.backend().name());
    }
    if let Some(kex) = super::kex(algorithm) {
        return Some(kex.backend().name());
    }
    if super::signature_algorithms().contains(&algorithm) {
        return Some(super::verify::backend_for(algorithm).name());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::{ciphers, kexes, macs, signature_algorithms};
    use super::*;

    #[test]
    fn every_algorithm_has_a_backend_of_this_build() {
        for cipher in ciphers() {
            let backend = backend_of(cipher.name).unwrap();
            assert!(cipher.backends().iter().any(|it| it.name() == backend), "{}", cipher.name);
        }
        let names = macs().iter().map(|mac| mac.name);
        let names = names.chain(kexes().iter().map(|kex| kex.name));
        for name in names.chain(signature_algorithms().iter().copied()) {
            let backend = backend_of(name).unwrap();
            let liboqs = cfg!(feature = "oqs") && name.starts_with("sntrup761");
            assert_eq!(backend == "liboqs", liboqs);
            let built = Backend::built_in().iter().any(|built| built.name() == backend);
            assert!(built || liboqs, "{name}");
        }
        assert_eq!(backend_of("aes128-cbc"), Some("pure-rust"));
        assert_eq!(backend_of("umac-64@openssh.com"), Some("pure-rust"));
        assert_eq!(backend_of("3des-cbc"), None);
        assert_eq!(backend_name() == "aws-lc", cfg!(feature = "aws-lc"));
    }

    #[test]
    fn a_backend_left_out_is_refused() {
        assert_eq!(Backend::PureRust.require(), Ok(Backend::PureRust));
        let aws_lc = Backend::AwsLc.require();
        assert_eq!(aws_lc.is_ok(), cfg!(feature = "aws-lc"));
    }

    #[test]
    fn openssl_has_one_cipher() {
        let refused = Err(CryptoError::UnknownAlgorithm);
        assert_eq!(Backend::OpenSsl.require(), refused);
        assert_eq!(Backend::Oqs.require(), refused);
        for cipher in ciphers() {
            let [key, iv] = [vec![1; cipher.key_bytes], vec![1; cipher.iv_bytes]];
            let has = cfg!(feature = "openssl") && cipher.name == "chacha20-poly1305@openssh.com";
            assert_eq!(cipher.backends().contains(&Backend::OpenSsl), has, "{}", cipher.name);
            if !has {
                let seal = cipher.seal_with(Backend::OpenSsl, &key, &iv, None).map(drop);
                let open = cipher.open_with(Backend::OpenSsl, &key, &iv, None).map(drop);
                assert_eq!((seal, open), (refused.map(drop), refused.map(drop)));
            }
        }
    }
}
