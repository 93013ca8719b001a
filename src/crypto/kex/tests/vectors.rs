//! Published vectors from tests/fixtures/crypto, for both roles and every backend.

use super::super::super::fixtures::lines;
use super::*;

const ECDH: &str = include_str!("../../../../tests/fixtures/crypto/ecdh.txt");
const ML_KEM_768: &str = include_str!("../../../../tests/fixtures/crypto/mlkem768.txt");
const SNTRUP761: &str = include_str!("../../../../tests/fixtures/crypto/sntrup761.txt");

#[test]
fn wycheproof_ecdh() {
    let mut refusals = 0;
    for [case, method, private, public, shared] in lines(ECDH) {
        let public = hex(public);
        for (kex, backend) in with_backends(method) {
            let client = kex.client_with(backend, &mut Fixed(hex(private))).unwrap();
            let finished = client.finish(&public);
            let served = kex.server_with(backend, &public, &mut Fixed(hex(private)));
            let secrets = [finished, served.map(|(_, secret)| secret)];
            for secret in secrets {
                if shared == "refused" {
                    assert!(matches!(secret, Err(CryptoError::KeyExchange(_))), "{case}");
                    refusals += 1;
                } else {
                    let wanted = SharedSecret::from_number(&hex(shared));
                    assert_eq!(secret.unwrap().encoded(), wanted.encoded(), "{case} {backend:?}");
                }
            }
        }
    }
    assert!(refusals > 50);
}

/// K of a hybrid whose other half is [`SHARED`].
fn joined(hash: HashAlgorithm, quantum: &str) -> Vec<u8> {
    SharedSecret::from_string(&hash.digest(&[&hex(quantum), &hex(SHARED)])).encoded().to_vec()
}

#[test]
fn wycheproof_ml_kem_768() {
    for [case, randomness, input, output, secret] in lines(ML_KEM_768) {
        let kind = case.split('-').next().unwrap();
        for (kex, backend) in with_backends("mlkem768x25519-sha256") {
            let client = || {
                let random = [hex(randomness), hex(ALICE)].concat();
                kex.client_with(backend, &mut Fixed(random)).unwrap()
            };
            match kind {
                "key" => {
                    let wanted = [hex(input), hex(ALICE_PUBLIC)].concat();
                    assert!(client().init() == wanted, "{case}");
                }
                "encapsulate" => {
                    let init = [hex(input), hex(ALICE_PUBLIC)].concat();
                    let mut random = Fixed([hex(randomness), hex(BOB)].concat());
                    match kex.server_with(backend, &init, &mut random) {
                        Ok((reply, found)) => {
                            assert!(reply == [hex(output), hex(BOB_PUBLIC)].concat(), "{case}");
                            assert_eq!(found.encoded(), joined(kex.hash, secret), "{case}");
                        }
                        Err(error) => {
                            assert!(matches!(error, CryptoError::KeyExchange(_)), "{case}");
                            assert_eq!(output, "-", "{case}");
                        }
                    }
                }
                "decapsulate" => {
                    let reply = [hex(input), hex(BOB_PUBLIC)].concat();
                    match client().finish(&reply) {
                        Ok(found) => {
                            assert_eq!(found.encoded(), joined(kex.hash, output), "{case}");
                        }
                        Err(error) => {
                            let wanted = CryptoError::KeyExchange("not 1088 + 32 bytes long");
                            assert_eq!((error, output), (wanted, "-"), "{case}");
                        }
                    }
                }
                other => panic!("{other}"),
            }
        }
    }
}

/// Both vectors of draft-josefsson-ntruprime-streamlined, from the randomness of the key to the
/// secret on both sides.
#[test]
fn sntrup761_vectors_of_the_draft() {
    for name in ["sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com"] {
        for [key_randomness, key, randomness, ciphertext, secret] in lines(SNTRUP761) {
            for (kex, backend) in with_backends(name) {
                let random = [hex(key_randomness), hex(ALICE)].concat();
                let client = kex.client_with(backend, &mut Fixed(random)).unwrap();
                assert!(client.init() == [hex(key), hex(ALICE_PUBLIC)].concat());
                let mut random = Fixed([hex(randomness), hex(BOB)].concat());
                // liboqs cannot be given its randomness.
                let server = if cfg!(feature = "oqs") { Backend::PureRust } else { backend };
                let (reply, served) = kex.server_with(server, client.init(), &mut random).unwrap();
                assert!(reply == [hex(ciphertext), hex(BOB_PUBLIC)].concat());
                let wanted = joined(HashAlgorithm::Sha512, secret);
                assert_eq!(served.encoded(), wanted);
                assert_eq!(client.finish(&reply).unwrap().encoded(), wanted);
            }
        }
    }
}
