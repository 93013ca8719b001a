//! What leaves: control packets and trains, one SEND at a time.

use rustix::io::Errno;

use super::{Driver, Place};
use crate::reactor::{Buffer, Op};
use crate::server::session::Session;
use crate::server::train::{self, FileRead, Train};
use crate::ssh::ChannelId;

impl Driver {
    /// Seals and sends whatever can be sealed and sent.
    pub(super) fn pump(&mut self, place: &mut Place<'_>) {
        loop {
            let token = self.socket_token();
            self.outbound.send(place.reactor, &self.socket, token);
            if !self.outbound.has_room() {
                return;
            }
            if self.seal_complete(place) || self.lay_train(place) {
                continue;
            }
            self.ssh.poll_transmit(place.now, &mut self.outbound.control);
            if self.outbound.control.is_empty() {
                return;
            }
            if !self.outbound.queue_control(place.pool) {
                self.starved = true;
                return;
            }
        }
    }

    /// Seals the train that is complete; `false` if there is none or keys are being exchanged.
    fn seal_complete(&mut self, place: &mut Place<'_>) -> bool {
        if !self.ssh.can_send_data() {
            return false;
        }
        let Some((train, mut buffer)) = self.outbound.complete.take() else { return false };
        self.ssh.poll_transmit(place.now, &mut self.outbound.control);
        if self.outbound.control.len() > crate::server::limits::HEADROOM_BYTES
            && !self.outbound.queue_control(place.pool)
        {
            self.outbound.complete = Some((train, buffer));
            self.starved = true;
            return false;
        }
        let channel = train.channel;
        let control = std::mem::take(&mut self.outbound.control);
        let (range, unsealed) = train.seal(&mut self.ssh, &mut buffer, &control);
        self.outbound.control = control;
        self.outbound.control.clear();
        self.outbound.queue(buffer, range);
        if let Some(unsealed) = unsealed {
            self.put_back(channel, unsealed.0);
        }
        true
    }

    fn put_back(&mut self, channel: ChannelId, stream: Vec<u8>) {
        if let Some(session) = self.sessions.iter_mut().find(|own| own.channel == channel) {
            session.replies.push_front_bytes(stream);
        }
    }

    /// Lays out a train for the next session that has something to say. `false` if there is none.
    fn lay_train(&mut self, place: &mut Place<'_>) -> bool {
        let busy = self.outbound.reading.is_some() || self.outbound.complete.is_some();
        if busy || self.ssh.is_closed() || !self.ssh.can_send_data() {
            return false;
        }
        let count = self.sessions.len();
        let Some(index) = (0..count)
            .map(|step| (self.next_session + step) % count)
            .find(|&index| self.sessions.get(index).is_some_and(|own| speaks(own, &self.ssh)))
        else {
            return false;
        };
        let Some(mut buffer) = place.pool.large() else {
            self.starved = true;
            return false;
        };
        let Some(session) = self.sessions.get_mut(index) else { return false };
        self.next_session = index + 1;
        match train::lay(&mut self.ssh, session.channel, &mut session.replies, &mut buffer) {
            None => false,
            Some((train, None)) => {
                self.outbound.complete = Some((train, buffer));
                true
            }
            Some((train, Some(read))) => {
                self.read_file(place, train, read, buffer);
                true
            }
        }
    }

    fn read_file(&mut self, place: &mut Place<'_>, train: Train, read: FileRead, buffer: Buffer) {
        let op = Op::Read {
            file: read.file.file.fd.clone(),
            offset: read.offset,
            buffer,
            segments: read.segments.clone(),
        };
        let id = place.reactor.submit(self.token(train.channel), op);
        self.outbound.reading = Some((train, read, id));
    }

    /// The file data of a train has been read, or not.
    pub(super) fn file_read(
        &mut self,
        place: &mut Place<'_>,
        buffer: Buffer,
        result: Result<usize, Errno>,
    ) {
        let Some((train, mut read, _)) = self.outbound.reading.take() else { return };
        if self.phase == super::Phase::Ending {
            return;
        }
        let wanted = read.len();
        match result {
            Ok(got) if got >= wanted => {
                read.file.was_read(train.file_bytes);
                self.outbound.complete = Some((train, buffer));
            }
            // Part of it was at hand: the rest is asked for, and end of file shows as 0.
            Ok(got) if got > 0 => {
                read.advance(got);
                self.read_file(place, train, read, buffer);
            }
            _ => self.file_ended(train, &read, &buffer, result),
        }
    }

    fn file_ended(
        &mut self,
        train: Train,
        read: &FileRead,
        buffer: &Buffer,
        result: Result<usize, Errno>,
    ) {
        let channel = train.channel;
        let got = train.file_bytes.saturating_sub(read.len());
        read.file.was_read(got);
        match train.recover(&mut self.ssh, buffer, result.map(|_| got)) {
            Err(train::Shrunk) => self.shrunk(),
            Ok((stream, drop_rest)) => {
                let session = self.sessions.iter_mut().find(|own| own.channel == channel);
                if let Some(session) = session {
                    if drop_rest {
                        session.replies.pop_front();
                    }
                    session.replies.push_front_bytes(stream);
                }
            }
        }
    }
}

/// Whether a train for `session` would carry anything.
fn speaks(session: &Session, ssh: &crate::ssh::Connection) -> bool {
    !session.closed && !session.replies.is_blocked() && ssh.send_window(session.channel) > 0
}
