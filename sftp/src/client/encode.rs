//! Requests onto the wire, each one frame appended to the caller's vector.

use crate::attrs::Attrs;
use crate::numbers;
use crate::request::Request;
use crate::wire::{put_frame, put_string, put_u32, put_u64};

/// Appends `request`.
///
/// Of a `Write` it appends the head, whose lengths count the payload: `len` bytes must follow it
/// on the wire. `Unknown` and `ExtendedUnknown` go without a body of their own.
pub fn encode(out: &mut Vec<u8>, request: &Request<'_>) {
    match *request {
        Request::Init { version } => put_frame(out, numbers::INIT, |out| put_u32(out, version)),
        Request::Open { id, path, flags, attrs } => frame(out, numbers::OPEN, id, |out| {
            put_string(out, path);
            put_u32(out, flags.bits());
            attrs.encode(out);
        }),
        Request::Close { id, handle } => one(out, numbers::CLOSE, id, handle),
        Request::Read { id, handle, offset, len } => frame(out, numbers::READ, id, |out| {
            put_string(out, handle);
            put_u64(out, offset);
            put_u32(out, len);
        }),
        Request::Write { id, handle, offset, len } => write_head(out, id, handle, offset, len),
        Request::Lstat { id, path } => one(out, numbers::LSTAT, id, path),
        Request::Fstat { id, handle } => one(out, numbers::FSTAT, id, handle),
        Request::Setstat { id, path, attrs } => change(out, numbers::SETSTAT, id, path, &attrs),
        Request::Fsetstat { id, handle, attrs } => {
            change(out, numbers::FSETSTAT, id, handle, &attrs)
        }
        Request::Opendir { id, path } => one(out, numbers::OPENDIR, id, path),
        Request::Readdir { id, handle } => one(out, numbers::READDIR, id, handle),
        Request::Remove { id, path } => one(out, numbers::REMOVE, id, path),
        Request::Mkdir { id, path, attrs } => change(out, numbers::MKDIR, id, path, &attrs),
        Request::Rmdir { id, path } => one(out, numbers::RMDIR, id, path),
        Request::Realpath { id, path } => one(out, numbers::REALPATH, id, path),
        Request::Stat { id, path } => one(out, numbers::STAT, id, path),
        Request::Rename { id, old, new } => two(out, numbers::RENAME, id, old, new),
        Request::Readlink { id, path } => one(out, numbers::READLINK, id, path),
        Request::Symlink { id, first, second } => two(out, numbers::SYMLINK, id, first, second),
        Request::Unknown { id, kind } => frame(out, kind, id, |_| {}),
        _ => encode_extended(out, request),
    }
}

fn encode_extended(out: &mut Vec<u8>, request: &Request<'_>) {
    let Some(id) = request.id() else { return };
    let name = match *request {
        Request::ExtendedUnknown { name, .. } => name,
        _ => request.name().as_bytes(),
    };
    extended_with(out, id, name, |out| match *request {
        Request::PosixRename { old, new, .. } | Request::Hardlink { old, new, .. } => {
            put_string(out, old);
            put_string(out, new);
        }
        Request::Statvfs { path: string, .. }
        | Request::ExpandPath { path: string, .. }
        | Request::HomeDirectory { user: string, .. }
        | Request::SpaceAvailable { path: string, .. }
        | Request::Fsync { handle: string, .. }
        | Request::Fstatvfs { handle: string, .. } => put_string(out, string),
        Request::Lsetstat { path, attrs, .. } => {
            put_string(out, path);
            attrs.encode(out);
        }
        Request::UsersGroupsById { uids, gids, .. } => {
            put_string(out, uids.as_bytes());
            put_string(out, gids.as_bytes());
        }
        Request::CopyData {
            read_handle, read_offset, length, write_handle, write_offset, ..
        } => {
            put_string(out, read_handle);
            put_u64(out, read_offset);
            put_u64(out, length);
            put_string(out, write_handle);
            put_u64(out, write_offset);
        }
        Request::CheckFileName {
            path: subject, algorithms, start, length, block_bytes, ..
        }
        | Request::CheckFileHandle {
            handle: subject,
            algorithms,
            start,
            length,
            block_bytes,
            ..
        } => {
            put_string(out, subject);
            put_string(out, algorithms);
            put_u64(out, start);
            put_u64(out, length);
            put_u32(out, block_bytes);
        }
        Request::CopyFile { source, target, overwrite, .. } => {
            put_string(out, source);
            put_string(out, target);
            out.push(u8::from(overwrite));
        }
        Request::Ranges { handle, offset, length, .. } => {
            put_string(out, handle);
            put_u64(out, offset);
            put_u64(out, length);
        }
        // `Limits` and extensions of unknown names have no body.
        _ => {}
    });
}

/// Appends an EXTENDED request of a name of the caller's own.
pub fn extended(out: &mut Vec<u8>, id: u32, name: &str, payload: &[u8]) {
    extended_with(out, id, name.as_bytes(), |out| out.extend_from_slice(payload));
}

/// Appends a WRITE with its payload copied. To send a payload from where it lies, encode
/// [`Request::Write`] and let the payload follow.
pub fn write(out: &mut Vec<u8>, id: u32, handle: &[u8], offset: u64, payload: &[u8]) {
    frame(out, numbers::WRITE, id, |out| {
        put_string(out, handle);
        put_u64(out, offset);
        put_string(out, payload);
    });
}

fn write_head(out: &mut Vec<u8>, id: u32, handle: &[u8], offset: u64, len: u32) {
    let body = 1 + 4 + 4 + handle.len() + 8 + 4;
    put_u32(out, u32::try_from(body).unwrap_or(u32::MAX).saturating_add(len));
    out.push(numbers::WRITE);
    put_u32(out, id);
    put_string(out, handle);
    put_u64(out, offset);
    put_u32(out, len);
}

fn frame(out: &mut Vec<u8>, kind: u8, id: u32, fill: impl FnOnce(&mut Vec<u8>)) {
    put_frame(out, kind, |out| {
        put_u32(out, id);
        fill(out);
    });
}

fn extended_with(out: &mut Vec<u8>, id: u32, name: &[u8], fill: impl FnOnce(&mut Vec<u8>)) {
    frame(out, numbers::EXTENDED, id, |out| {
        put_string(out, name);
        fill(out);
    });
}

fn one(out: &mut Vec<u8>, kind: u8, id: u32, string: &[u8]) {
    frame(out, kind, id, |out| put_string(out, string));
}

fn two(out: &mut Vec<u8>, kind: u8, id: u32, first: &[u8], second: &[u8]) {
    frame(out, kind, id, |out| {
        put_string(out, first);
        put_string(out, second);
    });
}

fn change(out: &mut Vec<u8>, kind: u8, id: u32, target: &[u8], attrs: &Attrs) {
    frame(out, kind, id, |out| {
        put_string(out, target);
        attrs.encode(out);
    });
}
