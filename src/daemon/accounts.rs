//! Who may log in and what each of them is given: the sole user of the configuration, or the users
//! of the users file (`accounts/several.rs`).
//!
//! [`Accounts`] is what was read and checked; nothing is opened or measured before
//! [`profiles`], so that `ringferry check` can stop halfway.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use jiff::tz::TimeZone;
use zeroize::Zeroizing;

use super::config::Config;
use super::failure::Failure;
use super::invoker::Invoker;
use super::system_users::{SystemLogins, SystemUsers};
use super::trust::trust;
use super::usage;
use super::user_keys::{self, UserKeys};
use crate::auth::{
    Authenticator, KeyRules, LoginRules, PasswordDigest, Person, Secrets, Step, Users,
};
use crate::reactor::fs::{Links, Root, View};
use crate::server::{MakeProfile, Profile, Profiles};
use crate::vfs::{Access, Ledger};

mod several;

pub(crate) use several::several;

/// The bits of a umask that is taken off what clients make, where the configuration names none.
pub(crate) type Umask = u32;

/// Everybody who may log in.
pub(crate) struct Accounts {
    pub(crate) authenticator: Arc<dyn Authenticator>,
    pub(crate) accounts: Vec<Account>,
    /// In place of accounts: what is known of a user only once he logs in.
    pub(crate) made_at_login: Option<Box<MakeProfile>>,
    /// The password that was made where no key was found.
    pub(crate) password: Option<Zeroizing<String>>,
}

/// One of them.
pub(crate) struct Account {
    pub(crate) name: String,
    /// Folders of the host and where they are seen.
    pub(crate) mounts: Vec<(String, PathBuf)>,
    pub(crate) links: Links,
    pub(crate) access: Access,
    pub(crate) quota: Quota,
}

/// What an account may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) bytes: Option<u64>,
    pub(crate) files: Option<u64>,
}

impl Accounts {
    /// The folders of the host that somebody sees.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &Path> {
        let mounts = self.accounts.iter().flat_map(|account| &account.mounts);
        mounts.map(|(_, folder)| folder.as_path())
    }
}

/// Opens the folders of `accounts` and counts what is in those that have a quota, unless it is
/// among what is kept of the users there were.
pub(crate) fn profiles(
    accounts: Vec<Account>,
    kept: &mut HashMap<String, Kept>,
) -> Result<Profiles, Failure> {
    let mut profiles = Vec::new();
    let mut keeping = HashMap::new();
    for account in accounts {
        let name = account.name.clone();
        let (profile, kept) = account.profile(kept.get(&name))?;
        keeping.extend(kept.map(|kept| (name.clone(), kept)));
        profiles.push((name, profile));
    }
    // Nothing has failed: from here on it holds.
    for Kept { quota, ledger, .. } in keeping.values() {
        ledger.set_bounds(quota.bytes, quota.files);
    }
    // Who is gone may come back while sessions of his still count.
    kept.retain(|name, old| !keeping.contains_key(name) && Arc::strong_count(&old.ledger) > 1);
    kept.extend(keeping);
    Ok(Profiles::new(profiles))
}

/// What outlives a reload: sessions that were there before go on counting in the same ledger.
pub(crate) struct Kept {
    mounts: Vec<(String, PathBuf)>,
    quota: Quota,
    ledger: Arc<Ledger>,
}

impl Account {
    /// What the server needs to know of it, and what is to be kept where there is a quota.
    pub(crate) fn profile(
        mut self,
        before: Option<&Kept>,
    ) -> Result<(Profile, Option<Kept>), Failure> {
        let mut mounts = Vec::new();
        for (path, folder) in &self.mounts {
            let root = Root::open(folder).map_err(|error| unopened(folder, &error))?;
            mounts.push((path.clone().into_bytes(), root));
        }
        let view = View::new(mounts, self.links).map_err(|error| {
            Failure::configuration(format!("the folders of {}: {error}", self.name))
        })?;
        if self.quota != Quota::default() {
            self.access.quota = Some(match before.filter(|kept| kept.mounts == self.mounts) {
                Some(kept) => Arc::clone(&kept.ledger),
                None => Arc::new(self.ledger()?),
            });
        }
        let ledger = self.access.quota.clone();
        let quota = self.quota;
        let kept = ledger.map(|ledger| Kept { mounts: self.mounts, quota, ledger });
        Ok((Profile { view: Arc::new(view), access: Arc::new(self.access) }, kept))
    }

    fn ledger(&self) -> Result<Ledger, Failure> {
        let start = Instant::now();
        let folders = self.mounts.iter().map(|(_, folder)| folder.as_path());
        let found = usage::measure(folders).map_err(|(folder, error)| unopened(folder, &error))?;
        let milliseconds = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            user = %self.name,
            bytes = found.usage.bytes,
            files = found.usage.files,
            quota_bytes = self.quota.bytes,
            quota_files = self.quota.files,
            milliseconds,
            "counted what counts against the quota"
        );
        if found.passed_over > 0 {
            let count = found.passed_over;
            tracing::warn!(user = %self.name, count, "not counted: could not be read, or too deep");
        }
        Ok(Ledger::new(self.quota.bytes, self.quota.files, found.usage))
    }
}

fn unopened(folder: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::configuration(format!("cannot open the folder {}: {error}", folder.display()))
        .cure("make it, let the server's user into it, or name another")
}

/// The one user of a server without a users file, who sees `root`. The password is made by `random`
/// where nothing else lets him in.
pub(crate) fn sole(
    config: &Config,
    root: PathBuf,
    invoker: &Invoker,
    umask: Umask,
    rules: &LoginRules,
    random: impl FnOnce() -> Result<[u8; 32], Failure>,
) -> Result<Accounts, Failure> {
    let name = if config.user.is_empty() { &invoker.name } else { &config.user };
    let named = !config.authorized_keys.is_empty();
    let keys = key_rules(config);
    let trust = trust(config, &keys)?;
    let found: UserKeys = match named {
        true => user_keys::named(&config.authorized_keys, &keys, &trust)?,
        false => user_keys::of_invoker(invoker, &keys),
    };
    found.warn();
    // Where files are named, keys or certificates were meant: a password would open a door nobody
    // asked for.
    let password = match found.keys.is_empty() && !named && !trust.has_authorities() {
        true => Some(made_password(&random()?)),
        false => None,
    };
    let digest = password.as_deref().map(|password| PasswordDigest::of(password));
    let secrets = Secrets { digest, ..Secrets::default() };
    let person = Person { name: name.clone(), keys: found.keys, secrets, ..Person::default() };
    let mut access = Access::unrestricted();
    access.home = config.home.clone().into_bytes();
    access.read_only = config.read_only;
    access.umask = config.umask.unwrap_or(umask);
    let account = Account {
        name: name.clone(),
        mounts: vec![("/".to_owned(), root)],
        links: links(config.symlinks),
        access,
        quota: Quota::default(),
    };
    Ok(Accounts {
        authenticator: Arc::new(Users::new(vec![person], rules.clone()).trusting(trust)),
        accounts: vec![account],
        made_at_login: None,
        password,
    })
}

/// The users of the host. Sets the umask of the process: there must be no threads yet.
pub(crate) fn system(
    config: &Config,
    umask: Umask,
    rules: &LoginRules,
) -> Result<Accounts, Failure> {
    only_keys(rules)?;
    let trust = trust(config, &key_rules(config))?;
    let logins = SystemLogins::new(SystemUsers::new(config, umask)?, rules.clone(), trust);
    let authenticator = Arc::new(logins);
    let made_at_login: Box<MakeProfile> = Box::new(|_, login| login.granted());
    Ok(Accounts {
        authenticator,
        accounts: Vec::new(),
        made_at_login: Some(made_at_login),
        password: None,
    })
}

/// Passwords of the host and second factors are not asked for.
pub(crate) fn only_keys(rules: &LoginRules) -> Result<(), Failure> {
    let mut steps = rules.chains.iter().flat_map(|chains| chains.steps());
    if steps.any(|step| step != Step::PublicKey) {
        let what = "authentication_methods: users of the host log in with keys alone";
        return Err(Failure::configuration(what.to_owned())
            .cure("write publickey, or publickey,publickey for two of them"));
    }
    Ok(())
}

/// What lines of keys are read by. Times that name no zone are of this machine's, as with sshd, if
/// that is known; summer time counts, which sshd 9.2 takes for winter time.
pub(crate) fn key_rules(config: &Config) -> KeyRules {
    let rsa_bits_min = usize::try_from(config.required_rsa_size).unwrap_or(usize::MAX);
    let zone = TimeZone::try_system().unwrap_or_else(|error| {
        let what = "the machine's time zone is not known; expiry-time= without Z is taken as UTC";
        user_keys::warn(&format!("{what}: {error}"));
        TimeZone::UTC
    });
    KeyRules { rsa_bits_min, zone }
}

/// What `symlinks` says.
pub(super) fn links(symlinks: &str) -> Links {
    if symlinks == "refuse" { Links::Refuse } else { Links::Follow }
}

/// 20 characters of 5 bits: 100 bits, in groups for the eye, without letters that look alike.
fn made_password(random: &[u8; 32]) -> Zeroizing<String> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut password = Zeroizing::new(String::with_capacity(24));
    for (at, byte) in random.iter().take(20).enumerate() {
        if at > 0 && at % 5 == 0 {
            password.push('-');
        }
        let letter = LETTERS.get(usize::from(byte & 31)).copied().unwrap_or(b'a');
        password.push(char::from(letter));
    }
    password
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Login;
    use crate::daemon::config::{Layer, load};

    #[test]
    fn a_made_password_is_typable_and_uses_all_its_bits() {
        let first = made_password(&[0; 32]);
        assert_eq!(first.as_str(), "aaaaa-aaaaa-aaaaa-aaaaa");
        let mut bytes = [0; 32];
        for (at, byte) in (0u8..).zip(&mut bytes) {
            *byte = at;
        }
        let second = made_password(&bytes);
        assert_eq!(second.as_str(), "abcde-fghij-kmnpq-rstuv");
    }

    fn sole_of(text: &str, folder: &Path) -> Accounts {
        let config = load(&[Layer::File { name: "f", text }]).unwrap();
        let invoker = Invoker { name: "ann".to_owned(), home: None };
        sole(&config, folder.to_path_buf(), &invoker, 0o27, &LoginRules::default(), || Ok([0; 32]))
            .unwrap()
    }

    #[test]
    fn the_keys_of_the_configuration_reach_the_sole_user() {
        let folder = tempfile::tempdir().unwrap();
        let made = sole_of("", folder.path());
        assert!(made.password.is_some());
        assert_eq!(made.folders().collect::<Vec<_>>(), [folder.path()]);
        let account = &made.accounts[0];
        assert_eq!((account.name.as_str(), account.links), ("ann", Links::Follow));
        assert_eq!((account.access.umask, account.access.read_only), (0o27, false));
        assert_eq!(account.access.home, b"/");
        let text = "user = 'bob'\nhome = '/in'\numask = '007'\nsymlinks = 'refuse'\n\
                    read_only = true";
        let made = sole_of(text, folder.path());
        let account = &made.accounts[0];
        assert_eq!((account.name.as_str(), account.links), ("bob", Links::Refuse));
        assert_eq!((account.access.umask, account.access.read_only), (0o7, true));
        assert_eq!(account.access.home, b"/in");
        let profiles = profiles(made.accounts, &mut HashMap::new()).unwrap();
        assert!(profiles.get("bob", &Login::default()).is_some());
    }

    /// With a password beside them, certificates would be no login of their own.
    #[test]
    fn where_an_authority_is_trusted_no_password_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let key = "ssh-ed25519 \
            AAAAC3NzaC1lZDI1NTE5AAAAIGILoQMasvjSnfyOJCTmHXeOzyU9GRwRHd0BA0lqPCy/";
        let path = folder.path().join("ca.pub");
        std::fs::write(&path, key).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        std::fs::set_permissions(&path, mode).unwrap();
        let text = format!("trusted_user_ca_keys = '{}'", path.display());
        let made = sole_of(&text, folder.path());
        assert!(made.password.is_none());
        assert_eq!(made.authenticator.methods(), ["publickey"]);
    }

    #[test]
    fn a_quota_starts_from_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "12345").unwrap();
        let mut made = sole_of("", folder.path());
        made.accounts[0].quota = Quota { bytes: Some(12), files: None };
        let mut kept = HashMap::new();
        let ledger = |made: Accounts, kept: &mut HashMap<_, _>| {
            let profiles = profiles(made.accounts, kept).unwrap();
            profiles.get("ann", &Login::default()).unwrap().access.quota.clone().unwrap()
        };
        let first = ledger(made, &mut kept);
        assert_eq!((first.usage().bytes, first.usage().files), (5, 1));
        assert_eq!((first.bytes_left(), first.files_left()), (Some(7), None));
        // Another reading of the same folders goes on in the same ledger, with its own bounds.
        let mut made = sole_of("", folder.path());
        made.accounts[0].quota = Quota { bytes: None, files: Some(3) };
        let second = ledger(made, &mut kept);
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!((first.bytes_left(), first.files_left()), (None, Some(2)));
    }
}
