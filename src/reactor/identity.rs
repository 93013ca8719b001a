//! As whom a thread meets the file system: the ids and groups of a user of the host.
//!
//! Linux keeps credentials for each thread, and a file system asks those of the thread that calls.
//! An [`Identity`] is assumed by the thread that acts for its user and given back right after, so
//! that threads are shared by all users. Only what the kernel asks about files is changed: the
//! supplementary groups, fsgid and fsuid (credentials(7)); real, effective and saved ids stay
//! root's, so the user can neither signal nor trace the server.
//!
//! Root's power over files lies in capabilities, not in its uid. Setting an fsuid other than 0
//! takes those over files from the effective set (capabilities(7), "Effect of user ID changes"),
//! but leaves `CAP_SYS_RESOURCE`, by which root uses up reserved blocks and passes by quotas, and
//! `CAP_SYS_ADMIN`, which file systems ask for this and that: so the whole effective set is
//! emptied.
//! Invariant: a thread that cannot become its former self again ends the process.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::Arc;

use rustix::io::Errno;
use rustix::process::Gid;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_thread_groups,
};

/// The credentials of a user of the host, without root's powers.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Identity {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
}

/// -1, which setfsuid(2) and setfsgid(2) take for a question rather than an id.
const NO_ID: u32 = u32::MAX;

impl Identity {
    /// The user `uid` with the primary group `gid` and supplementary `groups`, of which the kernel
    /// takes 65,536. `None` for root, who is never assumed, and for the id that is none (2^32 - 1).
    #[must_use]
    pub fn new(uid: u32, gid: u32, groups: Vec<u32>) -> Option<Arc<Self>> {
        let is_id = uid != 0 && uid != NO_ID && gid != NO_ID && !groups.contains(&NO_ID);
        is_id.then(|| Arc::new(Self { uid, gid, groups }))
    }

    /// Whom the kernel takes for ids it cannot express (`/proc/sys/kernel/overflowuid`).
    #[must_use]
    pub fn nobody() -> Arc<Self> {
        const NOBODY: u32 = 65_534;
        Arc::new(Self { uid: NOBODY, gid: NOBODY, groups: Vec::new() })
    }

    /// The user's number.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The number of his primary group.
    #[must_use]
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// The numbers of his other groups, as the group database gave them.
    #[must_use]
    pub fn groups(&self) -> &[u32] {
        &self.groups
    }

    /// Makes this thread act as the user until what is returned is dropped. Assuming it again
    /// meanwhile costs nothing.
    ///
    /// # Errors
    /// What the kernel says: `EPERM` unless the process is root with its capabilities, `EINVAL` for
    /// more groups than it takes. `EBUSY`: this thread acts as another user now. The thread is
    /// unchanged then.
    pub fn assume(self: &Arc<Self>) -> Result<Assumed, Errno> {
        ACTING.with_borrow_mut(|acting| {
            match acting {
                Some(acting) if Arc::ptr_eq(&acting.identity, self) => acting.depth += 1,
                Some(acting) if acting.identity == *self => acting.depth += 1,
                Some(_) => return Err(Errno::BUSY),
                None => {
                    let own = Credentials::of_this_thread()?;
                    own.exchange(self)?;
                    *acting = Some(Acting { identity: Arc::clone(self), own, depth: 1 });
                }
            }
            Ok(Assumed { on_this_thread: PhantomData })
        })
    }
}

/// Assumes `identity`, if there is one: without, the thread acts as the server itself.
///
/// # Errors
/// As [`Identity::assume`].
pub(super) fn assume(identity: Option<&Arc<Identity>>) -> Result<Option<Assumed>, Errno> {
    identity.map(Identity::assume).transpose()
}

/// Whether this thread acts as somebody else than the server. What it starts meanwhile, a thread or
/// an operation of a ring, would keep those credentials.
pub(super) fn is_assumed() -> bool {
    ACTING.with_borrow(Option::is_some)
}

thread_local! {
    static ACTING: RefCell<Option<Acting>> = const { RefCell::new(None) };
}

/// A thread that acts as a user.
struct Acting {
    identity: Arc<Identity>,
    own: Credentials,
    /// How many times it was assumed and not given back.
    depth: usize,
}

/// A thread acts as a user as long as this lives. It cannot leave its thread.
#[derive(Debug)]
pub struct Assumed {
    on_this_thread: PhantomData<*const ()>,
}

impl Drop for Assumed {
    fn drop(&mut self) {
        ACTING.with_borrow_mut(|acting| {
            let Some(one) = acting else { return };
            one.depth -= 1;
            if one.depth == 0 {
                one.own.restore();
                *acting = None;
            }
        });
    }
}

/// What a thread is to be again.
struct Credentials {
    fsuid: u32,
    fsgid: u32,
    groups: Vec<Gid>,
    capabilities: CapabilitySets,
}

impl Credentials {
    fn of_this_thread() -> Result<Self, Errno> {
        Ok(Self {
            fsuid: set_fsuid(NO_ID),
            fsgid: set_fsgid(NO_ID),
            groups: rustix::process::getgroups()?,
            capabilities: capabilities(None)?,
        })
    }

    /// Turns the thread that has these into `identity`, or leaves it as it is.
    fn exchange(&self, identity: &Identity) -> Result<(), Errno> {
        let groups: Vec<Gid> = identity.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
        // First of all, since it takes CAP_SETGID; where it fails nothing has happened.
        set_thread_groups(&groups)?;
        let none = CapabilitySets { effective: CapabilitySet::empty(), ..self.capabilities };
        let changed = become_fsgid(identity.gid)
            .and_then(|()| become_fsuid(identity.uid))
            .and_then(|()| set_capabilities(None, none));
        changed.inspect_err(|_| self.restore())
    }

    /// Makes the thread what it was, wherever an exchange got to. It acts for all users: one that
    /// keeps the ids of one of them must not go on.
    fn restore(&self) {
        // Going back to ids that are the process's own takes no capability. With an fsuid of 0 the
        // kernel gives some of them back, be it more than there were: they are set last but for the
        // groups, which take one.
        let restored = become_fsuid(self.fsuid)
            .and_then(|()| become_fsgid(self.fsgid))
            .and_then(|()| set_capabilities(None, self.capabilities))
            .and_then(|()| set_thread_groups(&self.groups));
        if let Err(errno) = restored {
            eprintln!("ringferry: a thread cannot give a user's identity back: {errno}");
            std::process::abort();
        }
    }
}

fn become_fsuid(uid: u32) -> Result<(), Errno> {
    set_fsuid(uid);
    if set_fsuid(NO_ID) == uid { Ok(()) } else { Err(Errno::PERM) }
}

fn become_fsgid(gid: u32) -> Result<(), Errno> {
    set_fsgid(gid);
    if set_fsgid(NO_ID) == gid { Ok(()) } else { Err(Errno::PERM) }
}

/// Sets this thread's fsuid and answers the one before. The kernel tells of no failure.
fn set_fsuid(uid: u32) -> u32 {
    // SAFETY: the call takes a number and touches no memory. Made by its number, not through libc,
    // so that it is this thread's and no other's, whatever a libc would make of it.
    id(unsafe { libc::syscall(libc::SYS_setfsuid, uid) })
}

/// As [`set_fsuid`].
fn set_fsgid(gid: u32) -> u32 {
    // SAFETY: as in `set_fsuid`.
    id(unsafe { libc::syscall(libc::SYS_setfsgid, gid) })
}

/// What setfsuid(2) answers is an id of 32 bits, in a type that may be wider and is signed.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn id(answer: libc::c_long) -> u32 {
    answer as u32
}

#[cfg(test)]
mod tests;
