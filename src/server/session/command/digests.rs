//! Digests of files, as coreutils' programs print them.

use std::collections::VecDeque;

use ringferry_sftp::Request;

use super::{Session, Site, Step, operands, path_of};
use crate::scp::Word;
use crate::server::digest::Hasher;
use crate::server::job::{self, Answer, Digests, Failure};
use crate::vfs::DigestKind;

/// The programs, by the names coreutils and the authors of the others gave them.
pub(super) const PROGRAMS: [(&str, DigestKind); 9] = [
    ("md5sum", DigestKind::Md5),
    ("sha1sum", DigestKind::Sha1),
    ("sha224sum", DigestKind::Sha224),
    ("sha256sum", DigestKind::Sha256),
    ("sha384sum", DigestKind::Sha384),
    ("sha512sum", DigestKind::Sha512),
    ("b3sum", DigestKind::Blake3),
    ("xxh128sum", DigestKind::Xxh128),
    ("crc32", DigestKind::Crc32),
];

/// Digests that are being made.
pub(in crate::server) struct Digesting {
    program: &'static str,
    kind: DigestKind,
    /// What is still to be done; the one at the front is being asked for if `asked`.
    words: VecDeque<Word>,
    asked: bool,
    /// Of standard input, where no path was given.
    input: Option<Hasher>,
    status: u32,
}

impl Digesting {
    /// # Errors
    /// An option that is not known here.
    pub(super) fn new(
        program: &'static str,
        kind: DigestKind,
        arguments: &[Word],
    ) -> Result<Self, String> {
        // Text and binary are the same where lines end as on Linux.
        let known: &[&[u8]] = &[b"-b", b"-t", b"--binary", b"--text"];
        let words = operands(program, known, arguments)?;
        let input = words.is_empty().then(|| Hasher::new(kind));
        Ok(Self { program, kind, words, asked: false, input, status: 0 })
    }

    pub(super) fn input(&mut self, bytes: &[u8]) {
        if let Some(hasher) = &mut self.input {
            hasher.update(bytes);
        }
    }

    pub(super) fn step(
        &mut self,
        session: &mut Session,
        site: &mut Site<'_>,
        result: Option<job::Result>,
    ) -> Step {
        if let Some(hasher) = &mut self.input {
            if !session.input_ended {
                return Step::Waits;
            }
            let mut digest = Vec::new();
            hasher.finish(&mut digest);
            session.replies.push_with(|out| put_line(out, &digest, b"-"));
            return Step::Over(0);
        }
        let Some(word) = self.words.front() else { return Step::Over(self.status) };
        let result = match result.filter(|_| self.asked) {
            Some(result) => Some(result),
            None => self.ask(session, site),
        };
        self.asked = result.is_none();
        let Some(result) = result else { return Step::Waits };
        match result {
            Ok(Answer::Digests(Digests { bytes, .. })) => {
                session.replies.push_with(|out| put_line(out, &bytes, &word.text));
            }
            Ok(_) => self.status = 1,
            Err(failure) => {
                self.status = 1;
                session.complain(site, self.program, &word.text, &failure);
            }
        }
        self.words.pop_front();
        Step::On
    }

    fn ask(&self, session: &mut Session, site: &mut Site<'_>) -> Option<job::Result> {
        let word = self.words.front()?;
        if word.has_pattern() {
            let why = "patterns are taken for scp only; name the file";
            return Some(Err(Failure::Said(ringferry_sftp::Status::Failure, why)));
        }
        let path = match path_of(word) {
            Ok(path) => path,
            Err(failure) => return Some(Err(failure)),
        };
        let request = Request::CheckFileName {
            id: 0,
            path: &path,
            algorithms: self.kind.name().as_bytes(),
            start: 0,
            length: 0,
            block_bytes: 0,
        };
        session.ask(site, true, &request)
    }
}

/// A line as coreutils prints it: names with a backslash or a line break are told so.
fn put_line(out: &mut Vec<u8>, digest: &[u8], name: &[u8]) {
    if name.iter().any(|byte| matches!(byte, b'\\' | b'\n' | b'\r')) {
        out.push(b'\\');
    }
    out.extend(digest.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()));
    out.extend(b"  ");
    for byte in name {
        match byte {
            b'\\' => out.extend(b"\\\\"),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            byte => out.push(*byte),
        }
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_coreutils_lines() {
        let line = |digest: &[u8], name: &[u8]| {
            let mut out = Vec::new();
            put_line(&mut out, digest, name);
            out
        };
        assert_eq!(line(&[0x0a, 0xff], b"/a b"), b"0aff  /a b\n");
        assert_eq!(line(&[0x0a, 0xff], b"a\\b\nc"), b"\\0aff  a\\\\b\\nc\n");
    }
}
