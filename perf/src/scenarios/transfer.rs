//! `get` and `put`: one large file by cipher, with OpenSSH's `sftp`; `scp-get` and `scp-put`: the
//! same with its `scp -O`.

use super::watch::watch;
use super::{CPU_PER_GIB, Contestant, MB_PER_S, Scenario};
use crate::Outcome;
use crate::arguments::Compare;
use crate::cipher::Cipher;
use crate::client::{Direction, Program, Transfer, upload_name};
use crate::figures::{Figure, Figures};
use crate::peers::Running;
use crate::results::Ratio;
use crate::site::{BULK, Site};

/// The server here that knows no scp.
const WITHOUT_SCP: &str = "rclone";

pub(super) struct Bulk {
    program: Program,
    direction: Direction,
    ciphers: Vec<Cipher>,
    bytes: u64,
}

impl Bulk {
    pub(super) fn new(program: Program, direction: Direction, compare: &Compare) -> Bulk {
        let ciphers = match program {
            Program::Sftp => compare.ciphers(),
            Program::Scp => compare.ciphers_or(&["aes128-gcm", "default"]),
        };
        Bulk { program, direction, ciphers, bytes: compare.bytes() }
    }

    fn transfer<'a>(&'a self, site: &'a Site, case: usize, server: &'a Running) -> Transfer<'a> {
        Transfer {
            site,
            server,
            address: server.address(),
            program: self.program,
            direction: self.direction,
            cipher: &self.ciphers[case],
            file: BULK,
            upload: upload_name(site),
        }
    }
}

impl Scenario for Bulk {
    fn name(&self) -> &'static str {
        match (self.program, self.direction) {
            (Program::Sftp, direction) => direction.name(),
            (Program::Scp, Direction::Get) => "scp-get",
            (Program::Scp, Direction::Put) => "scp-put",
        }
    }

    fn about(&self) -> String {
        let what = match self.direction {
            Direction::Get => "download to /dev/null",
            Direction::Put => "upload to a new file (which is then removed)",
        };
        let mib = self.bytes >> 20;
        let program = self.program.name();
        format!(
            "One {what} of {mib} MiB with OpenSSH's `{program}`. An untimed pass compares each \
             byte."
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

    fn spared(&self, _case: usize, contestant: &Contestant) -> Option<String> {
        let lacks = self.program == Program::Scp && contestant.name == WITHOUT_SCP;
        lacks.then(|| format!("{WITHOUT_SCP} serves no scp"))
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::Arguments;

    fn bulk(program: Program, direction: Direction, words: &[&str]) -> Bulk {
        let line = ["perf", "--size", "64M"].iter().chain(words);
        Bulk::new(program, direction, &Arguments::try_parse_from(line).unwrap().compare)
    }

    #[test]
    fn scp_takes_two_ciphers_unless_told() {
        let gets = bulk(Program::Scp, Direction::Get, &[]);
        assert_eq!(
            (gets.name(), gets.cases()),
            ("scp-get", vec!["aes128-gcm".into(), "default".into()])
        );
        let puts = bulk(Program::Scp, Direction::Put, &["--ciphers", "aes256-gcm"]);
        assert_eq!((puts.name(), puts.cases()), ("scp-put", vec!["aes256-gcm".into()]));
        assert!(puts.about().contains("64 MiB with OpenSSH's `scp -O`."), "{}", puts.about());
        let sftp = bulk(Program::Sftp, Direction::Put, &[]);
        assert_eq!((sftp.name(), sftp.cases().len()), ("put", 5));
        assert!(sftp.about().contains("OpenSSH's `sftp`."), "{}", sftp.about());
    }
}
