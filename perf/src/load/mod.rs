//! The load generator: clients of our own that cost less than OpenSSH's, and a proxy that delays.
//!
//! Owns SSH and SFTP clients on blocking sockets and threads, made of ringferry's own sans-IO
//! parts, the bare loops that are the `ceiling`, and the commands that run each by hand. Must not
//! know which server it talks to, what is compared with what, or how CPU time is counted.
//! Invariant: what is reported was counted; a byte that did not come, a status that is not OK or a
//! session that ends early is an error and never a smaller figure.

mod bulk;
mod ceiling;
mod commands;
mod drain;
mod get;
mod latency;
mod limits;
mod login;
mod logins;
mod proxy;
mod put;
mod session;

pub(crate) use bulk::{Bulk, Load, bulk, prepare};
pub(crate) use ceiling::{CeilingRun, FilesRun, ceiling, ceiling_files};
pub(crate) use commands::Command;
pub(crate) use latency::{StatRun, stat_latency};
pub(crate) use limits::{TAIL, TAIL_UNTIMED};
pub(crate) use login::Login;
pub(crate) use logins::{IdleSessions, idle_sessions, logins};
pub(crate) use proxy::DelayProxy;
