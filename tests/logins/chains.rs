//! Proofs one after the other, a chain of each user's own, and keys held by an agent.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::support::client::Running;
use super::support::files::Scratch;
use super::support::foreign::Putty;
use super::support::log::field;
use super::support::{SOON, wait_for};
use super::{LONG, Login, PASSWORD, Scene, fresh_name};

/// Everybody has something else to show.
const USERS: &str = "\
    [users.ann]\nROOT\nauthorized_keys = ['KEY']\npassword_hash = 'HASH'\n\
    authentication_methods = ['publickey,password']\n\
    [users.bob]\nROOT\npassword_hash = 'HASH'\nauthentication_methods = ['password']\n\
    [users.carl]\nROOT\nauthorized_keys = ['KEY', 'OTHER']\n\
    authentication_methods = ['publickey,publickey']\n\
    [users.dora]\nROOT\nauthorized_keys = ['KEY']\npassword_hash = 'HASH'\n\
    authentication_methods = ['publickey']\n";

#[test]
fn a_key_and_a_password() {
    let Some(scene) = Scene::start(USERS, &[]) else { return };
    let login = Login::of("ann", "publickey,password").keys(&["client_key"]);
    scene.carries(&login);
    let proof = scene.proofs().pop().expect("the key was a proof");
    assert_eq!(field(&proof, "user"), Some("ann"), "{proof}");
    assert_eq!(field(&proof, "method"), Some("publickey"), "{proof}");
    assert_eq!(field(&proof, "wanted"), Some("password"), "{proof}");
    let key = field(&proof, "key").filter(|key| key.starts_with("SHA256:")).expect("a key");
    let login_line = scene.latest_login();
    assert_eq!(field(&login_line, "key"), Some(key), "{login_line}");
    assert_eq!(field(&login_line, "methods"), Some("publickey,password"), "{login_line}");
    // Half of it, the wrong half first, a wrong half, and somebody else's.
    let said = scene.refuses(&Login { methods: "publickey", ..login.clone() }).output();
    assert!(said.contains("(password)"), "what can continue: {said}");
    scene.refuses(&Login { methods: "password", ..login.clone() });
    scene.expect_refusal("ann", "password", "alone is not in authentication_methods");
    scene.refuses(&Login { password: "incorrect", ..login.clone() });
    scene.expect_refusal("ann", "password", "wrong password");
    scene.refuses(&login.clone().keys(&["stranger_key"]));
    scene.refuses(&Login { methods: "password,publickey", ..login });
    let halves = scene.proofs();
    assert_eq!(halves.len(), 4, "a proof each time the right key came: {halves:#?}");
}

#[test]
fn each_user_has_a_chain_of_his_own() {
    let Some(scene) = Scene::start(USERS, &[]) else { return };
    scene.carries(&Login::of("bob", "password"));
    let line = scene.latest_login();
    assert_eq!((field(&line, "methods"), field(&line, "key")), (Some("password"), None), "{line}");
    scene.refuses(&Login::of("bob", "publickey").keys(&["client_key"]));
    scene.carries(&Login::of("dora", "publickey").keys(&["client_key"]));
    // She has a password, and it is of no use.
    scene.refuses(&Login::of("dora", "password"));
    scene.expect_refusal("dora", "password", "alone is not in authentication_methods");
    assert_eq!(scene.proofs(), Vec::<String>::new());
}

#[test]
fn two_keys_are_two_different_keys() {
    let Some(scene) = Scene::start(USERS, &[]) else { return };
    let login = Login::of("carl", "publickey");
    for keys in [["client_key", "stranger_key"], ["stranger_key", "client_key"]] {
        scene.carries(&login.clone().keys(&keys));
    }
    assert_eq!(scene.proofs().len(), 2);
    scene.refuses(&login.clone().keys(&["client_key"]));
    // The same key from another file.
    for name in ["copy", "copy.pub"] {
        let original = name.replace("copy", "client_key");
        fs::copy(scene.scratch.path(&original), scene.scratch.path(name)).expect("copy");
    }
    scene.refuses(&login.keys(&["client_key", "copy"]));
}

/// paramiko sends the same key again and asks for a session: neither is taken.
#[test]
fn half_a_chain_is_no_login() {
    let Some(scene) = Scene::start(USERS, &[]) else { return };
    let script = r#"
file, = args
key = paramiko.Ed25519Key.from_private_key_file(file)
assert transport.auth_publickey("carl", key) == ["publickey"]
try:
    wanted = transport.auth_publickey("carl", key)
    raise SystemExit("the same key again: %r" % (wanted,))
except paramiko.AuthenticationException:
    pass
assert not transport.is_authenticated()
try:
    transport.open_session(timeout=20)
    raise SystemExit("a session without a login")
except (paramiko.SSHException, EOFError):
    pass
"#;
    let key = scene.scratch.path("client_key").display().to_string();
    scene.python(script, &[&key]).expect_success();
    scene.expect_refusal("carl", "publickey", "used before");
    assert_eq!(scene.logins("carl"), 0);
    // What ann proved is not carl's.
    let script = r#"
file, password = args
key = paramiko.Ed25519Key.from_private_key_file(file)
assert transport.auth_publickey("ann", key) == ["password"]
try:
    transport.auth_password("bob", password, fallback=False)
    raise SystemExit("as another user")
except (paramiko.SSHException, EOFError):
    pass
assert not transport.is_authenticated()
"#;
    scene.python(script, &[&key, PASSWORD]).expect_success();
    assert_eq!(scene.logins("ann") + scene.logins("bob"), 0);
}

#[test]
fn psftp_goes_through_a_chain() {
    let Some(scene) = Scene::start(USERS, &[]) else { return };
    let Some(putty) = Putty::new(&scene.scratch) else { return };
    let name = fresh_name();
    let batch = format!("put {} {name}\nquit\n", scene.source().display());
    let run = |password: &str| {
        let mut command = putty.command("psftp", &scene.server, &scene.scratch);
        command.args(["-pw", password, "-b", "/dev/stdin", "ann@127.0.0.1"]);
        Running::start(command, &batch).wait(LONG)
    };
    assert_ne!(run("incorrect").code, Some(0));
    assert!(!scene.scratch.served(&name).exists());
    run(PASSWORD).expect_success();
    scene.arrived(&scene.scratch.served(&name));
    assert_eq!((scene.proofs().len(), scene.logins("ann")), (2, 1));
}

/// OpenSSH's agent with these keys of the scratch folder; it ends with the value.
struct Agent {
    child: Child,
    socket: PathBuf,
}

impl Agent {
    fn with(scratch: &Scratch, keys: &[&str]) -> Agent {
        let socket = scratch.path("agent");
        let mut command = Command::new("ssh-agent");
        command.arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("ssh-agent runs");
        let agent = Agent { child, socket };
        let there = wait_for(SOON, || agent.socket.exists().then_some(()));
        assert!(there.is_some(), "ssh-agent opens its socket");
        for key in keys {
            let mut add = Command::new("ssh-add");
            add.arg("-q").arg(scratch.path(key)).env("SSH_AUTH_SOCK", &agent.socket);
            Running::start(add, "").wait(SOON).expect_success();
        }
        agent
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_agent_signs() {
    let Some(scene) = Scene::start(USERS, &[]) else { return };
    let agent = Agent::with(&scene.scratch, &["host_key", "stranger_key", "client_key"]);
    let socket = Some(agent.socket.clone());
    let login = Login { agent: socket, ..Login::of("dora", "publickey") };
    scene.carries(&login);
    // The chain takes both of its keys from there, and a password beside one.
    scene.carries(&Login { user: "carl", ..login.clone() });
    scene.carries(&Login { user: "ann", methods: "publickey,password", ..login.clone() });
    drop(agent);
    scene.refuses(&login);
}
