//! Keeps the tree as the architecture chapter of the manual draws it: who may use whom, where
//! `unsafe` may stand, how wide a line and how long a file may be.
//!
//! Each rule is a function from a file's path and text to complaints. The first test runs them all
//! over the tree; the others show each rule a bad snippet, so that a rule that finds nothing is
//! known to be able to.

use std::fs;
use std::path::Path;

#[path = "tidy/code.rs"]
mod code;

use code::{Source, has_word, mentions};

/// Folders of our Rust, from the root of the repository.
const FOLDERS: &[&str] = &["src", "sftp", "perf", "benches", "tests"];

/// The folders with no syscalls, no clock and no threads.
const PURE: &[&str] = &["src/crypto", "src/ssh", "src/auth", "src/vfs", "src/scp", "sftp/src"];

/// What PURE code must not name.
const IMPURE: &[&str] = &[
    "std::net::Tcp",
    "std::net::Udp",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::os",
    "io::stdin",
    "io::stdout",
    "io::stderr",
    "thread::spawn",
    "Instant::now",
    "SystemTime",
    "async",
    ".await",
    "rustix",
    "libc",
    "io_uring",
    "println!",
    "eprintln!",
    "crate::reactor",
    "crate::server",
    "crate::client",
    "crate::daemon",
];

/// Who must not name whom: dependencies point down only. PURE folders have [`IMPURE`] on top.
const BOUNDARIES: &[(&str, &[&str])] = &[
    ("src/crypto", &["crate::ssh", "crate::auth", "crate::vfs", "crate::scp", "ringferry_sftp"]),
    ("src/ssh", &["crate::auth", "crate::vfs", "crate::scp", "ringferry_sftp"]),
    ("src/auth", &["crate::vfs", "crate::scp", "ringferry_sftp"]),
    ("src/vfs", &["crate::crypto", "crate::ssh", "crate::auth", "crate::scp"]),
    ("src/scp", &["crate::crypto", "crate::ssh", "crate::auth"]),
    ("sftp/src", &["ringferry::", "crate::ssh", "crate::vfs"]),
    (
        "src/reactor",
        &[
            "crate::crypto",
            "crate::ssh",
            "crate::auth",
            "crate::vfs",
            "crate::scp",
            "crate::server",
            "crate::client",
            "crate::daemon",
            "ringferry_sftp",
        ],
    ),
    ("src/server", &["crate::daemon", "crate::client"]),
    ("src/client", &["crate::daemon", "crate::server"]),
];

/// The only folder with `unsafe`.
const UNSAFE_FOLDER: &str = "src/reactor";
/// The widest line, in characters.
const COLUMNS_MAX: usize = 100;
/// A longer file needs a look, and a place in [`LONG_FILES`].
const LINES_LOOK_AGAIN: usize = 600;
/// No file is longer.
const LINES_MAX: usize = 1_000;
/// How far a listed file may shrink before its entry has to follow.
const LINES_SLACK: usize = 20;
/// Files above [`LINES_LOOK_AGAIN`], with their length. Entries only get smaller and fewer.
const LONG_FILES: &[(&str, usize)] = &[];
/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] =
    &["util", "utils", "common", "helper", "helpers", "manager", "misc", "stuff"];
/// Written in pieces, so that this file does not hold what it looks for.
const LEFTOVERS: &[&str] = &[
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("TO", "DO"),
    concat!("dbg", "!("),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
];

type Rule = fn(&Source) -> Vec<String>;

const RULES: &[Rule] = &[
    boundaries,
    unsafe_stays_in_its_folder,
    unsafe_is_argued,
    lines_are_narrow,
    files_are_short,
    modules_open_with_a_head,
    nothing_is_left_over,
    names_say_something,
];

fn in_folder(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn boundaries(source: &Source) -> Vec<String> {
    let pure = PURE.iter().any(|folder| in_folder(&source.path, folder));
    let own = BOUNDARIES.iter().filter(|(folder, _)| in_folder(&source.path, folder));
    let forbidden = own.flat_map(|(_, tokens)| tokens.iter());
    let forbidden: Vec<_> = forbidden.chain(IMPURE.iter().filter(|_| pure)).collect();
    let mut complaints = Vec::new();
    for (number, line) in source.shipped_code() {
        for token in forbidden.iter().filter(|token| mentions(line, token)) {
            complaints.push(format!("{}:{number}: must not name `{token}`", source.path));
        }
    }
    complaints.extend(grouped_imports(source, &forbidden));
    complaints
}

/// `use crate::{reactor, ...}` names `crate::reactor` too, maybe over several lines.
fn grouped_imports(source: &Source, forbidden: &[&&str]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (number, group) in source.crate_groups() {
        for token in forbidden {
            let name = token.strip_prefix("crate::");
            if name.is_some_and(|name| group.iter().any(|member| member == name)) {
                complaints.push(format!("{}:{number}: must not name `{token}`", source.path));
            }
        }
    }
    complaints
}

fn unsafe_stays_in_its_folder(source: &Source) -> Vec<String> {
    if in_folder(&source.path, UNSAFE_FOLDER) {
        return Vec::new();
    }
    let lines = source.code().filter(|(_, line)| has_word(line, "unsafe"));
    lines
        .map(|(number, _)| format!("{}:{number}: `unsafe` outside the reactor", source.path))
        .collect()
}

fn unsafe_is_argued(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    for (number, line) in source.code().filter(|(_, line)| has_word(line, "unsafe")) {
        // What an unsafe function asks of its callers stands in its documentation.
        let wanted = if line.contains("unsafe fn") { "# Safety" } else { "SAFETY:" };
        if !source.argued_above(number, wanted) {
            complaints.push(format!("{}:{number}: no `{wanted}` comment", source.path));
        }
    }
    complaints
}

fn lines_are_narrow(source: &Source) -> Vec<String> {
    let wide = source.lines().filter(|(_, line)| line.chars().count() > COLUMNS_MAX);
    wide.map(|(number, _)| format!("{}:{number}: wider than {COLUMNS_MAX}", source.path)).collect()
}

fn files_are_short(source: &Source) -> Vec<String> {
    let listed = LONG_FILES.iter().find(|(path, _)| *path == source.path);
    length(&source.path, source.lines().count(), listed.map(|(_, lines)| *lines))
}

fn length(path: &str, lines: usize, listed: Option<usize>) -> Vec<String> {
    let complaint = match listed {
        _ if lines > LINES_MAX => format!("{lines} lines; no file has more than {LINES_MAX}"),
        None if lines > LINES_LOOK_AGAIN => {
            format!("{lines} lines; split it where the subject changes")
        }
        Some(listed) if lines > listed => format!("{lines} lines, grown from {listed}: split it"),
        Some(_) if lines <= LINES_LOOK_AGAIN => "short again: take it off the list".to_owned(),
        Some(listed) if lines + LINES_SLACK < listed => {
            format!("{lines} lines, shrunk from {listed}: write that into the list")
        }
        _ => return Vec::new(),
    };
    vec![format!("{path}: {complaint}")]
}

fn modules_open_with_a_head(source: &Source) -> Vec<String> {
    if !source.path.ends_with("/mod.rs") || source.is_test() {
        return Vec::new();
    }
    let head = source.lines().take_while(|(_, line)| line.starts_with("//!")).count();
    if (3..=10).contains(&head) {
        return Vec::new();
    }
    vec![format!("{}: opens with {head} lines of `//!`; 3 to 10 are due", source.path)]
}

fn nothing_is_left_over(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    for (number, line) in source.lines() {
        for token in LEFTOVERS.iter().filter(|token| mentions(line, token)) {
            complaints.push(format!("{}:{number}: `{token}` is left over", source.path));
        }
    }
    complaints
}

fn names_say_something(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    for part in source.path.trim_end_matches(".rs").split('/') {
        if EMPTY_NAMES.contains(&part) {
            complaints.push(format!("{}: `{part}` names nothing", source.path));
        }
    }
    for (number, line) in source.code() {
        let named = |name: &&&str| line.contains(&format!("mod {name} {{"));
        for name in EMPTY_NAMES.iter().filter(named) {
            complaints.push(format!("{}:{number}: `mod {name}` names nothing", source.path));
        }
        let declares = ["struct ", "enum ", "trait "].iter().any(|word| line.contains(word));
        if declares && line.contains("Manager") {
            complaints.push(format!("{}:{number}: a Manager manages what?", source.path));
        }
    }
    complaints
}

/// Every file of a module is declared by the module above it; a file nobody declares is dead.
fn orphans(sources: &[Source]) -> Vec<String> {
    let text_of = |path: &str| sources.iter().find(|source| source.path == path);
    let mut complaints = Vec::new();
    for source in sources.iter().filter(|s| s.path.starts_with("src/") || s.path.contains("/src/"))
    {
        let Some((folder, file)) = source.path.rsplit_once('/') else { continue };
        let (parent_folder, name) = match file {
            "lib.rs" | "main.rs" => continue,
            "mod.rs" => match folder.rsplit_once('/') {
                Some((above, name)) => (above.to_owned(), name),
                None => continue,
            },
            file => (folder.to_owned(), file.trim_end_matches(".rs")),
        };
        let parents = [
            format!("{parent_folder}/mod.rs"),
            format!("{parent_folder}/lib.rs"),
            format!("{parent_folder}/main.rs"),
            format!("{parent_folder}.rs"),
        ];
        let declared = parents.iter().filter_map(|path| text_of(path)).any(|parent| {
            parent.code().any(|(_, line)| line.trim_end().ends_with(&format!("mod {name};")))
        });
        if !declared {
            complaints.push(format!("{}: no module declares it", source.path));
        }
    }
    complaints
}

fn all_sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for folder in FOLDERS {
        collect(root, &root.join(folder), &mut sources);
    }
    sources
}

fn collect(root: &Path, folder: &Path, sources: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        let shown = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            if !path.ends_with("target") {
                collect(root, &path, sources);
            }
        } else if shown.ends_with(".rs") {
            sources.push(Source::new(shown, fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn the_tree_is_tidy() {
    let sources = all_sources();
    for file in ["src/lib.rs", "sftp/src/lib.rs", "tests/tidy.rs", "src/reactor/mod.rs"] {
        assert!(sources.iter().any(|source| source.path == file), "{file} was not looked at");
    }
    let mut complaints = orphans(&sources);
    for source in &sources {
        complaints.extend(RULES.iter().flat_map(|rule| rule(source)));
    }
    let listed = LONG_FILES.iter().filter(|(path, _)| sources.iter().all(|s| s.path != *path));
    complaints.extend(listed.map(|(path, _)| format!("{path}: listed, but it is gone")));
    complaints.sort();
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn the_map_stays_short() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (path, lines_max) in [("src/lib.rs", 150), ("src/main.rs", 80)] {
        let lines = fs::read_to_string(root.join(path)).unwrap().lines().count();
        assert!(lines <= lines_max, "{path} has {lines} lines, {lines_max} are allowed");
    }
}

/// README draws the tree, and says that this keeps it true.
#[test]
fn the_readme_names_every_folder() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let folders = fs::read_dir(root.join("src")).unwrap().map(|entry| entry.unwrap());
    for folder in folders.filter(|entry| entry.path().is_dir()) {
        let line = format!("\nsrc/{} ", folder.file_name().to_string_lossy());
        assert!(readme.contains(&line), "README's tree lacks{line}");
    }
}

#[cfg(test)]
mod each_rule_can_fail {
    use super::*;

    fn complaints(rule: Rule, path: &str, text: &str) -> usize {
        rule(&Source::new(path.to_owned(), text.to_owned())).len()
    }

    #[test]
    fn boundaries_see_every_way_to_name_a_module() {
        for bad in [
            "use std::fs;",
            "let now = Instant::now();",
            "use crate::reactor::Token;",
            "use crate::{crypto, reactor};",
            "use crate::{\n    crypto::Random,\n    server::{Stop, run},\n};",
            "async fn f() {}",
            "f().await;",
            "fn f() -> std::time::SystemTime {}",
        ] {
            assert_eq!(complaints(boundaries, "src/ssh/x.rs", bad), 1, "{bad}");
            assert_eq!(complaints(boundaries, "src/daemon/x.rs", bad), 0, "{bad}");
        }
        for good in [
            "// like crate::reactor, std::fs",
            "/// See [`crate::server`].\nfn f() {}",
            "let text = \"std::fs crate::reactor\";",
            "use crate::{crypto::{reactor_of, Random}, ssh};",
            "let asynchronous = instant_now();",
            "#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n",
        ] {
            assert_eq!(complaints(boundaries, "src/ssh/x.rs", good), 0, "{good}");
        }
        assert_eq!(complaints(boundaries, "src/ssh/x/tests.rs", "use std::fs;"), 0);
        assert_eq!(complaints(boundaries, "src/ssh/x.rs", "use ringferry_sftp::Decoder;"), 1);
        assert_eq!(complaints(boundaries, "src/reactor/x.rs", "use crate::ssh::Event;"), 1);
        assert_eq!(complaints(boundaries, "src/reactor/x.rs", "use std::fs;"), 0);
        assert_eq!(complaints(boundaries, "src/server/x.rs", "use crate::daemon::cli;"), 1);
        assert_eq!(complaints(boundaries, "sftp/src/x.rs", "use ringferry::ssh;"), 1);
    }

    #[test]
    fn code_after_a_test_module_is_looked_at() {
        let text = "#[cfg(test)]\nmod tests {\n    fn a() {}\n}\nuse std::fs;\n";
        assert_eq!(complaints(boundaries, "src/ssh/x.rs", text), 1);
        let text = "#[cfg(test)]\nmod tests;\nuse std::fs;\n";
        assert_eq!(complaints(boundaries, "src/ssh/x.rs", text), 1);
    }

    #[test]
    fn unsafe_is_found_in_code_only() {
        let rule = unsafe_stays_in_its_folder;
        let bad = concat!("let x = uns", "afe { f() };");
        assert_eq!(complaints(rule, "src/server/x.rs", bad), 1);
        assert_eq!(complaints(rule, "src/reactor/x.rs", bad), 0);
        assert_eq!(complaints(rule, "src/reactors/x.rs", bad), 1);
        for good in ["// unsafe {", "#![forbid(unsafe_code)]", "let s = \"unsafe\";"] {
            assert_eq!(complaints(rule, "src/server/x.rs", good), 0, "{good}");
        }
    }

    #[test]
    fn unsafe_without_an_argument_is_found() {
        let word = concat!("uns", "afe");
        for bad in [
            format!("let x = {word} {{ f() }};"),
            format!("// SAFETY: of g.\nlet y = g();\nlet x = {word} {{ f() }};"),
            format!("{word} impl Send for X {{}}"),
            format!("/// Does it.\n{word} fn f() {{}}"),
        ] {
            assert_eq!(complaints(unsafe_is_argued, "src/reactor/x.rs", &bad), 1, "{bad}");
        }
        for good in [
            format!("// SAFETY: f needs nothing.\nlet x = {word} {{ f() }};"),
            format!("// SAFETY: two\n// lines.\n#[inline]\n{word} impl Send for X {{}}"),
            format!("// SAFETY: f needs nothing.\nlet x =\n    {word} {{ f() }};"),
            format!("/// Does it.\n///\n/// # Safety\n/// Call once.\n{word} fn f() {{}}"),
        ] {
            assert_eq!(complaints(unsafe_is_argued, "src/reactor/x.rs", &good), 0, "{good}");
        }
    }

    #[test]
    fn width_counts_characters() {
        let wide = "x".repeat(COLUMNS_MAX + 1);
        assert_eq!(complaints(lines_are_narrow, "src/x.rs", &format!("a\n{wide}\n{wide}")), 2);
        assert_eq!(complaints(lines_are_narrow, "src/x.rs", &"ü".repeat(COLUMNS_MAX)), 0);
    }

    #[test]
    fn long_files_are_found_and_the_list_follows() {
        let long = "\n".repeat(LINES_LOOK_AGAIN + 1);
        assert_eq!(complaints(files_are_short, "src/x.rs", &long), 1);
        assert_eq!(complaints(files_are_short, "src/x.rs", &long[1..]), 0);
        for (lines, listed, expected) in [
            (700, Some(700), 0),
            (690, Some(700), 0),
            (701, Some(700), 1),
            (650, Some(700), 1),
            (600, Some(610), 1),
            (1001, Some(2000), 1),
        ] {
            assert_eq!(length("x", lines, listed).len(), expected, "{lines} {listed:?}");
        }
    }

    #[test]
    fn a_module_without_a_head_is_found() {
        let rule = modules_open_with_a_head;
        assert_eq!(complaints(rule, "src/x/mod.rs", "mod y;\n"), 1);
        assert_eq!(complaints(rule, "src/x/mod.rs", "//! Placeholder.\nmod y;\n"), 1);
        assert_eq!(complaints(rule, "src/x/mod.rs", &"//! line\n".repeat(11)), 1);
        assert_eq!(complaints(rule, "src/x/mod.rs", "//! A\n//!\n//! B.\nmod y;\n"), 0);
        assert_eq!(complaints(rule, "src/x/y.rs", "mod y;\n"), 0);
        assert_eq!(complaints(rule, "src/x/tests/mod.rs", "mod y;\n"), 0);
    }

    #[test]
    fn leftovers_are_found_in_comments_too() {
        let fix = concat!("// FIX", "ME later");
        assert_eq!(complaints(nothing_is_left_over, "src/x.rs", fix), 1);
        assert_eq!(complaints(nothing_is_left_over, "src/x.rs", concat!("dbg", "!(x);")), 1);
        assert_eq!(complaints(nothing_is_left_over, "src/x.rs", "// fixed; a dbg line"), 0);
    }

    #[test]
    fn empty_names_are_found() {
        let rule = names_say_something;
        assert_eq!(complaints(rule, "src/ssh/util.rs", ""), 1);
        assert_eq!(complaints(rule, "src/common/wire.rs", ""), 1);
        assert_eq!(complaints(rule, "src/ssh/wire.rs", "mod helpers {\n"), 1);
        assert_eq!(complaints(rule, "src/ssh/wire.rs", "pub struct ChannelManager;"), 1);
        assert_eq!(complaints(rule, "src/ssh/wire.rs", "// a common Manager"), 0);
    }

    #[test]
    fn orphans_are_found() {
        let file = |path: &str, text: &str| Source::new(path.to_owned(), text.to_owned());
        let sources = [
            file("src/lib.rs", "pub mod a;\n// mod dead;\n"),
            file("src/a/mod.rs", "pub(crate) mod b;\n"),
            file("src/a/b.rs", "#[cfg(test)]\nmod tests;\n"),
            file("src/a/b/tests.rs", ""),
        ];
        assert_eq!(orphans(&sources), Vec::<String>::new());
        for dead in ["src/dead.rs", "src/a/dead.rs", "src/a/b/dead.rs", "src/dead/mod.rs"] {
            let found = orphans(&[&sources[..], &[file(dead, "")]].concat());
            assert_eq!(found, [format!("{dead}: no module declares it")]);
        }
    }
}
