//! Either end of a copy, for whoever drives both alike.

use super::{Ask, Options, Role, Sink, Source, Told};

/// One end of a copy. What each call does is told by [`Source`] and [`Sink`].
#[derive(Debug)]
pub enum End {
    /// It sends.
    Source(Source),
    /// It receives.
    Sink(Sink),
}

impl End {
    /// The end that `options` ask for.
    #[must_use]
    pub fn new(options: Options) -> Self {
        match options.role {
            Role::Source => Self::Source(Source::new(options)),
            Role::Sink => Self::Sink(Sink::new(options)),
        }
    }

    /// What the caller is to do next.
    #[must_use]
    pub fn poll(&mut self) -> Ask {
        match self {
            Self::Source(source) => source.poll(),
            Self::Sink(sink) => sink.poll(),
        }
    }

    /// Takes the answer to what was asked for.
    pub fn told(&mut self, told: Told) {
        match self {
            Self::Source(source) => source.told(told),
            Self::Sink(sink) => sink.told(told),
        }
    }

    /// Takes bytes of the peer, if it was asked for them, and gives how many were used.
    pub fn input(&mut self, bytes: &[u8]) -> usize {
        match self {
            Self::Source(source) => source.input(bytes),
            Self::Sink(sink) => sink.input(bytes),
        }
    }

    /// The peer sends nothing after what it has sent.
    pub fn input_ended(&mut self) {
        match self {
            Self::Source(source) => source.input_ended(),
            Self::Sink(sink) => sink.input_ended(),
        }
    }

    /// Bytes to send to the peer before what was asked for is done.
    #[must_use]
    pub fn take_output(&mut self) -> Vec<u8> {
        match self {
            Self::Source(source) => source.take_output(),
            Self::Sink(sink) => sink.take_output(),
        }
    }
}
