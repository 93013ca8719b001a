//! Values that must be refused, in both roles and by every backend.

use super::*;

/// Both roles refuse `value` for this reason.
fn refused(kex: &KexAlgorithm, backend: Backend, value: &[u8], why: &'static str) {
    let mut random = seeded();
    let served = kex.server_with(backend, value, &mut random).err();
    let finished = kex.client_with(backend, &mut random).unwrap().finish(value).err();
    let wanted = Some(CryptoError::KeyExchange(why));
    let value = &value[..value.len().min(80)];
    assert_eq!((served, finished), (wanted, wanted), "{} {backend:?} {value:02x?}", kex.name);
}

/// All the values whose order divides 8, each also with the top bit that X25519 ignores.
fn points_of_low_order() -> Vec<Vec<u8>> {
    let low = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    let with_top = |point: &&str, top| {
        let mut point = hex(point);
        point[31] |= top;
        point
    };
    low.iter().flat_map(|point| [with_top(point, 0), with_top(point, 0x80)]).collect()
}

#[test]
fn cve_2023_28113_points_of_low_order() {
    for point in points_of_low_order() {
        for (kex, backend) in with_backends("curve25519-sha256") {
            refused(kex, backend, &point, "point of low order");
        }
    }
}

/// Name, bytes of an encapsulation key and of a ciphertext, and what is said of other lengths.
const HYBRIDS: [(&str, [usize; 2], [&str; 2]); 3] = [
    (
        "mlkem768x25519-sha256",
        [1184, 1088],
        ["not 1184 + 32 bytes long", "not 1088 + 32 bytes long"],
    ),
    (
        "sntrup761x25519-sha512",
        [1158, 1039],
        ["not 1158 + 32 bytes long", "not 1039 + 32 bytes long"],
    ),
    (
        "sntrup761x25519-sha512@openssh.com",
        [1158, 1039],
        ["not 1158 + 32 bytes long", "not 1039 + 32 bytes long"],
    ),
];

#[test]
fn a_hybrid_with_a_point_of_low_order() {
    for (name, [key, ciphertext], _) in HYBRIDS {
        for (kex, backend) in with_backends(name) {
            let mut random = seeded();
            let init = kex.client(&mut random).unwrap().init().to_vec();
            let (reply, _) = kex.server(&init, &mut random).unwrap();
            let why = Some(CryptoError::KeyExchange("point of low order"));
            for point in points_of_low_order() {
                let init = [&init[..key], &point].concat();
                assert_eq!(kex.server_with(backend, &init, &mut random).err(), why);
                let client = kex.client_with(backend, &mut random).unwrap();
                assert_eq!(client.finish(&[&reply[..ciphertext], &point].concat()).err(), why);
            }
        }
    }
}

#[test]
fn x25519_values_of_the_wrong_length() {
    for (kex, backend) in with_backends("curve25519-sha256") {
        for length in [0, 1, 31, 33, 64, 1024] {
            refused(kex, backend, &vec![9; length], "not 32 bytes long");
        }
    }
}

#[test]
fn cve_2023_28113_hybrid_values_of_the_wrong_length() {
    for (name, [key, ciphertext], [init_why, reply_why]) in HYBRIDS {
        let kex = kex(name).unwrap();
        let mut random = seeded();
        let around = |bytes: usize| [bytes - 1, bytes, bytes + 1, bytes + 31, bytes + 33];
        let lengths = [0, 1, 31, 32, 33, 4096, 34_000];
        for length in lengths.into_iter().chain(around(key)).chain(around(ciphertext)) {
            let value = vec![0; length];
            let why = Some(CryptoError::KeyExchange(init_why));
            assert_eq!(kex.server(&value, &mut random).err(), why, "{name} {length}");
            let why = Some(CryptoError::KeyExchange(reply_why));
            let client = kex.client(&mut random).unwrap();
            assert_eq!(client.finish(&value).err(), why, "{name} {length}");
        }
    }
}

/// Any string of the right length is some sntrup761 key or ciphertext: nothing to refuse, nothing
/// that panics, and a secret the sender cannot know.
#[test]
fn sntrup761_values_that_nobody_made() {
    for (kex, backend) in with_backends("sntrup761x25519-sha512") {
        let mut secrets = Vec::new();
        for byte in [0, 1, 0x7f, 0x80, 0xff] {
            let half = |bytes: usize| [&vec![byte; bytes][..], &hex(ALICE_PUBLIC)].concat();
            let (reply, secret) = kex.server_with(backend, &half(1158), &mut seeded()).unwrap();
            assert_eq!(reply.len(), 1039 + 32);
            secrets.push(secret.encoded().to_vec());
            let client = kex.client_with(backend, &mut seeded()).unwrap();
            secrets.push(client.finish(&half(1039)).unwrap().encoded().to_vec());
        }
        secrets.sort();
        assert!(secrets.windows(2).all(|pair| pair[0] != pair[1]));
    }
}

/// FIPS 203 7.2: a coefficient of 3329 or more, in the first and in the last place.
#[test]
fn encapsulation_keys_that_are_not_reduced() {
    let kex = kex("mlkem768x25519-sha256").unwrap();
    let mut random = seeded();
    let init = kex.client(&mut random).unwrap().init().to_vec();
    assert!(kex.server(&init, &mut random).is_ok());
    let why = Some(CryptoError::KeyExchange("not an ML-KEM-768 encapsulation key"));
    // Two coefficients of 12 bits in three bytes, low bits first: 3329 is 0xd01.
    for (at, bytes) in [(0, [0x01, 0x0d, 0]), (1149, [0, 0x10, 0xd0]), (0, [0xff; 3])] {
        let mut init = init.clone();
        init[at..at + 3].copy_from_slice(&bytes);
        assert_eq!(kex.server(&init, &mut random).err(), why, "{at}");
    }
    // 3328 is the largest there is.
    let mut init = init.clone();
    init[..3].copy_from_slice(&[0x00, 0x0d, 0]);
    assert!(kex.server(&init, &mut random).is_ok());
}

/// Computing with what is no point of the curve gives the private key away, bit by bit.
#[test]
fn points_that_are_none() {
    for Ecp { name, points, .. } in &RFC_5903 {
        let point = hex(points[0]);
        let bytes = point.len() / 2;
        for (kex, backend) in with_backends(name) {
            let form = "not an uncompressed point of the curve";
            let (x, rest) = point[1..].split_at(bytes);
            // Infinity, compressed, hybrid and unmarked forms, wrong lengths, other curves.
            for value in [
                vec![],
                vec![0],
                vec![4],
                vec![0; point.len()],
                [&[2 + rest[bytes - 1] % 2], x].concat(),
                [&[6 + rest[bytes - 1] % 2], &point[1..]].concat(),
                point[1..].to_vec(),
                point[..point.len() - 1].to_vec(),
                [&point[..], &[0]].concat(),
                vec![4; 4096],
            ] {
                refused(kex, backend, &value, form);
            }
            // Off the curve; the origin; coordinates not below the prime.
            let mut off = point.clone();
            *off.last_mut().unwrap() ^= 1;
            let mut origin = vec![0; point.len()];
            origin[0] = 4;
            let mut large = vec![0xff; point.len()];
            large[0] = 4;
            for value in [off, origin, large] {
                refused(kex, backend, &value, "not a point of the curve");
            }
        }
    }
}

/// The contents of an mpint, from hexadecimal.
fn prime_plus(hex_prime: &str, add: i64) -> Vec<u8> {
    let mut number = hex(hex_prime);
    let mut carry = add;
    for byte in number.iter_mut().rev() {
        let sum = i64::from(*byte) + carry;
        *byte = sum.rem_euclid(256) as u8;
        carry = sum.div_euclid(256);
    }
    assert_eq!(carry, 0);
    [vec![0], number].concat()
}

/// The numbers that are refused with this prime, and why.
pub(super) fn numbers_out_of_range_of(prime: &str) -> Vec<(Vec<u8>, &'static str)> {
    let beyond = [&[0, 0xff][..], &vec![0; prime.len() / 2]].concat();
    let range = "not within 2 to p - 2";
    vec![
        (vec![], range),
        (vec![1], range),
        (prime_plus(prime, -1), range),
        (prime_plus(prime, 0), range),
        (prime_plus(prime, 1), range),
        (beyond, range),
        (vec![0x7f; 32_768], range),
        (vec![0], "needless zeros"),
        (vec![0, 2], "needless zeros"),
        (vec![0x80], "negative"),
        (hex(prime), "negative"),
    ]
}

#[test]
fn cve_2023_28113_numbers_out_of_range() {
    let primes = [
        ("diffie-hellman-group14-sha256", primes::GROUP_14, 256),
        ("diffie-hellman-group16-sha512", primes::GROUP_16, 512),
        ("diffie-hellman-group18-sha512", primes::GROUP_18, 1024),
    ];
    for (name, prime, bytes) in primes {
        let kex = kex(name).unwrap();
        assert_eq!(hex(prime).len(), bytes);
        for (value, why) in numbers_out_of_range_of(prime) {
            refused(kex, Backend::PureRust, &value, why);
        }
        // Both ends of the range are taken.
        for value in [vec![2], prime_plus(prime, -2)] {
            assert!(kex.server(&value, &mut seeded()).is_ok());
        }
    }
}
