//! Published vectors, both roles against each other, and hostile values.

mod groups;
mod hostile;
mod vectors;

use proptest::prelude::*;

use super::super::fixtures::{Fixed, hex};
use super::super::{ChaChaRandom, Preset, kex};
use super::*;

const ALICE: &str = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
const ALICE_PUBLIC: &str = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
const BOB: &str = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
const BOB_PUBLIC: &str = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
const SHARED: &str = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";

fn seeded() -> ChaChaRandom {
    ChaChaRandom::from_seed([1; 32])
}

/// The method with each backend of this build.
fn with_backends(name: &str) -> impl Iterator<Item = (&'static KexAlgorithm, Backend)> {
    let kex = kex(name).unwrap();
    Backend::built_in().iter().map(move |backend| (kex, *backend))
}

/// Every method that needs no group first, with each backend.
fn all() -> impl Iterator<Item = (&'static KexAlgorithm, Backend)> {
    let whole = kexes().iter().filter(|kex| !kex.exchanges_group());
    whole.flat_map(|kex| with_backends(kex.name))
}

#[test]
fn rfc_7748_6_1() {
    let names = ["curve25519-sha256", "curve25519-sha256@libssh.org"];
    for (kex, backend) in names.into_iter().flat_map(with_backends) {
        let client = kex.client_with(backend, &mut Fixed(hex(ALICE))).unwrap();
        assert_eq!(client.init(), hex(ALICE_PUBLIC));
        let (reply, secret) =
            kex.server_with(backend, client.init(), &mut Fixed(hex(BOB))).unwrap();
        assert_eq!(reply, hex(BOB_PUBLIC));
        let want = [hex("00000020"), hex(SHARED)].concat();
        assert_eq!(secret.encoded(), want);
        assert_eq!(client.finish(&reply).unwrap().encoded(), want);
    }
}

/// Private keys, public keys and secret of RFC 5903 section 8.
struct Ecp {
    name: &'static str,
    keys: [&'static str; 2],
    points: [&'static str; 2],
    /// As an mpint, with its length.
    secret: &'static str,
}

const RFC_5903: [Ecp; 3] = [
    Ecp {
        name: "ecdh-sha2-nistp256",
        keys: [
            "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
            "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53",
        ],
        points: [
            "04dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c37725811805271a0461cdb82\
             52d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3",
            "04d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf6356fbf3ca366cc2\
             3e8157854c13c58d6aac23f046ada30f8353e74f33039872ab",
        ],
        secret: "0000002100d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de",
    },
    Ecp {
        name: "ecdh-sha2-nistp384",
        keys: [
            "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655e35b538041e649ee\
             3faef896783ab194",
            "41cb0779b4bdb85d47846725fbec3c9430fab46cc8dc5060855cc9bda0aa2942e0308312916b8ed2\
             960e4bd55a7448fc",
        ],
        points: [
            "04667842d7d180ac2cde6f74f37551f55755c7645c20ef73e31634fe72b4c55ee6de3ac808acb4bd\
             b4c88732aee95f41aa9482ed1fc0eeb9cafc4984625ccfc23f65032149e0e144ada024181535a0f3\
             8eeb9fcff3c2c947dae69b4c634573a81c",
            "04e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d0d1ac43a0336de\
             f96fda41d0774a3571dcfbec7aacf3196472169e838430367f66eebe3c6e70c416dd5f0c68759dd1\
             fff83fa40142209dff5eaad96db9e6386c",
        ],
        secret: "0000003011187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4d6031355\
         69b9e9d09cf5d4a270f59746",
    },
    Ecp {
        name: "ecdh-sha2-nistp521",
        keys: [
            "0037ade9319a89f4dabdb3ef411aaccca5123c61acab57b5393dce47608172a095aa85a30fe1c295\
             2c6771d937ba9777f5957b2639bab072462f68c27a57382d4a52",
            "0145ba99a847af43793fdd0e872e7cdfa16be30fdc780f97bccc3f078380201e9c677d600b343757\
             a3bdbf2a3163e4c2f869cca7458aa4a4effc311f5cb151685eb9",
        ],
        points: [
            "040015417e84dbf28c0ad3c278713349dc7df153c897a1891bd98bab4357c9ecbee1e3bf42e00b8e\
             380aeae57c2d107564941885942af5a7f4601723c4195d176ced3e017cae20b6641d2eeb695786d8\
             c946146239d099e18e1d5a514c739d7cb4a10ad8a788015ac405d7799dc75e7b7d5b6cf2261a6a7f\
             1507438bf01beb6ca3926f9582",
            "0400d0b3975ac4b799f5bea16d5e13e9af971d5e9b984c9f39728b5e5739735a219b97c356436adc\
             6e95bb0352f6be64a6c2912d4ef2d0433ced2b6171640012d9460f015c68226383956e3bd066e797\
             b623c27ce0eac2f551a10c2c724d9852077b87220b6536c5c408a1d2aebb8e86d678ae49cb57091f\
             4732296579ab44fcd17f0fc56a",
        ],
        secret: "0000004201144c7d79ae6956bc8edb8e7c787c4521cb086fa64407f97894e5e6b2d79b04d1427e73\
         ca4baa240a34786859810c06b3c715a3a8cc3151f2bee417996d19f3ddea",
    },
];

#[test]
fn rfc_5903_8() {
    for Ecp { name, keys, points, secret } in &RFC_5903 {
        let [ours, theirs] = keys.map(hex);
        for (kex, backend) in with_backends(name) {
            let client = kex.client_with(backend, &mut Fixed(ours.clone())).unwrap();
            assert_eq!(client.init(), hex(points[0]));
            let (reply, served) =
                kex.server_with(backend, client.init(), &mut Fixed(theirs.clone())).unwrap();
            assert_eq!(reply, hex(points[1]));
            assert_eq!(served.encoded(), hex(secret));
            assert_eq!(client.finish(&reply).unwrap().encoded(), hex(secret));
        }
    }
}

/// Python's own integers: 2^x mod p, 2^y mod p and 2^xy mod p for x of 64 bytes 0x81 and y of 64
/// bytes 0x92, each as the SHA-256 of its mpint's contents (the secret with its length).
#[test]
fn powers_by_python() {
    let digests = [
        (
            "diffie-hellman-group14-sha256",
            [
                "c6278aa1b97a4563b8a160fe605b0999c89076b2327f9d048bd283d28fc35285",
                "9418c31927c6048e20c8068599b3223f656ab89524c5051ddd7180abf493fdaa",
                "2b7db9411ad3ae5b42624ede816c6aeaf5c505146f9cd04e77be56674383a232",
            ],
        ),
        (
            "diffie-hellman-group16-sha512",
            [
                "82491afc3246cf6a0988e237ad417f15f7b17c8c0f36b91de3998c09752fa623",
                "8729ca2163096dd02497053a45c75c0fa54d6964f3d3cbfef0dce0f1b08829b7",
                "7628188919dfcd66595305096a3d93c449d13dbfe4e183cb456a3570d3713e9c",
            ],
        ),
        (
            "diffie-hellman-group18-sha512",
            [
                "8029bcfdaba8af72cf321352ad8a4a29e4431bf017d964b82374a346c84f8df6",
                "53da0a6f0cda94805107546bbec687d3b9ab422c4f5e3113a3f73b0fc8c40d39",
                "cc551701f78e0b182f6b26e712f395a2f86fdd133ec7d9dc863d2c99c787bc96",
            ],
        ),
    ];
    for (name, digests) in digests {
        let kex = kex(name).unwrap();
        let client = kex.client(&mut Fixed(vec![0x81; 64])).unwrap();
        let (reply, secret) = kex.server(client.init(), &mut Fixed(vec![0x92; 64])).unwrap();
        let values = [client.init(), &reply, secret.encoded()];
        let found = values.map(|value| HashAlgorithm::Sha256.digest(&[value]));
        assert_eq!(found, digests.map(hex), "{name}");
        assert_eq!(client.finish(&reply).unwrap().encoded(), secret.encoded());
    }
}

/// The hybrid put together from aws-lc's ML-KEM-768: both roles, and the order of everything.
#[cfg(feature = "aws-lc")]
#[test]
fn the_hybrid_against_aws_lc() {
    use aws_lc_rs::kem::{DecapsulationKey, EncapsulationKey, ML_KEM_768};
    let kex = kex("mlkem768x25519-sha256").unwrap();
    let string = |quantum: &[u8]| {
        let hash = HashAlgorithm::Sha256.digest(&[quantum, &hex(SHARED)]);
        [vec![0, 0, 0, 32], hash].concat()
    };

    let theirs = DecapsulationKey::generate(&ML_KEM_768).unwrap();
    let key = theirs.encapsulation_key().unwrap();
    let init = [key.key_bytes().unwrap().as_ref(), &hex(ALICE_PUBLIC)].concat();
    let random = [vec![7; 32], hex(BOB)].concat();
    let (reply, secret) = kex.server(&init, &mut Fixed(random)).unwrap();
    let (ciphertext, x25519) = reply.split_at(1088);
    assert_eq!(x25519, hex(BOB_PUBLIC));
    let quantum = theirs.decapsulate(ciphertext.into()).unwrap();
    assert_eq!(secret.encoded(), string(quantum.as_ref()));

    let random = [vec![7; 64], hex(ALICE)].concat();
    let client = kex.client(&mut Fixed(random)).unwrap();
    let key = EncapsulationKey::new(&ML_KEM_768, &client.init()[..1184]).unwrap();
    let (ciphertext, quantum) = key.encapsulate().unwrap();
    let reply = [ciphertext.as_ref(), &hex(BOB_PUBLIC)].concat();
    assert_eq!(client.finish(&reply).unwrap().encoded(), string(quantum.as_ref()));
}

#[test]
fn a_hybrids_secret_is_a_string_and_depends_on_both_halves() {
    for (name, ciphertext, bytes) in
        [("mlkem768x25519-sha256", 1088, 32), ("sntrup761x25519-sha512", 1039, 64)]
    {
        let kex = kex(name).unwrap();
        let client = || kex.client(&mut seeded()).unwrap();
        let (reply, secret) = kex.server(client().init(), &mut seeded()).unwrap();
        assert_eq!((reply.len(), secret.encoded().len()), (ciphertext + 32, 4 + bytes));
        assert_eq!(client().finish(&reply).unwrap().encoded(), secret.encoded());
        for at in [0, 500, ciphertext - 1, ciphertext, ciphertext + 30] {
            let mut reply = reply.clone();
            reply[at] ^= 1;
            let other = client().finish(&reply).unwrap();
            assert_ne!(other.encoded(), secret.encoded(), "{name} byte {at}");
            assert_eq!(other.encoded().len(), 4 + bytes);
        }
    }
}

#[test]
fn both_roles_agree_and_every_exchange_has_its_own_key() {
    let mut random = seeded();
    for (kex, backend) in all() {
        let client = kex.client(&mut random).unwrap();
        let (reply, secret) = kex.server_with(backend, client.init(), &mut random).unwrap();
        let init = client.init().to_vec();
        assert_eq!(client.finish(&reply).unwrap().encoded(), secret.encoded(), "{}", kex.name);
        assert_ne!(kex.client_with(backend, &mut random).unwrap().init(), init);
        assert_ne!(kex.server(&init, &mut random).unwrap().0, reply);
    }
}

/// The order of the table, which is the order in KEXINIT.
#[test]
fn what_is_offered_by_default() {
    let names = Preset::Default.kexes();
    let wanted = [
        "mlkem768x25519-sha256",
        "sntrup761x25519-sha512",
        "sntrup761x25519-sha512@openssh.com",
        "curve25519-sha256",
        "curve25519-sha256@libssh.org",
    ];
    assert_eq!(names, wanted);
    assert!(kexes().iter().is_sorted_by_key(|kex| kex.preset));
}

#[test]
fn a_random_source_without_a_usable_number_ends_in_an_error() {
    struct Zeros;
    impl Random for Zeros {
        fn fill(&mut self, out: &mut [u8]) {
            out.fill(0);
        }
    }
    for (kex, backend) in
        ["ecdh-sha2-nistp256", "ecdh-sha2-nistp521"].into_iter().flat_map(with_backends)
    {
        let refused = Some(CryptoError::EphemeralKey);
        assert_eq!(kex.client_with(backend, &mut Zeros).err(), refused, "{backend:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn backends_agree(one in any::<[u8; 32]>(), other in any::<[u8; 32]>()) {
        let fast = |kex: &&KexAlgorithm| !kex.name.starts_with("diffie-hellman");
        for kex in kexes().iter().filter(fast) {
            let (one, other) = (|| ChaChaRandom::from_seed(one), || ChaChaRandom::from_seed(other));
            let client = kex.client(&mut one()).unwrap();
            let (init, (reply, secret)) =
                (client.init().to_vec(), kex.server(client.init(), &mut other()).unwrap());
            let finished = client.finish(&reply).unwrap();
            prop_assert_eq!(finished.encoded(), secret.encoded());
            for backend in Backend::built_in() {
                let client = kex.client_with(*backend, &mut one()).unwrap();
                prop_assert_eq!(client.init(), &init);
                let (same, secret) = kex.server_with(*backend, &init, &mut other()).unwrap();
                // liboqs cannot be given its randomness, so another reply is as right as this.
                if kex.backend() == Backend::Oqs {
                    let again = client.finish(&same).unwrap();
                    prop_assert_eq!(again.encoded(), secret.encoded());
                    continue;
                }
                prop_assert_eq!(&same, &reply);
                prop_assert_eq!(finished.encoded(), secret.encoded());
                let again = client.finish(&reply).unwrap();
                prop_assert_eq!(again.encoded(), secret.encoded());
            }
        }
    }
}
