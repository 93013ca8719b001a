//! The server's other host keys: named, proved, and learnt.

use std::sync::Arc;

use super::pair::{Pair, client_config, server_config};
use super::raw::Raw;
use crate::crypto::{EcdsaSigner, Ed25519Signer, Signer};
use crate::ssh::channel::messages::global_request;
use crate::ssh::wire::Writer;
use crate::ssh::{ClientConfig, Event, GlobalRequest, ServerConfig, numbers};

fn second() -> Arc<dyn Signer> {
    Arc::new(EcdsaSigner::from_scalar("ecdsa-sha2-nistp384", &[7; 40]).unwrap())
}

fn two_keys() -> ServerConfig {
    let mut config = server_config();
    config.transport.host_keys.push(second());
    config
}

fn list(keys: &[&[u8]]) -> Vec<u8> {
    let mut list = Vec::new();
    keys.iter().for_each(|key| list.put_string(key));
    list
}

fn announced(events: &[Event]) -> Vec<Vec<u8>> {
    let mut keys = events.iter().filter_map(|event| match event {
        Event::HostKeysAnnounced { keys } => Some(keys.clone()),
        _ => None,
    });
    keys.next().unwrap_or_default()
}

fn proved(events: &[Event]) -> Option<Vec<Vec<u8>>> {
    events.iter().find_map(|event| match event {
        Event::HostKeysProved { keys } => Some(keys.clone()),
        _ => None,
    })
}

fn logged_in(server: ServerConfig) -> Pair {
    let mut pair = Pair::new(server, client_config());
    pair.run();
    pair.client.connection.auth_password("ann", "x");
    pair.run();
    assert!(pair.client.connection.is_authenticated());
    pair
}

#[test]
fn a_client_learns_the_second_key_and_has_it_proved() {
    let mut pair = logged_in(two_keys());
    let keys = announced(&pair.client.events);
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[1], second().public_blob());
    assert!(pair.client.connection.prove_host_keys(keys.clone()));
    assert!(!pair.client.connection.prove_host_keys(keys.clone()), "one proof at a time");
    pair.run();
    assert_eq!(proved(&pair.client.events), Some(keys));
}

#[test]
fn a_proof_of_a_key_the_server_lacks_is_refused() {
    let mut pair = logged_in(two_keys());
    let stranger = Ed25519Signer::from_seed([99; 32]).public_blob().to_vec();
    let keys = vec![second().public_blob().to_vec(), stranger];
    assert!(pair.client.connection.prove_host_keys(keys));
    pair.run();
    assert_eq!(proved(&pair.client.events), Some(vec![]));
    assert!(pair.client.end().is_none() && pair.server.end().is_none());
}

#[test]
fn a_server_signs_for_its_own_keys_only_and_not_for_ever() {
    let mut raw = Raw::server_logged_in_to(two_keys());
    let ask = |keys: Vec<u8>| global_request(&GlobalRequest::HostKeysProve { keys }, true);
    let refused = vec![vec![numbers::REQUEST_FAILURE]];
    let own = second();
    let own = own.public_blob();
    for keys in [
        vec![],
        vec![0, 0, 0, 9, 1],
        list(&[b"noise"]),
        list(&[own, own, own]),
        list(&[Ed25519Signer::from_seed([99; 32]).public_blob()]),
    ] {
        assert_eq!(raw.answers(&ask(keys)), refused);
    }
    // What was refused after the list was read counts too.
    let mut granted = 0;
    for _ in 0..10 {
        let answers = raw.answers(&ask(list(&[own])));
        granted += usize::from(answers[0][0] == numbers::REQUEST_SUCCESS);
    }
    assert!((1..=4).contains(&granted), "{granted}");
}

/// A server may send nonsense: it is passed over, and a false proof proves nothing.
#[test]
fn a_client_believes_no_server_without_a_proof() {
    let own = second().public_blob().to_vec();
    let name = |keys: Vec<u8>| global_request(&GlobalRequest::HostKeys { keys }, false);
    for keys in [vec![], vec![0, 0, 0, 9, 1], list(&[b"noise"]), list(&vec![&own[..]; 65])] {
        let mut raw = Raw::client_logged_in_with(ClientConfig::default());
        raw.say(&name(keys));
        raw.run();
        assert_eq!(announced(&raw.events), Vec::<Vec<u8>>::new());
        assert!(raw.end().is_none());
    }
    for answer in [
        vec![numbers::REQUEST_FAILURE],
        vec![numbers::REQUEST_SUCCESS],
        [vec![numbers::REQUEST_SUCCESS], list(&[b"signature"])].concat(),
        [
            vec![numbers::REQUEST_SUCCESS],
            list(&[&second().sign("ecdsa-sha2-nistp384", b"something else").unwrap()]),
        ]
        .concat(),
    ] {
        let mut raw = Raw::client_logged_in_with(ClientConfig::default());
        raw.say(&name(list(&[&own, &own])));
        raw.run();
        assert_eq!(announced(&raw.events), std::slice::from_ref(&own));
        assert!(raw.ours.prove_host_keys(vec![own.clone()]));
        raw.say(&answer);
        raw.run();
        assert_eq!(proved(&raw.events), Some(vec![]));
        assert!(raw.end().is_none());
    }
}
