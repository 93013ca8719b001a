//! Sends that need not be reported at once.
//!
//! A reply is sent and the next request waited for in one enter. Reported like any other operation,
//! the send would end that sleep at once, since it is over when the enter begins to wait: each
//! request would cost two syscalls. So a patient send is tried once without waiting, with a
//! completion only if it failed (IOSQE_CQE_SKIP_SUCCESS, Linux 5.17). When the kernel has taken all
//! entries and there is no completion left to read, the patient sends among them have succeeded.

use crate::reactor::op::OpId;

#[derive(Default)]
pub(super) struct Patient {
    /// In the order of submission.
    sends: Vec<OpId>,
    /// How many of them the kernel has been given; the first ones.
    handed_over: usize,
    /// Somebody waits for one after all.
    urged: bool,
}

impl Patient {
    pub(super) fn add(&mut self, id: OpId) {
        self.sends.push(id);
    }

    /// Whether the next wait is not to sleep.
    pub(super) fn is_urged(&self) -> bool {
        self.urged
    }

    /// That send is to be reported at the end of the next wait, whatever else happens.
    pub(super) fn urge(&mut self, id: OpId) {
        self.urged |= self.sends.contains(&id);
    }

    /// The kernel has taken every entry there was.
    pub(super) fn all_handed_over(&mut self) {
        self.handed_over = self.sends.len();
    }

    /// A completion came for it, so it has failed or sent only a part; it is reported like others
    /// from now on. Whether it was one of these.
    pub(super) fn remove(&mut self, id: OpId) -> bool {
        let Some(at) = self.sends.iter().position(|own| *own == id) else { return false };
        self.sends.remove(at);
        self.handed_over -= usize::from(at < self.handed_over);
        true
    }

    /// Those that have succeeded, now that no completion is left to read.
    pub(super) fn succeeded(&mut self) -> impl Iterator<Item = OpId> {
        let succeeded = self.sends.drain(..self.handed_over);
        self.handed_over = 0;
        self.urged = false;
        succeeded
    }

    pub(super) fn has_handed_over(&self) -> bool {
        self.handed_over > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(slot: u32) -> OpId {
        OpId { slot, generation: 7 }
    }

    #[test]
    fn only_what_the_kernel_has_and_did_not_complain_of_has_succeeded() {
        let mut patient = Patient::default();
        (1..=3).for_each(|slot| patient.add(id(slot)));
        patient.all_handed_over();
        patient.add(id(4));
        assert!(patient.remove(id(2)));
        assert!(!patient.remove(id(2)));
        patient.urge(id(2));
        assert!(!patient.is_urged(), "it is reported anyway");
        patient.urge(id(3));
        assert!(patient.is_urged());
        assert!(patient.succeeded().eq([id(1), id(3)]));
        assert!(!patient.is_urged() && !patient.has_handed_over());
        patient.all_handed_over();
        assert!(patient.succeeded().eq([id(4)]));
    }
}
