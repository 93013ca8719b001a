//! Sockets: accept, receive, send.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use super::*;

on_each_driver!(a_receive_waits_for_the_send, |reactor| {
    let pool = pool();
    let (near, far) = pair();
    let buffer = pool.small().unwrap();
    let range = 100..200;
    reactor.submit(
        Token(1),
        Op::Recv { socket: near, buffer, range: range.clone(), poll_first: true },
    );
    quiet(reactor);
    assert_eq!(reactor.in_flight(), 1);
    reactor.submit(Token(2), send(&far, filled(&pool, b"hello"), 5));
    for completion in collect(reactor, 2) {
        match (completion.token, completion.done) {
            (Token(1), Done::Received { buffer, result, .. }) => {
                assert_eq!(result, Ok(5));
                assert_eq!(&buffer[99..106], b"\0hello\0");
            }
            (Token(2), Done::Sent { buffer, result }) => {
                assert_eq!(result, Ok(5));
                assert_eq!(&buffer[..5], b"hello");
            }
            other => panic!("{other:?}"),
        }
    }
});

on_each_driver!(the_end_of_the_stream_is_zero, |reactor| {
    let pool = pool();
    for poll_first in [false, true] {
        let (near, far) = pair();
        reactor.submit(Token(1), receive(&near, pool.small().unwrap(), poll_first));
        quiet(reactor);
        drop(far);
        let Done::Received { result, .. } = one(reactor).done else { panic!() };
        assert_eq!(result, Ok(0));
        // And it stays so: nothing may wait for an edge that never comes.
        reactor.submit(Token(1), receive(&near, pool.small().unwrap(), true));
        let Done::Received { result, .. } = one(reactor).done else { panic!() };
        assert_eq!(result, Ok(0));
    }
});

on_each_driver!(bytes_then_the_end_are_both_seen, |reactor| {
    let pool = pool();
    let (near, far) = pair();
    reactor.submit(Token(1), receive(&near, pool.small().unwrap(), true));
    quiet(reactor);
    let mut far = std::os::unix::net::UnixStream::from(Arc::into_inner(far).unwrap());
    far.write_all(b"last words").unwrap();
    drop(far);
    let mut total = 0;
    for _ in 0..2 {
        let Done::Received { result, .. } = one(reactor).done else { panic!() };
        match result.unwrap() {
            0 => return assert_eq!(total, 10),
            count => total += count,
        }
        reactor.submit(Token(1), receive(&near, pool.small().unwrap(), true));
    }
    let Done::Received { result, .. } = one(reactor).done else { panic!() };
    assert_eq!((result, total), (Ok(0), 10));
});

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (near, listener.accept().unwrap().0)
}

on_each_driver!(a_full_buffer_reports_more, |reactor| {
    let pool = pool();
    let (near, mut far) = tcp_pair();
    let near: Socket = Arc::new(OwnedFd::from(near));
    far.write_all(&[7; 100]).unwrap();
    let part = |range| Op::Recv {
        socket: Arc::clone(&near),
        buffer: pool.small().unwrap(),
        range,
        poll_first: false,
    };
    reactor.submit(Token(1), part(0..60));
    let Done::Received { result, more, .. } = one(reactor).done else { panic!() };
    assert_eq!((result, more), (Ok(60), true));
    reactor.submit(Token(1), part(0..100));
    let Done::Received { result, more, .. } = one(reactor).done else { panic!() };
    assert_eq!((result, more), (Ok(40), false));
});

on_each_driver!(a_long_send_arrives_whole_through_a_small_socket, |reactor| {
    const BYTES: usize = 1 << 20;
    let pool = pool();
    let (near, mut far) = tcp_pair();
    rustix::net::sockopt::set_socket_send_buffer_size(near.as_fd(), 8192).unwrap();
    let mut buffer = pool.large().unwrap();
    for (index, byte) in buffer.iter_mut().enumerate() {
        *byte = u8::try_from(index % 251).unwrap();
    }
    let expected = buffer.to_vec();
    reactor.submit(Token(1), send(&Arc::new(OwnedFd::from(near)), buffer, BYTES));
    let reader = std::thread::spawn(move || {
        let mut received = Vec::new();
        far.read_to_end(&mut received).unwrap();
        received
    });
    let Done::Sent { result, .. } = one(reactor).done else { panic!() };
    assert_eq!(result, Ok(BYTES));
    assert!(reader.join().unwrap() == expected, "content or order is wrong");
});

on_each_driver!(sending_to_nobody_is_an_error_and_no_signal, |reactor| {
    let pool = pool();
    let (near, far) = pair();
    drop(far);
    reactor.submit(Token(1), send(&near, pool.small().unwrap(), 10));
    let Done::Sent { result, .. } = one(reactor).done else { panic!() };
    assert_eq!(result, Err(Errno::PIPE));
});

on_each_driver!(many_connections_come_through_one_accept, |reactor| {
    const COUNT: usize = 40;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let listener: Socket = Arc::new(OwnedFd::from(listener));
    let accept = reactor.submit(Token(9), Op::Accept { listener });
    quiet(reactor);
    let clients: Vec<TcpStream> =
        (0..COUNT).map(|_| TcpStream::connect(address).unwrap()).collect();
    let mut peers = Vec::new();
    for completion in collect(reactor, COUNT) {
        let Done::Accepted(socket) = completion.done else { panic!() };
        assert_eq!(completion.token, Token(9));
        peers.push(TcpStream::from(socket.unwrap()).peer_addr().unwrap());
    }
    for client in &clients {
        assert!(peers.contains(&client.local_addr().unwrap()));
    }
    assert_eq!(reactor.in_flight(), 1, "it goes on");
    reactor.cancel(accept);
    let Done::AcceptEnded(why) = one(reactor).done else { panic!() };
    assert_eq!(why, None);
});

on_each_driver!(an_accept_on_what_does_not_listen_ends, |reactor| {
    let (near, _far) = tcp_pair();
    reactor.submit(Token(1), Op::Accept { listener: Arc::new(OwnedFd::from(near)) });
    let Done::AcceptEnded(why) = one(reactor).done else { panic!() };
    assert_eq!(why, Some(Errno::INVAL));
});

on_each_driver!(what_a_range_cannot_be_is_an_error_and_not_a_panic, |reactor| {
    let pool = pool();
    let (near, far) = pair();
    let buffer = || pool.small().unwrap();
    // Made from parts: clippy does not like a reversed range, and neither do we.
    let reversed = std::ops::Range { start: 5, end: 4 };
    for range in [0..4097, 4097..4098, usize::MAX - 1..usize::MAX, reversed, 7..7] {
        let (socket, poll_first) = (Arc::clone(&near), false);
        reactor.submit(Token(1), Op::Recv { socket, buffer: buffer(), range, poll_first });
        let Done::Received { result, .. } = one(reactor).done else { panic!() };
        assert_eq!(result, Err(Errno::INVAL));
    }
    let socket = Arc::clone(&far);
    reactor.submit(Token(1), Op::Send { socket, buffer: buffer(), range: 0..4097, patient: false });
    let Done::Sent { result, .. } = one(reactor).done else { panic!() };
    assert_eq!(result, Err(Errno::INVAL));
    reactor.submit(Token(1), send(&far, buffer(), 0));
    let Done::Sent { result, .. } = one(reactor).done else { panic!() };
    assert_eq!(result, Ok(0));
    assert_eq!(pool.stats().outstanding, 0);
});

on_each_driver!(a_reused_descriptor_number_is_a_new_socket, |reactor| {
    let pool = pool();
    for round in 0..50 {
        let (near, far) = pair();
        reactor.submit(Token(round), receive(&near, pool.small().unwrap(), true));
        reactor.submit(Token(1000), send(&far, filled(&pool, b"x"), 1));
        let mut done: Vec<Completion> = collect(reactor, 2);
        done.sort_by_key(|completion| completion.token);
        let Done::Received { result, .. } = done.remove(0).done else { panic!() };
        assert_eq!(result, Ok(1), "round {round}");
    }
});

on_each_driver!(sixty_four_conversations_at_once, |reactor| {
    const PAIRS: u64 = 64;
    const ROUNDS: usize = 50;
    let pool = pool();
    let pairs: Vec<(Socket, Socket)> = (0..PAIRS).map(|_| pair()).collect();
    for (index, (near, far)) in (0..).zip(&pairs) {
        reactor.submit(Token(2 * index), send(near, pool.small().unwrap(), 64));
        reactor.submit(Token(2 * index + 1), receive(far, pool.small().unwrap(), true));
    }
    let (mut echoes, mut received, mut out) = (0, vec![0; pairs.len()], Vec::new());
    while echoes < pairs.len() * ROUNDS {
        reactor.wait(Some(Instant::now() + PATIENCE), &mut out).unwrap();
        assert!(!out.is_empty(), "{echoes} echoes");
        for completion in out.drain(..) {
            let index = usize::try_from(completion.token.0 / 2).unwrap();
            let (near, far) = &pairs[index];
            let Done::Received { buffer, result, .. } = completion.done else { continue };
            received[index] += result.unwrap();
            if received[index] < 64 {
                reactor.submit(completion.token, receive(far, buffer, true));
                continue;
            }
            received[index] = 0;
            echoes += 1;
            if echoes + pairs.len() <= pairs.len() * ROUNDS {
                reactor.submit(Token(completion.token.0 - 1), send(near, buffer, 64));
                reactor.submit(completion.token, receive(far, pool.small().unwrap(), true));
            }
        }
    }
    while reactor.in_flight() > 0 {
        reactor.wait(Some(Instant::now() + PATIENCE), &mut out).unwrap();
    }
    drop(out);
    assert_eq!(pool.stats().outstanding, 0);
});
