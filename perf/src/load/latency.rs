//! How long a session waits for one small answer, alone or while others transfer.

use std::time::{Duration, Instant};

use ringferry_sftp::Request;
use ringferry_sftp::client::Reply;

use super::limits::{SMALL_BUFFER_BYTES, WINDOW_BYTES};
use super::login::Login;
use super::session::Session;
use crate::Outcome;

/// STATs one after the other in one session.
pub(crate) struct StatRun {
    pub(crate) login: Login,
    pub(crate) path: String,
    pub(crate) count: u32,
    /// From the start of one to the start of the next; `None` asks again at once.
    pub(crate) interval: Option<Duration>,
}

/// The time of each round trip, in order.
pub(crate) fn stat_latency(run: &StatRun) -> Outcome<Vec<Duration>> {
    let mut session = Session::open(&run.login, WINDOW_BYTES, SMALL_BUFFER_BYTES)?;
    let mut times = Vec::new();
    for _ in 0..run.count {
        let start = Instant::now();
        let id = session.id();
        let request = Request::Stat { id, path: run.path.as_bytes() };
        session.ask(&request, |reply| match reply {
            Reply::Attrs { id: answers, .. } if *answers == id => Some(()),
            _ => None,
        })?;
        times.push(start.elapsed());
        if let Some(interval) = run.interval {
            std::thread::sleep(interval.saturating_sub(start.elapsed()));
        }
    }
    session.disconnect()?;
    Ok(times)
}
