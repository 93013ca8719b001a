//! What a [`Connection`](super::Connection) tells its driver, and what the driver answers.

use std::ops::Range;

use zeroize::Zeroizing;

use super::requests::ChannelRequest;
use crate::crypto::{Certificate, Presence};

/// A channel, by the number we gave it. Numbers are not used twice in a connection's life.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ChannelId(pub u32);

/// What one call of [`Connection::handle_input`](super::Connection::handle_input) did.
#[derive(Debug)]
pub struct Handled {
    /// Bytes of the input that are done with. A [`Event::Data`] range still refers to them.
    pub consumed: usize,
    /// The packet came compressed: the range of an [`Event::Data`] refers to
    /// [`Connection::expanded`](super::Connection::expanded) instead of the input.
    pub expanded: bool,
    /// What happened, if the application needs to know.
    pub event: Option<Event>,
}

impl Handled {
    /// Nothing was taken from the input.
    pub(crate) fn without_input(event: Option<Event>) -> Self {
        Self { consumed: 0, expanded: false, event }
    }
}

/// Something the application should know or decide.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// The peer's identification line arrived.
    Connected {
        /// The line without its line ending, e.g. `SSH-2.0-OpenSSH_10.0`.
        peer_ident: String,
    },
    /// Keys were exchanged.
    KexDone {
        /// Whether this was the connection's first exchange.
        first: bool,
    },
    /// Client: the server's host key, which it has proved to hold. Answer with `handle_host_key`.
    HostKeyOffered {
        /// The key as on the wire, or the certificate: compare it with what is known of the server.
        blob: Vec<u8>,
        /// What the certificate says, if it is one. Accept it when
        /// [`Certificate::authority_blob`] is a trusted authority for this server and
        /// [`Certificate::check_host`] agrees, or when [`Certificate::key_blob`] is known.
        certificate: Option<Box<Certificate>>,
    },
    /// Server: someone wants to log in. Answer with `handle_auth`.
    AuthRequest(AuthRequest),
    /// Server: an attempt failed before the application was asked. It has been answered already;
    /// this is for the log.
    AuthRefused(RefusedAttempt),
    /// Client: the server asks questions. Answer with `auth_answers`.
    AuthPrompted(Prompts),
    /// Client: the attempt failed (or was one of several needed).
    AuthFailed {
        /// Methods that can continue.
        methods: Vec<String>,
        /// The attempt itself succeeded but more is wanted.
        partial: bool,
    },
    /// Both roles: authentication is over and channels may be opened.
    Authenticated {
        /// The name logged in as.
        user: String,
    },
    /// Client: text the server shows before login. Untrusted: escape it before a terminal sees it.
    Banner(String),
    /// The peer asks for a channel: answer with `handle_channel_verdict`. Only kinds that the
    /// configuration lists get here.
    ChannelOpenRequested {
        /// The number the channel will have.
        channel: ChannelId,
        /// The channel type.
        kind: String,
        /// What the type adds to the request (RFC 4254 7.2), as sent; empty for a session.
        data: Vec<u8>,
    },
    /// The peer agreed to open the channel.
    ChannelOpened {
        /// Which.
        channel: ChannelId,
    },
    /// The peer refused the channel, or did not answer in time; it is gone.
    ChannelOpenFailed {
        /// Which.
        channel: ChannelId,
        /// RFC 4254 5.1: 1 prohibited, 2 connect failed, 3 unknown type, 4 resource shortage.
        reason: u32,
        /// The peer's words. Untrusted.
        description: String,
    },
    /// The peer asks something of a channel. Answer with `handle_channel_verdict` when
    /// [`ChannelRequest::needs_verdict`] says so.
    ChannelRequest {
        /// Which channel.
        channel: ChannelId,
        /// What is asked.
        request: ChannelRequest,
    },
    /// The answer to the oldest unanswered request of ours on this channel.
    ChannelReply {
        /// Which channel.
        channel: ChannelId,
        /// CHANNEL_SUCCESS or CHANNEL_FAILURE.
        success: bool,
    },
    /// Client: the server has named its host keys, the one of the key exchange among them. Those
    /// that are not known yet can be asked about with `prove_host_keys`.
    HostKeysAnnounced {
        /// Public keys as on the wire, of types and sizes that are taken, none twice.
        keys: Vec<Vec<u8>>,
    },
    /// Client: the answer to `prove_host_keys`.
    HostKeysProved {
        /// The keys asked about if the server holds every one of them; none otherwise.
        keys: Vec<Vec<u8>>,
    },
    /// The answer to the oldest unanswered `global_request` of ours.
    GlobalReply {
        /// REQUEST_SUCCESS or REQUEST_FAILURE.
        success: bool,
        /// What came with it, which only a success may have.
        data: Vec<u8>,
    },
    /// Channel data. The window it used comes back with `adjust`.
    Data {
        /// Which channel.
        channel: ChannelId,
        /// Where it lies in the input of this very call, or what [`Handled::expanded`] says.
        range: Range<usize>,
        /// The type code of extended data (1 is stderr); `None` for plain data.
        extended: Option<u32>,
    },
    /// The peer granted window: a channel that could not send may go on.
    WindowOpened {
        /// Which channel.
        channel: ChannelId,
    },
    /// The peer will send no more data on this channel.
    Eof {
        /// Which channel.
        channel: ChannelId,
    },
    /// The channel is gone in both directions, and its number with it.
    Closed {
        /// Which channel.
        channel: ChannelId,
    },
    /// The connection is over: flush `poll_transmit`, then close the socket.
    Disconnected {
        /// Whether the peer ended it; otherwise we did.
        by_peer: bool,
        /// RFC 4253 11.1.
        reason: u32,
        /// What happened. Untrusted when `by_peer`.
        description: String,
    },
}

/// A request to log in, everything the core can check already checked.
#[derive(Debug, PartialEq, Eq)]
pub struct AuthRequest {
    /// The name asked for.
    pub user: String,
    /// How the peer wants to prove it.
    pub method: AuthMethod,
}

/// A way to log in.
#[derive(PartialEq, Eq)]
pub enum AuthMethod {
    /// No proof at all. The core fails it itself; here for completeness.
    None,
    /// A password to be checked.
    Password(Zeroizing<String>),
    /// The peer asks whether this key would do. Accepting it logs nobody in.
    KeyOffered {
        /// The signature algorithm it would use.
        algorithm: String,
        /// The public key as on the wire, or a certificate for it whose signature is good. Whose
        /// authority signed that, and for whom, is for the application to look at.
        blob: Vec<u8>,
    },
    /// The peer proved that it holds this key; the core checked the signature. Take the identity
    /// from here only, never from an earlier [`AuthMethod::KeyOffered`].
    KeyVerified {
        /// The signature algorithm used.
        algorithm: String,
        /// The public key as on the wire, or a certificate for it, as in
        /// [`AuthMethod::KeyOffered`]: the certified key has signed.
        blob: Vec<u8>,
        /// What a security key says in its signature about the person in front of it.
        presence: Option<Presence>,
    },
    /// The peer wants to be asked (RFC 4256). Answer with [`AuthVerdict::Ask`].
    Interactive,
    /// Its answers to the questions of the last [`AuthVerdict::Ask`], as many as there were
    /// questions.
    Answers(Vec<Zeroizing<String>>),
    /// A method the core does not know. The core fails it itself; here for completeness.
    Other(String),
}

impl AuthMethod {
    /// Its name (RFC 4252, RFC 4256).
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::None => "none",
            Self::Password(_) => "password",
            Self::KeyOffered { .. } | Self::KeyVerified { .. } => "publickey",
            Self::Interactive | Self::Answers(_) => "keyboard-interactive",
            Self::Other(name) => name,
        }
    }
}

impl std::fmt::Debug for AuthMethod {
    /// Never prints a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Password(_) => f.write_str("Password(..)"),
            Self::KeyOffered { algorithm, .. } => write!(f, "KeyOffered({algorithm})"),
            Self::KeyVerified { algorithm, .. } => write!(f, "KeyVerified({algorithm})"),
            Self::Interactive => f.write_str("Interactive"),
            Self::Answers(answers) => write!(f, "Answers({})", answers.len()),
            Self::Other(name) => write!(f, "Other({name:?})"),
        }
    }
}

/// An attempt that failed before anybody was asked about it.
#[derive(Debug, PartialEq, Eq)]
pub struct RefusedAttempt {
    /// The name asked for.
    pub user: String,
    /// The method's name as the peer wrote it, shortened. Untrusted.
    pub method: String,
    /// The key it was about, as on the wire. Nobody has proved to hold it.
    pub key: Option<Vec<u8>>,
    /// Why it failed.
    pub cause: &'static str,
}

/// Questions of `keyboard-interactive` (RFC 4256 3.2). A client must take all text as untrusted.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Prompts {
    /// A heading; may be empty.
    pub name: String,
    /// Words before the questions; may be empty.
    pub instruction: String,
    /// The questions, at most 16.
    pub prompts: Vec<Prompt>,
}

/// One question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prompt {
    /// Its text, such as `Password: `.
    pub text: String,
    /// Whether what is typed may be seen.
    pub echo: bool,
}

/// The application's answer to an [`AuthRequest`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AuthVerdict {
    /// Let the user in; for an offered key: go on and sign.
    Accept,
    /// Refuse this attempt. It counts towards `max_auth_tries`.
    Reject,
    /// The proof holds, and another is wanted (RFC 4252 5.1). For an offered key it is a refusal.
    Partial {
        /// The methods that can continue. From here on no others are taken.
        methods: Vec<&'static str>,
    },
    /// Ask this. For other methods than `keyboard-interactive` it is a refusal.
    Ask(Prompts),
}
