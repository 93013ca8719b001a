//! Stands in for `crate::server` until it is joined; then this file goes, and those who name it
//! name the real one.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::auth::Authenticator;
use crate::reactor::DriverChoice;
use crate::ssh::ServerConfig;

pub(crate) struct Settings {
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) root: PathBuf,
    pub(crate) read_only: bool,
    pub(crate) shards: usize,
    pub(crate) driver: DriverChoice,
    pub(crate) ssh: Arc<ServerConfig>,
    pub(crate) auth: Arc<dyn Authenticator>,
    pub(crate) connections_max: usize,
    pub(crate) idle_timeout: Option<Duration>,
}

#[derive(Default)]
pub(crate) struct Stop {
    asked: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn stop(&self) {
        if let Ok(mut asked) = self.asked.lock() {
            *asked = true;
        }
        self.changed.notify_all();
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    #[error("listen {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
}

pub(crate) fn run(
    settings: Settings,
    ready: &mut dyn FnMut(&[SocketAddr]),
    stop: Arc<Stop>,
) -> Result<(), ServerError> {
    let bind = |address: &SocketAddr| {
        let listener = TcpListener::bind(address).map_err(|e| ServerError::Listen(*address, e))?;
        let bound = listener.local_addr().map_err(|e| ServerError::Listen(*address, e))?;
        Ok((listener, bound))
    };
    let bound: Vec<_> = settings.listen.iter().map(bind).collect::<Result<_, _>>()?;
    ready(&bound.iter().map(|(_, address)| *address).collect::<Vec<_>>());
    let Ok(mut asked) = stop.asked.lock() else { return Ok(()) };
    while !*asked {
        let Ok(next) = stop.changed.wait(asked) else { return Ok(()) };
        asked = next;
    }
    drop((settings.root, settings.read_only, settings.shards, settings.driver, settings.ssh));
    drop((settings.auth, settings.connections_max, settings.idle_timeout));
    Ok(())
}
