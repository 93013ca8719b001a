//! The payloads of CHANNEL_REQUEST (RFC 4254 6) and of GLOBAL_REQUEST (RFC 4254 4), typed.
//!
//! Owns the translation between request names with their type-specific data and
//! [`ChannelRequest`], [`GlobalRequest`]. Knows nothing of channels or of who may ask what. Every
//! field is bounded by the packet it came in; a payload that ends early or late is an error, never
//! a guess.

mod global;
mod modes;

pub use global::GlobalRequest;
pub use modes::TerminalModes;

use std::fmt;

use zeroize::Zeroizing;

use super::wire::{Reader, WireError, Writer};

/// Something the peer asks of a channel, or we of the peer's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ChannelRequest {
    /// Start a named subsystem, e.g. `sftp`.
    Subsystem {
        /// Its name; bytes that are not UTF-8 are replaced.
        name: String,
    },
    /// Run a command.
    Exec {
        /// The command line, as sent.
        command: Vec<u8>,
    },
    /// Start the login shell.
    Shell,
    /// Give the session a terminal.
    Pty {
        /// The TERM value.
        term: String,
        /// Its size.
        size: WindowSize,
        /// How the terminal behaves.
        modes: TerminalModes,
    },
    /// Pass on the connections of X11 programs.
    X11 {
        /// Whether only one connection is to be passed on.
        single_connection: bool,
        /// The name of the X11 authentication method, e.g. `MIT-MAGIC-COOKIE-1`.
        protocol: String,
        /// What proves the right to connect.
        cookie: X11Cookie,
        /// The number of the screen.
        screen: u32,
    },
    /// `auth-agent-req@openssh.com`: let programs reach the peer's key agent.
    AuthAgent,
    /// Set an environment variable for what is started later.
    Env {
        /// The variable; bytes that are not UTF-8 are replaced.
        name: String,
        /// Its value, as sent.
        value: Vec<u8>,
    },
    /// The terminal changed its size.
    WindowChange(WindowSize),
    /// Deliver a signal.
    Signal {
        /// Without the `SIG`, e.g. `TERM`.
        name: String,
    },
    /// A break on a serial line (RFC 4335).
    Break {
        /// Its length in milliseconds; 0 leaves it to the receiver.
        milliseconds: u32,
    },
    /// Whether the client may stop and start the output with control-S and control-Q.
    XonXoff {
        /// Whether it may.
        client_can_do: bool,
    },
    /// The command ended with this status.
    ExitStatus(u32),
    /// The command was ended by a signal.
    ExitSignal {
        /// Without the `SIG`, e.g. `KILL`.
        name: String,
        /// Whether it dumped core.
        core_dumped: bool,
        /// What the other side says about it. Untrusted.
        message: String,
    },
    /// `eow@openssh.com`: the other side's reader is gone, so what is sent there is wasted.
    EndOfWrite,
    /// `winadj@putty.projects.tartarus.org`: PuTTY measures round trips by the refusal.
    WindowProbe,
    /// `simple@putty.projects.tartarus.org`: the peer will open no second channel.
    Simple,
    /// `keepalive@openssh.com`: OpenSSH's server asks so on a channel. The refusal is the answer.
    Keepalive,
    /// A request by a name not known here. The core refuses it itself; here to be sent.
    Other {
        /// Its name; bytes that are not UTF-8 are replaced.
        name: String,
        /// Its data, as sent.
        data: Vec<u8>,
    },
}

/// The secret of an `x11-req`; never shown by `Debug`, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct X11Cookie(pub Zeroizing<String>);

impl fmt::Debug for X11Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("X11Cookie(..)")
    }
}

/// A terminal's size.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WindowSize {
    /// In characters.
    pub columns: u32,
    /// In characters.
    pub rows: u32,
    /// In pixels, 0 if unknown.
    pub width: u32,
    /// In pixels, 0 if unknown.
    pub height: u32,
}

impl ChannelRequest {
    /// The request's name on the wire.
    pub fn name(&self) -> &str {
        match self {
            Self::Subsystem { .. } => "subsystem",
            Self::Exec { .. } => "exec",
            Self::Shell => "shell",
            Self::Pty { .. } => "pty-req",
            Self::X11 { .. } => "x11-req",
            Self::AuthAgent => "auth-agent-req@openssh.com",
            Self::Env { .. } => "env",
            Self::WindowChange(_) => "window-change",
            Self::Signal { .. } => "signal",
            Self::Break { .. } => "break",
            Self::XonXoff { .. } => "xon-xoff",
            Self::ExitStatus(_) => "exit-status",
            Self::ExitSignal { .. } => "exit-signal",
            Self::EndOfWrite => "eow@openssh.com",
            Self::WindowProbe => "winadj@putty.projects.tartarus.org",
            Self::Simple => "simple@putty.projects.tartarus.org",
            Self::Keepalive => "keepalive@openssh.com",
            Self::Other { name, .. } => name,
        }
    }

    /// Whether the application decides it, with `handle_channel_verdict`, asked for a reply or not:
    /// everything a client asks of a server. The others inform, or are refused by the core.
    pub fn needs_verdict(&self) -> bool {
        match self {
            Self::Subsystem { .. }
            | Self::Exec { .. }
            | Self::Shell
            | Self::Pty { .. }
            | Self::X11 { .. }
            | Self::AuthAgent
            | Self::Env { .. }
            | Self::WindowChange(_)
            | Self::Signal { .. }
            | Self::Break { .. } => true,
            Self::XonXoff { .. }
            | Self::ExitStatus(_)
            | Self::ExitSignal { .. }
            | Self::EndOfWrite
            | Self::WindowProbe
            | Self::Simple
            | Self::Keepalive
            | Self::Other { .. } => false,
        }
    }

    /// Whether a server takes this request from a client.
    pub(crate) fn for_server(&self) -> bool {
        self.needs_verdict() || matches!(self, Self::EndOfWrite)
    }

    /// Whether a client takes this request from a server.
    pub(crate) fn for_client(&self) -> bool {
        matches!(
            self,
            Self::ExitStatus(_) | Self::ExitSignal { .. } | Self::XonXoff { .. } | Self::EndOfWrite
        )
    }

    /// Reads the data that follows `want_reply`, to its last byte.
    pub(crate) fn decode(name: &[u8], mut data: Reader<'_>) -> Result<Self, WireError> {
        let request = match name {
            b"subsystem" => Self::Subsystem { name: text(data.string()?) },
            b"exec" => Self::Exec { command: data.string()?.to_vec() },
            b"shell" => Self::Shell,
            b"pty-req" => Self::Pty {
                term: text(data.string()?),
                size: WindowSize::decode(&mut data)?,
                modes: TerminalModes::from_wire(data.string()?),
            },
            b"x11-req" => Self::X11 {
                single_connection: data.bool()?,
                protocol: text(data.string()?),
                cookie: X11Cookie(Zeroizing::new(text(data.string()?))),
                screen: data.u32()?,
            },
            b"auth-agent-req@openssh.com" => Self::AuthAgent,
            b"env" => Self::Env { name: text(data.string()?), value: data.string()?.to_vec() },
            b"window-change" => Self::WindowChange(WindowSize::decode(&mut data)?),
            b"signal" => Self::Signal { name: text(data.string()?) },
            b"break" => Self::Break { milliseconds: data.u32()? },
            b"xon-xoff" => Self::XonXoff { client_can_do: data.bool()? },
            b"exit-status" => Self::ExitStatus(data.u32()?),
            b"exit-signal" => {
                let name = text(data.string()?);
                let core_dumped = data.bool()?;
                let message = text(data.string()?);
                data.string()?; // language tag
                Self::ExitSignal { name, core_dumped, message }
            }
            b"eow@openssh.com" => Self::EndOfWrite,
            // What the core refuses is refused whatever it carries.
            b"winadj@putty.projects.tartarus.org" => return Ok(Self::WindowProbe),
            b"simple@putty.projects.tartarus.org" => return Ok(Self::Simple),
            b"keepalive@openssh.com" => return Ok(Self::Keepalive),
            other => {
                return Ok(Self::Other { name: text(other), data: data.rest().to_vec() });
            }
        };
        data.end()?;
        Ok(request)
    }

    /// Appends the data that follows `want_reply`.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Subsystem { name } | Self::Signal { name } => out.put_string(name.as_bytes()),
            Self::Exec { command } => out.put_string(command),
            Self::Shell
            | Self::AuthAgent
            | Self::EndOfWrite
            | Self::WindowProbe
            | Self::Simple
            | Self::Keepalive => {}
            Self::Other { data, .. } => out.extend_from_slice(data),
            Self::Pty { term, size, modes } => {
                out.put_string(term.as_bytes());
                size.encode(out);
                out.put_string(modes.as_wire());
            }
            Self::X11 { single_connection, protocol, cookie, screen } => {
                out.put_bool(*single_connection);
                out.put_string(protocol.as_bytes());
                out.put_string(cookie.0.as_bytes());
                out.put_u32(*screen);
            }
            Self::Env { name, value } => {
                out.put_string(name.as_bytes());
                out.put_string(value);
            }
            Self::WindowChange(size) => size.encode(out),
            Self::Break { milliseconds } => out.put_u32(*milliseconds),
            Self::XonXoff { client_can_do } => out.put_bool(*client_can_do),
            Self::ExitStatus(status) => out.put_u32(*status),
            Self::ExitSignal { name, core_dumped, message } => {
                out.put_string(name.as_bytes());
                out.put_bool(*core_dumped);
                out.put_string(message.as_bytes());
                out.put_string(b"");
            }
        }
    }
}

impl WindowSize {
    fn decode(data: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            columns: data.u32()?,
            rows: data.u32()?,
            width: data.u32()?,
            height: data.u32()?,
        })
    }

    fn encode(self, out: &mut Vec<u8>) {
        for number in [self.columns, self.rows, self.width, self.height] {
            out.put_u32(number);
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests;
