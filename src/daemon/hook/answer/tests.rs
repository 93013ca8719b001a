use serde_json::{Value, json};

use super::*;

fn said(answer: &Value) -> Result<Grant, String> {
    read(&serde_json::to_vec(answer).unwrap())
}

/// What a hook may say, all of it right.
fn full(root: &Path) -> Value {
    json!({
        "accept": true, "root": root, "home": "/in", "read_only": true, "umask": "027",
        "symlinks": "refuse", "reason": "why not",
        "folders": [
            {"path": "/in", "permissions": ["list", "upload"]},
            {"path": "/out", "permissions": []},
            {"path": "/all", "permissions": ["all"]},
        ],
    })
}

#[test]
fn an_answer_gives_what_it_says_and_defaults_for_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let plain = said(&json!({"accept": true, "root": root})).unwrap();
    assert_eq!((plain.root, plain.home.as_str()), (root.clone(), "/"));
    assert_eq!((plain.read_only, plain.umask, plain.links), (false, None, None));
    assert_eq!(plain.rules.len(), 1);
    assert_eq!((&plain.rules[0].path[..], plain.rules[0].grants), (&b"/"[..], Grants::ALL));
    let given = said(&full(&root)).unwrap();
    assert_eq!((given.home.as_str(), given.read_only), ("/in", true));
    assert_eq!((given.umask, given.links), (Some(0o27), Some(Links::Refuse)));
    let of = |path: &str| {
        let rule = given.rules.iter().find(|rule| rule.path == path.as_bytes());
        rule.unwrap_or_else(|| panic!("{path}")).grants.names().collect::<Vec<_>>()
    };
    assert_eq!((of("/in"), of("/out")), (vec!["list", "upload"], vec![]));
    assert_eq!(of("/all"), of("/"));
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&root, &link).unwrap();
    let why = said(&json!({"accept": true, "root": link})).unwrap_err();
    assert!(why.contains("leads through a link"), "{why}");
}

/// Each field wrong in turn, in an answer that is right but for that.
#[test]
fn every_field_that_is_wrong_is_a_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let no_pair =
        json!([{"path": "/a", "permissions": []}, {"path": "/a", "permissions": ["all"]}]);
    let many: Vec<_> =
        (0..=RULES_MAX).map(|n| json!({"path": format!("/{n}"), "permissions": []})).collect();
    let cases = [
        ("accept", json!(1)),
        ("accept", json!("true")),
        ("accept", json!(null)),
        ("accept", json!(false)),
        ("accept", json!([true])),
        ("reason", json!(7)),
        ("root", json!(null)),
        ("root", json!("")),
        ("root", json!("srv")),
        ("root", json!("..")),
        ("root", json!(["/"])),
        ("root", json!(folder.path().join("missing"))),
        ("root", json!(file)),
        ("root", json!("/tmp\u{0}")),
        ("home", json!("in")),
        ("home", json!("")),
        ("home", json!("/in/..")),
        ("home", json!("/in/")),
        ("home", json!(null)),
        ("read_only", json!("true")),
        ("read_only", json!(1)),
        ("read_only", json!(null)),
        ("umask", json!(18)),
        ("umask", json!("")),
        ("umask", json!("8")),
        ("umask", json!("1000")),
        ("umask", json!("0o22")),
        ("symlinks", json!("maybe")),
        ("symlinks", json!("Follow")),
        ("symlinks", json!(null)),
        ("folders", json!({})),
        ("folders", json!(null)),
        ("folders", json!(["/in"])),
        ("folders", json!([{"path": "/in"}])),
        ("folders", json!([{"permissions": ["list"]}])),
        ("folders", json!([{"path": "in", "permissions": ["list"]}])),
        ("folders", json!([{"path": "/in", "permissions": "list"}])),
        ("folders", json!([{"path": "/in", "permissions": ["List"]}])),
        ("folders", json!([{"path": "/in", "permissions": ["list"], "denied": ["*"]}])),
        ("folders", no_pair),
        ("folders", json!(many)),
        ("readonly", json!(true)),
        ("uid", json!(0)),
    ];
    for (key, value) in cases {
        let mut answer = full(folder.path());
        assert!(said(&answer).is_ok());
        answer[key] = value;
        let shown: String = answer[key].to_string().chars().take(80).collect();
        assert!(said(&answer).is_err(), "{key} = {shown}");
    }
    for key in ["accept", "root"] {
        let mut answer = full(folder.path());
        answer.as_object_mut().unwrap().remove(key);
        let why = said(&answer).unwrap_err();
        assert!(why.contains(key), "{why}");
    }
}

#[test]
fn what_is_not_one_object_is_a_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let good = format!("{{\"accept\": true, \"root\": {:?}}}", folder.path());
    assert!(read(good.as_bytes()).is_ok());
    assert!(read(format!(" {good}\n\n").as_bytes()).is_ok());
    let twice = good.replacen('{', "{\"accept\": true, ", 1);
    let cases = [
        String::new(),
        "\n".to_owned(),
        "true".to_owned(),
        "null".to_owned(),
        "accept".to_owned(),
        "[true]".to_owned(),
        format!("[true, \"\", {:?}]", folder.path()),
        format!("[{good}]"),
        format!("{good}{good}"),
        format!("{good} x"),
        format!("ok\n{good}"),
        good[..good.len() - 1].to_owned(),
        good.replace("true", "True"),
        good.replace('"', "'"),
        twice,
        "[".repeat(ANSWER_BYTES_MAX),
    ];
    for text in cases {
        let shown: String = text.chars().take(80).collect();
        assert!(read(text.as_bytes()).is_err(), "{shown}");
    }
    assert!(read(b"{\"accept\": true, \"root\": \"/\xff\"}").is_err());
    let padded = |bytes: usize| good.clone() + &" ".repeat(bytes - good.len());
    assert!(read(padded(ANSWER_BYTES_MAX).as_bytes()).is_ok());
    let why = read(padded(ANSWER_BYTES_MAX + 1).as_bytes()).unwrap_err();
    assert!(why.contains("longer than 65536 bytes"), "{why}");
}

#[test]
fn a_refusal_tells_its_reason() {
    let refused = |reason: &str| said(&json!({"accept": false, "reason": reason})).unwrap_err();
    assert_eq!(refused("no such customer"), "the hook refuses: no such customer");
    assert_eq!(said(&json!({"accept": false})).unwrap_err(), "the hook refuses");
    assert!(refused(&"ü".repeat(10_000)).chars().count() < 300);
}
