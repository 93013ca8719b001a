//! Operations in flight, by slot and generation. The kernel is given the pair and never a pointer,
//! so a late or forged completion finds nothing instead of freed memory.

use slab::Slab;

use super::op::OpId;

struct Entry<T> {
    generation: u32,
    value: T,
}

pub(super) struct Slots<T> {
    entries: Slab<Entry<T>>,
    next_generation: u32,
}

impl<T> Slots<T> {
    pub(super) fn new() -> Self {
        Slots { entries: Slab::new(), next_generation: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Stores `value`, or gives it back when 2^32-2 slots are in use.
    pub(super) fn insert(&mut self, value: T) -> Result<OpId, T> {
        let vacant = self.entries.vacant_entry();
        let Some(slot) = u32::try_from(vacant.key()).ok().filter(|slot| *slot < u32::MAX - 1)
        else {
            return Err(value);
        };
        let generation = self.next_generation;
        self.next_generation = self.next_generation.wrapping_add(1);
        vacant.insert(Entry { generation, value });
        Ok(OpId { slot, generation })
    }

    pub(super) fn get_mut(&mut self, id: OpId) -> Option<&mut T> {
        let entry = self.entries.get_mut(id.slot as usize)?;
        (entry.generation == id.generation).then_some(&mut entry.value)
    }

    pub(super) fn remove(&mut self, id: OpId) -> Option<T> {
        let entry = self.entries.get(id.slot as usize)?;
        if entry.generation != id.generation {
            return None;
        }
        self.entries.try_remove(id.slot as usize).map(|entry| entry.value)
    }

    pub(super) fn ids(&self) -> Vec<OpId> {
        let id = |(slot, entry): (usize, &Entry<T>)| {
            let slot = u32::try_from(slot).ok()?;
            Some(OpId { slot, generation: entry.generation })
        };
        self.entries.iter().filter_map(id).collect()
    }
}
