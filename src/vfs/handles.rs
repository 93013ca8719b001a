//! The handle table of one SFTP session.

/// A handle as it stands on the wire: slot and generation, four bytes each.
///
/// Eight bytes is the longest that every client takes (draft: 256; some embedded ones keep 8).
pub type WireHandle = [u8; 8];

/// Why a handle could not be made or found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandleError {
    /// No such handle in this session: never made, or closed already.
    Unknown,
    /// The session holds as many handles as it may.
    TooMany,
}

struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

/// Open files and directories of a session, by wire handle.
///
/// A handle names a slot and that slot's generation, so a handle that was closed never names what
/// took its slot later. Generations start at numbers drawn from the table's seed: a handle of
/// another session is not accepted because both happen to have opened their first file.
pub struct HandleTable<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    handles_max: usize,
    seed: u64,
}

impl<T> HandleTable<T> {
    /// A table of at most `handles_max` handles. `seed` should differ from session to session.
    #[must_use]
    pub fn new(handles_max: usize, seed: u64) -> Self {
        Self { slots: Vec::new(), free: Vec::new(), handles_max, seed }
    }

    /// How many handles are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether no handle is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether one more handle can be made.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.len() < self.handles_max
    }

    /// Keeps `value` and names it.
    ///
    /// # Errors
    /// [`HandleError::TooMany`] when the table is full; `value` is dropped.
    pub fn insert(&mut self, value: T) -> Result<WireHandle, HandleError> {
        if !self.has_room() {
            return Err(HandleError::TooMany);
        }
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index = u32::try_from(self.slots.len()).map_err(|_| HandleError::TooMany)?;
                let generation = first_generation(self.seed, index);
                self.slots.push(Slot { generation, value: None });
                index
            }
        };
        let slot = self.slots.get_mut(index as usize).ok_or(HandleError::Unknown)?;
        slot.value = Some(value);
        Ok(wire(index, slot.generation))
    }

    /// What `handle` names.
    ///
    /// # Errors
    /// [`HandleError::Unknown`] for anything but a handle that is open now.
    pub fn find(&mut self, handle: &[u8]) -> Result<&mut T, HandleError> {
        let (index, generation) = parse(handle)?;
        match self.slots.get_mut(index as usize) {
            Some(slot) if slot.generation == generation => {
                slot.value.as_mut().ok_or(HandleError::Unknown)
            }
            _ => Err(HandleError::Unknown),
        }
    }

    /// Takes what `handle` names out of the table.
    ///
    /// # Errors
    /// [`HandleError::Unknown`] for anything but a handle that is open now.
    pub fn remove(&mut self, handle: &[u8]) -> Result<T, HandleError> {
        let (index, generation) = parse(handle)?;
        let slot = self.slots.get_mut(index as usize).ok_or(HandleError::Unknown)?;
        if slot.generation != generation {
            return Err(HandleError::Unknown);
        }
        let value = slot.value.take().ok_or(HandleError::Unknown)?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(index);
        Ok(value)
    }

    /// Takes everything out, in no particular order: the session ends.
    pub fn drain(&mut self) -> impl Iterator<Item = T> {
        self.free.clear();
        std::mem::take(&mut self.slots).into_iter().filter_map(|slot| slot.value)
    }
}

/// A number that depends on every bit of both: SplitMix64's finalizer over their sum. It need not
/// be a secret, as a handle is looked up in its own session's table only.
fn first_generation(seed: u64, index: u32) -> u32 {
    let mut mixed = seed.wrapping_add(u64::from(index).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let [a, b, c, d, ..] = (mixed ^ (mixed >> 31)).to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

fn wire(index: u32, generation: u32) -> WireHandle {
    let [a, b, c, d] = index.to_be_bytes();
    let [e, f, g, h] = generation.to_be_bytes();
    [a, b, c, d, e, f, g, h]
}

fn parse(handle: &[u8]) -> Result<(u32, u32), HandleError> {
    let &[a, b, c, d, e, f, g, h] = handle else { return Err(HandleError::Unknown) };
    Ok((u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_handle_never_names_its_successor() {
        let mut table = HandleTable::new(4, 7);
        let first = table.insert("first").unwrap();
        assert_eq!(table.remove(&first), Ok("first"));
        let second = table.insert("second").unwrap();
        assert_ne!(first, second);
        assert_eq!(table.find(&first), Err(HandleError::Unknown));
        assert_eq!(table.find(&second), Ok(&mut "second"));
        assert_eq!(table.remove(&first), Err(HandleError::Unknown));
    }

    #[test]
    fn handles_of_any_other_shape_are_unknown() {
        let mut table = HandleTable::new(4, 7);
        let handle = table.insert(1).unwrap();
        for bad in [&handle[..7], &[][..], &[0; 9][..], &[0xff; 8][..], &[0; 300][..]] {
            assert_eq!(table.find(bad), Err(HandleError::Unknown));
        }
    }

    #[test]
    fn a_handle_of_another_session_is_unknown() {
        let mut tables: Vec<_> = (0..50).map(|seed| HandleTable::new(8, seed)).collect();
        let handles: Vec<Vec<WireHandle>> = tables
            .iter_mut()
            .map(|table| (0..8).map(|value| table.insert(value).unwrap()).collect())
            .collect();
        for (own, table) in tables.iter_mut().enumerate() {
            for (from, handles) in handles.iter().enumerate() {
                let known = handles.iter().filter(|handle| table.find(*handle).is_ok()).count();
                assert_eq!(known, if from == own { 8 } else { 0 }, "{from} at {own}");
            }
        }
    }

    #[test]
    fn the_table_is_bounded_and_room_comes_back() {
        let mut table = HandleTable::new(2, 7);
        let first = table.insert(1).unwrap();
        table.insert(2).unwrap();
        assert_eq!(table.insert(3), Err(HandleError::TooMany));
        table.remove(&first).unwrap();
        assert!(table.insert(3).is_ok());
        assert_eq!(table.len(), 2);
        assert_eq!(table.drain().count(), 2);
        assert!(table.is_empty());
    }
}
