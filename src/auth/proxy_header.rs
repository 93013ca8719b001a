//! The header a proxy puts in front of a connection to tell where it comes from: the PROXY protocol
//! of HAProxy, versions 1 and 2.
//!
//! Own code, since what this decides is who somebody is. The crates `proxy-header` 0.1.3 and `ppp`
//! 2.3.0 read ports such as `+22`; the first also `PROXYxTCP4`, `UNKNOWNx` and lines of any length,
//! and both wait for more where the first byte shows that none of it will be a header.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::limits::{PROXY_V1_BYTES_MAX, PROXY_V2_BYTES_MAX};

/// What each version begins with.
const V1_START: &[u8] = b"PROXY ";
const V2_START: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// That, the version and command, the family and protocol, and the length of the rest.
const V2_HEAD_BYTES: usize = 16;

/// A whole header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProxyHeader {
    /// Whom the proxy speaks for; `None` where it speaks for itself, as in its health checks, or
    /// does not know.
    pub source: Option<SocketAddr>,
    /// How long the header is.
    pub bytes: usize,
}

/// It is no header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProxyHeaderError {
    /// It does not even begin like one.
    #[error("no PROXY header came")]
    Missing,
    /// It breaks the specification, or is longer than is read here.
    #[error("the PROXY header is broken: {0}")]
    Broken(&'static str),
}

const fn broken<T>(what: &'static str) -> Result<T, ProxyHeaderError> {
    Err(ProxyHeaderError::Broken(what))
}

impl ProxyHeader {
    /// Reads the header that `input` begins with; `None` while there is more to come.
    ///
    /// # Errors
    /// [`ProxyHeaderError`], as soon as it can be told.
    pub fn read(input: &[u8]) -> Result<Option<Self>, ProxyHeaderError> {
        let begins = |start: &[u8]| input.iter().zip(start).all(|(got, wanted)| got == wanted);
        match () {
            () if begins(V1_START) => read_v1(input),
            () if begins(V2_START) => read_v2(input),
            () => Err(ProxyHeaderError::Missing),
        }
    }
}

fn read_v1(input: &[u8]) -> Result<Option<ProxyHeader>, ProxyHeaderError> {
    let window = input.get(..PROXY_V1_BYTES_MAX).unwrap_or(input);
    let Some(end) = window.iter().position(|byte| *byte == b'\n') else {
        let whole = window.len() >= PROXY_V1_BYTES_MAX;
        return if whole { broken("its line has more than 107 bytes") } else { Ok(None) };
    };
    let line = window.get(..end).and_then(|line| line.strip_suffix(b"\r"));
    let line = line.and_then(|line| std::str::from_utf8(line).ok());
    let Some(words) = line.and_then(|line| line.strip_prefix("PROXY ")) else {
        return broken("its line does not end in CR LF, or is not text");
    };
    let words: Vec<&str> = words.split(' ').collect();
    let source = match words[..] {
        // What follows is to be ignored.
        ["UNKNOWN", ..] => None,
        ["TCP4", from, to, from_port, to_port] => {
            Some(v1_source::<Ipv4Addr>([from, to], [from_port, to_port]))
        }
        ["TCP6", from, to, from_port, to_port] => {
            Some(v1_source::<Ipv6Addr>([from, to], [from_port, to_port]))
        }
        _ => return broken("it is not one of TCP4, TCP6 and UNKNOWN with what belongs to it"),
    };
    Ok(Some(ProxyHeader { source: source.transpose()?, bytes: end + 1 }))
}

/// The client's address; the proxy's must be one too.
fn v1_source<A: std::str::FromStr + Into<IpAddr>>(
    [from, to]: [&str; 2],
    [from_port, to_port]: [&str; 2],
) -> Result<SocketAddr, ProxyHeaderError> {
    let (Ok(from), Ok(_)) = (from.parse::<A>(), to.parse::<A>()) else {
        return broken("an address in it is none");
    };
    let (Some(from_port), Some(_)) = (port(from_port), port(to_port)) else {
        return broken("a port in it is none");
    };
    Ok(SocketAddr::new(from.into(), from_port))
}

fn port(digits: &str) -> Option<u16> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let plain = plain && (digits == "0" || !digits.starts_with('0'));
    plain.then(|| digits.parse().ok()).flatten()
}

fn read_v2(input: &[u8]) -> Result<Option<ProxyHeader>, ProxyHeaderError> {
    let Some(&[command, family, high, low]) =
        input.get(V2_START.len()..V2_HEAD_BYTES).and_then(|head| <&[u8; 4]>::try_from(head).ok())
    else {
        return Ok(None);
    };
    let bytes = V2_HEAD_BYTES + usize::from(u16::from_be_bytes([high, low]));
    if bytes > PROXY_V2_BYTES_MAX {
        return broken("it has more than 4096 bytes");
    }
    let local = match command {
        0x20 => true,
        0x21 => false,
        _ => return broken("its version or its command is unknown"),
    };
    let Some(rest) = input.get(V2_HEAD_BYTES..bytes) else { return Ok(None) };
    // A LOCAL connection is the proxy's own, whatever is said of addresses.
    let source = match family {
        _ if local => None,
        0x00 => None,
        0x11 => Some(v2_source::<4>(rest)?),
        0x21 => Some(v2_source::<16>(rest)?),
        _ => return broken("it speaks for something else than TCP over IPv4 or IPv6"),
    };
    Ok(Some(ProxyHeader { source, bytes }))
}

/// Both addresses, then both ports; what is behind them says nothing that is wanted here.
fn v2_source<const BYTES: usize>(rest: &[u8]) -> Result<SocketAddr, ProxyHeaderError>
where
    [u8; BYTES]: Into<IpAddr>,
{
    let address = rest.first_chunk::<BYTES>();
    let ports = rest.get(2 * BYTES..).and_then(<[u8]>::first_chunk::<4>);
    let (Some(address), Some(&[high, low, _, _])) = (address, ports) else {
        return broken("it is shorter than its addresses");
    };
    Ok(SocketAddr::new((*address).into(), u16::from_be_bytes([high, low])))
}

#[cfg(test)]
mod tests;
