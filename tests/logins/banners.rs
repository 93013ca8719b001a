//! What is shown before a login and just before it succeeds, and which methods are on offer.

use super::support::client::Running;
use super::{BANNER, LONG, Login, Scene};

const MESSAGE: &str = "Files older than a month are removed.";

#[test]
fn the_banner_is_shown_to_all_and_the_message_to_whom_it_is_for() {
    let users = format!(
        "[users.ann]\nROOT\npassword_hash = 'HASH'\nmessage = '{MESSAGE}'\n\
         [users.bob]\nROOT\npassword_hash = 'HASH'\n"
    );
    for banner in ["DIR/banner", ""] {
        let Some(scene) = Scene::start(&users, &[("banner", banner)]) else { return };
        let shown = usize::from(!banner.is_empty());
        let banners = |said: &str| said.matches(BANNER.trim_end()).count();
        let said = scene.carries(&Login::of("ann", "password")).stderr;
        assert_eq!((banners(&said), said.matches(MESSAGE).count()), (shown, 1), "{said}");
        if shown == 1 {
            assert!(said.find(BANNER.trim_end()) < said.find(MESSAGE), "{said}");
        }
        let wrong = Login { password: "incorrect", ..Login::of("ann", "password") };
        let said = scene.refuses(&wrong).stderr;
        assert_eq!((banners(&said), said.matches(MESSAGE).count()), (shown, 0), "{said}");
        let said = scene.carries(&Login::of("bob", "password")).stderr;
        assert_eq!((banners(&said), said.matches(MESSAGE).count()), (shown, 0), "{said}");
        let said = scene.refuses(&Login::of("eve", "none")).stderr;
        assert_eq!((banners(&said), said.matches(MESSAGE).count()), (shown, 0), "{said}");
    }
}

/// Users with unlike chains, so that an answer of one's own would tell who is known.
#[test]
fn the_methods_on_offer_are_the_same_for_every_name() {
    let users = "\
        [users.ann]\nROOT\nauthorized_keys = ['KEY']\ntotp_secret = 'SECRET'\n\
        authentication_methods = ['publickey,keyboard-interactive']\n\
        [users.bob]\nROOT\npassword_hash = 'HASH'\nauthentication_methods = ['password']\n\
        [users.carl]\nROOT\nauthorized_keys = ['KEY', 'OTHER']\n\
        authentication_methods = ['publickey,publickey']\n\
        [users.dora]\nROOT\npassword_hash = 'HASH'\n\
        authentication_methods = ['keyboard-interactive']\n";
    let Some(scene) = Scene::start(users, &[]) else { return };
    let mut answers = Vec::new();
    for user in ["ann", "bob", "carl", "dora", "eve"] {
        let mut command = scene.openssh("ssh", &Login::of(user, "none"));
        command.args(["-v", "-p", &scene.port(), "127.0.0.1"]);
        let said = Running::start(command, "").wait(LONG).expect_code(255).stderr;
        let methods = said
            .lines()
            .find_map(|line| line.strip_prefix("debug1: Authentications that can continue: "));
        answers.push(methods.expect("a list of methods").trim().to_owned());
    }
    assert_eq!(answers, ["publickey,password,keyboard-interactive"; 5]);
    // paramiko's question for the methods, and after a proof that does not hold.
    let script = r#"
user, = args
try:
    transport.auth_none(user)
except paramiko.BadAuthenticationType as error:
    assert error.allowed_types == ["publickey", "password", "keyboard-interactive"], error
try:
    transport.auth_password(user, "incorrect", fallback=False)
except paramiko.BadAuthenticationType as error:
    raise
except paramiko.AuthenticationException:
    pass
asked = []
try:
    transport.auth_interactive(user, lambda *what: asked.append(what) or ["incorrect"])
except paramiko.AuthenticationException:
    pass
print(asked)
"#;
    let said = |user: &str| scene.python(script, &[user]).expect_success().stdout;
    let ann = said("ann");
    assert!(ann.contains("Password: "), "{ann}");
    for user in ["bob", "carl", "dora", "eve"] {
        assert_eq!(said(user), ann, "{user}");
    }
}
