//! What is wrong with a configuration, and the words for it.

use std::fmt;

use super::value::quote;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `FILE:LINE`, or the argument.
    pub place: String,
    /// The key, if one is to blame.
    pub key: Option<String>,
    /// What is wrong, and what would be allowed.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.what)
    }
}

impl Fault {
    /// A key that no table has. `table` is what its table is called, if it is not the whole file;
    /// `known` are the keys there are, and `otherwise` says where they all stand.
    pub(super) fn unknown_key(
        place: String,
        table: Option<String>,
        key: &str,
        known: impl Iterator<Item = &'static str>,
        otherwise: &str,
    ) -> Self {
        let what = match nearest(key, known) {
            Some(nearest) => format!("there is no key {}; did you mean {nearest}?", quote(key)),
            None => format!("there is no key {}; {otherwise}", quote(key)),
        };
        Self { place, key: table, what }
    }
}

/// `FILE:LINE` of the byte at `offset`.
pub(super) fn line_place(name: &str, text: &str, offset: usize) -> String {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    format!("{}:{line}", plain(name))
}

/// Arguments come from whoever starts the server, but terminals should not be steered by them.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// The known key most like `key`, when it is like enough. `MaxAuthTries` is like `max_auth_tries`.
fn nearest(key: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let squeeze = |text: &str| -> Vec<u8> {
        text.bytes().filter(u8::is_ascii_alphanumeric).map(|b| b.to_ascii_lowercase()).collect()
    };
    let key = squeeze(key.get(..64).unwrap_or(key));
    let scored = known.map(|known| {
        let name = squeeze(known);
        (distance(&key, &name), name.len(), known)
    });
    let (edits, length, name) = scored.min()?;
    (edits <= 1.max(length / 3) && edits < length).then_some(name)
}

/// Levenshtein's distance: inserted, removed and replaced bytes.
fn distance(left: &[u8], right: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let (mut diagonal, mut previous) = (i, i + 1);
        for (cell, b) in row.iter_mut().skip(1).zip(right) {
            let replaced = diagonal + usize::from(a != b);
            diagonal = *cell;
            previous = replaced.min(diagonal + 1).min(previous + 1);
            *cell = previous;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(left.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance(b"", b""), 0);
        assert_eq!(distance(b"", b"abc"), 3);
        assert_eq!(distance(b"abc", b""), 3);
        assert_eq!(distance(b"kitten", b"sitting"), 3);
    }
}
