//! Which library an algorithm comes from.

use super::CryptoError;

/// A library that implements algorithms. Production code takes [`Backend::preferred`]; tests and
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
/// algorithm. It differs from [`backend_name`] where only one library has it or the other is faster.
pub fn backend_of(algorithm: &str) -> Option<&'static str> {
    if let Some(cipher) = super::cipher(algorithm) {
        return Some(cipher.backend().name());
    }
    if super::kex(algorithm).is_some() {
        return Some(super::kex::BACKEND.name());
    }
    if super::signature_algorithms().contains(&algorithm) {
        return Some(super::verify::backend_for(algorithm).name());
    }
    None
}
