//! Sleeps that one completion does not end.

use std::os::unix::net::UnixStream;

use super::*;

const TIME: Duration = Duration::from_millis(500);

fn ring() -> Option<Reactor> {
    let mut reactor = reactor(Kind::Ring, &ReactorLimits::default())?;
    if !reactor.gather(TIME) {
        println!("SKIPPED: this kernel's io_uring cannot gather (Linux 6.12)");
        return None;
    }
    Some(reactor)
}

/// What one RECV brings while its peer sends a byte at once and another a little later.
fn received(reactor: &mut Reactor) -> usize {
    let pool = pool();
    let (near, far) = pair();
    reactor.submit(Token(1), receive(&near, pool.small().unwrap(), true));
    let mut far = UnixStream::from(Arc::into_inner(far).unwrap());
    let peer = std::thread::spawn(move || {
        for _ in 0..2 {
            std::io::Write::write_all(&mut far, b"1").unwrap();
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let Done::Received { result, .. } = one(reactor).done else { panic!() };
    peer.join().unwrap();
    result.unwrap()
}

#[test]
fn a_recv_takes_what_has_come_by_the_end() {
    let Some(mut reactor) = ring() else { return };
    assert_eq!(received(&mut reactor), 2);
    assert_eq!(received(&mut reactor), 1, "it was said for one sleep");
}

/// Else it would end after a minute.
#[test]
fn two_completions_end_it() {
    let Some(mut reactor) = ring() else { return };
    let pool = pool();
    let pairs = [pair(), pair()];
    for (near, far) in &pairs {
        reactor.submit(Token(1), receive(near, pool.small().unwrap(), true));
        assert_eq!(rustix::io::write(far, b"1"), Ok(1));
    }
    let begun = Instant::now();
    reactor.gather(Duration::from_secs(60));
    assert_eq!(collect(&mut reactor, 2).len(), 2);
    assert!(begun.elapsed() < Duration::from_secs(30));
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
