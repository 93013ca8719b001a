//! KEXINIT: the lists of algorithms of both sides and what they agree on (RFC 4253 section 7.1).

use super::Role;
use super::disconnect::Disconnect;
use super::numbers::KEXINIT;
use super::transport::{StrictKex, TransportConfig};
use super::wire::{NameList, Reader, WireError, Writer};
use crate::crypto::{self, CipherAlgorithm, CompressionAlgorithm, KexAlgorithm, MacAlgorithm};

/// Says that the sender, a client, takes EXT_INFO (RFC 8308 section 2.1).
pub(crate) const EXT_INFO_CLIENT: &str = "ext-info-c";
/// Says that the sender, a server, takes EXT_INFO.
pub(crate) const EXT_INFO_SERVER: &str = "ext-info-s";
/// Says that the sender, a client, keeps to the strict key exchange (OpenSSH's PROTOCOL 1.10).
pub(crate) const STRICT_CLIENT: &str = "kex-strict-c-v00@openssh.com";
/// Says that the sender, a server, keeps to the strict key exchange.
pub(crate) const STRICT_SERVER: &str = "kex-strict-s-v00@openssh.com";

/// Names in the list of methods that are no methods.
const MARKERS: [&str; 4] = [EXT_INFO_CLIENT, EXT_INFO_SERVER, STRICT_CLIENT, STRICT_SERVER];

/// How much of a list goes into an error text.
const LIST_TEXT_BYTES_MAX: usize = 400;

/// One side's KEXINIT, read in place.
#[derive(Clone, Debug)]
pub(crate) struct KexInit<'a> {
    kexes: NameList<'a>,
    host_keys: NameList<'a>,
    /// The lists for the two directions: client to server, then server to client.
    ciphers: [NameList<'a>; 2],
    macs: [NameList<'a>; 2],
    compressions: [NameList<'a>; 2],
    /// A guessed packet follows at once.
    pub(crate) follows: bool,
}

impl<'a> KexInit<'a> {
    /// Reads a whole payload, number included.
    pub(crate) fn parse(payload: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(payload);
        reader.u8()?;
        reader.bytes(16)?;
        let lists = Self {
            kexes: reader.name_list()?,
            host_keys: reader.name_list()?,
            ciphers: [reader.name_list()?, reader.name_list()?],
            macs: [reader.name_list()?, reader.name_list()?],
            compressions: [reader.name_list()?, reader.name_list()?],
            follows: {
                // Languages: nobody has any.
                reader.string()?;
                reader.string()?;
                reader.bool()?
            },
        };
        reader.u32()?;
        reader.end()?;
        Ok(lists)
    }

    /// Whether the list of methods holds one of the markers above.
    pub(crate) fn marks(&self, marker: &str) -> bool {
        self.kexes.contains(marker)
    }

    fn methods(&self) -> impl Iterator<Item = &'a str> {
        self.kexes.iter().filter(|name| !MARKERS.contains(name))
    }
}

/// What a KEXINIT says besides the lists as configured.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Shape {
    /// It is the connection's first and so carries the markers, which mean nothing in later ones.
    pub(crate) first: bool,
    /// Leave out what Terrapin affects.
    pub(crate) unaffected: bool,
    /// A guessed packet follows.
    pub(crate) follows: bool,
}

/// Writes our KEXINIT.
pub(crate) fn write(
    role: Role,
    config: &TransportConfig,
    cookie: [u8; 16],
    shape: Shape,
) -> Vec<u8> {
    let (ext_info, strict) = match role {
        Role::Client => (EXT_INFO_CLIENT, STRICT_CLIENT),
        Role::Server => (EXT_INFO_SERVER, STRICT_SERVER),
    };
    let strict = (config.strict_kex != StrictKex::Off).then_some(strict);
    let markers = [Some(ext_info), strict].into_iter().flatten().filter(|_| shape.first);
    let (ciphers, macs) = if shape.unaffected {
        unaffected(config)
    } else {
        (config.ciphers.clone(), config.macs.clone())
    };
    let mut payload = vec![KEXINIT];
    payload.extend_from_slice(&cookie);
    payload.put_name_list(config.kexes.iter().copied().chain(markers));
    payload.put_name_list(host_key_algorithms(role, config));
    for list in [&ciphers, &macs, &config.compressions] {
        payload.put_name_list(list.iter().copied());
        payload.put_name_list(list.iter().copied());
    }
    payload.put_name_list([]);
    payload.put_name_list([]);
    payload.put_bool(shape.follows);
    payload.put_u32(0);
    payload
}

/// Whether packets can be cut out without the cipher noticing (CVE-2023-48795): it opens any packet
/// whose number is right, whatever came before it.
fn cipher_is_affected(name: &str) -> bool {
    name == "chacha20-poly1305@openssh.com"
}

/// The same of a MAC: one over the ciphertext passes whatever the cipher makes of it. With AES-CTR
/// that is most likely garbage, but nothing guarantees it. A MAC over the plaintext covers what was
/// decrypted, and AES-GCM counts packets for itself.
fn mac_is_affected(name: &str) -> bool {
    name.ends_with("-etm@openssh.com")
}

/// The ciphers and MACs that can be offered to a peer without the strict key exchange.
fn unaffected(config: &TransportConfig) -> (Vec<&'static str>, Vec<&'static str>) {
    let mut macs = config.macs.clone();
    macs.retain(|name| !mac_is_affected(name));
    let mut ciphers = config.ciphers.clone();
    let authenticates = |name| crypto::cipher(name).is_some_and(|cipher| cipher.aead);
    ciphers.retain(|name| !cipher_is_affected(name) && (authenticates(*name) || !macs.is_empty()));
    // Some peers want a common MAC even if the cipher needs none.
    if macs.is_empty() {
        macs.clone_from(&config.macs);
    }
    (ciphers, macs)
}

/// What a client takes, and what a server has a key for.
fn host_key_algorithms(role: Role, config: &TransportConfig) -> impl Iterator<Item = &'static str> {
    let signable = move |name: &&str| {
        role == Role::Client || config.host_keys.iter().any(|key| key.algorithms().contains(name))
    };
    config.host_key_algorithms.iter().copied().filter(signable)
}

/// The two directions of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    ClientToServer,
    ServerToClient,
}

impl Way {
    /// Where a `role` sends.
    pub(crate) fn sent_by(role: Role) -> Self {
        match role {
            Role::Client => Self::ClientToServer,
            Role::Server => Self::ServerToClient,
        }
    }

    /// Where a `role` receives from.
    pub(crate) fn received_by(role: Role) -> Self {
        match role {
            Role::Client => Self::ServerToClient,
            Role::Server => Self::ClientToServer,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::ClientToServer => "client to server",
            Self::ServerToClient => "server to client",
        }
    }

    /// This direction's of a pair of lists.
    fn of<'a>(self, [up, down]: [NameList<'a>; 2]) -> NameList<'a> {
        match self {
            Self::ClientToServer => up,
            Self::ServerToClient => down,
        }
    }
}

/// The algorithms of one direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Direction {
    pub(crate) cipher: &'static CipherAlgorithm,
    pub(crate) mac: Option<&'static MacAlgorithm>,
    pub(crate) compression: &'static CompressionAlgorithm,
}

/// What two KEXINITs agree on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Negotiated {
    pub(crate) kex: &'static KexAlgorithm,
    pub(crate) host_key: &'static str,
    pub(crate) client_to_server: Direction,
    pub(crate) server_to_client: Direction,
    /// Whether a guessed first packet would be for these algorithms.
    pub(crate) guess_right: bool,
}

impl Negotiated {
    /// The algorithms of one direction.
    pub(crate) fn direction(&self, way: Way) -> &Direction {
        match way {
            Way::ClientToServer => &self.client_to_server,
            Way::ServerToClient => &self.server_to_client,
        }
    }

    /// The first of the algorithms that needs the strict key exchange to be safe (CVE-2023-48795).
    pub(crate) fn affected(&self) -> Option<&'static str> {
        let ways = [&self.client_to_server, &self.server_to_client];
        ways.into_iter().find_map(|way| match way.mac {
            None => cipher_is_affected(way.cipher.name).then_some(way.cipher.name),
            Some(mac) => mac_is_affected(mac.name).then_some(mac.name),
        })
    }
}

/// The client's first choice that the server has, for each kind.
pub(crate) fn negotiate(client: &KexInit, server: &KexInit) -> Result<Negotiated, Disconnect> {
    let method = client.methods().find(|name| server.methods().any(|other| other == *name));
    let kex = method
        .and_then(crypto::kex)
        .ok_or_else(|| nothing_common("key exchange method", client.kexes, server.kexes))?;
    let name = common("host key algorithm", client.host_keys, server.host_keys)?;
    let host_key = crypto::host_key_algorithms().iter().copied().find(|known| *known == name);
    let host_key = host_key
        .ok_or_else(|| nothing_common("host key algorithm", client.host_keys, server.host_keys))?;
    // Only the first of each list counts (RFC 4253 section 7.1).
    let guess_right = client.methods().next() == server.methods().next()
        && client.host_keys.iter().next() == server.host_keys.iter().next();
    Ok(Negotiated {
        kex,
        host_key,
        client_to_server: direction(Way::ClientToServer, client, server)?,
        server_to_client: direction(Way::ServerToClient, client, server)?,
        guess_right,
    })
}

fn direction(way: Way, client: &KexInit, server: &KexInit) -> Result<Direction, Disconnect> {
    let kind = |what: &str| format!("{what} from {}", way.text());
    let (ours, theirs) = (way.of(client.ciphers), way.of(server.ciphers));
    let name = common(&kind("cipher"), ours, theirs)?;
    let cipher =
        crypto::cipher(name).ok_or_else(|| nothing_common(&kind("cipher"), ours, theirs))?;
    let mac = if cipher.aead {
        None
    } else {
        let (ours, theirs) = (way.of(client.macs), way.of(server.macs));
        let name = common(&kind("MAC"), ours, theirs)?;
        Some(crypto::mac(name).ok_or_else(|| nothing_common(&kind("MAC"), ours, theirs))?)
    };
    let (ours, theirs) = (way.of(client.compressions), way.of(server.compressions));
    let name = common(&kind("compression"), ours, theirs)?;
    let compression = crypto::compression(name)
        .ok_or_else(|| nothing_common(&kind("compression"), ours, theirs))?;
    Ok(Direction { cipher, mac, compression })
}

fn common<'a>(
    kind: &str,
    client: NameList<'a>,
    server: NameList<'a>,
) -> Result<&'a str, Disconnect> {
    client
        .iter()
        .find(|name| server.contains(name))
        .ok_or_else(|| nothing_common(kind, client, server))
}

fn nothing_common(kind: &str, client: NameList, server: NameList) -> Disconnect {
    let cut = |list: NameList| {
        let text = list.as_str();
        match text.get(..LIST_TEXT_BYTES_MAX) {
            Some(front) if text.len() > LIST_TEXT_BYTES_MAX => format!("{front}..."),
            _ => text.to_owned(),
        }
    };
    let (client, server) = (cut(client), cut(server));
    Disconnect::key_exchange(format!(
        "no common {kind}: the client has [{client}], the server has [{server}]"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh::disconnect::DisconnectReason;

    /// A KEXINIT with these methods and ciphers.
    fn kexinit(kexes: &[&str], ciphers: &[&str]) -> Vec<u8> {
        let mut payload = vec![KEXINIT];
        payload.extend_from_slice(&[0; 16]);
        payload.put_name_list(kexes.iter().copied());
        payload.put_name_list(["ssh-ed25519"]);
        for list in [ciphers, &[], &["none"]] {
            payload.put_name_list(list.iter().copied());
            payload.put_name_list(list.iter().copied());
        }
        payload.extend_from_slice(&[0; 13]);
        payload
    }

    fn agree(client: &[u8], server: &[u8]) -> Result<Negotiated, Disconnect> {
        negotiate(&KexInit::parse(client).unwrap(), &KexInit::parse(server).unwrap())
    }

    const CURVE: &str = "curve25519-sha256";
    const OLD_CURVE: &str = "curve25519-sha256@libssh.org";
    const GCM: &str = "aes128-gcm@openssh.com";
    const CHACHA: &str = "chacha20-poly1305@openssh.com";

    #[test]
    fn the_clients_order_decides() {
        let client = kexinit(&["unheard-of", OLD_CURVE, CURVE], &[CHACHA, GCM]);
        let server = kexinit(&[CURVE, OLD_CURVE], &[GCM, CHACHA]);
        let agreed = agree(&client, &server).unwrap();
        assert_eq!(agreed.kex.name, OLD_CURVE);
        assert_eq!(agreed.direction(Way::ClientToServer).cipher.name, CHACHA);
        assert!(agreed.direction(Way::ServerToClient).mac.is_none(), "an AEAD needs no MAC");
        assert!(!agreed.guess_right);
        let agreed = agree(&server, &client).unwrap();
        assert_eq!(agreed.kex.name, CURVE);
    }

    #[test]
    fn markers_are_no_methods() {
        let both = kexinit(&[STRICT_CLIENT, EXT_INFO_CLIENT, STRICT_SERVER, CURVE], &[GCM]);
        let agreed = agree(&both, &both).unwrap();
        assert_eq!(agreed.kex.name, CURVE);
        assert!(agreed.guess_right);
        let markers = kexinit(&[STRICT_CLIENT, EXT_INFO_CLIENT], &[GCM]);
        let end = agree(&markers, &markers).unwrap_err();
        assert_eq!(end.reason, DisconnectReason::KeyExchangeFailed);
        assert!(KexInit::parse(&markers).unwrap().marks(STRICT_CLIENT));
    }

    #[test]
    fn a_long_list_is_cut_in_the_error_text() {
        let names: Vec<_> = (0..1000).map(|n| format!("cipher-{n}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let end = agree(&kexinit(&[CURVE], &names), &kexinit(&[CURVE], &[GCM])).unwrap_err();
        assert!(end.description.contains("from client to server"), "{end}");
        assert!(end.description.contains("cipher-0,cipher-1,") && end.description.contains(GCM));
        assert!(end.description.len() < 1000);
    }

    const FIRST: Shape = Shape { first: true, unaffected: false, follows: false };

    #[test]
    fn what_terrapin_affects_can_be_left_out() {
        let etm = "hmac-sha2-256-etm@openssh.com";
        let offered = |ciphers: &[&'static str], macs: &[&'static str]| {
            let (ciphers, macs) = (ciphers.to_vec(), macs.to_vec());
            let config = TransportConfig { ciphers, macs, ..TransportConfig::default() };
            let shape = Shape { unaffected: true, ..FIRST };
            let payload = write(Role::Client, &config, [1; 16], shape);
            let lists = KexInit::parse(&payload).unwrap();
            [lists.ciphers, lists.macs].map(|[up, down]| {
                assert_eq!(up, down);
                up.as_str().to_owned()
            })
        };
        let all = [CHACHA, "aes128-ctr", GCM];
        let left = offered(&all, &[etm, "hmac-sha2-256"]);
        assert_eq!(left, [format!("aes128-ctr,{GCM}"), "hmac-sha2-256".to_owned()]);
        // With MACs over the ciphertext only, CTR has none to go with.
        assert_eq!(offered(&all, &[etm]), [GCM.to_owned(), etm.to_owned()]);
        assert_eq!(offered(&[CHACHA], &[etm])[0], "");
    }

    #[test]
    fn ours_reads_back_with_markers_in_the_first_one_only() {
        let config = TransportConfig::default();
        for (role, marker) in [(Role::Client, STRICT_CLIENT), (Role::Server, STRICT_SERVER)] {
            let first = write(role, &config, [1; 16], FIRST);
            let later = write(role, &config, [1; 16], Shape::default());
            assert!(KexInit::parse(&first).unwrap().marks(marker));
            assert!(!KexInit::parse(&later).unwrap().marks(marker));
            let off = TransportConfig { strict_kex: StrictKex::Off, ..config.clone() };
            assert!(!KexInit::parse(&write(role, &off, [1; 16], FIRST)).unwrap().marks(marker));
        }
        // A server without host keys has nothing to offer.
        let server = write(Role::Server, &config, [1; 16], FIRST);
        assert_eq!(KexInit::parse(&server).unwrap().host_keys.as_str(), "");
    }
}
