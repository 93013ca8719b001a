//! When compression starts, and with which contexts (RFC 4253 section 6.2,
//! draft-miller-secsh-compression-delayed).
//!
//! Contexts are made anew with each key. Those of a delayed compression start behind
//! USERAUTH_SUCCESS: a server's when it has sealed that message, a client's when it has opened it.
//! A direction that is about to change its keys then waits for the new ones: the peer may have sent
//! its NEWKEYS without knowing of the login.

use super::{Exchange, Role, Transport};
use crate::crypto::{CompressionAlgorithm, CryptoError};
use crate::ssh::disconnect::{Disconnect, DisconnectReason};
use crate::ssh::numbers::USERAUTH_SUCCESS;

/// What was agreed on, and whether the login is over.
#[derive(Debug)]
pub(super) struct Compressions {
    /// Under the present keys.
    sent: Option<&'static CompressionAlgorithm>,
    received: Option<&'static CompressionAlgorithm>,
    /// Under the keys that take over when our NEWKEYS has been sealed.
    next_sent: Option<&'static CompressionAlgorithm>,
    login_seen: bool,
}

impl Compressions {
    /// Nothing is compressed before the first keys.
    pub(super) fn new() -> Self {
        Self { sent: None, received: None, next_sent: None, login_seen: false }
    }
}

impl Transport {
    /// Whether what is sent is compressed now, so that frames cannot be sealed in place.
    pub fn compresses(&self) -> bool {
        self.sealer.compresses()
    }

    /// What is sent under the next keys.
    pub(super) fn agree_to_send(&mut self, compression: &'static CompressionAlgorithm) {
        self.compressions.next_sent = Some(compression);
        self.info.sent.compression = compression.name;
    }

    /// Our NEWKEYS was sealed.
    pub(super) fn compress_under_new_keys(&mut self) -> Result<(), Disconnect> {
        self.compressions.sent = self.compressions.next_sent.take();
        self.start_compressing()
    }

    /// The peer's NEWKEYS was opened.
    pub(super) fn expand_under_new_keys(
        &mut self,
        compression: &'static CompressionAlgorithm,
    ) -> Result<(), Disconnect> {
        self.compressions.received = Some(compression);
        self.info.received.compression = compression.name;
        self.start_expanding()
    }

    /// A server has sealed message `number`.
    pub(super) fn note_login_sent(&mut self, number: u8) -> Result<(), Disconnect> {
        let login = self.role == Role::Server && number == USERAUTH_SUCCESS;
        if login { self.see_login() } else { Ok(()) }
    }

    /// USERAUTH_SUCCESS has gone by: what was delayed starts.
    pub(super) fn see_login(&mut self) -> Result<(), Disconnect> {
        if std::mem::replace(&mut self.compressions.login_seen, true) {
            return Ok(());
        }
        let waits = |agreed: Option<&CompressionAlgorithm>| agreed.is_some_and(|it| it.delayed);
        if waits(self.compressions.sent) && self.next_seal.is_none() {
            self.start_compressing()?;
        }
        let changes_keys = self.exchange.as_ref().is_some_and(Exchange::binds_peer);
        if waits(self.compressions.received) && !changes_keys {
            self.start_expanding()?;
        }
        Ok(())
    }

    fn start_compressing(&mut self) -> Result<(), Disconnect> {
        if let Some(compression) = self.compressions.sent.filter(|it| self.is_time_for(it)) {
            self.sealer.compress_by(compression.compressor().map_err(failed)?);
        }
        Ok(())
    }

    fn start_expanding(&mut self) -> Result<(), Disconnect> {
        if let Some(compression) = self.compressions.received.filter(|it| self.is_time_for(it)) {
            self.opener.expand_by(compression.expander().map_err(failed)?);
        }
        Ok(())
    }

    fn is_time_for(&self, compression: &CompressionAlgorithm) -> bool {
        !compression.delayed || self.compressions.login_seen
    }
}

fn failed(error: CryptoError) -> Disconnect {
    Disconnect::new(DisconnectReason::CompressionError, error.to_string())
}
