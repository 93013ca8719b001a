//! The commands that are answered without a shell: digests, as rclone asks for them.
//!
//! A command line is taken apart by a shell's rules for quotes and nothing else of a shell: what
//! has a pipe, a variable, a pattern or a second command in it is no command here. The path goes
//! the way of check-file, through the same plan and the same judgement.

use ringferry_sftp::Request;

use super::{Session, Site, Then};
use crate::server::digest::Hasher;
use crate::server::job::{Cancel, Digests, Failure};
use crate::server::perform::perform;
use crate::vfs::{self, DigestKind, SessionFacts};

/// The programs, by the names coreutils and BLAKE3's authors gave them.
const PROGRAMS: [(&[u8], DigestKind); 7] = [
    (b"md5sum", DigestKind::Md5),
    (b"sha1sum", DigestKind::Sha1),
    (b"sha224sum", DigestKind::Sha224),
    (b"sha256sum", DigestKind::Sha256),
    (b"sha384sum", DigestKind::Sha384),
    (b"sha512sum", DigestKind::Sha512),
    (b"b3sum", DigestKind::Blake3),
];

/// A command that is to be carried out.
pub(in crate::server) enum Command {
    File(DigestKind, Vec<u8>),
    /// What comes until the client's end of input.
    Input(Hasher),
}

impl Command {
    /// The command that `line` asks for, if it is one.
    pub(in crate::server) fn parse(line: &[u8]) -> Option<Self> {
        let words = words(line)?;
        let (program, arguments) = words.split_first()?;
        let (_, kind) = PROGRAMS.into_iter().find(|(name, _)| name == program)?;
        match arguments {
            [] => Some(Self::Input(Hasher::new(kind))),
            [dashes, path] if dashes == b"--" => Some(Self::File(kind, path.clone())),
            [option] if option.starts_with(b"-") => None,
            [path] => Some(Self::File(kind, path.clone())),
            _ => None,
        }
    }
}

/// The words of a command line, its quotes taken off (POSIX, Shell Command Language 2.2).
fn words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut bytes = line.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b' ' | b'\t' => words.extend(word.take()),
            b'\\' => word.get_or_insert_default().push(bytes.next()?),
            b'\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match bytes.next()? {
                        b'\'' => break,
                        byte => word.push(byte),
                    }
                }
            }
            b'"' => {
                let word = word.get_or_insert_default();
                loop {
                    match bytes.next()? {
                        b'"' => break,
                        b'\\' => match bytes.next()? {
                            byte @ (b'\\' | b'"' | b'$' | b'`') => word.push(byte),
                            byte => word.extend([b'\\', byte]),
                        },
                        b'$' | b'`' => return None,
                        byte => word.push(byte),
                    }
                }
            }
            b'|' | b'&' | b';' | b'<' | b'>' | b'(' | b')' | b'$' | b'`' | b'*' | b'?' | b'['
            | b'#' | b'~' | b'\n' | b'\0' => return None,
            byte => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    Some(words)
}

/// A line as coreutils prints it: names with a backslash or a line break are told so.
pub(super) fn line(digests: &Digests, name: &[u8]) -> Vec<u8> {
    let odd = name.iter().any(|byte| matches!(byte, b'\\' | b'\n' | b'\r'));
    let mut line = if odd { b"\\".to_vec() } else { Vec::new() };
    line.extend(digests.bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()));
    line.extend(b"  ");
    for byte in name {
        match byte {
            b'\\' => line.extend(b"\\\\"),
            b'\n' => line.extend(b"\\n"),
            b'\r' => line.extend(b"\\r"),
            byte => line.push(*byte),
        }
    }
    line.push(b'\n');
    line
}

impl Session {
    /// Makes this the session of a command.
    pub(in crate::server) fn for_command(mut self, command: Command) -> Self {
        self.command = Some(command);
        self.is_command = true;
        self
    }

    /// Input of a command: what it does not ask for is passed over.
    pub(super) fn command_input(&mut self, bytes: &[u8]) {
        if let Some(Command::Input(hasher)) = &mut self.command {
            hasher.update(bytes);
        }
    }

    /// Carries the command out once it can be.
    pub(super) fn run_command(&mut self, site: &mut Site<'_>) {
        let ended = self.input_ended;
        let ready = |it: &mut Command| ended || matches!(it, Command::File(..));
        match self.command.take_if(ready) {
            Some(Command::File(kind, path)) => self.digest_file(site, kind, path),
            Some(Command::Input(mut hasher)) => {
                let mut bytes = Vec::new();
                hasher.finish(&mut bytes);
                let digests = Digests { algorithm: "", digest_bytes: bytes.len(), bytes };
                self.replies.push_with(|out| out.extend(line(&digests, b"-")));
            }
            None => {}
        }
    }

    fn digest_file(&mut self, site: &mut Site<'_>, kind: DigestKind, path: Vec<u8>) {
        let (user, symlink_order) = (&*site.party.user, self.symlink_order);
        let facts = SessionFacts { user, symlink_order };
        let request = Request::CheckFileName {
            id: 0,
            path: &path,
            algorithms: kind.name().as_bytes(),
            start: 0,
            length: 0,
            block_bytes: 0,
        };
        match vfs::plan(&request, &site.profile.access, &facts) {
            Some(Ok(op)) => {
                let (profile, op) = (std::sync::Arc::clone(site.profile), op.into_owned());
                self.start(site, 0, Then::Line(path), move |cancel: &Cancel| {
                    perform(&profile, op, cancel)
                });
            }
            Some(Err(refusal)) => self.command_failed(site, &Failure::Refused(refusal)),
            None => self.exit_status = 1,
        }
    }

    /// The client is told by the exit status; the log says why.
    pub(super) fn command_failed(&mut self, site: &Site<'_>, failure: &Failure) {
        self.exit_status = 1;
        tracing::info!(
            connection = site.party.connection,
            peer = site.party.peer(),
            user = &*site.party.user,
            cause = &*failure.told().1,
            "command failed"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(line: &[u8]) -> Option<Vec<u8>> {
        match Command::parse(line) {
            Some(Command::File(_, path)) => Some(path),
            _ => None,
        }
    }

    #[test]
    fn a_path_may_be_quoted_in_every_way_a_shell_knows() {
        for line in [
            &b"md5sum /a b"[..],
            b"md5sum",
            b"md5sum /a\\ b",
            b"md5sum '/a b'",
            b"md5sum \"/a b\"",
            b"sha1sum -- /a' 'b",
            b"  sha256sum\t/\"a \"b ",
        ] {
            let expected = match line {
                b"md5sum /a b" | b"md5sum" => None,
                _ => Some(b"/a b".to_vec()),
            };
            assert_eq!(file(line), expected, "{}", line.escape_ascii());
        }
        assert_eq!(file(b"b3sum '-x'"), None, "an option");
        assert_eq!(file(b"md5sum -- -x"), Some(b"-x".to_vec()));
        assert_eq!(file(br#"md5sum "\$x\y""#), Some(br"$x\y".to_vec()));
        assert_eq!(file("md5sum /日本".as_bytes()), Some("/日本".into()));
        assert!(matches!(Command::parse(b"md5sum"), Some(Command::Input(_))));
    }

    #[test]
    fn what_only_a_shell_could_do_is_no_command() {
        for line in [
            &b"md5sum /a; rm /b"[..],
            b"md5sum /a | cat",
            b"md5sum $HOME",
            b"md5sum `id`",
            b"md5sum \"$(id)\"",
            b"md5sum /*",
            b"md5sum ~/x",
            b"md5sum /a\nid",
            b"md5sum '/a",
            b"md5sum /a\\",
            b"/usr/bin/md5sum /a",
            b"md5sum -c /a",
            b"md5sum < /a",
            b"sh -c md5sum",
            b"",
            b"  ",
        ] {
            assert!(Command::parse(line).is_none(), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn lines_are_coreutils_lines() {
        let digests = Digests { algorithm: "md5", digest_bytes: 2, bytes: vec![0x0a, 0xff] };
        assert_eq!(line(&digests, b"/a b"), b"0aff  /a b\n");
        assert_eq!(line(&digests, b"a\\b\nc"), b"\\0aff  a\\\\b\\nc\n");
    }
}
