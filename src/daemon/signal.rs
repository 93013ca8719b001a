//! SIGTERM and SIGINT: the first stops the server in order, the second at once.

use std::sync::Arc;

use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

use super::failure::Failure;
use crate::server::Stop;

/// Watches for signals on a thread of its own until the process ends.
///
/// signal-hook keeps the handler to one write into a pipe; the thread reads the other end.
pub(crate) fn watch(stop: Arc<Stop>) -> Result<(), Failure> {
    // SIGXFSZ ends a process whose write passes RLIMIT_FSIZE; handled, the write fails with EFBIG,
    // and that is one client's failure instead of everyone's.
    let failed = |error| Failure::runtime(format!("signals cannot be watched: {error}"));
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGXFSZ]).map_err(failed)?;
    let watching = move || {
        let mut stopping = false;
        for signal in signals.forever().filter(|&signal| signal != SIGXFSZ) {
            let signal = if signal == SIGINT { "SIGINT" } else { "SIGTERM" };
            if stopping {
                tracing::warn!(signal, "stopping at once: second signal");
                std::process::exit(super::failure::RUNTIME.into());
            }
            stopping = true;
            tracing::info!(signal, "stopping");
            stop.request();
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(watching).map_err(failed)?;
    Ok(())
}
