//! A stretch of time in which a server is watched.

use std::time::Instant;

use crate::Outcome;
use crate::figures::Figures;
use crate::peers::Running;

/// Runs `act` and returns what it cost the server, from before it begins until the processes of its
/// sessions have ended. Logins are part of it where `act` logs in.
pub(super) fn watch<T>(
    server: &Running,
    act: impl FnOnce() -> Outcome<T>,
) -> Outcome<(T, Figures)> {
    server.look();
    let before = server.group.cpu()?;
    let sampler = server.group.sample_memory();
    let start = Instant::now();
    let outcome = act();
    let wall_s = start.elapsed().as_secs_f64();
    let peak = sampler.stop();
    server.settle();
    let cpu = server.group.cpu()?.since(before);
    Ok((outcome?, Figures::of(wall_s, cpu, peak)))
}
