//! The client's half: attempts out, results in.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{Binding, USERAUTH_SERVICE, interactive};
use super::{publickey_request, request_head, signed_data};
use crate::crypto::Signer;
use crate::ssh::connection::limits::{AUTH_METHODS_MAX, TEXT_BYTES_MAX};
use crate::ssh::disconnect::{Disconnect, DisconnectReason};
use crate::ssh::event::{Event, Prompts};
use crate::ssh::numbers;
use crate::ssh::wire::{Reader, WireError, Writer};

/// One way for a client to log in.
pub(crate) enum Attempt {
    /// Without proof, which at least shows the methods.
    None,
    /// With a key, signed at once: asking first saves nothing when the key is at hand.
    PublicKey(Arc<dyn Signer>),
    /// With a password.
    Password(Zeroizing<String>),
    /// With answers to what the server asks (RFC 4256).
    Interactive,
}

/// What the server has said in EXT_INFO about how keys log in.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Offered<'a> {
    /// The signatures it takes.
    pub(crate) server_sig_algs: Option<&'a [u8]>,
    /// Whether it takes host-bound requests.
    pub(crate) hostbound: bool,
}

/// Where the client's side of authentication stands.
#[derive(Default)]
pub(crate) struct ClientAuth {
    service_granted: bool,
    /// Given before the service was granted, or before the last attempt was answered.
    waiting: Option<(String, Attempt)>,
    /// The user of the attempt under way.
    under_way: Option<String>,
    /// It is one by questions and answers.
    interactive: bool,
    /// Questions that wait for answers.
    asked: bool,
}

impl ClientAuth {
    /// The message that asks for the authentication service.
    pub(crate) fn service_request() -> Vec<u8> {
        let mut message = vec![numbers::SERVICE_REQUEST];
        message.put_string(USERAUTH_SERVICE);
        message
    }

    /// Handles SERVICE_ACCEPT from after its number.
    pub(crate) fn service_accept(&mut self, body: &[u8]) -> Result<(), Disconnect> {
        // Some servers send no name (RFC 4253 10 has one, older drafts had none).
        let mut reader = Reader::new(body);
        let fits = body.is_empty() || reader.string() == Ok(USERAUTH_SERVICE);
        if !fits || self.service_granted {
            return Err(Disconnect::protocol("SERVICE_ACCEPT for a service not asked for"));
        }
        self.service_granted = true;
        Ok(())
    }

    /// Notes what to try next; a later call replaces an attempt that has not been sent.
    pub(crate) fn attempt(&mut self, user: &str, attempt: Attempt) {
        self.waiting = Some((user.to_owned(), attempt));
    }

    /// The next attempt's message, once it may be sent.
    pub(crate) fn next_message(
        &mut self,
        binding: Binding<'_>,
        offered: Offered<'_>,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Disconnect> {
        if !self.service_granted || self.under_way.is_some() {
            return Ok(None);
        }
        let Some((user, attempt)) = self.waiting.take() else { return Ok(None) };
        (self.interactive, self.asked) = (matches!(attempt, Attempt::Interactive), false);
        let message = match attempt {
            Attempt::Interactive => {
                let mut message = request_head(&user, "keyboard-interactive");
                message.put_string(b"");
                message.put_string(b"");
                message
            }
            Attempt::None => request_head(&user, "none"),
            Attempt::Password(password) => {
                let mut message = request_head(&user, "password");
                message.put_bool(false);
                message.put_string(password.as_bytes());
                message
            }
            Attempt::PublicKey(signer) => signed_request(&user, signer.as_ref(), binding, offered)?,
        };
        self.under_way = Some(user);
        Ok(Some(Zeroizing::new(message)))
    }

    /// Handles USERAUTH_INFO_REQUEST from after its number.
    pub(crate) fn info_request(&mut self, body: &[u8]) -> Result<Prompts, Disconnect> {
        if self.under_way.is_none() || !self.interactive || self.asked {
            return Err(unasked("USERAUTH_INFO_REQUEST"));
        }
        let prompts = interactive::read_request(body)
            .map_err(|error| malformed("USERAUTH_INFO_REQUEST", error))?
            .ok_or_else(|| Disconnect::protocol("the server asks too many questions at once"))?;
        self.asked = true;
        Ok(prompts)
    }

    /// The message that answers it; `None` if nothing was asked.
    pub(crate) fn info_response(
        &mut self,
        answers: &[Zeroizing<String>],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let asked = std::mem::take(&mut self.asked);
        asked.then(|| interactive::info_response(answers))
    }

    /// Handles USERAUTH_SUCCESS: the user logged in.
    pub(crate) fn success(&mut self, body: &[u8]) -> Result<String, Disconnect> {
        Reader::new(body).end().map_err(|error| malformed("USERAUTH_SUCCESS", error))?;
        self.waiting = None;
        self.under_way.take().ok_or_else(|| unasked("USERAUTH_SUCCESS"))
    }

    /// Handles USERAUTH_FAILURE from after its number.
    pub(crate) fn failure(&mut self, body: &[u8]) -> Result<Event, Disconnect> {
        if self.under_way.take().is_none() {
            return Err(unasked("USERAUTH_FAILURE"));
        }
        read_failure(body).map_err(|error| malformed("USERAUTH_FAILURE", error))
    }

    /// Reads USERAUTH_BANNER from after its number.
    pub(crate) fn banner(body: &[u8]) -> Result<Event, Disconnect> {
        // Some servers leave the language tag out.
        let text =
            Reader::new(body).string().map_err(|error| malformed("USERAUTH_BANNER", error))?;
        let text = text.get(..TEXT_BYTES_MAX).unwrap_or(text);
        Ok(Event::Banner(String::from_utf8_lossy(text).into_owned()))
    }
}

fn read_failure(body: &[u8]) -> Result<Event, WireError> {
    let mut reader = Reader::new(body);
    let list = reader.name_list()?;
    let partial = reader.bool()?;
    reader.end()?;
    let methods = list.iter().take(AUTH_METHODS_MAX).map(str::to_owned).collect();
    Ok(Event::AuthFailed { methods, partial })
}

/// RFC 4252 7, host-bound where the server takes that, with the first algorithm of the key's that
/// the server takes (RFC 8308 3.1).
fn signed_request(
    user: &str,
    signer: &dyn Signer,
    binding: Binding<'_>,
    offered: Offered<'_>,
) -> Result<Vec<u8>, Disconnect> {
    let taken = |name: &&str| match offered.server_sig_algs {
        None => true,
        Some(list) => list.split(|byte| *byte == b',').any(|listed| listed == name.as_bytes()),
    };
    let algorithms = signer.algorithms();
    // A server that lists none of them may still take one: its list is a hint.
    let Some(algorithm) = algorithms.iter().copied().find(taken).or(algorithms.first().copied())
    else {
        return Err(cannot_sign("the key has no signature algorithm"));
    };
    let host_key = offered.hostbound.then_some(binding.host_key);
    let mut message = publickey_request(user, algorithm, signer.public_blob(), host_key);
    let signature = signer
        .sign(algorithm, &signed_data(binding.session_id, &message))
        .map_err(|error| cannot_sign(&format!("the key does not sign: {error}")))?;
    message.put_string(&signature);
    Ok(message)
}

fn cannot_sign(description: &str) -> Disconnect {
    Disconnect::new(DisconnectReason::AuthCancelledByUser, description)
}

fn unasked(message: &str) -> Disconnect {
    Disconnect::protocol(format!("{message} without a request"))
}

fn malformed(message: &str, error: WireError) -> Disconnect {
    Disconnect::protocol(format!("{message}: {error}"))
}
