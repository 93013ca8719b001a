//! One line about a packet, for the log at level trace: who sent it, its number, its meaning.
//!
//! A [`PacketRecord`] shows what helps to find a fault and keeps the rest to itself. It never shows
//! a password, an answer to a question, the value of an environment variable, a command, the bytes
//! of a channel, or anything of a message it does not know. Long texts are cut, so that a line is
//! bounded whatever a peer sends; control characters are escaped.

use std::fmt;

use super::numbers::*;
use super::wire::{NameList, Reader, WireError};
use crate::crypto::fingerprint_sha256;

/// Bytes of one text in a line.
const TEXT_BYTES_MAX: usize = 80;
/// Bytes of one list of algorithms.
const LIST_BYTES_MAX: usize = 200;
/// Entries of an EXT_INFO that are shown.
const EXTENSIONS_SHOWN_MAX: u32 = 8;

/// Takes a record of every packet, in the order of the wire.
///
/// It runs inside the connection's own calls, so it should do no more than write the line down.
pub type PacketTrace = Box<dyn FnMut(&PacketRecord<'_>) + Send>;

/// A packet that is about to be sealed, or has just been opened. [`Display`](fmt::Display) makes
/// the line, and only then costs anything.
pub struct PacketRecord<'a> {
    sent: bool,
    sequence: u32,
    payload: &'a [u8],
}

impl<'a> PacketRecord<'a> {
    pub(crate) fn new(sent: bool, sequence: u32, payload: &'a [u8]) -> Self {
        Self { sent, sequence, payload }
    }

    /// Whether we sent it.
    pub fn is_sent(&self) -> bool {
        self.sent
    }

    /// Its sequence number in its direction.
    pub fn sequence(&self) -> u32 {
        self.sequence
    }

    /// Its message number.
    pub fn number(&self) -> u8 {
        self.payload.first().copied().unwrap_or_default()
    }

    /// The bytes of its payload, before compression.
    pub fn payload_bytes(&self) -> usize {
        self.payload.len()
    }
}

impl fmt::Debug for PacketRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for PacketRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = if self.sent { "sent" } else { "received" };
        let number = self.number();
        let (sequence, bytes) = (self.sequence, self.payload.len());
        write!(f, "{way} #{sequence} {number} {}, {bytes} bytes", name(number))?;
        let mut line = Line { f, read: Reader::new(self.payload.get(1..).unwrap_or_default()) };
        match line.details(number) {
            Ok(()) => Ok(()),
            Err(Stop::Format(error)) => Err(error),
            Err(Stop::Wire(error)) => write!(f, ", malformed: {error}"),
        }
    }
}

/// Why a line ends early.
enum Stop {
    Format(fmt::Error),
    Wire(WireError),
}

impl From<fmt::Error> for Stop {
    fn from(error: fmt::Error) -> Self {
        Self::Format(error)
    }
}

impl From<WireError> for Stop {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

/// A line that is being written, and what is left of the message.
struct Line<'f, 'g, 'a> {
    f: &'f mut fmt::Formatter<'g>,
    read: Reader<'a>,
}

impl Line<'_, '_, '_> {
    fn details(&mut self, number: u8) -> Result<(), Stop> {
        match number {
            DISCONNECT => {
                self.number("reason")?;
                self.text("description")
            }
            UNIMPLEMENTED => self.number("sequence"),
            DEBUG => {
                self.flag("display")?;
                self.text("text")
            }
            SERVICE_REQUEST | SERVICE_ACCEPT if self.read.remaining() > 0 => self.text("service"),
            EXT_INFO => self.extensions(),
            KEXINIT => self.kexinit(),
            USERAUTH_REQUEST => self.userauth_request(),
            USERAUTH_FAILURE => {
                self.list("methods")?;
                self.flag("partial")
            }
            USERAUTH_BANNER => self.text("text"),
            // What 60 and 61 mean depends on the method. 61 carries answers, passwords mostly.
            GLOBAL_REQUEST => {
                self.text("request")?;
                self.flag("want_reply")
            }
            CHANNEL_OPEN => {
                self.text("type")?;
                self.number("sender")?;
                self.number("window")?;
                self.number("packet_max")
            }
            CHANNEL_OPEN_CONFIRMATION => {
                self.number("channel")?;
                self.number("sender")?;
                self.number("window")?;
                self.number("packet_max")
            }
            CHANNEL_OPEN_FAILURE => {
                self.number("channel")?;
                self.number("reason")?;
                self.text("description")
            }
            CHANNEL_WINDOW_ADJUST => {
                self.number("channel")?;
                self.number("bytes")
            }
            CHANNEL_DATA => {
                self.number("channel")?;
                self.size("data")
            }
            CHANNEL_EXTENDED_DATA => {
                self.number("channel")?;
                self.number("code")?;
                self.size("data")
            }
            CHANNEL_EOF | CHANNEL_CLOSE | CHANNEL_SUCCESS | CHANNEL_FAILURE => {
                self.number("channel")
            }
            CHANNEL_REQUEST => self.channel_request(),
            _ => Ok(()),
        }
    }

    /// RFC 8308 section 2.3.
    fn extensions(&mut self) -> Result<(), Stop> {
        let count = self.read.u32()?;
        for _ in 0..count.min(EXTENSIONS_SHOWN_MAX) {
            let (name, value) = (self.read.string()?, self.read.string()?);
            write!(self.f, ", {}={}", Cut(name, TEXT_BYTES_MAX), Cut(value, LIST_BYTES_MAX))?;
        }
        if count > EXTENSIONS_SHOWN_MAX {
            write!(self.f, ", {count} in all")?;
        }
        Ok(())
    }

    /// RFC 4253 section 7.1.
    fn kexinit(&mut self) -> Result<(), Stop> {
        self.read.bytes(16)?;
        for name in [
            "kex",
            "host_key",
            "cipher_up",
            "cipher_down",
            "mac_up",
            "mac_down",
            "compression_up",
            "compression_down",
        ] {
            self.list(name)?;
        }
        self.read.string()?;
        self.read.string()?;
        self.flag("guess_follows")
    }

    /// RFC 4252. A method that is not known shows nothing: it may hold a secret anywhere.
    fn userauth_request(&mut self) -> Result<(), Stop> {
        self.text("user")?;
        self.text("service")?;
        let method = self.read.string()?;
        write!(self.f, ", method={}", Cut(method, TEXT_BYTES_MAX))?;
        match method {
            b"none" => {}
            b"password" => {
                let changes = self.read.bool()?;
                self.f.write_str(", password=***")?;
                if changes {
                    self.f.write_str(", new_password=***")?;
                }
            }
            b"publickey" | b"publickey-hostbound-v00@openssh.com" => {
                self.flag("signed")?;
                self.text("algorithm")?;
                write!(self.f, ", key={}", fingerprint_sha256(self.read.string()?))?;
                if method != b"publickey" {
                    write!(self.f, ", host_key={}", fingerprint_sha256(self.read.string()?))?;
                }
            }
            _ => write!(self.f, ", ***")?,
        }
        Ok(())
    }

    /// RFC 4254 section 5.4. Commands and values of variables hold secrets often enough.
    fn channel_request(&mut self) -> Result<(), Stop> {
        self.number("channel")?;
        let kind = self.read.string()?;
        write!(self.f, ", request={}", Cut(kind, TEXT_BYTES_MAX))?;
        self.flag("want_reply")?;
        match kind {
            b"subsystem" => self.text("name"),
            b"env" => {
                self.text("name")?;
                Ok(self.f.write_str(", value=***")?)
            }
            b"exec" => Ok(self.f.write_str(", command=***")?),
            b"exit-status" => self.number("status"),
            b"exit-signal" | b"signal" => self.text("signal"),
            _ => Ok(()),
        }
    }

    fn number(&mut self, what: &str) -> Result<(), Stop> {
        Ok(write!(self.f, ", {what}={}", self.read.u32()?)?)
    }

    fn flag(&mut self, what: &str) -> Result<(), Stop> {
        Ok(write!(self.f, ", {what}={}", self.read.bool()?)?)
    }

    fn text(&mut self, what: &str) -> Result<(), Stop> {
        Ok(write!(self.f, ", {what}={}", Cut(self.read.string()?, TEXT_BYTES_MAX))?)
    }

    fn size(&mut self, what: &str) -> Result<(), Stop> {
        Ok(write!(self.f, ", {what}={} bytes", self.read.string()?.len())?)
    }

    fn list(&mut self, what: &str) -> Result<(), Stop> {
        let list: NameList = self.read.name_list()?;
        Ok(write!(self.f, ", {what}=[{}]", Cut(list.as_str().as_bytes(), LIST_BYTES_MAX))?)
    }
}

/// A peer's text: at most so many bytes of it, escaped.
struct Cut<'a>(&'a [u8], usize);

impl fmt::Display for Cut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text, max) = *self;
        let shown = text.get(..max).unwrap_or(text);
        write!(f, "{}", String::from_utf8_lossy(shown).escape_debug())?;
        if text.len() > max { write!(f, "...({} bytes)", text.len()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh::wire::Writer;

    fn line(payload: &[u8]) -> String {
        PacketRecord::new(true, 7, payload).to_string()
    }

    fn message(number: u8, fields: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut message = vec![number];
        fields(&mut message);
        message
    }

    #[test]
    fn a_line_names_the_packet_and_its_meaning() {
        let adjust = message(CHANNEL_WINDOW_ADJUST, |m| {
            m.put_u32(3);
            m.put_u32(65536);
        });
        let text = "sent #7 93 CHANNEL_WINDOW_ADJUST, 9 bytes, channel=3, bytes=65536";
        assert_eq!(line(&adjust), text);
        let record = PacketRecord::new(false, 0, &[NEWKEYS]);
        assert_eq!(record.to_string(), "received #0 21 NEWKEYS, 1 bytes");
        assert_eq!((record.is_sent(), record.number(), record.payload_bytes()), (false, 21, 1));
        let end = message(DISCONNECT, |m| {
            m.put_u32(2);
            m.put_string(b"a\nb\x1b[2J");
        });
        assert!(line(&end).ends_with(r"reason=2, description=a\nb\u{1b}[2J"), "{}", line(&end));
    }

    #[test]
    fn secrets_stay_out_of_the_line() {
        let secret = b"correct horse";
        let request = |method: &[u8], fields: &dyn Fn(&mut Vec<u8>)| {
            message(USERAUTH_REQUEST, |m| {
                for text in [&b"alice"[..], b"ssh-connection", method] {
                    m.put_string(text);
                }
                fields(m);
            })
        };
        let password = request(b"password", &|m| {
            m.put_bool(false);
            m.put_string(secret);
        });
        assert!(line(&password).ends_with("method=password, password=***"), "{}", line(&password));
        let change = request(b"password", &|m| {
            m.put_bool(true);
            m.put_string(secret);
            m.put_string(secret);
        });
        let unknown = request(b"token", &|m| m.put_string(secret));
        let answers = message(USERAUTH_INFO_RESPONSE, |m| {
            m.put_u32(1);
            m.put_string(secret);
        });
        let question = message(USERAUTH_INFO_REQUEST, |m| m.put_string(secret));
        let channel = |kind: &[u8], fields: &dyn Fn(&mut Vec<u8>)| {
            message(CHANNEL_REQUEST, |m| {
                m.put_u32(0);
                m.put_string(kind);
                m.put_bool(true);
                fields(m);
            })
        };
        let env = channel(b"env", &|m| {
            m.put_string(b"TOKEN");
            m.put_string(secret);
        });
        assert!(line(&env).ends_with("name=TOKEN, value=***"), "{}", line(&env));
        let exec = channel(b"exec", &|m| m.put_string(secret));
        let data = message(CHANNEL_DATA, |m| {
            m.put_u32(0);
            m.put_string(secret);
        });
        let ignored = message(IGNORE, |m| m.put_string(secret));
        let ping = message(PING, |m| m.put_string(secret));
        let strange = message(200, |m| m.put_string(secret));
        for secretive in
            [password, change, unknown, answers, question, env, exec, data, ignored, ping, strange]
        {
            let shown = line(&secretive);
            assert!(!shown.contains("correct") && !shown.contains("horse"), "{shown}");
            // Cut anywhere, the message is malformed and still keeps it.
            for cut in 0..secretive.len() {
                let shown = line(&secretive[..cut]);
                assert!(!shown.contains("cor") && !shown.contains("hor"), "{shown}");
            }
        }
    }

    #[test]
    fn a_line_is_bounded_whatever_comes() {
        use crate::crypto::{ChaChaRandom, Random};
        let mut random = ChaChaRandom::from_seed([6; 32]);
        for number in 0..=255u8 {
            let long = message(number, |m| {
                for _ in 0..40 {
                    m.put_string(&[b'x'; 5000]);
                }
            });
            assert!(line(&long).len() < 4096);
            for bytes in [0, 3, 40, 3000] {
                let mut noise = vec![0; bytes];
                random.fill(&mut noise);
                noise.insert(0, number);
                let shown = line(&noise);
                assert!(shown.len() < 4096 && !shown.contains('\n'), "{shown}");
            }
        }
        assert!(line(&[]).len() < 100);
        let kexinit = message(KEXINIT, |m| {
            m.extend_from_slice(&[0; 16]);
            for _ in 0..8 {
                m.put_string(&[b'x'; 30_000]);
            }
        });
        assert!(line(&kexinit).len() < 4096);
    }
}
