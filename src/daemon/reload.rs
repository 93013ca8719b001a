//! SIGHUP: who may log in is read again, from the users file or the files of keys.

use std::collections::HashMap;
use std::sync::Arc;

use super::accounts::{self, Accounts, Kept, Umask};
use super::config::Config;
use super::failure::Failure;
use super::invoker::Invoker;
use super::serve;
use super::umask;
use crate::auth::LoginRules;
use crate::server::{CurrentRoll, Profiles, Roll};
use crate::ssh::ServerConfig;

/// What users are read from.
pub(crate) struct Source {
    pub(crate) config: Config,
    pub(crate) invoker: Invoker,
    pub(crate) umask: Umask,
    /// Cloned for each reading: what it shares goes on.
    pub(crate) rules: LoginRules,
}

/// Reads the users again and puts them in the place of those there are, or leaves everything as it
/// is.
pub(crate) struct Reload {
    source: Source,
    roll: Arc<CurrentRoll>,
    kept: HashMap<String, Kept>,
    /// Why it cannot be done.
    unable: Option<&'static str>,
}

impl Reload {
    /// Makes the first roll of `accounts`, and what is needed to make the next.
    pub(crate) fn first(
        source: Source,
        accounts: Accounts,
        ssh: ServerConfig,
    ) -> Result<Self, Failure> {
        let made = accounts.password.is_some();
        let mut kept = HashMap::new();
        let roll = roll(accounts, ssh, &mut kept)?;
        Ok(Self {
            source,
            roll: Arc::new(CurrentRoll::new(roll)),
            kept,
            unable: made.then_some("the password was made for this run, and would be another"),
        })
    }

    /// The roll that holds.
    pub(crate) fn roll(&self) -> Arc<CurrentRoll> {
        Arc::clone(&self.roll)
    }

    /// Reads again.
    pub(crate) fn again(&mut self) {
        match self.read() {
            Ok(users) => tracing::info!(users, "reloaded: logins from here on find these users"),
            Err(failure) => {
                let cure = failure.cure.as_deref();
                for cause in &failure.causes {
                    tracing::error!(cause, cure, "not reloaded: the users stay as they were");
                }
            }
        }
    }

    fn read(&mut self) -> Result<usize, Failure> {
        if let Some(why) = self.unable {
            return Err(Failure::configuration(why.to_owned()));
        }
        let Source { config, invoker, umask, rules } = &self.source;
        let mut accounts = serve::accounts(config, invoker, *umask, rules)?;
        if !umask::settle_again(accounts.accounts.iter_mut().map(|account| &mut account.access)) {
            let what = "a umask or a forced mode takes off less than all users' umask did at the \
                        start";
            return Err(Failure::configuration(what.to_owned()).cure("restart the server"));
        }
        if accounts.password.is_some() {
            return Err(Failure::configuration("there is no key left in ~/.ssh".to_owned()));
        }
        let users = accounts.accounts.len();
        let ssh = (*self.roll.get().ssh).clone();
        let roll = roll(accounts, ssh, &mut self.kept)?;
        self.roll.replace(roll);
        Ok(users)
    }
}

fn roll(
    accounts: Accounts,
    ssh: ServerConfig,
    kept: &mut HashMap<String, Kept>,
) -> Result<Roll, Failure> {
    let authenticator = Arc::clone(&accounts.authenticator);
    let ssh = ServerConfig { methods: authenticator.methods(), ..ssh };
    let profiles = match accounts.made_at_login {
        Some(make) => Profiles::made_by(make),
        None => accounts::profiles(accounts.accounts, kept)?,
    };
    Ok(Roll { authenticator, profiles, ssh: Arc::new(ssh) })
}
