//! Digests of files, as coreutils' programs print them.

use ringferry_sftp::Request;

use super::{Asking, Operands, Session, Site, Step};
use crate::scp::Word;
use crate::server::digest::Hasher;
use crate::server::job::{self, Answer, Digests};
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
    files: Operands,
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
        let files = Operands::new(program, known, arguments)?;
        let input = files.words.is_empty().then(|| Hasher::new(kind));
        Ok(Self { program, kind, files, input, status: 0 })
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
        let algorithms = self.kind.name().as_bytes();
        let ask = |path: &[u8]| {
            let (id, start, length, block_bytes) = (0, 0, 0, 0);
            let request =
                Request::CheckFileName { id, path, algorithms, start, length, block_bytes };
            session.ask(site, &request)
        };
        let no_pattern = "patterns are taken for scp only; name the file";
        let (word, result) = match self.files.next(result, no_pattern, ask) {
            Asking::Waits => return Step::Waits,
            Asking::Answered(word, result) => (word, result),
            Asking::Over => return Step::Over(self.status),
        };
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
        Step::On
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
