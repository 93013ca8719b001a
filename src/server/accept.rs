//! Listening, and giving each new connection to the least loaded shard.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};

use super::admission::{Gate, Refusal, Ticket, turn_away};
use super::limits::LISTEN_BACKLOG;
use super::mailbox::{Arrival, Mailbox};
use super::placement::{self, Load};
use super::run;
use crate::reactor::Socket;

/// A socket that listens, and the address it got.
pub(super) struct Listener {
    pub(super) socket: Socket,
    pub(super) address: SocketAddr,
}

/// Opens a listening socket; port 0 gets a free one.
pub(super) fn listen(address: SocketAddr) -> Result<Listener, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = net::socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    net::bind(&socket, &address)?;
    net::listen(&socket, LISTEN_BACKLOG)?;
    let address = SocketAddr::try_from(net::getsockname(&socket)?)?;
    Ok(Listener { socket: Arc::new(socket), address })
}

/// One shard as placement sees it.
pub(super) struct Seat {
    pub(super) load: Arc<Load>,
    pub(super) mailbox: Arc<Mailbox>,
}

/// Places accepted sockets; lives on the shard that accepts.
pub(super) struct Acceptor {
    pub(super) listeners: Vec<Listener>,
    pub(super) seats: Vec<Seat>,
    pub(super) connections_max: usize,
    gate: Arc<Gate>,
    next_number: AtomicU64,
}

impl Acceptor {
    pub(super) fn new(
        listeners: Vec<Listener>,
        seats: Vec<Seat>,
        connections_max: usize,
        gate: Arc<Gate>,
    ) -> Self {
        Self { listeners, seats, connections_max, gate, next_number: AtomicU64::new(1) }
    }

    /// Judges the connection, sets its socket up and hands it to a shard.
    pub(super) fn place(&self, socket: OwnedFd, now: Instant) {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let peer = net::getpeername(&socket).ok().flatten();
        let Some(peer) = peer.and_then(|any| SocketAddr::try_from(any).ok()) else {
            // Gone before it was looked at: a health check, or a scanner.
            tracing::debug!(connection = number, "the peer left before it was accepted");
            return;
        };
        let proxied = self.gate.is_proxy(peer.ip());
        let ticket = match self.admit(peer, proxied, now) {
            Ok(ticket) => ticket,
            Err(refusal) => return turn_away(&socket, refusal),
        };
        // Replies are batched here already: Nagle would only add 40 ms to each round trip.
        if let Err(error) = sockopt::set_tcp_nodelay(&socket, true) {
            tracing::debug!(connection = number, %peer, %error, "TCP_NODELAY was refused");
        }
        let shard = placement::choose(self.seats.iter().map(|seat| &*seat.load));
        if let Some(seat) = self.seats.get(shard) {
            seat.load.add_connection();
            // Who says nothing is not worth more: balancers look every second whether we are there.
            tracing::debug!(connection = number, %peer, shard, proxied, "connection arrived");
            seat.mailbox.deliver(Arrival { socket, peer, number, ticket, proxied });
        }
    }

    fn admit(&self, peer: SocketAddr, proxied: bool, now: Instant) -> Result<Ticket, Refusal> {
        let open: usize = self.seats.iter().map(|seat| seat.load.connections()).sum();
        if open >= self.connections_max {
            self.gate.refuse(peer.ip(), Refusal::Connections, now);
            return Err(Refusal::Connections);
        }
        if proxied {
            return Ok(Ticket::unjudged(&self.gate));
        }
        self.gate.admit(peer.ip(), false, now, run::random_number)
    }
}
