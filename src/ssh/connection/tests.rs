//! Two connections in memory, in virtual time ([`pair`]), and one connection against a bare
//! transport that says whatever a test wants ([`raw`]).

mod apart;
mod channels;
mod compression;
mod cves;
mod gate;
mod globals;
mod hostkeys;
mod interactive;
mod login;
mod matrix;
mod opening;
mod pair;
mod raw;
mod rekey;
mod states;
mod time;
mod trace;
mod transfer;
mod windows;
