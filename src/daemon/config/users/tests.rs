use std::path::Path;

use super::*;
use crate::vfs::Grants;

fn loaded(text: &str) -> Result<Vec<UserTables>, Vec<String>> {
    let faults = |faults: Vec<Fault>| faults.iter().map(Fault::to_string).collect();
    load_users("users.toml", text).map_err(faults)
}

/// Everything that is said about a faulty file.
fn said(text: &str) -> Vec<String> {
    loaded(text).expect_err(text)
}

/// The single thing that is said.
fn fault(text: &str) -> String {
    let said = said(text);
    assert_eq!(said.len(), 1, "{text}: {said:?}");
    said[0].clone()
}

#[test]
fn a_user_has_what_the_file_says_and_defaults_for_the_rest() {
    let users = loaded(
        "[users.ann]\nroot = '/srv/ann'\nauthorized_keys = ['k1', 'k2']\n\
         authorized_keys_files = '/etc/keys'\npassword_hash = 'hash'\n\
         totp_secret = 'secret'\nprincipals = 'ops'\n\
         home = '/in'\nread_only = true\numask = '022'\n\
         file_mode = '0640'\ndirectory_mode = '1750'\nignore_setstat = ['mode', 'times']\n\
         symlinks = 'refuse'\nquota_bytes = '10G'\nquota_files = 1000\nfree_bytes_min = '1M'\n\
         [[users.ann.mounts]]\npath = '/in'\nfolder = '/data/in'\n\
         [[users.ann.folders]]\npath = '/in'\npermissions = ['list', 'upload']\n\
         allowed = ['*.csv']\ndenied = ['x*']\nhidden = ['.*']\n\
         [users.\"bob b\"]\nroot = '/srv/bob'\n",
    )
    .unwrap();
    assert_eq!(users.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), ["ann", "bob b"]);
    let ann = &users[0].user.value;
    assert_eq!(ann.root, Path::new("/srv/ann"));
    assert_eq!(ann.authorized_keys, ["k1", "k2"]);
    assert_eq!(ann.authorized_keys_files, [Path::new("/etc/keys")]);
    assert_eq!((ann.password_hash.as_str(), ann.totp_secret.as_str()), ("hash", "secret"));
    let shown = format!("{ann:?}");
    assert!(!shown.contains("\"hash\"") && !shown.contains("\"secret\""), "{shown}");
    assert_eq!(ann.principals, ["ops"]);
    assert_eq!((ann.home.as_str(), ann.read_only, ann.symlinks), ("/in", true, "refuse"));
    assert_eq!(ann.umask, Some(0o22));
    assert_eq!((ann.file_mode, ann.directory_mode), (Some(0o640), Some(0o1750)));
    assert_eq!(ann.ignore_setstat, ["mode", "times"]);
    assert_eq!((ann.quota_bytes, ann.quota_files, ann.free_bytes_min), (10 << 30, 1000, 1 << 20));
    let mount = &users[0].mounts[0].value;
    assert_eq!((mount.path.as_str(), mount.folder.as_path()), ("/in", Path::new("/data/in")));
    let folder = &users[0].folders[0].value;
    assert_eq!((folder.path.as_str(), &folder.permissions[..]), ("/in", &["list", "upload"][..]));
    assert_eq!(
        (&folder.allowed[..], &folder.denied[..], &folder.hidden[..]),
        (&["*.csv".to_owned()][..], &["x*".to_owned()][..], &[".*".to_owned()][..])
    );
    let bob = UserSettings {
        root: "/srv/bob".into(),
        home: "/".to_owned(),
        symlinks: "follow",
        ..UserSettings::default()
    };
    assert_eq!(users[1].user.value, bob);
    assert!(users[1].mounts.is_empty() && users[1].folders.is_empty());
}

#[test]
fn a_folder_permits_everything_unless_it_says_what() {
    let users = loaded(
        "[users.a]\nroot = '/'\nfolders = [{ path = '/x' }, { path = '/y', permissions = [] }]",
    )
    .unwrap();
    assert_eq!(users[0].folders[0].value.permissions, ["all"]);
    assert!(users[0].folders[1].value.permissions.is_empty());
}

/// What is wrong, what is said; the line is told with each.
#[test]
fn every_mistake_names_its_line_its_key_and_what_is_allowed() {
    let permissions = Grants::ALL.names().collect::<Vec<_>>().join(", ");
    let unknown = format!(
        "3: users.ann.folders.permissions: \"fly\" is unknown; allowed: one or a list of \
         {permissions}, all"
    );
    for (text, expected) in [
        ("", "1: there is no user; one is a table [users.NAME]"),
        ("[user.ann]", "1: there is no key \"user\"; did you mean users?"),
        ("users = 3", "1: users: it is not a table"),
        ("[users]\nann = 3", "2: users.ann: it is not a table; a user is a table [users.NAME]"),
        ("[users.ann]", "1: users.ann: there is no folder to see: set root, or give mounts"),
        (
            "[users.ann]\nroot = '/'\nquota = 3",
            "3: users.ann: there is no key \"quota\"; the chapter users of the manual tells them \
             all",
        ),
        (
            "[users.ann]\nroot = '/'\nquota_byte = 3",
            "3: users.ann: there is no key \"quota_byte\"; did you mean quota_bytes?",
        ),
        (
            "[users.ann]\nroot = 'data'",
            "2: users.ann.root: \"data\" does not start with /; allowed: an absolute path",
        ),
        (
            "[users.ann]\nroot = ''",
            "2: users.ann.root: the path is empty; allowed: an absolute path",
        ),
        (
            "[users.ann]\nroot = '/'\nhome = 'in'",
            "3: users.ann.home: \"in\" does not start with /; allowed: an absolute path without . \
             and .. and without a / at its end",
        ),
        (
            "[users.ann]\nroot = '/'\npassword_hash = ''",
            "3: users.ann.password_hash: it is empty; allowed: the hash of a password, from \
             ringferry passwd",
        ),
        (
            "[users.ann]\nroot = '/'\ntotp_secret = 234567",
            "3: users.ann.totp_secret: it is not a string; allowed: a secret of one-time codes, \
             from ringferry passwd --totp NAME",
        ),
        ("[users.ann]\nroot = '/'\numask = 022", "3: unexpected leading zero"),
        (
            "[users.ann]\nroot = '/'\numask = 22",
            "3: users.ann.umask: 22 is not a string; allowed: octal digits in quotes, up to \
             \"0777\"; empty: the umask the server was started with",
        ),
        (
            "[users.ann]\nroot = '/'\nfile_mode = '4755'",
            "3: users.ann.file_mode: \"4755\" is not octal digits up to 0777; allowed: octal \
             digits in quotes, up to \"0777\"; empty: what the client asks for",
        ),
        (
            "[users.ann]\nroot = '/'\nignore_setstat = ['size']",
            "3: users.ann.ignore_setstat: \"size\" is unknown; allowed: one or a list of mode, \
             owner, times",
        ),
        (
            "[users.ann]\nroot = '/'\nsymlinks = 'never'",
            "3: users.ann.symlinks: \"never\" is unknown; allowed: follow or refuse",
        ),
        (
            "[users.ann]\nroot = '/'\nquota_bytes = '10T'",
            "3: users.ann.quota_bytes: \"10T\" is not a number of bytes; allowed: bytes, such as \
             65536 or \"64K\" (K, M, G), from 1 to 9223372036854775807, or 0: no quota",
        ),
        (
            "[users.ann]\nprincipals = ['a', 'b,c']\nroot = '/'",
            "2: users.ann.principals: \"b,c\" is in no certificate; allowed: a list of names \
             without commas and control characters",
        ),
        (
            "[users.ann]\nauthorized_keys_files = 'keys'\nroot = '/'",
            "2: users.ann.authorized_keys_files: \"keys\" does not start with /; allowed: an \
             absolute path or a list of them",
        ),
        (
            "[users.ann]\nmounts = '/in'",
            "2: users.ann.mounts: it is not a list of tables; one is a table \
             [[users.ann.mounts]]",
        ),
        (
            "[users.ann]\nmounts = ['/in']",
            "2: users.ann.mounts: an item of the list is not a table",
        ),
        ("[[users.ann.mounts]]\npath = '/in'", "1: users.ann.mounts: the key folder is missing"),
        (
            "[users.ann]\nmounts = [\n  { path = '/a', folder = '/' },\n  { path = '/a', \
             folder = '/' },\n]",
            "4: users.ann.mounts.path: \"/a\": a folder is mounted there already",
        ),
        (
            "[users.ann]\nroot = '/srv'\n[[users.ann.mounts]]\npath = '/'\nfolder = '/data'",
            "4: users.ann.mounts.path: \"/\": a folder is mounted there already",
        ),
        (
            "[[users.ann.mounts]]\npath = '/a/../b'\nfolder = '/data'",
            "2: users.ann.mounts.path: \"/a/../b\" has a .. in it; allowed: an absolute path \
             without . and .. and without a / at its end",
        ),
        (
            "[users.ann]\nroot = '/'\n[[users.ann.folders]]\npermissions = 'all'",
            "3: users.ann.folders: the key path is missing",
        ),
        ("[users.ann]\nroot = '/'\nfolders = [{ path = '/', permissions = ['fly'] }]", &unknown),
        (
            "[users.ann]\nroot = '/'\nfolders = [{ path = '/', permissions = ['list', 'all'] }]",
            "3: users.ann.folders.permissions: \"all\" stands for every permission, alone",
        ),
        (
            "[users.ann]\nroot = '/'\nfolders = [{ path = '/a' },\n{ path = '/a' }]",
            "4: users.ann.folders.path: \"/a\": the folder has a table already",
        ),
    ] {
        let said = fault(text);
        assert!(said.starts_with(&format!("users.toml:{expected}")), "{text}\n{said}\n{expected}");
    }
}

#[test]
fn patterns_are_checked_with_their_text() {
    let with =
        |line: &str| format!("[users.ann]\nroot = '/'\n[[users.ann.folders]]\npath = '/'\n{line}");
    for (line, expected) in [
        ("allowed = ['']", "users.ann.folders.allowed: a pattern is empty; allowed: a list of"),
        ("denied = ['a/b']", "users.ann.folders.denied: \"a/b\" has a / in it; names have none"),
        ("hidden = ['[a']", "users.ann.folders.hidden: "),
    ] {
        let said = fault(&with(line));
        assert!(said.starts_with(&format!("users.toml:5: {expected}")), "{said}");
    }
    assert!(fault(&with("hidden = ['[a']")).contains("[a"));
}

#[test]
fn names_of_users_are_names() {
    for (name, expected) in [
        ("''", "users.\"\": a login name is empty"),
        ("'.'", "users.\".\": . is no login name"),
        ("'..'", "users.\"..\": .. is no login name"),
        ("'a/b'", "users.\"a/b\": a login name has a / in it"),
        ("\"a\\u001b\"", "users.\"a\\u001B\": a login name has a control character in it"),
        ("\"a\\u0000\"", "users.\"a\\u0000\": a login name has a control character in it"),
    ] {
        assert_eq!(
            fault(&format!("[users.{name}]\nroot = '/'")),
            format!("users.toml:1: {expected}")
        );
    }
    let long = "a".repeat(64);
    assert!(loaded(&format!("[users.{long}]\nroot = '/'")).is_ok());
    assert!(fault(&format!("[users.{long}a]\nroot = '/'")).contains("longer than 64 bytes"));
}

#[test]
fn all_mistakes_are_told_in_the_order_of_the_lines() {
    let said = said(
        "[users.ann]\nroot = 1\n[[users.ann.folders]]\npath = '/'\npermissions = 'fly'\n\
         [users.bob]\nhome = ''\nrooot = '/'\n[users.'.']\n",
    );
    let places: Vec<_> = said.iter().map(|fault| fault.split(": ").next().unwrap()).collect();
    assert_eq!(
        places,
        ["users.toml:2", "users.toml:5", "users.toml:7", "users.toml:8", "users.toml:9"],
        "{said:?}"
    );
}

#[test]
fn counts_are_bounded() {
    let mounts: String = (0..=MOUNTS_MAX)
        .map(|n| format!("[[users.a.mounts]]\npath = '/{n}'\nfolder = '/'\n"))
        .collect();
    assert!(fault(&mounts).ends_with(&format!("there are more than {MOUNTS_MAX}")));
    let folders: String =
        (0..=RULES_MAX).map(|n| format!("[[users.a.folders]]\npath = '/{n}'\n")).collect();
    let said = fault(&format!("[users.a]\nroot = '/'\n{folders}"));
    assert!(said.ends_with(&format!("there are more than {RULES_MAX}")), "{said}");
    let users: String = (0..=USERS_MAX).map(|n| format!("[users.{n}]\nroot = '/'\n")).collect();
    assert!(fault(&users).ends_with("there are more than 10000 users"));
}

#[test]
fn every_key_refuses_a_value_of_the_wrong_type() {
    let refuse = |table: &str, keys: Vec<&str>| {
        for key in keys {
            for value in ["1.5", "[[1]]", "2026-01-01"] {
                let said = said(&format!("{table}{key} = {value}"));
                let told = format!(".{key}: ");
                assert!(said.iter().any(|it| it.contains(&told)), "{key} = {value}: {said:?}");
            }
        }
    };
    refuse("[users.a]\n", USER.keys().collect());
    refuse("[[users.a.mounts]]\n", MOUNT.keys().collect());
    refuse("[[users.a.folders]]\n", FOLDER.keys().collect());
}

#[test]
fn a_later_finding_still_names_the_line() {
    let users = loaded(
        "[users.ann]\nroot = '/srv'\nauthorized_keys = [\n  'one',\n  'two',\n]\n\
         [[users.ann.mounts]]\npath = '/in'\nfolder = '/data'\n",
    )
    .unwrap();
    let user = &users[0];
    assert_eq!(user.user.fault("root", "x").to_string(), "users.toml:2: users.ann.root: x");
    let key = user.user.item_fault("authorized_keys", 1, "x");
    assert_eq!(key.to_string(), "users.toml:5: users.ann.authorized_keys: x");
    let folder = user.mounts[0].fault("folder", "x");
    assert_eq!(folder.to_string(), "users.toml:9: users.ann.mounts.folder: x");
    assert_eq!(user.user.fault("home", "x").place, "users.toml:1", "of a key that is not there");
}

#[test]
fn text_that_does_not_parse_names_the_line() {
    let said = fault("[users.ann]\nroot = = '/'\n");
    assert!(said.starts_with("users.toml:2: "), "{said}");
    let said = fault("[users.ann]\nroot = '/'\n[users.ann]\n");
    assert!(said.starts_with("users.toml:3: "), "{said}");
}

/// Both are written by hand.
#[test]
fn the_manual_and_the_example_know_every_key() {
    let manual = include_str!("../../../manual/users.md");
    let example = include_str!("../../../../examples/users.toml");
    let documented = USER.definitions.iter().map(|row| (row.key, row.doc));
    let documented = documented
        .chain(MOUNT.definitions.iter().map(|row| (row.key, row.doc)))
        .chain(FOLDER.definitions.iter().map(|row| (row.key, row.doc)));
    for (key, doc) in documented {
        assert!(doc.ends_with('.') && doc.len() > 20, "{key}");
        assert!(manual.contains(&format!("| `{key}` |")), "{key}");
        assert!(example.contains(&format!("\n{key} = ")), "{key}");
    }
    for permission in Grants::ALL.names() {
        assert!(manual.contains(&format!("| `{permission}` |")), "{permission}");
    }
    let users = loaded(example).unwrap();
    assert_eq!(users.len(), 3);
}
