//! What the host's databases say of a user, and whether that lets him in.
//!
//! passwd and group are asked through the C library, so that every source that
//! nsswitch.conf(5) names counts; shadow is the file, for it has no safe interface. The checks are
//! those of sshd without PAM (`allowed_user` in its auth.c, `do_nologin` in its session.c).

use std::ffi::CString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Group, User, getgrouplist};

/// A line of the passwd database.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) home: PathBuf,
    pub(super) shell: PathBuf,
}

/// Where what the C library does not tell is.
pub(super) struct Databases {
    pub(super) shadow: PathBuf,
    pub(super) nologin: PathBuf,
}

/// The shell of a user for whom none is named (`_PATH_BSHELL`).
const SHELL_DEFAULT: &str = "/bin/sh";

const SECONDS_PER_DAY: i64 = 86_400;

impl Databases {
    pub(super) fn of_this_host() -> Self {
        Self { shadow: "/etc/shadow".into(), nologin: "/etc/nologin".into() }
    }

    /// The user of exactly this name.
    ///
    /// # Errors
    /// The database cannot be asked now.
    pub(super) fn entry(&self, name: &str) -> Result<Option<Entry>, String> {
        let found = User::from_name(name)
            .map_err(|errno| format!("the passwd database cannot be asked: {errno}"))?;
        // A directory server may take names for the same that differ by case.
        let found = found.filter(|user| user.name == name);
        Ok(found.map(|user| Entry {
            name: user.name,
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            home: user.dir,
            shell: match user.shell {
                shell if shell.as_os_str().is_empty() => SHELL_DEFAULT.into(),
                shell => shell,
            },
        }))
    }

    /// All groups of a user, the primary one among them.
    ///
    /// # Errors
    /// The database cannot be asked now. Without it a group that is denied would not be seen.
    pub(super) fn groups(&self, entry: &Entry) -> Result<Vec<u32>, String> {
        let name = CString::new(entry.name.as_str()).map_err(|error| error.to_string())?;
        let gids = getgrouplist(&name, Gid::from_raw(entry.gid)).map_err(unasked)?;
        Ok(gids.into_iter().map(Gid::as_raw).collect())
    }

    /// The names of those that have one.
    ///
    /// # Errors
    /// As [`groups`](Self::groups).
    pub(super) fn group_names(&self, groups: &[u32]) -> Result<Vec<String>, String> {
        let mut names = Vec::new();
        for gid in groups {
            let group = Group::from_gid(Gid::from_raw(*gid)).map_err(unasked)?;
            names.extend(group.map(|group| group.name));
        }
        Ok(names)
    }

    /// Whether the databases let this user in, `now` in seconds since 1970.
    ///
    /// # Errors
    /// Why not, with the cure where there is one.
    pub(super) fn check(&self, entry: &Entry, now: i64) -> Result<(), String> {
        let nologin = self.nologin.try_exists();
        if nologin.map_err(|error| format!("{}: {error}", self.nologin.display()))? {
            return Err(format!("nobody logs in while {} is there", self.nologin.display()));
        }
        // Without shadow (no such file, or no such line) there is nothing to say, as with sshd.
        let shadow = match std::fs::read(&self.shadow) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(format!("{}: {error}", self.shadow.display()));
            }
            read => read.unwrap_or_default(),
        };
        if let Some(line) = shadow_line(&shadow, &entry.name) {
            check_shadow(&line, &entry.name, now)?;
        }
        check_shell(&entry.shell)
    }
}

fn unasked(errno: nix::errno::Errno) -> String {
    format!("the group database cannot be asked: {errno}")
}

/// The fields of a user's line in shadow(5).
fn shadow_line<'a>(shadow: &'a [u8], name: &str) -> Option<Vec<&'a [u8]>> {
    let lines = shadow.split(|byte| *byte == b'\n');
    let mut fields = lines.map(|line| line.split(|byte| *byte == b':').collect::<Vec<_>>());
    fields.find(|fields| fields.first() == Some(&name.as_bytes()))
}

fn check_shadow(line: &[&[u8]], name: &str, now: i64) -> Result<(), String> {
    // `!` in front is what `passwd -l` and `usermod -L` put there; `*` only rules passwords out.
    if line.get(1).is_some_and(|password| password.starts_with(b"!")) {
        return Err(format!(
            "the account is locked (! in shadow); for keys and no password: usermod -p '*' {name}"
        ));
    }
    let expires: Option<i64> =
        line.get(7).and_then(|field| std::str::from_utf8(field).ok()?.parse().ok());
    match expires {
        Some(day) if day < now.div_euclid(SECONDS_PER_DAY) && day != -1 => {
            Err("the account has expired; chage -E to change that".to_owned())
        }
        _ => Ok(()),
    }
}

/// As sshd: it has to be a program, and which one does not matter, `/usr/sbin/nologin` included.
fn check_shell(shell: &Path) -> Result<(), String> {
    let shown = shell.display();
    let there = std::fs::metadata(shell).map_err(|error| format!("the shell {shown}: {error}"))?;
    if !there.is_file() || there.permissions().mode() & 0o111 == 0 {
        return Err(format!("the shell {shown} is no program"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 20_000;

    fn entry(shell: &str) -> Entry {
        let name = "ann".to_owned();
        Entry { name, uid: 20_001, gid: 20_001, home: "/home/ann".into(), shell: shell.into() }
    }

    #[test]
    fn shadow_locks_and_expires() {
        let folder = tempfile::tempdir().unwrap();
        let shadow = folder.path().join("shadow");
        let databases = Databases { shadow: shadow.clone(), nologin: folder.path().join("none") };
        let cases = [
            ("ann:*:1:0:99999:7:::", None),
            ("ann:!:1:0:99999:7:::", Some("locked")),
            ("ann:!$6$salt$hash:1:0:99999:7:::", Some("locked")),
            ("ann:$6$salt$hash:1:0:99999:7::20000:", None),
            ("ann:*:1:0:99999:7::19999:", Some("expired")),
            ("ann:*:1:0:99999:7::0:", Some("expired")),
            ("ann:*:1:0:99999:7::-1:", None),
            ("ann", None),
            ("anna:!:1:0:99999:7:::", None),
            ("", None),
        ];
        for (line, refused) in cases {
            std::fs::write(&shadow, format!("root:!:1::::::\n{line}\nbob:*:1::::::\n")).unwrap();
            let answer = databases.check(&entry("/bin/sh"), DAY * SECONDS_PER_DAY + 5);
            match refused {
                None => assert_eq!(answer, Ok(()), "{line}"),
                Some(word) => assert!(answer.unwrap_err().contains(word), "{line}"),
            }
        }
        std::fs::remove_file(&shadow).unwrap();
        assert_eq!(databases.check(&entry("/bin/sh"), 0), Ok(()), "no shadow, nothing to say");
        std::fs::write(&databases.nologin, "later").unwrap();
        assert!(databases.check(&entry("/bin/sh"), 0).unwrap_err().contains("nobody logs in"));
    }

    #[test]
    fn the_shell_must_be_a_program() {
        let folder = tempfile::tempdir().unwrap();
        let none = || folder.path().join("none");
        let databases = Databases { shadow: none(), nologin: none() };
        let text = folder.path().join("text");
        std::fs::write(&text, "").unwrap();
        for shell in [folder.path(), &text, &none()] {
            let refused = databases.check(&entry(shell.to_str().unwrap()), 0).unwrap_err();
            assert!(refused.contains("the shell"), "{refused}");
        }
        assert_eq!(databases.check(&entry("/bin/false"), 0), Ok(()), "any program will do");
    }

    #[test]
    fn names_are_found_as_they_are_written() {
        let databases = Databases::of_this_host();
        let root = databases.entry("root").unwrap().unwrap();
        assert_eq!((root.name.as_str(), root.uid, root.gid), ("root", 0, 0));
        assert!(databases.groups(&root).unwrap().contains(&0));
        assert!(databases.group_names(&[0]).unwrap().contains(&"root".to_owned()));
        for name in ["", "Root", "root\0", "root\n", "../root", "no-such-user", "0"] {
            assert!(databases.entry(name).unwrap().is_none(), "{name:?}");
        }
    }
}
