//! The public keys that may log in: from the files that are named, or the invoking user's own.

use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::invoker::Invoker;
use super::private_file::{self, Refusal};
use crate::auth::limits::FILE_BYTES_MAX;
use crate::auth::{AuthorizedKey, KeyRules, Trust, authorized_keys};

/// Whoever may write such a file may add a key of their own.
const MODE_BANNED: u32 = 0o022;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct UserKeys {
    pub(crate) keys: Vec<AuthorizedKey>,
    /// Keys of lines that were passed over for what stands in front of them.
    held_back: Vec<Vec<u8>>,
    /// Lines and files that were passed over, each with its place and the cause.
    pub(crate) warnings: Vec<String>,
}

impl UserKeys {
    /// Tells about everything that was passed over.
    pub(crate) fn warn(&self) {
        self.warnings.iter().for_each(|warning| warn(warning));
    }

    /// Adds a key that is not among them yet. With other options it is another: either may do.
    pub(crate) fn add_key(&mut self, key: AuthorizedKey) {
        let same = |known: &AuthorizedKey| known.blob == key.blob && known.options == key.options;
        if !self.keys.iter().any(same) {
            self.keys.push(key);
        }
    }

    fn mentions(&self, blob: &[u8]) -> bool {
        let listed = self.keys.iter().map(|key| &key.blob);
        listed.chain(&self.held_back).any(|known| known == blob)
    }

    /// Adds the keys of a file that is there and safe to trust.
    pub(crate) fn add_file(&mut self, path: &Path, rules: &KeyRules) -> Result<(), Refusal> {
        let bytes = private_file::read(path, FILE_BYTES_MAX, MODE_BANNED)?;
        self.add(path, &bytes, rules);
        Ok(())
    }

    fn add(&mut self, path: &Path, bytes: &[u8], rules: &KeyRules) {
        let file = authorized_keys::parse(bytes, rules);
        for rejected in file.rejected {
            let place = format!("{}:{}", path.display(), rejected.line);
            self.warnings.push(format!("{place}: line ignored: {}", rejected.cause));
            self.held_back.extend(rejected.blob);
        }
        file.keys.into_iter().for_each(|key| self.add_key(key));
    }
}

/// Tells about something that is odd but stops nothing, through the log where one runs.
pub(crate) fn warn(warning: &str) {
    if tracing::enabled!(tracing::Level::ERROR) {
        tracing::warn!("{warning}");
    } else {
        super::log::plain_line(&format!("ringferry: warning: {warning}"));
    }
}

/// The keys of `files`, all of which must be there and safe to trust.
pub(crate) fn named(
    files: &[PathBuf],
    rules: &KeyRules,
    trust: &Trust,
) -> Result<UserKeys, Failure> {
    let mut found = UserKeys::default();
    for path in files {
        if let Err(refusal) = found.add_file(path, rules) {
            let cause = format!("authorized_keys {}: {}", path.display(), describe(&refusal));
            let failure = Failure::configuration(cause);
            return Err(match refusal {
                Refusal::Mode(_) => failure.cure(format!("chmod go-w {}", path.display())),
                _ => failure.cure("name a file of public keys that the server can read"),
            });
        }
    }
    if found.keys.is_empty() && !files.is_empty() && !trust.has_authorities() {
        let names: Vec<_> = files.iter().map(|path| path.display().to_string()).collect();
        found.warnings.push(format!("{}: no usable key: nobody can log in", names.join(", ")));
    }
    Ok(found)
}

/// The keys in `~/.ssh/authorized_keys` and `~/.ssh/*.pub`; what cannot be read is passed over.
/// What the first says of a key is all there is to it: no `.pub` file makes more of it.
pub(crate) fn of_invoker(invoker: &Invoker, rules: &KeyRules) -> UserKeys {
    let mut found = UserKeys::default();
    let Some(folder) = invoker.home.as_ref().map(|home| home.join(".ssh")) else {
        return found;
    };
    let mut files = vec![folder.join("authorized_keys")];
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut public: Vec<_> = entries.map(|entry| entry.path()).collect();
    public.retain(|path| path.extension().is_some_and(|extension| extension == "pub"));
    public.sort();
    files.append(&mut public);
    for path in files {
        let mut own = UserKeys::default();
        match own.add_file(&path, rules) {
            Ok(()) | Err(Refusal::Missing) => {}
            Err(refusal) => {
                let what = describe(&refusal);
                own.warnings.push(format!("{}: file ignored: {what}", path.display()));
            }
        }
        own.keys.retain(|key| !found.mentions(&key.blob));
        found.keys.append(&mut own.keys);
        found.held_back.append(&mut own.held_back);
        found.warnings.append(&mut own.warnings);
    }
    found
}

/// What is wrong with a file of keys.
pub(crate) fn describe(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Mode(mode) => {
            format!("others may write it (mode {mode:04o}), and so add keys of their own")
        }
        other => other.describe(FILE_BYTES_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::KeyOptions;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    const KEYS: [&str; 2] = [
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGILoQMasvjSnfyOJCTmHXeOzyU9GRwRHd0BA0lqPCy/ one",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGILoQMasvjSnfyOJCTmHXeOzyU9GRwRHd0BA0lqPCx/ two",
    ];

    fn write(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_users_own_files_are_found_and_oddities_told() {
        let home = tempfile::tempdir().unwrap();
        let ssh = home.path().join(".ssh");
        fs::create_dir(&ssh).unwrap();
        let invoker = Invoker { name: "ann".to_owned(), home: Some(home.path().into()) };
        assert!(of_invoker(&invoker, &KeyRules::default()).keys.is_empty());
        let text = format!("{}\ncommand=\"x\" {}\n", KEYS[0], KEYS[1]);
        write(&ssh.join("authorized_keys"), &text, 0o600);
        write(&ssh.join("a.pub"), KEYS[0], 0o644);
        write(&ssh.join("b.pub"), KEYS[1], 0o666);
        write(&ssh.join("c.txt"), KEYS[1], 0o644);
        let found = of_invoker(&invoker, &KeyRules::default());
        assert_eq!(found.keys.len(), 1, "the same key twice counts once");
        assert_eq!(found.warnings.len(), 2, "{:?}", found.warnings);
        assert!(found.warnings[0].contains("authorized_keys:2: line ignored: the option"));
        assert!(found.warnings[1].contains("b.pub: file ignored: others may write it (mode 0666)"));
        write(&ssh.join("b.pub"), KEYS[1], 0o644);
        let found = of_invoker(&invoker, &KeyRules::default());
        assert_eq!(found.keys.len(), 1, "a .pub file makes no more of a key that was held back");
        write(&ssh.join("authorized_keys"), KEYS[0], 0o600);
        assert_eq!(of_invoker(&invoker, &KeyRules::default()).keys.len(), 2);
        let limited = format!("from=\"10.0.0.1\" {}", KEYS[0]);
        write(&ssh.join("authorized_keys"), &limited, 0o600);
        let keys = of_invoker(&invoker, &KeyRules::default()).keys;
        assert_eq!(keys.len(), 2, "nor of one that is limited");
        assert!(keys[0].options != KeyOptions::default());
        assert!(keys[1].options == KeyOptions::default() && keys[1].blob != keys[0].blob);
    }

    #[test]
    fn a_user_without_a_home_has_no_keys() {
        let found =
            of_invoker(&Invoker { name: "ann".to_owned(), home: None }, &KeyRules::default());
        assert!(found.keys.is_empty() && found.warnings.is_empty());
    }

    #[test]
    fn named_files_must_be_there_and_safe() {
        let read = |path: &PathBuf| {
            named(std::slice::from_ref(path), &KeyRules::default(), &Trust::default())
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let failure = read(&path).unwrap_err();
        assert!(failure.causes[0].ends_with("there is no such file"));
        write(&path, KEYS[0], 0o664);
        let failure = read(&path).unwrap_err();
        assert_eq!(failure.exit_code, 2);
        assert_eq!(failure.cure, Some(format!("chmod go-w {}", path.display())));
        write(&path, KEYS[0], 0o644);
        assert_eq!(read(&path).unwrap().keys.len(), 1);
        write(&path, "# none\n", 0o644);
        let found = read(&path).unwrap();
        assert!(found.warnings[0].ends_with("no usable key: nobody can log in"));
    }
}
