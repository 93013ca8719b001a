//! Bytes and names, counted: two handles, failures, unlinked files, and many threads.

use std::thread;

use proptest::prelude::*;

use super::*;

const FILE: FileId = (1, 10);
const OTHER: FileId = (1, 11);

fn ledger(bytes_max: u64) -> Ledger {
    Ledger::new(Some(bytes_max), Some(3), Usage::default())
}

fn bytes(ledger: &Ledger) -> u64 {
    ledger.usage().bytes
}

#[test]
fn bytes_are_counted_before_they_are_written() {
    let ledger = ledger(100);
    ledger.open(FILE, || 0);
    ledger.open(OTHER, || 0);
    assert_eq!(ledger.grow(FILE, 60), Ok(()));
    assert_eq!(ledger.grow(OTHER, 41), Err(OverQuota::Bytes));
    assert_eq!((bytes(&ledger), ledger.bytes_left()), (60, Some(40)));
    assert_eq!(ledger.grow(OTHER, 40), Ok(()));
    assert_eq!(ledger.grow(FILE, 60), Ok(()), "what is there may be written again");
    assert_eq!(ledger.grow(FILE, 10), Ok(()));
    assert_eq!(ledger.append(FILE, 1), Err(OverQuota::Bytes));
    assert_eq!(bytes(&ledger), 100);
}

#[test]
fn two_handles_on_one_file_count_once() {
    let ledger = ledger(100);
    ledger.open(FILE, || 0);
    ledger.grow(FILE, 50).unwrap();
    // The second handle sees less on disk than is under way.
    ledger.open(FILE, || 20);
    ledger.append(FILE, 10).unwrap();
    assert_eq!(bytes(&ledger), 60);
    ledger.close(FILE, || Some(60));
    assert_eq!(bytes(&ledger), 60);
    ledger.grow(FILE, 70).unwrap();
    ledger.close(FILE, || Some(70));
    assert_eq!(bytes(&ledger), 70);
}

#[test]
fn what_failed_is_given_back() {
    let ledger = ledger(100);
    ledger.open(FILE, || 0);
    ledger.grow(FILE, 80).unwrap();
    ledger.failed(FILE, 30);
    assert_eq!(bytes(&ledger), 30);
    ledger.open(FILE, || 30);
    ledger.grow(FILE, 90).unwrap();
    ledger.failed(FILE, 30);
    assert_eq!(bytes(&ledger), 90, "the other handle's writes may be under way");
    ledger.close(FILE, || Some(30));
    assert_eq!(bytes(&ledger), 90);
    ledger.close(FILE, || Some(35));
    assert_eq!(bytes(&ledger), 35);
    ledger.close(FILE, || Some(35));
    assert_eq!(bytes(&ledger), 35, "a close too many counts nothing");
}

#[test]
fn a_file_unlinked_while_open_is_given_back_at_its_last_close() {
    let ledger = ledger(100);
    ledger.made().unwrap();
    ledger.open(FILE, || 0);
    ledger.open(FILE, || 0);
    ledger.grow(FILE, 40).unwrap();
    ledger.unlinked(FILE, 40, true);
    assert_eq!(ledger.usage(), Usage { bytes: 40, files: 0 });
    ledger.grow(FILE, 50).unwrap();
    ledger.close(FILE, || Some(50));
    assert_eq!(bytes(&ledger), 50);
    ledger.close(FILE, || Some(50));
    assert_eq!(bytes(&ledger), 0);
}

#[test]
fn a_file_keeps_its_bytes_until_its_last_name_goes() {
    let ledger = Ledger::new(None, None, Usage { bytes: 40, files: 2 });
    ledger.unlinked(FILE, 40, false);
    assert_eq!(ledger.usage(), Usage { bytes: 40, files: 1 });
    ledger.unlinked(FILE, 40, true);
    assert_eq!(ledger.usage(), Usage::default());
    ledger.unlinked(FILE, 40, true);
    assert_eq!(ledger.usage(), Usage::default(), "never below nothing");
}

#[test]
fn sizes_change_by_handle_and_by_path() {
    let ledger = Ledger::new(Some(100), None, Usage { bytes: 60, files: 2 });
    ledger.open(FILE, || 40);
    assert_eq!(ledger.set_size(FILE, 81), Err(OverQuota::Bytes));
    assert_eq!(ledger.set_size(FILE, 10), Ok(()));
    assert_eq!(bytes(&ledger), 30);
    // By path: entered for as long as that takes, with what the disk says unless it is open.
    ledger.open(FILE, || panic!("it is open"));
    assert_eq!(ledger.set_size(FILE, 50), Ok(()));
    ledger.close(FILE, || panic!("it still is"));
    assert_eq!(bytes(&ledger), 70);
    ledger.open(OTHER, || 20);
    assert_eq!(ledger.set_size(OTHER, 51), Err(OverQuota::Bytes));
    assert_eq!(ledger.set_size(OTHER, 50), Ok(()));
    ledger.close(OTHER, || Some(50));
    assert_eq!(bytes(&ledger), 100);
}

#[test]
fn a_size_that_cannot_be_told_stays_what_was_counted() {
    let ledger = ledger(100);
    ledger.open(FILE, || 0);
    ledger.grow(FILE, 30).unwrap();
    ledger.close(FILE, || None);
    assert_eq!(bytes(&ledger), 30);
}

/// Two sessions empty the same file at once: it is counted off once.
#[test]
fn a_file_emptied_twice_at_once_is_counted_off_once() {
    let ledger = Ledger::new(Some(100), None, Usage { bytes: 90, files: 2 });
    ledger.open(FILE, || 40);
    ledger.open(FILE, || 40);
    for _ in 0..2 {
        ledger.set_size(FILE, 0).unwrap();
    }
    ledger.close(FILE, || Some(0));
    ledger.close(FILE, || Some(0));
    assert_eq!(bytes(&ledger), 50);
}

#[test]
fn a_user_over_his_quota_may_still_shrink() {
    let ledger = Ledger::new(Some(10), Some(1), Usage { bytes: 50, files: 5 });
    ledger.open(FILE, || 50);
    assert_eq!(ledger.grow(FILE, 51), Err(OverQuota::Bytes));
    assert_eq!(ledger.grow(FILE, 50), Ok(()));
    assert_eq!(ledger.set_size(FILE, 49), Ok(()));
    assert_eq!((ledger.bytes_left(), ledger.files_left()), (Some(0), Some(0)));
    assert_eq!(ledger.made(), Err(OverQuota::Files));
}

#[test]
fn names_are_counted() {
    let ledger = ledger(0);
    for _ in 0..3 {
        ledger.made().unwrap();
    }
    assert_eq!(ledger.made(), Err(OverQuota::Files));
    assert_eq!(ledger.files_left(), Some(0));
    ledger.removed();
    assert_eq!(ledger.made(), Ok(()));
    assert_eq!(ledger.usage().files, 3);
}

#[test]
fn without_bounds_nothing_is_refused_and_everything_is_counted() {
    let ledger = Ledger::new(None, None, Usage::default());
    ledger.open(FILE, || 0);
    ledger.grow(FILE, u64::MAX).unwrap();
    ledger.open(OTHER, || 0);
    ledger.grow(OTHER, 5).unwrap();
    assert_eq!((bytes(&ledger), ledger.bytes_left()), (u64::MAX, None));
    assert_eq!(ledger.made(), Ok(()));
}

#[test]
fn sessions_on_many_threads_never_take_more_than_there_is() {
    let ledger = Ledger::new(Some(1000), Some(50), Usage::default());
    let taken: u64 = thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|worker| {
                let ledger = &ledger;
                scope.spawn(move || {
                    let id = (9, worker);
                    ledger.open(id, || 0);
                    let fitted = (0..500).filter(|_| ledger.append(id, 1).is_ok()).count() as u64;
                    let names = (0..50).filter(|_| ledger.made().is_ok()).count();
                    assert!(ledger.usage().bytes <= 1000 && ledger.usage().files <= 50);
                    (0..names).for_each(|_| ledger.removed());
                    ledger.close(id, || Some(fitted));
                    fitted
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert_eq!(taken, 1000);
    assert_eq!(ledger.usage(), Usage { bytes: 1000, files: 0 });
}

/// One step of a user's session on one of three files.
#[derive(Clone, Copy, Debug)]
enum Step {
    Open(usize),
    Grow(usize, u64),
    Append(usize, u64),
    SetSize(usize, u64),
    Close(usize),
}

fn steps() -> impl Strategy<Value = Step> {
    let file = 0..3_usize;
    prop_oneof![
        file.clone().prop_map(Step::Open),
        (file.clone(), 0..200_u64).prop_map(|(file, end)| Step::Grow(file, end)),
        (file.clone(), 0..50_u64).prop_map(|(file, len)| Step::Append(file, len)),
        (file.clone(), 0..200_u64).prop_map(|(file, size)| Step::SetSize(file, size)),
        file.prop_map(Step::Close),
    ]
}

proptest! {
    /// When every step that is admitted is carried out, the count is the sum of the sizes.
    #[test]
    fn the_count_is_the_sum_of_the_sizes(script in proptest::collection::vec(steps(), 0..60)) {
        let ledger = Ledger::new(Some(300), None, Usage::default());
        let (mut sizes, mut handles) = ([0_u64; 3], [0_u32; 3]);
        let id = |file: usize| (1, file as u64);
        for step in script {
            let (file, wanted) = match step {
                Step::Open(file) => {
                    ledger.open(id(file), || sizes[file]);
                    handles[file] += 1;
                    continue;
                }
                Step::Close(file) => {
                    ledger.close(id(file), || Some(sizes[file]));
                    handles[file] = handles[file].saturating_sub(1);
                    continue;
                }
                Step::Grow(file, end) => (file, sizes[file].max(end)),
                Step::Append(file, len) => (file, sizes[file] + len),
                Step::SetSize(file, size) => (file, size),
            };
            if handles[file] == 0 {
                continue;
            }
            let admitted = match step {
                Step::Grow(_, end) => ledger.grow(id(file), end),
                Step::Append(_, len) => ledger.append(id(file), len),
                _ => ledger.set_size(id(file), wanted),
            };
            let sum = sizes.iter().sum::<u64>();
            let fits = wanted <= sizes[file] || sum - sizes[file] + wanted <= 300;
            prop_assert_eq!(admitted.is_ok(), fits);
            if fits {
                sizes[file] = wanted;
            }
            prop_assert_eq!(ledger.usage().bytes, sizes.iter().sum::<u64>());
        }
    }
}
