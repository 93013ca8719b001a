//! Public keys, signatures and lines of authorized_keys.
#![no_main]

#[path = "../entries.rs"]
mod entries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::public_key(data));
