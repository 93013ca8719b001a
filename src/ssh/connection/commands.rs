//! What the application asks of channels. Nothing here fails: a command for a channel that is gone
//! or not open any more does nothing, since the peer may have closed it a moment ago.

use super::Connection;
use super::table::Phase;
use crate::ssh::channel::messages;
use crate::ssh::event::ChannelId;
use crate::ssh::limits::QUEUE_BYTES_FULL;
use crate::ssh::numbers;
use crate::ssh::requests::ChannelRequest;
use crate::ssh::transport::Role;

impl Connection {
    /// The application has consumed `bytes` of the channel's data. Window goes back to the peer
    /// once enough of it has come together, and so does what the window has grown by.
    pub fn adjust(&mut self, channel: ChannelId, bytes: u32) {
        if self.closed {
            return;
        }
        let now = self.transport.latest_now();
        let Some(channel) = self.channels.get_mut(channel) else { return };
        let peer = channel.peer();
        if let Some(grant) = channel.consume(now, bytes) {
            self.transport.queue(&messages::window_adjust(peer, grant));
        }
    }

    /// Memory is short: every channel's window goes back to the size it started with. The peer may
    /// still send what it was granted; what is consumed of that is not granted again.
    pub fn shrink_windows(&mut self) {
        self.channels.shrink_windows();
    }

    /// Queues a copy of as much of `data` as the peer's window and the queue take, and says how
    /// much that was. For small output; bulk goes through
    /// [`reserve_data`](Self::reserve_data). While keys are exchanged the queue waits.
    pub fn write(&mut self, channel: ChannelId, data: &[u8]) -> usize {
        self.write_packets(channel, data, messages::data)
    }

    /// As [`write`](Self::write), to the side stream `code` (1 is stderr).
    pub fn write_extended(&mut self, channel: ChannelId, code: u32, data: &[u8]) -> usize {
        self.write_packets(channel, data, |peer, part| messages::extended_data(peer, code, part))
    }

    fn write_packets(
        &mut self,
        id: ChannelId,
        data: &[u8],
        packet: impl Fn(u32, &[u8]) -> Vec<u8>,
    ) -> usize {
        if self.closed {
            return 0;
        }
        let Some(channel) = self.channels.get_mut(id) else { return 0 };
        let mut left = data;
        while !left.is_empty() && self.transport.queued_bytes() < QUEUE_BYTES_FULL {
            let Some(taken) = channel.take(left.len()) else { break };
            let Some((part, rest)) = left.split_at_checked(taken as usize) else { break };
            self.transport.queue(&packet(channel.peer(), part));
            left = rest;
        }
        let written = data.len() - left.len();
        if written > 0 {
            channel.mark_queued();
        }
        written
    }

    /// Says that no more data follows on the channel. Frames still reserved cannot be sealed after.
    pub fn eof(&mut self, channel: ChannelId) {
        self.end(channel, numbers::CHANNEL_EOF);
    }

    /// Closes the channel. [`Event::Closed`](crate::ssh::Event::Closed) follows when the peer has
    /// closed it too; data that arrives until then is dropped.
    pub fn close(&mut self, channel: ChannelId) {
        self.end(channel, numbers::CHANNEL_CLOSE);
    }

    fn end(&mut self, id: ChannelId, number: u8) {
        if self.closed {
            return;
        }
        let Some(channel) = self.channels.get_mut(id) else { return };
        let sends = match number {
            numbers::CHANNEL_EOF => channel.send_eof(),
            _ => channel.send_close(),
        };
        if sends {
            self.transport.queue(&messages::plain(number, channel.peer()));
        }
    }

    /// Server: reports how what ran on the channel ended.
    pub fn exit_status(&mut self, channel: ChannelId, status: u32) {
        self.request(channel, &ChannelRequest::ExitStatus(status), false);
    }

    /// Client: asks for a session channel; otherwise as [`open_channel`](Self::open_channel).
    pub fn open_session(&mut self) -> Option<ChannelId> {
        // RFC 4254 6.1: no server asks for a session.
        if self.role() == Role::Server {
            return None;
        }
        self.open_channel(messages::SESSION, &[])
    }

    /// Asks for a channel of `kind`, with `data` as RFC 4254 7.2 has it for the kind; `None` before
    /// login or when there are too many.
    /// [`Event::ChannelOpened`](crate::ssh::Event::ChannelOpened) or
    /// [`Event::ChannelOpenFailed`](crate::ssh::Event::ChannelOpenFailed) follows, the latter also
    /// when no answer comes in time. Then the channel counts until its answer has come.
    pub fn open_channel(&mut self, kind: &str, data: &[u8]) -> Option<ChannelId> {
        if self.closed || self.phase != Phase::Open {
            return None;
        }
        let now = self.transport.latest_now();
        let id = self.channels.open(now)?;
        self.transport.queue(&messages::open(kind, self.our_offer(id), data));
        Some(id)
    }

    /// Client: asks for a subsystem on an open channel.
    /// [`Event::ChannelReply`](crate::ssh::Event::ChannelReply) answers.
    pub fn request_subsystem(&mut self, channel: ChannelId, name: &str) {
        self.request(channel, &ChannelRequest::Subsystem { name: name.to_owned() }, true);
    }

    /// Client: asks for a command to be run on an open channel.
    /// [`Event::ChannelReply`](crate::ssh::Event::ChannelReply) answers.
    pub fn request_exec(&mut self, channel: ChannelId, command: &[u8]) {
        self.request(channel, &ChannelRequest::Exec { command: command.to_vec() }, true);
    }

    /// Sends any request on an open channel. With `want_reply` a
    /// [`Event::ChannelReply`](crate::ssh::Event::ChannelReply) answers, in the requests' order;
    /// while 64 answers are awaited nothing more is asked.
    pub fn request(&mut self, id: ChannelId, request: &ChannelRequest, want_reply: bool) {
        if self.closed {
            return;
        }
        let Some(channel) = self.channels.get_mut(id).filter(|channel| channel.is_open()) else {
            return;
        };
        if want_reply && !channel.await_reply() {
            return;
        }
        self.transport.queue(&messages::request(channel.peer(), request, want_reply));
    }
}
