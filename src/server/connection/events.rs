//! What has arrived: packets opened in place, events acted on, requests carried out.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use super::entry::contained;
use super::{Driver, Phase, Place};
use crate::server::profile::Profile;
use crate::server::run;
use crate::server::session::{Asked, Command, Party, Session, Site, parse};
use crate::ssh::{ChannelId, ChannelRequest, DisconnectReason, Event};

/// The side stream of RFC 4254 5.2 that is standard error.
const STDERR: u32 = 1;

impl Driver {
    /// Opens the packets that have arrived and acts on them.
    pub(super) fn take_input(&mut self, place: &mut Place<'_>) {
        while self.ssh.wants_input() && !self.unfinished && self.phase == Phase::Open {
            let (buffer, filled) = self.inbound.bytes();
            let start = filled.start;
            let input = buffer.get_mut(filled).unwrap_or_default();
            let stranger = self.profile.is_none();
            let ssh = &mut self.ssh;
            let Some(handled) = contained(stranger, || ssh.handle_input(place.now, input)) else {
                return self.crashed();
            };
            if handled.consumed == 0 && handled.event.is_none() {
                break;
            }
            if handled.event.as_ref().is_some_and(|it| !matches!(it, Event::KexDone { .. })) {
                self.last_used = place.now;
            }
            match handled.event {
                Some(Event::Data { channel, range, extended: None }) if handled.expanded => {
                    self.expanded_data(place, channel, range);
                }
                Some(Event::Data { channel, range, extended: None }) => {
                    self.data(place, channel, start + range.start..start + range.end);
                }
                Some(Event::Data { channel, range, extended: Some(_) }) => {
                    // SFTP has no use for it; the window it took is given back all the same.
                    self.ssh.adjust(channel, u32::try_from(range.len()).unwrap_or(u32::MAX));
                }
                Some(event) => self.event(place, event),
                None => {}
            }
            self.inbound.consume(handled.consumed);
            self.unfinished = place.turn_is_over() && !self.ssh.is_closed();
        }
        // The buffer is about to be used again: what points into it goes to the files now.
        let (buffer, _) = self.inbound.bytes();
        for session in &mut self.sessions {
            session.flush(buffer);
            self.window_bytes = self.window_bytes.max(self.ssh.window_bytes(session.channel));
        }
    }

    /// Channel data that lies at `range` of the receive buffer.
    fn data(&mut self, place: &mut Place<'_>, channel: ChannelId, range: Range<usize>) {
        let token = self.token(channel);
        let Some(session) = self.sessions.iter_mut().find(|own| own.channel == channel) else {
            return;
        };
        let Some(mut site) = site(place, token, &self.profile, &self.party) else { return };
        let (buffer, _) = self.inbound.bytes();
        match session.input(&mut site, buffer, range) {
            Ok(consumed) => self.ssh.adjust(channel, u32::try_from(consumed).unwrap_or(u32::MAX)),
            Err(error) => self.broken(channel, &error.to_string()),
        }
    }

    /// Channel data that came compressed. What it expanded to lasts until the next packet, so all
    /// that is to be written of it is written at once.
    fn expanded_data(&mut self, place: &mut Place<'_>, channel: ChannelId, range: Range<usize>) {
        let token = self.token(channel);
        let Some(session) = self.sessions.iter_mut().find(|own| own.channel == channel) else {
            return;
        };
        let Some(mut site) = site(place, token, &self.profile, &self.party) else { return };
        let (buffer, _) = self.inbound.bytes();
        session.flush(buffer);
        let taken = session.input(&mut site, self.ssh.expanded(), range);
        session.flush(self.ssh.expanded());
        match taken {
            Ok(consumed) => self.ssh.adjust(channel, u32::try_from(consumed).unwrap_or(u32::MAX)),
            Err(error) => self.broken(channel, &error.to_string()),
        }
    }

    /// Goes on with what was parked.
    pub(super) fn resume_parked(&mut self, place: &mut Place<'_>) {
        let mut sessions = std::mem::take(&mut self.sessions);
        for session in &mut sessions {
            let token = self.token(session.channel);
            let Some(mut site) = site(place, token, &self.profile, &self.party) else { continue };
            match session.resume(&mut site) {
                Ok(consumed) => {
                    let consumed = u32::try_from(consumed).unwrap_or(u32::MAX);
                    self.ssh.adjust(session.channel, consumed);
                }
                Err(error) => self.broken(session.channel, &error.to_string()),
            }
        }
        self.unfinished |= sessions.iter().any(Session::can_resume) && place.turn_is_over();
        self.sessions = sessions;
    }

    fn broken(&self, channel: ChannelId, error: &str) {
        tracing::warn!(
            connection = self.number,
            peer = %self.peer,
            user = self.ssh.user(),
            channel = channel.0,
            cause = error,
            "sftp stream broken; the session ends"
        );
    }

    pub(super) fn event(&mut self, place: &mut Place<'_>, event: Event) {
        match event {
            Event::Connected { peer_ident } => self.identified(place, peer_ident),
            Event::KexDone { first } => self.keys_exchanged(first),
            Event::AuthRequest(request) => self.authenticate(place, &request),
            Event::AuthRefused(refused) => self.refused_attempt(refused),
            Event::ChannelOpenRequested { .. } => {
                let accept = self.may_open_session();
                self.ssh.handle_channel_verdict(place.now, accept);
            }
            Event::ChannelRequest { channel, request } => {
                self.channel_request(place, channel, &request);
            }
            Event::Eof { channel } => {
                if let Some(session) = self.session(channel) {
                    session.input_ended = true;
                }
            }
            Event::Closed { channel } => {
                self.ticket.close_session();
                self.channel_closed(place, channel);
            }
            Event::Authenticated { user } => self.authenticated(place, user),
            Event::Disconnected { by_peer, reason, description } => {
                self.turned_away(by_peer, reason);
                let who = if by_peer { "peer disconnected" } else { "disconnected" };
                let cause = format!("{who} (reason {reason}): {}", description);
                self.cause.get_or_insert(cause);
            }
            // Window for more output: pump looks for itself. The rest is the client role's.
            _ => {}
        }
    }

    fn authenticated(&mut self, place: &Place<'_>, user: String) {
        let (info, key) = (self.ssh.info(), self.proved.key.as_ref());
        tracing::info!(
            connection = self.number,
            peer = %self.peer,
            %user,
            methods = self.proved.methods.as_str(),
            key = key.map(|key| key.fingerprint.as_str()),
            certificate = key.and_then(|key| key.certificate.as_deref()),
            client = self.peer_ident.as_str(),
            kex = info.kex,
            strict_kex = info.strict,
            host_key = info.host_key_algorithm,
            received = %info.received.names(),
            sent = %info.sent.names(),
            "authenticated"
        );
        if self.has_too_many_connections(place, &user) {
            return;
        }
        let roll = self.roll.take();
        self.profile = roll.and_then(|roll| roll.profiles.get(&user, &self.login));
        let (connection, peer) = (self.number, Some(self.peer));
        self.party = Rc::new(Party { connection, peer, user: user.into() });
    }

    fn keys_exchanged(&mut self, first: bool) {
        let info = self.ssh.info();
        tracing::debug!(connection = self.number, peer = %self.peer, keys = ?info, "exchanged");
        self.rekeys += u64::from(!first);
    }

    fn channel_request(&mut self, place: &Place<'_>, channel: ChannelId, request: &ChannelRequest) {
        if *request == ChannelRequest::EndOfWrite {
            // Nobody reads replies any more: an sftp-server behind sshd would get EPIPE.
            if let Some(session) = self.session(channel) {
                session.stop();
            }
        }
        if !request.needs_verdict() {
            return;
        }
        let free = self.session(channel).is_none() && self.profile.is_some();
        let accept = match request {
            ChannelRequest::Subsystem { name } if name == "sftp" && free => {
                self.open_sftp(place, channel, request)
            }
            ChannelRequest::Exec { command } if free => {
                self.command(place, channel, request, Some(command))
            }
            ChannelRequest::Shell if free => self.command(place, channel, request, None),
            // There is none behind it, but ssh would stop here and never show why.
            ChannelRequest::Pty { .. } if free => {
                self.terminals.insert(channel);
                true
            }
            // What ssh sends without being told to, and what no session here has a use for.
            ChannelRequest::Env { .. }
            | ChannelRequest::WindowChange(_)
            | ChannelRequest::Signal { .. } => false,
            other => self.refused(other),
        };
        self.ssh.handle_channel_verdict(place.now, accept);
    }

    fn open_sftp(
        &mut self,
        place: &Place<'_>,
        channel: ChannelId,
        request: &ChannelRequest,
    ) -> bool {
        let seed = run::random_number();
        let own_ident = &place.settings.software_version;
        self.sessions.push(Session::new(channel, &self.peer_ident, own_ident, seed));
        self.log_request(request, "sftp session opened");
        true
    }

    /// Starts a command; without one it is a shell. What is not served is taken up all the same, so
    /// that the client is told why.
    fn command(
        &mut self,
        place: &Place<'_>,
        channel: ChannelId,
        request: &ChannelRequest,
        line: Option<&Vec<u8>>,
    ) -> bool {
        let command = match parse(line.map(Vec::as_slice), &place.settings.verbs) {
            Asked::Sftp => return self.open_sftp(place, channel, request),
            Asked::Command(command) => {
                self.log_request(request, "command");
                command
            }
            Asked::Refused(said) => {
                self.log_request(request, "command refused: it is not one that is served");
                Command::Say(if self.terminals.contains(&channel) {
                    said.on_terminal()
                } else {
                    said
                })
            }
        };
        self.sessions.push(Session::new(channel, &self.peer_ident, "", 0).for_command(command));
        true
    }

    fn refused(&self, request: &ChannelRequest) -> bool {
        self.log_request(request, "channel request refused: only SFTP and commands are served");
        false
    }

    fn log_request(&self, request: &ChannelRequest, what: &str) {
        tracing::info!(
            connection = self.number,
            peer = %self.peer,
            user = &*self.party.user,
            request = described(request).as_str(),
            "{what}"
        );
    }

    /// Sends what commands have to say on standard error, as far as their clients take it.
    pub(super) fn send_errors(&mut self) {
        for session in self.sessions.iter_mut().filter(|own| !own.stderr.is_empty()) {
            let sent = self.ssh.write_extended(session.channel, STDERR, &session.stderr);
            session.stderr.drain(..sent.min(session.stderr.len()));
        }
    }

    fn channel_closed(&mut self, place: &mut Place<'_>, channel: ChannelId) {
        self.terminals.remove(&channel);
        let Some(index) = self.sessions.iter().position(|own| own.channel == channel) else {
            return;
        };
        let token = self.token(channel);
        if let Some(session) = self.sessions.get_mut(index) {
            session.closed = true;
            // What came before in the same packet burst is still batched.
            session.flush(self.inbound.bytes().0);
            if let Some(site) = site(place, token, &self.profile, &self.party) {
                session.abandon(&site);
            }
        }
        self.drop_closed_sessions();
    }

    /// Closed sessions go once none of their operations runs.
    pub(super) fn drop_closed_sessions(&mut self) {
        let reading = self.outbound.reading.as_ref().map(|(train, ..)| train.channel);
        self.sessions.retain(|own| !own.closed || own.is_busy() || Some(own.channel) == reading);
    }

    /// Sessions that have said everything get their exit status, EOF and CLOSE.
    pub(super) fn finish_sessions(&mut self) {
        let in_train = self.outbound.reading.as_ref().map(|(train, ..)| train.channel);
        let complete = self.outbound.complete.as_ref().map(|(train, _)| train.channel);
        for session in &mut self.sessions {
            let channel = Some(session.channel);
            if session.finished || !session.is_done() || channel == in_train || channel == complete
            {
                continue;
            }
            session.finished = true;
            self.ssh.exit_status(session.channel, session.exit_status());
            self.ssh.eof(session.channel);
            self.ssh.close(session.channel);
        }
        self.drop_closed_sessions();
    }

    /// The file gave less than an earlier packet announced: the stream cannot be mended.
    pub(super) fn shrunk(&mut self) {
        self.cause.get_or_insert_with(|| "a file shrank while it was being sent".to_owned());
        self.ssh.disconnect(
            DisconnectReason::ByApplication,
            "a file shrank while it was being sent; ask for it again",
        );
    }
}

/// What a session of a user who has logged in may use.
pub(super) fn site<'p>(
    place: &'p mut Place<'_>,
    token: crate::reactor::Token,
    profile: &'p Option<Arc<Profile>>,
    party: &'p Rc<Party>,
) -> Option<Site<'p>> {
    Some(Site {
        profile: profile.as_ref()?,
        names: &place.settings.names,
        jobs: place.jobs,
        reactor: Some(place.reactor),
        token,
        wall_clock: place.wall_clock,
        turn_ends: Some(place.turn_ends),
        party,
    })
}

/// What a client asked for, for a log line, which escapes it: its name, and the command or the
/// subsystem it names, of which at most 200 bytes are shown.
fn described(request: &ChannelRequest) -> String {
    let what = match request {
        ChannelRequest::Exec { command } => command.as_slice(),
        ChannelRequest::Subsystem { name } => name.as_bytes(),
        _ => return request.name().to_owned(),
    };
    let shown = what.get(..200).unwrap_or(what);
    format!("{} {}", request.name(), String::from_utf8_lossy(shown))
}
