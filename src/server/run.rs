//! Starting the shards, and ending with them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use rustix::io::Errno;

use super::accept::{Acceptor, Listener, Seat, listen};
use super::admission::Gate;
use super::blocking::Blocking;
use super::mailbox::Mailbox;
use super::placement::Load;
use super::sealing::Pool;
use super::settings::Settings;
use super::shard::{Parts, Shard};
use super::statistics::Statistics;
use super::stop::Stop;
use super::verdicts::VerdictThreads;
use crate::crypto::{ChaChaRandom, Random};
use crate::reactor::{DriverInfo, Reactor, ReactorError, ReactorLimits, Waker, random_seed};

/// Why a server could not start, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Standard input or output failed.
    #[error("standard {stream}: {error}")]
    Stdio {
        /// "input" or "output".
        stream: &'static str,
        /// The system's error.
        error: std::io::Error,
    },
    /// What came on standard input is not SFTP.
    #[error("this is not SFTP: {0}")]
    Broken(String),
    /// An address cannot be listened on.
    #[error(
        "cannot listen on {address}: {error}. Is another server there? Name another with --listen"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        error: Errno,
    },
    /// No reactor can be had.
    #[error(transparent)]
    Reactor(#[from] ReactorError),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
    /// A shard failed while serving.
    #[error("shard {shard} failed: {cause}")]
    Shard {
        /// Which one.
        shard: usize,
        /// The cause.
        cause: String,
    },
}

/// What is known once the server accepts connections.
pub struct Ready<'a> {
    /// The addresses it listens on.
    pub listen: &'a [SocketAddr],
    /// The driver that the reactors run on.
    pub driver: &'a DriverInfo,
    /// What the shards are doing, from now on.
    pub statistics: Statistics,
}

type Seated = (Waker, DriverInfo);

struct Started {
    thread: JoinHandle<Result<(), Errno>>,
    report: Receiver<Result<Seated, ReactorError>>,
    seat: Sender<Place>,
}

/// What a shard gets once all of them are known.
struct Place {
    mailbox: Arc<Mailbox>,
    load: Arc<Load>,
    loads: Vec<Arc<Load>>,
    acceptor: Option<Arc<Acceptor>>,
}

/// Serves until `stop` is requested. Calls `ready` once connections are accepted.
///
/// # Errors
/// [`ServerError`]: what is missing and what to do about it.
pub fn run(
    settings: Settings,
    ready: &mut dyn FnMut(&Ready<'_>),
    stop: Arc<Stop>,
) -> Result<(), ServerError> {
    let settings = Arc::new(settings);
    let listeners = settings
        .listen
        .iter()
        .map(|&address| listen(address).map_err(|error| ServerError::Listen { address, error }))
        .collect::<Result<Vec<Listener>, _>>()?;
    let addresses: Vec<SocketAddr> = listeners.iter().map(|own| own.address).collect();
    let (blocking, verdicts) = (Blocking::default(), VerdictThreads::new());
    let sealing = Pool::new(settings.crypto_threads)?;
    let mut started = Vec::new();
    let shards = settings.shards.max(1);
    for index in 0..shards + usize::from(settings.spare_shard) {
        started.push(start(index, &settings, (&blocking, &verdicts), &sealing, &stop)?);
    }
    let mut seats = Vec::new();
    let mut driver = None;
    for (index, shard) in started.iter().enumerate() {
        let (waker, info) = match shard.report.recv() {
            Ok(report) => report?,
            Err(_) => return Err(ServerError::Thread(std::io::Error::other("it ended at once"))),
        };
        stop.register(waker.clone());
        driver.get_or_insert(info);
        let load = if index < shards { Load::default() } else { Load::of_spare() };
        seats.push(Seat { load: Arc::new(load), mailbox: Arc::new(Mailbox::new(waker)) });
    }
    let loads: Vec<Arc<Load>> = seats.iter().map(|seat| seat.load.clone()).collect();
    let places: Vec<_> = seats.iter().map(|s| (s.mailbox.clone(), s.load.clone())).collect();
    let gate = Arc::new(Gate::new(settings.admission.clone(), Instant::now()));
    let statistics = Statistics::new(&loads, &gate);
    let acceptor = Arc::new(Acceptor::new(listeners, seats, settings.connections_max, gate));
    for (index, (shard, (mailbox, load))) in started.iter().zip(places).enumerate() {
        let acceptor = (index == 0).then(|| acceptor.clone());
        // A shard that ended meanwhile shows in join below.
        let _ = shard.seat.send(Place { mailbox, load, loads: loads.clone(), acceptor });
    }
    drop(acceptor);
    if let Some(driver) = &driver {
        ready(&Ready { listen: &addresses, driver, statistics });
    }
    join(started, &stop)
}

fn start(
    index: usize,
    settings: &Arc<Settings>,
    (blocking, verdicts): (&Blocking, &VerdictThreads),
    sealing: &Option<Arc<Pool>>,
    stop: &Arc<Stop>,
) -> Result<Started, ServerError> {
    let (report_to, report) = channel();
    let (seat, seated) = channel::<Place>();
    let settings = Arc::clone(settings);
    let (blocking, verdicts) = (blocking.clone(), verdicts.clone());
    let sealing = sealing.clone();
    let stop = Arc::clone(stop);
    let body = move || {
        let _guard = StopOnPanic(stop.clone());
        // The ring must be made on the thread that submits to it (SINGLE_ISSUER).
        let reactor = match Reactor::new(settings.driver, &ReactorLimits::default()) {
            Ok(reactor) => reactor,
            Err(error) => {
                let _ = report_to.send(Err(error));
                return Ok(());
            }
        };
        let _ = report_to.send(Ok((reactor.waker(), reactor.describe().clone())));
        drop(report_to);
        // No seat: another shard could not start, and the server has given up.
        let Ok(Place { mailbox, load, loads, acceptor }) = seated.recv() else { return Ok(()) };
        let parts = Parts {
            index,
            settings,
            blocking,
            verdicts,
            sealing,
            reactor,
            mailbox,
            load,
            loads,
            acceptor,
            stop: stop.clone(),
        };
        let result = Shard::new(parts).run();
        if result.is_err() {
            stop.request();
        }
        result
    };
    let thread = std::thread::Builder::new().name(format!("shard-{index}")).spawn(body)?;
    Ok(Started { thread, report, seat })
}

/// One shard that panics takes the server down, with the others seeing their peers off.
struct StopOnPanic(Arc<Stop>);

impl Drop for StopOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.request();
        }
    }
}

/// Waits for every shard; the first failure is the server's.
fn join(started: Vec<Started>, stop: &Stop) -> Result<(), ServerError> {
    let mut outcome = Ok(());
    for (shard, own) in started.into_iter().enumerate() {
        let failed = match own.thread.join() {
            Ok(Ok(())) => continue,
            Ok(Err(errno)) => format!("waiting for completions: {errno}"),
            Err(panic) => format!("it panicked: {}", words(&*panic)),
        };
        stop.request();
        if outcome.is_ok() {
            outcome = Err(ServerError::Shard { shard, cause: failed });
        }
    }
    outcome
}

fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a word")
}

/// A generator seeded by the kernel.
pub(super) fn random() -> Box<dyn Random> {
    match random_seed() {
        Ok(seed) => Box::new(ChaChaRandom::from_seed(seed)),
        // Without randomness no key is safe: nothing may go on.
        Err(_) => std::process::abort(),
    }
}

/// A number nobody can guess.
pub(super) fn random_number() -> u64 {
    let mut bytes = [0; 8];
    random().fill(&mut bytes);
    u64::from_ne_bytes(bytes)
}
