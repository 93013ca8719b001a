//! The SSH protocol, both roles from the same code (RFC 4250-4254, 8308, 8332, strict kex).
//!
//! Owns: the wire format, the transport layer below authentication and the layers above it. Must
//! not know: sockets, files, the clock, threads, and what runs over a channel (SFTP, SCP).
//! Invariant: bytes and values in, bytes and values out; a packet is opened and sealed in place in
//! the caller's buffer, nothing is allocated by a length from the wire, and whatever a peer does
//! wrong is a [`Disconnect`] that says what it was.
//!
//! From the bottom up: the vocabulary ([`wire`], [`numbers`]), the [`transport`] and its parts,
//! `userauth` and `channel`; [`Connection`] puts all together and speaks [`Event`]s.

mod channel;
mod config;
mod connection;
pub mod disconnect;
mod event;
mod group_exchange;
pub(crate) mod ident;
mod kex;
mod kexinit;
pub mod limits;
pub mod numbers;
mod packet;
pub(crate) mod pattern;
mod rekey;
mod requests;
pub mod trace;
pub mod transport;
mod userauth;
pub mod wire;

pub use channel::WindowBudget;
pub use config::{ClientConfig, ServerConfig};
pub use connection::{Connection, DataFrame};
pub use disconnect::{Disconnect, DisconnectReason};
pub use event::{
    AuthMethod, AuthRequest, AuthVerdict, ChannelId, Event, Handled, Prompt, Prompts,
    RefusedAttempt,
};
pub use packet::{FrameShape, SealError, SealJob};
pub use requests::{ChannelRequest, GlobalRequest, TerminalModes, WindowSize, X11Cookie};
pub use transport::{
    ConfigError, DirectionInfo, GexBits, Role, StrictKex, TransportConfig, TransportInfo,
};
