//! Which cores servers and clients run on, where the scheduler is not to choose. What small files
//! cost depends on whether they share one: a server's time differs by half between runs.

use std::str::FromStr;

use rustix::thread::{CpuSet, sched_setaffinity};

use crate::Outcome;

/// A core for all servers and one for all clients; the same for both is allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cores {
    server: usize,
    client: usize,
}

impl FromStr for Cores {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let core = |number: &str| number.parse().ok().filter(|&core| core < CpuSet::MAX_CPU);
        let both = text.split_once(':').and_then(|(s, c)| Some((core(s)?, core(c)?)));
        let (server, client) = both.ok_or_else(|| format!("{text:?}: two cores, such as 0:1"))?;
        Ok(Self { server, client })
    }
}

impl Cores {
    /// This thread, and the threads and processes that it starts, are clients' from here on.
    pub(crate) fn be_client(self) -> Outcome<()> {
        go_to(self.client)
    }

    /// Starts what serves: what it starts stays on the servers' core, this thread does not.
    pub(crate) fn start_server<T>(self, start: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        go_to(self.server)?;
        let started = start();
        self.be_client()?;
        started
    }
}

fn go_to(core: usize) -> Outcome<()> {
    let mut only = CpuSet::new();
    only.set(core);
    sched_setaffinity(None, &only).map_err(|error| {
        format!("--cores: this process cannot run on core {core}: {error}; see taskset -p $$")
            .into()
    })
}

#[cfg(test)]
mod tests {
    use rustix::thread::sched_getaffinity;

    use super::*;

    fn mine() -> Vec<usize> {
        let set = sched_getaffinity(None).unwrap();
        (0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect()
    }

    #[test]
    fn two_cores_are_named() {
        assert_eq!("0:1".parse(), Ok(Cores { server: 0, client: 1 }));
        assert_eq!("3:3".parse(), Ok(Cores { server: 3, client: 3 }));
        for wrong in ["", "0", "0:", "0,1", "0:1:2", "-1:0", "0:99999"] {
            assert!(wrong.parse::<Cores>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_server_is_started_on_its_core_and_its_clients_on_theirs() {
        let all = mine();
        let (server, client) = (all[0], all[all.len() - 1]);
        let there = std::thread::spawn(move || {
            let cores = Cores { server, client };
            cores.be_client().unwrap();
            assert_eq!(mine(), [client]);
            let of_server = cores.start_server(|| Ok(std::thread::spawn(mine))).unwrap();
            assert_eq!((of_server.join().unwrap(), mine()), (vec![server], vec![client]));
            assert!(cores.start_server::<()>(|| Err("it fails".into())).is_err());
            assert_eq!(mine(), [client], "also when it did not start");
        });
        there.join().unwrap();
        assert_eq!(mine(), all, "other threads are left alone");
    }

    #[test]
    fn a_core_that_is_not_there_is_said() {
        let error = std::thread::spawn(|| go_to(CpuSet::MAX_CPU - 1).unwrap_err().to_string());
        let error = error.join().unwrap();
        assert!(error.contains("core 1023"), "{error}");
    }
}
