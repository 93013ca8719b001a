//! The body of the first KEXINIT, in both roles.
#![no_main]

#[path = "../entries.rs"]
mod entries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::kexinit(data));
