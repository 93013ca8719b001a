//! `get` and `put`: one large file by cipher, with OpenSSH's `sftp`.

use super::watch::watch;
use super::{CPU_PER_GIB, MB_PER_S, Scenario};
use crate::Outcome;
use crate::arguments::Compare;
use crate::cipher::Cipher;
use crate::client::{Direction, Transfer, upload_name};
use crate::figures::{Figure, Figures};
use crate::peers::Running;
use crate::results::Ratio;
use crate::site::{BULK, Site};

pub(super) struct Bulk {
    direction: Direction,
    ciphers: Vec<Cipher>,
    bytes: u64,
}

impl Bulk {
    pub(super) fn new(direction: Direction, compare: &Compare) -> Bulk {
        Bulk { direction, ciphers: compare.ciphers(), bytes: compare.bytes() }
    }

    fn transfer<'a>(&'a self, site: &'a Site, case: usize, server: &'a Running) -> Transfer<'a> {
        Transfer {
            site,
            server,
            address: server.address(),
            direction: self.direction,
            cipher: &self.ciphers[case],
            file: BULK,
            upload: upload_name(site),
        }
    }
}

impl Scenario for Bulk {
    fn name(&self) -> &'static str {
        self.direction.name()
    }

    fn about(&self) -> String {
        let what = match self.direction {
            Direction::Get => "download to /dev/null",
            Direction::Put => "upload to a new file, which is then removed",
        };
        let mib = self.bytes >> 20;
        format!(
            "One {what} of {mib} MiB with OpenSSH's `sftp`. An untimed pass compares each byte."
        )
    }

    fn figures(&self) -> &'static [Figure] {
        &[Figure::CpuPerGib, Figure::MbPerS, Figure::Wall, Figure::Rss, Figure::Pss]
    }

    fn ratios(&self) -> &'static [Ratio] {
        &[CPU_PER_GIB, MB_PER_S]
    }

    fn cases(&self) -> Vec<String> {
        self.ciphers.iter().map(|cipher| cipher.label.clone()).collect()
    }

    fn lay_out(&self, site: &Site) -> Outcome<()> {
        site.serve_file(BULK, self.bytes)
    }

    fn prepare(&self, site: &Site, case: usize, server: &Running) -> Outcome<Option<String>> {
        let agreed = self.transfer(site, case, server).verify()?;
        server.settle();
        Ok(self.ciphers[case].ssh_name.is_none().then_some(agreed))
    }

    fn sample(&self, site: &Site, case: usize, server: &Running) -> Outcome<Figures> {
        let transfer = self.transfer(site, case, server);
        let watched = watch(server, || transfer.run());
        transfer.clear()?;
        Ok(watched?.1.with_bytes(self.bytes))
    }
}
