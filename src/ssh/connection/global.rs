//! Global requests (RFC 4254 4): what the peer asks of the connection, and what we ask.
//!
//! Answers name no request; they come in the order of the requests, so ours are remembered in that
//! order. An answer to nothing is passed over, at no cost (it has deadlocked others).

use std::collections::VecDeque;

use super::Connection;
use super::channels::Handling;
use super::limits::GLOBAL_REPLIES_AWAITED_MAX;
use super::table::Phase;
use crate::ssh::channel::messages;
use crate::ssh::event::Event;
use crate::ssh::numbers;
use crate::ssh::requests::GlobalRequest;
use crate::ssh::transport::Role;
use crate::ssh::wire::Reader;

/// Who waits for an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asker {
    /// Nobody: hearing the peer is all there is to it. So many in a row, which takes no more room
    /// for a peer that never answers than for one that does.
    Keepalive(u32),
    /// The application, with [`Event::GlobalReply`].
    Application,
    /// The application, with [`Event::HostKeysProved`].
    HostKeys,
}

/// Our global requests that have not been answered, oldest first.
#[derive(Debug, Default)]
pub(super) struct GlobalReplies {
    awaited: VecDeque<Asker>,
    applications: u32,
}

impl GlobalReplies {
    fn is_full(&self) -> bool {
        self.applications >= GLOBAL_REPLIES_AWAITED_MAX
    }

    fn ask(&mut self) {
        self.applications += 1;
        self.awaited.push_back(Asker::Application);
    }

    /// For what bounds itself.
    pub(super) fn ask_as(&mut self, asker: Asker) {
        self.awaited.push_back(asker);
    }

    fn ask_for_life(&mut self) {
        match self.awaited.back_mut() {
            Some(Asker::Keepalive(count)) => *count = count.saturating_add(1),
            _ => self.awaited.push_back(Asker::Keepalive(1)),
        }
    }

    /// Whose answer the next one is; `None` if nobody asked.
    fn answered(&mut self) -> Option<Asker> {
        if let Some(Asker::Keepalive(count)) = self.awaited.front_mut()
            && *count > 1
        {
            *count -= 1;
            return Some(Asker::Keepalive(1));
        }
        let asker = self.awaited.pop_front()?;
        self.applications -= u32::from(asker == Asker::Application);
        Some(asker)
    }
}

impl Connection {
    /// Asks something of the connection as a whole, once somebody is logged in. With `want_reply`
    /// an [`Event::GlobalReply`] answers, in the order of the requests. Says whether it was asked:
    /// not while 64 answers are awaited.
    pub fn global_request(&mut self, request: &GlobalRequest, want_reply: bool) -> bool {
        if self.closed || self.phase != Phase::Open || want_reply && self.global.is_full() {
            return false;
        }
        if want_reply {
            self.global.ask();
        }
        self.transport.queue(&messages::global_request(request, want_reply));
        true
    }

    /// Asks for a sign of life.
    pub(super) fn ask_for_life(&mut self) {
        self.global.ask_for_life();
        self.transport.queue(&messages::global_request(&GlobalRequest::Keepalive, true));
    }

    /// Handles GLOBAL_REQUEST from after its number.
    pub(super) fn global_requested(&mut self, mut read: Reader<'_>) -> Handling {
        let name = read.string()?;
        let want_reply = read.bool()?;
        let mut event = None;
        let granted = match GlobalRequest::decode(name, read)? {
            GlobalRequest::HostKeys { keys } if self.role() == Role::Client => {
                event = self.host_keys_announced(&keys);
                true
            }
            GlobalRequest::HostKeysProve { keys } if want_reply && self.role() == Role::Server => {
                if let Some(answer) = self.prove_own_host_keys(&keys) {
                    self.transport.queue(&answer);
                    return Ok(None);
                }
                false
            }
            GlobalRequest::NoMoreSessions if self.role() == Role::Server => {
                self.no_more_sessions = true;
                true
            }
            // The refusal is the sign of life OpenSSH asks for.
            GlobalRequest::Keepalive => false,
            // Nothing is listened on for a client, and nothing for a server.
            GlobalRequest::TcpipForward { .. }
            | GlobalRequest::CancelTcpipForward { .. }
            | GlobalRequest::StreamlocalForward { .. }
            | GlobalRequest::CancelStreamlocalForward { .. } => false,
            GlobalRequest::NoMoreSessions
            | GlobalRequest::HostKeys { .. }
            | GlobalRequest::HostKeysProve { .. }
            | GlobalRequest::Other { .. } => false,
        };
        if want_reply {
            let answer = if granted { numbers::REQUEST_SUCCESS } else { numbers::REQUEST_FAILURE };
            self.transport.queue(&[answer]);
        }
        Ok(event)
    }

    /// Handles REQUEST_SUCCESS and REQUEST_FAILURE from after their numbers.
    pub(super) fn global_reply(&mut self, mut read: Reader<'_>, success: bool) -> Option<Event> {
        match self.global.answered()? {
            Asker::Keepalive(_) => None,
            Asker::HostKeys => Some(self.host_keys_proved(success, read.rest())),
            Asker::Application => Some(Event::GlobalReply { success, data: read.rest().to_vec() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_find_their_askers_in_order() {
        let mut replies = GlobalReplies::default();
        assert_eq!(replies.answered(), None);
        for _ in 0..1000 {
            replies.ask_for_life();
        }
        replies.ask();
        replies.ask_for_life();
        assert_eq!(replies.awaited.len(), 3, "questions in a row take no room");
        for _ in 0..1000 {
            assert_eq!(replies.answered(), Some(Asker::Keepalive(1)));
        }
        assert_eq!(replies.answered(), Some(Asker::Application));
        assert_eq!(replies.answered(), Some(Asker::Keepalive(1)));
        assert_eq!(replies.answered(), None);
    }

    #[test]
    fn the_applications_questions_are_bounded() {
        let mut replies = GlobalReplies::default();
        for _ in 0..GLOBAL_REPLIES_AWAITED_MAX {
            assert!(!replies.is_full());
            replies.ask();
            replies.ask_for_life();
        }
        assert!(replies.is_full());
        replies.answered();
        assert!(!replies.is_full());
    }
}
