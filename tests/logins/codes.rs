//! One-time codes as a second factor, made here as an app makes them.

use std::process::Command;

use ringferry::auth::Totp;

use super::support::client::Running;
use super::support::foreign::Putty;
use super::{LONG, Login, PASSWORD, SECRET, Scene, fresh_name, now};

/// Behind a key.
const BEHIND_A_KEY: &str = "[users.ann]\nROOT\nauthorized_keys = ['KEY']\ntotp_secret = 'SECRET'\n\
                            authentication_methods = ['publickey,keyboard-interactive']\n";

/// Beside a password.
const BESIDE_A_PASSWORD: &str = "[users.ann]\nROOT\npassword_hash = 'HASH'\n\
    totp_secret = 'SECRET'\n\
    authentication_methods = ['keyboard-interactive:password+totp']\n";

/// The code of now, or of some steps later. Of the next step as well it is good for half a minute.
fn code(steps: i64) -> String {
    Totp::parse(SECRET).expect("a secret").code(now() + 30 * steps)
}

/// A code of no step near now.
fn wrong_code() -> String {
    let near: Vec<String> = (-4..=4).map(code).collect();
    let mut others = (0..).map(|number| format!("{number:06}"));
    others.find(|code| !near.contains(code)).expect("there are more than nine")
}

#[test]
fn a_code_behind_a_key_lets_in_once() {
    let Some(scene) = Scene::start(BEHIND_A_KEY, &[]) else { return };
    let login = Login::of("ann", "publickey,keyboard-interactive").keys(&["client_key"]);
    let with = |code| Login { code, ..login.clone() };
    let (wrong, first) = (wrong_code(), code(0));
    scene.refuses(&with(&wrong));
    scene.expect_refusal("ann", "keyboard-interactive", "wrong code");
    scene.carries(&with(&first));
    assert!(scene.asked().contains("Verification code: "), "{}", scene.asked());
    let proof = scene.proofs().pop().expect("the key was a proof");
    assert!(proof.contains("method=\"publickey\""), "{proof}");
    assert!(proof.contains("wanted=\"keyboard-interactive\""), "{proof}");
    scene.refuses(&with(&first));
    scene.expect_refusal("ann", "keyboard-interactive", "used before");
    // The code of the next step lets in, and takes the earlier ones with it. Blanks are the app's.
    let next = code(1);
    let spaced = format!("{} {}", &next[..3], &next[3..]);
    scene.carries(&with(&spaced));
    for used in [&first, &next] {
        scene.refuses(&with(used));
    }
    let log = scene.server.log.text();
    assert!(![&first, &next].iter().any(|code| log.contains(&format!("\"{code}\""))), "{log}");
}

#[test]
fn neither_the_key_nor_the_code_is_enough() {
    let Some(scene) = Scene::start(BEHIND_A_KEY, &[]) else { return };
    let now = code(0);
    let login = Login { code: &now, ..Login::of("ann", "publickey").keys(&["client_key"]) };
    let said = scene.refuses(&login).output();
    assert!(said.contains("(keyboard-interactive)"), "{said}");
    assert_eq!(scene.proofs().len(), 1);
    let stranger = Login { methods: "publickey,keyboard-interactive", ..login.clone() };
    scene.refuses(&stranger.clone().keys(&["stranger_key"]));
    scene.refuses(&Login { methods: "keyboard-interactive", ..login.clone() });
    assert_eq!(scene.proofs().len(), 1);
    // The code was not used up by that.
    scene.carries(&stranger);
}

#[test]
fn a_used_code_stays_used_over_a_reload() {
    let Some(scene) = Scene::start(BEHIND_A_KEY, &[]) else { return };
    let first = code(0);
    let login = Login::of("ann", "publickey,keyboard-interactive").keys(&["client_key"]);
    let login = Login { code: &first, ..login };
    scene.carries(&login);
    scene.reload_with(BEHIND_A_KEY);
    scene.refuses(&login);
    scene.expect_refusal("ann", "keyboard-interactive", "used before");
    let next = code(1);
    scene.carries(&Login { code: &next, ..login });
}

#[test]
fn password_and_code_are_asked_for_together() {
    let Some(scene) = Scene::start(BESIDE_A_PASSWORD, &[]) else { return };
    let (wrong, first) = (wrong_code(), code(0));
    let login = Login { code: &first, ..Login::of("ann", "keyboard-interactive") };
    scene.refuses(&Login { password: "incorrect", ..login.clone() });
    scene.expect_refusal("ann", "keyboard-interactive", "wrong password");
    scene.refuses(&Login { code: &wrong, ..login.clone() });
    scene.expect_refusal("ann", "keyboard-interactive", "wrong code");
    // Neither has used up the code.
    scene.carries(&login);
    scene.refuses(&login);
    scene.expect_refusal("ann", "keyboard-interactive", "used before");
    let asked = scene.asked();
    assert_eq!(asked.matches("Password: ").count(), 4, "{asked}");
    assert_eq!(asked.matches("Verification code: ").count(), 4, "{asked}");
    // Whoever has no account is asked both as well.
    scene.refuses(&Login { user: "eve", ..login });
    assert_eq!(scene.asked().matches("Verification code: ").count(), 5);
    scene.expect_refusal("eve", "keyboard-interactive", "no such user");
}

/// paramiko goes through both, and shows that the code may be seen while it is typed.
#[test]
fn paramiko_answers_with_codes() {
    let Some(scene) = Scene::start(BESIDE_A_PASSWORD, &[]) else { return };
    let source = scene.source().display().to_string();
    let script = r#"
source, name, password, code = args
seen = []
def answer(title, instruction, prompts):
    seen.extend(prompts)
    return [password, code][:len(prompts)]
transport.auth_interactive("ann", answer)
assert seen == [("Password: ", False), ("Verification code: ", True)], seen
put(source, name)
"#;
    let name = fresh_name();
    scene.python(script, &[&source, &name, PASSWORD, &code(0)]).expect_success();
    scene.arrived(&scene.scratch.served(&name));

    scene.reload_with(BEHIND_A_KEY);
    let script = r#"
source, name, file, code = args
key = paramiko.Ed25519Key.from_private_key_file(file)
assert transport.auth_publickey("ann", key) == ["keyboard-interactive"]
assert not transport.is_authenticated()
transport.auth_interactive("ann", lambda title, instruction, prompts: [code][:len(prompts)])
put(source, name)
"#;
    let key = scene.scratch.path("client_key").display().to_string();
    let name = fresh_name();
    scene.python(script, &[&source, &name, &key, &code(1)]).expect_success();
    scene.arrived(&scene.scratch.served(&name));
}

/// psftp has the code typed at its own prompt: its standard input here.
#[test]
fn psftp_asks_for_the_code_behind_its_key() {
    let Some(scene) = Scene::start(BEHIND_A_KEY, &[]) else { return };
    let Some(putty) = Putty::new(&scene.scratch) else { return };
    let name = fresh_name();
    let batch = scene.scratch.path("batch");
    let commands = format!("put {} {name}\nquit\n", scene.source().display());
    std::fs::write(&batch, commands).expect("write");
    let run = |code: &str| {
        let told = putty.command("psftp", &scene.server, &scene.scratch);
        let mut command = Command::new("psftp");
        command.args(told.get_args().filter(|argument| *argument != "-batch"));
        for (name, value) in told.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.arg("-b").arg(&batch).arg("ann@127.0.0.1");
        Running::start(command, &format!("{code}\n")).wait(LONG)
    };
    assert_ne!(run(&wrong_code()).code, Some(0));
    assert!(!scene.scratch.served(&name).exists());
    run(&code(0)).expect_success();
    scene.arrived(&scene.scratch.served(&name));
}
