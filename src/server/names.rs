//! Names of users and groups for `ls -l`, from the passwd and group files.

use std::collections::HashMap;
use std::path::Path;

use ringferry_sftp::Principal;

/// User and group names by id, read once: a listing must not wait for a name service.
#[derive(Clone, Debug, Default)]
pub struct Names {
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
}

impl Names {
    /// The host's names; ids without one are shown as numbers.
    #[must_use]
    pub fn of_this_host() -> Self {
        Self { users: read(Path::new("/etc/passwd")), groups: read(Path::new("/etc/group")) }
    }

    /// The user's name, or its number.
    #[must_use]
    pub fn user(&self, id: u32) -> Principal<'_> {
        principal(&self.users, id)
    }

    /// The group's name, or its number.
    #[must_use]
    pub fn group(&self, id: u32) -> Principal<'_> {
        principal(&self.groups, id)
    }
}

fn principal(names: &HashMap<u32, String>, id: u32) -> Principal<'_> {
    names.get(&id).map_or(Principal::Id(id), |name| Principal::Name(name.as_bytes()))
}

fn read(path: &Path) -> HashMap<u32, String> {
    std::fs::read_to_string(path).map(|text| parse(&text)).unwrap_or_default()
}

/// passwd(5) and group(5) agree on the first and third field: name and id.
fn parse(text: &str) -> HashMap<u32, String> {
    let mut names = HashMap::new();
    for line in text.lines() {
        let mut fields = line.split(':');
        let (Some(name), Some(id)) = (fields.next(), fields.nth(1)) else { continue };
        if let Ok(id) = id.parse() {
            // The first line for an id wins, as in getpwuid(3).
            names.entry(id).or_insert_with(|| name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_an_id_wins_and_broken_lines_are_passed_over() {
        let users =
            parse("root:x:0:0::/root:/bin/sh\ntoor:x:0:0::\n\n#c\nbad:x:y\nalice:x:1000:\n");
        assert_eq!(users.len(), 2);
        assert_eq!(users[&0], "root");
        assert_eq!(users[&1000], "alice");
        let names = Names { users, groups: HashMap::new() };
        assert_eq!(names.user(1000), Principal::Name(b"alice"));
        assert_eq!(names.group(7), Principal::Id(7));
    }
}
