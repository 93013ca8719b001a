//! Who may connect: what is decided before a key is exchanged, and what a connection's end means
//! for the next one from there.
//!
//! Owns the rules (`rules`), the state that all shards share (`gate`), what each admitted
//! connection holds of it (`ticket`), and the counts and log lines of those turned away
//! (`refusals`). The judgements are `auth`'s. Invariant: what a ticket holds is given back when it
//! goes, whatever becomes of its connection.

mod gate;
mod refusals;
mod rules;
mod ticket;

pub(super) use gate::Gate;
pub(super) use refusals::turn_away;
pub use refusals::{AdmissionStatistics, REFUSALS, Refusal};
pub use rules::AdmissionRules;
pub(super) use ticket::Ticket;

#[cfg(test)]
mod tests;
