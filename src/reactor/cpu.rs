//! What a thread costs.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// CPU time of this thread since it began, in user code and in the kernel on its behalf. A thread
/// that the scheduler keeps waiting for a core does not count as working.
pub fn thread_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_counts_and_sleep_does_not() {
        let before = thread_cpu_time();
        std::thread::sleep(Duration::from_millis(50));
        let slept = thread_cpu_time() - before;
        let start = std::time::Instant::now();
        while thread_cpu_time() - before < slept + Duration::from_millis(5) {
            std::hint::black_box(start.elapsed());
        }
        assert!(slept < Duration::from_millis(40), "{slept:?} of 50 ms asleep");
    }
}
