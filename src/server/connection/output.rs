//! What leaves: control packets and trains, one SEND at a time.

use std::ops::Range;
use std::time::Instant;

use rustix::io::Errno;

use super::{Driver, Phase, Place};
use crate::reactor::{Buffer, Op};
use crate::server::limits::BRIEF_READ_BYTES_MAX;
use crate::server::sealing::{Pace, SealedTrain};
use crate::server::session::{SHRANK, Session, status_of};
use crate::server::train::{self, FileRead, Train};
use crate::ssh::ChannelId;

impl Driver {
    /// Seals and sends whatever can be sealed and sent.
    pub(super) fn pump(&mut self, place: &mut Place<'_>) {
        self.seal_and_send(place);
        // What was sealed behind a SEND goes out when that is over, and so does the connection.
        if self.outbound.has_sealed() || self.ssh.is_closed() {
            self.outbound.urge(place.reactor);
        }
    }

    fn seal_and_send(&mut self, place: &mut Place<'_>) {
        loop {
            let token = self.socket_token();
            self.outbound.send(place.reactor, &self.socket, token);
            // Behind a train that could not be sealed nothing may be sent.
            if !self.outbound.has_room() || self.phase == Phase::Ending {
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
        self.last_used = place.now;
        let channel = train.channel;
        let unsealed = if self.ssh.compresses() {
            let unsealed = train.compress(&mut self.ssh, &mut buffer, &mut self.outbound.control);
            // Its buffer goes back first, so that the packets find one.
            drop(buffer);
            self.starved |= !self.outbound.queue_control(place.pool);
            unsealed
        } else {
            self.seal_plain(place, train, buffer)
        };
        if let Some(unsealed) = unsealed {
            self.put_back(channel, unsealed.0);
        }
        true
    }

    /// Seals a train that is not compressed, here or on another core.
    fn seal_plain(
        &mut self,
        place: &mut Place<'_>,
        train: Train,
        mut buffer: Buffer,
    ) -> Option<train::Unsealed> {
        let bytes = train.bytes();
        let mut control = std::mem::take(&mut self.outbound.control);
        let seat = place.sealing.seat(place.now, bytes, &self.pace);
        // Without a seat too: a job seals two packets at once, where that is faster.
        let apart = match train.is_one_packet() {
            true => None,
            false => train.seal_apart(&mut self.ssh, &mut buffer, &control),
        };
        let mut unsealed = None;
        let began = Pace::begin(bytes);
        match (apart, seat) {
            (Some((job, range)), Some(seat)) => {
                let token = self.socket_token();
                let number = place.sealing.send_away(seat, token, job, buffer, &self.pace);
                self.outbound.queue_away(number, range);
            }
            (Some((job, range)), None) => match job.seal(&mut buffer) {
                Ok(()) => self.sealed_here(buffer, range, bytes, began),
                Err(error) => self.lost(&format!("a train could not be sealed: {error}")),
            },
            (None, _) => {
                let (range, rest) = train.seal(&mut self.ssh, &mut buffer, &control);
                self.sealed_here(buffer, range, bytes, began);
                unsealed = rest;
            }
        }
        self.work_bytes += bytes as u64;
        control.clear();
        self.outbound.control = control;
        unsealed
    }

    fn sealed_here(
        &mut self,
        buffer: Buffer,
        range: Range<usize>,
        bytes: usize,
        began: Option<Instant>,
    ) {
        if let Some(began) = began {
            self.pace.sealed_here(bytes, began.elapsed());
        }
        self.outbound.queue(buffer, range);
    }

    /// A train has been sealed on another core; one that is not waited for any more, since its
    /// connection is gone and another has its slot, is dropped.
    pub(in crate::server) fn train_sealed(&mut self, now: Instant, train: SealedTrain) {
        if !self.outbound.waits_for(train.number) {
            return;
        }
        self.pace.came_back(now, &train);
        match train.sealed {
            Ok(buffer) => self.outbound.came_back(train.number, buffer),
            Err(error) => self.lost(&format!("a train could not be sealed: {error}")),
        }
    }

    fn put_back(&mut self, channel: ChannelId, stream: Vec<u8>) {
        if let Some(session) = self.session(channel) {
            session.replies.push_front_bytes(stream);
        }
    }

    /// Lays out a train for the next session that has something to say. `false` if there is none.
    /// A session whose replies do not fit its peer's window leaves the turn to the next one.
    fn lay_train(&mut self, place: &mut Place<'_>) -> bool {
        let busy = self.outbound.reading.is_some() || self.outbound.complete.is_some();
        if busy || self.ssh.is_closed() || !self.ssh.can_send_data() {
            return false;
        }
        let count = self.sessions.len();
        let mut spare = None;
        for step in 0..count {
            let index = (self.next_session + step) % count;
            let Some(session) = self.sessions.get_mut(index) else { continue };
            if !speaks(session, &self.ssh) {
                continue;
            }
            let Some(mut buffer) = spare.take().or_else(|| place.pool.large()) else {
                self.starved = true;
                return false;
            };
            let (channel, bytes_max) = (session.channel, place.train_bytes_max);
            match train::lay(&mut self.ssh, channel, &mut session.replies, &mut buffer, bytes_max) {
                None => spare = Some(buffer),
                Some((train, read)) => {
                    self.next_session = index + 1;
                    match read {
                        None => self.outbound.complete = Some((train, buffer)),
                        Some(read) => self.read_file(place, train, read, buffer),
                    }
                    return true;
                }
            }
        }
        false
    }

    /// Has the file data of a train read: at once, if it is little and in memory. Another round of
    /// the shard would take longer than that.
    fn read_file(
        &mut self,
        place: &mut Place<'_>,
        train: Train,
        read: FileRead,
        mut buffer: Buffer,
    ) {
        let FileRead { file, offset, segments } = &read;
        let drop_behind = file.trail.drops_itself(&place.settings.pages, &file.file, *offset);
        let brief = train.file_bytes <= BRIEF_READ_BYTES_MAX && !drop_behind;
        if brief && file.read_at_once(&mut buffer, segments, *offset) {
            let result = Ok(train.file_bytes);
            return self.train_read(train, &read, buffer, result);
        }
        let (file, segments) = (file.file.fd.clone(), segments.clone());
        let op = Op::Read { file, offset: *offset, buffer, segments, drop_behind };
        let id = place.reactor.submit(self.token(train.channel), op);
        self.outbound.reading = Some((train, read, id));
    }

    /// The file data of a train has been read, or not.
    pub(super) fn file_read(&mut self, buffer: Buffer, result: Result<usize, Errno>) {
        let Some((train, read, _)) = self.outbound.reading.take() else { return };
        if self.phase != Phase::Ending {
            self.train_read(train, &read, buffer, result);
        }
    }

    fn train_read(
        &mut self,
        train: Train,
        read: &FileRead,
        buffer: Buffer,
        result: Result<usize, Errno>,
    ) {
        read.file.was_read_at(read.offset, *result.as_ref().unwrap_or(&0));
        if let Some(session) = self.session(train.channel) {
            session.last_read = read.file.downgrade();
        }
        match result {
            Ok(got) if got == train.file_bytes => self.outbound.complete = Some((train, buffer)),
            // The reactor reads on by itself: less than asked is the end of the file.
            _ => self.file_ended(train, read, &buffer, result),
        }
    }

    /// Tells the kernel what is due behind the files that were read and written.
    pub(super) fn advise(&mut self, place: &mut Place<'_>) {
        for index in 0..self.sessions.len() {
            let Some(session) = self.sessions.get_mut(index) else { continue };
            let Some(op) = session.advice_due(&place.settings.pages) else { continue };
            let channel = session.channel;
            if let Op::Advise { offset, bytes, advice, .. } = &op {
                tracing::debug!(connection = self.number, offset, bytes, ?advice, "pages");
            }
            place.reactor.submit(self.token(channel), op);
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
        match train.recover(&mut self.ssh, buffer, result) {
            Err(train::Shrunk) => self.shrunk(),
            Ok(train::Recovered { stream, drop_rest, filled_up }) => {
                if filled_up {
                    let why = result.map_or_else(|errno| status_of(errno).1, |_| SHRANK);
                    read.file.read_fell_short(why);
                }
                if let Some(session) = self.session(channel) {
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
