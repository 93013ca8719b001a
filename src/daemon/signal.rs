//! SIGTERM and SIGINT: the first stops the server in order, the second at once. SIGHUP: the users
//! are read again. SIGUSR1: what the shards are doing goes to the log.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGXFSZ};
use signal_hook::iterator::Signals;

use super::failure::Failure;
use super::reload::Reload;
use crate::server::{REFUSALS, Statistics, Stop, imbalance_percent};

/// Watches for signals on a thread of its own until the process ends.
///
/// signal-hook keeps the handler to one write into a pipe; the thread reads the other end.
pub(crate) fn watch(
    stop: Arc<Stop>,
    statistics: Arc<OnceLock<Statistics>>,
    reload: Arc<OnceLock<Mutex<Reload>>>,
) -> Result<(), Failure> {
    // SIGXFSZ ends a process whose write passes RLIMIT_FSIZE; handled, the write fails with EFBIG,
    // and that is one client's failure instead of everyone's.
    let failed = |error| Failure::runtime(format!("signals cannot be watched: {error}"));
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGXFSZ]).map_err(failed)?;
    let watching = move || {
        let mut stopping = false;
        for signal in signals.forever().filter(|&signal| signal != SIGXFSZ) {
            if signal == SIGUSR1 {
                statistics.get().inspect(|statistics| log(statistics));
                continue;
            }
            if signal == SIGHUP {
                // One that comes during the start asks for what is being done.
                if let Some(reload) = reload.get() {
                    reload.lock().unwrap_or_else(PoisonError::into_inner).again();
                }
                continue;
            }
            let signal = if signal == SIGINT { "SIGINT" } else { "SIGTERM" };
            if stopping {
                tracing::warn!(signal, "stopping at once: second signal");
                // Nothing is cleaned up under the other threads, in C libraries neither.
                signal_hook::low_level::exit(super::failure::RUNTIME.into());
            }
            stopping = true;
            tracing::info!(signal, "stopping");
            stop.request();
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(watching).map_err(failed)?;
    Ok(())
}

/// A line for each shard, one for what they are together, and one for who was turned away.
fn log(statistics: &Statistics) {
    let shards = statistics.shards();
    for (shard, seen) in shards.iter().enumerate() {
        tracing::info!(
            shard,
            connections = seen.connections,
            bytes_a_second = seen.bytes_a_second,
            spare = seen.spare,
            busy_percent = seen.busy_percent,
            trains_sealed_elsewhere = seen.trains_sealed_elsewhere,
            "statistics of a shard"
        );
    }
    tracing::info!(
        connections = shards.iter().map(|shard| shard.connections).sum::<usize>(),
        bytes_a_second = shards.iter().map(|shard| shard.bytes_a_second).sum::<u64>(),
        imbalance_percent = imbalance_percent(&shards),
        "statistics"
    );
    let admission = statistics.admission();
    let refused: Vec<String> = REFUSALS
        .iter()
        .zip(admission.refused)
        .filter(|(_, count)| *count > 0)
        .map(|(cause, count)| format!("{cause}={count}"))
        .collect();
    tracing::info!(
        startups = admission.startups,
        refused = admission.refused.iter().sum::<u64>(),
        causes = refused.join(","),
        penalised_sources4 = admission.penalised_sources.0,
        penalised_sources6 = admission.penalised_sources.1,
        "statistics of admission"
    );
}
