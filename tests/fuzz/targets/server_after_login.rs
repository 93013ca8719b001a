//! A whole server behind the login, with an application that does things too.
#![no_main]

#[path = "../entries.rs"]
mod entries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::server_after_login(data));
