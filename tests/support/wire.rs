//! Peers that no stock client plays: raw bytes on a TCP socket, and a proxy that damages a stream.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use super::SOON;

/// A raw connection to the server.
pub(crate) struct Raw {
    stream: TcpStream,
    /// What the server's log calls this peer.
    pub(crate) peer: SocketAddr,
}

/// What the server said until it closed the connection.
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    /// The server closed (or reset) the connection within the deadline.
    pub(crate) closed: bool,
}

impl Raw {
    pub(crate) fn connect(server: SocketAddr) -> Raw {
        let stream = TcpStream::connect(server).expect("connect");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        let peer = stream.local_addr().expect("local address");
        Raw { stream, peer }
    }

    /// Sends; a server that has closed already is no error here, its answer is looked at later.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Ends our direction: nothing more will come.
    pub(crate) fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Reads the server's ident line, without its line end.
    pub(crate) fn read_ident(&mut self) -> String {
        self.stream.set_read_timeout(Some(SOON)).expect("timeout");
        let mut line = Vec::new();
        let mut byte = [0];
        while line.len() < 255 && self.stream.read_exact(&mut byte).is_ok() && byte[0] != b'\n' {
            line.push(byte[0]);
        }
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }

    /// Reads until the server closes, or the deadline passes without a byte.
    pub(crate) fn read_to_close(mut self, deadline: Duration) -> Answer {
        self.stream.set_read_timeout(Some(deadline)).expect("timeout");
        let mut bytes = Vec::new();
        let mut block = [0; 4096];
        loop {
            match self.stream.read(&mut block) {
                Ok(0) => return Answer { bytes, closed: true },
                Ok(got) => bytes.extend_from_slice(&block[..got]),
                Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => {
                    return Answer { bytes, closed: true };
                }
                Err(_) => return Answer { bytes, closed: false },
            }
        }
    }
}

impl Answer {
    /// The reason code of an unencrypted SSH_MSG_DISCONNECT in the answer, if there is one.
    pub(crate) fn disconnect_reason(&self) -> Option<u32> {
        let mut rest = match self.bytes.iter().position(|&byte| byte == b'\n') {
            Some(end) if self.bytes.starts_with(b"SSH-") => &self.bytes[end + 1..],
            _ => &self.bytes[..],
        };
        // RFC 4253 section 6: uint32 packet_length, byte padding_length, payload.
        while let Some((length, tail)) = rest.split_at_checked(4) {
            let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
            let (packet, tail) = tail.split_at_checked(length)?;
            if packet.get(1) == Some(&1) {
                return Some(u32::from_be_bytes(packet.get(2..6)?.try_into().ok()?));
            }
            rest = tail;
        }
        None
    }
}

/// An unencrypted packet: RFC 4253 section 6 with the `none` cipher.
pub(crate) fn plain_packet(payload: &[u8]) -> Vec<u8> {
    let padding = 8 - (payload.len() + 5) % 8;
    let padding = if padding < 4 { padding + 8 } else { padding };
    let length = u32::try_from(payload.len() + padding + 1).expect("small");
    let mut packet = length.to_be_bytes().to_vec();
    packet.push(u8::try_from(padding).expect("< 16"));
    packet.extend_from_slice(payload);
    packet.extend(std::iter::repeat_n(0, padding));
    packet
}

/// Listens on loopback, passes one connection on to `server`, and inverts the bits of byte
/// `damage_at` of what the client sends. Sends the address the server saw when it connects.
pub(crate) fn damaging_proxy(
    server: SocketAddr,
    damage_at: u64,
) -> (SocketAddr, mpsc::Receiver<SocketAddr>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("address");
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let Ok((client, _)) = listener.accept() else { return };
        let Ok(upstream) = TcpStream::connect(server) else { return };
        if let Ok(seen) = upstream.local_addr() {
            let _ = sender.send(seen);
        }
        let (Ok(client_in), Ok(upstream_in)) = (client.try_clone(), upstream.try_clone()) else {
            return;
        };
        let back = std::thread::spawn(move || pass_on(upstream_in, client, None));
        pass_on(client_in, upstream, Some(damage_at));
        let _ = back.join();
    });
    (address, receiver)
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, damage_at: Option<u64>) {
    let mut block = vec![0; 16 * 1024];
    let mut passed = 0_u64;
    while let Ok(got) = from.read(&mut block) {
        if got == 0 {
            break;
        }
        if let Some(at) = damage_at.and_then(|at| at.checked_sub(passed))
            && let Some(byte) = block[..got].get_mut(usize::try_from(at).unwrap_or(usize::MAX))
        {
            *byte = !*byte;
        }
        passed += got as u64;
        if to.write_all(&block[..got]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}
