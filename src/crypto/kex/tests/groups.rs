//! Groups to agree on: what is none, how a moduli file is read, and which group is picked.

use super::*;
use crate::crypto::kex::modp::magnitude;

/// 1 above the middle of the numbers of so many bits; nobody asks here whether it is prime.
fn odd_number(bits: usize) -> Vec<u8> {
    let mut number = vec![0; bits.div_ceil(8)];
    number[0] = 1 << ((bits - 1) % 8);
    *number.last_mut().unwrap() |= 1;
    number
}

fn line(bits: usize, generator: &str) -> String {
    let digits: String = odd_number(bits).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("20260101000000 2 6 100 {} {generator} {digits}", bits - 1)
}

fn parse(text: &str) -> (Moduli, Vec<ModuliProblem>) {
    Moduli::parse(text.as_bytes())
}

#[test]
fn rfc_3526_groups_agree_in_both_roles() {
    let mut random = seeded();
    for (bits, prime) in [
        (2048, primes::GROUP_14),
        (3072, primes::GROUP_15),
        (4096, primes::GROUP_16),
        (6144, primes::GROUP_17),
        (8192, primes::GROUP_18),
    ] {
        let group = Moduli::default().choose(bits, bits, bits, &mut random).unwrap();
        assert_eq!(
            (group.bits(), group.prime(), group.generator()),
            (bits, &hex(prime)[..], &[2][..])
        );
        let client = group.client(&mut random).unwrap();
        let (reply, secret) = group.server(client.init(), &mut random).unwrap();
        assert_ne!(client.init(), reply);
        assert_eq!(client.finish(&reply).unwrap().encoded(), secret.encoded());
    }
}

/// The named methods and the same primes agreed on give the same values.
#[test]
fn an_agreed_group_computes_as_the_named_one() {
    let named = kex("diffie-hellman-group14-sha256").unwrap();
    let agreed = DhGroup::new(&hex(primes::GROUP_14), &[2]).unwrap();
    let private = || Fixed(vec![0x81; 64]);
    let client = named.client(&mut private()).unwrap();
    assert_eq!(agreed.client(&mut private()).unwrap().init(), client.init());
    let (reply, secret) = agreed.server(client.init(), &mut Fixed(vec![0x92; 64])).unwrap();
    assert_eq!(client.finish(&reply).unwrap().encoded(), secret.encoded());
}

/// A generator other than 2, and a prime whose bits are no multiple of 8, by Python's own integers:
/// p is the largest safe prime below 2^2050, which differs from that in its last digits only, g = 5
/// and x is 64 bytes of 0x81; the SHA-256 of g^x mod p as the contents of an mpint.
#[test]
fn a_group_of_odd_size_by_python() {
    let prime = magnitude(&format!("3{}e2ef9b", "f".repeat(506))).unwrap();
    let group = DhGroup::new(&prime, &[5]).unwrap();
    assert_eq!(group.bits(), 2050);
    let client = group.client(&mut Fixed(vec![0x81; 64])).unwrap();
    let digest = HashAlgorithm::Sha256.digest(&[client.init()]);
    let wanted = "e2a09b83fed08cfcee071f0af7905d61c976a10fb92a9c4e4fec25eb33baae13";
    assert_eq!(digest, hex(wanted));
    let (reply, secret) = group.server(client.init(), &mut Fixed(vec![0x92; 64])).unwrap();
    assert_eq!(client.finish(&reply).unwrap().encoded(), secret.encoded());
}

#[test]
fn cve_2023_28113_values_outside_an_agreed_group() {
    let group = DhGroup::new(&hex(primes::GROUP_14), &[2]).unwrap();
    for (value, why) in hostile::numbers_out_of_range_of(primes::GROUP_14) {
        let wanted = Some(CryptoError::KeyExchange(why));
        assert_eq!(group.server(&value, &mut seeded()).err(), wanted);
        assert_eq!(group.client(&mut seeded()).unwrap().finish(&value).err(), wanted);
    }
}

#[test]
fn what_is_no_group() {
    let prime = hex(primes::GROUP_14);
    let minus = |less: u8| {
        let mut number = prime.clone();
        *number.last_mut().unwrap() -= less;
        number
    };
    let range = "the generator is not within 2 to p - 2";
    for (prime, generator, why) in [
        (vec![], vec![2], "the prime has less than 2048 bits"),
        (vec![0; 300], vec![2], "the prime has less than 2048 bits"),
        (vec![7], vec![2], "the prime has less than 2048 bits"),
        (odd_number(512), vec![2], "the prime has less than 2048 bits"),
        (odd_number(2047), vec![2], "the prime has less than 2048 bits"),
        (odd_number(8193), vec![2], "the prime has more than 8192 bits"),
        (vec![0xff; 32_768], vec![2], "the prime has more than 8192 bits"),
        (minus(1), vec![2], "the prime is even"),
        (prime.clone(), vec![], range),
        (prime.clone(), vec![0], range),
        (prime.clone(), vec![1], range),
        (prime.clone(), minus(1), range),
        (prime.clone(), prime.clone(), range),
        (prime.clone(), vec![0xff; 257], range),
    ] {
        let error = DhGroup::new(&prime, &generator).err();
        assert_eq!(error, Some(CryptoError::Group(why)), "{} bytes", prime.len());
    }
    for (prime, generator) in [
        (odd_number(2048), vec![2]),
        (odd_number(8192), vec![2]),
        (prime.clone(), minus(2)),
        ([&[0, 0], &prime[..]].concat(), vec![0, 2]),
    ] {
        let group = DhGroup::new(&prime, &generator).unwrap();
        assert!(group.client(&mut seeded()).is_ok(), "{group:?}");
    }
}

#[test]
fn a_method_that_needs_a_group_says_so() {
    let kex = kex("diffie-hellman-group-exchange-sha256").unwrap();
    assert!(kex.exchanges_group());
    assert_eq!(kex.client(&mut seeded()).err(), Some(CryptoError::GroupNeeded));
    assert_eq!(kex.server(&[2], &mut seeded()).err(), Some(CryptoError::GroupNeeded));
}

#[test]
fn a_moduli_file_and_its_problems() {
    let text = format!(
        "# Time Type Tests Tries Size Generator Modulus\n\n{}\r\n  {}\n\
         1 2 6 100 2047 2\n\
         1 2 6 100 2047 2 11 22\n\
         1 2 6 100 many 2 11\n\
         1 1 6 100 2047 2 11\n\
         1 2 0 100 2047 2 11\n\
         1 2 7 100 2047 2 11\n\
         1 2 6 100 2047 2 xyz\n\
         1 2 6 100 4 2 11\n\
         {}\n{}\n{}\n{}",
        line(2048, "2"),
        line(4097, "5"),
        line(2048, "0"),
        line(2048, "2").replace("2047", "2048"),
        "9".repeat(5000),
        line(8192, "b"),
    );
    let (moduli, problems) = parse(&text);
    let sizes: Vec<_> = moduli.groups().iter().map(DhGroup::bits).collect();
    assert_eq!(sizes, [2048, 4097, 8192]);
    let generators: Vec<_> = moduli.groups().iter().map(DhGroup::generator).collect();
    assert_eq!(generators, [[2], [5], [11]]);
    let told: Vec<_> = problems.iter().map(ModuliProblem::to_string).collect();
    let wanted = [
        "line 5: 6 fields instead of 7",
        "line 6: 8 fields instead of 7",
        "line 7: the size is not a number",
        "line 8: the modulus is not marked as a safe prime (type 2)",
        "line 9: the modulus has passed no test for primality (tests 0)",
        "line 10: the modulus has passed no test for primality (tests 7)",
        "line 11: the modulus is not hexadecimal",
        "line 12: the prime has less than 2048 bits",
        "line 13: the generator is not within 2 to p - 2",
        "line 14: the size is 2048, but the modulus has 2048 bits",
        "line 15: longer than 4096 bytes",
    ];
    assert_eq!(told, wanted);
}

#[test]
fn a_file_of_rubbish_is_bounded() {
    assert_eq!(parse(&"?\n".repeat(10_000)).1.len(), 100);
    let (moduli, problems) = Moduli::parse(&[0xff; 64]);
    assert_eq!((moduli.groups().len(), problems[0].problem.as_str()), (0, "not text"));
    let (moduli, problems) = parse(&format!("{}\n", line(2048, "2")).repeat(4097));
    assert_eq!(moduli.groups().len(), 4096);
    assert_eq!(problems[0].to_string(), "line 4097: more than 4096 groups");
}

#[test]
fn the_smallest_group_that_is_large_enough_is_picked() {
    let sizes = [2048, 2048, 3072, 3072, 3072, 4096, 7680];
    let text: String = sizes.iter().map(|bits| line(*bits, "2") + "\n").collect();
    let moduli = parse(&text).0;
    let mut random = seeded();
    let mut chosen = |min, preferred, max| {
        moduli.choose(min, preferred, max, &mut random).map(|group| group.bits())
    };
    for (min, preferred, max, wanted) in [
        (2048, 2048, 8192, Some(2048)),
        (2048, 3072, 8192, Some(3072)),
        (2048, 2049, 8192, Some(3072)),
        (2048, 5000, 8192, Some(7680)),
        (2048, 8192, 8192, Some(7680)),
        (2048, 8192, 7679, Some(4096)),
        (2048, 3073, 3500, Some(3072)),
        (4000, 4000, 4100, Some(4096)),
        // None in the file: RFC 3526's.
        (6000, 6000, 6200, Some(6144)),
        (8192, 8192, 8192, Some(8192)),
        (4097, 4097, 6143, None),
        (4096, 4096, 2048, None),
        (0, 0, 0, None),
        (0, u32::MAX, u32::MAX, Some(7680)),
    ] {
        assert_eq!(chosen(min, preferred, max), wanted, "{min} {preferred} {max}");
    }
}

#[test]
fn equals_are_picked_at_random() {
    let text: String = ["2", "5", "b"].iter().map(|g| line(2048, g) + "\n").collect();
    let moduli = parse(&text).0;
    let mut random = seeded();
    let mut seen = [0; 12];
    for _ in 0..300 {
        let group = moduli.choose(2048, 2048, 8192, &mut random).unwrap();
        seen[usize::from(group.generator()[0])] += 1;
    }
    assert!([2, 5, 11].iter().all(|g| seen[*g] > 60), "{seen:?}");
}
