//! Listening, and giving each new connection to the least loaded shard.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};

use super::limits::LISTEN_BACKLOG;
use super::mailbox::{Arrival, Mailbox};
use super::placement::{self, Load};
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
    next_number: AtomicU64,
}

impl Acceptor {
    pub(super) fn new(listeners: Vec<Listener>, seats: Vec<Seat>, connections_max: usize) -> Self {
        Self { listeners, seats, connections_max, next_number: AtomicU64::new(1) }
    }

    /// Sets the socket up and hands it to a shard.
    pub(super) fn place(&self, socket: OwnedFd) {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let peer = net::getpeername(&socket).ok().flatten();
        let Some(peer) = peer.and_then(|any| SocketAddr::try_from(any).ok()) else {
            // Gone before it was looked at: a health check, or a scanner.
            tracing::debug!(connection = number, "the peer left before it was accepted");
            return;
        };
        // Replies are batched here already: Nagle would only add 40 ms to each round trip.
        if let Err(error) = sockopt::set_tcp_nodelay(&socket, true) {
            tracing::debug!(connection = number, %peer, %error, "TCP_NODELAY was refused");
        }
        let open: usize = self.seats.iter().map(|seat| seat.load.connections()).sum();
        if open >= self.connections_max {
            tracing::warn!(
                connection = number,
                %peer,
                max_connections = self.connections_max,
                "connection refused: max_connections is reached"
            );
            return;
        }
        let shard = placement::choose(self.seats.iter().map(|seat| &*seat.load));
        if let Some(seat) = self.seats.get(shard) {
            seat.load.add_connection();
            tracing::info!(connection = number, %peer, shard, "connection accepted");
            seat.mailbox.deliver(Arrival { socket, peer, number });
        }
    }
}
