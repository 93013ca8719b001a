//! One key exchange in the shape of RFC 5656 section 4: the client sends a public value, the server
//! answers with its own, its host key and a signature over everything both sides have said so far.
//! curve25519 (RFC 8731) and the hybrids built like it differ only in the values. So does
//! Diffie-Hellman with a fixed group (RFC 4253 section 8): its messages have the same numbers, and
//! an mpint is framed and hashed as a string is. A group exchange is the same once the group is
//! agreed on (RFC 4419), but for the messages' numbers and the group in the hash.

use super::disconnect::{Disconnect, DisconnectReason};
use super::group_exchange::Agreed;
use super::kexinit::{Negotiated, Way};
use super::numbers::{KEX_DH_GEX_INIT, KEX_DH_GEX_REPLY, KEX_ECDH_INIT, KEX_ECDH_REPLY};
use super::wire::{Reader, WireError, Writer};
use crate::crypto::{
    self, Certificate, CertificateKind, CryptoError, HashAlgorithm, KexAlgorithm, KexClient,
    MacKey, PacketOpen, PacketSeal, Random, SharedSecret, Signer,
};

/// What both sides have said before the exchange itself.
#[derive(Clone, Copy)]
pub(crate) struct Transcript<'a> {
    pub(crate) client_ident: &'a str,
    pub(crate) server_ident: &'a str,
    pub(crate) client_kexinit: &'a [u8],
    pub(crate) server_kexinit: &'a [u8],
}

/// The secret and the exchange hash.
pub(crate) struct Outcome {
    secret: SharedSecret,
    pub(crate) exchange_hash: Vec<u8>,
    hash: HashAlgorithm,
}

impl Transcript<'_> {
    /// H of RFC 5656 section 4, or of RFC 4419 section 3 with the group in it.
    fn hash(
        &self,
        hash: HashAlgorithm,
        host_key: &[u8],
        agreed: Option<&Agreed>,
        init: &[u8],
        reply: &[u8],
        secret: &SharedSecret,
    ) -> Vec<u8> {
        let mut said = Vec::new();
        said.put_string(self.client_ident.as_bytes());
        said.put_string(self.server_ident.as_bytes());
        said.put_string(self.client_kexinit);
        said.put_string(self.server_kexinit);
        said.put_string(host_key);
        said.extend_from_slice(agreed.map_or(&[], |agreed| &agreed.hashed));
        said.put_string(init);
        said.put_string(reply);
        hash.digest(&[&said, secret.encoded()])
    }
}

/// The number of the client's message with its public value.
pub(crate) fn init_number(agreed: Option<&Agreed>) -> u8 {
    if agreed.is_some() { KEX_DH_GEX_INIT } else { KEX_ECDH_INIT }
}

/// The number of the server's answer to it.
fn reply_number(agreed: Option<&Agreed>) -> u8 {
    if agreed.is_some() { KEX_DH_GEX_REPLY } else { KEX_ECDH_REPLY }
}

/// The server's half: answers the body of a KEX_ECDH_INIT with the payload of a KEX_ECDH_REPLY.
pub(crate) fn respond(
    negotiated: &Negotiated,
    agreed: Option<&Agreed>,
    transcript: &Transcript,
    signer: &dyn Signer,
    body: &[u8],
    random: &mut dyn Random,
) -> Result<(Vec<u8>, Outcome), Disconnect> {
    let mut reader = Reader::new(body);
    let init = reader.string().and_then(|init| reader.end().map(|()| init)).map_err(malformed)?;
    let (reply, secret) = match agreed {
        Some(agreed) => agreed.group.server(init, random),
        None => negotiated.kex.server(init, random),
    }
    .map_err(failed)?;
    let hash = negotiated.kex.hash;
    let host_key = signer.public_blob();
    let exchange_hash = transcript.hash(hash, host_key, agreed, init, &reply, &secret);
    let signature = signer.sign(negotiated.host_key, &exchange_hash).map_err(failed)?;
    let mut payload = vec![reply_number(agreed)];
    payload.put_string(host_key);
    payload.put_string(&reply);
    payload.put_string(&signature);
    Ok((payload, Outcome { secret, exchange_hash, hash }))
}

/// The client's half, between KEX_ECDH_INIT and KEX_ECDH_REPLY.
pub(crate) struct Pending {
    kex: Box<dyn KexClient>,
    agreed: Option<Agreed>,
}

/// A server's answer that was checked: the signature is good for the key inside.
pub(crate) struct Answer {
    pub(crate) host_key: Vec<u8>,
    /// What `host_key` says, where it is a certificate.
    pub(crate) certificate: Option<Certificate>,
    pub(crate) outcome: Outcome,
}

impl Pending {
    /// Makes the key pair of one exchange and the payload of its KEX_ECDH_INIT.
    pub(crate) fn start(
        method: &KexAlgorithm,
        agreed: Option<Agreed>,
        random: &mut dyn Random,
    ) -> Result<(Self, Vec<u8>), Disconnect> {
        let kex = match &agreed {
            Some(agreed) => agreed.group.client(random),
            None => method.client(random),
        }
        .map_err(failed)?;
        let mut payload = vec![init_number(agreed.as_ref())];
        payload.put_string(kex.init());
        Ok((Self { kex, agreed }, payload))
    }

    /// The number of the message that [`Pending::finish`] takes.
    pub(crate) fn reply_number(&self) -> u8 {
        reply_number(self.agreed.as_ref())
    }

    /// Checks the body of a KEX_ECDH_REPLY. Whether the key is the right one is for others to say.
    pub(crate) fn finish(
        self,
        negotiated: &Negotiated,
        transcript: &Transcript,
        body: &[u8],
        rsa_bits_min: usize,
    ) -> Result<Answer, Disconnect> {
        let mut reader = Reader::new(body);
        let host_key = reader.string().map_err(malformed)?;
        let reply = reader.string().map_err(malformed)?;
        let signature = reader.string().map_err(malformed)?;
        reader.end().map_err(malformed)?;
        let wanted = crypto::key_type_for_algorithm(negotiated.host_key);
        if crypto::key_type_of(host_key) != Some(wanted) {
            let name = negotiated.host_key;
            let text = format!("the server's host key is not a key for {name}, as agreed");
            return Err(Disconnect::new(DisconnectReason::HostKeyNotVerifiable, text));
        }
        let certificate = certificate(negotiated.host_key, host_key, rsa_bits_min)?;
        let key = certificate.as_ref().map_or(host_key, Certificate::key_blob);
        crypto::check_key_size(key, rsa_bits_min).map_err(unusable)?;
        let init = self.kex.init().to_vec();
        let secret = self.kex.finish(reply).map_err(failed)?;
        let hash = negotiated.kex.hash;
        let agreed = self.agreed.as_ref();
        let exchange_hash = transcript.hash(hash, host_key, agreed, &init, reply, &secret);
        // With a certificate it is the certified key that signs.
        let algorithm = crypto::plain_algorithm(negotiated.host_key);
        crypto::verify(key, algorithm, &exchange_hash, signature).map_err(|error| {
            let text = format!("the server's signature over the key exchange: {error}");
            Disconnect::new(DisconnectReason::HostKeyNotVerifiable, text)
        })?;
        let outcome = Outcome { secret, exchange_hash, hash };
        Ok(Answer { host_key: host_key.to_vec(), certificate, outcome })
    }
}

/// The certificate in `host_key`, if one was agreed on. Its authority's signature is good and it is
/// for a host; whose word the authority's is, the application knows.
fn certificate(
    algorithm: &str,
    host_key: &[u8],
    rsa_bits_min: usize,
) -> Result<Option<Certificate>, Disconnect> {
    if crypto::plain_algorithm(algorithm) == algorithm {
        return Ok(None);
    }
    let certificate = Certificate::from_blob(host_key).map_err(unusable)?;
    if certificate.kind() != CertificateKind::Host {
        let text = "the server's certificate is a user's, not a host's";
        return Err(Disconnect::new(DisconnectReason::HostKeyNotVerifiable, text));
    }
    crypto::check_key_size(certificate.authority_blob(), rsa_bits_min).map_err(unusable)?;
    Ok(Some(certificate))
}

fn unusable(error: CryptoError) -> Disconnect {
    let text = format!("the server's host key: {error}");
    Disconnect::new(DisconnectReason::HostKeyNotVerifiable, text)
}

impl Outcome {
    fn keys<K>(
        &self,
        way: Way,
        negotiated: &Negotiated,
        session_id: &[u8],
        make: impl FnOnce(&[u8], &[u8], Option<MacKey>) -> Result<K, CryptoError>,
    ) -> Result<K, Disconnect> {
        let direction = negotiated.direction(way);
        let mac_bytes = direction.mac.map_or(0, |mac| mac.key_bytes);
        let sizes = [direction.cipher.iv_bytes, direction.cipher.key_bytes, mac_bytes];
        let derive = |letter, bytes| {
            let hash = &self.exchange_hash;
            crypto::derive(self.hash, &self.secret, hash, letter, session_id, bytes)
        };
        // RFC 4253 section 7.2.
        let [iv, key, mac] = match way {
            Way::ClientToServer => *b"ACE",
            Way::ServerToClient => *b"BDF",
        };
        let [iv_bytes, key_bytes, mac_bytes] = sizes;
        let (iv, key) = (derive(iv, iv_bytes), derive(key, key_bytes));
        let mac_key = derive(mac, mac_bytes);
        let mac = direction.mac.map(|algorithm| MacKey { algorithm, key: &mac_key });
        make(&key, &iv, mac).map_err(failed)
    }

    /// The cipher for what is sent `way`.
    pub(crate) fn seal(
        &self,
        way: Way,
        negotiated: &Negotiated,
        session_id: &[u8],
    ) -> Result<Box<dyn PacketSeal>, Disconnect> {
        let cipher = negotiated.direction(way).cipher;
        self.keys(way, negotiated, session_id, |key, iv, mac| cipher.seal(key, iv, mac))
    }

    /// The cipher for what is received from `way`.
    pub(crate) fn open(
        &self,
        way: Way,
        negotiated: &Negotiated,
        session_id: &[u8],
    ) -> Result<Box<dyn PacketOpen>, Disconnect> {
        let cipher = negotiated.direction(way).cipher;
        self.keys(way, negotiated, session_id, |key, iv, mac| cipher.open(key, iv, mac))
    }
}

pub(super) fn malformed(error: WireError) -> Disconnect {
    Disconnect::key_exchange(format!("malformed key exchange message: {error}"))
}

fn failed(error: CryptoError) -> Disconnect {
    Disconnect::key_exchange(error.to_string())
}
