//! `ringferry passwd`: on a pipe, at a terminal, interrupted, and what it prints read back.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

use ringferry::auth::{PasswordHash, Totp};
use tempfile::TempDir;

const RINGFERRY: &str = env!("CARGO_BIN_EXE_ringferry");

fn passwd(arguments: &[&str], stdin: &[u8]) -> Output {
    let mut command = Command::new(RINGFERRY);
    command.arg("passwd").args(arguments).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // What is refused for its arguments does not read it.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What stdout and nothing else holds.
fn printed(arguments: &[&str], stdin: &[u8]) -> String {
    let output = passwd(arguments, stdin);
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
    text(&output.stdout)
}

/// Exit code 2, nothing on stdout, and what stderr says.
fn refused(arguments: &[&str], stdin: &[u8]) -> String {
    let output = passwd(arguments, stdin);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert_eq!(text(&output.stdout), "");
    said
}

/// The value of a line `KEY = "VALUE"`.
fn value(line: &str, key: &str) -> String {
    let value = line.strip_prefix(key).and_then(|rest| rest.strip_prefix(" = \""));
    value.and_then(|rest| rest.strip_suffix('"')).unwrap_or_else(|| panic!("{line}")).to_owned()
}

#[test]
fn a_password_on_a_pipe_becomes_one_line() {
    let long = "x".repeat(1024);
    for (stdin, password) in [
        ("correct horse\n", "correct horse"),
        ("correct horse", "correct horse"),
        ("correct horse\r\n", "correct horse"),
        (" päßwort \"\\ \n", " päßwort \"\\ "),
        (&format!("{long}\r\n"), &long),
    ] {
        let printed = printed(&[], stdin.as_bytes());
        assert_eq!(printed.lines().count(), 1, "{printed}");
        let hash = value(printed.trim_end(), "password_hash");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(PasswordHash::parse(&hash).unwrap().verify(password));
        assert!(!PasswordHash::parse(&hash).unwrap().verify("correct horsf"));
    }
    let twice = [(); 2].map(|()| printed(&["--memory-kib", "64", "--passes", "3"], b"x"));
    assert!(twice[0].contains("$m=64,t=3,p=1$"), "{}", twice[0]);
    assert_ne!(twice[0], twice[1], "the salt is fresh");
}

#[test]
fn what_is_no_password_is_refused() {
    for (stdin, said) in [
        (&b""[..], "the password is empty"),
        (b"\n", "the password is empty"),
        (b"\r\n", "the password is empty"),
        (b"one\ntwo\n", "more than one line"),
        (b"one\n\n", "more than one line"),
        (b"a\0b\n", "NUL"),
        (b"\xff\xfe\n", "not UTF-8"),
        (&[b'x'; 1025], "longer than 1024 bytes"),
        (&[b'x'; 1 << 20], "longer than 1024 bytes"),
    ] {
        let told = refused(&[], stdin);
        assert!(told.contains(said), "{told}");
        assert!(!told.contains("one\ntwo"), "{told}");
    }
    for arguments in [
        &["--memory-kib", "262145"][..],
        &["--memory-kib", "262144", "--passes", "5"],
        &["--passes", "0"],
        &["--passes", "x"],
        &["sesame"],
        &["--totp", "ann", "--passes", "3"],
        &["--totp", "a/b"],
        &["--totp", ""],
        &["--totp", "a\nb"],
    ] {
        refused(arguments, b"sesame\n");
    }
}

#[test]
fn a_secret_of_one_time_codes_comes_as_text_and_as_a_uri() {
    let first = printed(&["--totp", "ann b"], b"");
    let lines: Vec<_> = first.lines().collect();
    let [secret, uri] = lines[..] else { panic!("{first}") };
    let secret = value(secret, "totp_secret");
    assert_eq!(secret.len(), 32, "160 bits: {secret}");
    assert!(uri.starts_with("otpauth://totp/ringferry:ann%20b?secret="), "{uri}");
    let codes = [&secret, uri].map(|text| Totp::parse(text).unwrap().code(1_700_000_000));
    assert_eq!(codes[0], codes[1]);
    assert_ne!(first, printed(&["--totp", "ann b"], b""));
}

/// The lines as they are printed, in a users file that `check` reads.
#[test]
fn what_it_prints_goes_into_the_users_file() {
    let folder = TempDir::new().unwrap();
    let hash = printed(&["--memory-kib", "64"], b"sesame\n");
    let totp = printed(&["--totp", "ann"], b"");
    let users = folder.path().join("users.toml");
    let root = folder.path().display();
    let secret = totp.lines().next().unwrap();
    fs::write(&users, format!("[users.ann]\nroot = '{root}'\n{hash}{secret}\n")).unwrap();
    fs::set_permissions(&users, fs::Permissions::from_mode(0o644)).unwrap();
    let check = || {
        let set = format!("users_file={}", users.display());
        let mut command = Command::new(RINGFERRY);
        command.env("HOME", folder.path()).current_dir(folder.path());
        command.args(["check", "--set", &set]).output().unwrap()
    };
    let output = check();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let warned = text(&output.stderr);
    assert!(warned.contains("others may read it (mode 0644); chmod go-r "), "{warned}");
    assert!(!warned.contains("no usable key"), "a password is enough: {warned}");
    let text_of_all = text(&output.stdout) + &text(&output.stderr);
    assert!(!text_of_all.contains(&value(hash.trim_end(), "password_hash")), "{text_of_all}");
    assert!(!text_of_all.contains(&value(secret, "totp_secret")), "{text_of_all}");
    fs::write(&users, format!("[users.ann]\nroot = '{root}'\npassword_hash = 'sesame'\n")).unwrap();
    let output = check();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("users.toml:3: users.ann.password_hash: it is no password hash"));
    assert!(said.contains("`ringferry passwd` makes one") && !said.contains("sesame"), "{said}");
}

/// A shell at a terminal, which script(1) makes. The shell outlives an interrupt, and tells at the
/// end what became of the command and of the terminal.
struct Terminal {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    seen: String,
}

impl Terminal {
    fn new() -> Self {
        let line =
            format!("trap : INT; {RINGFERRY} passwd --memory-kib 64; echo \"code=$?\"; stty");
        let mut command = Command::new("script");
        command.args(["-qec", &line, "/dev/null"]).env("SHELL", "/bin/bash");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, stdin, stdout, seen: String::new() }
    }

    /// Waits until the terminal has shown `what`, after whatever was waited for before.
    fn wait(&mut self, what: &str) {
        let mut seen = String::new();
        let mut byte = [0];
        while !seen.ends_with(what) {
            let count = self.stdout.read(&mut byte).unwrap();
            assert_eq!(count, 1, "it ended without {what:?}: {}{seen}", self.seen);
            seen.push(char::from(byte[0]));
        }
        self.seen.push_str(&seen);
    }

    fn type_in(&mut self, text: &str) {
        self.stdin.write_all(text.as_bytes()).unwrap();
    }

    /// All that it has shown, up to its end.
    fn end(mut self) -> String {
        let mut rest = Vec::new();
        self.stdout.read_to_end(&mut rest).unwrap();
        self.child.wait().unwrap();
        self.seen + &text(&rest)
    }
}

/// What `stty` says of a terminal that shows what is typed.
fn shows_again(shown: &str) -> bool {
    let after = shown.split("code=").nth(1).expect("the shell's line");
    after.contains("baud") && !after.contains("-echo")
}

#[test]
fn a_terminal_shows_nothing_of_the_password_and_the_next_line_again() {
    let mut terminal = Terminal::new();
    terminal.wait("Password: ");
    terminal.type_in("sesame\n");
    terminal.wait("Password again: ");
    terminal.type_in("sesame\n");
    let shown = terminal.end();
    assert!(shown.contains("code=0") && !shown.contains("sesame"), "{shown}");
    assert!(shows_again(&shown), "{shown}");
    let line = shown.lines().find(|line| line.starts_with("password_hash")).expect("the hash");
    let hash = PasswordHash::parse(&value(line, "password_hash")).unwrap();
    assert!(hash.verify("sesame"));
}

#[test]
fn passwords_that_differ_are_refused() {
    let mut terminal = Terminal::new();
    terminal.wait("Password: ");
    terminal.type_in("sesame\n");
    terminal.wait("Password again: ");
    terminal.type_in("sesamf\n");
    let shown = terminal.end();
    assert!(shown.contains("the passwords differ") && shown.contains("code=2"), "{shown}");
    assert!(!shown.contains("password_hash") && shows_again(&shown), "{shown}");
}

#[test]
fn an_interrupt_leaves_the_terminal_as_it_was() {
    for questions in [&["Password: "][..], &["Password: ", "Password again: "]] {
        let mut terminal = Terminal::new();
        let (last, first) = questions.split_last().unwrap();
        for question in first {
            terminal.wait(question);
            terminal.type_in("sesame\n");
        }
        terminal.wait(last);
        terminal.type_in("sesa\x03");
        let shown = terminal.end();
        assert!(shown.contains("code=130") && !shown.contains("sesa"), "{shown}");
        assert!(shows_again(&shown), "{shown}");
    }
}

#[test]
fn the_help_says_where_the_lines_go() {
    let help = printed(&["--help"], b"");
    for word in ["password_hash", "totp_secret", "users file", "--memory-kib", "argon2id"] {
        assert!(help.contains(word), "{word}: {help}");
    }
}
