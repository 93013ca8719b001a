//! What makes a server out of the library: command line, configuration, logs, keys, signals.
//!
//! It reads files, the environment and the clock, prints, and ends in an exit code; it never
//! touches a socket or a packet, that is [`crate::server`]'s. Invariant: every failure names its
//! cause and its cure, and ends the process with 1 (at run time) or 2 (usage, configuration).

mod accounts;
mod algorithms;
mod announce;
pub mod cli;
pub mod config;
mod descriptors;
mod failure;
mod hook;
mod host_key;
mod invoker;
mod log;
mod moduli;
mod passwd;
mod private_file;
mod reload;
mod serve;
mod settings;
mod sftp_server;
mod signal;
mod system_users;
mod trust;
mod umask;
mod usage;
mod user_keys;
