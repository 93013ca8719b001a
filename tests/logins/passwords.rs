//! Passwords, as their own method and as the answer to a question.

use std::fs;
use std::process::Command;

use super::support::client::Running;
use super::support::foreign::{Putty, host_fingerprint, lftp_quoted};
use super::{HASH, LONG, Login, PASSWORD, Scene, fresh_name};

/// Users of one hash each, the first of each form in the fixture.
fn users_of_each_form() -> Vec<(String, String)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/auth/password_hashes.txt");
    let text = fs::read_to_string(path).expect("the fixture");
    let mut users: Vec<(String, String)> = Vec::new();
    for line in text.lines().filter(|line| line.ends_with(PASSWORD)) {
        let mut words = line.split(' ');
        let (form, hash) = (words.next().expect("a form"), words.next().expect("a hash"));
        if users.iter().all(|(name, _)| name != form) {
            users.push((form.to_owned(), hash.to_owned()));
        }
    }
    assert_eq!(users.len(), 4, "argon2id, bcrypt, sha-crypt and yescrypt");
    users
}

#[test]
fn each_form_of_hash_lets_in_with_its_password_and_no_other() {
    let users = users_of_each_form();
    let table = |(name, hash): &(String, String)| {
        format!("[users.{name}]\nROOT\npassword_hash = '{hash}'\n")
    };
    let text: String = users.iter().map(table).collect();
    let Some(scene) = Scene::start(&text, &[]) else { return };
    for (user, _) in &users {
        for method in ["password", "keyboard-interactive"] {
            let login = Login::of(user, method);
            scene.carries(&login);
            scene.refuses(&Login { password: "correct horses", ..login });
            scene.expect_refusal(user, method, "wrong password");
        }
    }
    let log = scene.server.log.text();
    assert!(!log.contains("correct horse"), "the log tells what was typed");
}

#[test]
fn an_unknown_user_is_asked_like_any_other() {
    let Some(scene) = Scene::start("[users.ann]\nROOT\npassword_hash = 'HASH'\n", &[]) else {
        return;
    };
    for method in ["password", "keyboard-interactive"] {
        scene.refuses(&Login::of("eve", method));
        scene.expect_refusal("eve", method, "no such user");
    }
    let asked = scene.asked();
    assert_eq!(asked.matches("eve@127.0.0.1").count(), 2, "{asked}");
}

/// With a password, and where `method` is the only one there is.
fn scene_with(method: &str) -> Option<Scene> {
    let users = format!(
        "[users.ann]\nROOT\npassword_hash = 'HASH'\nauthentication_methods = ['{method}']\n"
    );
    Scene::start(&users, &[("authentication_methods", method)])
}

/// psftp and pscp send `-pw` as the password, and as the answer where they are asked for one.
#[test]
fn putty_s_programs_log_in_with_passwords() {
    for method in ["password", "keyboard-interactive"] {
        let Some(scene) = scene_with(method) else { return };
        let Some(putty) = Putty::new(&scene.scratch) else { return };
        let run = |program: &str, password: &str, arguments: &[&str], stdin: &str| {
            let mut command = putty.keyless(program, &scene.server, &scene.scratch);
            command.args(["-pw", password]).args(arguments);
            Running::start(command, stdin).wait(LONG)
        };
        let (name, source) = (fresh_name(), scene.source().display().to_string());
        let batch = format!("put {source} {name}\nquit\n");
        let psftp =
            |password: &str| run("psftp", password, &["-b", "/dev/stdin", "ann@127.0.0.1"], &batch);
        assert_ne!(psftp("incorrect").code, Some(0));
        scene.expect_refusal("ann", method, "wrong password");
        assert!(!scene.scratch.served(&name).exists());
        psftp(PASSWORD).expect_success();
        scene.arrived(&scene.scratch.served(&name));
        let name = fresh_name();
        let target = format!("ann@127.0.0.1:{name}");
        run("pscp", PASSWORD, &["-sftp", &source, &target], "").expect_success();
        scene.arrived(&scene.scratch.served(&name));
        assert_eq!(scene.logins("ann"), 2, "{method}");
    }
}

/// `-u` is all it takes; curl falls back to the questions where there is no method `password`.
#[test]
fn curl_logs_in_with_passwords() {
    for method in ["password", "keyboard-interactive"] {
        let Some(scene) = scene_with(method) else { return };
        let fingerprint = host_fingerprint(&scene.scratch);
        let key = fingerprint.strip_prefix("SHA256:").expect("a fingerprint");
        let curl = |password: &str, arguments: &[&str], name: &str| {
            let mut command = Command::new("curl");
            command.args(["-q", "-sS", "--hostpubsha256", key, "--max-time", "50"]);
            command.args(["-u", &format!("ann:{password}")]).args(arguments);
            command.arg(format!("sftp://{}/{name}", scene.server.address));
            command.env("HOME", scene.scratch.path("")).env_remove("SSH_AUTH_SOCK");
            Running::start(command, "").wait(LONG)
        };
        let (name, source) = (fresh_name(), scene.source().display().to_string());
        // 67: the login was denied.
        curl("incorrect", &["-T", &source], &name).expect_code(67);
        scene.expect_refusal("ann", method, "wrong password");
        assert!(!scene.scratch.served(&name).exists());
        curl(PASSWORD, &["-T", &source], &name).expect_success();
        scene.arrived(&scene.scratch.served(&name));
        let got = curl(PASSWORD, &[], &name).expect_success().stdout;
        assert_eq!(got.as_bytes(), fs::read(scene.source()).expect("a file"));
    }
}

#[test]
fn lftp_and_rclone_log_in_with_passwords() {
    let Some(scene) = scene_with("password") else { return };
    let source = scene.source().display().to_string();
    let home = scene.scratch.path("home");
    fs::create_dir(&home).expect("mkdir");
    let lftp = |password: &str, name: &str| {
        let options = format!(
            "ssh -a -x -F none -o StrictHostKeyChecking=yes -o GlobalKnownHostsFile=/dev/null \
             -o UserKnownHostsFile={} -o PreferredAuthentications=password -o IdentityAgent=none",
            scene.server.known_hosts.display()
        );
        let script = format!(
            "set sftp:connect-program {}; set cmd:fail-exit yes; set net:max-retries 1; \
             set net:timeout 50; open -u ann,{} -p {} sftp://127.0.0.1; put {source} -o {name}",
            lftp_quoted(&options),
            lftp_quoted(password),
            scene.port()
        );
        let mut command = Command::new("lftp");
        command.arg("--norc").env("HOME", &home).args(["-c", &script]);
        Running::start(command, "").wait(LONG)
    };
    let rclone = |password: &str, name: &str| {
        let mut obscure = Command::new("rclone");
        obscure.env("HOME", &home).args(["--config", "/dev/null", "obscure", password]);
        let obscured = Running::start(obscure, "").wait(LONG).expect_success().stdout;
        let arguments = ["copyto", &source, &format!("far:/{name}")];
        let mut command = scene.server.rclone_command(&home, &arguments);
        command.args(["--low-level-retries", "1"]);
        command.env_remove("RCLONE_CONFIG_FAR_KEY_FILE").env_remove("SSH_AUTH_SOCK");
        command.env("RCLONE_CONFIG_FAR_USER", "ann");
        command.env("RCLONE_CONFIG_FAR_PASS", obscured.trim());
        Running::start(command, "").wait(LONG)
    };
    let carry = |client: &str, password: &str, name: &str| match client {
        "lftp" => lftp(password, name),
        _ => rclone(password, name),
    };
    for client in ["lftp", "rclone"] {
        let name = fresh_name();
        assert_ne!(carry(client, "incorrect", &name).code, Some(0));
        scene.expect_refusal("ann", "password", "wrong password");
        assert!(!scene.scratch.served(&name).exists());
        carry(client, PASSWORD, &name).expect_success();
        scene.arrived(&scene.scratch.served(&name));
    }
}

/// paramiko shows what is asked, and whether what is typed may be seen.
#[test]
fn paramiko_logs_in_with_passwords_and_answers() {
    let users = format!("[users.ann]\nROOT\npassword_hash = '{HASH}'\n");
    let settings = [("interactive_instruction", "What the office gave you.")];
    let Some(scene) = Scene::start(&users, &settings) else { return };
    let source = scene.source().display().to_string();
    let script = r#"
source, name, password = args
for wrong in ["", password + "s", password[:-1], password.upper()]:
    try:
        transport.auth_password("ann", wrong, fallback=False)
        raise SystemExit("logged in with %r" % wrong)
    except paramiko.AuthenticationException:
        pass
transport.auth_password("ann", password, fallback=False)
put(source, name)
"#;
    let name = fresh_name();
    scene.python(script, &[&source, &name, PASSWORD]).expect_success();
    scene.arrived(&scene.scratch.served(&name));
    let script = r#"
source, name, password = args
seen = []
def answer(title, instruction, prompts):
    seen.append((title, instruction, list(prompts)))
    return [answers[len(seen) - 1]] if prompts else []
for answers in [["wrong"], [""]]:
    seen = []
    try:
        transport.auth_interactive("ann", answer)
        raise SystemExit("logged in with %r" % answers)
    except paramiko.AuthenticationException:
        pass
# Another number of answers than there are questions.
try:
    transport.auth_interactive("ann", lambda *_: [password, password])
    raise SystemExit("logged in with two answers")
except paramiko.AuthenticationException:
    pass
seen, answers = [], [password, ""]
transport.auth_interactive("ann", answer)
assert seen[0] == ("", "What the office gave you.", [("Password: ", False)]), seen
put(source, name)
"#;
    let name = fresh_name();
    scene.python(script, &[&source, &name, PASSWORD]).expect_success();
    scene.arrived(&scene.scratch.served(&name));
}
