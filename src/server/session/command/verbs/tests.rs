use super::*;

/// What a line comes to, in a word.
fn asked(line: &str, verbs: &Verbs) -> String {
    match parse(Some(line.as_bytes()), verbs) {
        Asked::Sftp => "sftp".to_owned(),
        Asked::Command(Command::Digests(_)) => "digests".to_owned(),
        Asked::Command(Command::Places(_)) => "places".to_owned(),
        Asked::Command(Command::Copy(_)) => "copy".to_owned(),
        Asked::Command(Command::Say(said)) => {
            let told = [said.out, said.err].concat();
            format!("{} {}", said.status, String::from_utf8(told).unwrap().trim_end())
        }
        Asked::Refused(said) => {
            assert_eq!((said.out.as_slice(), said.status), (&b""[..], 127), "{line}");
            let told = String::from_utf8(said.err).unwrap();
            assert_eq!(told.matches('\n').count(), 1, "one line: {told}");
            told.trim_end().to_owned()
        }
    }
}

#[test]
fn what_is_served_is_known_by_its_name() {
    let all = Verbs::default();
    for (line, expected) in [
        ("scp -t /x", "copy"),
        ("scp -r -p -f -- 'a b' c*", "copy"),
        ("sftp-server", "sftp"),
        ("internal-sftp", "sftp"),
        ("/usr/lib/openssh/sftp-server", "sftp"),
        ("/usr/libexec/openssh/sftp-server -l INFO", "sftp"),
        ("md5sum", "digests"),
        ("  sha256sum\t-b -- -x", "digests"),
        ("'md5sum' \"/a b\"", "digests"),
        ("xxh128sum a b c", "digests"),
        ("crc32 a", "digests"),
        ("rclone md5sum", "digests"),
        ("rclone hashsum blake3 /a", "digests"),
        ("df -k", "places"),
        ("df -k /a /b", "places"),
        ("cd /", "places"),
        ("pwd", "places"),
        ("true a b", "0 "),
        ("echo a  'b  c'", "0 a b  c"),
        ("echo ${ShellId}%ComSpec%", "0 %ComSpec%"),
    ] {
        assert_eq!(asked(line, &all), expected, "{line}");
    }
}

#[test]
fn what_makes_no_sense_is_told() {
    let all = Verbs::default();
    for (line, told) in [
        ("scp /x", "1 scp: one of -f and -t"),
        ("md5sum -c x", "1 md5sum: the option -c is not known here"),
        ("df -i", "1 df: the option -i is not known here"),
        ("cd a b", "1 cd: too many arguments"),
        ("rclone ls", "1 rclone: md5sum, sha1sum and hashsum"),
        ("rclone hashsum whirlpool", "1 rclone: no hash of the name whirlpool"),
        ("rclone hashsum", "1 rclone: md5sum, sha1sum and hashsum"),
    ] {
        assert!(asked(line, &all).starts_with(told), "{line}: {}", asked(line, &all));
    }
}

#[test]
fn what_only_a_shell_could_do_is_refused() {
    let all = Verbs::default();
    for line in [
        "md5sum /a; rm /b",
        "md5sum /a | cat",
        "md5sum $HOME",
        "md5sum `id`",
        "md5sum \"$(id)\"",
        "md5sum /a\nid",
        "md5sum '/a",
        "md5sum /a\\",
        "md5sum < /a",
        "scp -f $(id)",
        "echo $HOME",
        "echo ${ShellId}%ComSpec% ",
    ] {
        assert!(asked(line, &all).starts_with("ringferry: no shell reads"), "{line}");
    }
    for line in ["ls", "/usr/bin/md5sum /a", "sh -c md5sum", "rsync --server", "\"scp \" -t x"] {
        assert!(asked(line, &all).contains(": not served here"), "{line}");
    }
    for line in ["", "  "] {
        assert!(asked(line, &all).contains("has no shell"), "{line:?}");
    }
    let Asked::Refused(_) = parse(None, &all) else { panic!("a shell was started") };
    let long = format!("{}\x1b[2J", "a".repeat(1000));
    assert!(asked(&long, &all).len() < 200);
    assert!(!asked("\x1b[2J", &all).contains('\x1b'), "a terminal is not written to");
}

#[test]
fn what_is_switched_off_says_so() {
    let some = Verbs::new(&["scp", "true", "no such"]);
    assert_eq!(asked("scp -t x", &some), "copy");
    for line in ["md5sum", "/usr/lib/openssh/sftp-server", "rclone md5sum", "df", "pwd"] {
        assert!(asked(line, &some).contains("switched off"), "{line}");
    }
    assert!(asked("echo ${ShellId}%ComSpec%", &some).starts_with("ringferry: "));
    assert!(asked("true", &Verbs::new(&[])).contains("switched off"));
}
