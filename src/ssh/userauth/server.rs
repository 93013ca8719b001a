//! The server's half: requests in, questions for the application and answers out.

use zeroize::Zeroizing;

use super::interactive::{self, Response};
use super::{
    Binding, CONNECTION_SERVICE, HOSTBOUND, USERAUTH_SERVICE, publickey_request, signed_data,
};
use crate::crypto::UserKey;
use crate::ssh::config::ServerConfig;
use crate::ssh::connection::limits::{
    AUTH_REQUESTS_MAX, KEY_BLOB_BYTES_MAX, METHOD_BYTES_MAX, PASSWORD_BYTES_MAX, PROMPTS_MAX,
    TEXT_BYTES_MAX, USER_BYTES_MAX,
};
use crate::ssh::disconnect::{Disconnect, DisconnectReason};
use crate::ssh::event::{AuthMethod, AuthRequest, AuthVerdict, Prompts, RefusedAttempt};
use crate::ssh::numbers;
use crate::ssh::wire::{Reader, WireError, Writer};

/// Where the server's side of authentication stands.
#[derive(Debug, Default)]
pub(crate) struct ServerAuth {
    /// Named by the first request; every later one must name the same.
    user: Option<String>,
    /// Messages that asked for something, whatever came of it.
    requests: u32,
    attempts: u32,
    failures: u32,
    banner_sent: bool,
    /// The signatures taken from this user, where they are not those of the configuration.
    algorithms: Option<Vec<&'static str>>,
    /// The methods that can continue, once a part of what is wanted has been proved.
    methods: Option<Vec<&'static str>>,
    asked: Option<Asked>,
    /// How many questions wait for the peer's answers.
    prompted: Option<usize>,
}

/// What the application is deciding, and so what Accept means.
#[derive(Debug)]
enum Asked {
    /// May this key sign? Accept answers PK_OK and logs nobody in.
    Key { algorithm: String, blob: Vec<u8> },
    /// The proof is complete. Accept logs in. A key's proof names its algorithm.
    Proof { algorithm: Option<String> },
    /// What shall be asked, or whether the answers are right.
    Interactive,
}

/// What comes of one request.
#[derive(Debug)]
pub(crate) struct Answer {
    /// To be sent before anything else.
    pub(crate) banner: Option<Vec<u8>>,
    /// A question for the application, or the answer.
    pub(crate) then: Then,
}

/// How a request goes on.
#[derive(Debug)]
pub(crate) enum Then {
    /// The application decides; [`ServerAuth::decide`] takes its verdict.
    Ask(AuthRequest),
    /// The core decided: send this, and tell the application what was refused.
    Reply(Vec<u8>, Option<RefusedAttempt>),
    /// It was refused and is the last that is borne: the application is told of it all the same.
    End(Disconnect, Option<RefusedAttempt>),
}

/// What comes of a verdict.
#[derive(Debug)]
pub(crate) enum Decision {
    /// Authentication goes on: send this.
    Reply(Vec<u8>),
    /// The user is in: send this and serve the connection.
    Success {
        /// Who.
        user: String,
        /// USERAUTH_SUCCESS.
        message: Vec<u8>,
    },
}

/// A request's method after everything the core can check was checked.
enum Checked {
    Ask(AuthMethod, Asked),
    Fail(&'static str, Option<Vec<u8>>),
}

impl Checked {
    fn fail(cause: &'static str) -> Self {
        Self::Fail(cause, None)
    }
}

impl ServerAuth {
    /// Answers SERVICE_REQUEST from after its number. Asking again is allowed, as paramiko does
    /// before each attempt, and counted.
    pub(crate) fn service_request(&mut self, body: &[u8]) -> Result<Vec<u8>, Disconnect> {
        self.count_request()?;
        let name = one_string(body).map_err(|error| malformed("SERVICE_REQUEST", error))?;
        if name != USERAUTH_SERVICE {
            return Err(Disconnect::new(
                DisconnectReason::ServiceNotAvailable,
                format!("there is no service {:?} here", String::from_utf8_lossy(name)),
            ));
        }
        let mut accept = vec![numbers::SERVICE_ACCEPT];
        accept.put_string(USERAUTH_SERVICE);
        Ok(accept)
    }

    /// Handles USERAUTH_REQUEST from after its number.
    pub(crate) fn request(
        &mut self,
        body: &[u8],
        binding: Binding<'_>,
        config: &ServerConfig,
    ) -> Result<Answer, Disconnect> {
        self.count_request()?;
        self.attempts += 1;
        let request = Request::read(body).map_err(|error| malformed("USERAUTH_REQUEST", error))?;
        let user = self.same_user(&request)?;
        // RFC 4256 3.1: another request lets go of the questions of the last one.
        self.prompted = None;
        let banner = self.banner(config);
        let taken = self.algorithms.as_ref().unwrap_or(&config.transport.signature_algorithms);
        let offered = self.methods.as_ref().unwrap_or(&config.methods);
        let rules = Rules { offered, taken, rsa_bits_min: config.transport.rsa_bits_min };
        let checked = rules
            .check(&user, &request, binding)
            .map_err(|error| malformed("USERAUTH_REQUEST", error))?;
        let then = match checked {
            Checked::Ask(method, asked) => {
                self.asked = Some(asked);
                Then::Ask(AuthRequest { user, method })
            }
            Checked::Fail(cause, key) => {
                // RFC 4252 5.2: clients open with `none` to learn the methods; that costs nothing.
                let free = request.method == b"none" && self.attempts == 1;
                let method = match request.method {
                    method if method == HOSTBOUND.as_bytes() => b"publickey",
                    method => method.get(..METHOD_BYTES_MAX).unwrap_or(method),
                };
                let method = String::from_utf8_lossy(method).into_owned();
                let refused = RefusedAttempt { user, method, key, cause };
                self.refuse(config, !free, refused)
            }
        };
        Ok(Answer { banner, then })
    }

    /// Handles USERAUTH_INFO_RESPONSE from after its number.
    pub(crate) fn info_response(
        &mut self,
        body: &[u8],
        config: &ServerConfig,
    ) -> Result<Then, Disconnect> {
        self.count_request()?;
        let Some(asked) = self.prompted.take() else {
            return Err(Disconnect::protocol("USERAUTH_INFO_RESPONSE without a question"));
        };
        let user = self.user.clone().unwrap_or_default();
        let response = interactive::read_response(body, asked)
            .map_err(|error| malformed("USERAUTH_INFO_RESPONSE", error))?;
        Ok(match response {
            Response::Answers(answers) => {
                self.asked = Some(Asked::Interactive);
                Then::Ask(AuthRequest { user, method: AuthMethod::Answers(answers) })
            }
            Response::Unfit(cause) => {
                let method = AuthMethod::Interactive.name().to_owned();
                let refused = RefusedAttempt { user, method, key: None, cause };
                self.refuse(config, true, refused)
            }
        })
    }

    /// Takes the application's verdict on the last [`Then::Ask`]; `None` if nothing was asked.
    pub(crate) fn decide(
        &mut self,
        verdict: AuthVerdict,
        config: &ServerConfig,
    ) -> Option<Result<Decision, Disconnect>> {
        let asked = self.asked.take()?;
        let algorithm = match &asked {
            Asked::Key { algorithm, .. } => Some(algorithm),
            Asked::Proof { algorithm } => algorithm.as_ref(),
            Asked::Interactive => None,
        };
        // The application may have ruled it out after it was asked.
        let taken = |name: &String| {
            let only = self.algorithms.as_ref();
            only.is_none_or(|only| only.contains(&name.as_str()))
        };
        let verdict = if algorithm.is_none_or(taken) { verdict } else { AuthVerdict::Reject };
        Some(match (verdict, asked) {
            (AuthVerdict::Accept, Asked::Proof { .. } | Asked::Interactive) => {
                Ok(Decision::Success {
                    user: self.user.clone().unwrap_or_default(),
                    message: vec![numbers::USERAUTH_SUCCESS],
                })
            }
            (AuthVerdict::Accept, Asked::Key { algorithm, blob }) => {
                let mut message = vec![numbers::USERAUTH_PK_OK];
                message.put_string(algorithm.as_bytes());
                message.put_string(&blob);
                Ok(Decision::Reply(message))
            }
            (AuthVerdict::Partial { methods }, Asked::Proof { .. } | Asked::Interactive) => {
                let message = failure(&methods, true);
                self.methods = Some(methods);
                Ok(Decision::Reply(message))
            }
            (AuthVerdict::Ask(prompts), Asked::Interactive) => self.ask(&prompts, config),
            (AuthVerdict::Reject | AuthVerdict::Partial { .. } | AuthVerdict::Ask(_), _) => {
                self.fail(config, true).map(Decision::Reply)
            }
        })
    }

    fn ask(&mut self, prompts: &Prompts, config: &ServerConfig) -> Result<Decision, Disconnect> {
        if prompts.prompts.len() > PROMPTS_MAX {
            return self.fail(config, true).map(Decision::Reply);
        }
        self.prompted = Some(prompts.prompts.len());
        Ok(Decision::Reply(interactive::info_request(prompts)))
    }

    /// From here on, takes these signatures only.
    pub(crate) fn take_only(&mut self, algorithms: &[&'static str]) {
        self.algorithms = Some(algorithms.to_vec());
    }

    /// How many attempts have failed.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// The name being authenticated, once there is one.
    pub(crate) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    fn count_request(&mut self) -> Result<(), Disconnect> {
        self.requests += 1;
        if self.requests > AUTH_REQUESTS_MAX {
            return Err(too_many(format!("more than {AUTH_REQUESTS_MAX} requests to log in")));
        }
        Ok(())
    }

    /// Holds the connection to one user and one service (RFC 4252 5 allows a server to): state kept
    /// from another name's attempts has let people in before.
    fn same_user(&mut self, request: &Request<'_>) -> Result<String, Disconnect> {
        if request.service != CONNECTION_SERVICE {
            return Err(Disconnect::new(
                DisconnectReason::ServiceNotAvailable,
                format!("nobody logs in to {:?}", String::from_utf8_lossy(request.service)),
            ));
        }
        let name = std::str::from_utf8(request.user)
            .ok()
            .filter(|name| name.len() <= USER_BYTES_MAX)
            .ok_or_else(|| Disconnect::protocol("the user name is too long or not UTF-8"))?;
        match &self.user {
            Some(first) if first != name => {
                Err(Disconnect::protocol("the user name changed during authentication"))
            }
            _ => Ok(self.user.get_or_insert_with(|| name.to_owned()).clone()),
        }
    }

    fn banner(&mut self, config: &ServerConfig) -> Option<Vec<u8>> {
        if std::mem::replace(&mut self.banner_sent, true) {
            return None;
        }
        config.banner.as_deref().filter(|text| !text.is_empty()).map(banner)
    }

    /// What the core has refused itself; it is worth a line in the log if it counts.
    fn refuse(&mut self, config: &ServerConfig, counts: bool, refused: RefusedAttempt) -> Then {
        let refused = counts.then_some(refused);
        match self.fail(config, counts) {
            Ok(message) => Then::Reply(message, refused),
            Err(cause) => Then::End(cause, refused),
        }
    }

    fn fail(&mut self, config: &ServerConfig, counts: bool) -> Result<Vec<u8>, Disconnect> {
        self.failures += u32::from(counts);
        if self.failures >= config.max_auth_tries.max(1) {
            return Err(too_many(format!("{} failed attempts to log in", self.failures)));
        }
        Ok(failure(self.methods.as_ref().unwrap_or(&config.methods), false))
    }
}

/// USERAUTH_BANNER (RFC 4252 5.4), in no language in particular.
pub(crate) fn banner(text: &str) -> Vec<u8> {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut message = vec![numbers::USERAUTH_BANNER];
    message.put_string(text.get(..end).unwrap_or_default().as_bytes());
    message.put_string(b"");
    message
}

/// RFC 4252 5.1.
fn failure(methods: &[&'static str], partial: bool) -> Vec<u8> {
    let mut message = vec![numbers::USERAUTH_FAILURE];
    message.put_name_list(methods.iter().copied());
    message.put_bool(partial);
    message
}

/// A USERAUTH_REQUEST, its method-specific part unread.
#[derive(Clone)]
struct Request<'a> {
    user: &'a [u8],
    service: &'a [u8],
    method: &'a [u8],
    details: Reader<'a>,
}

impl<'a> Request<'a> {
    fn read(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(body);
        let user = reader.string()?;
        let service = reader.string()?;
        let method = reader.string()?;
        Ok(Self { user, service, method, details: reader })
    }
}

/// What holds for one request.
struct Rules<'a> {
    /// The methods that can continue.
    offered: &'a [&'static str],
    /// The signatures that are taken.
    taken: &'a [&'static str],
    rsa_bits_min: usize,
}

impl Rules<'_> {
    fn check(
        &self,
        user: &str,
        request: &Request<'_>,
        binding: Binding<'_>,
    ) -> Result<Checked, WireError> {
        let offers = |name| self.offered.contains(&name);
        let details = request.details.clone();
        match request.method {
            b"publickey" if offers("publickey") => self.publickey(user, details, binding, false),
            method if method == HOSTBOUND.as_bytes() && offers("publickey") => {
                self.publickey(user, details, binding, true)
            }
            b"password" if offers("password") => check_password(details),
            b"keyboard-interactive" if offers("keyboard-interactive") => check_interactive(details),
            _ => Ok(Checked::fail("the method is not offered")),
        }
    }

    /// RFC 4252 7: with a signature it is a proof, without one a question. Host-bound, it also
    /// names the host key that the client believes to log in to.
    fn publickey(
        &self,
        user: &str,
        mut details: Reader<'_>,
        binding: Binding<'_>,
        hostbound: bool,
    ) -> Result<Checked, WireError> {
        let signed = details.bool()?;
        let algorithm = details.string()?;
        let blob = details.string()?;
        let host_key = if hostbound { Some(details.string()?) } else { None };
        let signature = if signed { Some(details.string()?) } else { None };
        details.end()?;
        let shown = || Some(blob.get(..KEY_BLOB_BYTES_MAX).unwrap_or(blob).to_vec());
        if host_key.is_some_and(|named| named != binding.host_key) {
            return Ok(Checked::Fail("the request is bound to another host key", shown()));
        }
        let Some((algorithm, key_shown)) = self.usable_key(algorithm, blob) else {
            return Ok(Checked::Fail("the key or its signature algorithm is not taken", shown()));
        };
        let (name, key) = (algorithm.to_owned(), blob.to_vec());
        let Some(signature) = signature else {
            let asked = Asked::Key { algorithm: name.clone(), blob: key.clone() };
            return Ok(Checked::Ask(AuthMethod::KeyOffered { algorithm: name, blob: key }, asked));
        };
        // The data is rebuilt from what was parsed: what is verified is what is acted on.
        let request = publickey_request(user, algorithm, blob, host_key);
        let data = signed_data(binding.session_id, &request);
        Ok(match key_shown.verify(&data, signature) {
            Ok(presence) => {
                let asked = Asked::Proof { algorithm: Some(name.clone()) };
                let proven = AuthMethod::KeyVerified { algorithm: name, blob: key, presence };
                Checked::Ask(proven, asked)
            }
            Err(_) => Checked::Fail("the signature is wrong", shown()),
        })
    }

    /// The algorithm and what is shown for it, if it is taken and the key, or the certificate for
    /// it, is of the type and size it needs.
    fn usable_key(&self, algorithm: &[u8], blob: &[u8]) -> Option<(&'static str, UserKey)> {
        let algorithm = self.taken.iter().copied().find(|name| name.as_bytes() == algorithm)?;
        if blob.len() > KEY_BLOB_BYTES_MAX {
            return None;
        }
        Some((algorithm, UserKey::read(algorithm, blob, self.rsa_bits_min).ok()?))
    }
}

/// RFC 4256 3.1. What the peer would like to be asked by (submethods) counts for nothing.
fn check_interactive(mut details: Reader<'_>) -> Result<Checked, WireError> {
    details.string()?;
    details.string()?;
    details.end()?;
    Ok(Checked::Ask(AuthMethod::Interactive, Asked::Interactive))
}

/// RFC 4252 8. A request to change the password fails: there is nothing here to change.
fn check_password(mut details: Reader<'_>) -> Result<Checked, WireError> {
    let changes = details.bool()?;
    let password = details.string()?;
    if changes {
        details.string()?;
    }
    details.end()?;
    if changes {
        return Ok(Checked::fail("passwords are not changed here"));
    }
    let text = std::str::from_utf8(password).ok().filter(|text| text.len() <= PASSWORD_BYTES_MAX);
    Ok(match text {
        Some(text) => {
            let password = Zeroizing::new(text.to_owned());
            Checked::Ask(AuthMethod::Password(password), Asked::Proof { algorithm: None })
        }
        None => Checked::fail("the password is too long or not UTF-8"),
    })
}

fn one_string(body: &[u8]) -> Result<&[u8], WireError> {
    let mut reader = Reader::new(body);
    let text = reader.string()?;
    reader.end()?;
    Ok(text)
}

fn too_many(description: String) -> Disconnect {
    Disconnect::new(DisconnectReason::NoMoreAuthMethodsAvailable, description)
}

fn malformed(message: &str, error: WireError) -> Disconnect {
    Disconnect::protocol(format!("{message}: {error}"))
}
