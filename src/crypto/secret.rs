//! The shared secret of a key exchange, and the keys derived from it (RFC 4253 7.2).

use zeroize::Zeroizing;

use super::HashAlgorithm;

/// A shared secret, in the encoding that is hashed. Wiped when dropped.
pub struct SharedSecret(Zeroizing<Vec<u8>>);

impl SharedSecret {
    /// A secret that is a number, most significant byte first: hashed as an mpint.
    pub(super) fn from_number(number: &[u8]) -> SharedSecret {
        SharedSecret::from_string(&mpint(number))
    }

    /// A secret that is hashed as a string (RFC 4251 5).
    pub(super) fn from_string(string: &[u8]) -> SharedSecret {
        // The capacity is exact, so no copy is left behind by a growing vector.
        let mut encoded = Zeroizing::new(Vec::with_capacity(4 + string.len()));
        let length = u32::try_from(string.len()).unwrap_or(u32::MAX);
        encoded.extend_from_slice(&length.to_be_bytes());
        encoded.extend_from_slice(string);
        SharedSecret(encoded)
    }

    /// Exactly the bytes that go into the exchange hash and the key derivation, length included.
    pub fn encoded(&self) -> &[u8] {
        &self.0
    }
}

/// The contents of an mpint (RFC 4251 5): no needless zeros, and a zero byte where the top bit is
/// set, which would mean a negative number.
pub(super) fn mpint(number: &[u8]) -> Zeroizing<Vec<u8>> {
    let leading = number.iter().take_while(|byte| **byte == 0).count();
    let digits = number.get(leading..).unwrap_or_default();
    let mut contents = Zeroizing::new(Vec::with_capacity(1 + digits.len()));
    if digits.first().is_some_and(|byte| *byte >= 0x80) {
        contents.push(0);
    }
    contents.extend_from_slice(digits);
    contents
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

#[cfg(test)]
mod tests {
    use super::super::fixtures::hex;
    use super::*;

    /// RFC 4251 5: positive, no needless zeros, a zero byte where the top bit is set.
    #[test]
    fn numbers_are_mpints() {
        for (number, encoded) in [
            ("0000", "00000000"),
            ("-", "00000000"),
            ("7f", "000000017f"),
            ("80", "000000020080"),
            ("0000007f01", "000000027f01"),
            ("00ff01", "0000000300ff01"),
            ("09a378f9b2e332a7", "0000000809a378f9b2e332a7"),
        ] {
            assert_eq!(SharedSecret::from_number(&hex(number)).encoded(), hex(encoded));
        }
    }

    /// Against Python's hashlib; 150 bytes take several rounds of each hash.
    #[test]
    fn derived_keys() {
        let secret = SharedSecret::from_number(&[&[0x80], &[0x11; 31][..]].concat());
        let (exchange_hash, session_id): (Vec<u8>, Vec<u8>) =
            ((0..32).collect(), (100..132).collect());
        for (hash, digest) in [
            (
                HashAlgorithm::Sha256,
                "5a8fab0afc86be032d604ce08e01740436bc70fd0ae8080f8a615b28c0d8a7bd",
            ),
            (
                HashAlgorithm::Sha384,
                "6979a675a19d5a77a26c1f6189691d8227673f5069859fab059d6b4d10688997",
            ),
            (
                HashAlgorithm::Sha512,
                "eecb9034367e7c69298efbbda6115a0ba45f9c895e966c3d19ee1ba02093282a",
            ),
        ] {
            let of = |bytes| derive(hash, &secret, &exchange_hash, b'C', &session_id, bytes);
            let key = of(150);
            assert_eq!(HashAlgorithm::Sha256.digest(&[&key]), hex(digest), "{hash:?}");
            for bytes in [0, 1, 16, 31, 32, 33, 64, 65, 149] {
                assert_eq!(*of(bytes), key[..bytes], "{hash:?}");
            }
        }
    }

    #[test]
    fn strings_keep_their_bytes() {
        for (string, encoded) in [("-", "00000000"), ("0080", "000000020080"), ("ff", "00000001ff")]
        {
            assert_eq!(SharedSecret::from_string(&hex(string)).encoded(), hex(encoded));
        }
    }

    #[test]
    fn letters_differ() {
        let secret = SharedSecret::from_number(&[1]);
        let keys: Vec<_> = (b'A'..=b'F')
            .map(|letter| derive(HashAlgorithm::Sha256, &secret, &[2; 32], letter, &[3; 32], 32))
            .collect();
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(key));
        }
    }
}
