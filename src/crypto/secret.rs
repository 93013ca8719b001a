//! The shared secret of a key exchange, and the keys derived from it (RFC 4253 7.2).

use zeroize::Zeroizing;

use super::HashAlgorithm;

/// A shared secret, in the encoding that is hashed. Wiped when dropped.
pub struct SharedSecret(Zeroizing<Vec<u8>>);

impl SharedSecret {
    /// A secret that is a number, most significant byte first: hashed as an mpint (RFC 4251 5).
    pub(super) fn from_number(number: &[u8]) -> SharedSecret {
        let leading = number.iter().take_while(|byte| **byte == 0).count();
        let digits = number.get(leading..).unwrap_or_default();
        let sign_byte = digits.first().is_some_and(|byte| *byte >= 0x80);
        // The capacity is exact, so no copy is left behind by a growing vector.
        let mut encoded = Zeroizing::new(Vec::with_capacity(5 + digits.len()));
        let length = u32::try_from(digits.len() + usize::from(sign_byte)).unwrap_or(u32::MAX);
        encoded.extend_from_slice(&length.to_be_bytes());
        if sign_byte {
            encoded.push(0);
        }
        encoded.extend_from_slice(digits);
        SharedSecret(encoded)
    }

    /// Exactly the bytes that go into the exchange hash and the key derivation, length included.
    pub fn encoded(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedSecret")
    }
}

/// Derives `bytes` bytes for one purpose: `letter` is b'A' to b'F' of RFC 4253 7.2.
pub fn derive(
    hash: HashAlgorithm,
    secret: &SharedSecret,
    exchange_hash: &[u8],
    letter: u8,
    session_id: &[u8],
    bytes: usize,
) -> Zeroizing<Vec<u8>> {
    // Room for the last digest's excess too: the vector must never move while it holds key bytes.
    let mut out = Zeroizing::new(Vec::with_capacity(bytes + hash.bytes()));
    if bytes > 0 {
        let parts: [&[u8]; 4] = [secret.encoded(), exchange_hash, &[letter], session_id];
        out.extend_from_slice(&Zeroizing::new(hash.digest(&parts)));
    }
    while out.len() < bytes {
        let next = Zeroizing::new(hash.digest(&[secret.encoded(), exchange_hash, &out]));
        out.extend_from_slice(&next);
    }
    out.truncate(bytes);
    out
}
