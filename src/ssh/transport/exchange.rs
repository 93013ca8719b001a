//! The steps of one key exchange, in both roles.
//!
//! ```text
//!  server:  KexInit -> Init ------------------> NewKeys -> over
//!  client:  KexInit -> Reply -> Verdict ------> NewKeys -> over
//!                          \____ same host key _/  (every exchange but the first)
//!
//!  a group exchange (RFC 4419) has one step more:
//!  server:  KexInit -> GroupRequest -> Init ...
//!  client:  KexInit -> Group -> Reply ...
//! ```
//! A step's name says which message of the peer's, or which decision, it waits for. An exchange
//! begins with our KEXINIT, whether we ask for it or answer the peer's.

use std::time::{Duration, Instant};

use super::receive::unexpected;
use super::{
    EXT_INFO_IN_AUTH, Item, NextSeal, PING_EXTENSION, PUBLICKEY_HOSTBOUND, Role, SERVER_SIG_ALGS,
    StrictKex, Transport, TransportInfo,
};
use crate::crypto::{self, KexAlgorithm, PacketOpen, announced_signatures};
use crate::ssh::disconnect::{Disconnect, DisconnectReason};
use crate::ssh::group_exchange::{self, Agreed};
use crate::ssh::kex::{Answer, Outcome, Pending, Transcript, init_number, respond};
use crate::ssh::kexinit::{
    self, EXT_INFO_CLIENT, EXT_INFO_SERVER, KexInit, Negotiated, STRICT_CLIENT, STRICT_SERVER,
    Shape, Way, negotiate,
};
use crate::ssh::limits::KEXINIT_BYTES_MAX;
use crate::ssh::numbers::{
    EXT_INFO, KEX_DH_GEX_GROUP, KEX_DH_GEX_REQUEST, KEX_DH_GEX_REQUEST_OLD, NEWKEYS,
};
use crate::ssh::wire::Writer;

/// A key exchange that is not over.
pub(super) struct Exchange {
    first: bool,
    /// Our KEXINIT; empty while it waits for the peer's.
    ours: Vec<u8>,
    /// `None` while the peer is not to blame: before its identification, before our KEXINIT has
    /// left, and during a verdict.
    deadline: Option<Instant>,
    /// The peer guessed the algorithms wrong: its next message is for another method.
    skip_guess: bool,
    /// The peer takes EXT_INFO.
    wants_ext_info: bool,
    /// What we have sent ahead for the first method of our list.
    guess: Option<Opening>,
    step: Step,
}

/// What a client has begun a method with.
enum Opening {
    /// Its request for a group.
    Request,
    /// Its public value.
    Init(Pending),
}

enum Step {
    KexInit,
    GroupRequest { theirs: Vec<u8>, negotiated: Negotiated },
    Group { theirs: Vec<u8>, negotiated: Negotiated },
    Init { theirs: Vec<u8>, negotiated: Negotiated, agreed: Option<Agreed> },
    Reply { theirs: Vec<u8>, negotiated: Negotiated, pending: Pending },
    Verdict { negotiated: Negotiated, outcome: Outcome },
    NewKeys { opener: Box<dyn PacketOpen>, negotiated: Negotiated },
}

impl Exchange {
    /// Whether it is the first exchange of the connection.
    pub(super) fn is_first(&self) -> bool {
        self.first
    }

    /// Whether the peer may send nothing but messages of the exchange.
    pub(super) fn binds_peer(&self) -> bool {
        !matches!(self.step, Step::KexInit)
    }

    /// Whether we may send nothing but messages of the exchange.
    pub(super) fn holds(&self) -> bool {
        !matches!(self.step, Step::NewKeys { .. })
    }

    pub(super) fn awaits_verdict(&self) -> bool {
        matches!(self.step, Step::Verdict { .. })
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Moves a deadline that has passed.
    pub(super) fn put_off(&mut self, now: Instant, timeout: Duration) {
        if self.deadline.is_some_and(|at| at <= now) {
            self.deadline = Some(now + timeout);
        }
    }

    /// Sets the deadline, or sets it again after it was lifted.
    pub(super) fn resume_clock(&mut self, now: Instant, timeout: Duration) {
        if self.deadline.is_none() && !self.awaits_verdict() {
            self.deadline = Some(now + timeout);
        }
    }
}

impl Transport {
    /// Queues our KEXINIT. From here on the layers above wait.
    ///
    /// A server that plays safe first looks at the client's, so that it can leave out what that
    /// client is not safe with. Clients wait for nobody, and most send theirs at once.
    pub(super) fn begin_exchange(&mut self) {
        let first = self.session_id.is_none();
        let waits = first && self.role == Role::Server && self.config.strict_kex == StrictKex::Safe;
        let guess = self.guess(first);
        let follows = guess.is_some();
        let ours = if waits { Vec::new() } else { self.offer(first, !first, follows) };
        let guess = guess.map(|(opening, message)| {
            self.push(&message);
            opening
        });
        self.exchange = Some(Exchange {
            first,
            ours,
            deadline: None,
            skip_guess: false,
            wants_ext_info: false,
            guess,
            step: Step::KexInit,
        });
    }

    /// Queues our KEXINIT and returns it. `met` says whether the peer's first one has come, so that
    /// it is known what the peer can do; `follows` that a guess comes next.
    fn offer(&mut self, first: bool, met: bool, follows: bool) -> Vec<u8> {
        let mut cookie = [0; 16];
        self.random.fill(&mut cookie);
        let safe = self.config.strict_kex == StrictKex::Safe;
        let unaffected = safe && met && !self.info.strict;
        let shape = Shape { first, unaffected, follows };
        let ours = kexinit::write(self.role, &self.config, cookie, shape);
        self.push(&ours);
        ours
    }

    /// The first message of a client's first method, if it is to be sent ahead.
    fn guess(&mut self, first: bool) -> Option<(Opening, Vec<u8>)> {
        if !first || self.role == Role::Server || !self.config.guess {
            return None;
        }
        let kex = self.config.kexes.first().and_then(|name| crypto::kex(name))?;
        self.opening(kex).ok()
    }

    /// A client's first message of this method.
    fn opening(&mut self, kex: &KexAlgorithm) -> Result<(Opening, Vec<u8>), Disconnect> {
        if kex.exchanges_group() {
            return Ok((Opening::Request, group_exchange::request(self.config.gex_bits)));
        }
        let (pending, init) = Pending::start(kex, None, &mut *self.random)?;
        Ok((Opening::Init(pending), init))
    }

    /// The peer's KEXINIT, where one may come. Answers with ours if we have not sent it yet.
    pub(super) fn on_kexinit(&mut self, payload: &[u8], sequence: u32) -> Result<(), Disconnect> {
        if payload.len() > KEXINIT_BYTES_MAX {
            let bytes = payload.len();
            return Err(Disconnect::protocol(format!(
                "a KEXINIT of {bytes} bytes; at most {KEXINIT_BYTES_MAX} are taken"
            )));
        }
        let theirs = KexInit::parse(payload)
            .map_err(|error| Disconnect::protocol(format!("malformed KEXINIT: {error}")))?;
        if self.exchange.is_none() {
            self.peer_budget.spend(self.now, self.authenticated)?;
            self.begin_exchange();
        }
        let Some(mut exchange) = self.exchange.take() else {
            return Ok(());
        };
        if exchange.first {
            self.note_markers(&theirs, sequence)?;
            exchange.wants_ext_info = theirs.marks(match self.role {
                Role::Client => EXT_INFO_SERVER,
                Role::Server => EXT_INFO_CLIENT,
            });
        }
        if exchange.ours.is_empty() {
            exchange.ours = self.offer(exchange.first, true, false);
        }
        let ours = KexInit::parse(&exchange.ours)
            .map_err(|error| Disconnect::key_exchange(format!("our own KEXINIT: {error}")))?;
        let negotiated = match self.role {
            Role::Client => negotiate(&ours, &theirs)?,
            Role::Server => negotiate(&theirs, &ours)?,
        };
        if let Some(name) = negotiated.affected()
            && self.config.strict_kex == StrictKex::Safe
            && !self.info.strict
        {
            return Err(Disconnect::key_exchange(format!(
                "the peer does not offer the strict key exchange, and without it {name} is not \
                 used here"
            )));
        }
        exchange.skip_guess = theirs.follows && !negotiated.guess_right;
        let theirs = payload.to_vec();
        exchange.step = match (self.role, negotiated.kex.exchanges_group()) {
            (Role::Server, true) => Step::GroupRequest { theirs, negotiated },
            (Role::Server, false) => Step::Init { theirs, negotiated, agreed: None },
            (Role::Client, _) => {
                // A wrong guess has been passed over by the server, and the right message follows.
                let guess = exchange.guess.take().filter(|_| negotiated.guess_right);
                let opening = match guess {
                    Some(opening) => opening,
                    None => {
                        let (opening, message) = self.opening(negotiated.kex)?;
                        self.push(&message);
                        opening
                    }
                };
                match opening {
                    Opening::Request => Step::Group { theirs, negotiated },
                    Opening::Init(pending) => Step::Reply { theirs, negotiated, pending },
                }
            }
        };
        self.exchange = Some(exchange);
        Ok(())
    }

    /// Strict key exchange, if both sides offer it: the peer's KEXINIT must have been the first
    /// packet.
    fn note_markers(&mut self, theirs: &KexInit, sequence: u32) -> Result<(), Disconnect> {
        let marker = match self.role {
            Role::Client => STRICT_SERVER,
            Role::Server => STRICT_CLIENT,
        };
        let setting = self.config.strict_kex;
        self.info.strict = setting != StrictKex::Off && theirs.marks(marker);
        if setting == StrictKex::Required && !self.info.strict {
            return Err(Disconnect::key_exchange(format!(
                "the strict key exchange is required here, and the peer does not offer {marker}"
            )));
        }
        if self.info.strict && sequence != 0 {
            return Err(Disconnect::protocol(format!(
                "strict key exchange: the KEXINIT was packet {sequence}, not packet 0"
            )));
        }
        Ok(())
    }

    /// A message of the exchange's own, numbers 30 to 49.
    pub(super) fn on_kex_message(
        &mut self,
        number: u8,
        payload: &[u8],
        sequence: u32,
    ) -> Result<Option<Item>, Disconnect> {
        let wrong = || unexpected(number, sequence, "it does not fit the key exchange");
        let mut exchange = self.exchange.take().ok_or_else(wrong)?;
        if exchange.binds_peer() && std::mem::take(&mut exchange.skip_guess) {
            self.exchange = Some(exchange);
            return Ok(None);
        }
        let body = payload.get(1..).unwrap_or_default();
        match (std::mem::replace(&mut exchange.step, Step::KexInit), number) {
            (Step::GroupRequest { theirs, negotiated }, KEX_DH_GEX_REQUEST) => {
                let (bits, moduli) = (self.config.gex_bits, &self.config.moduli);
                let (group, agreed) = group_exchange::offer(bits, moduli, body, &mut *self.random)?;
                self.push(&group);
                exchange.step = Step::Init { theirs, negotiated, agreed: Some(agreed) };
                self.exchange = Some(exchange);
                Ok(None)
            }
            (Step::GroupRequest { .. }, KEX_DH_GEX_REQUEST_OLD) => Err(Disconnect::key_exchange(
                "message 30 KEX_DH_GEX_REQUEST_OLD is from before RFC 4419; 34 is taken",
            )),
            (Step::Group { theirs, negotiated }, KEX_DH_GEX_GROUP) => {
                let agreed = group_exchange::accept(self.config.gex_bits, body)?;
                let (pending, init) =
                    Pending::start(negotiated.kex, Some(agreed), &mut *self.random)?;
                self.push(&init);
                exchange.step = Step::Reply { theirs, negotiated, pending };
                self.exchange = Some(exchange);
                Ok(None)
            }
            (Step::Init { theirs, negotiated, agreed }, number)
                if number == init_number(agreed.as_ref()) =>
            {
                self.answer(exchange, &theirs, negotiated, agreed.as_ref(), body)?;
                Ok(None)
            }
            (Step::Reply { theirs, negotiated, pending }, number)
                if number == pending.reply_number() =>
            {
                let transcript = transcript(&self.info, &exchange.ours, &theirs);
                let answer =
                    pending.finish(&negotiated, &transcript, body, self.config.rsa_bits_min)?;
                self.meet_host_key(exchange, negotiated, answer)
            }
            _ => Err(wrong()),
        }
    }

    /// The server's one step: its reply and its NEWKEYS.
    fn answer(
        &mut self,
        exchange: Exchange,
        theirs: &[u8],
        negotiated: Negotiated,
        agreed: Option<&Agreed>,
        body: &[u8],
    ) -> Result<(), Disconnect> {
        let signs = |name| self.config.host_keys.iter().find(|key| key.algorithms().contains(name));
        let signer = signs(&negotiated.host_key)
            .cloned()
            .ok_or_else(|| Disconnect::key_exchange("no host key for the algorithm agreed on"))?;
        let transcript = transcript(&self.info, &exchange.ours, theirs);
        let answer = respond(&negotiated, agreed, &transcript, &*signer, body, &mut *self.random);
        let (reply, outcome) = answer?;
        if exchange.first {
            self.host_key = Some(signer.public_blob().to_vec());
        }
        self.push(&reply);
        self.change_keys(exchange, negotiated, &outcome)
    }

    /// The client knows the server's key: an old one goes on, a new one waits for a verdict.
    fn meet_host_key(
        &mut self,
        mut exchange: Exchange,
        negotiated: Negotiated,
        answer: Answer,
    ) -> Result<Option<Item>, Disconnect> {
        if exchange.first {
            self.host_key = Some(answer.host_key);
            self.host_certificate = answer.certificate;
            exchange.deadline = None;
            exchange.step = Step::Verdict { negotiated, outcome: answer.outcome };
            self.exchange = Some(exchange);
            return Ok(Some(Item::HostKeyOffered));
        }
        if self.host_key.as_ref() != Some(&answer.host_key) {
            return Err(Disconnect::new(
                DisconnectReason::HostKeyNotVerifiable,
                "the server changed its host key within the connection",
            ));
        }
        self.change_keys(exchange, negotiated, &answer.outcome)?;
        Ok(None)
    }

    /// Client only: what the caller thinks of [`Transport::host_key`]. Nothing happens unless
    /// [`Item::HostKeyOffered`] waits for it.
    ///
    /// # Errors
    /// The end of the connection, if the key is not accepted.
    pub fn host_key_verdict(&mut self, accept: bool) -> Result<(), Disconnect> {
        if !self.awaits_verdict() {
            return Ok(());
        }
        let verdict = self.apply_verdict(accept);
        self.remember(verdict)
    }

    fn apply_verdict(&mut self, accept: bool) -> Result<(), Disconnect> {
        let Some(mut exchange) = self.exchange.take() else {
            return Ok(());
        };
        match std::mem::replace(&mut exchange.step, Step::KexInit) {
            Step::Verdict { negotiated, outcome } if accept => {
                self.change_keys(exchange, negotiated, &outcome)
            }
            _ => Err(Disconnect::new(
                DisconnectReason::HostKeyNotVerifiable,
                "the server's host key was not accepted",
            )),
        }
    }

    /// Makes both directions' ciphers and queues our NEWKEYS and whatever waited for it.
    fn change_keys(
        &mut self,
        mut exchange: Exchange,
        negotiated: Negotiated,
        outcome: &Outcome,
    ) -> Result<(), Disconnect> {
        let session_id = self.session_id.get_or_insert_with(|| outcome.exchange_hash.clone());
        let (sent, received) = (Way::sent_by(self.role), Way::received_by(self.role));
        let cipher = outcome.seal(sent, &negotiated, session_id)?;
        let opener = outcome.open(received, &negotiated, session_id)?;
        self.push(&[NEWKEYS]);
        if exchange.first && exchange.wants_ext_info {
            self.push_ext_info();
        }
        self.outbox.release();
        let allowance = self.allowance(negotiated.direction(sent).cipher.rekey_bytes);
        self.next_seal = Some(NextSeal { cipher, allowance });
        self.info.kex = negotiated.kex.name;
        self.info.host_key_algorithm = negotiated.host_key;
        let direction = negotiated.direction(sent);
        self.info.sent.cipher = direction.cipher.name;
        self.info.sent.mac = direction.mac.map_or("", |mac| mac.name);
        self.agree_to_send(direction.compression);
        exchange.step = Step::NewKeys { opener, negotiated };
        self.exchange = Some(exchange);
        Ok(())
    }

    /// What we tell the peer behind our first NEWKEYS (RFC 8308). A server: the signatures it takes
    /// from users, if any, and that it answers PINGs. A client: that it may be told again later.
    fn push_ext_info(&mut self) {
        let signatures = announced_signatures(&self.config.signature_algorithms).join(",");
        let said: &[(&str, &str)] = match self.role {
            Role::Client => &[(EXT_INFO_IN_AUTH, "0")],
            Role::Server if signatures.is_empty() => &[(PING_EXTENSION, "0")],
            Role::Server => {
                &[(SERVER_SIG_ALGS, &signatures), (PUBLICKEY_HOSTBOUND, "0"), (PING_EXTENSION, "0")]
            }
        };
        let mut message = vec![EXT_INFO];
        message.put_u32(u32::try_from(said.len()).unwrap_or_default());
        for (name, value) in said {
            message.put_string(name.as_bytes());
            message.put_string(value.as_bytes());
        }
        self.ext_info_in_auth = self.role == Role::Client;
        self.push(&message);
    }

    /// The peer's NEWKEYS: what follows is under the new keys, and the exchange is over.
    pub(super) fn on_newkeys(&mut self, payload: &[u8], sequence: u32) -> Result<Item, Disconnect> {
        let wrong = || unexpected(NEWKEYS, sequence, "no keys have been agreed on");
        if payload.len() != 1 {
            return Err(Disconnect::protocol("a NEWKEYS with a body"));
        }
        let exchange = self.exchange.take().ok_or_else(wrong)?;
        let Step::NewKeys { opener, negotiated } = exchange.step else {
            return Err(wrong());
        };
        self.opener.change(opener, self.info.strict);
        self.info.received.sequence = self.opener.sequence();
        let direction = negotiated.direction(Way::received_by(self.role));
        self.received_allowance = self.allowance(direction.cipher.rekey_bytes);
        self.info.received.cipher = direction.cipher.name;
        self.info.received.mac = direction.mac.map_or("", |mac| mac.name);
        self.expand_under_new_keys(direction.compression)?;
        self.info.exchanges += 1;
        self.keys_since = self.now;
        self.after_newkeys = exchange.first;
        Ok(Item::KexDone { first: exchange.first })
    }
}

#[cfg(test)]
impl Transport {
    /// Says something else than it would in its first KEXINIT, before anything was sent.
    pub(super) fn replace_kexinit(&mut self, payload: Vec<u8>) {
        self.outbox = super::Outbox::default();
        self.push(&payload);
        if let Some(exchange) = &mut self.exchange {
            exchange.ours = payload;
        }
    }
}

/// What both sides have said, from each side's point of view the same.
fn transcript<'a>(info: &'a TransportInfo, ours: &'a [u8], theirs: &'a [u8]) -> Transcript<'a> {
    let our_ident = info.ident.as_str();
    let peer_ident = info.peer_ident.as_deref().unwrap_or_default();
    match info.role {
        Role::Client => Transcript {
            client_ident: our_ident,
            server_ident: peer_ident,
            client_kexinit: ours,
            server_kexinit: theirs,
        },
        Role::Server => Transcript {
            client_ident: peer_ident,
            server_ident: our_ident,
            client_kexinit: theirs,
            server_kexinit: ours,
        },
    }
}
