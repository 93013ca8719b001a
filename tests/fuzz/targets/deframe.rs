//! Bytes behind the identification line, in both roles: lengths and padding.
#![no_main]

#[path = "../entries.rs"]
mod entries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::deframe(data));
