use std::fs;
use std::time::Instant;

use tempfile::TempDir;

use super::limits::{ANSWER_BYTES_MAX, STDERR_BYTES_MAX};
use super::*;
use crate::auth::{Attempt, Authenticator, Login, Proven, Verdict, Work};
use crate::daemon::config::{Layer, load};
use crate::server::Profile;

/// A shell script as a hook.
fn script(folder: &TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("hook");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path
}

/// What a script answers that has a second.
fn asked(text: &str, question: &[u8]) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let (path, arguments) = (script(&folder, text), vec!["one".to_owned(), "t w o".to_owned()]);
    let program = Program { path, arguments, timeout: Duration::from_secs(1) };
    program.ask("ann", question).map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn a_program_reads_the_question_and_writes_the_answer() {
    let question = "x".repeat(200_000) + "\n";
    assert_eq!(asked("exec wc -c", question.as_bytes()).unwrap().trim(), "200001");
    assert_eq!(asked("cat", b"to be or not").unwrap(), "to be or not");
    assert_eq!(asked("printf '%s|' \"$@\"; pwd", b"").unwrap(), "one|t w o|/\n");
    // It need not read.
    assert_eq!(asked("echo yes", question.as_bytes()).unwrap(), "yes\n");
    assert_eq!(asked("exec <&- 2>&-; sleep 0.1; echo yes", b"x").unwrap(), "yes\n");
}

/// Neither our environment nor our descriptors, and no signals that are blocked.
#[test]
fn a_program_starts_clean() {
    let folder = tempfile::tempdir().unwrap();
    let _held = fs::File::open(folder.path()).unwrap();
    let environment = asked("exec env", b"").unwrap();
    let names: Vec<_> = environment.lines().filter_map(|it| it.split('=').next()).collect();
    // PWD and _ are the shell's own.
    let strange = names.iter().find(|name| !["PATH", "PWD", "_", "OLDPWD"].contains(name));
    assert_eq!(strange, None, "{environment}");
    // The last is the folder that ls reads.
    assert_eq!(asked("exec ls /proc/self/fd", b"").unwrap(), "0\n1\n2\n3\n");
    let blocked = asked("exec grep SigBlk /proc/self/status", b"").unwrap();
    assert_eq!(blocked.split_whitespace().last(), Some("0000000000000000"));
}

#[test]
fn what_ends_badly_gives_no_answer() {
    for (text, cause) in [
        ("echo yes; exit 1", "exit status: 1"),
        ("echo yes; kill -9 $$", "signal: 9"),
        ("echo yes; sleep 60", "has not answered in 1s"),
        ("exec >&- 2>&-; sleep 60", "has not answered in 1s"),
        ("while :; do echo x >&2; done", "has not answered in 1s"),
        ("exec yes", "longer than 65536 bytes"),
        ("head -c 1048576 /dev/zero", "longer than 65536 bytes"),
        ("head -c 65537 /dev/zero", "longer than 65536 bytes"),
    ] {
        let why = asked(text, b"q").unwrap_err();
        assert!(why.contains(cause), "{text}: {why}");
    }
    assert_eq!(asked("head -c 65536 /dev/zero", b"").unwrap().len(), ANSWER_BYTES_MAX);
    let (path, arguments) = (PathBuf::from("/nonexistent/hook"), Vec::new());
    let program = Program { path, arguments, timeout: Duration::from_secs(1) };
    assert!(program.ask("ann", b"").unwrap_err().contains("cannot be started"));
    const { assert!(STDERR_BYTES_MAX < ANSWER_BYTES_MAX) }
}

/// What a program leaves running has its stdout, and goes when the program has ended.
#[test]
fn children_are_waited_for_by_nobody_and_killed() {
    let folder = tempfile::tempdir().unwrap();
    for (end, ok) in [("exit 0", true), ("exit 3", false), ("sleep 60", false)] {
        let pids = folder.path().join("pids");
        let text = format!("sleep 60 & echo $! $$ >{}; echo yes; {end}", pids.display());
        let start = Instant::now();
        assert_eq!(asked(&text, b"").is_ok(), ok, "{end}");
        assert!(start.elapsed() < Duration::from_secs(30));
        let pids = fs::read_to_string(pids).unwrap();
        for pid in pids.split_whitespace() {
            // Killed children are reaped by whoever inherits them, which may take its time.
            let state = || fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let gone = || {
                let state = state();
                state.is_empty() || state.contains(") Z ")
            };
            while !gone() && start.elapsed() < Duration::from_secs(30) {
                std::thread::sleep(Duration::from_millis(5));
            }
            assert!(gone(), "{end}: {}", state());
        }
        let own = pids.split_whitespace().nth(1).unwrap();
        assert!(!Path::new(&format!("/proc/{own}")).exists(), "{end}: it was not reaped");
    }
}

fn run(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Later(work) => Work::run(work),
        other => other,
    }
}

/// A hook that accepts everybody and everything, and takes down what it was asked.
struct Scene {
    folder: TempDir,
    logins: Arc<dyn Authenticator>,
}

impl Scene {
    fn new(more: &str, answer: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().display();
        let answer = answer.replace("ROOT", &place.to_string());
        fs::write(folder.path().join("answer"), answer).unwrap();
        let path = script(&folder, &format!("cat >>{place}/asked; cat {place}/answer"));
        let text = format!("auth_hook = '{}'\n{more}", path.display());
        let config = load(&[Layer::File { name: "f", text: &text }]).unwrap();
        let timeout = Duration::from_secs(config.auth_hook_timeout);
        let rules = key_rules(&config);
        let mut access = Access::unrestricted();
        access.read_only = config.read_only;
        let terms = Terms {
            methods: config.auth_hook_methods.clone(),
            prompts: Prompts::default(),
            trust: trust::trust(&config, &rules).unwrap(),
            rules,
            links: links(config.symlinks),
            access,
            umask: 0o22,
        };
        let hook = Hook::new(&config.auth_hook, timeout).unwrap();
        Self { folder, logins: Arc::new(HookLogins::new(hook, terms)) }
    }

    /// How often the hook was asked.
    fn questions(&self) -> usize {
        let asked = fs::read_to_string(self.folder.path().join("asked")).unwrap_or_default();
        asked.lines().count()
    }
}

const AT: Attempt = Attempt { peer: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), now: 0 };

const YES: &str = "{\"accept\": true, \"root\": \"ROOT\"}";

fn password(text: &str) -> crate::auth::Given {
    zeroize::Zeroizing::new(text.to_owned())
}

fn refused(verdict: Verdict) -> String {
    match run(verdict) {
        Verdict::Reject { cause } => cause,
        other => panic!("{other:?}"),
    }
}

/// What no hook should have to think of.
#[test]
fn some_things_the_hook_is_not_asked() {
    let scene = Scene::new("", YES);
    let (logins, login) = (&scene.logins, Login::default());
    for (user, text) in [
        ("ann", ""),
        ("ann", "a\0b"),
        ("../root", "x"),
        ("..", "x"),
        ("", "x"),
        ("a\nb", "x"),
        ("a\0b", "x"),
        (&"a".repeat(65), "x"),
    ] {
        refused(logins.password(user, password(text), &login, &AT));
    }
    assert_eq!(refused(logins.interactive("ann", &login, &AT)), "the method is not offered");
    let answers = vec![password("x")];
    assert_eq!(refused(logins.answers("ann", answers, &login, &AT)), "the method is not offered");
    refused(logins.key_offered("ann", b"no key", &login, &AT));
    assert_eq!((scene.questions(), login.granted::<Profile>().is_none()), (0, true));
    let only_keys = Scene::new("auth_hook_methods = 'publickey'", YES);
    assert_eq!(only_keys.logins.methods(), ["publickey"]);
    let why = refused(only_keys.logins.password("ann", password("x"), &login, &AT));
    assert_eq!((why.as_str(), only_keys.questions()), ("the method is not offered", 0));
}

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGILoQMasvjSnfyOJCTmHXeOzyU9GRwRHd0BA0lqPCy/";

fn blob() -> Vec<u8> {
    let rules = key_rules(&load(&[]).unwrap());
    crate::auth::authorized_keys::parse(KEY.as_bytes(), &rules).keys.remove(0).blob
}

#[test]
fn only_a_proof_is_granted_something() {
    let scene = Scene::new("", YES);
    let (logins, login, blob) = (&scene.logins, Login::default(), blob());
    assert_eq!(run(logins.key_offered("ann", &blob, &login, &AT)), Verdict::Accept);
    assert!(login.granted::<Profile>().is_none());
    let key = Proven { blob: &blob, presence: None };
    assert_eq!(run(logins.key_verified("ann", key, &login, &AT)), Verdict::Accept);
    assert!(login.granted::<Profile>().is_some());
    let asked = fs::read_to_string(scene.folder.path().join("asked")).unwrap();
    let proven: Vec<_> = asked.lines().map(|line| line.contains("\"proven\":true")).collect();
    assert_eq!(proven, [false, true], "{asked}");
    let other = Login::default();
    assert_eq!(run(logins.password("ann", password("x"), &other, &AT)), Verdict::Accept);
    assert!(other.granted::<Profile>().is_some());
    // What is revoked the hook is not asked about, however often it would accept.
    let list = scene.folder.path().join("revoked");
    fs::write(&list, KEY).unwrap();
    fs::set_permissions(&list, fs::Permissions::from_mode(0o600)).unwrap();
    let scene = Scene::new(&format!("revoked_keys = '{}'", list.display()), YES);
    refused(scene.logins.key_verified("ann", key, &login, &AT));
    assert_eq!(scene.questions(), 0);
}

#[test]
fn an_answer_restricts_what_the_configuration_leaves() {
    let profile = |more: &str, answer: &str| {
        let (scene, login) = (Scene::new(more, answer), Login::default());
        let verdict = run(scene.logins.password("ann", password("x"), &login, &AT));
        verdict.eq(&Verdict::Accept).then(|| login.granted::<Profile>().unwrap())
    };
    let access = |more: &str, answer: &str| profile(more, answer).unwrap().access.clone();
    assert!(!access("", YES).read_only);
    assert!(access("read_only = true", YES).read_only);
    let with = |more: &str| YES.replace('}', &format!(", {more}}}"));
    assert!(access("", &with("\"read_only\": true")).read_only);
    assert!(access("read_only = true", &with("\"read_only\": false")).read_only);
    assert_eq!(access("", &with("\"home\": \"/in\"")).home, b"/in");
    // The process's takes off 022 for everybody.
    assert_eq!(access("", &with("\"umask\": \"077\"")).umask, 0o55);
    assert_eq!(access("", &with("\"umask\": \"022\"")).umask, 0);
    assert!(profile("", &with("\"umask\": \"002\"")).is_none());
    assert!(profile("", "{\"accept\": false}").is_none());
    assert!(profile("", "").is_none());
}

#[test]
fn the_interactive_method_asks_for_one_password() {
    let scene = Scene::new("auth_hook_methods = 'keyboard-interactive'", YES);
    let (logins, login) = (&scene.logins, Login::default());
    assert!(matches!(logins.interactive("ann", &login, &AT), Verdict::Ask(_)));
    for given in [vec![], vec!["x", "y"], vec![""]] {
        let given = given.into_iter().map(password).collect();
        refused(logins.answers("ann", given, &login, &AT));
    }
    assert_eq!(scene.questions(), 0);
    assert_eq!(run(logins.answers("ann", vec![password("x")], &login, &AT)), Verdict::Accept);
    let asked = fs::read_to_string(scene.folder.path().join("asked")).unwrap();
    assert!(asked.contains("\"method\":\"keyboard-interactive\""), "{asked}");
}

#[test]
fn a_program_that_others_can_change_is_no_hook() {
    let folder = tempfile::tempdir().unwrap();
    let path = script(&folder, "echo");
    let check = |hook: &str| {
        let text = format!("auth_hook = '{hook}'");
        let config = load(&[Layer::File { name: "f", text: &text }]).unwrap();
        check_program(&config).map_err(|failure| failure.causes.join(" "))
    };
    let shown = path.display().to_string();
    let with = |mode| {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        check(&shown)
    };
    assert_eq!((with(0o755), with(0o700)), (Ok(()), Ok(())));
    assert!(with(0o775).unwrap_err().contains("others may write it (mode 0775)"));
    assert!(with(0o702).unwrap_err().contains("others may write it"));
    assert!(with(0o644).unwrap_err().contains("no program"));
    assert!(check(&folder.path().display().to_string()).unwrap_err().contains("no program"));
    assert!(check("/nonexistent/hook").is_err());
    assert_eq!(check("http://127.0.0.1:1/"), Ok(()));
}

/// A service that gives one answer to whatever comes, as it is.
fn served(response: &'static [u8], hang: bool) -> Result<String, String> {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/login?a=b", listener.local_addr().unwrap());
    let service = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
        while !seen.ends_with(b"the question") {
            match stream.read(&mut buffer).unwrap() {
                0 => break,
                count => seen.extend(&buffer[..count]),
            }
        }
        let _ = stream.write_all(response);
        if hang {
            let _ = stream.read(&mut buffer);
        }
        String::from_utf8(seen).unwrap()
    });
    let hook = Hook::new(&[url], Duration::from_secs(1)).unwrap();
    let answer = hook.ask("ann", b"the question");
    let seen = service.join().unwrap();
    assert!(seen.starts_with("POST /login?a=b HTTP/1.0\r\nHost: 127.0.0.1:"), "{seen}");
    assert!(seen.contains("\r\nContent-Length: 12\r\n"), "{seen}");
    answer.map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn a_service_is_asked_over_http() {
    let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    // With its length an answer does not wait for the end of the connection.
    assert_eq!(served(whole, true).unwrap(), "{}");
    assert_eq!(served(b"HTTP/1.0 200 OK\r\n\r\n{}", false).unwrap(), "{}");
    let why = served(b"HTTP/1.0 200 OK\r\n\r\n{}", true).unwrap_err();
    assert!(why.contains("has not answered in 1s"), "{why}");
    assert!(served(b"", true).unwrap_err().contains("has not answered in 1s"));
    assert!(served(b"HTTP/1.0 403 No\r\n\r\n{}", false).unwrap_err().contains("status 403"));
    let endless: &[u8] =
        Box::leak([&b"HTTP/1.0 200 OK\r\n\r\n"[..], &[b' '; 1 << 20]].concat().into());
    let long = served(endless, false)
        .and_then(|text| answer::read(text.as_bytes()).map(|_| String::new()));
    assert!(long.unwrap_err().contains("longer than 65536 bytes"));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let hook = Hook::new(&[url], Duration::from_secs(1)).unwrap();
    assert!(hook.ask("ann", b"").unwrap_err().contains("refused"));
}
