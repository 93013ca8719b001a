//! What each user sees and may do.

use std::collections::HashMap;
use std::sync::Arc;

use crate::auth::Login;
use crate::reactor::Identity;
use crate::reactor::fs::View;
use crate::vfs::Access;

/// What one user sees and may do; shared by his sessions on all shards.
#[derive(Clone)]
pub struct Profile {
    /// The folders he sees as one tree.
    pub view: Arc<View>,
    /// What he may do in it.
    pub access: Arc<Access>,
}

impl Profile {
    /// As whom everything in the view is done: a user of the host, or `None` for the server itself.
    #[must_use]
    pub fn identity(&self) -> Option<&Arc<Identity>> {
        self.view.identity()
    }
}

/// Gives the profile of a user who has just logged in, by this login.
pub type MakeProfile = dyn Fn(&str, &Login) -> Option<Arc<Profile>> + Send + Sync;

/// The profiles by login name.
#[derive(Default)]
pub struct Profiles {
    by_user: HashMap<String, Arc<Profile>>,
    /// For everybody else.
    make: Option<Box<MakeProfile>>,
}

impl Profiles {
    /// The profiles of these users.
    pub fn new(profiles: impl IntoIterator<Item = (String, Profile)>) -> Self {
        let entries = profiles.into_iter().map(|(user, profile)| (user, Arc::new(profile)));
        Self { by_user: entries.collect(), make: None }
    }

    /// Profiles that are not known before somebody logs in.
    pub fn made_by(make: Box<MakeProfile>) -> Self {
        Self { by_user: HashMap::new(), make: Some(make) }
    }

    /// The profile of `user`, who has logged in by `login`.
    #[must_use]
    pub fn get(&self, user: &str, login: &Login) -> Option<Arc<Profile>> {
        let known = self.by_user.get(user).cloned();
        known.or_else(|| self.make.as_ref().and_then(|make| make(user, login)))
    }
}
