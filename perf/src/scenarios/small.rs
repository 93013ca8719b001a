//! `small`: a folder of many small files down and up, where opening and closing is the work.

use super::watch::watch;
use super::{CPU_PER_1000, OPENSSH, Scenario};
use crate::Outcome;
use crate::arguments::Compare;
use crate::cipher::Cipher;
use crate::client::{self, Direction};
use crate::figures::{Figure, Figures};
use crate::peers::Running;
use crate::results::Ratio;
use crate::site::{self, Site};

/// Bytes of each file.
const FILE_BYTES: usize = 4096;
/// The served folder that is downloaded.
const SERVED: &str = "small";
/// The same files outside the served folder, to upload: under this name they arrive.
const OWN: &str = "small-up";
/// Where a download goes, beside the served folder.
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

    fn run(&self, site: &Site, case: usize, server: &Running) -> Outcome<()> {
        let batch = match DIRECTIONS[case] {
            Direction::Get => {
                let remote = server.remote(SERVED);
                format!("get -r {remote} {}\n", site.path(DOWNLOADED).display())
            }
            Direction::Put => {
                format!("put -r {} {}\n", site.path(OWN).display(), server.remote(OWN))
            }
        };
        let cipher = Cipher::default_choice();
        client::sftp(site, server.address(), &cipher, &batch, false).map(|_| ())
    }

    /// Makes the place that the files go to, so that each client finds the same.
    fn before(&self, site: &Site, case: usize) -> Outcome<()> {
        match DIRECTIONS[case] {
            Direction::Get => site.empty_folder(DOWNLOADED).map(|_| ()),
            // The client resolves the name before it makes the folder, which ProFTPD refuses.
            Direction::Put => Ok(std::fs::create_dir_all(site.served_file(OWN).join(OWN))?),
        }
    }

    fn after(&self, site: &Site, case: usize) -> Outcome<()> {
        Ok(match DIRECTIONS[case] {
            Direction::Get => std::fs::remove_dir_all(site.path(DOWNLOADED)),
            Direction::Put => std::fs::remove_dir_all(site.served_file(OWN)),
        }?)
    }

    fn compare(&self, site: &Site, case: usize) -> Outcome<()> {
        // `get -r` and `put -r` put the folder into one that is there already.
        let (sent, arrived) = match DIRECTIONS[case] {
            Direction::Get => (site.served_file(SERVED), site.path(DOWNLOADED).join(SERVED)),
            Direction::Put => (site.path(OWN), site.served_file(OWN).join(OWN)),
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

impl Scenario for Small {
    fn name(&self) -> &'static str {
        "small"
    }

    fn about(&self) -> String {
        let (files, kib) = (self.files, FILE_BYTES >> 10);
        format!(
            "A folder of {files} files of {kib} KiB with OpenSSH's `sftp`, default cipher: `get \
             -r` to a folder of the same disk, `put -r`; what arrives is then removed. CPU is for \
             1,000 files."
        )
    }

    fn figures(&self) -> &'static [Figure] {
        &[Figure::CpuPer1000, Figure::Wall, Figure::Rss, Figure::Pss]
    }

    fn ratios(&self) -> &'static [Ratio] {
        const WALL: Ratio =
            Ratio { title: "wall x OpenSSH", figure: Figure::Wall, baseline: OPENSSH };
        &[CPU_PER_1000, WALL]
    }

    fn cases(&self) -> Vec<String> {
        DIRECTIONS.iter().map(|direction| format!("{} -r", direction.name())).collect()
    }

    fn lay_out(&self, site: &Site) -> Outcome<()> {
        std::fs::create_dir_all(site.served_file(SERVED))?;
        site.empty_folder(OWN)?;
        for number in 0..self.files {
            // Each its own, so that two that were mixed up are found.
            let bytes = site::random_bytes(number.into(), FILE_BYTES);
            let name = format!("file-{number:05}");
            std::fs::write(site.served_file(SERVED).join(&name), &bytes)?;
            std::fs::write(site.path(OWN).join(&name), &bytes)?;
        }
        // Nothing of this is to be written back while somebody is measured.
        rustix::fs::sync();
        Ok(())
    }

    fn prepare(&self, site: &Site, case: usize, server: &Running) -> Outcome<Option<String>> {
        self.before(site, case)?;
        let compared = self.run(site, case, server).and_then(|()| self.compare(site, case));
        server.settle();
        self.after(site, case)?;
        compared.map(|()| None)
    }

    fn sample(&self, site: &Site, case: usize, server: &Running) -> Outcome<Figures> {
        self.before(site, case)?;
        let watched = watch(server, || self.run(site, case, server));
        self.after(site, case)?;
        Ok(watched?.1.with_operations(self.files))
    }
}
