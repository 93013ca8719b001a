//! Whether an operation may be done where its paths lead.
//!
//! Judgement comes after resolution: a link is judged by where it leads, and no spelling of a path
//! gets round a rule.

use super::access::need;
use super::rules::{Caught, Standing};
use super::{Access, FsOp, Grants, OpenFor, Refusal};

/// What is at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link that was not followed.
    Link,
    /// A FIFO, socket or device.
    Special,
}

/// Where a path of an operation leads.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The canonical path in the client's view.
    pub path: &'a [u8],
    /// What is there; `None`: nothing.
    pub kind: Option<Kind>,
    /// Whether it is a mounted folder or holds one, and so has to stay where it is.
    pub fixed: bool,
}

/// What an operation wants with a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// To know its path.
    Trace,
    /// To see its attributes.
    Look,
    /// To do something with what is there.
    Use,
    /// To make it.
    Make,
}

const BUSY: Refusal = Refusal::Failed("Device or resource busy: this folder has to stay in place");
const NAME: &str = "Permission denied: this folder does not permit the name";

impl Access {
    /// Whether `op` may be done where its [`places`](FsOp::places) lead, given in the same order.
    /// The grants that come back are those for the first target, for a handle to keep.
    ///
    /// `op` is narrowed to what was judged: an open that may make but not replace becomes exclusive
    /// when nothing is there, and the like. So whatever comes into being between judging and doing
    /// is an error and not a way round.
    ///
    /// # Errors
    /// The [`Refusal`] to answer with.
    pub fn judge(&self, op: &mut FsOp<'_>, targets: &[Target<'_>]) -> Result<Grants, Refusal> {
        self.admit_writing(op)?;
        // Who asks without having looked gets nothing.
        let unseen = || Refusal::denied("Permission denied");
        match op {
            FsOp::HomeDirectory(_) => Ok(Grants::NONE),
            FsOp::Rename { .. } | FsOp::HardLink { .. } | FsOp::CopyFile { .. } => {
                let [source, target, ..] = targets else { return Err(unseen()) };
                self.judge_two(op, &self.view(source), &self.view(target))
            }
            _ => {
                let target = self.view(targets.first().ok_or_else(unseen)?);
                self.judge_one(op, &target)?;
                Ok(target.at.holder.grants)
            }
        }
    }

    fn view<'a>(&'a self, target: &Target<'a>) -> View<'a> {
        View { at: self.rules.standing(target.path), kind: target.kind, fixed: target.fixed }
    }

    fn judge_one(&self, op: &mut FsOp<'_>, target: &View<'_>) -> Result<(), Refusal> {
        match op {
            FsOp::Stat { .. } => target.look(Reach::Look),
            FsOp::ReadLink(_) | FsOp::Space(_) => target.look(Reach::Use),
            FsOp::RealPath(_) => target.reach(Reach::Trace),
            FsOp::OpenDir(_) => {
                // Its content is what is asked for, so its own rule counts.
                target.reach(Reach::Use)?;
                need(target.at.own.grants, Grants::LIST)
            }
            FsOp::Open(_, how) => target.open(how),
            FsOp::CheckFile(..) => target.permit_file(Grants::DOWNLOAD, Reach::Use),
            FsOp::SetStat { change, .. } if change.is_empty() => {
                // What is left of an ignored change is no way to look.
                let ignoring = self.setstat_ignored.is_any();
                if ignoring { target.reach(Reach::Use) } else { target.look(Reach::Look) }
            }
            FsOp::SetStat { change, .. } => {
                let size = change.size.map_or(Grants::NONE, |_| Grants::OVERWRITE);
                target.permit(size | change.needs_beside_size(), Reach::Use)?;
                target.name_by_kind(target.kind)
            }
            FsOp::MakeDir(..) => target.permit(Grants::MKDIR, Reach::Make),
            FsOp::Symlink { .. } => target.permit_file(Grants::SYMLINK, Reach::Make),
            FsOp::Remove(_) => {
                target.permit_file(Grants::DELETE, Reach::Use)?;
                target.movable()
            }
            FsOp::RemoveDir(_) => {
                target.permit(Grants::RMDIR, Reach::Use)?;
                target.movable()
            }
            FsOp::HomeDirectory(_)
            | FsOp::Rename { .. }
            | FsOp::HardLink { .. }
            | FsOp::CopyFile { .. } => Err(Refusal::denied("Permission denied")),
        }
    }

    fn judge_two(
        &self,
        op: &mut FsOp<'_>,
        source: &View<'_>,
        target: &View<'_>,
    ) -> Result<Grants, Refusal> {
        match op {
            FsOp::Rename { over, .. } => rename(over, source, target)?,
            FsOp::HardLink { .. } => {
                source.permit_file(Grants::DOWNLOAD, Reach::Use)?;
                target.permit_file(Grants::SYMLINK, Reach::Make)?;
                target.movable()?;
                no_more_than(source, target)?;
            }
            FsOp::CopyFile { how, .. } => {
                source.permit_file(Grants::DOWNLOAD, Reach::Use)?;
                target.open(how)?;
            }
            _ => return Err(Refusal::denied("Permission denied")),
        }
        Ok(source.at.holder.grants)
    }
}

fn rename(over: &mut bool, source: &View<'_>, target: &View<'_>) -> Result<(), Refusal> {
    let replaces = *over && target.kind.is_some();
    let replacing = if replaces { Grants::OVERWRITE } else { Grants::NONE };
    source.permit(Grants::RENAME, Reach::Use)?;
    target.permit(Grants::RENAME | replacing, Reach::Make)?;
    source.name_by_kind(source.kind)?;
    target.name_by_kind(source.kind)?;
    source.movable()?;
    target.movable()?;
    no_more_than(source, target)?;
    // A directory brings along what its old rule held back inside it. Asked of files too: what is
    // there now may be a directory when it is renamed.
    if !target.at.holder.names.hold_back_all_of(&source.at.holder.names) {
        return Err(Refusal::denied("Permission denied: the new folder holds back fewer names"));
    }
    *over &= target.at.holder.grants.contains(Grants::OVERWRITE);
    Ok(())
}

/// A new name must not let somebody do what the old one did not.
fn no_more_than(source: &View<'_>, target: &View<'_>) -> Result<(), Refusal> {
    if target.at.holder.grants.without(source.at.holder.grants).is_empty() {
        return Ok(());
    }
    Err(Refusal::denied("Permission denied: the new folder permits more than the old one"))
}

/// A target and what the rules say about it.
struct View<'a> {
    at: Standing<'a>,
    kind: Option<Kind>,
    fixed: bool,
}

impl View<'_> {
    /// Whether the patterns let the path be named for this.
    fn reach(&self, reach: Reach) -> Result<(), Refusal> {
        match self.at.hidden {
            Some(Caught::Above) => return Err(Refusal::Missing),
            // Said whether something is there or not.
            Some(Caught::Last) if reach == Reach::Make => return Err(Refusal::denied(NAME)),
            Some(Caught::Last) => return Err(Refusal::Missing),
            None => {}
        }
        match self.at.denied {
            None => Ok(()),
            _ if reach == Reach::Trace => Ok(()),
            Some(Caught::Last) if reach == Reach::Look => Ok(()),
            Some(_) => Err(Refusal::denied(NAME)),
        }
    }

    /// Whether a file, link or special file may have this name.
    fn name_for_file(&self) -> Result<(), Refusal> {
        if self.at.is_top() || self.at.holder.names.allows(self.at.name) {
            return Ok(());
        }
        Err(Refusal::denied(NAME))
    }

    /// As [`name_for_file`](Self::name_for_file) unless what is there is a directory.
    fn name_by_kind(&self, kind: Option<Kind>) -> Result<(), Refusal> {
        if kind == Some(Kind::Directory) { Ok(()) } else { self.name_for_file() }
    }

    /// Whether the folder permits `needed` and the patterns the path.
    fn permit(&self, needed: Grants, reach: Reach) -> Result<(), Refusal> {
        self.reach(reach)?;
        need(self.at.holder.grants, needed)
    }

    /// As [`permit`](Self::permit), for what can only be about something other than a directory.
    /// Asked whatever is there: it may be something else by the time it is used.
    fn permit_file(&self, needed: Grants, reach: Reach) -> Result<(), Refusal> {
        self.permit(needed, reach)?;
        self.name_for_file()
    }

    /// Whether attributes may be seen. A folder that may be listed shows its own there, as `.`; and
    /// without a look at `/` no session starts.
    fn look(&self, reach: Reach) -> Result<(), Refusal> {
        self.reach(reach)?;
        let listed = |grants: Grants| grants.contains(Grants::LIST);
        let shows_itself = self.kind == Some(Kind::Directory) && listed(self.at.own.grants);
        if self.at.is_top() || shows_itself {
            return Ok(());
        }
        need(self.at.holder.grants, Grants::LIST)
    }

    /// Whether a file may be opened so; `how` keeps no more than what the grants cover, whatever
    /// appears or vanishes here in the meantime.
    fn open(&self, how: &mut OpenFor) -> Result<(), Refusal> {
        let granted = self.at.holder.grants;
        let there = self.kind.is_some();
        let mut needed = if how.read { Grants::DOWNLOAD } else { Grants::NONE };
        if how.writes() {
            let replaces = there && !how.makes_only();
            needed |= if replaces { Grants::OVERWRITE } else { Grants::UPLOAD };
        }
        self.permit_file(needed, if how.create { Reach::Make } else { Reach::Use })?;
        let may_replace = granted.contains(Grants::OVERWRITE);
        if how.writes() && !there && !how.create && !may_replace {
            return Err(Refusal::Missing);
        }
        how.exclusive |= how.create && !there && !may_replace;
        how.create &= granted.contains(Grants::UPLOAD);
        Ok(())
    }

    /// Whether it may be taken from its place or replaced: the rules name folders by their paths,
    /// so those paths have to keep leading to them.
    fn movable(&self) -> Result<(), Refusal> {
        if self.fixed || self.at.ruled { Err(BUSY) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
