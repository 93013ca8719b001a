//! Requests to a server with a session open: channels, windows, global requests.
#![no_main]

#[path = "../entries.rs"]
mod entries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::connection(data));
