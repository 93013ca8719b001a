//! Names and passwords that no person types: refused, and one clean line in the log.

use super::{Login, PASSWORD, Scene};

/// Every line of the log is one the server meant to write.
fn expect_clean_log(scene: &Scene) {
    for line in scene.server.log.text().lines() {
        let dated = line.get(..4).is_some_and(|year| year.parse::<u32>().is_ok());
        assert!(dated, "a line that something else began: {line:?}");
        let odd = |c: char| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c);
        assert!(!line.contains(odd), "{line:?}");
    }
}

fn refusals(scene: &Scene) -> Vec<String> {
    let lines = scene.server.log.lines();
    lines.into_iter().filter(|line| line.contains(" authentication refused ")).collect()
}

const USERS: &str = "[users.ann]\nROOT\nauthorized_keys = ['KEY']\npassword_hash = 'HASH'\n";

#[test]
fn odd_names_get_nowhere_and_one_line_each() {
    let Some(scene) = Scene::start(USERS, &[]) else { return };
    let script = r#"
name, password = args
name = eval(name)
try:
    transport.auth_password(name, password, fallback=False)
    raise SystemExit("logged in")
except (paramiko.SSHException, EOFError):
    pass
assert not transport.is_authenticated()
"#;
    // As Python writes them, and how they are logged.
    for (name, shown) in [
        (r"'ann\n2026-01-01T00:00:00Z  INFO authenticated user=ann'", r"user=ann\n2026-"),
        (r"'../ann'", "user=../ann"),
        (r"'ann\0'", r"user=ann\x00"),
        (r"'ann/../../etc'", "user=ann/../../etc"),
        (r"''", "user="),
        (r"'Ann'", "user=Ann"),
        (r"'ann '", "user=ann "),
        (r"'\x1b[2Jann'", r"user=\x1b[2Jann"),
        (r"'ann\u202e\u2028'", r"user=ann\u{202e}\u{2028}"),
        (r"'a' * 256", "user=aaaa"),
    ] {
        let before = refusals(&scene).len();
        scene.python(script, &[name, PASSWORD]).expect_success();
        let lines = refusals(&scene);
        assert_eq!(lines.len(), before + 1, "{name}: {lines:#?}");
        let line = lines.last().expect("one");
        assert!(line.contains(shown) && line.contains("no such user"), "{name}: {line}");
    }
    // These end the connection.
    for name in [r"'a' * 257", r"b'\xff\xfeann'", r"'a' * (1 << 20)"] {
        scene.python(script, &[name, PASSWORD]).expect_success();
    }
    assert_eq!(scene.logins("ann"), 0);
    expect_clean_log(&scene);
    scene.carries(&Login::of("ann", "password"));
}

#[test]
fn odd_passwords_are_wrong_passwords() {
    let Some(scene) = Scene::start(USERS, &[]) else { return };
    let script = r#"
method, given = args
given = eval(given)
def answers(*_):
    return given if isinstance(given, list) else [given]
try:
    if method == "password":
        transport.auth_password("ann", given, fallback=False)
    else:
        transport.auth_interactive("ann", answers)
    raise SystemExit("logged in")
except (paramiko.SSHException, EOFError):
    pass
assert not transport.is_authenticated()
"#;
    let honest = format!("'{PASSWORD}'");
    for given in [
        "'x' * (1 << 20)".to_owned(),
        "'x' * 1025".into(),
        "'x' * 1024".into(),
        format!("{honest} + ' ' * 1000"),
        format!("{honest} + '\\0'"),
        format!("{honest} + '\\n'"),
        format!("{honest}.encode() + b'\\xff'"),
        "''".into(),
        "'\\0'".into(),
    ] {
        for method in ["password", "keyboard-interactive"] {
            scene.python(script, &[method, &given]).expect_success();
        }
    }
    let many = [format!("[{honest}] * 10000"), "[''] * 8000".into()];
    for given in many.into_iter().chain([format!("[{honest}] * 2"), "[]".into()]) {
        scene.python(script, &["keyboard-interactive", &given]).expect_success();
    }
    assert_eq!(scene.logins("ann"), 0);
    expect_clean_log(&scene);
    assert!(!scene.server.log.text().contains("xxxx"), "the log has a password");
    assert_eq!(refusals(&scene).len(), 8 * 2 + 3, "{:#?}", refusals(&scene));
    // A MiB by either method, and 10,000 passwords: no packet may be so long.
    let log = scene.server.log.text();
    assert_eq!(log.matches("not within 6..=35000").count(), 3, "{log}");
    for method in ["password", "keyboard-interactive"] {
        scene.carries(&Login::of("ann", method));
    }
}
