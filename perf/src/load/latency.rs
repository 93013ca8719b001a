//! How long a session waits for one small answer, alone or while others transfer.
//!
//! With an interval the STATs leave on a schedule that was fixed before the first one, whether the
//! ones before have been answered or not. So a stall of the server is met by as many of them as
//! fall into it and weighs as much as it lasted: a client that waited for each answer would ask
//! once in a stall of a second and hundreds of times in the next one. The time of a STAT runs from
//! when it leaves; that we are woken late is no server's doing.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ringferry_sftp::Request;
use ringferry_sftp::client::{Reply, ReplyItem, encode};

use super::limits::{SMALL_BUFFER_BYTES, WINDOW_BYTES};
use super::login::Login;
use super::session::{Session, Wait, unexpected};
use crate::Outcome;

/// STATs of one session.
pub(crate) struct StatRun {
    pub(crate) login: Login,
    pub(crate) path: String,
    pub(crate) count: u32,
    /// From the start of one to the start of the next; `None` asks again once it is answered.
    pub(crate) interval: Option<Duration>,
}

/// The STATs under way, and how long the others took.
#[derive(Default)]
struct Stats {
    asked: u32,
    /// In the order they left; a server may answer in another.
    unanswered: VecDeque<(u32, Instant)>,
    times: Vec<Duration>,
}

/// The time of each round trip, in the order of the answers.
pub(crate) fn stat_latency(run: &StatRun) -> Outcome<Vec<Duration>> {
    let mut session = Session::open(&run.login, WINDOW_BYTES, SMALL_BUFFER_BYTES)?;
    let mut stats = Stats::default();
    let start = Instant::now();
    while !run.is_over(&stats) {
        let wait = match run.due(&stats, start) {
            Some(due) if due <= Instant::now() => {
                stats.ask(&mut session, &run.path)?;
                continue;
            }
            Some(due) if !session.has_input_by(due)? => continue,
            Some(_) => Wait::NotAtAll,
            None => Wait::UntilSomething,
        };
        session.receive(wait, |item, _| stats.take(&item))?;
    }
    session.disconnect()?;
    Ok(stats.times)
}

impl StatRun {
    fn is_over(&self, stats: &Stats) -> bool {
        stats.asked == self.count && stats.unanswered.is_empty()
    }

    /// When the next one is to leave; `None` if an answer has to come first, or it was the last.
    fn due(&self, stats: &Stats, start: Instant) -> Option<Instant> {
        if stats.asked == self.count {
            return None;
        }
        match self.interval {
            Some(interval) => Some(start + interval * stats.asked),
            None => stats.unanswered.is_empty().then_some(start),
        }
    }
}

impl Stats {
    fn ask(&mut self, session: &mut Session, path: &str) -> Outcome<()> {
        let id = session.id();
        self.unanswered.push_back((id, Instant::now()));
        self.asked += 1;
        session.queue(|out| encode(out, &Request::Stat { id, path: path.as_bytes() }));
        session.flush()
    }

    fn take(&mut self, item: &ReplyItem<'_>) -> Outcome<()> {
        let ReplyItem::Reply(reply) = item else { return Err("not a whole reply".into()) };
        let Reply::Attrs { id, .. } = reply else { return Err(unexpected(reply).into()) };
        let at = self.unanswered.iter().position(|(asked, _)| asked == id);
        let (_, left) = at
            .and_then(|at| self.unanswered.remove(at))
            .ok_or_else(|| format!("an answer to request {id}, which nobody waits for"))?;
        self.times.push(left.elapsed());
        Ok(())
    }
}
