//! `small`: a folder of many small files down and up, where opening and closing is the work.
//!
//! The invariant: nothing is deleted while the site stands, and no name is used twice. ext4 passes
//! over inodes that were deleted in the last minutes one by one, so thousands of deletions would
//! slow down whoever makes files next; and a server may keep the names of a folder in memory.

use std::path::PathBuf;
use std::rc::Rc;

use super::watch::watch;
use super::{CPU_PER_1000, Contestant, Scenario, WALL, as_they_are};
use crate::Outcome;
use crate::arguments::Compare;
use crate::cipher::Cipher;
use crate::client::{self, Direction};
use crate::figures::{Figure, Figures};
use crate::load::{FilesRun, ceiling_files};
use crate::peers::{CEILING, CeilingFiles, Peer, Running};
use crate::results::{Baseline, Ratio};
use crate::site::{self, Site};

/// Bytes of each file.
const FILE_BYTES: usize = 4096;
/// The served folder that is downloaded.
const SERVED: &str = "small";
/// The same files outside the served folder, to upload.
const OWN: &str = "small-own";
/// What a sample's folder is called, with its number behind it: in the served one, and beside it.
const UPLOADED: &str = "small-up";
const DOWNLOADED: &str = "small-down";
/// In the order of the cases.
const DIRECTIONS: [Direction; 2] = [Direction::Get, Direction::Put];

pub(super) struct Small {
    files: u32,
}

impl Small {
    pub(super) fn new(compare: &Compare) -> Small {
        Small { files: compare.amounts.small_files }
    }

    fn sftp(site: &Site, server: &Running, batch: &str) -> Outcome<()> {
        let cipher = Cipher::default_choice();
        client::sftp(site, server.address(), &cipher, batch, false).map(|_| ())
    }

    /// Makes a place for the files of one sample, and returns its name.
    fn place(site: &Site, case: usize, server: &Running) -> Outcome<String> {
        let number = site.number();
        match DIRECTIONS[case] {
            Direction::Get => {
                let name = format!("{DOWNLOADED}.{number}");
                std::fs::create_dir(site.path(&name))?;
                Ok(name)
            }
            Direction::Put => {
                let name = format!("{UPLOADED}.{number}");
                if server.name == CEILING {
                    std::fs::create_dir_all(site.served_file(&name).join(OWN))?;
                    return Ok(name);
                }
                let remote = server.remote(&name);
                // By the server, which may not look for folders that others make. The inner one is
                // there because the client resolves its name before it makes it, which ProFTPD
                // refuses.
                Self::sftp(site, server, &format!("mkdir {remote}\nmkdir {remote}/{OWN}\n"))?;
                server.settle();
                Ok(name)
            }
        }
    }

    fn run(&self, site: &Site, case: usize, server: &Running, place: &str) -> Outcome<()> {
        if server.name == CEILING {
            return self.run_bare(site, case, server, place);
        }
        let batch = match DIRECTIONS[case] {
            Direction::Get => {
                let remote = server.remote(SERVED);
                format!("get -r {remote} {}\n", site.path(place).display())
            }
            Direction::Put => {
                format!("put -r {} {}\n", site.path(OWN).display(), server.remote(place))
            }
        };
        Self::sftp(site, server, &batch)
    }

    /// The same files to the same places, by the bare loop.
    fn run_bare(&self, site: &Site, case: usize, server: &Running, place: &str) -> Outcome<()> {
        let direction = DIRECTIONS[case];
        let (local, remote) = match direction {
            Direction::Get => {
                let local = site.path(place).join(SERVED);
                std::fs::create_dir(&local)?;
                (local, SERVED.to_owned())
            }
            Direction::Put => (site.path(OWN), format!("{place}/{OWN}")),
        };
        let names = (0..self.files).map(file_name).collect();
        ceiling_files(&FilesRun { address: server.address(), direction, names, local, remote })
    }

    fn compare(site: &Site, case: usize, place: &str) -> Outcome<()> {
        // `get -r` and `put -r` put the folder into one that is there already.
        let (sent, arrived): (PathBuf, PathBuf) = match DIRECTIONS[case] {
            Direction::Get => (site.served_file(SERVED), site.path(place).join(SERVED)),
            Direction::Put => (site.path(OWN), site.served_file(place).join(OWN)),
        };
        let (expected, count) = (site::count_files(&sent)?, site::count_files(&arrived)?);
        if count != expected {
            return Err(format!("{count} of {expected} files arrived").into());
        }
        for entry in std::fs::read_dir(&sent)? {
            let entry = entry?;
            site::expect_same(&entry.path(), &arrived.join(entry.file_name()))?;
        }
        Ok(())
    }
}

fn file_name(number: u32) -> String {
    format!("file-{number:05}")
}

impl Scenario for Small {
    fn name(&self) -> &'static str {
        "small"
    }

    fn about(&self) -> String {
        let (files, kib) = (self.files, FILE_BYTES >> 10);
        format!(
            "A folder of {files} files of {kib} KiB with OpenSSH's `sftp`, default cipher: `get \
             -r` to a folder of the same disk, `put -r`. Every sample has a new folder, and \
             nothing is deleted before all are done, as ext4 is slow to make files for minutes \
             after many were deleted; what a sample wrote is on the disk before the next \
             begins. CPU is for 1,000 files. `{CEILING}` is no server but a bare loop: it \
             receives a request of 64 bytes, makes the system calls it cannot do without (OPEN, \
             READ until nothing comes, CLOSE; OPEN, WRITE, CLOSE) and sends an answer, with no \
             cipher and no protocol, to a client that asks in the same order and through a \
             second process, as `sftp` does through `ssh`."
        )
    }

    fn figures(&self) -> &'static [Figure] {
        &[Figure::CpuPer1000, Figure::Wall, Figure::Rss, Figure::Pss]
    }

    fn ratios(&self) -> &'static [Ratio] {
        const BARE: Ratio = Ratio {
            title: "CPU x ceiling",
            figure: Figure::CpuPer1000,
            baseline: Baseline::Server(CEILING),
        };
        &[CPU_PER_1000, WALL, BARE]
    }

    fn cases(&self) -> Vec<String> {
        DIRECTIONS.iter().map(|direction| format!("{} -r", direction.name())).collect()
    }

    fn contestants(&self, peers: &[Rc<dyn Peer>]) -> Outcome<Vec<Contestant>> {
        let mut contestants = as_they_are(peers);
        contestants.extend(as_they_are(&[Rc::new(CeilingFiles) as Rc<dyn Peer>]));
        Ok(contestants)
    }

    fn lay_out(&self, site: &Site) -> Outcome<()> {
        std::fs::create_dir_all(site.served_file(SERVED))?;
        std::fs::create_dir(site.path(OWN))?;
        for number in 0..self.files {
            // Each its own, so that two that were mixed up are found.
            let bytes = site::random_bytes(number.into(), FILE_BYTES);
            let name = file_name(number);
            std::fs::write(site.served_file(SERVED).join(&name), &bytes)?;
            std::fs::write(site.path(OWN).join(&name), &bytes)?;
        }
        // Nothing of this is to be written back while somebody is measured.
        rustix::fs::sync();
        Ok(())
    }

    fn prepare(&self, site: &Site, case: usize, server: &Running) -> Outcome<Option<String>> {
        let place = Self::place(site, case, server)?;
        let ran = self.run(site, case, server, &place);
        server.settle();
        ran?;
        Self::compare(site, case, &place)?;
        rustix::fs::sync();
        Ok(None)
    }

    fn sample(&self, site: &Site, case: usize, server: &Running) -> Outcome<Figures> {
        let place = Self::place(site, case, server)?;
        let watched = watch(server, || self.run(site, case, server, &place));
        // Off the clock: the next one is not to pay for what this one left to be written.
        rustix::fs::sync();
        Ok(watched?.1.with_operations(self.files))
    }
}
