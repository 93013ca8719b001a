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
}

impl Backend {
    /// The backends in this build, the preferred one first.
    pub const fn built_in() -> &'static [Backend] {
        if cfg!(feature = "aws-lc") {
            &[Backend::AwsLc, Backend::PureRust]
        } else {
            &[Backend::PureRust]
        }
    }

    /// "aws-lc" or "pure-rust".
    pub const fn name(self) -> &'static str {
        match self {
            Backend::AwsLc => "aws-lc",
            Backend::PureRust => "pure-rust",
        }
    }

    /// The backend used for everything that both have and for which nothing else was measured.
    pub(super) const fn preferred() -> Backend {
        if cfg!(feature = "aws-lc") { Backend::AwsLc } else { Backend::PureRust }
    }

    /// An error unless the backend is in this build.
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
        let names = ciphers().iter().map(|cipher| cipher.name);
        let names = names.chain(macs().iter().map(|mac| mac.name));
        let names = names.chain(kexes().iter().map(|kex| kex.name));
        for name in names.chain(signature_algorithms().iter().copied()) {
            let backend = backend_of(name).unwrap();
            assert!(Backend::built_in().iter().any(|built| built.name() == backend), "{name}");
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
}
