//! Users of the host: from the passwd database, with the keys in their own homes.
//!
//! [`SystemUsers::find`] asks the databases and says whether somebody may log in at all, by sshd's
//! rules; [`SystemUsers::keys`] reads his keys as himself; [`SystemUsers::profile`] makes what the
//! server needs of him. All of them may wait for long: a user database may be a directory server,
//! and a home a network file system. For somebody who is not known the same is done in vain.
//! Invariant: no [`SystemUser`] is root.

mod access;
mod databases;
mod key_files;
mod login;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::io::Errno;

use self::access::AccessLists;
pub(crate) use self::access::check_pattern;
use self::databases::{Databases, Entry};
pub(crate) use self::key_files::check_template;
pub(crate) use self::login::SystemLogins;
use super::accounts::{Umask, key_rules, links};
use super::config::Config;
use super::failure::Failure;
use super::umask;
use crate::auth::{Attempt, AuthorizedKey, KeyRules};
use crate::reactor::Identity;
use crate::reactor::fs::{Links, Root, View};
use crate::server::Profile;
use crate::vfs::Access;

/// Who of the host's users may log in, and what holds for all of them.
pub(crate) struct SystemUsers {
    databases: Databases,
    lists: AccessLists,
    /// Where a user's keys are, as sshd's AuthorizedKeysFile has it.
    key_files: Vec<String>,
    rules: KeyRules,
    links: Links,
    access: Access,
}

/// A user of the host who may log in, if he has a key.
#[derive(Debug)]
pub(crate) struct SystemUser {
    pub(crate) name: String,
    pub(crate) identity: Arc<Identity>,
    pub(crate) home: PathBuf,
}

/// The keys somebody may log in with.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    pub(crate) keys: Vec<AuthorizedKey>,
    /// Files and lines that were passed over, each with its cause.
    pub(crate) passed_over: Vec<String>,
}

impl SystemUsers {
    /// What `config` says of them. Sets the umask of the process: there must be no threads yet.
    pub(crate) fn new(config: &Config, umask: Umask) -> Result<Self, Failure> {
        check_powers()?;
        let mut access = Access::unrestricted();
        access.read_only = config.read_only;
        access.umask = config.umask.unwrap_or(umask);
        umask::settle(std::iter::once(&mut access));
        Ok(Self { access, ..Self::with(config, Databases::of_this_host()) })
    }

    fn with(config: &Config, databases: Databases) -> Self {
        Self {
            databases,
            lists: AccessLists::of(config),
            key_files: config.authorized_keys_file.clone(),
            rules: key_rules(config),
            links: links(config.symlinks),
            access: Access::unrestricted(),
        }
    }

    /// The user called `name`, if he may log in.
    ///
    /// # Errors
    /// Why he may not, for the log.
    pub(crate) fn find(&self, name: &str, attempt: &Attempt) -> Result<SystemUser, String> {
        let entry = self.databases.entry(name)?.ok_or("no such user")?;
        self.databases.check(&entry, attempt.now)?;
        let user = self.user(entry)?;
        let groups = || self.databases.group_names(user.identity.groups());
        self.lists.check(name, attempt.peer, groups)?;
        Ok(user)
    }

    fn user(&self, entry: Entry) -> Result<SystemUser, String> {
        let groups = self.databases.groups(&entry)?;
        let Entry { name, uid, gid, home, .. } = entry;
        if home == Path::new("/") {
            // Seen from within this process /proc would show what others have open.
            return Err("the home is /: all of the host is nobody's home here".to_owned());
        }
        let identity = Identity::new(uid, gid, groups)
            .ok_or("root does not log in: system_users serves everybody else")?;
        Ok(SystemUser { name, identity, home })
    }

    /// The keys of `user`, read as himself.
    pub(crate) fn keys(&self, user: &SystemUser) -> Keys {
        key_files::read(&self.key_files, user, &self.rules)
    }

    /// What `user` sees: his home as `/`, where everything is done as himself.
    ///
    /// # Errors
    /// His home cannot be opened by him.
    pub(crate) fn profile(&self, user: &SystemUser) -> Result<Profile, Errno> {
        let root = Root::open_as(&user.home, &user.identity)?;
        let view = View::new(vec![(b"/".to_vec(), root)], self.links)?;
        let view = Arc::new(view.used_as(Arc::clone(&user.identity)));
        Ok(Profile { view, access: Arc::new(self.access.clone()) })
    }
}

impl SystemUser {
    /// Nobody, whose home is not there: as Debian's user of this name.
    fn nobody() -> Self {
        let identity = Identity::nobody();
        Self { name: String::new(), identity, home: "/nonexistent".into() }
    }
}

/// Acting as others takes root and its capabilities: better known now than at each login.
fn check_powers() -> Result<(), Failure> {
    let nobody = SystemUser::nobody();
    nobody.identity.assume().map(drop).map_err(|errno| {
        Failure::configuration(format!("system_users: the server cannot act as others: {errno}"))
            .cure("start it as root, with CAP_SETUID and CAP_SETGID, or take users_file")
    })
}

#[cfg(test)]
mod tests;
