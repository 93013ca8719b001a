//! Who may log in and what each is given, as one thing that can be exchanged while the server runs.

use std::sync::{Arc, PoisonError, RwLock};

use super::profile::Profiles;
use crate::auth::Authenticator;
use crate::ssh::ServerConfig;

/// Everything that depends on who the users are.
pub struct Roll {
    /// Who may log in.
    pub authenticator: Arc<dyn Authenticator>,
    /// What each user sees and may do; one without a profile cannot open a session.
    pub profiles: Profiles,
    /// The SSH side of it: the methods offered depend on the users.
    pub ssh: Arc<ServerConfig>,
}

/// The roll that holds now.
///
/// A request to log in is judged by the roll of that moment, and a session keeps the profile it was
/// opened with: nobody meets one half of a roll and the other half of the next.
pub struct CurrentRoll(RwLock<Arc<Roll>>);

impl CurrentRoll {
    /// The first roll.
    #[must_use]
    pub fn new(roll: Roll) -> Self {
        Self(RwLock::new(Arc::new(roll)))
    }

    /// The roll that holds now.
    #[must_use]
    pub fn get(&self) -> Arc<Roll> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From here on `roll` holds.
    pub fn replace(&self, roll: Roll) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(roll);
    }
}
