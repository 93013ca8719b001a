use std::path::PathBuf;

use super::super::defs::{DEFINITIONS, defaults};
use super::super::render::render;
use super::*;
use crate::crypto::Preset;

fn from_file(text: &str) -> Result<Config, Vec<String>> {
    strings(load(&[Layer::File { name: "ferry.toml", text }]))
}

fn from_set(argument: &str) -> Result<Config, Vec<String>> {
    strings(load(&[Layer::Set(argument)]))
}

fn strings(result: Result<Config, Vec<Fault>>) -> Result<Config, Vec<String>> {
    result.map_err(|faults| faults.iter().map(Fault::to_string).collect())
}

/// The single fault.
fn fault(result: Result<Config, Vec<String>>) -> String {
    let faults = result.expect_err("it loaded");
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults[0].clone()
}

#[test]
fn defaults_are_what_the_documentation_says() {
    let config = load(&[]).unwrap();
    assert_eq!(config, defaults().unwrap());
    assert_eq!(config.listen, ["127.0.0.1:2222".parse().unwrap()]);
    assert_eq!(config.root, PathBuf::from("./ringferry-data"));
    assert_eq!((config.max_auth_tries, config.login_grace_time), (6, 120));
    assert_eq!((config.client_alive_interval, config.client_alive_count_max), (60, 3));
    assert_eq!((config.max_sessions, config.shards), (10, 0));
    assert_eq!((config.driver, config.log_level, config.log_format), ("auto", "info", "text"));
    assert_eq!(config.cipher_names(), Preset::Default.ciphers());
    assert!(!config.read_only);
}

#[test]
fn every_key_is_named_once_and_documented() {
    for (at, definition) in DEFINITIONS.iter().enumerate() {
        let key = definition.key;
        assert!(key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{key}");
        assert!(DEFINITIONS[at + 1..].iter().all(|later| later.key != key), "{key} twice");
        assert!(definition.doc.ends_with('.') && definition.doc.len() > 20, "{key}");
    }
}

#[test]
fn what_check_prints_is_read_back_to_the_same_values() {
    let text = "listen = ['[::1]:0', '0.0.0.0:22']\nroot = '/srv/a \"b\"'\nuser = 'ann'\n\
        authorized_keys = '/k'\nhost_key = ['/a', '/b']\nread_only = true\nshards = 3\n\
        driver = 'poll'\nlog_level = 'debug'\nlog_format = 'json'\nmax_auth_tries = 1\n\
        login_grace_time = '2m'\nclient_alive_interval = 15\nclient_alive_count_max = 0\n\
        key_renegotiation_threshold = '1G'\nmax_sessions = 2\nmax_connections = 7\n\
        idle_timeout = '1h30m'\n";
    let config = from_file(text).unwrap();
    assert_eq!(config.key_renegotiation_threshold, 1 << 30);
    assert_eq!((config.login_grace_time, config.idle_timeout), (120, 5_400));
    let printed = render(&config);
    assert_eq!(from_file(&printed).unwrap(), config);
    for definition in DEFINITIONS {
        let lines = printed.lines().filter(|line| {
            line.strip_prefix(definition.key).is_some_and(|rest| rest.starts_with(" = "))
        });
        assert_eq!(lines.count(), 1, "{}", definition.key);
    }
    assert!(printed.lines().all(|line| line.len() <= 100 || !line.starts_with('#')), "{printed}");
}

#[test]
fn a_wrong_value_names_file_line_key_and_what_is_allowed() {
    let text = "# first\n\nread_only = 1\n";
    assert_eq!(
        fault(from_file(text)),
        "ferry.toml:3: read_only: 1 is not true or false; allowed: true or false"
    );
    assert_eq!(
        fault(from_file("max_auth_tries = 'six'")),
        "ferry.toml:1: max_auth_tries: \"six\" is not an integer; \
         allowed: an integer from 1 to 1000"
    );
    assert_eq!(
        fault(from_file("user = 'a'\nshards = 1025")),
        "ferry.toml:2: shards: 1025 is out of range; \
         allowed: an integer from 1 to 1024, or 0: one a core"
    );
    assert_eq!(
        fault(from_file("driver = 'epoll'")),
        "ferry.toml:1: driver: \"epoll\" is unknown; allowed: auto, ring or poll"
    );
    assert_eq!(
        fault(from_file("file_cache = 'direct'")),
        "ferry.toml:1: file_cache: \"direct\" is unknown; allowed: keep or drop"
    );
}

#[test]
fn every_key_refuses_a_value_of_the_wrong_type() {
    for definition in DEFINITIONS {
        for value in ["1.5", "{ a = 1 }", "[[1]]", "2026-01-01"] {
            let said = fault(from_file(&format!("{} = {value}", definition.key)));
            let start = format!("ferry.toml:1: {}: ", definition.key);
            assert!(said.starts_with(&start) && said.contains("; allowed: "), "{said}");
        }
    }
}

#[test]
fn numbers_keep_to_their_range() {
    for (key, bad, good) in [
        ("max_auth_tries", "0", "1"),
        ("max_auth_tries", "-1", "1000"),
        ("login_grace_time", "604801", "0"),
        ("login_grace_time", "'2 weeks'", "'1w'"),
        ("key_renegotiation_threshold", "4095", "4096"),
        ("key_renegotiation_threshold", "'9T'", "'9G'"),
        ("key_renegotiation_threshold", "-1", "0"),
        ("write_behind_bytes", "1", "0"),
        ("write_behind_bytes", "'2G'", "'8M'"),
        ("write_behind_from_bytes", "0", "'1M'"),
        ("max_connections", "0", "1"),
        ("window_bytes_max", "'127K'", "'128K'"),
        ("window_bytes_max", "'2G'", "'1G'"),
        ("window_budget_bytes", "1", "0"),
        ("max_sessions", "99999999999999999999", "10"),
    ] {
        assert!(from_file(&format!("{key} = {good}")).is_ok(), "{key} = {good}");
        fault(from_file(&format!("{key} = {bad}")));
    }
}

#[test]
fn lists_are_checked_item_by_item() {
    let first = Preset::Default.ciphers()[0];
    let config = from_file(&format!("ciphers = ['{first}']")).unwrap();
    assert_eq!(config.cipher_names(), [first]);
    let said = fault(from_file(&format!("ciphers = ['{first}', 'rot13']")));
    assert!(said.contains("\"rot13\" is unknown") && said.contains(first), "{said}");
    let said = fault(from_file(&format!("ciphers = ['{first}', '{first}']")));
    assert!(said.contains("stands there twice"), "{said}");
    assert!(fault(from_file("listen = []")).contains("the list is empty"));
    let said = fault(from_file("listen = ['127.0.0.1:2222', 'localhost']"));
    assert!(said.contains("\"localhost\" is not ADDR:PORT"), "{said}");
}

#[test]
fn a_preset_is_what_the_lists_start_from() {
    let config = from_file("ciphers = '-chacha20*'\nalgorithms = 'hardened'").unwrap();
    assert_eq!(config.kexes(), Preset::Hardened.kexes());
    let mut left = Preset::Hardened.ciphers();
    left.retain(|name| !name.starts_with("chacha20"));
    assert_eq!(config.cipher_names(), left);
    let config = from_file("macs = '^hmac-sha2-512'\nalgorithms = 'compatible'").unwrap();
    assert_eq!(config.mac_names()[0], "hmac-sha2-512");
    assert_eq!(config.mac_names().len(), Preset::Compatible.macs().len());
    assert!(fault(from_file("algorithms = 'paranoid'")).contains("hardened, default, compatible"));
}

#[test]
fn a_list_from_which_everything_was_taken_is_a_mistake() {
    let said = fault(from_file("macs = '-*'"));
    assert!(said.contains("macs: nothing of the preset is left"), "{said}");
    let only = Preset::Default.kexes().join(",");
    let set = format!("kex_algorithms=-{only}");
    assert!(load(&[Layer::Set(&set)]).is_err());
    let compatible = [Layer::Set(&set), Layer::Set("algorithms=compatible")];
    assert!(!load(&compatible).unwrap().kexes().is_empty());
}

#[test]
fn texts_keep_to_their_form() {
    assert!(fault(from_file("user = 'a b'")).contains("holds a blank"));
    assert!(fault(from_file("user = \"a\\u001b\"")).contains("\"a\\u001B\" holds a blank or"));
    assert!(fault(from_file("root = ''")).contains("the path is empty"));
    assert!(fault(from_file("root = '~/data'")).contains("~ is not expanded"));
    assert!(fault(from_file("root = \"/a\\u0000\"")).contains("NUL"));
}

#[test]
fn unknown_keys_name_the_nearest_one() {
    for (key, nearest) in [
        ("MaxAuthTries", "max_auth_tries"),
        ("max-auth-tries", "max_auth_tries"),
        ("max_auth_trys", "max_auth_tries"),
        ("LoginGraceTime", "login_grace_time"),
        ("readonly", "read_only"),
        ("AuthorizedKeysFile", "authorized_keys_file"),
        ("authorized_key", "authorized_keys"),
        ("lsten", "listen"),
        ("Cipher", "ciphers"),
    ] {
        let said = fault(from_file(&format!("\n{key} = 1")));
        let expected = format!("ferry.toml:2: there is no key \"{key}\"; did you mean {nearest}?");
        assert_eq!(said, expected);
    }
    let said = fault(from_file("[server]\nlisten = 'x'"));
    assert_eq!(said, "ferry.toml:1: there is no key \"server\"; `ringferry check` prints them all");
}

#[test]
fn toml_that_does_not_parse_names_the_line() {
    let said = fault(from_file("user = 'a'\nshards = = 2\n"));
    assert!(said.starts_with("ferry.toml:2: "), "{said}");
    let said = fault(from_file("shards = 1\nuser = 'a'\nshards = 2\n"));
    assert!(said.starts_with("ferry.toml:3: duplicate key"), "{said}");
    assert!(!said.contains('\n'), "{said}");
}

#[test]
fn all_faults_are_told_in_the_order_of_the_lines() {
    let faults = from_file("user = 1\nnope = 2\nlisten = 3\n").unwrap_err();
    let places: Vec<_> = faults.iter().map(|f| f.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["ferry.toml:1", "ferry.toml:2", "ferry.toml:3"]);
}

#[test]
fn set_takes_bare_values_and_names_itself_in_errors() {
    assert_eq!(
        from_set("key_renegotiation_threshold=1M").unwrap().key_renegotiation_threshold,
        1 << 20
    );
    assert_eq!(from_set("root=/srv/x=y").unwrap().root, PathBuf::from("/srv/x=y"));
    assert!(from_set("read_only = true").unwrap().read_only);
    assert_eq!(from_set("listen=[::1]:22,127.0.0.1:0").map(|c| c.listen.len()), Ok(2));
    assert_eq!(from_set("listen=[\"[::1]:22\"]").map(|c| c.listen.len()), Ok(1));
    assert_eq!(from_set("authorized_keys=").map(|c| c.authorized_keys.len()), Ok(0));
    assert_eq!(
        fault(from_set("shards=many")),
        "--set shards=many: shards: \"many\" is not an integer; \
         allowed: an integer from 1 to 1024, or 0: one a core"
    );
    assert_eq!(
        fault(from_set("shrads=1")),
        "--set shrads=1: there is no key \"shrads\"; did you mean shards?"
    );
    assert_eq!(fault(from_set("shards")), "--set shards: there is no `=`; the form is KEY=VALUE");
    assert!(!fault(from_set("a\x1b[2J\n=1")).chars().any(char::is_control));
}

#[test]
fn later_layers_go_over_earlier_ones() {
    let values = ["/c,d".to_owned(), "/e".to_owned()];
    let config = load(&[
        Layer::File { name: "f", text: "shards = 1\nuser = 'a'\nhost_key = '/a'" },
        Layer::Set("user=b"),
        Layer::Set("shards=2"),
        Layer::Set("shards=3"),
        Layer::Flag { flag: "--host-key", key: "host_key", values: &values },
    ])
    .unwrap();
    assert_eq!((config.shards, config.user.as_str()), (3, "b"));
    assert_eq!(config.host_key, [PathBuf::from("/c,d"), PathBuf::from("/e")]);
    let values = ["x".to_owned()];
    let flag = Layer::Flag { flag: "--shards", key: "shards", values: &values };
    let said = fault(strings(load(&[flag])));
    assert!(said.starts_with("--shards: shards: \"x\" is not an integer; "), "{said}");
}

#[test]
fn a_hook_decides_alone() {
    let config = from_file("auth_hook = ['/bin/hook', '-x']\numask = '027'").unwrap();
    assert_eq!(
        (config.auth_hook, config.auth_hook_timeout),
        (strings_of(&["/bin/hook", "-x"]), 10)
    );
    assert_eq!(config.auth_hook_methods, ["publickey", "password"]);
    assert!(from_file("auth_hook = 'http://127.0.0.1:80/x'").is_ok());
    for (text, said) in [
        ("auth_hook = 'hook'", "neither an absolute path nor a URL"),
        ("auth_hook = 'https://127.0.0.1/'", "no TLS"),
        ("auth_hook = 'http://192.0.2.1/'", "in the clear"),
        ("auth_hook = ['http://127.0.0.1/', 'x']", "a URL stands alone"),
        ("auth_hook = [\"/x\", \"a\\u0000\"]", "NUL"),
        ("auth_hook = '/x'\nauth_hook_methods = []", "there is none"),
        ("auth_hook = '/x'\nusers_file = '/y'", "users_file"),
        ("auth_hook = '/x'\nsystem_users = true", "system_users"),
        ("auth_hook = '/x'\nroot = '/y'", "root"),
        ("auth_hook = '/x'\nauthorized_keys = '/y'", "authorized_keys"),
        ("auth_hook = '/x'\ntrusted_user_ca_keys = '/y'", "trusted_user_ca_keys"),
        ("auth_hook = '/x'\nauthentication_methods = 'password'", "authentication_methods"),
        ("auth_hook_timeout = 5", "there is none"),
        ("auth_hook_methods = 'password'", "there is none"),
        ("auth_hook = '/x'\nauth_hook_timeout = 0", "out of range"),
        ("auth_hook = '/x'\nauth_hook_timeout = 61", "out of range"),
        ("auth_hook = '/x'\nauth_hook_methods = 'none'", "none"),
    ] {
        let faults = from_file(text).unwrap_err().join("\n");
        assert!(faults.contains(said), "{text}: {faults}");
    }
}

fn strings_of(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
