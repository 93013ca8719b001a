//! What a copy asks of files and directories, each by the SFTP request that asks for the same.

use std::rc::Rc;
use std::sync::Arc;

use ringferry_sftp::{Attrs, OpenFlags, Request};
use rustix::io::Errno;

use super::copy::{RemoteCopy, failed, odd};
use super::{Session, Site, facts};
use crate::scp::{Ask, Told};
use crate::server::job::{self, Answer, Failure};
use crate::server::perform::system_change;
use crate::server::session::handles::{let_file_go, read_on};
use crate::server::session::{Open, OpenFile, Opened};
use crate::vfs::Change;

impl RemoteCopy {
    /// Does what `ask` asks for, or starts it; `result` is what a job brought that did it.
    pub(super) fn carry_out(
        &mut self,
        session: &mut Session,
        site: &mut Site<'_>,
        ask: &Ask,
        result: Option<job::Result>,
    ) -> Option<Told> {
        if matches!(ask, Ask::CloseDir) {
            if let Some(dir) = self.dirs.pop() {
                session.let_go(site, Open::Dir(dir));
            }
            return Some(Told::Done);
        }
        let result = match result {
            Some(result) => result,
            None => self.begin(session, site, ask)?,
        };
        Some(match result {
            Ok(answer) => self.answered(session, site, ask, answer),
            Err(failure) => {
                log_refused(site, ask, &failure);
                failed(&failure)
            }
        })
    }

    fn begin(
        &mut self,
        session: &mut Session,
        site: &mut Site<'_>,
        ask: &Ask,
    ) -> Option<job::Result> {
        let id = 0;
        if let Some(request) = by_handle(ask)
            && let Err(refusal) = site.profile.access.admit(&request)
        {
            return Some(Err(Failure::Refused(refusal)));
        }
        match ask {
            Ask::Stat(path) => session.ask(site, &Request::Stat { id, path }),
            Ask::OpenDir(path) => session.ask(site, &Request::Opendir { id, path }),
            Ask::OpenToRead(path) => {
                let (flags, attrs) = (OpenFlags::READ, Attrs::default());
                session.ask(site, &Request::Open { id, path, flags, attrs })
            }
            Ask::OpenToWrite { path, mode } => {
                let flags = OpenFlags::WRITE | OpenFlags::CREAT;
                let attrs = Attrs { permissions: *mode, ..Attrs::default() };
                session.ask(site, &Request::Open { id, path, flags, attrs })
            }
            Ask::MakeDir { path, mode } => {
                let attrs = Attrs { permissions: *mode, ..Attrs::default() };
                session.ask(site, &Request::Mkdir { id, path, attrs })
            }
            Ask::SetPath { path, mode, times } => {
                let permissions = self.permitted(site, *mode);
                let attrs = Attrs { permissions, times: *times, ..Attrs::default() };
                session.ask(site, &Request::Setstat { id, path, attrs })
            }
            Ask::ReadDir => self.read_dir(session, site),
            Ask::SetSize(size) => {
                let change = Change { size: Some(*size), ..Change::default() };
                self.change(session, site, change)
            }
            Ask::SetAttrs { mode, times } => {
                let change = Change { mode: *mode, times: *times, ..Change::default() };
                self.change(session, site, change)
            }
            Ask::CloseFile => self.close(session, site),
            // These are the copy's own.
            Ask::CloseDir | Ask::Send { .. } | Ask::Receive { .. } | Ask::Input | Ask::Done(_) => {
                Some(Err(odd()))
            }
        }
    }

    /// Where permissions are not kept, the user's umask applies to a folder that is filled as it
    /// did when it was made.
    fn permitted(&self, site: &Site<'_>, mode: Option<u32>) -> Option<u32> {
        let umask = if self.preserve { 0 } else { site.profile.access.umask };
        mode.map(|mode| mode & !umask)
    }

    fn answered(
        &mut self,
        session: &mut Session,
        site: &Site<'_>,
        ask: &Ask,
        answer: Answer,
    ) -> Told {
        match (ask, answer) {
            (Ask::Stat(_), Answer::Attrs(metadata)) => Told::Facts(facts(&metadata)),
            (Ask::OpenDir(_), Answer::Dir(dir)) => {
                self.dirs.push(Some(dir));
                Told::Done
            }
            (Ask::ReadDir, Answer::Entries(mut dir)) => {
                let names = dir.left.drain(..).map(|entry| entry.name).collect();
                if let Some(place) = self.dirs.last_mut() {
                    *place = Some(dir);
                }
                Told::Names(names)
            }
            (Ask::OpenToRead(_) | Ask::OpenToWrite { .. }, Answer::File(opened)) => {
                self.opened(session, site, *opened)
            }
            (
                Ask::MakeDir { .. }
                | Ask::SetPath { .. }
                | Ask::SetSize(_)
                | Ask::SetAttrs { .. }
                | Ask::CloseFile,
                Answer::Done,
            ) => Told::Done,
            _ => failed(&odd()),
        }
    }

    fn opened(&mut self, session: &mut Session, site: &Site<'_>, opened: Opened) -> Told {
        if let Some(before) = self.file.take() {
            session.let_go(site, Open::File(before));
        }
        let facts = facts(&opened.room.metadata);
        let inode = session.inode(opened.id);
        self.file = Some(Rc::new(OpenFile::new(opened, site.party, inode)));
        Told::Facts(facts)
    }

    fn read_dir(&mut self, session: &mut Session, site: &mut Site<'_>) -> Option<job::Result> {
        let Some(dir) = self.dirs.last_mut().and_then(Option::take) else {
            return Some(Err(Errno::BADF.into()));
        };
        let (slow, access) = (dir.slow, Arc::clone(&site.profile.access));
        session.begin(site, slow, move |cancel| Ok(Answer::Entries(read_on(dir, &access, cancel))))
    }

    /// Changes the open file; what is ignored for this user is left.
    fn change(
        &mut self,
        session: &mut Session,
        site: &mut Site<'_>,
        change: Change,
    ) -> Option<job::Result> {
        let Some(open) = &self.file else { return Some(Err(Errno::BADF.into())) };
        let access = &site.profile.access;
        let change = access.effective(change);
        if let Err(refusal) = access.judge_change(open.grants, open.can_write, &change) {
            return Some(Err(Failure::Refused(refusal)));
        }
        let room = Arc::clone(&open.room);
        session.begin(site, open.changes_slowly(&change), move |_| {
            if let Some(size) = change.size {
                room.set_size(size)?;
            }
            room.file.set(&system_change(&Change { size: None, ..change }))?;
            Ok(Answer::Done)
        })
    }

    fn close(&mut self, session: &mut Session, site: &mut Site<'_>) -> Option<job::Result> {
        let Some(file) = self.file.take() else { return Some(Ok(Answer::Done)) };
        file.log_closed();
        match Rc::try_unwrap(file) {
            Ok(file) => {
                let (slow, opened) = (file.closes_slowly(), file.opened);
                session.begin(site, slow, move |_| {
                    opened.close()?;
                    Ok(Answer::Done)
                })
            }
            Err(file) => {
                // Something of it is still on its way; whoever has that closes it.
                let_file_go(site, file);
                Some(Ok(Answer::Done))
            }
        }
    }
}

/// The request by handle for which SFTP would have to be permitted besides those by path.
fn by_handle(ask: &Ask) -> Option<Request<'static>> {
    let (id, handle, offset) = (0, &b""[..], 0);
    match ask {
        Ask::OpenToRead(_) => Some(Request::Read { id, handle, offset, len: 1 }),
        Ask::OpenToWrite { .. } => Some(Request::Write { id, handle, offset, len: 1 }),
        Ask::ReadDir => Some(Request::Readdir { id, handle }),
        Ask::SetSize(_) | Ask::SetAttrs { .. } => {
            Some(Request::Fsetstat { id, handle, attrs: Attrs::default() })
        }
        _ => None,
    }
}

/// What the user may not do is for the log, as SFTP's is; what is not there is not.
fn log_refused(site: &Site<'_>, ask: &Ask, failure: &Failure) {
    let Failure::Refused(_) = failure else { return };
    let path: &[u8] = match ask {
        Ask::Stat(path) | Ask::OpenDir(path) | Ask::OpenToRead(path) => path,
        Ask::OpenToWrite { path, .. } | Ask::MakeDir { path, .. } | Ask::SetPath { path, .. } => {
            path
        }
        _ => b"",
    };
    tracing::info!(
        connection = site.party.connection,
        peer = site.party.peer(),
        user = &*site.party.user,
        path = %path.escape_ascii(),
        cause = &*failure.told().1,
        "request refused"
    );
}
