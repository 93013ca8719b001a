//! What each user sees and may do.

use std::collections::HashMap;
use std::sync::Arc;

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

/// The profiles by login name.
#[derive(Default)]
pub struct Profiles {
    by_user: HashMap<String, Arc<Profile>>,
}

impl Profiles {
    /// The profiles of these users.
    pub fn new(profiles: impl IntoIterator<Item = (String, Profile)>) -> Self {
        let entries = profiles.into_iter().map(|(user, profile)| (user, Arc::new(profile)));
        Self { by_user: entries.collect() }
    }

    /// The profile of `user`, who has logged in.
    #[must_use]
    pub fn get(&self, user: &str) -> Option<&Arc<Profile>> {
        self.by_user.get(user)
    }
}
