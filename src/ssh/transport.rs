//! The transport layer of RFC 4253 as a machine without I/O: identification, packets, key exchange.
//!
//! Owns the sequence numbers, the keys and the order in which messages leave. Knows nothing of
//! users and channels: payloads of the layers above go through. Time is an argument, randomness is
//! injected.
//!
//! The two directions change keys on their own. What we send is bound from our KEXINIT to our
//! NEWKEYS, what we receive from the peer's KEXINIT to the peer's NEWKEYS:
//!
//! ```text
//!             our KEXINIT queued            our NEWKEYS queued      NEWKEYS sealed
//!  sending  ------------+------------------------+-----------------------+----------->
//!    data frames         refused .........................................  new keys
//!    other messages      held ...................| let go, behind NEWKEYS
//!
//!             peer's KEXINIT opened         peer's NEWKEYS opened
//!  receiving -----------+------------------------+----------------------------------->
//!    anything            key exchange only ......  anything, new keys
//! ```

mod compression;
mod config;
mod exchange;
mod info;
mod outbox;
mod receive;
mod transmit;

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

pub use config::{ConfigError, GexBits, StrictKex, TransportConfig};
pub use info::{DirectionInfo, Role, TransportInfo};

use self::compression::Compressions;
use self::exchange::Exchange;
use self::outbox::Outbox;
use super::disconnect::{Disconnect, DisconnectReason};
use super::ident::{self, IdentReader};
use super::numbers::{EXT_INFO, UNIMPLEMENTED, allowed_in_key_exchange};
use super::packet::{FrameShape, Opener, Sealer};
use super::rekey::{Allowance, PeerBudget};
use super::trace::PacketTrace;
use super::wire::Writer;
use crate::crypto::{Certificate, PacketSeal, Random, announced_signatures};

/// The extension that names the signatures a server takes from users (RFC 8308 section 3.1).
pub(crate) const SERVER_SIG_ALGS: &str = "server-sig-algs";
/// A server's: it takes the method `publickey-hostbound-v00@openssh.com` (OpenSSH's PROTOCOL 3.1).
pub(crate) const PUBLICKEY_HOSTBOUND: &str = "publickey-hostbound@openssh.com";
/// A client's: it takes EXT_INFO at any time during the login (OpenSSH's PROTOCOL 1.10).
const EXT_INFO_IN_AUTH: &str = "ext-info-in-auth@openssh.com";
/// A server's: it answers PING (OpenSSH's PROTOCOL 1.8).
const PING_EXTENSION: &str = "ping@openssh.com";

/// What one call of [`Transport::receive`] did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Received {
    /// Bytes at the front of the input that are done with. 0 means that more bytes are needed, or
    /// that the transport stands still; see [`Transport::wants_input`].
    pub consumed: usize,
    /// The sequence number of the packet that was opened, for [`Transport::unimplemented`].
    pub sequence: u32,
    /// The packet came compressed: its payload is [`Transport::expanded`], not in the input.
    pub expanded: bool,
    /// What it means to the layers above, if anything.
    pub item: Option<Item>,
}

/// What the layers above hear of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    /// A message for the layers above, as a range of the input, or of [`Transport::expanded`] where
    /// [`Received::expanded`] says so: a number from 50 on, or about services. Never empty.
    Payload(Range<usize>),
    /// The peer's identification line.
    Ident(String),
    /// Client only: the server has shown a host key, [`Transport::host_key`], and proved that it
    /// has it. Nothing goes on until [`Transport::host_key_verdict`].
    HostKeyOffered,
    /// Both directions use new keys.
    KexDone {
        /// The first exchange, after which services can be asked for.
        first: bool,
    },
    /// The peer has ended the connection.
    Disconnected {
        /// The code of RFC 4253 section 11.1.
        reason: u32,
        /// The peer's words, cleaned of control characters.
        description: String,
    },
    /// The peer did not know our packet of this sequence number.
    Unimplemented {
        /// Counted by the peer.
        sequence: u32,
    },
}

/// One end of an SSH transport. See the [module](self) for the rules of key exchanges.
///
/// Four kinds of method: getters; [`receive`](Self::receive) and
/// [`handle_timeout`](Self::handle_timeout), which take what happened; commands, such as
/// [`queue`](Self::queue); and [`poll_transmit`](Self::poll_transmit) and
/// [`next_deadline`](Self::next_deadline), which say what to do. After any other call, drain
/// `poll_transmit` before the next. Packets get their numbers when they are sealed, so what
/// `poll_transmit` appends and what `seal_frame` seals must reach the peer in the order of calls.
///
/// An error from any method is the end: pass it to [`disconnect`](Self::disconnect), drain
/// `poll_transmit` once more and close.
pub struct Transport {
    role: Role,
    config: Arc<TransportConfig>,
    random: Box<dyn Random>,
    info: TransportInfo,
    /// Reads the peer's identification; `None` once it has come.
    ident: Option<IdentReader>,
    ident_sent: bool,
    sealer: Sealer,
    opener: Opener,
    /// Takes over when our NEWKEYS has been sealed.
    next_seal: Option<NextSeal>,
    compressions: Compressions,
    sent_allowance: Allowance,
    received_allowance: Allowance,
    outbox: Outbox,
    exchange: Option<Exchange>,
    peer_budget: PeerBudget,
    session_id: Option<Vec<u8>>,
    host_key: Option<Vec<u8>>,
    host_certificate: Option<Certificate>,
    extensions: Vec<(Vec<u8>, Vec<u8>)>,
    authenticated: bool,
    /// The next packet is the first one under the peer's first keys, where EXT_INFO may come.
    after_newkeys: bool,
    /// EXT_INFO messages that have come.
    ext_infos: u32,
    /// A USERAUTH_REQUEST has gone by.
    login_begun: bool,
    /// Client only: we have said that EXT_INFO may come at any time during the login.
    ext_info_in_auth: bool,
    /// Client only: an EXT_INFO has come that nothing but USERAUTH_SUCCESS may follow.
    success_must_follow: bool,
    /// Server only: EXT_INFO has been sent during the login.
    told_again: bool,
    trace: Option<PacketTrace>,
    /// When the latest exchange was over.
    keys_since: Instant,
    /// The latest time anybody told us.
    now: Instant,
    ident_deadline: Instant,
    /// What went wrong where no error could be returned; the next call that can returns it.
    failure: Option<Disconnect>,
    closed: bool,
}

impl Transport {
    /// A transport that has just been connected: the identification line and the first KEXINIT are
    /// ready to be sent, before anything has come from the peer.
    pub fn new(
        role: Role,
        config: Arc<TransportConfig>,
        random: Box<dyn Random>,
        now: Instant,
    ) -> Self {
        let mut transport = Self {
            role,
            info: TransportInfo::new(
                role,
                ident::compose(&config.software_version, &config.comment),
            ),
            ident: Some(IdentReader::new(role)),
            ident_sent: false,
            sealer: Sealer::new(),
            opener: Opener::new(),
            next_seal: None,
            compressions: Compressions::new(),
            sent_allowance: Allowance::PLAIN,
            received_allowance: Allowance::PLAIN,
            outbox: Outbox::default(),
            exchange: None,
            peer_budget: PeerBudget::new(now),
            session_id: None,
            host_key: None,
            host_certificate: None,
            extensions: Vec::new(),
            authenticated: false,
            after_newkeys: false,
            ext_infos: 0,
            login_begun: false,
            ext_info_in_auth: false,
            success_must_follow: false,
            told_again: false,
            trace: None,
            keys_since: now,
            now,
            ident_deadline: now + config.ident_timeout,
            failure: None,
            closed: false,
            config,
            random,
        };
        transport.begin_exchange();
        transport
    }

    // Getters.

    /// Which end this is.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Names, counters and the like, for logs and metrics.
    pub fn info(&self) -> &TransportInfo {
        &self.info
    }

    /// Whether [`Transport::receive`] would look at its input: not while a host key waits for its
    /// verdict, nor after the end.
    pub fn wants_input(&self) -> bool {
        !self.closed && !self.awaits_verdict()
    }

    /// How many bytes the packet at the front of the input has in all; of the part that tells, as
    /// long as that has not been seen; 0 while there are no packets.
    pub fn needed(&self) -> usize {
        if self.ident.is_some() || !self.wants_input() { 0 } else { self.opener.needed() }
    }

    /// The latest time anybody told us.
    pub(crate) fn latest_now(&self) -> Instant {
        self.now
    }

    /// Bytes of messages that wait to be sealed. Do not queue channel data from
    /// [`QUEUE_BYTES_FULL`](super::limits::QUEUE_BYTES_FULL) on.
    pub fn queued_bytes(&self) -> usize {
        self.outbox.bytes()
    }

    /// How frames are laid out, or `None` while data may not be sent: before the first keys, from
    /// our own KEXINIT until our NEWKEYS has left, and after the end.
    pub fn data_shape(&self) -> Option<FrameShape> {
        let open = !self.closed && !self.holds() && self.next_seal.is_none();
        open.then(|| self.sealer.shape())
    }

    /// The payload of the packet that was opened last, if that came compressed.
    pub fn expanded(&self) -> &[u8] {
        self.opener.expanded()
    }

    /// Lends what [`Transport::expanded`] shows; [`Transport::give_back`] returns it.
    pub(crate) fn take_expanded(&mut self) -> Vec<u8> {
        self.opener.take_expanded()
    }

    /// Returns what was lent.
    pub(crate) fn give_back(&mut self, expanded: Vec<u8>) {
        self.opener.give_back(expanded);
    }

    /// The exchange hash of the first exchange, once that has one (RFC 4253 section 7.2).
    pub fn session_id(&self) -> Option<&[u8]> {
        self.session_id.as_deref()
    }

    /// The server's host key of the first exchange as on the wire: for a client once it is proved,
    /// for a server once it has shown it.
    pub fn host_key(&self) -> Option<&[u8]> {
        self.host_key.as_deref()
    }

    /// Bits an RSA key of the peer's must have.
    pub(crate) fn rsa_bits_min(&self) -> usize {
        self.config.rsa_bits_min
    }

    /// Client only: what [`Transport::host_key`] says, where it is a certificate.
    pub fn host_certificate(&self) -> Option<&Certificate> {
        self.host_certificate.as_ref()
    }

    /// The value of an extension the peer has sent in EXT_INFO (RFC 8308).
    pub fn peer_extension(&self, name: &str) -> Option<&[u8]> {
        let found = self.extensions.iter().find(|(listed, _)| listed == name.as_bytes());
        found.map(|(_, value)| value.as_slice())
    }

    /// Everything the peer has sent in EXT_INFO, names and values.
    pub fn peer_extensions(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.extensions.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))
    }

    /// Whether keys are being exchanged, in either direction.
    pub fn is_exchanging(&self) -> bool {
        self.exchange.is_some() || self.next_seal.is_some()
    }

    /// Whether the connection is over: nothing is received or queued any more.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    // Commands.

    /// Queues a whole message. Until the first exchange is over and while keys are exchanged, all
    /// but the transport's own messages wait.
    pub fn queue(&mut self, payload: &[u8]) {
        let Some(number) = payload.first() else {
            return;
        };
        if self.closed {
            return;
        }
        let taken = if self.holds() && !allowed_in_key_exchange(*number) {
            self.outbox.hold(payload)
        } else {
            self.outbox.push(payload)
        };
        if taken.is_err() {
            let bytes = self.outbox.bytes();
            self.failure.get_or_insert_with(|| {
                Disconnect::protocol(format!(
                    "{bytes} bytes of answers wait for a peer that takes none of them"
                ))
            });
        }
    }

    /// Tells the peer that its packet of this sequence number means nothing to us.
    pub fn unimplemented(&mut self, sequence: u32) {
        let mut message = vec![UNIMPLEMENTED];
        message.put_u32(sequence);
        self.queue(&message);
    }

    /// Shows every packet from here on to `trace`, secrets left out.
    pub fn set_trace(&mut self, trace: PacketTrace) {
        self.trace = Some(trace);
    }

    /// Server only: tells the client, during its login, which signatures are taken from this user
    /// (OpenSSH's PROTOCOL 1.10). Nothing happens with a client that has not asked for it, a second
    /// time, or before its first USERAUTH_REQUEST and after its last.
    pub fn tell_signature_algorithms(&mut self, algorithms: &[&str]) {
        let asked = self.peer_extension(EXT_INFO_IN_AUTH) == Some(b"0".as_slice());
        if self.role == Role::Client || self.authenticated || !asked || !self.login_begun {
            return;
        }
        if !std::mem::replace(&mut self.told_again, true) {
            let mut message = vec![EXT_INFO];
            message.put_u32(1);
            message.put_string(SERVER_SIG_ALGS.as_bytes());
            message.put_name_list(announced_signatures(algorithms));
            self.queue(&message);
        }
    }

    /// Asks the peer for new keys. Nothing happens while keys are exchanged anyway, or after the
    /// end. OpenSSH's server takes it only from authenticated clients: before that it answers
    /// UNIMPLEMENTED, and the exchange runs into its deadline.
    pub fn start_rekey(&mut self, now: Instant) {
        self.now = now;
        if !self.closed && !self.is_exchanging() {
            self.begin_exchange();
        }
    }

    /// The peer is authenticated: its packets may be larger, its PINGs are answered, and keys are
    /// exchanged again when they are used up. A client, which has just received USERAUTH_SUCCESS,
    /// compresses from here on; a server as soon as it has sealed that message.
    pub fn set_authenticated(&mut self) {
        self.authenticated = true;
        self.opener.lift_limits();
        if self.role == Role::Client {
            let started = self.see_login();
            // The next call that can returns it.
            let _ = self.remember(started);
        }
    }

    /// Queues a DISCONNECT as the last message. What waits for the end of an exchange is dropped.
    pub fn disconnect(&mut self, end: &Disconnect) {
        if self.closed {
            return;
        }
        self.failure = None;
        self.outbox.drop_held();
        // A peer that has not identified itself may not even speak SSH.
        if self.ident.is_none() {
            self.push(&end.message());
        }
        self.close();
    }

    /// Queues a message of the transport's own, which is never held nor refused.
    fn push(&mut self, payload: &[u8]) {
        self.outbox.push_own(payload);
    }

    fn close(&mut self) {
        self.closed = true;
        self.exchange = None;
    }

    // Time.

    /// When [`Transport::handle_timeout`] has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.closed {
            return None;
        }
        if self.failure.is_some() || self.wants_rekey() {
            return Some(self.now);
        }
        let ident = self.ident.is_some().then_some(self.ident_deadline);
        let exchange = self.exchange.as_ref().and_then(Exchange::deadline);
        [ident, exchange, self.rekey_at()].into_iter().flatten().min()
    }

    /// Does what is due at `now`: ends the connection of a peer that took too long, or asks for new
    /// keys.
    ///
    /// # Errors
    /// A deadline has passed, or the queue has overflowed.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Disconnect> {
        self.now = now;
        if self.closed {
            return Ok(());
        }
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        if self.ident.is_some() {
            if now < self.ident_deadline {
                return Ok(());
            }
            let seconds = self.config.ident_timeout.as_secs();
            let text = format!("no identification line within {seconds} s");
            return Err(Disconnect::new(DisconnectReason::ConnectionLost, text));
        }
        if self.exchange.as_ref().and_then(Exchange::deadline).is_some_and(|at| at <= now) {
            let seconds = self.config.kex_timeout.as_secs();
            return Err(Disconnect::key_exchange(format!(
                "the key exchange was not over within {seconds} s"
            )));
        }
        self.rekey_if_due();
        Ok(())
    }

    /// The caller owes the peer a verdict and reads nothing until then: what an answer may take
    /// starts again.
    pub fn excuse(&mut self, now: Instant) {
        let timeout = self.config.kex_timeout;
        if let Some(exchange) = &mut self.exchange {
            exchange.put_off(now, timeout);
        }
    }

    fn rekey_at(&self) -> Option<Instant> {
        let idle = self.authenticated && !self.is_exchanging();
        let interval = self.config.rekey_interval.filter(|_| idle)?;
        self.keys_since.checked_add(interval)
    }

    /// Whether a key has carried as much as it should. Before authentication nothing does: the
    /// packets are few, and OpenSSH does not expect it.
    fn wants_rekey(&self) -> bool {
        let used = self.sent_allowance.is_used(self.sealer.usage())
            || self.received_allowance.is_used(self.opener.usage());
        used && self.authenticated && !self.is_exchanging()
    }

    fn rekey_if_due(&mut self) {
        let time = self.rekey_at().is_some_and(|at| at <= self.now);
        if !self.closed && (time || self.wants_rekey()) {
            self.begin_exchange();
        }
    }

    /// Whether messages of the layers above have to wait: from our KEXINIT to our NEWKEYS.
    fn holds(&self) -> bool {
        self.exchange.as_ref().is_some_and(Exchange::holds)
    }

    fn awaits_verdict(&self) -> bool {
        self.exchange.as_ref().is_some_and(Exchange::awaits_verdict)
    }

    /// The directions' allowances under new keys: as configured, or the ciphers' own.
    fn allowance(&self, cipher_bytes: u64) -> Allowance {
        Allowance::new(cipher_bytes, self.config.rekey_bytes, self.config.rekey_packets)
    }

    /// The end of a connection whose keys have carried all they may and that has no new ones.
    fn check_keys(&self) -> Result<(), Disconnect> {
        let ways = [
            ("sent", self.sent_allowance, self.sealer.usage()),
            ("received", self.received_allowance, self.opener.usage()),
        ];
        for (way, allowance, usage) in ways {
            if allowance.is_spent(usage, self.authenticated) {
                let (bytes, packets) = (usage.bytes, usage.packets);
                return Err(Disconnect::protocol(format!(
                    "the keys are used up: {bytes} bytes and {packets} packets were {way} under \
                     them, and there are no new ones"
                )));
            }
        }
        Ok(())
    }
}

/// The keys we have agreed to send under, until our NEWKEYS is sealed.
struct NextSeal {
    cipher: Box<dyn PacketSeal>,
    /// What they may carry; the old ones are held to their own.
    allowance: Allowance,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither keys nor the session identifier.
        f.debug_struct("Transport")
            .field("info", &self.info)
            .field("exchanging", &self.is_exchanging())
            .field("queued_bytes", &self.queued_bytes())
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}
