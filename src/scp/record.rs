//! The lines of the protocol: what they say, and how they are written.

/// A line of the source to the sink.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Record<'a> {
    /// `T`: the times of the next file or directory; `None` if they are out of range here.
    Times(Option<Times>),
    /// `C`: a file's bytes come next.
    File { mode: u32, size: u64, name: &'a [u8] },
    /// `D`: what is in a directory comes next.
    Directory { mode: u32, name: &'a [u8] },
    /// `E`: that was the directory.
    Leave,
    /// `\1`: something went wrong at the source, which goes on.
    Warning,
    /// `\2`: it does not go on.
    Fatal,
}

/// Access and modification, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) atime: u32,
    pub(super) mtime: u32,
}

/// Why a line ends the copy.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Violation<'a> {
    /// It is no record; the text is for the peer.
    Protocol(&'static str),
    /// Its name is not a single component (CVE-2018-20685, CVE-2019-6111).
    Filename(&'a [u8]),
}

/// The bits of a mode that a record tells.
pub(super) const MODE_BITS: u32 = 0o7777;

impl<'a> Record<'a> {
    /// Reads a line, its line end taken off.
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, Violation<'a>> {
        let Some((letter, rest)) = line.split_first() else {
            return Err(Violation::Protocol("unexpected <newline>"));
        };
        match letter {
            1 => Ok(Self::Warning),
            2 => Ok(Self::Fatal),
            b'T' => parse_times(rest).map(Self::Times),
            b'C' => {
                let (mode, size, name) = parse_item(rest)?;
                Ok(Self::File { mode, size, name })
            }
            b'D' => {
                let (mode, _, name) = parse_item(rest)?;
                Ok(Self::Directory { mode, name })
            }
            b'E' if rest.is_empty() => Ok(Self::Leave),
            _ => Err(Violation::Protocol("expected control record")),
        }
    }
}

/// `mtime.sec mtime.usec atime.sec atime.usec`
fn parse_times(rest: &[u8]) -> Result<Option<Times>, Violation<'_>> {
    let fields: Option<Vec<u64>> = rest.split(|byte| *byte == b' ').map(decimal).collect();
    match fields.as_deref() {
        Some(&[mtime, 0..=999_999, atime, 0..=999_999]) => {
            // What does not fit is no reason to refuse the file.
            let times = u32::try_from(mtime).ok().zip(u32::try_from(atime).ok());
            Ok(times.map(|(mtime, atime)| Times { atime, mtime }))
        }
        _ => Err(Violation::Protocol("times not delimited")),
    }
}

/// `mode size name`
fn parse_item(rest: &[u8]) -> Result<(u32, u64, &[u8]), Violation<'_>> {
    let (digits, rest) = rest.split_at_checked(4).ok_or(Violation::Protocol("bad mode"))?;
    let mode = octal(digits).ok_or(Violation::Protocol("bad mode"))?;
    let rest = rest.strip_prefix(b" ").ok_or(Violation::Protocol("mode not delimited"))?;
    let end = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, rest) = rest.split_at_checked(end).unwrap_or((rest, b""));
    if digits.is_empty() {
        return Err(Violation::Protocol("size not present"));
    }
    let name = rest.strip_prefix(b" ").ok_or(Violation::Protocol("size not delimited"))?;
    let size = decimal(digits).filter(|size| i64::try_from(*size).is_ok());
    let size = size.ok_or(Violation::Protocol("size out of range"))?;
    if is_component(name) { Ok((mode, size, name)) } else { Err(Violation::Filename(name)) }
}

/// Whether `name` is the name of something in a directory, and of nothing elsewhere.
pub(super) fn is_component(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.iter().any(|byte| matches!(byte, b'/' | 0))
}

fn octal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| match digit {
        b'0'..=b'7' => Some(number << 3 | u32::from(digit - b'0')),
        _ => None,
    })
}

/// A number of digits and nothing else: no sign, no space.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A `T` record.
pub(super) fn times(times: Times) -> Vec<u8> {
    format!("T{} 0 {} 0\n", times.mtime, times.atime).into_bytes()
}

/// A `C` record.
pub(super) fn file(mode: u32, size: u64, name: &[u8]) -> Vec<u8> {
    item('C', mode, size, name)
}

/// A `D` record.
pub(super) fn directory(mode: u32, name: &[u8]) -> Vec<u8> {
    item('D', mode, 0, name)
}

/// An `E` record.
pub(super) const LEAVE: &[u8] = b"E\n";

fn item(letter: char, mode: u32, size: u64, name: &[u8]) -> Vec<u8> {
    let mut record = format!("{letter}{:04o} {size} ", mode & MODE_BITS).into_bytes();
    record.extend(encoded(name));
    record.push(b'\n');
    record
}

/// A name as it stands in a record: a newline would end it, and is told as OpenSSH tells it.
pub(super) fn encoded(name: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(name.len());
    for byte in name {
        match byte {
            b'\n' => text.extend(b"\\^J"),
            byte => text.push(*byte),
        }
    }
    text
}

#[cfg(test)]
mod tests;
