//! The table of MACs, and HMAC (RFC 2104, RFC 6668) behind both libraries.

use hmac::{Hmac, KeyInit};
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::{Backend, CryptoError, HashAlgorithm, Preset};

/// A MAC for ciphers that do not authenticate on their own.
#[derive(Debug)]
#[non_exhaustive]
pub struct MacAlgorithm {
    /// The name in KEXINIT.
    pub name: &'static str,
    /// Bytes of key to derive (RFC 4253 7.2 letters E and F).
    pub key_bytes: usize,
    /// Bytes of MAC on the wire.
    pub tag_bytes: usize,
    /// Whether the MAC covers the ciphertext (`-etm@openssh.com`).
    pub encrypt_then_mac: bool,
    /// The strictest preset that offers it.
    pub preset: Preset,
    hash: HashAlgorithm,
}

/// A MAC and the key that was derived for it.
#[derive(Clone, Copy)]
pub struct MacKey<'a> {
    /// Which MAC.
    pub algorithm: &'static MacAlgorithm,
    /// As many bytes as [`MacAlgorithm::key_bytes`] says.
    pub key: &'a [u8],
}

/// In order of preference. Those over the ciphertext come first: they refuse a forgery before
/// anything of it is decrypted. SHA-256 before SHA-512, which is slower where the CPU has
/// instructions for SHA-256.
static MACS: [MacAlgorithm; 4] = [
    hmac("hmac-sha2-256-etm@openssh.com", HashAlgorithm::Sha256, true),
    hmac("hmac-sha2-512-etm@openssh.com", HashAlgorithm::Sha512, true),
    hmac("hmac-sha2-256", HashAlgorithm::Sha256, false),
    hmac("hmac-sha2-512", HashAlgorithm::Sha512, false),
];

const fn hmac(name: &'static str, hash: HashAlgorithm, encrypt_then_mac: bool) -> MacAlgorithm {
    let preset = if encrypt_then_mac { Preset::Hardened } else { Preset::Compatible };
    MacAlgorithm {
        name,
        key_bytes: hash.bytes(),
        tag_bytes: hash.bytes(),
        encrypt_then_mac,
        preset,
        hash,
    }
}

/// The MACs of this build, in order of preference.
pub fn macs() -> &'static [MacAlgorithm] {
    &MACS
}

/// The MAC of this name.
pub fn mac(name: &str) -> Option<&'static MacAlgorithm> {
    MACS.iter().find(|mac| mac.name == name)
}

/// A keyed MAC from one library.
pub(super) trait Mac: Send {
    /// Writes the tag over all `parts` in a row; `tag` has exactly its length.
    fn sign(&self, parts: &[&[u8]], tag: &mut [u8]);

    /// Whether `tag` is the one over `parts`, in a time that does not tell where they differ.
    fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        let mut expected = [0; TAG_BYTES_MAX];
        let Some(expected) = expected.get_mut(..tag.len()) else {
            return false;
        };
        self.sign(parts, expected);
        expected.ct_eq(tag).into()
    }
}

/// The longest tag: HMAC-SHA-512's.
const TAG_BYTES_MAX: usize = 64;

/// A keyed MAC from the backend named.
pub(super) fn keyed(backend: Backend, mac: &MacKey) -> Result<Box<dyn Mac>, CryptoError> {
    let MacKey { algorithm, key } = *mac;
    if key.len() != algorithm.key_bytes {
        return Err(CryptoError::KeyLength);
    }
    with_key(backend, algorithm.hash, key)
}

/// As [`keyed`], with a key of any length.
fn with_key(
    backend: Backend,
    hash: HashAlgorithm,
    key: &[u8],
) -> Result<Box<dyn Mac>, CryptoError> {
    let wrong = |_| CryptoError::KeyLength;
    Ok(match (backend, hash) {
        #[cfg(feature = "aws-lc")]
        (Backend::AwsLc, _) => Box::new(awslc::key(hash, key)?),
        (_, HashAlgorithm::Sha256) => Box::new(Hmac::<Sha256>::new_from_slice(key).map_err(wrong)?),
        (_, HashAlgorithm::Sha512) => Box::new(Hmac::<Sha512>::new_from_slice(key).map_err(wrong)?),
        (_, HashAlgorithm::Sha384) => return Err(CryptoError::UnknownAlgorithm),
    })
}

impl<M: hmac::Mac + Clone + Send> Mac for M {
    fn sign(&self, parts: &[&[u8]], tag: &mut [u8]) {
        // A copy of the state behind the key's first block.
        let mut state = self.clone();
        parts.iter().for_each(|part| state.update(part));
        tag.copy_from_slice(&state.finalize().into_bytes());
    }
}

#[cfg(feature = "aws-lc")]
mod awslc {
    use aws_lc_rs::hmac::{Context, HMAC_SHA256, HMAC_SHA512, Key};

    use super::{CryptoError, HashAlgorithm, Mac};

    /// Keeps the blanket implementation for the `hmac` crate apart.
    pub(super) struct Keyed(Key);

    pub(super) fn key(hash: HashAlgorithm, key: &[u8]) -> Result<Keyed, CryptoError> {
        let algorithm = match hash {
            HashAlgorithm::Sha256 => HMAC_SHA256,
            HashAlgorithm::Sha512 => HMAC_SHA512,
            HashAlgorithm::Sha384 => return Err(CryptoError::UnknownAlgorithm),
        };
        Ok(Keyed(Key::new(algorithm, key)))
    }

    impl Mac for Keyed {
        fn sign(&self, parts: &[&[u8]], tag: &mut [u8]) {
            let mut state = Context::with_key(&self.0);
            parts.iter().for_each(|part| state.update(part));
            tag.copy_from_slice(state.sign().as_ref());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixtures::hex;
    use super::*;

    fn tag(backend: Backend, hash: HashAlgorithm, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        let mac = with_key(backend, hash, key).unwrap();
        let mut tag = vec![0; hash.bytes()];
        mac.sign(parts, &mut tag);
        assert!(mac.verify(parts, &tag));
        tag
    }

    /// RFC 4231, cases 1 to 4, 6 and 7 (case 5 cuts the tag, which SSH does not): key, data, tags.
    #[test]
    fn rfc_4231() {
        let text = |text: &str| text.as_bytes().to_vec();
        let larger = "This is a test using a larger than block-size key and a larger than \
                      block-size data. The key needs to be hashed before being used by the HMAC \
                      algorithm.";
        let cases = [
            (vec![0x0b; 20], text("Hi There"), SHA256[0], SHA512[0]),
            (text("Jefe"), text("what do ya want for nothing?"), SHA256[1], SHA512[1]),
            (vec![0xaa; 20], vec![0xdd; 50], SHA256[2], SHA512[2]),
            ((1..=25).collect(), vec![0xcd; 50], SHA256[3], SHA512[3]),
            (
                vec![0xaa; 131],
                text("Test Using Larger Than Block-Size Key - Hash Key First"),
                SHA256[4],
                SHA512[4],
            ),
            (vec![0xaa; 131], text(larger), SHA256[5], SHA512[5]),
        ];
        for backend in Backend::built_in() {
            for (key, data, sha256, sha512) in &cases {
                let (front, back) = data.split_at(3);
                let parts = [front, b"", back];
                assert_eq!(tag(*backend, HashAlgorithm::Sha256, key, &parts), hex(sha256));
                assert_eq!(tag(*backend, HashAlgorithm::Sha512, key, &parts), hex(sha512));
            }
        }
    }

    const SHA256: [&str; 6] = [
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ];

    const SHA512: [&str; 6] = [
        "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde\
         daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
         9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39\
         bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb",
        "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3db\
         a91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd",
        "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352\
         6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
        "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944\
         b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58",
    ];

    proptest! {
        #[test]
        fn backends_agree(
            key in prop::collection::vec(any::<u8>(), 0..200),
            data in prop::collection::vec(any::<u8>(), 0..600),
        ) {
            for hash in [HashAlgorithm::Sha256, HashAlgorithm::Sha512] {
                let tags = Backend::built_in().iter().map(|it| tag(*it, hash, &key, &[&data]));
                let tags: Vec<_> = tags.collect();
                prop_assert!(tags.iter().all(|tag| *tag == tags[0]));
            }
        }
    }

    #[test]
    fn a_tag_that_differs_or_is_cut_does_not_verify() {
        for algorithm in macs() {
            for backend in Backend::built_in() {
                let key = vec![3; algorithm.key_bytes];
                let mac = keyed(*backend, &MacKey { algorithm, key: &key }).unwrap();
                let mut tag = vec![0; algorithm.tag_bytes];
                mac.sign(&[b"data"], &mut tag);
                for bit in 0..tag.len() * 8 {
                    tag[bit / 8] ^= 1 << (bit % 8);
                    assert!(!mac.verify(&[b"data"], &tag));
                    tag[bit / 8] ^= 1 << (bit % 8);
                }
                assert!(mac.verify(&[b"da", b"ta"], &tag));
                assert!(!mac.verify(&[b"data "], &tag));
                for key in [&key[1..], &[]] {
                    let short = keyed(*backend, &MacKey { algorithm, key });
                    assert_eq!(short.err(), Some(CryptoError::KeyLength));
                }
            }
        }
    }

    #[test]
    fn table() {
        let names: Vec<_> = macs().iter().map(|mac| mac.name).collect();
        let etm = names.iter().map(|name| name.ends_with("-etm@openssh.com")).collect::<Vec<_>>();
        assert_eq!(etm, [true, true, false, false], "the safer ones come first");
        for algorithm in macs() {
            assert!(std::ptr::eq(algorithm, mac(algorithm.name).unwrap()));
            assert_eq!(algorithm.encrypt_then_mac, algorithm.name.contains("-etm@"));
            let bytes = if algorithm.name.contains("256") { 32 } else { 64 };
            assert_eq!((algorithm.key_bytes, algorithm.tag_bytes), (bytes, bytes));
        }
        assert!(mac("hmac-sha1").is_none());
    }
}
