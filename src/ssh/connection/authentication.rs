//! Authentication joined to the transport and to the application's verdicts.

use std::sync::Arc;
use std::time::Instant;

use zeroize::Zeroizing;

use super::table::Phase;
use super::{Awaiting, Connection, Side};
use crate::crypto::Signer;
use crate::ssh::disconnect::Disconnect;
use crate::ssh::event::{AuthVerdict, Event};
use crate::ssh::transport::{PUBLICKEY_HOSTBOUND, SERVER_SIG_ALGS, Transport};
use crate::ssh::userauth::{Attempt, Binding, Decision, Offered, Then, banner};

impl Connection {
    /// Server: answers [`Event::AuthRequest`]. Accepting a proof logs the user in and
    /// [`Event::Authenticated`] follows; accepting an offered key only tells the client to sign.
    /// Without a question this does nothing.
    pub fn handle_auth(&mut self, now: Instant, verdict: AuthVerdict) {
        let Side::Server { config, auth } = &mut self.side else { return };
        if self.closed || self.awaiting != Awaiting::Auth {
            return;
        }
        self.awaiting = Awaiting::Nothing;
        match auth.decide(verdict, config) {
            None => {}
            Some(Err(cause)) => self.fail_later(cause),
            Some(Ok(Decision::Reply(message))) => self.transport.queue(&message),
            Some(Ok(Decision::Success { user, message })) => {
                self.transport.queue(&message);
                let event = self.logged_in(user);
                self.announce_host_keys();
                self.keepalive.start(now);
                self.events.push_back(event);
            }
        }
    }

    /// Server, while [`Event::AuthRequest`] waits for its answer: text that is shown before it
    /// (RFC 4252 5.4), shortened to 8 KiB.
    pub fn show_banner(&mut self, text: &str) {
        if !self.closed && self.awaiting == Awaiting::Auth {
            self.transport.queue(&banner(text));
        }
    }

    /// Server, while [`Event::AuthRequest`] waits for its answer: of this user takes only these
    /// signatures from here on, and tells a client that understands it. A proof with another one,
    /// the one that waits included, is rejected whatever the answer.
    pub fn take_only_signatures(&mut self, algorithms: &[&'static str]) {
        let Side::Server { auth, .. } = &mut self.side else { return };
        if !self.closed && self.awaiting == Awaiting::Auth {
            auth.take_only(algorithms);
            self.transport.tell_signature_algorithms(algorithms);
        }
    }

    /// Client: answers [`Event::HostKeyOffered`].
    pub fn handle_host_key(&mut self, _now: Instant, accept: bool) {
        if self.closed || self.awaiting != Awaiting::HostKey {
            return;
        }
        self.awaiting = Awaiting::Nothing;
        if let Err(cause) = self.transport.host_key_verdict(accept) {
            self.fail_later(cause);
        }
    }

    /// Client: logs in as `user` with a key, as soon as the server is ready for it. One attempt
    /// runs at a time; the next one waits for [`Event::AuthFailed`], a further one replaces it.
    pub fn auth_publickey(&mut self, user: &str, signer: Arc<dyn Signer>) {
        self.attempt(user, Attempt::PublicKey(signer));
    }

    /// Client: logs in as `user` with a password; otherwise as
    /// [`auth_publickey`](Self::auth_publickey).
    pub fn auth_password(&mut self, user: &str, password: &str) {
        self.attempt(user, Attempt::Password(Zeroizing::new(password.to_owned())));
    }

    /// Client: logs in as `user` by answering what the server asks with [`Event::AuthPrompted`];
    /// otherwise as [`auth_publickey`](Self::auth_publickey).
    pub fn auth_interactive(&mut self, user: &str) {
        self.attempt(user, Attempt::Interactive);
    }

    /// Client: answers [`Event::AuthPrompted`], one answer a question. Without a question this does
    /// nothing.
    pub fn auth_answers(&mut self, answers: &[Zeroizing<String>]) {
        let Side::Client { auth } = &mut self.side else { return };
        if self.closed {
            return;
        }
        if let Some(message) = auth.info_response(answers) {
            self.transport.queue(&message);
        }
    }

    /// Client: logs in as `user` without proof, which usually only shows the methods; otherwise as
    /// [`auth_publickey`](Self::auth_publickey).
    pub fn auth_none(&mut self, user: &str) {
        self.attempt(user, Attempt::None);
    }

    fn attempt(&mut self, user: &str, attempt: Attempt) {
        let Side::Client { auth } = &mut self.side else { return };
        if self.closed || self.phase == Phase::Open {
            return;
        }
        auth.attempt(user, attempt);
        if let Err(cause) = self.send_attempt() {
            self.fail_later(cause);
        }
    }

    /// Client: sends the attempt that waits, if its time has come.
    pub(super) fn send_attempt(&mut self) -> Result<(), Disconnect> {
        let Side::Client { auth } = &mut self.side else { return Ok(()) };
        let transport = &self.transport;
        let Some(binding) = binding(transport) else { return Ok(()) };
        let offered = Offered {
            server_sig_algs: transport.peer_extension(SERVER_SIG_ALGS),
            hostbound: transport.peer_extension(PUBLICKEY_HOSTBOUND) == Some(b"0".as_slice()),
        };
        if let Some(message) = auth.next_message(binding, offered)? {
            self.transport.queue(&message);
        }
        Ok(())
    }

    /// Server: handles USERAUTH_REQUEST from after its number.
    pub(super) fn userauth_request(&mut self, body: &[u8]) -> Result<Option<Event>, Disconnect> {
        let Side::Server { config, auth } = &mut self.side else { return Ok(None) };
        let Some(binding) = binding(&self.transport) else {
            return Err(Disconnect::protocol("a login before the first key exchange"));
        };
        let answer = auth.request(body, binding, config)?;
        if let Some(banner) = answer.banner {
            self.transport.queue(&banner);
        }
        Ok(self.go_on(answer.then))
    }

    /// Server: handles USERAUTH_INFO_RESPONSE from after its number.
    pub(super) fn info_response(&mut self, body: &[u8]) -> Result<Option<Event>, Disconnect> {
        let Side::Server { config, auth } = &mut self.side else { return Ok(None) };
        let then = auth.info_response(body, config)?;
        Ok(self.go_on(then))
    }

    fn go_on(&mut self, then: Then) -> Option<Event> {
        match then {
            Then::Reply(message, refused) => {
                self.transport.queue(&message);
                refused.map(Event::AuthRefused)
            }
            Then::End(cause, refused) => {
                self.fail_later(cause);
                refused.map(Event::AuthRefused)
            }
            Then::Ask(request) => {
                self.awaiting = Awaiting::Auth;
                Some(Event::AuthRequest(request))
            }
        }
    }

    pub(super) fn logged_in(&mut self, user: String) -> Event {
        self.phase = Phase::Open;
        self.transport.set_authenticated();
        self.user = Some(user.clone());
        Event::Authenticated { user }
    }
}

/// What signatures are tied to, once the first exchange has happened.
fn binding(transport: &Transport) -> Option<Binding<'_>> {
    let (session_id, host_key) = (transport.session_id()?, transport.host_key()?);
    Some(Binding { session_id, host_key })
}
