//! `logins`: sessions that log in and leave again, where keys and processes are the work.

use std::sync::atomic::{AtomicU32, Ordering};

use super::watch::watch;
use super::{CPU_PER_1000, Scenario, WALL, login};
use crate::Outcome;
use crate::arguments::Compare;
use crate::cipher::Cipher;
use crate::client;
use crate::figures::{Figure, Figures};
use crate::load;
use crate::peers::Running;
use crate::results::Ratio;
use crate::site::Site;

/// Logins at once: enough that a server always has one to do, few enough for a small machine.
const PARALLEL: usize = 4;
/// Logins before the clock runs.
const WARMING: u32 = 8;

#[derive(Clone, Copy)]
enum Client {
    OpenSsh,
    Light,
}

const CASES: [Client; 2] = [Client::OpenSsh, Client::Light];

pub(super) struct Logins {
    count: u32,
}

impl Logins {
    pub(super) fn new(compare: &Compare) -> Logins {
        Logins { count: compare.amounts.logins }
    }

    fn run(&self, site: &Site, case: usize, server: &Running, count: u32) -> Outcome<()> {
        match CASES[case] {
            Client::OpenSsh => with_openssh(site, server, count),
            Client::Light => {
                let login = login(site, server, &Cipher::default_choice())?;
                load::logins(&login, count, PARALLEL).map(|_| ())
            }
        }
    }
}

/// `sftp` with an empty batch: it logs in, starts the subsystem, and leaves.
fn with_openssh(site: &Site, server: &Running, count: u32) -> Outcome<()> {
    let begun = AtomicU32::new(0);
    let cipher = Cipher::default_choice();
    let some = || -> Outcome<()> {
        while begun.fetch_add(1, Ordering::Relaxed) < count {
            client::sftp(site, server.address(), &cipher, "", false)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..PARALLEL).map(|_| scope.spawn(some)).collect();
        for thread in threads {
            thread.join().map_err(|_| "a login panicked")??;
        }
        Ok(())
    })
}

impl Scenario for Logins {
    fn name(&self) -> &'static str {
        "logins"
    }

    fn about(&self) -> String {
        format!(
            "{} logins by publickey with the SFTP subsystem started, {PARALLEL} at a time, each \
             connection closed at once: OpenSSH's `sftp` with an empty batch, and the light \
             client. OpenSSH's has the algorithms it asks for by itself, the light one \
             curve25519-sha256 and the first cipher in common. CPU is for 1,000 logins.",
            self.count
        )
    }

    fn figures(&self) -> &'static [Figure] {
        &[Figure::CpuPer1000, Figure::Wall, Figure::Rss, Figure::Pss]
    }

    fn ratios(&self) -> &'static [Ratio] {
        &[CPU_PER_1000, WALL]
    }

    fn cases(&self) -> Vec<String> {
        let label = |client: &Client| match client {
            Client::OpenSsh => "OpenSSH's sftp".to_owned(),
            Client::Light => "light client".to_owned(),
        };
        CASES.iter().map(label).collect()
    }

    fn lay_out(&self, _site: &Site) -> Outcome<()> {
        Ok(())
    }

    fn prepare(&self, site: &Site, case: usize, server: &Running) -> Outcome<Option<String>> {
        self.run(site, case, server, WARMING.min(self.count))?;
        server.settle();
        Ok(None)
    }

    fn sample(&self, site: &Site, case: usize, server: &Running) -> Outcome<Figures> {
        let watched = watch(server, || self.run(site, case, server, self.count));
        Ok(watched?.1.with_operations(self.count))
    }
}
