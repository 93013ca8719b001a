//! NIST's curves as SSH uses them (RFC 5656): for signatures and for key exchange.

pub(super) const ECDSA_P256: &str = "ecdsa-sha2-nistp256";
pub(super) const ECDSA_P384: &str = "ecdsa-sha2-nistp384";
pub(super) const ECDSA_P521: &str = "ecdsa-sha2-nistp521";

/// Bytes of the longest number modulo a group order: 521 bits.
pub(super) const SCALAR_BYTES_MAX: usize = 66;

/// A curve, and with it the hash: SHA-256, SHA-384 and SHA-512 in this order (RFC 5656 6.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// The curve of a signature algorithm, which is also the name of its key type.
    pub(super) fn of_algorithm(algorithm: &str) -> Option<Curve> {
        [Curve::P256, Curve::P384, Curve::P521]
            .into_iter()
            .find(|curve| curve.algorithm() == algorithm)
    }

    pub(super) const fn algorithm(self) -> &'static str {
        match self {
            Curve::P256 => ECDSA_P256,
            Curve::P384 => ECDSA_P384,
            Curve::P521 => ECDSA_P521,
        }
    }

    /// The name inside a key blob (RFC 5656 10.1).
    pub(super) const fn name(self) -> &'static str {
        match self {
            Curve::P256 => "nistp256",
            Curve::P384 => "nistp384",
            Curve::P521 => "nistp521",
        }
    }

    /// Bytes of a coordinate, and of a number modulo the group's order.
    pub(super) const fn scalar_bytes(self) -> usize {
        match self {
            Curve::P256 => 32,
            Curve::P384 => 48,
            Curve::P521 => SCALAR_BYTES_MAX,
        }
    }
}
