//! The channel messages of RFC 4254, as they arrive after authentication.

use std::time::Instant;

use super::dispatch::Wrong;
use super::limits::TEXT_BYTES_MAX;
use super::{Awaiting, Connection};
use crate::ssh::channel::messages::{self, refusal};
use crate::ssh::channel::{Arrival, Confirmed, Offer};
use crate::ssh::disconnect::Disconnect;
use crate::ssh::event::{ChannelId, Event};
use crate::ssh::numbers;
use crate::ssh::requests::ChannelRequest;
use crate::ssh::transport::Role;
use crate::ssh::wire::{Reader, WireError};

pub(super) type Handling = Result<Option<Event>, Wrong>;

impl Connection {
    /// Answers [`Event::ChannelOpenRequested`], or a [`Event::ChannelRequest`] that needs
    /// a verdict. Without a question this does nothing.
    pub fn handle_channel_verdict(&mut self, now: Instant, accept: bool) {
        match self.awaiting {
            Awaiting::ChannelOpen(id) => self.answer_open(now, id, accept),
            Awaiting::ChannelRequest { channel, want_reply } => {
                if want_reply {
                    self.answer_request(channel, accept);
                }
            }
            Awaiting::Nothing | Awaiting::Auth | Awaiting::HostKey => return,
        }
        self.awaiting = Awaiting::Nothing;
    }

    fn answer_open(&mut self, now: Instant, id: ChannelId, accept: bool) {
        let ours = self.our_offer(id);
        let Some(channel) = self.channels.get_mut(id) else { return };
        let peer = channel.peer();
        if accept {
            channel.accept(now);
            self.transport.queue(&messages::confirmation(peer, ours));
        } else {
            self.channels.remove(id);
            self.refuse(peer, refusal::PROHIBITED, "the channel was refused");
        }
    }

    pub(super) fn our_offer(&self, id: ChannelId) -> Offer {
        let window = self.channels.window_bytes();
        Offer { peer: id.0, window, packet_max: self.packet_bytes_max }
    }

    fn refuse(&mut self, peer: u32, reason: u32, description: &str) {
        self.transport.queue(&messages::open_failure(peer, reason, description));
    }

    /// Answers a channel request, unless we closed the channel: after CLOSE nothing is sent.
    fn answer_request(&mut self, id: ChannelId, success: bool) {
        let Some(channel) = self.channels.get(id).filter(|channel| channel.is_open()) else {
            return;
        };
        let number = if success { numbers::CHANNEL_SUCCESS } else { numbers::CHANNEL_FAILURE };
        self.transport.queue(&messages::plain(number, channel.peer()));
    }

    pub(super) fn channel_open(&mut self, mut read: Reader<'_>) -> Handling {
        let kind = read.string()?;
        let offer = offer(&mut read)?;
        let peer = offer.peer;
        let Some(kind) = self.channels.kind(kind) else {
            let (reason, why) = match messages::KNOWN_KINDS.iter().any(|it| it.as_bytes() == kind) {
                true => (refusal::PROHIBITED, "this kind of channel is not opened here"),
                false => (refusal::UNKNOWN_CHANNEL_TYPE, "this kind of channel is not known here"),
            };
            self.refuse(peer, reason, why);
            return Ok(None);
        };
        if kind == messages::SESSION {
            read.end()?;
            if self.no_more_sessions {
                return Err(Disconnect::protocol("a session after no-more-sessions").into());
            }
        }
        let data = read.rest().to_vec();
        if offer.packet_max == 0 {
            self.refuse(peer, refusal::PROHIBITED, "packets of 0 bytes carry nothing");
            return Ok(None);
        }
        let Some(channel) = self.channels.offer(offer) else {
            self.refuse(peer, refusal::RESOURCE_SHORTAGE, "too many channels");
            return Ok(None);
        };
        self.awaiting = Awaiting::ChannelOpen(channel);
        Ok(Some(Event::ChannelOpenRequested { channel, kind: kind.to_owned(), data }))
    }

    pub(super) fn channel_confirmation(&mut self, mut read: Reader<'_>) -> Handling {
        let now = self.transport.latest_now();
        let channel = self.channels.named(now, read.u32()?)?;
        match channel.confirm(offer(&mut read)?)? {
            Confirmed::Open => Ok(Some(Event::ChannelOpened { channel: channel.id() })),
            Confirmed::TooLate => {
                let peer = channel.peer();
                self.transport.queue(&messages::plain(numbers::CHANNEL_CLOSE, peer));
                Ok(None)
            }
        }
    }

    pub(super) fn channel_refused(&mut self, mut read: Reader<'_>) -> Handling {
        let now = self.transport.latest_now();
        let channel = self.channels.named(now, read.u32()?)?;
        channel.refused()?;
        let (channel, forgotten) = (channel.id(), channel.is_forgotten());
        let reason = read.u32()?;
        let description = words(read.string()?);
        self.channels.remove(channel);
        Ok((!forgotten).then_some(Event::ChannelOpenFailed { channel, reason, description }))
    }

    /// `bytes` is the whole body's length and `at` its place in the input.
    pub(super) fn channel_data(
        &mut self,
        mut read: Reader<'_>,
        bytes: usize,
        at: usize,
        extended: bool,
    ) -> Handling {
        let now = self.transport.latest_now();
        let channel = self.channels.named(now, read.u32()?)?;
        let extended = if extended { Some(read.u32()?) } else { None };
        let data = read.string()?;
        read.end()?;
        if channel.receive_data(now, data.len())? == Arrival::Drop || data.is_empty() {
            return Ok(None);
        }
        // The data ends the body, so it ends where the body does.
        let end = at + bytes;
        let range = end - data.len()..end;
        Ok(Some(Event::Data { channel: channel.id(), range, extended }))
    }

    /// A grant for a channel that is gone may cross our CLOSE in a sloppy peer: OpenSSH passes over
    /// it as well.
    pub(super) fn channel_window_adjust(&mut self, mut read: Reader<'_>) -> Handling {
        let number = read.u32()?;
        let bytes = read.u32()?;
        read.end()?;
        let Some(channel) = self.channels.get_mut(ChannelId(number)) else { return Ok(None) };
        channel.receive_adjust(bytes)?;
        let opened = channel.is_sendable() && bytes > 0;
        Ok(opened.then_some(Event::WindowOpened { channel: ChannelId(number) }))
    }

    /// An EOF may come behind the peer's own CLOSE, where one thread of it closes a channel as
    /// another ends its input: paramiko does that when a command is over before its input is.
    pub(super) fn channel_eof(&mut self, mut read: Reader<'_>) -> Handling {
        let now = self.transport.latest_now();
        let number = read.u32()?;
        read.end()?;
        if self.channels.is_past(number) {
            return Ok(None);
        }
        let channel = self.channels.named(now, number)?;
        let news = channel.receive_eof()?;
        Ok(news.then_some(Event::Eof { channel: channel.id() }))
    }

    pub(super) fn channel_close(&mut self, mut read: Reader<'_>) -> Handling {
        let now = self.transport.latest_now();
        let channel = self.channels.named(now, read.u32()?)?;
        read.end()?;
        let (id, peer, forgotten) = (channel.id(), channel.peer(), channel.is_forgotten());
        if channel.receive_close()? {
            self.transport.queue(&messages::plain(numbers::CHANNEL_CLOSE, peer));
        }
        self.channels.remove(id);
        Ok((!forgotten).then_some(Event::Closed { channel: id }))
    }

    pub(super) fn channel_request(&mut self, mut read: Reader<'_>) -> Handling {
        let now = self.transport.latest_now();
        let channel = self.channels.named(now, read.u32()?)?;
        channel.check_open()?;
        let (id, open) = (channel.id(), channel.is_open());
        let name = read.string()?;
        let want_reply = read.bool()?;
        let request = ChannelRequest::decode(name, read)?;
        if !open {
            return Ok(None); // we closed it: no request is granted and no answer may be sent
        }
        let known = match self.role() {
            Role::Server => request.for_server(),
            Role::Client => request.for_client(),
        };
        let verdict = known && request.needs_verdict();
        if verdict {
            self.awaiting = Awaiting::ChannelRequest { channel: id, want_reply };
        } else if want_reply {
            // What only informs is granted. PuTTY's winadj and OpenSSH's keepalive want the
            // refusal: without an answer PuTTY, WinSCP and FileZilla stall.
            self.answer_request(id, known);
        }
        Ok(known.then_some(Event::ChannelRequest { channel: id, request }))
    }

    /// An answer nobody waits for is passed over, at no cost (it has deadlocked others).
    pub(super) fn channel_reply(&mut self, mut read: Reader<'_>, success: bool) -> Handling {
        let number = read.u32()?;
        read.end()?;
        let channel = ChannelId(number);
        let awaited = self.channels.get_mut(channel).is_some_and(|it| it.receive_reply());
        Ok(awaited.then_some(Event::ChannelReply { channel, success }))
    }
}

fn offer(read: &mut Reader<'_>) -> Result<Offer, WireError> {
    Ok(Offer { peer: read.u32()?, window: read.u32()?, packet_max: read.u32()? })
}

fn words(text: &[u8]) -> String {
    let text = text.get(..TEXT_BYTES_MAX).unwrap_or(text);
    String::from_utf8_lossy(text).into_owned()
}
