//! Four threads swap directories, links and files for one another while a million operations go
//! through those names: nothing outside the mounted folders is read, listed, written or changed,
//! and no answer says where they are on the host.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "racer/scene.rs"]
mod scene;

use std::collections::HashSet;
use std::io::IoSlice;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use ringferry::reactor::fs::{Change, Metadata, OpenHow, Spot, View};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use scene::{SECRET, Scene, portrait};

const OPERATIONS: usize = 1_000_000;

/// Everything that is done with one path; `KINDS` is how many.
#[derive(Clone, Copy)]
struct Act {
    kind: usize,
    /// What makes this operation differ from the last of its kind.
    turn: usize,
}

const KINDS: usize = 19;

/// Paths into what is swapped, in both folders and from one into the other.
const DOORS: [&str; 14] = [
    "/door",
    "/door/sub",
    "/m/door",
    "/m/door/sub/../sub",
    "/to-m",
    "/to-m/sub",
    "/m/to-top",
    "/m/to-top/sub",
    "/door/../door",
    "/m/../door/sub",
    "/chain",
    "/chain/sub",
    "/real/sub",
    "m/../m/door",
];

/// The client: what it is told is held against what it must not learn.
struct Client<'a> {
    view: &'a View,
    /// Where the folders are on the host.
    hosts: Vec<Vec<u8>>,
    /// Filesystem and inode of everything outside.
    outside: HashSet<(u64, u64)>,
}

impl<'a> Client<'a> {
    /// An answer that a client would see.
    fn told(&self, text: &[u8]) {
        for host in &self.hosts {
            let leaks = text.windows(host.len()).any(|part| part == host.as_slice());
            assert!(!leaks, "the host's path was told: {}", text.escape_ascii());
        }
    }

    fn looked_at(&self, metadata: &Metadata) {
        assert!(!self.outside.contains(&metadata.id()), "something of the outside was looked at");
    }

    fn find(&self, path: &str, follow: bool) -> Option<Spot<'a>> {
        let spot = self.view.find(path.as_bytes(), follow).ok()?;
        self.told(spot.path());
        if let Some(metadata) = spot.metadata() {
            self.looked_at(metadata);
        }
        Some(spot)
    }

    fn read(&self, spot: &Spot<'_>) -> bool {
        let Ok(file) = spot.open_file(OpenHow { read: true, ..OpenHow::default() }) else {
            return false;
        };
        let mut bytes = [0; 64];
        let count = file.read_at(&mut bytes, 0).unwrap_or(0);
        assert!(!bytes[..count].starts_with(SECRET), "a file of the outside was read");
        true
    }

    fn write(&self, spot: &Spot<'_>) -> bool {
        let how = OpenHow {
            write: true,
            create: true,
            truncate: true,
            mode: 0o644,
            ..OpenHow::default()
        };
        spot.open_file(how).is_ok_and(|file| file.write_at(&[IoSlice::new(b"written")], 0).is_ok())
    }

    fn make(&self, path: &str) -> bool {
        let how = OpenHow { write: true, mode: 0o644, ..OpenHow::default() };
        let Some(vacancy) = self.view.vacancy(path.as_bytes()) else { return false };
        let Ok((file, metadata)) = vacancy.make(how) else { return false };
        self.looked_at(&metadata);
        file.write_at(&[IoSlice::new(b"made")], 0).is_ok()
    }

    fn list(&self, spot: &Spot<'_>) -> bool {
        let Ok(mut dir) = spot.open_dir() else { return false };
        let mut entries = Vec::new();
        while dir.next_entries(100, &mut entries).unwrap_or(false) {}
        for entry in &entries {
            assert_ne!(entry.name, b"secret", "a directory of the outside was listed");
            self.told(&entry.name);
            self.looked_at(&entry.metadata);
        }
        true
    }

    /// One operation; whether it got through.
    fn operate(&self, act: Act) -> bool {
        let door = DOORS[act.turn % DOORS.len()];
        let other = DOORS[act.turn / 7 % DOORS.len()];
        let at = |name: &str, follow| self.find(&format!("{door}/{name}"), follow);
        let beside = |name: &str| self.find(&format!("{other}/{name}"), false);
        match act.kind {
            0 => at("f", true).is_some_and(|spot| self.read(&spot)),
            1 => at(if act.turn.is_multiple_of(3) { "made" } else { "f" }, true)
                .is_some_and(|spot| self.write(&spot)),
            // After a write that found nothing: see View::vacancy.
            2 => {
                let _ = at("vacant", false).map(|spot| spot.unlink());
                self.make(&format!("{door}/vacant"))
            }
            3 => self.find(door, true).is_some_and(|spot| self.list(&spot)),
            4 => self.find(door, act.turn.is_multiple_of(2)).is_some(),
            5 => at("dir", false).is_some_and(|spot| spot.mkdir(0o755).is_ok()),
            6 => at("dir", false).is_some_and(|spot| spot.rmdir().is_ok()),
            7 => at("made", false).is_some_and(|spot| spot.unlink().is_ok()),
            8 => at("f", false).zip(beside("f2")).is_some_and(|(a, b)| a.rename_over(&b).is_ok()),
            9 => at("f2", false)
                .zip(beside("f"))
                .is_some_and(|(a, b)| a.rename_exclusive(&b).is_ok()),
            10 => at("f", false).zip(self.find("/stolen", false)).is_some_and(|(from, to)| {
                let done = from.hard_link(&to).is_ok();
                done && self.find("/stolen", false).is_some_and(|spot| self.taken(&spot))
            }),
            11 => at("link", false).is_some_and(|spot| spot.symlink(b"/door/f").is_ok()),
            12 => at("link", false).is_some_and(|spot| {
                let text = spot.read_link();
                text.iter().for_each(|text| self.told(text));
                spot.unlink().is_ok() && text.is_ok()
            }),
            13 => self.find(door, false).is_some_and(|spot| {
                spot.read_link().is_ok_and(|text| {
                    self.told(&text);
                    true
                })
            }),
            14 => at("f", true).is_some_and(|spot| spot.set_stat(&CHANGE).is_ok()),
            15 => self.find(door, true).is_some_and(|spot| spot.set_stat(&CHANGE_DIR).is_ok()),
            16 => self.find("/swapped", true).is_some_and(|spot| self.read(&spot)),
            17 => self.find("/swapped", true).is_some_and(|spot| self.write(&spot)),
            _ => self.find(door, true).is_some_and(|spot| spot.space().is_ok()),
        }
    }

    /// What was linked in is the client's to take away again, and was never anybody else's.
    fn taken(&self, spot: &Spot<'_>) -> bool {
        self.read(spot);
        spot.unlink().is_ok()
    }
}

const CHANGE: Change =
    Change { size: Some(20), mode: Some(0o640), owner: None, times: Some((1, 1)) };
const CHANGE_DIR: Change =
    Change { size: None, mode: Some(0o700), owner: Some((0, 0)), times: Some((2, 2)) };

/// Exchanges `one` with each of `others` and back, until told to stop.
fn swap(scene: &Scene, one: &str, others: &[&str], over: &AtomicBool, swaps: &AtomicU64) {
    while !over.load(Ordering::Relaxed) {
        for other in others {
            for _ in 0..2 {
                let (one, other) = (scene.path(one), scene.path(other));
                // What operations rename away in between is not there to be swapped.
                if renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).is_ok() {
                    swaps.fetch_add(1, Ordering::Relaxed);
                }
                // Four such loops would leave the operations next to no time on two cores.
                std::thread::yield_now();
            }
        }
    }
}

/// What each of the four threads swaps: a name, and what it is in turn.
const SWAPS: [(&str, &[&str]); 4] = [
    ("top/door", &["top/absolute", "top/relative", "top/magic", "top/other-dir"]),
    ("mount/door", &["mount/absolute", "mount/relative", "mount/magic", "mount/host-top"]),
    ("top/real/sub", &["top/sub-absolute", "top/sub-relative", "top/sub-magic", "top/file"]),
    ("top/swapped", &["top/file-absolute", "top/file-relative", "top/file-magic", "top/file2"]),
];

#[test]
fn nothing_outside_is_reached_while_four_threads_swap_what_paths_lead_through() {
    let scene = Scene::new();
    let before = portrait(&scene.path("outside"));
    let view = scene.view();
    let client = Client { view: &view, hosts: scene.host_paths(), outside: scene.outside_ids() };
    let (over, start) = (AtomicBool::new(false), Instant::now());
    let swaps: [AtomicU64; 4] = Default::default();
    let mut through = [0; KINDS];
    std::thread::scope(|threads| {
        for ((one, others), swaps) in SWAPS.into_iter().zip(&swaps) {
            let (scene, over) = (&scene, &over);
            threads.spawn(move || swap(scene, one, others, over, swaps));
        }
        let body = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for step in 0..OPERATIONS {
                let act = Act { kind: step % KINDS, turn: step / KINDS };
                through[act.kind] += usize::from(client.operate(act));
            }
        }));
        over.store(true, Ordering::Relaxed);
        if let Err(panic) = body {
            std::panic::resume_unwind(panic);
        }
    });
    let swaps = swaps.map(AtomicU64::into_inner);
    println!("{:?}, {swaps:?} swaps, got through by kind: {through:?}", start.elapsed());
    assert_eq!(portrait(&scene.path("outside")), before, "something outside was changed");
    // Without these the test could pass by never racing or never getting through.
    assert!(swaps.iter().all(|swaps| *swaps > 10_000), "a racer hardly ran: {swaps:?}");
    let rare = OPERATIONS / KINDS / 50;
    assert!(through.iter().all(|count| *count > rare), "hardly got through: {through:?}");
}
