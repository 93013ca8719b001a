//! Many logins: full ones that end at once, and sessions that stay and do nothing.

use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::bulk::in_threads;
use super::limits::{LOGIN_THREADS, SMALL_BUFFER_BYTES, WINDOW_BYTES};
use super::login::Login;
use super::session::Session;
use crate::Outcome;

/// Descriptors that are not sessions.
const OTHER_DESCRIPTORS: u64 = 64;

/// Sessions that a server holds, logged in with an SFTP server that waits; gone when dropped.
///
/// Of each only the socket is left here, so nothing the server asks is answered: look at its memory
/// before `client_alive_interval` and `client_alive_count_max` have it give them up (ringferry: 3
/// minutes), or switch that off. A server needs as many descriptors and connections
/// (`max_connections`) as there are sessions; all go to one port, for which the kernel has some
/// 28,000 ports here.
pub(crate) struct IdleSessions {
    sockets: Vec<TcpStream>,
}

impl IdleSessions {
    pub(crate) fn count(&self) -> usize {
        self.sockets.len()
    }
}

/// Logs `count` sessions in and lets them be.
pub(crate) fn idle_sessions(login: &Login, count: u32) -> Outcome<IdleSessions> {
    allow_descriptors(u64::from(count) + OTHER_DESCRIPTORS)?;
    let left = AtomicU32::new(count);
    let share = |_| {
        let mut sockets = Vec::new();
        while take_one(&left) {
            let session = Session::open(login, WINDOW_BYTES, SMALL_BUFFER_BYTES)?;
            sockets.push(session.into_bare().stream);
        }
        Ok(sockets)
    };
    let sockets = in_threads(0..LOGIN_THREADS, share)?.into_iter().flatten().collect();
    Ok(IdleSessions { sockets })
}

/// Logs in `count` times, `parallel` at a time: key exchange, publickey, SFTP's INIT, disconnect.
pub(crate) fn logins(login: &Login, count: u32, parallel: usize) -> Outcome<Duration> {
    let left = AtomicU32::new(count);
    let start = Instant::now();
    in_threads(0..parallel.max(1), |_| {
        while take_one(&left) {
            Session::open(login, WINDOW_BYTES, SMALL_BUFFER_BYTES)?.disconnect()?;
        }
        Ok(())
    })?;
    Ok(start.elapsed())
}

fn take_one(left: &AtomicU32) -> bool {
    let take = |left: u32| left.checked_sub(1);
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
}

/// Raises the limit of this process if it is lower.
fn allow_descriptors(wanted: u64) -> Outcome<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    // Only root may raise the second.
    let maximum = maximum.map(|maximum| maximum.max(wanted));
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).map_err(|error| {
        let text = format!("{wanted} descriptors are more than this process may have ({error})");
        format!("{text}: raise `ulimit -Hn`, or hold fewer sessions").into()
    })
}
