//! The server's other host keys (OpenSSH's PROTOCOL 2.5): it names them all after the login, the
//! client asks for a proof of those it did not know, and so learns of a new key before the old one
//! goes away.

use super::global::Asker;
use super::limits::{HOST_KEY_PROOFS_MAX, HOST_KEYS_MAX};
use super::table::Phase;
use super::{Connection, Side};
use crate::crypto::{self, Signer};
use crate::ssh::channel::messages;
use crate::ssh::event::Event;
use crate::ssh::ident;
use crate::ssh::numbers;
use crate::ssh::requests::GlobalRequest;
use crate::ssh::wire::{Reader, Writer};

const PROVE: &[u8] = b"hostkeys-prove-00@openssh.com";

/// Clients that cannot cope with `hostkeys-00@openssh.com`, by the start of their software's name;
/// OpenSSH keeps the same list (SSH_BUG_HOSTKEYS).
const CONFUSED: [&str; 12] = [
    "Cisco-1.",
    "TeraTerm SSH",
    "TTSSH/1.5.",
    "TTSSH/2.1",
    "TTSSH/2.2",
    "TTSSH/2.3",
    "TTSSH/2.4",
    "TTSSH/2.5",
    "TTSSH/2.6",
    "TTSSH/2.70",
    "TTSSH/2.71",
    "TTSSH/2.72",
];

/// What is known of host keys besides the one of the key exchange.
#[derive(Debug, Default)]
pub(super) struct HostKeys {
    /// Client: the server has named its keys.
    announced: bool,
    /// Client: the keys whose proof is awaited.
    asked: Vec<Vec<u8>>,
    /// Server: the requests for proofs that were answered.
    answered: u32,
}

impl Connection {
    /// Server, after the login: names every plain host key.
    pub(super) fn announce_host_keys(&mut self) {
        let peer = self.info().peer_ident.as_deref().map(ident::software).unwrap_or_default();
        if CONFUSED.iter().any(|start| peer.starts_with(start)) {
            return;
        }
        let mut keys = Vec::new();
        self.plain_host_keys().for_each(|key| keys.put_string(key.public_blob()));
        self.transport.queue(&messages::global_request(&GlobalRequest::HostKeys { keys }, false));
    }

    /// The server's keys that are no certificates.
    fn plain_host_keys(&self) -> impl Iterator<Item = &dyn Signer> {
        let keys = match &self.side {
            Side::Server { config, .. } => config.transport.host_keys.as_slice(),
            Side::Client { .. } => &[],
        };
        let plain = |key: &&dyn Signer| is_plain(key.public_blob());
        keys.iter().map(|key| &**key).filter(plain)
    }

    /// Server: signs for each of the keys the client asks about, all of which must be ours. The
    /// answer, or `None` for a refusal.
    pub(super) fn prove_own_host_keys(&mut self, keys: &[u8]) -> Option<Vec<u8>> {
        let ours = self.plain_host_keys().count();
        let asked = strings(keys, ours)?;
        if self.host_keys.answered >= HOST_KEY_PROOFS_MAX {
            return None;
        }
        self.host_keys.answered += 1;
        let mut answer = vec![numbers::REQUEST_SUCCESS];
        for blob in asked {
            let key = self.plain_host_keys().find(|key| key.public_blob() == blob)?;
            let algorithm = self.proof_algorithm(key)?;
            let signature = key.sign(algorithm, &self.proof_data(blob)?).ok()?;
            answer.put_string(&signature);
        }
        Some(answer)
    }

    /// For RSA the algorithm of the key exchange, where that was RSA, as OpenSSH's client expects.
    fn proof_algorithm(&self, key: &dyn Signer) -> Option<&'static str> {
        let agreed = crypto::plain_algorithm(self.info().host_key_algorithm);
        let mut algorithms = key.algorithms().iter().copied();
        let first = algorithms.clone().next();
        algorithms.find(|name| *name == agreed).or(first)
    }

    fn proof_data(&self, blob: &[u8]) -> Option<Vec<u8>> {
        let mut data = Vec::new();
        data.put_string(PROVE);
        data.put_string(self.session_id()?);
        data.put_string(blob);
        Some(data)
    }

    /// Client: takes note of the server's keys, the first time. Certificates, keys of types or
    /// sizes we do not take and repetitions are left out, as OpenSSH's client does.
    pub(super) fn host_keys_announced(&mut self, keys: &[u8]) -> Option<Event> {
        let rsa_bits_min = self.transport.rsa_bits_min();
        if std::mem::replace(&mut self.host_keys.announced, true) {
            return None;
        }
        let mut usable: Vec<Vec<u8>> = Vec::new();
        for blob in strings(keys, HOST_KEYS_MAX)? {
            let taken = algorithms_of(blob).next().is_some()
                && crypto::check_key_size(blob, rsa_bits_min).is_ok();
            if taken && !usable.iter().any(|known| known == blob) {
                usable.push(blob.to_vec());
            }
        }
        (!usable.is_empty()).then_some(Event::HostKeysAnnounced { keys: usable })
    }

    /// Client: asks the server to prove that it holds `keys`, taken from
    /// [`Event::HostKeysAnnounced`]. [`Event::HostKeysProved`] answers. Says whether it was asked:
    /// not before login, not for no keys or more than 64, and not while another proof is awaited.
    pub fn prove_host_keys(&mut self, keys: Vec<Vec<u8>>) -> bool {
        let idle = !self.closed && self.phase == Phase::Open && self.host_keys.asked.is_empty();
        let client = matches!(self.side, Side::Client { .. });
        if !idle || !client || keys.is_empty() || keys.len() > HOST_KEYS_MAX {
            return false;
        }
        let mut list = Vec::new();
        keys.iter().for_each(|key| list.put_string(key));
        self.host_keys.asked = keys;
        self.global.ask_as(Asker::HostKeys);
        let request = GlobalRequest::HostKeysProve { keys: list };
        self.transport.queue(&messages::global_request(&request, true));
        true
    }

    /// Client: checks the answer. All signatures are good, or no key is proved.
    pub(super) fn host_keys_proved(&mut self, success: bool, answer: &[u8]) -> Event {
        let asked = std::mem::take(&mut self.host_keys.asked);
        let proved = success && self.check_proofs(&asked, answer).is_some();
        Event::HostKeysProved { keys: if proved { asked } else { Vec::new() } }
    }

    fn check_proofs(&self, asked: &[Vec<u8>], answer: &[u8]) -> Option<()> {
        let signatures = strings(answer, asked.len())?;
        if signatures.len() != asked.len() {
            return None;
        }
        for (blob, signature) in asked.iter().zip(signatures) {
            let named = Reader::new(signature).string().ok()?;
            let algorithm = algorithms_of(blob).find(|name| name.as_bytes() == named)?;
            crypto::verify(blob, algorithm, &self.proof_data(blob)?, signature).ok()?;
        }
        Some(())
    }
}

/// A list of one to `max` strings and nothing else.
fn strings(list: &[u8], max: usize) -> Option<Vec<&[u8]>> {
    let mut reader = Reader::new(list);
    let mut found = Vec::new();
    while reader.clone().end().is_err() {
        if found.len() == max {
            return None;
        }
        found.push(reader.string().ok()?);
    }
    (!found.is_empty()).then_some(found)
}

/// The signature algorithms for a plain host key; none for a certificate or an unknown type.
fn algorithms_of(blob: &[u8]) -> impl Iterator<Item = &'static str> {
    let kind = crypto::key_type_of(blob);
    let of_hosts = |name: &&str| crypto::host_key_algorithms().contains(name);
    let fits = move |name: &&str| Some(crypto::key_type_for_algorithm(name)) == kind;
    crypto::signature_algorithms().iter().copied().filter(of_hosts).filter(fits)
}

fn is_plain(blob: &[u8]) -> bool {
    algorithms_of(blob).next().is_some()
}
