//! The nonces a key has, and the libraries that share its packets.

use super::*;

fn sealer() -> Sealer<Pure> {
    Sealer::new(Pure::new(&[3; KEY_BYTES]))
}

/// The sequence number is the nonce: one that has been used, or may have been, is refused.
#[test]
fn a_sequence_number_seals_once() {
    for wrong in [5, 4, 7, 0, u32::MAX] {
        let mut sealer = sealer();
        assert_eq!(sealer.seal(5, &mut [7; 28]), Ok(()));
        let mut packet = [7; 28];
        assert_eq!(sealer.seal(wrong, &mut packet), Err(CryptoError::NoncesExhausted));
        assert_eq!(packet, [7; 28], "nothing is sealed under a used nonce");
        assert_eq!(sealer.seal(6, &mut packet), Ok(()));
    }
}

/// Which library seals a packet cannot be seen from outside.
#[test]
fn every_size_is_sealed_alike_by_the_libraries_in_use() {
    let key = [9; KEY_BYTES];
    let mut seal = preferred_seal(&key, &[]).unwrap();
    let mut open = preferred_open(&key, &[]).unwrap();
    let alone = BACKENDS.iter().map(|it| super::seal(*it, &key, &[]).unwrap());
    let mut alone: Vec<_> = alone.collect();
    let mut bodies: Vec<usize> = (8..800).step_by(8).collect();
    // Around the sizes from which another library takes over, and full packets.
    for at in [1 << 10, 2 << 10, 4 << 10] {
        bodies.extend((at - 32..=at + 32).step_by(8));
    }
    bodies.extend([8 << 10, (32 << 10) + 16, 256 << 10]);
    for (sequence, body) in (u32::MAX - 3..=u32::MAX).chain(0..).zip(bodies) {
        let length = u32::try_from(body).unwrap().to_be_bytes();
        let plain: Vec<u8> = (0..=255).cycle().take(body).collect();
        let unsealed = [&length[..], &plain, &[0; TAG_BYTES]].concat();
        let mut packet = unsealed.clone();
        seal.seal(sequence, &mut packet).unwrap();
        for (alone, backend) in alone.iter_mut().zip(BACKENDS) {
            let mut expected = unsealed.clone();
            alone.seal(sequence, &mut expected).unwrap();
            assert!(packet == expected, "{body} {backend:?}");
        }
        assert_eq!(open.packet_length(sequence, &packet).map(u32::to_be_bytes), Ok(length));
        open.open(sequence, &mut packet).unwrap();
        assert!(packet[4..4 + body] == plain, "{body}");
    }
}

/// A library that fails when half is done.
struct Failing;

impl Seal for Failing {
    fn encrypt(
        &self,
        _sequence: u32,
        length_and_body: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], CryptoError> {
        length_and_body[..16].fill(0x55);
        Err(CryptoError::Library)
    }
}

impl Open for Failing {
    fn length(&self, _sequence: u32, length: [u8; 4]) -> [u8; 4] {
        length
    }

    fn decrypt(
        &self,
        sequence: u32,
        length_and_body: &mut [u8],
        _tag: &[u8; TAG_BYTES],
    ) -> Result<(), CryptoError> {
        self.encrypt(sequence, length_and_body).map(drop)
    }
}

/// Neither plaintext nor half a ciphertext is left for somebody to send or to read, and the nonce
/// is not used again.
#[test]
fn a_library_that_fails_leaves_nothing() {
    let mut sealer = Sealer::new(Failing);
    let mut packet = [7; 44];
    assert_eq!(sealer.seal(3, &mut packet), Err(CryptoError::Library));
    assert_eq!(packet, [0; 44]);
    assert_eq!(sealer.seal(3, &mut packet), Err(CryptoError::NoncesExhausted));
    let mut run = sealer.seal_apart(4, &[44]).unwrap().unwrap();
    packet.fill(7);
    assert_eq!(run.seal_next(&mut packet), Err(CryptoError::Library));
    assert_eq!(packet, [0; 44]);
    assert_eq!(run.seal_next(&mut packet), Err(CryptoError::NoncesExhausted));
    packet.fill(7);
    assert_eq!(Opener(Failing).open(3, &mut packet), Err(CryptoError::Library));
    assert_eq!(packet[4..28], [0; 24]);
}

/// One key seals on several threads at once, each with a context of its own.
#[test]
fn runs_are_sealed_side_by_side() {
    const PACKETS: u32 = 64;
    let packet = |number: u32| [&512u32.to_be_bytes()[..], &vec![number as u8; 528]].concat();
    for backend in BACKENDS {
        let mut sealer = super::seal(*backend, &[5; KEY_BYTES], &[]).unwrap();
        let mut inline = super::seal(*backend, &[5; KEY_BYTES], &[]).unwrap();
        let sizes = [packet(0).len(); PACKETS as usize];
        let runs: Vec<_> =
            (0..4).map(|run| sealer.seal_apart(run * PACKETS, &sizes).unwrap().unwrap()).collect();
        let sealed: Vec<Vec<u8>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0u32..)
                .zip(runs)
                .map(|(at, mut run)| {
                    scope.spawn(move || {
                        let numbers = at * PACKETS..(at + 1) * PACKETS;
                        let seal = |number| {
                            let mut packet = packet(number);
                            run.seal_next(&mut packet).unwrap();
                            packet
                        };
                        numbers.map(seal).collect::<Vec<_>>()
                    })
                })
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        for (number, sealed) in (0..).zip(sealed) {
            let mut expected = packet(number);
            inline.seal(number, &mut expected).unwrap();
            assert!(sealed == expected, "{number} {backend:?}");
        }
    }
}

#[test]
fn sequence_numbers_wrap_once() {
    let mut sealer = sealer();
    assert_eq!(sealer.seal(u32::MAX, &mut [7; 28]), Ok(()));
    assert_eq!(sealer.seal(0, &mut [7; 28]), Ok(()));
    sealer.left = 1;
    let apart = sealer.seal_apart(1, &[28; 2]).unwrap();
    assert_eq!(apart.err(), Some(CryptoError::NoncesExhausted), "only one nonce is left");
    assert_eq!(sealer.seal(1, &mut [7; 28]), Ok(()));
    assert_eq!(sealer.seal(2, &mut [7; 28]), Err(CryptoError::NoncesExhausted));
}

/// As where OpenSSL is bound to FIPS 140, which has neither algorithm. Its configuration is read
/// once a process, so this test runs itself in another.
#[cfg(feature = "openssl")]
#[test]
fn what_openssl_does_not_offer_another_library_seals() {
    const INNER: &str = "RINGFERRY_TEST_WITHOUT_CHACHA";
    const NAME: &str = "crypto::chacha::tests::what_openssl_does_not_offer_another_library_seals";
    if std::env::var_os(INNER).is_none() {
        assert!(openssl::offered());
        assert_eq!(backend() == Backend::OpenSsl, openssl::is_fastest());
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let text = "openssl_conf = a\n[a]\nalg_section = b\n[b]\ndefault_properties = fips=yes\n";
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME])
            .envs([(INNER, "1".as_ref()), ("OPENSSL_CONF", file.path().as_os_str())])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let key = [9; KEY_BYTES];
    let refused = Some(CryptoError::UnknownAlgorithm);
    assert_eq!(super::seal(Backend::OpenSsl, &key, &[]).err(), refused);
    assert_eq!(super::open(Backend::OpenSsl, &key, &[]).err(), refused);
    assert_ne!(backend(), Backend::OpenSsl);
    let mut packet = [7; 4 + 2048 + TAG_BYTES];
    preferred_seal(&key, &[]).unwrap().seal(0, &mut packet).unwrap();
    preferred_open(&key, &[]).unwrap().open(0, &mut packet).unwrap();
    assert_eq!(packet[4..4 + 2048], [7; 2048]);
}
