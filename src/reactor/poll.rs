//! The epoll driver.
use super::driver::Statistics;
use super::limits::ReactorLimits;
use super::op::{Completion, Op, OpId, Token};
use super::waker::Waker;
use rustix::io::Errno;
use std::time::Instant;
pub(super) struct Poll {
    statistics: Statistics,
    waker: Waker,
}
impl Poll {
    pub(super) fn new(_limits: &ReactorLimits) -> Result<Self, super::ReactorError> {
        Err(super::ReactorError::Setup { what: "x", errno: Errno::NOSYS })
    }
    pub(super) fn submit(&mut self, _token: Token, _op: Op) -> OpId {
        OpId { slot: 0, generation: 0 }
    }
    pub(super) fn cancel(&mut self, _id: OpId) {}
    pub(super) fn wait(
        &mut self,
        _d: Option<Instant>,
        _o: &mut Vec<Completion>,
    ) -> Result<(), Errno> {
        Err(Errno::NOSYS)
    }
    pub(super) fn waker(&self) -> Waker {
        self.waker.clone()
    }
    pub(super) fn in_flight(&self) -> usize {
        0
    }
    pub(super) fn statistics(&self) -> &Statistics {
        &self.statistics
    }
}
