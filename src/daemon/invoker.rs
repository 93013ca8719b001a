//! Who starts the server: the name to log in with and the home to look for keys in.

use std::path::PathBuf;

/// The user who started this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invoker {
    pub(crate) name: String,
    pub(crate) home: Option<PathBuf>,
}

/// Asks /etc/passwd first, the environment next: it is the user's word, but it is all there is for
/// users that only a directory service knows.
pub(crate) fn invoker() -> Invoker {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let variable = |name: &str| std::env::var(name).ok();
    find(&passwd, rustix::process::getuid().as_raw(), variable)
}

fn find(passwd: &str, uid: u32, variable: impl Fn(&str) -> Option<String>) -> Invoker {
    let said = ["USER", "LOGNAME"].into_iter().filter_map(&variable).find(|name| usable(name));
    let entries: Vec<_> = passwd.lines().filter_map(|line| entry(line, uid)).collect();
    // Several names may share a user id; then the environment decides.
    let same = entries.iter().find(|(name, _)| Some(*name) == said.as_deref());
    let entry = same.or(entries.first());
    let name = match (entry, &said) {
        (Some((name, _)), _) => (*name).to_owned(),
        (None, Some(said)) => said.clone(),
        (None, None) => format!("uid{uid}"),
    };
    let home = variable("HOME").filter(|home| home.starts_with('/'));
    let home = home.or_else(|| entry.map(|(_, home)| (*home).to_owned()));
    Invoker { name, home: home.filter(|home| home.starts_with('/')).map(PathBuf::from) }
}

/// The name and home of a passwd(5) line for `uid`.
fn entry(line: &str, uid: u32) -> Option<(&str, &str)> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| usable(name))?;
    let own = fields.nth(1)?.parse() == Ok(uid);
    let home = fields.nth(2)?;
    own.then_some((name, home))
}

fn usable(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_control() || c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/toor:/bin/sh\n\
        broken\nann:x:1000:1000:Ann,,,:/home/ann:/bin/sh\nno:x:12\n";

    fn find_with(uid: u32, variables: &[(&str, &str)]) -> (String, Option<PathBuf>) {
        let variable = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        let found = find(PASSWD, uid, variable);
        (found.name, found.home)
    }

    #[test]
    fn the_password_file_names_the_user() {
        assert_eq!(find_with(1000, &[]), ("ann".to_owned(), Some("/home/ann".into())));
        assert_eq!(find_with(1000, &[("USER", "bob")]).0, "ann");
        assert_eq!(find_with(0, &[]).0, "root");
        assert_eq!(find_with(0, &[("USER", "toor")]), ("toor".to_owned(), Some("/toor".into())));
    }

    #[test]
    fn the_environment_helps_where_the_file_does_not() {
        let variables = [("USER", ""), ("LOGNAME", "eve"), ("HOME", "/net/eve")];
        assert_eq!(find_with(77, &variables), ("eve".to_owned(), Some("/net/eve".into())));
        assert_eq!(find_with(77, &[("HOME", "relative")]), ("uid77".to_owned(), None));
        assert_eq!(find_with(1000, &[("HOME", "/tmp")]).1, Some("/tmp".into()));
    }
}
