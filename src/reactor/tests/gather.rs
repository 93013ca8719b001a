//! Sleeps that one completion does not end.

use std::os::unix::net::UnixStream;

use super::*;

/// Longer than any test waits.
const LONG: Duration = Duration::from_secs(60);

fn ring() -> Option<Reactor> {
    let mut reactor = reactor(Kind::Ring, &ReactorLimits::default())?;
    if !reactor.gather(LONG) {
        println!("SKIPPED: this kernel's io_uring cannot gather (Linux 6.12)");
        return None;
    }
    Some(reactor)
}

/// Returns once that thread of this process waits for something.
fn wait_until_asleep(thread: rustix::thread::Pid) {
    let stat = format!("/proc/self/task/{}/stat", thread.as_raw_nonzero());
    let end = Instant::now() + LONG / 2;
    // The state stands behind the name, which is in brackets (proc_pid_stat(5)).
    let sleeps = || std::fs::read_to_string(&stat).unwrap().contains(") S ");
    while !sleeps() {
        assert!(Instant::now() < end, "it does not sleep");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The second completion ends the sleep, and the first RECV takes what came meanwhile.
#[test]
fn one_completion_does_not_end_it_and_two_do() {
    let Some(mut reactor) = ring() else { return };
    let begun = Instant::now();
    let pool = pool();
    let [(near, far), (other_near, other_far)] = [pair(), pair()];
    reactor.submit(Token(1), receive(&near, pool.small().unwrap(), true));
    reactor.submit(Token(2), receive(&other_near, pool.small().unwrap(), true));
    let sleeper = rustix::thread::gettid();
    let peer = std::thread::spawn(move || {
        let mut far = UnixStream::from(Arc::into_inner(far).unwrap());
        // Before it sleeps a RECV takes what is there.
        wait_until_asleep(sleeper);
        std::io::Write::write_all(&mut far, b"1").unwrap();
        // Had the byte ended the sleep, its RECV would have taken it alone by now.
        std::thread::sleep(Duration::from_millis(50));
        std::io::Write::write_all(&mut far, b"1").unwrap();
        assert_eq!(rustix::io::write(&other_far, b"1"), Ok(1));
        (far, other_far)
    });
    let mut done = collect(&mut reactor, 2);
    done.sort_by_key(|completion| completion.token);
    let ends = peer.join().unwrap();
    assert!(matches!(done.remove(0).done, Done::Received { result: Ok(2), .. }));
    assert!(matches!(done.remove(0).done, Done::Received { result: Ok(1), .. }));
    // It was said for one sleep.
    reactor.submit(Token(1), receive(&near, pool.small().unwrap(), true));
    assert_eq!(rustix::io::write(&ends.0, b"1"), Ok(1));
    assert!(matches!(one(&mut reactor).done, Done::Received { result: Ok(1), .. }));
    assert!(begun.elapsed() < LONG / 2);
}

/// Behind its time a sleep is as any other: until something comes, or the deadline.
#[test]
fn with_nothing_to_gather_it_goes_on() {
    let Some(mut reactor) = ring() else { return };
    let (begun, mut out) = (Instant::now(), Vec::new());
    reactor.gather(Duration::from_millis(20));
    reactor.wait(Some(begun + Duration::from_millis(60)), &mut out).unwrap();
    assert!(out.is_empty() && begun.elapsed() >= Duration::from_millis(60));
    reactor.gather(Duration::from_millis(20));
    let pool = pool();
    let (near, far) = pair();
    reactor.submit(Token(1), receive(&near, pool.small().unwrap(), true));
    let peer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(60));
        rustix::io::write(&far, b"1")
    });
    assert!(matches!(one(&mut reactor).done, Done::Received { result: Ok(1), .. }));
    assert_eq!(peer.join().unwrap(), Ok(1));
}
