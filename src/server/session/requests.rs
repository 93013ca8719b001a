//! What a session does with each request but READ and WRITE.

use std::sync::Arc;

use ringferry_sftp::limits as sftp_limits;
use ringferry_sftp::reply::{self, CheckFileShape, ServerLimits, VendorId};
use ringferry_sftp::{Attrs, IdList, OpenFlags, Principal, Request, Status, extension};

use super::{Session, Site, Then};
use crate::server::job::Failure;
use crate::server::limits::NAMES_BYTES_MAX;
use crate::server::perform::{perform, perform_at_once};
use crate::vfs::{self, FsOp, SessionFacts, check_file_shape, limits::HANDLES_MAX};

impl Session {
    pub(super) fn request(&mut self, site: &mut Site<'_>, request: &Request<'_>) {
        if let Request::Init { version } = *request {
            return self.init(site, version);
        }
        let Some(id) = request.id() else { return };
        if !self.greeted {
            tracing::info!(
                connection = site.party.connection,
                peer = site.party.peer(),
                user = &*site.party.user,
                request = request.name(),
                "sftp request before INIT; the session ends"
            );
            self.failed = true;
            return;
        }
        if let Err(refusal) = site.profile.access.admit(request) {
            return self.failure(site, None, id, &Failure::Refused(refusal));
        }
        if self.cuts_what_is_being_read(request) {
            return self.hold(request);
        }
        let (user, symlink_order) = (&*site.party.user, self.symlink_order);
        let facts = SessionFacts { user, symlink_order };
        match vfs::plan(request, &site.profile.access, &facts) {
            Some(Ok(op)) => self.on_path(site, id, request, op),
            Some(Err(refusal)) => self.failure(site, None, id, &Failure::Refused(refusal)),
            None => self.on_handle(site, id, request),
        }
    }

    fn init(&mut self, site: &Site<'_>, version: u32) {
        if self.greeted || version < 3 {
            self.failed = true;
            return;
        }
        self.greeted = true;
        let access = &site.profile.access;
        let served: Vec<_> =
            EXTENSIONS.iter().copied().filter(|(name, _)| access.announces(name)).collect();
        let vendor = VendorId {
            vendor: "ringferry",
            product: "ringferry",
            version: env!("CARGO_PKG_VERSION"),
            build: 0,
        };
        self.replies.push_with(|out| reply::version(out, &served, Some(&vendor)));
    }

    /// Whether READs that came before wait for bytes that `request` may take away. Which file a
    /// path names is not known here, so any READ counts.
    fn cuts_what_is_being_read(&mut self, request: &Request<'_>) -> bool {
        let cut = |attrs: &Attrs| attrs.size.is_some();
        match request {
            Request::Open { flags, .. } => self.reads.get() > 0 && flags.contains(OpenFlags::TRUNC),
            Request::Setstat { attrs, .. } => self.reads.get() > 0 && cut(attrs),
            Request::CopyFile { .. } => self.reads.get() > 0,
            Request::Fsetstat { handle, attrs, .. } if cut(attrs) => self.is_being_read(handle),
            Request::CopyData { write_handle, .. } => self.is_being_read(write_handle),
            _ => false,
        }
    }

    fn is_being_read(&mut self, handle: &[u8]) -> bool {
        self.file(handle).is_ok_and(|file| file.inode.is_being_read())
    }

    fn on_path(&mut self, site: &mut Site<'_>, id: u32, request: &Request<'_>, op: FsOp<'_>) {
        if matches!(op, FsOp::Open(..) | FsOp::OpenDir(_)) && !self.handles.has_room() {
            return self.status(id, Status::Failure, super::answers::TOO_MANY_HANDLES);
        }
        let then = match request {
            Request::CheckFileName { .. } => Then::Digests(self.shape(false)),
            Request::SpaceAvailable { .. } => Then::SpaceAvailable,
            _ => Then::Reply,
        };
        if let Some(result) = perform_at_once(site.profile, &op) {
            return self.answer(site, None, id, then, result);
        }
        let (profile, op) = (Arc::clone(site.profile), op.into_owned());
        self.start(site, id, then, move |cancel| perform(&profile, op, cancel));
    }

    pub(super) fn shape(&self, short_name: bool) -> CheckFileShape {
        check_file_shape(&self.client_ident, short_name)
    }

    fn on_handle(&mut self, site: &mut Site<'_>, id: u32, request: &Request<'_>) {
        match *request {
            Request::Read { handle, offset, len, .. } => self.read(site, id, handle, offset, len),
            Request::Fsync { handle, .. } => self.fsync(site, id, handle),
            Request::Close { handle, .. } => self.close(site, id, handle),
            Request::Fstat { handle, .. } => self.fstat(site, id, handle),
            Request::Fsetstat { handle, ref attrs, .. } => {
                self.set_on_handle(site, id, handle, vfs::change(attrs));
            }
            Request::Readdir { handle, .. } => self.read_dir(site, id, handle),
            Request::Fstatvfs { handle, .. } => self.statvfs_on_handle(site, id, handle),
            Request::CopyData { .. } => self.copy_data(site, id, request),
            Request::CheckFileHandle { .. } => self.check_file_handle(site, id, request),
            Request::Ranges { handle, offset, length, .. } => {
                self.ranges(site, id, handle, offset, length);
            }
            Request::Limits { .. } => self.limits(id),
            Request::UsersGroupsById { uids, gids, .. } => self.names_by_id(site, id, uids, gids),
            _ => self.status(id, Status::OpUnsupported, "Operation unsupported"),
        }
    }

    fn limits(&mut self, id: u32) {
        let limits = ServerLimits {
            packet_bytes: sftp_limits::ADVERTISED_PACKET_BYTES,
            read_bytes: sftp_limits::ADVERTISED_DATA_BYTES,
            write_bytes: sftp_limits::ADVERTISED_DATA_BYTES,
            handles: HANDLES_MAX as u64,
        };
        self.replies.push_with(|out| reply::limits(out, id, &limits));
    }

    fn names_by_id(&mut self, site: &Site<'_>, id: u32, uids: IdList<'_>, gids: IdList<'_>) {
        fn known<'n>(principal: Principal<'n>) -> &'n [u8] {
            match principal {
                Principal::Name(name) => name,
                Principal::Id(_) => b"",
            }
        }
        let users = uids.iter().map(|uid| known(site.names.user(uid)));
        let groups = gids.iter().map(|gid| known(site.names.group(gid)));
        let bytes: usize = users.clone().chain(groups.clone()).map(|name| 4 + name.len()).sum();
        if bytes > NAMES_BYTES_MAX {
            let what = "more names than a reply holds; ask for fewer at a time";
            return self.status(id, Status::Failure, what);
        }
        self.replies.push_with(|out| reply::users_groups(out, id, users, groups));
    }
}

/// What is announced in VERSION; everything here is served.
const EXTENSIONS: &[(&str, &str)] = &[
    extension::POSIX_RENAME,
    extension::STATVFS,
    extension::FSTATVFS,
    extension::HARDLINK,
    extension::FSYNC,
    extension::LSETSTAT,
    extension::LIMITS,
    extension::EXPAND_PATH,
    extension::COPY_DATA,
    extension::HOME_DIRECTORY,
    extension::USERS_GROUPS_BY_ID,
    extension::CHECK_FILE,
    extension::COPY_FILE,
    extension::SPACE_AVAILABLE,
    extension::RANGES,
];
