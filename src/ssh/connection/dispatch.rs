//! From a payload to the one function that handles it.

use std::ops::Range;

use super::table::{Action, Phase, action};
use super::{Connection, Side};
use crate::ssh::disconnect::Disconnect;
use crate::ssh::event::Event;
use crate::ssh::numbers;
use crate::ssh::userauth::ClientAuth;
use crate::ssh::wire::{Reader, WireError};

impl Connection {
    /// Acts on the payload at `range` of `input`.
    pub(super) fn message(
        &mut self,
        input: &[u8],
        range: Range<usize>,
        sequence: u32,
    ) -> Result<Option<Event>, Disconnect> {
        let payload = input.get(range.clone()).unwrap_or_default();
        let Some((&number, body)) = payload.split_first() else {
            return Err(Disconnect::protocol("a packet without a message"));
        };
        match action(self.role(), self.phase, number) {
            Action::Handle => {}
            Action::Ignore => return Ok(None),
            Action::Unimplemented => {
                self.transport.unimplemented(sequence);
                return Ok(None);
            }
            Action::Disconnect => {
                let name = numbers::name(number);
                return Err(Disconnect::protocol(format!(
                    "message {number} {name} came too soon \
                     or from the wrong side"
                )));
            }
        }
        if self.phase == Phase::Open {
            self.connection_message(number, body, range.start + 1)
        } else {
            self.auth_message(number, body)
        }
    }

    fn auth_message(&mut self, number: u8, body: &[u8]) -> Result<Option<Event>, Disconnect> {
        match (&mut self.side, number) {
            (Side::Server { auth, .. }, numbers::SERVICE_REQUEST) => {
                let accept = auth.service_request(body)?;
                self.transport.queue(&accept);
                self.phase = Phase::Auth;
                Ok(None)
            }
            (Side::Server { .. }, numbers::USERAUTH_INFO_RESPONSE) => self.info_response(body),
            (Side::Server { .. }, _) => self.userauth_request(body),
            (Side::Client { auth }, numbers::SERVICE_ACCEPT) => {
                auth.service_accept(body)?;
                self.phase = Phase::Auth;
                self.send_attempt()?;
                Ok(None)
            }
            (Side::Client { auth }, numbers::USERAUTH_FAILURE) => {
                let event = auth.failure(body)?;
                self.send_attempt()?;
                Ok(Some(event))
            }
            (Side::Client { auth }, numbers::USERAUTH_SUCCESS) => {
                let user = auth.success(body)?;
                Ok(Some(self.logged_in(user)))
            }
            (Side::Client { auth }, numbers::USERAUTH_INFO_REQUEST) => {
                auth.info_request(body).map(|prompts| Some(Event::AuthPrompted(prompts)))
            }
            (Side::Client { .. }, _) => ClientAuth::banner(body).map(Some),
        }
    }

    /// RFC 4254. `at` is where `body` starts in the input.
    fn connection_message(
        &mut self,
        number: u8,
        body: &[u8],
        at: usize,
    ) -> Result<Option<Event>, Disconnect> {
        let read = Reader::new(body);
        let handled = match number {
            numbers::CHANNEL_DATA => self.channel_data(read, body.len(), at, false),
            numbers::CHANNEL_EXTENDED_DATA => self.channel_data(read, body.len(), at, true),
            numbers::CHANNEL_WINDOW_ADJUST => self.channel_window_adjust(read),
            numbers::CHANNEL_OPEN => self.channel_open(read),
            numbers::CHANNEL_OPEN_CONFIRMATION => self.channel_confirmation(read),
            numbers::CHANNEL_OPEN_FAILURE => self.channel_refused(read),
            numbers::CHANNEL_EOF => self.channel_eof(read),
            numbers::CHANNEL_CLOSE => self.channel_close(read),
            numbers::CHANNEL_REQUEST => self.channel_request(read),
            numbers::CHANNEL_SUCCESS => self.channel_reply(read, true),
            numbers::CHANNEL_FAILURE => self.channel_reply(read, false),
            numbers::GLOBAL_REQUEST => self.global_requested(read),
            numbers::REQUEST_SUCCESS => Ok(self.global_reply(read, true)),
            numbers::REQUEST_FAILURE => Ok(self.global_reply(read, false)),
            _ => Ok(None),
        };
        handled.map_err(|error| match error {
            Wrong::Wire(error) => {
                Disconnect::protocol(format!("{}: {error}", numbers::name(number)))
            }
            Wrong::Protocol(cause) => cause,
        })
    }
}

/// What can be wrong with a message: its bytes, or its meaning.
pub(super) enum Wrong {
    Wire(WireError),
    Protocol(Disconnect),
}

impl From<WireError> for Wrong {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl From<Disconnect> for Wrong {
    fn from(cause: Disconnect) -> Self {
        Self::Protocol(cause)
    }
}
