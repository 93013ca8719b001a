//! What one user may do.

use std::sync::Arc;

use ringferry_sftp::Request;

use super::rules::{RuleError, RuleTree};
use super::{Change, FsOp, Grants, Ledger, Refusal, RequestFilter, Rule, filter};

/// Which parts of SETSTAT, LSETSTAT and FSETSTAT are dropped in silence, for clients that take a
/// refusal for a failed transfer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetstatIgnored {
    /// Permission bits.
    pub mode: bool,
    /// Owner and group.
    pub owner: bool,
    /// Times.
    pub times: bool,
}

impl SetstatIgnored {
    pub(super) fn is_any(self) -> bool {
        self.mode || self.owner || self.times
    }
}

/// What one user may do; made once and shared by all his sessions.
#[derive(Clone, Debug)]
pub struct Access {
    /// Where relative paths start, in the client's view.
    pub home: Vec<u8>,
    /// Nothing may be changed, whatever the rules permit.
    pub read_only: bool,
    /// Bits taken off the mode of what is made.
    pub umask: u32,
    /// Mode of every file that is made, whatever the client asks for.
    pub file_mode: Option<u32>,
    /// Mode of every directory that is made, whatever the client asks for.
    pub directory_mode: Option<u32>,
    /// What SETSTAT does not do.
    pub setstat_ignored: SetstatIgnored,
    /// Which requests may be sent at all.
    pub requests: RequestFilter,
    /// Uploads stop when the file system has less than this left.
    pub free_bytes_min: u64,
    /// How much he may keep; `None`: as much as there is room for.
    pub quota: Option<Arc<Ledger>>,
    pub(super) rules: RuleTree,
}

impl Default for Access {
    fn default() -> Self {
        Self::unrestricted()
    }
}

const READ_ONLY: &str = "Permission denied: this server is read-only";

impl Access {
    /// Access by these rules; all else is as in [`unrestricted`](Self::unrestricted), for the
    /// caller to set. What no rule governs permits nothing.
    ///
    /// # Errors
    /// The first rule that cannot stand.
    pub fn new(rules: Vec<Rule>) -> Result<Self, RuleError> {
        RuleTree::new(rules).map(Self::by)
    }

    /// Everything is permitted everywhere.
    #[must_use]
    pub fn unrestricted() -> Self {
        Self::by(RuleTree::permitting(Grants::ALL))
    }

    fn by(rules: RuleTree) -> Self {
        Self {
            home: b"/".to_vec(),
            read_only: false,
            umask: 0,
            file_mode: None,
            directory_mode: None,
            setstat_ignored: SetstatIgnored::default(),
            requests: RequestFilter::default(),
            free_bytes_min: 0,
            quota: None,
            rules,
        }
    }

    /// Whether `request` may be sent at all: what every request is asked first, with or without a
    /// path. [`plan`](super::plan) asks it on its own.
    ///
    /// # Errors
    /// [`Refusal::Denied`] by the request filter, or because nothing may be changed.
    pub fn admit(&self, request: &Request<'_>) -> Result<(), Refusal> {
        if !self.requests.permits(request) {
            return Err(Refusal::denied("Permission denied: this request is switched off"));
        }
        // These change nothing when all they ask for is ignored; that is judged with their change.
        let by_change = matches!(
            request,
            Request::Setstat { .. } | Request::Lsetstat { .. } | Request::Fsetstat { .. }
        );
        if self.read_only && filter::writes(request) && !by_change {
            return Err(Refusal::denied(READ_ONLY));
        }
        Ok(())
    }

    /// Whether the extension `name` is to be announced: one that would always be refused is not, as
    /// in OpenSSH's server.
    #[must_use]
    pub fn announces(&self, name: &str) -> bool {
        self.requests.permits_extension(name) && !(self.read_only && filter::extension_writes(name))
    }

    pub(super) fn admit_writing(&self, op: &FsOp<'_>) -> Result<(), Refusal> {
        if self.read_only && op.writes() {
            return Err(Refusal::denied(READ_ONLY));
        }
        Ok(())
    }

    /// The change less what is ignored.
    #[must_use]
    pub fn effective(&self, change: Change) -> Change {
        let ignored = self.setstat_ignored;
        Change {
            size: change.size,
            mode: change.mode.filter(|_| !ignored.mode),
            owner: change.owner.filter(|_| !ignored.owner),
            times: change.times.filter(|_| !ignored.times),
        }
    }

    /// Whether FSETSTAT may make `change` (which is [`effective`](Self::effective)) through a
    /// handle that keeps the grants `held`. All of it or nothing.
    ///
    /// # Errors
    /// [`Refusal::Denied`] with what is withheld.
    pub fn judge_change(
        &self,
        held: Grants,
        opened_for_writing: bool,
        change: &Change,
    ) -> Result<(), Refusal> {
        if self.read_only && !change.is_empty() {
            return Err(Refusal::denied(READ_ONLY));
        }
        let mut needed = change.needs_beside_size();
        // Who may write a file through this handle may cut it too: clients do so after an upload.
        let may_write = opened_for_writing && !(held & WRITING).is_empty();
        if change.size.is_some() && !may_write {
            needed |= Grants::OVERWRITE;
        }
        need(held, needed)
    }

    /// Whether content may be read through a handle that keeps the grants `held`, for what reads
    /// without a READ: digests, copy-data, ranges.
    ///
    /// # Errors
    /// [`Refusal::Denied`] when download is withheld.
    pub fn judge_reading(&self, held: Grants) -> Result<(), Refusal> {
        need(held, Grants::DOWNLOAD)
    }

    /// Whether `name` appears in a listing of `folder`, a canonical path.
    #[must_use]
    pub fn lists(&self, folder: &[u8], name: &[u8]) -> bool {
        name == b"." || name == b".." || !self.rules.standing(folder).own.names.hides(name)
    }

    /// Whether listings leave anything out, and so may have to look at many names for one.
    #[must_use]
    pub fn hides_names(&self) -> bool {
        self.rules.hides()
    }

    /// The mode of a copy of a file of `mode`: what its owner kept to himself stays so.
    #[must_use]
    pub fn mode_of_copy(&self, mode: u32) -> u32 {
        self.mode_of_file(Some(mode & 0o777))
    }

    /// The mode of a file that is made, of which the client asks for `asked`.
    pub(super) fn mode_of_file(&self, asked: Option<u32>) -> u32 {
        self.file_mode.unwrap_or(asked.unwrap_or(0o666) & !self.umask) & 0o7777
    }

    /// The mode of a directory that is made, of which the client asks for `asked`.
    pub(super) fn mode_of_directory(&self, asked: Option<u32>) -> u32 {
        self.directory_mode.unwrap_or(asked.unwrap_or(0o777) & !self.umask) & 0o7777
    }
}

/// Either lets a file be written.
const WRITING: Grants = Grants::UPLOAD.with(Grants::OVERWRITE);

/// Whether `granted` has all of `needed`.
pub(super) fn need(granted: Grants, needed: Grants) -> Result<(), Refusal> {
    let missing = needed.without(granted);
    if missing.is_empty() { Ok(()) } else { Err(Refusal::withheld(missing)) }
}
