//! The server's log: the lines it wrote to stderr so far, and the `name=value` fields in them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::wait_for;

/// Reads the file that the server's stderr goes to.
pub(crate) struct Log {
    path: PathBuf,
}

impl Log {
    pub(crate) fn new(path: &Path) -> Log {
        Log { path: path.to_owned() }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.path).unwrap_or_default()).into_owned()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.text().lines().map(str::to_owned).collect()
    }

    /// The lines that carry the field, oldest first.
    pub(crate) fn with_field(&self, name: &str) -> Vec<String> {
        self.lines().into_iter().filter(|line| field(line, name).is_some()).collect()
    }

    /// Every value of a numeric field, oldest first.
    pub(crate) fn numbers(&self, name: &str) -> Vec<u64> {
        self.lines().iter().filter_map(|line| field(line, name)?.parse().ok()).collect()
    }

    /// Waits until a line matches.
    pub(crate) fn wait_line(&self, deadline: Duration, want: impl Fn(&str) -> bool) -> String {
        wait_for(deadline, || self.lines().into_iter().find(|line| want(line))).unwrap_or_else(
            || panic!("no such log line within {deadline:?}; log:\n{}", self.tail()),
        )
    }

    /// The last lines, for a failing test's message.
    pub(crate) fn tail(&self) -> String {
        let lines = self.lines();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

/// The value of `name=` in a text log line, without quotes.
pub(crate) fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let at = line.match_indices(name).find_map(|(at, _)| {
        let starts = at == 0 || line[..at].ends_with([' ', '{', ',']);
        let value = at + name.len() + 1;
        (starts && line[at + name.len()..].starts_with('=')).then_some(value)
    })?;
    let value = &line[at..];
    match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => value.split([' ', '}', ',']).next(),
    }
}

#[test]
fn fields_are_found_whole() {
    let line = r#"INFO closed conn{id=3 peer=127.0.0.1:9}: xshard=7 shard=1 cause="bad mac" n=0"#;
    assert_eq!(field(line, "shard"), Some("1"));
    assert_eq!(field(line, "id"), Some("3"));
    assert_eq!(field(line, "peer"), Some("127.0.0.1:9"));
    assert_eq!(field(line, "cause"), Some("bad mac"));
    assert_eq!(field(line, "n"), Some("0"));
    assert_eq!(field(line, "hard"), None);
}
