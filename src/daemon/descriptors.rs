//! How many descriptors the process may have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the bound to what may be had without asking: the usual 1,024 is for programs that use
/// select(2), and each connection, open file and served folder takes one.
pub(crate) fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    // Without success the old bound stays, which is a smaller server and no failure.
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, ?current, "the bound on open files could not be raised");
    }
}
