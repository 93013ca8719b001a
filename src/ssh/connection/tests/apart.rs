//! Frames that are sealed away from their connection.

use super::pair::{Dice, Pair, client_config, server_config};
use super::transfer::suites;
use crate::ssh::{DataFrame, SealError};

/// Frames of `data` one after the other in a buffer, each with its position.
fn laid(frames: &[DataFrame], data: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let (mut buffer, mut places, mut taken) = (Vec::new(), Vec::new(), 0);
    for frame in frames {
        let at = buffer.len();
        buffer.resize(at + frame.frame_bytes(), 0xee);
        let part = &data[taken..taken + frame.data_len];
        buffer[at..][frame.data_range()].copy_from_slice(part);
        taken += frame.data_len;
        places.push(at);
    }
    (buffer, places)
}

/// What was sealed meanwhile goes behind them, a KEXINIT included.
#[test]
fn frames_sealed_on_another_thread_arrive_in_their_place() {
    for (name, server, client) in suites() {
        let aead = client.transport.ciphers[0].contains("gcm") || name.contains("chacha");
        let counts = name.contains("-ctr") && name.contains("-etm@");
        let (mut pair, ours, theirs) = Pair::with_session(server, client);
        let data = Dice::new(5).bytes(100_000);
        let own = &mut pair.server.connection;
        let reserved = [32_768, 32_768, 20_000].map(|len| own.reserve_data(theirs, len).unwrap());
        let (mut buffer, places) = laid(&reserved, &data);
        let before = buffer.clone();
        let frames = places.iter().copied().zip(&reserved);
        let Some(job) = own.seal_data_apart(frames, &mut buffer) else {
            assert!(!aead && !counts, "{name}");
            continue;
        };
        let job = job.unwrap();
        assert_eq!(job.bytes(), buffer.len());
        let rest = &data[85_536..];
        let last = own.reserve_data(theirs, rest.len()).unwrap();
        let (mut later, _) = laid(std::slice::from_ref(&last), rest);
        own.seal_data(&last, &mut later).unwrap();
        own.rekey(pair.now);
        let mut exchange = Vec::new();
        own.poll_transmit(pair.now, &mut exchange);
        assert!(!exchange.is_empty());
        let elsewhere = std::thread::spawn(move || (job.seal(&mut buffer), buffer));
        let (sealed, buffer) = elsewhere.join().unwrap();
        assert_eq!(sealed, Ok(()), "{name}");
        assert_ne!(buffer, before);
        pair.to_client.extend([buffer, later, exchange].concat());
        pair.run();
        assert!(pair.client.data[&ours] == data, "{name}");
        assert!(pair.server.connection.can_send_data(), "{name}: new keys are in use");
    }
}

#[test]
fn a_job_that_cannot_be_made_changes_nothing() {
    let (mut pair, ours, theirs) = Pair::with_session(server_config(), client_config());
    let own = &mut pair.server.connection;
    let frame = own.reserve_data(theirs, 5).unwrap();
    let (mut buffer, _) = laid(std::slice::from_ref(&frame), b"hello");
    let made = own.seal_data_apart([(1, &frame)].into_iter(), &mut buffer).unwrap();
    assert_eq!(made.err(), Some(SealError::Shape), "it ends outside the buffer");
    own.rekey(pair.now);
    let made = own.seal_data_apart([(0, &frame)].into_iter(), &mut buffer).unwrap();
    assert_eq!(made.err(), Some(SealError::Rekeying));
    pair.run();
    let own = &mut pair.server.connection;
    own.seal_data(&frame, &mut buffer).unwrap();
    pair.to_client.extend(buffer);
    pair.run();
    assert_eq!(pair.client.data[&ours], b"hello");
}
