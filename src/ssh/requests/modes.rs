//! Encoded terminal modes (RFC 4254 8): pairs of an opcode and a number.

use super::super::wire::{Reader, Writer};

/// TTY_OP_END: nothing follows.
const END: u8 = 0;

/// Opcodes from 160 on have no agreed form and end the list.
const OPCODE_MAX: u8 = 159;

/// How a terminal behaves: opcodes of RFC 4254 8 (and 42, IUTF8, of RFC 8160) with their values.
///
/// Kept as sent. Reading is lenient, as the RFC wants it: it stops at TTY_OP_END, at an opcode past
/// 159 and at a pair that is cut off, and what came before counts.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct TerminalModes(Vec<u8>);

impl TerminalModes {
    /// The modes a peer sent.
    pub(crate) fn from_wire(encoded: &[u8]) -> Self {
        Self(encoded.to_vec())
    }

    /// As they go on the wire.
    pub(crate) fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// Opcode and value in the order sent, at most one for each five bytes.
    pub fn iter(&self) -> impl Iterator<Item = (u8, u32)> {
        let mut rest = Reader::new(&self.0);
        std::iter::from_fn(move || {
            let opcode = rest.u8().ok().filter(|it| (END + 1..=OPCODE_MAX).contains(it))?;
            Some((opcode, rest.u32().ok()?))
        })
    }

    /// The value of `opcode`; the last one if it was sent several times.
    pub fn get(&self, opcode: u8) -> Option<u32> {
        self.iter().filter(|(named, _)| *named == opcode).last().map(|(_, value)| value)
    }
}

impl FromIterator<(u8, u32)> for TerminalModes {
    /// Pairs whose opcode is not within 1 to 159 are left out: they would end the list.
    fn from_iter<I: IntoIterator<Item = (u8, u32)>>(pairs: I) -> Self {
        let mut encoded = Vec::new();
        for (opcode, value) in pairs {
            if (END + 1..=OPCODE_MAX).contains(&opcode) {
                encoded.put_u8(opcode);
                encoded.put_u32(value);
            }
        }
        encoded.put_u8(END);
        Self(encoded)
    }
}

impl std::fmt::Debug for TerminalModes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_read_up_to_what_cannot_be_read() {
        let all: TerminalModes = [(3, 127), (53, 1), (129, 38_400)].into_iter().collect();
        assert_eq!(all.as_wire().len(), 16);
        assert_eq!(all.iter().collect::<Vec<_>>(), [(3, 127), (53, 1), (129, 38_400)]);
        assert_eq!((all.get(53), all.get(54)), (Some(1), None));
        for cut in 0..=all.as_wire().len() {
            let modes = TerminalModes::from_wire(&all.as_wire()[..cut]);
            assert_eq!(modes.iter().count(), (cut / 5).min(3), "cut at {cut}");
        }
        for end in [0, 160, 255] {
            let modes = TerminalModes::from_wire(&[1, 0, 0, 0, 9, end, 0, 0, 0, 1, 2, 0, 0, 0, 3]);
            assert_eq!(modes.iter().collect::<Vec<_>>(), [(1, 9)], "{end} ends it");
        }
        let twice: TerminalModes = [(1, 2), (0, 7), (200, 7), (1, 3)].into_iter().collect();
        assert_eq!(twice.get(1), Some(3));
        assert_eq!(format!("{twice:?}"), "{1: 2, 1: 3}");
    }
}
