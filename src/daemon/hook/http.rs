//! Asks a service on this machine: one POST over HTTP/1.0, one answer of status 200.
//!
//! Only loopback addresses: a password must not cross a network in the clear, and TLS would bring
//! more code than all the rest. HTTP/1.0 since its answers are not sent in chunks and end with the
//! connection.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::limits::{ANSWER_BYTES_MAX, HEAD_BYTES_MAX, HEADERS_MAX};

/// Where the service is and how long it may take.
#[derive(Debug)]
pub(super) struct Endpoint {
    address: SocketAddr,
    /// As the URL has it.
    host: String,
    target: String,
    timeout: Duration,
}

impl Endpoint {
    /// Reads `http://ADDRESS[:PORT][/PATH]`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(url: &str, timeout: Duration) -> Result<Self, String> {
        let Some(rest) = url.strip_prefix("http://") else {
            return Err(format!(
                "{url:?}: http:// is spoken, and no TLS: put a proxy on this machine in front, or \
                 name a program that asks"
            ));
        };
        if !rest.bytes().all(|byte| byte.is_ascii_graphic()) || rest.contains(['#', '@']) {
            return Err(format!("{url:?} has characters that do not belong into it"));
        }
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let target = if path.is_empty() { "/" } else { path };
        let bare = |text: &str| match text {
            "localhost" => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            text => text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok(),
        };
        let named = host.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
        let with_port = named.as_deref().unwrap_or(host).parse::<SocketAddr>().ok();
        let address = with_port.or_else(|| bare(host).map(|ip| SocketAddr::new(ip, 80)));
        match address {
            Some(address) if address.ip().is_loopback() && address.port() != 0 => {
                Ok(Self { address, host: host.to_owned(), target: target.to_owned(), timeout })
            }
            _ => Err(format!(
                "{url:?}: the host must be an address of this machine itself, such as \
                 127.0.0.1:8080 or [::1]:8080: passwords would cross the network in the clear"
            )),
        }
    }

    /// What it answers.
    ///
    /// # Errors
    /// Why there is no answer, for the log.
    pub(super) fn ask(&self, question: &[u8]) -> Result<Vec<u8>, String> {
        let deadline = Instant::now() + self.timeout;
        let failed = |error: std::io::Error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                format!("the hook has not answered in {:?}", self.timeout)
            }
            _ => format!("the hook at {}: {error}", self.address),
        };
        let response = self.exchange(question, deadline).map_err(failed)?;
        body(response)
    }

    /// The response as it came, cut where it is longer than any that will do.
    fn exchange(&self, question: &[u8], deadline: Instant) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect_timeout(&self.address, left(deadline)?)?;
        let head = format!(
            "POST {} HTTP/1.0\r\nHost: {}\r\nUser-Agent: ringferry\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.target,
            self.host,
            question.len()
        );
        for part in [head.as_bytes(), question] {
            stream.set_write_timeout(Some(left(deadline)?))?;
            stream.write_all(part)?;
        }
        let (mut response, mut buffer) = (Vec::new(), [0; 8192]);
        while response.len() <= HEAD_BYTES_MAX + ANSWER_BYTES_MAX && !is_whole(&response) {
            stream.set_read_timeout(Some(left(deadline)?))?;
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => response.extend(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(response)
    }
}

/// The time that is left, never none: a timeout of 0 would be none at all.
fn left(deadline: Instant) -> std::io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// What the head of a response says.
struct Head {
    bytes: usize,
    status: u16,
    content_bytes: Option<usize>,
}

/// `None` while it is not there in full.
fn head(response: &[u8]) -> Result<Option<Head>, String> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Response::new(&mut headers);
    let bytes = match parsed.parse(response) {
        Ok(httparse::Status::Complete(bytes)) => bytes,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(format!("the hook's answer is not HTTP: {error}")),
    };
    let mut content_bytes = None;
    for header in parsed.headers.iter() {
        if header.name.eq_ignore_ascii_case("transfer-encoding") {
            return Err("the hook's answer to HTTP/1.0 comes in chunks".to_owned());
        }
        if header.name.eq_ignore_ascii_case("content-length") {
            let length = std::str::from_utf8(header.value).ok().and_then(|it| it.parse().ok());
            if length.is_none() || content_bytes.is_some() {
                return Err("the hook's answer has no one Content-Length".to_owned());
            }
            content_bytes = length;
        }
    }
    Ok(Some(Head { bytes, status: parsed.code.unwrap_or_default(), content_bytes }))
}

/// Whether nothing more need be read.
fn is_whole(response: &[u8]) -> bool {
    match head(response) {
        Ok(None) => false,
        Ok(Some(head)) => {
            let bytes = head.content_bytes.map(|content| head.bytes.saturating_add(content));
            bytes.is_some_and(|bytes| response.len() >= bytes)
        }
        Err(_) => true,
    }
}

/// What the response holds, if it is one of status 200.
fn body(mut response: Vec<u8>) -> Result<Vec<u8>, String> {
    let Some(head) = head(&response)? else {
        return Err("the hook's answer ends within its headers, or these are too long".to_owned());
    };
    if head.status != 200 {
        return Err(format!("the hook answers with status {}", head.status));
    }
    let mut content = response.split_off(head.bytes);
    if let Some(bytes) = head.content_bytes {
        if content.len() < bytes && content.len() <= ANSWER_BYTES_MAX {
            return Err("the hook's answer is cut off".to_owned());
        }
        content.truncate(bytes);
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_of_this_machine_and_plain() {
        let parsed = |url: &str| {
            let endpoint = Endpoint::parse(url, Duration::ZERO).unwrap();
            (endpoint.address.to_string(), endpoint.host, endpoint.target)
        };
        for (url, address, host, target) in [
            ("http://127.0.0.1", "127.0.0.1:80", "127.0.0.1", "/"),
            ("http://127.0.0.1:8080/a/b?c=d", "127.0.0.1:8080", "127.0.0.1:8080", "/a/b?c=d"),
            ("http://[::1]:81/", "[::1]:81", "[::1]:81", "/"),
            ("http://[::1]/x", "[::1]:80", "[::1]", "/x"),
            ("http://localhost:8080/x", "127.0.0.1:8080", "localhost:8080", "/x"),
        ] {
            let expected = (address.to_owned(), host.to_owned(), target.to_owned());
            assert_eq!(parsed(url), expected, "{url}");
        }
        for url in [
            "https://127.0.0.1/",
            "ftp://127.0.0.1/",
            "http://",
            "http:///x",
            "http://192.0.2.1/",
            "http://0.0.0.0:80/",
            "http://example.org/",
            "http://localhost.example.org/",
            "http://127.0.0.1:0/",
            "http://127.0.0.1:x/",
            "http://127.0.0.1@192.0.2.1/",
            "http://127.0.0.1/a b",
            "http://127.0.0.1/a\r\nX: y",
            "http://127.0.0.1#x",
        ] {
            assert!(Endpoint::parse(url, Duration::ZERO).is_err(), "{url}");
        }
        let why = Endpoint::parse("https://127.0.0.1/", Duration::ZERO).unwrap_err();
        assert!(why.contains("no TLS"), "{why}");
    }

    #[test]
    fn a_response_is_taken_whole_or_not_at_all() {
        let said = |text: &str| body(text.as_bytes().to_vec());
        let taken = |text: &str| String::from_utf8(said(text).unwrap()).unwrap();
        assert_eq!(taken("HTTP/1.0 200 OK\r\n\r\n{}"), "{}");
        assert_eq!(taken("HTTP/1.1 200 OK\r\nA: b\r\ncontent-length: 2\r\n\r\n{}x"), "{}");
        for text in [
            "",
            "HTTP/1.0 200",
            "{}",
            "HTTP/1.0 200 OK\r\nA: b\r\n",
            "HTTP/1.0 204 No Content\r\n\r\n{}",
            "HTTP/1.0 302 Found\r\nLocation: http://192.0.2.1/\r\n\r\n{}",
            "HTTP/1.0 500 No\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n{}",
            "HTTP/1.0 200 OK\r\nContent-Length: -2\r\n\r\n{}",
            "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        ] {
            assert!(said(text).is_err(), "{text}");
        }
        assert!(is_whole(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}"));
        assert!(!is_whole(b"HTTP/1.0 200 OK\r\n\r\n{}"), "its end is the connection's");
    }
}
