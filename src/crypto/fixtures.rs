//! Reads the files of tests/fixtures/crypto; see the README there for how they were made.

/// The bytes of a hexadecimal string; "-" is none.
pub(super) fn hex(text: &str) -> Vec<u8> {
    if text == "-" {
        return Vec::new();
    }
    assert!(text.len().is_multiple_of(2));
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// The fields of each line that is not a comment.
pub(super) fn lines<const N: usize>(text: &str) -> Vec<[&str; N]> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split(' ').collect::<Vec<_>>().try_into().unwrap()).collect()
}

/// A random source that gives out fixed bytes in their order, for published vectors.
pub(super) struct Fixed(pub(super) Vec<u8>);

impl super::Random for Fixed {
    fn fill(&mut self, out: &mut [u8]) {
        let rest = self.0.split_off(out.len());
        out.copy_from_slice(&std::mem::replace(&mut self.0, rest));
    }
}

pub(super) const CERTIFICATES: &str = include_str!("../../tests/fixtures/crypto/certificates.txt");
const KEY_FILES: &str = include_str!("../../tests/fixtures/crypto/key_files.txt");

/// The parts of a file of several: what follows `=== ` on the line in front, and the part.
pub(super) fn sections(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("=== ").skip(1).map(|section| section.split_once('\n').unwrap())
}

/// Every private key file, with its key and format.
pub(super) fn key_files() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    sections(KEY_FILES).map(|(heading, text)| {
        let (key, format) = heading.split_once(' ').unwrap();
        (key, format, text)
    })
}

/// One of them.
pub(super) fn key_file(key: &str, format: &str) -> &'static str {
    key_files().find(|file| file.0 == key && file.1 == format).unwrap().2
}
