//! The fuzz targets without a fuzzer: every kept input of `tests/fuzz/corpus` goes through its
//! target's entry, and bytes at random through all of them. No entry may panic, and no call may
//! neither consume nor return.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

#[path = "fuzz/entries.rs"]
mod entries;

use entries::ENTRIES;

fn fuzz_folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "fuzz"].iter().collect()
}

#[test]
fn every_kept_input_is_survived() {
    let mut bytes = 0;
    for (name, entry) in ENTRIES {
        let folder = fuzz_folder().join("corpus").join(name);
        let mut inputs = 0;
        for file in fs::read_dir(&folder).expect("a folder for each target") {
            let input = fs::read(file.unwrap().path()).unwrap();
            entry(&input);
            inputs += 1;
            bytes += input.len();
        }
        assert!(inputs > 0, "{} holds no input", folder.display());
    }
    assert!(bytes < 200 * 1024, "{bytes} bytes of corpus are too many to keep");
}

/// A target that is not an entry, or the other way round, would be forgotten here.
#[test]
fn every_target_is_an_entry() {
    let manifest = fs::read_to_string(fuzz_folder().join("Cargo.toml")).unwrap();
    let mut targets: Vec<_> = fs::read_dir(fuzz_folder().join("targets"))
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let mut names = ENTRIES.map(|(name, _)| name);
    targets.sort();
    names.sort_unstable();
    assert_eq!(targets, names);
    for name in names {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is not built");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// The class of rustls's RUSTSEC-2024-0336: each call consumes something, reports something or
    /// asks for more, and never spins. [`entries`] watches over it.
    #[test]
    fn rustsec_2024_0336_each_call_gets_on(
        data in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        for (_, entry) in ENTRIES {
            entry(&data);
        }
    }

    /// The same with bytes that look like messages.
    #[test]
    fn rustsec_2024_0336_each_call_gets_on_with_messages(
        payloads in proptest::collection::vec(
            (prop_oneof![20u8..32, 50u8..62, 80u8..101, 250u8..=255], any::<[u8; 12]>()),
            1..12,
        ),
        start in any::<u8>(),
    ) {
        let zeroed = |bytes: [u8; 12]| bytes.map(|byte| if byte < 200 { byte % 3 } else { byte });
        let payloads: Vec<_> = payloads
            .into_iter()
            .map(|(number, bytes)| [&[number], &zeroed(bytes)[..]].concat())
            .collect();
        let script = entries::script(&payloads);
        for (_, entry) in ENTRIES {
            entry(&script);
            entry(&[&[start], &script[..]].concat());
        }
    }
}
