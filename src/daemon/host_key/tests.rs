use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Barrier};

use super::*;
use std::fs;

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
    assert_eq!(load(&first.path, &[]).unwrap().fingerprint(), first.fingerprint());
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
        let loaded = load(&key.path, &[]).unwrap_err();
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
    let failure = load(&path, &[]).unwrap_err();
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
    assert_eq!(key.path, folder.path().join("ringferry-state/ssh_host_ed25519_key"));
}

const CERTIFICATES: &str = include_str!("../../../tests/fixtures/crypto/certificates.txt");
const KEY_FILES: &str = include_str!("../../../tests/fixtures/crypto/key_files.txt");

fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let from = text.split("=== ").find(|section| section.starts_with(heading)).unwrap();
    from.split_once('\n').unwrap().1
}

/// A folder with key files of these headings, and a configuration that names them all.
fn configured(headings: &[&str]) -> (tempfile::TempDir, Config) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config { required_rsa_size: 3072, ..Config::default() };
    for (at, heading) in headings.iter().enumerate() {
        let path = folder.path().join(format!("key{at}"));
        fs::write(&path, section(KEY_FILES, heading)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        config.host_key.push(path);
    }
    (folder, config)
}

fn add_certificate(folder: &tempfile::TempDir, config: &mut Config, heading: &str) -> PathBuf {
    let path = folder.path().join(format!("{heading}-cert.pub"));
    fs::write(&path, section(CERTIFICATES, heading)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    config.host_certificate.push(path.clone());
    path
}

fn cause(result: Result<HostKeys, Failure>) -> (String, String) {
    let failure = result.unwrap_err();
    assert_eq!(failure.exit_code, 2);
    (failure.causes.join("; "), failure.cure.unwrap_or_default())
}

#[test]
fn keys_of_each_type_and_format_are_served_together() {
    let (_folder, config) = configured(&[
        "ed25519 openssh\n",
        "p256 pem\n",
        "p384 pkcs8\n",
        "p521 ppk3\n",
        "rsa3072 ppk2\n",
    ]);
    let keys = HostKeys::named(&config).unwrap();
    let types: Vec<_> = keys.keys().iter().map(HostKey::key_type).collect();
    assert_eq!(
        types,
        [
            "ssh-ed25519",
            "ecdsa-sha2-nistp256",
            "ecdsa-sha2-nistp384",
            "ecdsa-sha2-nistp521",
            "ssh-rsa"
        ]
    );
    assert_eq!(keys.signers().len(), 5);
}

#[test]
fn two_keys_of_a_type_are_an_error_that_names_both() {
    let (_folder, config) = configured(&["ed25519 openssh\n", "ed25519-zero-last openssh\n"]);
    let (what, _) = cause(HostKeys::named(&config));
    assert!(
        what.contains("key0") && what.contains("key1") && what.contains("ssh-ed25519"),
        "{what}"
    );
}

#[test]
fn an_rsa_key_below_the_required_size_is_refused() {
    let (_folder, mut config) = configured(&["rsa3072 openssh\n"]);
    assert!(HostKeys::named(&config).is_ok());
    config.required_rsa_size = 4096;
    let (what, cure) = cause(HostKeys::named(&config));
    assert!(what.contains("3072 bits") && what.contains("4096"), "{what}");
    assert!(cure.contains("-b 4096"), "{cure}");
}

#[test]
fn passphrases_come_from_files_only_the_owner_reads() {
    let (folder, mut config) = configured(&["ed25519 openssh-locked\n", "p256 ppk3-locked\n"]);
    let (what, cure) = cause(HostKeys::named(&config));
    assert!(what.contains("passphrase") && cure.contains("host_key_passphrase_file"), "{what}");
    for (name, text) in [("one", "wrong\n"), ("two", "fixture\nsecond line\n")] {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        config.host_key_passphrase_file.push(path);
        let loaded = HostKeys::named(&config);
        if name == "one" {
            assert!(cause(loaded).0.contains("no passphrase"));
        } else {
            assert_eq!(loaded.unwrap().keys().len(), 2);
        }
    }
    let path = &config.host_key_passphrase_file[1];
    fs::set_permissions(path, fs::Permissions::from_mode(0o640)).unwrap();
    let (what, cure) = cause(HostKeys::named(&config));
    assert!(what.contains("mode 0640"), "{what}");
    assert_eq!(cure, format!("chmod 600 {}", path.display()));
}

#[test]
fn certificates_are_served_before_plain_keys() {
    let (folder, mut config) = configured(&["ed25519 openssh\n", "rsa3072 openssh\n"]);
    add_certificate(&folder, &mut config, "rsa3072");
    add_certificate(&folder, &mut config, "ed25519");
    let signers = HostKeys::named(&config).unwrap().signers();
    let first: Vec<_> = signers.iter().map(|signer| signer.algorithms()[0]).collect();
    assert_eq!(
        first,
        [
            "rsa-sha2-512-cert-v01@openssh.com",
            "ssh-ed25519-cert-v01@openssh.com",
            "ssh-ed25519",
            "rsa-sha2-512"
        ]
    );
}

#[test]
fn certificates_that_cannot_be_served() {
    let refused = |heading: &str, want: &str| {
        let (folder, mut config) = configured(&["ed25519 openssh\n"]);
        add_certificate(&folder, &mut config, heading);
        let (what, cure) = cause(HostKeys::named(&config));
        assert!(what.contains(want), "{what}");
        assert!(!cure.is_empty());
    };
    refused("user", "not a host certificate");
    refused("p256", "is not one of the host keys");
    let (folder, mut config) = configured(&["ed25519 openssh\n"]);
    let path = add_certificate(&folder, &mut config, "ed25519");
    config.host_certificate.push(path.clone());
    assert!(cause(HostKeys::named(&config)).0.contains("for the same key"));
    config.host_certificate.pop();
    for (text, want) in [
        ("", "not a line"),
        ("ssh-ed25519-cert-v01@openssh.com !!!", "not a line"),
        (section(KEY_FILES, "ed25519 pub"), "not a certificate"),
    ] {
        fs::write(&path, text).unwrap();
        assert!(cause(HostKeys::named(&config)).0.contains(want), "{text}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    assert!(cause(HostKeys::named(&config)).1.starts_with("chmod go-w"));
}
