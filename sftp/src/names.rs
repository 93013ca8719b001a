//! NAME replies of bounded size.

use crate::attrs::Attrs;
use crate::limits::{NAME_BYTES_MAX, NAME_ENTRIES_MAX};
use crate::longname::{self, LongName};
use crate::numbers;
use crate::wire::{patch_length, patch_u32, put_string, put_string_with, put_u32};

/// Builds one NAME reply at the end of the caller's vector.
///
/// A push that gives `false` has added nothing: the reply is full ([`NAME_ENTRIES_MAX`] entries or
/// [`NAME_BYTES_MAX`] bytes) and the entry belongs in the next one. The vector holds a complete
/// reply after each push, so a builder may be dropped at any time; [`cancel`](Self::cancel) takes
/// the reply back, for the directory that turns out to have no more entries: the answer to that is
/// STATUS Eof, not a NAME of none.
#[derive(Debug)]
pub struct NameBuilder<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    count: u32,
}

impl<'a> NameBuilder<'a> {
    /// Starts a reply of no entries.
    pub fn new(out: &'a mut Vec<u8>, id: u32) -> Self {
        let start = out.len();
        put_u32(out, 9);
        out.push(numbers::NAME);
        put_u32(out, id);
        put_u32(out, 0);
        NameBuilder { out, start, count: 0 }
    }

    /// Adds an entry with its longname as given.
    pub fn push(&mut self, filename: &[u8], longname: &[u8], attrs: &Attrs) -> bool {
        self.push_with(filename, |out| out.extend_from_slice(longname), attrs)
    }

    /// Adds an entry whose filename and longname come from `long`, written in place.
    pub fn push_long(&mut self, long: &LongName<'_>, attrs: &Attrs) -> bool {
        self.push_with(long.name, |out| longname::format(out, long), attrs)
    }

    fn push_with(
        &mut self,
        filename: &[u8],
        longname: impl FnOnce(&mut Vec<u8>),
        attrs: &Attrs,
    ) -> bool {
        if self.is_full() || self.bytes() + filename.len() > NAME_BYTES_MAX {
            return false;
        }
        let before = self.out.len();
        put_string(self.out, filename);
        put_string_with(self.out, longname);
        attrs.encode(self.out);
        if self.bytes() > NAME_BYTES_MAX {
            self.out.truncate(before);
            return false;
        }
        self.count += 1;
        patch_u32(self.out, self.start + 9, self.count);
        patch_length(self.out, self.start);
        true
    }

    /// Whether no further entry can be added.
    pub fn is_full(&self) -> bool {
        self.count >= NAME_ENTRIES_MAX
    }

    /// How many entries there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Length of the reply so far, header included.
    pub fn bytes(&self) -> usize {
        self.out.len() - self.start
    }

    /// Leaves the reply in the vector and tells how many entries it has.
    pub fn finish(self) -> u32 {
        self.count
    }

    /// Takes the reply out of the vector.
    pub fn cancel(self) {
        self.out.truncate(self.start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Reply, ReplyDecoder, ReplyItem};

    fn entries(wire: &[u8]) -> Vec<(Vec<u8>, Vec<u8>, Attrs)> {
        let mut decoder = ReplyDecoder::new(ReplyDecoder::default_limits());
        let step = decoder.next(wire).unwrap();
        assert_eq!(step.consumed, wire.len());
        match step.item {
            Some(ReplyItem::Reply(Reply::Name { id: 5, names })) => names
                .iter()
                .map(|entry| (entry.filename.to_vec(), entry.longname.to_vec(), entry.attrs))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_hundred_entries_fill_it() {
        let mut out = b"before".to_vec();
        let mut builder = NameBuilder::new(&mut out, 5);
        let attrs = Attrs { size: Some(3), permissions: Some(0o100600), ..Attrs::default() };
        let mut pushed = 0;
        while builder.push(format!("file{pushed}").as_bytes(), b"-rw-------", &attrs) {
            pushed += 1;
        }
        assert!(builder.is_full());
        assert_eq!((pushed, builder.finish()), (100, 100));
        assert_eq!(&out[..6], b"before");
        let entries = entries(&out[6..]);
        assert_eq!(entries.len(), 100);
        assert_eq!(entries[99], (b"file99".to_vec(), b"-rw-------".to_vec(), attrs));
    }

    #[test]
    fn bytes_fill_it_too_and_the_refused_entry_leaves_no_trace() {
        let mut out = Vec::new();
        let mut builder = NameBuilder::new(&mut out, 5);
        let name = [b'n'; 4096];
        let mut pushed = 0usize;
        while builder.push(&name, &name, &Attrs::default()) {
            pushed += 1;
            assert!(builder.bytes() <= NAME_BYTES_MAX);
        }
        assert_eq!(pushed, (NAME_BYTES_MAX - 13) / (2 * 4100 + 4));
        assert!(!builder.is_full());
        assert!(!builder.push(b"short", &name, &Attrs::default()));
        assert!(builder.push(b"small", b"", &Attrs::default()));
        assert_eq!(builder.finish() as usize, pushed + 1);
        assert!(out.len() <= NAME_BYTES_MAX);
        assert_eq!(entries(&out).len(), pushed + 1);
    }

    #[test]
    fn dropped_unfinished_it_is_a_whole_reply() {
        let mut out = Vec::new();
        assert!(NameBuilder::new(&mut out, 5).push(b"a", b"b", &Attrs::default()));
        assert_eq!(entries(&out), [(b"a".to_vec(), b"b".to_vec(), Attrs::default())]);
        out.clear();
        let _ = NameBuilder::new(&mut out, 5);
        assert_eq!(entries(&out), []);
    }

    #[test]
    fn cancelled_it_leaves_what_was_before() {
        let mut out = b"before".to_vec();
        let mut builder = NameBuilder::new(&mut out, 5);
        assert!(builder.push(b"a", b"b", &Attrs::default()));
        builder.cancel();
        assert_eq!(out, b"before");
    }

    #[test]
    fn the_longest_names_a_directory_can_hold_fit_a_hundred_times() {
        let mut out = Vec::new();
        let mut builder = NameBuilder::new(&mut out, 5);
        let long = LongName { name: &[b'x'; 255], ..LongName::default() };
        let attrs = Attrs {
            size: Some(u64::MAX),
            owner: Some((1, 1)),
            permissions: Some(1),
            times: Some((1, 1)),
        };
        while builder.push_long(&long, &attrs) {}
        assert_eq!(builder.finish(), NAME_ENTRIES_MAX);
    }
}
