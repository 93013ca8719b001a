//! Cancelling, dropping, waking, deadlines and bounds.

use std::net::TcpListener;
use std::os::fd::OwnedFd;

use super::child::in_child;
use super::*;

on_each_driver!(a_cancelled_receive_gives_its_buffer_back, |reactor| {
    let pool = pool();
    let (near, far) = pair();
    for poll_first in [false, true] {
        let id = reactor.submit(Token(1), receive(&near, pool.small().unwrap(), poll_first));
        quiet(reactor);
        reactor.cancel(id);
        reactor.cancel(id);
        let Done::Received { buffer, result, .. } = one(reactor).done else { panic!() };
        assert_eq!((result, buffer.len()), (Err(Errno::CANCELED), 4096));
        reactor.cancel(id);
        quiet(reactor);
    }
    // Cancelled before it ever started.
    let id = reactor.submit(Token(2), receive(&near, pool.small().unwrap(), false));
    reactor.cancel(id);
    let Done::Received { result, .. } = one(reactor).done else { panic!() };
    assert_eq!(result, Err(Errno::CANCELED));
    // The socket is none the worse.
    reactor.submit(Token(3), send(&far, filled(&pool, b"ok"), 2));
    reactor.submit(Token(4), receive(&near, pool.small().unwrap(), true));
    collect(reactor, 2);
    assert_eq!(pool.stats().outstanding, 0);
});

on_each_driver!(a_cancelled_send_that_waits_gives_its_buffer_back, |reactor| {
    let pool = pool();
    let (near, _far) = pair();
    let mut sent = 0;
    // Nobody reads: one of these must get stuck half-way.
    let id = loop {
        let id = reactor.submit(Token(1), send(&near, pool.large().unwrap(), 1 << 20));
        let mut out = Vec::new();
        reactor.wait(Some(Instant::now() + Duration::from_millis(50)), &mut out).unwrap();
        if out.is_empty() {
            break id;
        }
        sent += 1;
        assert!(sent < 100, "a socket pair without an end");
    };
    reactor.cancel(id);
    let Done::Sent { result, .. } = one(reactor).done else { panic!() };
    assert_eq!(result, Err(Errno::CANCELED));
    assert_eq!(pool.stats().outstanding, 0);
});

on_each_driver!(a_stale_id_cancels_nobody_else, |reactor| {
    let pool = pool();
    let (near, far) = pair();
    let first = reactor.submit(Token(1), send(&far, filled(&pool, b"x"), 1));
    one(reactor);
    reactor.submit(Token(2), receive(&near, pool.small().unwrap(), false));
    one(reactor);
    let waiting = reactor.submit(Token(3), receive(&near, pool.small().unwrap(), false));
    reactor.cancel(first);
    quiet(reactor);
    reactor.cancel(waiting);
    assert_eq!(one(reactor).token, Token(3));
});

fn dropping_returns_everything(kind: Kind) {
    let Some(mut reactor) = reactor(kind, &ReactorLimits::default()) else { return };
    let pool = pool();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let listener: Socket = Arc::new(OwnedFd::from(listener));
    reactor.submit(Token(0), Op::Accept { listener: Arc::clone(&listener) });
    let pairs: Vec<(Socket, Socket)> = (0..10).map(|_| pair()).collect();
    for (near, far) in &pairs {
        reactor.submit(Token(1), receive(near, pool.small().unwrap(), false));
        reactor.submit(Token(2), send(far, pool.large().unwrap(), 1 << 20));
        reactor.submit(Token(3), send(near, pool.large().unwrap(), 1 << 20));
    }
    let directory = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(directory.path().join("f")).unwrap();
    let file: FileRef = Arc::new(file.into());
    let segments = vec![(Arc::new(pool.large().unwrap()), 0..1 << 20)];
    reactor.submit(Token(4), Op::Write { file: Arc::clone(&file), offset: 0, segments });
    reactor.wait(Some(Instant::now() + Duration::from_millis(20)), &mut Vec::new()).unwrap();
    // And some that were only queued.
    reactor.submit(Token(5), receive(&pairs[0].0, pool.small().unwrap(), true));
    assert!(pool.stats().outstanding > 10);
    drop(reactor);
    assert_eq!(pool.stats().outstanding, 0);
    assert_eq!(Arc::strong_count(&listener), 1);
    assert_eq!(Arc::strong_count(&file), 1);
    assert!(pairs.iter().all(|(near, far)| Arc::strong_count(near) + Arc::strong_count(far) == 2));
}

#[test]
fn dropping_a_ring_returns_everything() {
    dropping_returns_everything(Kind::Ring);
    dropping_returns_everything(Kind::OldRing);
}

#[test]
fn dropping_a_poll_returns_everything() {
    dropping_returns_everything(Kind::Poll);
}

on_each_driver!(another_thread_wakes, |reactor| {
    let waker = reactor.waker();
    waker.wake();
    waker.wake();
    let completion = one(reactor);
    assert!(completion.token == WAKE_TOKEN && matches!(completion.done, Done::Woken));
    quiet(reactor);
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(30));
        waker.wake();
        waker
    });
    let mut out = Vec::new();
    reactor.wait(None, &mut out).unwrap();
    assert!(matches!(out[..], [Completion { done: Done::Woken, .. }]));
    let waker = thread.join().unwrap();
    assert_eq!(reactor.statistics().woken, 2);
    assert_eq!(reactor.in_flight(), 0);
    // Wake-ups are not lost however they fall: every message is seen after the last of them.
    let (sender, receiver) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        for number in 0..2000 {
            sender.send(number).unwrap();
            waker.wake();
        }
    });
    let mut seen = 0;
    while seen < 2000 {
        out.clear();
        reactor.wait(Some(Instant::now() + PATIENCE), &mut out).unwrap();
        assert!(!out.is_empty(), "{seen} messages seen, then silence");
        seen += receiver.try_iter().count();
    }
    thread.join().unwrap();
    // The last wake-up may still be on its way; it is one at most.
    reactor.wait(Some(Instant::now() + Duration::from_millis(30)), &mut out).unwrap();
    quiet(reactor);
});

#[test]
fn a_waker_may_outlive_its_reactor() {
    for kind in [Kind::Ring, Kind::Poll] {
        let Some(reactor) = reactor(kind, &ReactorLimits::default()) else { continue };
        let waker = reactor.waker();
        drop(reactor);
        waker.wake();
        waker.clone().wake();
    }
}

on_each_driver!(a_deadline_is_kept, |reactor| {
    let pool = pool();
    let (near, _far) = pair();
    let id = reactor.submit(Token(1), receive(&near, pool.small().unwrap(), false));
    for ms in [0, 1, 7, 40] {
        let (start, length) = (Instant::now(), Duration::from_millis(ms));
        let mut out = Vec::new();
        reactor.wait(Some(start + length), &mut out).unwrap();
        let late = start.elapsed().checked_sub(length).expect("not before the deadline");
        assert!(late < Duration::from_millis(500), "{late:?} late");
        assert!(out.is_empty());
    }
    let past = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
    reactor.wait(Some(past), &mut Vec::new()).unwrap();
    reactor.cancel(id);
    one(reactor);
});

on_each_driver!(what_completes_at_once_comes_in_one_wait, |reactor| {
    let pool = pool();
    let pairs: Vec<(Socket, Socket)> = (0..50).map(|_| pair()).collect();
    let mut out = Vec::new();
    reactor.wait(Some(Instant::now()), &mut out).unwrap(); // arms the wake-up
    let before = reactor.statistics().waits;
    for (near, _) in &pairs {
        reactor.submit(Token(1), send(near, pool.small().unwrap(), 100));
    }
    reactor.wait(Some(Instant::now() + PATIENCE), &mut out).unwrap();
    assert_eq!(out.len(), 50);
    assert_eq!(reactor.statistics().waits - before, 1, "one syscall");
});

fn limited(kind: Kind, limits: &ReactorLimits, body: fn(&mut Reactor)) {
    if let Some(mut reactor) = reactor(kind, limits) {
        body(&mut reactor);
    }
}

#[test]
fn one_operation_too_many_is_refused_with_its_buffer() {
    let limits = ReactorLimits { operations_max: 3, ..Default::default() };
    for kind in [Kind::Ring, Kind::Poll] {
        limited(kind, &limits, |reactor| {
            let pool = pool();
            let (near, _far) = pair();
            for _ in 0..4 {
                reactor.submit(Token(1), receive(&near, pool.small().unwrap(), false));
            }
            let Done::Received { result, .. } = one(reactor).done else { panic!() };
            assert_eq!(result, Err(Errno::NOBUFS));
            assert_eq!(reactor.in_flight(), 3);
        });
    }
}

#[test]
fn small_queues_lose_nothing_and_a_wait_is_bounded() {
    let limits = ReactorLimits {
        submission_entries: 4,
        completion_entries: 8,
        completions_per_wait_max: 16,
        ..Default::default()
    };
    for kind in [Kind::Ring, Kind::OldRing, Kind::Poll] {
        limited(kind, &limits, |reactor| {
            const COUNT: u64 = 300;
            let pool = pool();
            let (near, far) = pair();
            for number in 0..COUNT {
                let socket = if number % 2 == 0 { &near } else { &far };
                reactor.submit(Token(number), send(socket, pool.small().unwrap(), 10));
            }
            let (mut seen, mut out) = (vec![0; 300], Vec::new());
            while seen.contains(&0) {
                reactor.wait(Some(Instant::now() + PATIENCE), &mut out).unwrap();
                assert!(!out.is_empty() && out.len() <= 16, "{} in one wait", out.len());
                for completion in out.drain(..) {
                    let Done::Sent { result, .. } = completion.done else { panic!() };
                    assert_eq!(result, Ok(10));
                    seen[usize::try_from(completion.token.0).unwrap()] += 1;
                }
            }
            assert!(seen.iter().all(|times| *times == 1));
            assert_eq!(reactor.statistics().completed, COUNT);
        });
    }
}

#[test]
fn descriptors_do_not_leak() {
    in_child("reactor::tests::lifecycle::descriptors_do_not_leak", || {
        let count = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let mut steady = None;
        for round in 0..20 {
            for kind in [Kind::Ring, Kind::OldRing, Kind::Poll] {
                dropping_returns_everything(kind);
            }
            // The first round may open what the process keeps.
            if round == 0 {
                steady = Some(count());
            }
        }
        assert_eq!(Some(count()), steady);
    });
}
