//! JOIN: connections of a peer, the SSH core, the file system and the kernel brought together.
//!
//! Owns the shards (one thread a core, `shard`), accepting and placing connections (`accept`,
//! `placement`), the driver of one connection (`connection`), the pipeline between SFTP and files
//! (`session`, `perform`, `train`, `writes`, `pages`), the order in which connections get their
//! turn (`turns`), who is let in (`admission`), the threads for what may take long or seals
//! (`blocking`, `job`, `sealing`). It must not know how it was configured or logged (that is
//! `daemon`), nor make a system call of its own: those are the reactor's. Invariant: a connection
//! leaves its shard only when every operation it submitted has completed, so that no buffer that
//! the kernel knows, no descriptor and no handle outlives it.

mod accept;
mod admission;
mod blocking;
mod connection;
mod digest;
mod gathering;
mod inbound;
mod job;
pub mod limits;
mod mailbox;
mod names;
mod outbound;
mod pages;
mod perform;
mod placement;
mod profile;
mod replies;
mod roll;
mod room;
mod run;
mod sealing;
mod session;
mod settings;
mod shard;
mod statistics;
mod stdio;
mod stop;
mod train;
mod turns;
mod verdicts;
mod writes;

pub use admission::{AdmissionRules, AdmissionStatistics, REFUSALS, Refusal};
pub use names::Names;
pub use pages::{PagePolicy, WriteBehind};
pub use profile::{MakeProfile, Profile, Profiles};
pub use roll::{CurrentRoll, Roll};
pub use run::{Ready, ServerError, run};
pub use sealing::CryptoThreads;
pub use session::Verbs;
pub use settings::Settings;
pub use statistics::{ShardStatistics, Statistics, imbalance_percent};
pub use stdio::serve_stdio;
pub use stop::Stop;
