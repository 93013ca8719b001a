//! Sends whose end may be told late.

use std::io::Read;
use std::os::unix::net::UnixStream;

use super::*;

const BYTES: usize = 4096;

fn patient(socket: &Socket, buffer: Buffer) -> Op {
    let range = 0..buffer.len();
    Op::Send { socket: Arc::clone(socket), buffer, range, patient: true }
}

fn message(pool: &BufferPool, number: u8) -> Buffer {
    filled(pool, &[number; BYTES])
}

fn sent(done: Done) -> Result<usize, Errno> {
    match done {
        Done::Sent { result, .. } => result,
        other => panic!("{other:?}"),
    }
}

on_each_driver!(it_is_told_with_what_comes_next, |reactor| {
    let pool = pool();
    let (near, far) = pair();
    reactor.submit(Token(1), receive(&near, pool.small().unwrap(), true));
    reactor.submit(Token(2), patient(&near, message(&pool, 7)));
    let mut far = UnixStream::from(Arc::into_inner(far).unwrap());
    let peer = std::thread::spawn(move || {
        let mut request = [0; BYTES];
        far.read_exact(&mut request).unwrap();
        std::io::Write::write_all(&mut far, b"answer").unwrap();
        request
    });
    let mut told = collect(reactor, 2);
    told.sort_by_key(|completion| completion.token);
    assert_eq!(sent(told.remove(1).done), Ok(BYTES));
    assert!(matches!(told.remove(0).done, Done::Received { result: Ok(6), .. }));
    assert!(peer.join().unwrap() == [7; BYTES]);
    assert_eq!(pool.stats().outstanding, 0);
});

on_each_driver!(it_is_told_at_the_deadline_if_nothing_comes, |reactor| {
    let pool = pool();
    let (near, _far) = pair();
    reactor.submit(Token(2), patient(&near, message(&pool, 7)));
    let mut out = Vec::new();
    reactor.wait(Some(Instant::now() + Duration::from_millis(30)), &mut out).unwrap();
    assert_eq!(out.len(), 1);
    assert_eq!(sent(out.remove(0).done), Ok(BYTES));
});

// Neither has a deadline: a wait that slept would sleep for ever.
on_each_driver!(urged_or_cancelled_it_is_told_at_once, |reactor| {
    let pool = pool();
    let (near, _far) = pair();
    for end in [Reactor::urge, Reactor::cancel] {
        let id = reactor.submit(Token(2), patient(&near, message(&pool, 7)));
        end(reactor, id);
        let mut out = Vec::new();
        reactor.wait(None, &mut out).unwrap();
        assert_eq!(out.len(), 1);
        // On the poll driver a cancel is faster.
        let result = sent(out.remove(0).done);
        assert!(matches!(result, Ok(BYTES) | Err(Errno::CANCELED)), "{result:?}");
        // What is over is not urged.
        reactor.urge(id);
        quiet(reactor);
    }
});

on_each_driver!(its_failure_is_told_at_once, |reactor| {
    let pool = pool();
    let (near, far) = pair();
    drop(far);
    reactor.submit(Token(1), patient(&near, message(&pool, 1)));
    let mut out = Vec::new();
    reactor.wait(None, &mut out).unwrap();
    assert_eq!(sent(out.remove(0).done), Err(Errno::PIPE));
});

// A socket takes nothing of a message, or a part: the rest goes like any other send.
on_each_driver!(a_full_socket_loses_and_repeats_nothing, |reactor| {
    const MESSAGES: u8 = 200;
    let pool = pool();
    let (near, far) = pair();
    rustix::net::sockopt::set_socket_send_buffer_size(&near, 5000).unwrap();
    let mut far = UnixStream::from(Arc::into_inner(far).unwrap());
    let reader = std::thread::spawn(move || {
        let mut received = Vec::new();
        let mut part = [0; 1000];
        loop {
            match far.read(&mut part).unwrap() {
                0 => return received,
                count => received.extend_from_slice(&part[..count]),
            }
            std::thread::yield_now();
        }
    });
    for number in 0..MESSAGES {
        let id = reactor.submit(Token(1), patient(&near, message(&pool, number)));
        if number % 3 == 0 {
            reactor.urge(id);
        }
        let mut out = Vec::new();
        while out.is_empty() {
            // Nothing else completes here: what is not urged is told at the deadline.
            let soon = Instant::now() + Duration::from_millis(2);
            reactor.wait(Some(soon), &mut out).unwrap();
        }
        assert_eq!(sent(out.remove(0).done), Ok(BYTES));
    }
    assert_eq!(pool.stats().outstanding, 0);
    drop(near);
    let expected: Vec<u8> = (0..MESSAGES).flat_map(|number| [number; BYTES]).collect();
    assert!(reader.join().unwrap() == expected);
});

/// What it is for: a request and its reply cost one syscall.
#[test]
fn an_exchange_is_one_wait_on_the_ring() {
    const ROUNDS: u64 = 20;
    let Some(mut reactor) = reactor(Kind::Ring, &ReactorLimits::default()) else { return };
    let pool = pool();
    let (near, far) = pair();
    let mut far = UnixStream::from(Arc::into_inner(far).unwrap());
    let peer = std::thread::spawn(move || {
        for _ in 0..ROUNDS {
            std::io::Write::write_all(&mut far, b"request").unwrap();
            far.read_exact(&mut [0; BYTES]).unwrap();
        }
        far
    });
    reactor.submit(Token(1), receive(&near, pool.small().unwrap(), true));
    let before = reactor.statistics().waits;
    let (mut requests, mut replies, mut out) = (0, 0, Vec::new());
    while requests < ROUNDS {
        reactor.wait(Some(Instant::now() + PATIENCE), &mut out).unwrap();
        for completion in out.drain(..) {
            match completion.done {
                Done::Received { result, .. } => {
                    assert_eq!(result, Ok(7));
                    requests += 1;
                    reactor.submit(Token(2), patient(&near, message(&pool, 1)));
                    reactor.submit(Token(1), receive(&near, pool.small().unwrap(), true));
                }
                done => {
                    assert_eq!(sent(done), Ok(BYTES));
                    replies += 1;
                }
            }
        }
    }
    // A reply is told with the next request; the last one leaves now.
    assert_eq!(replies, ROUNDS - 1);
    let waits = reactor.statistics().waits - before;
    assert!(waits < ROUNDS + ROUNDS / 2, "{waits} waits");
    reactor.wait(Some(Instant::now()), &mut out).unwrap();
    drop(peer.join().unwrap());
    drop((reactor, out));
    assert_eq!(pool.stats().outstanding, 0);
}
