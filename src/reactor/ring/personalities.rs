//! Users' credentials, registered with the ring: an entry that names one is carried out as that
//! user, whichever thread of the kernel does it.
//!
//! Registered by the first operation on a file of a user's, and given back once no file of his is
//! open any more; that is looked for when the table has doubled. An operation in flight holds its
//! file, so no number is given back that an entry still names.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Weak};

use rustix::io::Errno;

use super::handle::Handle;
use crate::reactor::identity::Identity;
use crate::reactor::limits::PERSONALITIES_MAX;

/// An entry without one is carried out as the server itself.
pub(super) const NONE: u16 = 0;

#[derive(Default)]
pub(super) struct Personalities {
    /// By where the identity lies: it is not freed while a weak reference to it is kept.
    by_address: HashMap<*const Identity, Registered>,
    /// How many there are when those that are of no more use are looked for.
    sweep_at: usize,
}

struct Registered {
    identity: Weak<Identity>,
    number: u16,
}

/// Below this many there is nothing to gain.
const SWEEP_AT_MIN: usize = 16;

impl Personalities {
    /// The number of `identity` with the ring of `handle`.
    ///
    /// # Errors
    /// As [`Identity::assume`], or the kernel's; `ENOBUFS` for more than [`PERSONALITIES_MAX`].
    pub(super) fn number(
        &mut self,
        handle: &Handle,
        identity: &Arc<Identity>,
    ) -> Result<u16, Errno> {
        if let Some(registered) = self.by_address.get(&Arc::as_ptr(identity)) {
            return Ok(registered.number);
        }
        let full = self.by_address.len() >= PERSONALITIES_MAX;
        if full || self.by_address.len() >= self.sweep_at.max(SWEEP_AT_MIN) {
            self.sweep(handle);
        }
        if self.by_address.len() >= PERSONALITIES_MAX {
            return Err(Errno::NOBUFS);
        }
        let number = {
            let _as_user = identity.assume()?;
            handle.register_personality().map_err(|error| errno(&error))?
        };
        let registered = Registered { identity: Arc::downgrade(identity), number };
        self.by_address.insert(Arc::as_ptr(identity), registered);
        Ok(number)
    }

    fn sweep(&mut self, handle: &Handle) {
        self.by_address.retain(|_, registered| {
            let used = registered.identity.strong_count() > 0;
            if !used {
                // Fails only for a number that is not registered.
                let _ = handle.unregister_personality(registered.number);
            }
            used
        });
        self.sweep_at = 2 * self.by_address.len();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_address.len()
    }
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}
