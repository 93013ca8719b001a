use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Barrier};

use super::*;

fn places(folder: &Path) -> StatePlaces {
    let xdg_state_home = Some(folder.to_str().unwrap().to_owned());
    StatePlaces { xdg_state_home, ..StatePlaces::default() }
}

/// A different seed each time, so that equal keys mean the same file.
fn seed() -> Result<[u8; 32], Failure> {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    Ok([NEXT.fetch_add(1, Ordering::Relaxed); 32])
}

#[test]
fn a_key_is_made_once_with_mode_0600_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let first = load_or_make(&places(folder.path()), Path::new("/r"), seed).unwrap();
    assert!(first.made && first.path == folder.path().join("ringferry/ssh_host_ed25519_key"));
    assert_eq!(fs::metadata(&first.path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(folder.path().join("ringferry")).unwrap().mode() & 0o777, 0o700);
    let again = load_or_make(&places(folder.path()), Path::new("/r"), seed).unwrap();
    assert!(!again.made);
    assert_eq!(again.fingerprint(), first.fingerprint());
    assert_eq!(load(&first.path).unwrap().fingerprint(), first.fingerprint());
    let names: Vec<_> = fs::read_dir(folder.path().join("ringferry"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.len(), 2, "a draft was left: {names:?}");
}

#[test]
fn ssh_keygen_reads_the_key_and_agrees_on_the_fingerprint() {
    let folder = tempfile::tempdir().unwrap();
    let key = load_or_make(&places(folder.path()), Path::new("/r"), seed).unwrap();
    let output = std::process::Command::new("ssh-keygen").arg("-lf").arg(&key.path).output();
    let Ok(output) = output else {
        eprintln!("SKIPPED the host key against ssh-keygen: it is not installed");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains(&key.fingerprint()), "{said}");
}

#[test]
fn starts_at_once_agree_on_one_key() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let barrier = Arc::new(Barrier::new(4));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (places, barrier) = (places(folder.path()), barrier.clone());
                std::thread::spawn(move || {
                    barrier.wait();
                    load_or_make(&places, Path::new("/r"), seed).map(|key| key.fingerprint())
                })
            })
            .collect();
        let results: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        let prints: Vec<_> = results.into_iter().map(|result| result.unwrap()).collect();
        assert!(prints.iter().all(|print| *print == prints[0]), "{prints:?}");
    }
}

#[test]
fn a_key_others_may_read_is_refused_with_the_cure() {
    let folder = tempfile::tempdir().unwrap();
    let key = load_or_make(&places(folder.path()), Path::new("/r"), seed).unwrap();
    for mode in [0o640, 0o604, 0o620, 0o601] {
        fs::set_permissions(&key.path, fs::Permissions::from_mode(mode)).unwrap();
        let loaded = load(&key.path).unwrap_err();
        let kept = load_or_make(&places(folder.path()), Path::new("/r"), seed).unwrap_err();
        for failure in [loaded, kept] {
            assert_eq!(failure.exit_code, 2);
            assert!(failure.causes[0].contains(&format!("mode {mode:04o}")), "{failure:?}");
            assert_eq!(failure.cure, Some(format!("chmod 600 {}", key.path.display())));
        }
    }
}

#[test]
fn a_broken_key_is_refused_and_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let key = load_or_make(&places(folder.path()), Path::new("/r"), seed).unwrap();
    for content in ["", "hello\n", "\u{0}\u{1}"] {
        fs::write(&key.path, content).unwrap();
        let failure = load_or_make(&places(folder.path()), Path::new("/r"), seed).unwrap_err();
        assert!(failure.cure.unwrap().contains("ssh-keygen"), "{:?}", failure.causes);
        assert_eq!(fs::read_to_string(&key.path).unwrap(), content);
    }
}

#[test]
fn a_named_key_that_is_missing_is_an_error_and_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nothing");
    let failure = load(&path).unwrap_err();
    assert_eq!(failure.exit_code, 2);
    assert!(failure.cure.unwrap().starts_with("ssh-keygen -t ed25519"));
    assert!(!path.exists());
}

#[test]
fn the_state_folder_follows_the_environment() {
    let root = Path::new("/srv/data");
    let full = StatePlaces {
        state_directory: Some("/var/lib/a:/var/lib/b".to_owned()),
        xdg_state_home: Some("/xdg".to_owned()),
        home: Some("/home/ann".into()),
    };
    let folders = |places: &StatePlaces| -> Vec<String> {
        places.folders(root).iter().map(|folder| folder.display().to_string()).collect()
    };
    assert_eq!(folders(&full), ["/var/lib/a"]);
    let without = StatePlaces { state_directory: None, ..full.clone() };
    assert_eq!(folders(&without), ["/xdg/ringferry"]);
    let beside = "/srv/ringferry-state";
    let home = StatePlaces { xdg_state_home: Some("rel".to_owned()), ..without };
    assert_eq!(folders(&home), ["/home/ann/.local/state/ringferry", beside]);
    assert_eq!(folders(&StatePlaces::default()), [beside]);
}

#[test]
fn a_home_that_cannot_be_written_falls_back_next_to_root() {
    let folder = tempfile::tempdir().unwrap();
    // A file where the home should be: no folder can be made below it, whoever asks.
    let home = folder.path().join("home");
    fs::write(&home, "").unwrap();
    let root = folder.path().join("data");
    let places = StatePlaces { home: Some(home), ..StatePlaces::default() };
    let key = load_or_make(&places, &root, seed).unwrap();
    assert_eq!(key.path, folder.path().join("ringferry-state").join(FILE_NAME));
}
