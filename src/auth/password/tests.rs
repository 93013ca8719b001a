use super::*;
use crate::auth::limits::BCRYPT_COST_MAX;

const PASSWORD: &str = "correct horse";

/// The form, the hash and the password of each vector; the file tells which program made it.
fn vectors() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let text = include_str!("../../../tests/fixtures/auth/password_hashes.txt");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let mut words = line.splitn(3, ' ');
        let mut next = || words.next().expect(line);
        (next(), next(), next())
    })
}

/// The hashes of [`PASSWORD`].
fn foreign() -> Vec<&'static str> {
    vectors().filter(|(.., password)| *password == PASSWORD).map(|(_, hash, _)| hash).collect()
}

/// The first of them that starts so.
fn sample(start: &str) -> &'static str {
    foreign().into_iter().find(|hash| hash.starts_with(start)).expect(start)
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"))
}

fn refusal(text: &str) -> String {
    let problem = PasswordHash::parse(text).expect_err(text).to_string();
    assert!(text.len() < 8 || !problem.contains(text), "{problem}");
    problem
}

#[test]
fn hashes_of_other_programs_know_their_password() {
    for (form, text, password) in vectors() {
        let hash = hash(text);
        assert_eq!(hash.form(), form, "{text}");
        assert!(hash.verify(password), "{text}");
        for wrong in ["correct horsf", "correct horse ", "Correct horse", "c", text] {
            assert!(!hash.verify(wrong), "{text}: {wrong}");
        }
        assert!(!hash.verify("pa\u{308}ßwort"), "no normal form is made: {text}");
        let longer = hash.verify(&format!("{password}x"));
        assert_eq!(longer, form == "bcrypt" && password.len() >= 72, "{text}");
    }
    let forms = ["argon2id", "bcrypt", "sha-crypt", "yescrypt"];
    assert!(forms.iter().all(|form| vectors().any(|(it, ..)| it == *form)));
    assert_eq!(foreign().len(), 19);
}

#[test]
fn bcrypt_takes_72_bytes_of_a_password_as_those_who_made_the_hash_did() {
    for (_, text, password) in vectors().filter(|(.., password)| password.len() == 80) {
        let (hash, is_bcrypt) = (hash(text), text.starts_with("$2"));
        assert_eq!(hash.verify(&password[..72]), is_bcrypt, "the rest does not count");
        assert!(!hash.verify(&password[..71]));
    }
    let short = hash(sample("$2b$"));
    assert!(!short.verify(&format!("{PASSWORD}{PASSWORD}")), "a shorter one is taken whole");
}

#[test]
fn nobody_comes_in_without_a_password_or_with_a_part_of_one() {
    // crypt.crypt of the empty password
    let empty = concat!(
        "$6$saltstring$",
        "kyGrqt6gmjAdtFLPrflEFifSYLCWWq1pyx95SvqinLDy2UHmj0sTF0MSLMwxPFZc3tu5kQckI8fks0zOPda3n1"
    );
    let empty = hash(empty);
    assert!(!empty.verify(""), "it is its hash, and yet");
    for text in foreign() {
        for wrong in
            ["", "\0", "correct horse\0", "correct horse\0x", "correct horse\0correct horse"]
        {
            assert!(!hash(text).verify(wrong), "{text}: {wrong:?}");
        }
    }
    let long = "x".repeat(PASSWORD_BYTES_MAX);
    let made = PasswordHash::make(&long, &[3; 16], Cost { memory_kib: 64, passes: 1 }).unwrap();
    assert!(hash(&made).verify(&long));
    assert!(!hash(&made).verify(&format!("{long}x")));
    for (wrong, said) in
        [(String::new(), "empty"), (format!("{long}x"), "longer than 1024"), ("\0".into(), "NUL")]
    {
        let problem = PasswordHash::make(&wrong, &[3; 16], Cost::default()).unwrap_err();
        assert!(problem.to_string().contains(said), "{problem}");
    }
}

#[test]
fn a_hash_that_is_made_is_one_that_is_read() {
    let made = PasswordHash::make(PASSWORD, &[1; 16], Cost::default()).unwrap();
    assert!(made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$AQEBAQEBAQEBAQEBAQEBAQ$"), "{made}");
    assert!(hash(&made).verify(PASSWORD));
    let problem = |cost| PasswordHash::make(PASSWORD, &[1; 16], cost).unwrap_err().to_string();
    assert!(problem(Cost { memory_kib: 7, passes: 1 }).contains("cannot be"));
    assert!(
        problem(Cost { memory_kib: 262_145, passes: 1 }).contains("takes more than 262144 KiB")
    );
    assert!(problem(Cost { memory_kib: 262_144, passes: 5 }).contains("takes too long"));
    assert!(problem(Cost { memory_kib: 64, passes: 0 }).contains("cannot be"));
}

#[test]
fn other_forms_are_refused_with_the_ones_there_are() {
    for text in [
        "",
        "$",
        "$$",
        "x",
        "sesame",
        "!",
        "*",
        "*0",
        "{SSHA}abc",
        "argon2id$v=19",
        " $2b$04$",
        "$1$saltstri$qjXMvbEw8oaL.CzflDtaK/",
        "$apr1$x$y",
        "$7$CU..../....x$y",
        "$gy$j9T$x$y",
        "$md5$x",
        "$2$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6",
        "$2x$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        // argon2 saltsaltsalt -i -k 64 -t 1 -p 1 -e
        "$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$UAwy+vIxxqhbiDV74TbpbGTNDGkT92MIOb6UCi5Kbc4",
        "$argon2d$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$UAwy+vIxxqhbiDV74TbpbGTNDGkT92MIOb6UCi5Kbc4",
    ] {
        let said = refusal(text);
        for word in ["argon2id", "bcrypt", "yescrypt", "$6$", "`ringferry passwd`"] {
            assert!(said.contains(word), "{text}: {said}");
        }
    }
    assert!(refusal(&format!("$6${}", "x".repeat(600))).contains("longer than 512"));
}

/// A hash that is cut short, or made longer, is one that others than its password might meet.
#[test]
fn damaged_hashes_are_refused() {
    for text in foreign() {
        for end in 0..text.len() {
            // A shorter result is another argon2id hash, down to the least that is taken.
            let shorter =
                text.starts_with("$argon2id") && PasswordHash::parse(&text[..end]).is_ok();
            let left = text[..end].rsplit('$').next().unwrap().len();
            assert!(!shorter || left >= 22, "{}", &text[..end]);
            assert!(shorter || PasswordHash::parse(&text[..end]).is_err(), "{}", &text[..end]);
        }
        for more in ["$", "$x", "\n", " ", "\0", "é", "!"] {
            assert!(PasswordHash::parse(&format!("{text}{more}")).is_err(), "{text}{more:?}");
        }
        for at in 1..text.len() {
            // Some are other hashes, and none of them may bring the reader down.
            for put in ["z", "$", "é", "\0", "=", "", "9999999999999999999999"] {
                let changed = format!("{}{put}{}", &text[..at], &text[at + 1..]);
                let _ = PasswordHash::parse(&changed);
            }
        }
    }
}

#[test]
fn parameters_have_bounds_and_each_is_told() {
    let argon2 = |params: &str| {
        format!("$argon2id${params}$c2FsdHNhbHRzYWx0$Kw3/ZjLNvvrvmWv7DSmJdvIaVuO5yzpUAyMmNiCnHLI")
    };
    let bcrypt =
        |cost: u32| format!("$2b${cost:02}$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e");
    let sha = |rounds: &str| sample("$6$rounds=1000").replace("rounds=1000", rounds);
    let yes = |params: &str| sample("$y$j75").replace("j75", params);
    for (text, said) in [
        (argon2("v=19$m=262145,t=1,p=1"), "takes more than 262144 KiB of memory"),
        (argon2("v=19$m=4294967295,t=1,p=1"), "takes more than 262144 KiB of memory"),
        (argon2("v=19$m=262144,t=5,p=1"), "their product is over 1048576"),
        (argon2("v=19$m=64,t=4294967295,p=1"), "their product is over 1048576"),
        (argon2("v=19$m=256,t=1,p=17"), "more than 16 lanes"),
        (argon2("v=19$m=64,t=0,p=1"), "cannot be"),
        (argon2("v=19$m=64,t=1,p=0"), "cannot be"),
        (argon2("v=19$m=64,t=1,p=9"), "cannot be"),
        (argon2("v=19$m=64,t=1"), "p= is missing"),
        (argon2("v=19$t=1,p=1"), "m= is missing"),
        (argon2("v=19$m=64,t=1,p=1,keyid=AAAA"), "other parameters than"),
        (argon2("v=19$m=64,t=1,p=1,data=AAAA"), "other parameters than"),
        (argon2("v=16$m=64,t=1,p=1"), "version 19"),
        (argon2("m=64,t=1,p=1"), "version 19"),
        (bcrypt(3), "cost is 3; allowed: 4 to 16"),
        (bcrypt(BCRYPT_COST_MAX + 1), "cost is 17"),
        (bcrypt(99), "cost is 99"),
        (sha("rounds=999"), "may be 1000 to 1000000"),
        (sha("rounds=1000001"), "may be 1000 to 1000000"),
        (sha("rounds=+5000"), "may be 1000 to 1000000"),
        (sha("rounds="), "may be 1000 to 1000000"),
        (sha("rounds=99999999999"), "may be 1000 to 1000000"),
        (sha("rounds=1000$saltstring"), "it is $6$"),
        (sha("rounds=1000$"), "damaged"),
        ("$6$".to_owned(), "damaged"),
        ("$6$$".to_owned(), "damaged"),
        ("$6$saltstring$".to_owned(), "damaged"),
        (sample("$6$").replace("saltstring", "saltstringsaltstr"), "1 to 16 characters"),
        (sample("$6$").replace("$6$", "$5$"), "not what the function gives"),
        (yes("jET"), "more than 268435456 bytes of memory"),
        (yes("jzT"), "not of the kind"),
        (yes("z75"), "not of the kind"),
        (yes("j7"), "not of the kind"),
        (yes(""), "damaged"),
        (yes("j75."), "not of the kind"),
        (yes("j75.0"), "not of the kind"),
        (yes("j953/2"), "not of the kind"),
        (yes("jC559"), "not of the kind"),
        (yes("/75"), "not of the kind"),
        (yes("j75xxxxxxxx"), "not of the kind"),
        ("$y$j75$LdJMENpBABJJ3hIHjB1Bi.$".to_owned(), "damaged"),
        (
            "$y$j75$LdJMENpBABJJ3hIHjB1Bi.$rfA07bT0O97FNWV5".to_owned(),
            "not what the function gives",
        ),
        ("$y$j75$$rfA07bT0O97FNWV5Cb8oFDnoGBJLXwSI4w/PIpLfyy2".to_owned(), "damaged"),
    ] {
        let problem = refusal(&text);
        assert!(problem.contains(said), "{text}: {problem}");
    }
    for most in [argon2("v=19$m=262144,t=4,p=16"), bcrypt(16), sha("rounds=1000000"), yes("jDT")] {
        hash(&most);
    }
}

#[test]
fn a_stand_in_never_lets_anybody_in() {
    let hashes: Vec<_> = foreign().into_iter().map(hash).collect();
    assert!(PasswordCheck::of(&hashes[0]).run(PASSWORD));
    assert!(!PasswordCheck::of(&hashes[0]).run("other"));
    for name in ["", "ann", "root", "\0", "ö"] {
        for hashes in [&hashes[..1], &hashes[..]] {
            assert!(!PasswordCheck::stand_in(hashes, name, &[1; 32]).run(PASSWORD), "{name}");
        }
    }
    let nobodys = PasswordCheck::stand_in(&[], "ann", &[1; 32]);
    assert_eq!(nobodys.hash.as_ref().unwrap().form(), "argon2id");
    let params = PasswordHash::make("x", &[0; 16], Cost::default()).unwrap();
    assert!(params.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "as check.rs has it");
    assert!(!nobodys.run(PASSWORD));
}

#[test]
fn whose_hash_stands_in_hangs_on_the_name_and_the_secret() {
    let hashes: Vec<_> = foreign().into_iter().map(hash).collect();
    let taken = |name: &str, secret: u8| {
        let check = PasswordCheck::stand_in(&hashes, name, &[secret; 32]);
        let taken = check.hash.unwrap();
        hashes.iter().position(|hash| Arc::ptr_eq(&hash.0, &taken.0)).unwrap()
    };
    let names: Vec<_> = (0..400).map(|number| format!("user{number}")).collect();
    let of = |secret| names.iter().map(|name| taken(name, secret)).collect::<Vec<_>>();
    let first = of(1);
    assert_eq!(first, of(1), "the same name costs the same each time");
    assert_ne!(first, of(2));
    for at in 0..hashes.len() {
        let count = first.iter().filter(|one| **one == at).count();
        assert!((5..60).contains(&count), "{at} stands in for {count} of 400");
    }
}

#[test]
fn debug_output_holds_no_hash() {
    let hash = hash(sample("$2b$"));
    assert_eq!(format!("{hash:?}"), "PasswordHash(bcrypt ..)");
    let shown = format!("{:?}", PasswordCheck::of(&hash));
    assert!(!shown.contains("abcdef"), "{shown}");
    let secrets = crate::auth::Secrets { password: Some(hash), ..Default::default() };
    assert!(!format!("{secrets:?}").contains("abcdef"));
}
