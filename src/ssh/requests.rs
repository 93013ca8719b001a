//! The payloads of CHANNEL_REQUEST (RFC 4254 6), typed.
//!
//! Owns the translation between request names with their type-specific data and
//! [`ChannelRequest`]. Knows nothing of channels or of who may ask what. Every field is bounded by
//! the packet it came in; a payload that ends early or late is an error, never a guess.

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
        /// Encoded terminal modes (RFC 4254 8), not looked into.
        modes: Vec<u8>,
    },
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
    /// `eow@openssh.com`: the other side's reader is gone.
    EndOfWrite,
    /// A request by a name not known here; its data is not looked into.
    Other(String),
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
            Self::Env { .. } => "env",
            Self::WindowChange(_) => "window-change",
            Self::Signal { .. } => "signal",
            Self::ExitStatus(_) => "exit-status",
            Self::ExitSignal { .. } => "exit-signal",
            Self::EndOfWrite => "eow@openssh.com",
            Self::Other(name) => name,
        }
    }

    /// Whether the application decides it, with `handle_channel_verdict`, asked for a reply or not.
    /// The others only inform: RFC 4254 6.7, 6.9 and 6.10 send them without wanting a reply.
    pub fn needs_verdict(&self) -> bool {
        match self {
            Self::Subsystem { .. }
            | Self::Exec { .. }
            | Self::Shell
            | Self::Pty { .. }
            | Self::Env { .. } => true,
            Self::WindowChange(_)
            | Self::Signal { .. }
            | Self::ExitStatus(_)
            | Self::ExitSignal { .. }
            | Self::EndOfWrite
            | Self::Other(_) => false,
        }
    }

    /// Whether a server takes this request from a client.
    pub(crate) fn for_server(&self) -> bool {
        self.needs_verdict() || matches!(self, Self::WindowChange(_) | Self::Signal { .. })
    }

    /// Whether a client takes this request from a server.
    pub(crate) fn for_client(&self) -> bool {
        matches!(self, Self::ExitStatus(_) | Self::ExitSignal { .. })
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
                modes: data.string()?.to_vec(),
            },
            b"env" => Self::Env { name: text(data.string()?), value: data.string()?.to_vec() },
            b"window-change" => Self::WindowChange(WindowSize::decode(&mut data)?),
            b"signal" => Self::Signal { name: text(data.string()?) },
            b"exit-status" => Self::ExitStatus(data.u32()?),
            b"exit-signal" => {
                let name = text(data.string()?);
                let core_dumped = data.bool()?;
                let message = text(data.string()?);
                data.string()?; // language tag
                Self::ExitSignal { name, core_dumped, message }
            }
            b"eow@openssh.com" => Self::EndOfWrite,
            other => return Ok(Self::Other(text(other))),
        };
        data.end()?;
        Ok(request)
    }

    /// Appends the data that follows `want_reply`.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Subsystem { name } | Self::Signal { name } => out.put_string(name.as_bytes()),
            Self::Exec { command } => out.put_string(command),
            Self::Shell | Self::EndOfWrite | Self::Other(_) => {}
            Self::Pty { term, size, modes } => {
                out.put_string(term.as_bytes());
                size.encode(out);
                out.put_string(modes);
            }
            Self::Env { name, value } => {
                out.put_string(name.as_bytes());
                out.put_string(value);
            }
            Self::WindowChange(size) => size.encode(out),
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
mod tests {
    use super::*;

    fn every_request() -> Vec<ChannelRequest> {
        let size = WindowSize { columns: 80, rows: 24, width: 640, height: 480 };
        vec![
            ChannelRequest::Subsystem { name: "sftp".into() },
            ChannelRequest::Exec { command: b"scp -t \xff".to_vec() },
            ChannelRequest::Shell,
            ChannelRequest::Pty { term: "xterm".into(), size, modes: vec![1, 0, 0, 0, 3, 0] },
            ChannelRequest::Env { name: "LANG".into(), value: b"C.UTF-8".to_vec() },
            ChannelRequest::WindowChange(size),
            ChannelRequest::Signal { name: "TERM".into() },
            ChannelRequest::ExitStatus(7),
            ChannelRequest::ExitSignal {
                name: "KILL".into(),
                core_dumped: true,
                message: "gone".into(),
            },
            ChannelRequest::EndOfWrite,
        ]
    }

    fn encoded(request: &ChannelRequest) -> Vec<u8> {
        let mut data = Vec::new();
        request.encode(&mut data);
        data
    }

    #[test]
    fn every_request_survives_the_wire() {
        for request in every_request() {
            let data = encoded(&request);
            let back = ChannelRequest::decode(request.name().as_bytes(), Reader::new(&data));
            assert_eq!(back.unwrap(), request);
        }
    }

    #[test]
    fn every_request_cut_at_every_byte_is_an_error() {
        for request in every_request() {
            let data = encoded(&request);
            for cut in 0..data.len() {
                let name = request.name().as_bytes();
                let got = ChannelRequest::decode(name, Reader::new(&data[..cut]));
                assert!(got.is_err(), "{request:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn bytes_after_a_request_are_an_error() {
        for request in every_request() {
            let mut data = encoded(&request);
            data.push(0);
            let got = ChannelRequest::decode(request.name().as_bytes(), Reader::new(&data));
            assert!(got.is_err(), "{request:?}");
        }
    }

    #[test]
    fn the_data_of_an_unknown_request_is_not_looked_into() {
        let got = ChannelRequest::decode(b"winadj@putty.projects.tartarus.org", Reader::new(b"x"));
        let name = "winadj@putty.projects.tartarus.org".to_owned();
        assert_eq!(got.unwrap(), ChannelRequest::Other(name));
    }

    #[test]
    fn names_that_are_not_text_name_nothing() {
        let mut data = Vec::new();
        data.put_string(b"sftp\xff");
        let got = ChannelRequest::decode(b"subsystem", Reader::new(&data)).unwrap();
        assert_ne!(got, ChannelRequest::Subsystem { name: "sftp".into() });
    }
}
