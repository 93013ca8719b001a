//! The keys about algorithms and key exchange.

use super::Definition;
use crate::daemon::config::place::Place;
use crate::daemon::config::selection::Kind;
use crate::daemon::config::value::Value;

pub(super) const MODULI_FILE: Definition = Definition {
    key: "moduli_file",
    doc: "Groups for diffie-hellman-group-exchange-sha256, in the format of moduli(5), such as \
          /etc/ssh/moduli. Empty: those of RFC 3526.",
    default: || Value::List(vec![]),
    place: Place::Paths(|config| &mut config.moduli_file),
};

pub(super) const STRICT_KEX: Definition = Definition {
    key: "strict_kex",
    doc: "The strict key exchange, which stops packets from being cut out of a session's start \
          (CVE-2023-48795). on: with clients that have it. safe: other clients do not get the \
          algorithms the attack works on. required: other clients are turned away. off: never.",
    default: || Value::text("on"),
    place: Place::Choice {
        at: |config| &mut config.strict_kex,
        among: &["off", "on", "safe", "required"],
    },
};

pub(super) const ALGORITHMS: Definition = Definition {
    key: "algorithms",
    doc: "Which algorithms are offered, before the lists below change it. hardened: \
          post-quantum key exchange, AEAD ciphers and encrypt-then-MAC only. default: that and \
          curve25519. compatible: that and NIST's curves, Diffie-Hellman and MACs over the \
          plaintext, for clients such as curl with an old libssh2. legacy: that and SHA-1 MACs \
          and CBC ciphers, with a warning in the log.",
    default: || Value::text("default"),
    place: Place::Choice {
        at: |config| &mut config.algorithms,
        among: &["hardened", "default", "compatible", "legacy"],
    },
};

pub(super) const KEX_ALGORITHMS: Definition = Definition {
    key: "kex_algorithms",
    doc: "Key exchange methods the server offers. The client's order decides which is used.",
    default: || Value::List(vec![]),
    place: Place::Names { at: |config| &mut config.kex_algorithms, kind: Kind::KEX },
};

pub(super) const HOST_KEY_ALGORITHMS: Definition = Definition {
    key: "host_key_algorithms",
    doc: "Host key algorithms the server offers, of those its keys can sign with. The client's \
          order decides which is used.",
    default: || Value::List(vec![]),
    place: Place::Names { at: |config| &mut config.host_key_algorithms, kind: Kind::HOST_KEY },
};

pub(super) const CIPHERS: Definition = Definition {
    key: "ciphers",
    doc: "Ciphers the server offers. The client's order decides which is used.",
    default: || Value::List(vec![]),
    place: Place::Names { at: |config| &mut config.ciphers, kind: Kind::CIPHER },
};

pub(super) const MACS: Definition = Definition {
    key: "macs",
    doc: "MACs the server offers for the ciphers that need one, those of the -ctr and -cbc \
          kinds. The client's order decides which is used.",
    default: || Value::List(vec![]),
    place: Place::Names { at: |config| &mut config.macs, kind: Kind::MAC },
};

pub(super) const COMPRESSION: Definition = Definition {
    key: "compression",
    doc: "Compressions the server offers. The client's order decides which is used; most ask \
          for none.",
    default: || Value::List(vec![]),
    place: Place::Names { at: |config| &mut config.compression, kind: Kind::COMPRESSION },
};

pub(super) const PUBKEY_ACCEPTED_ALGORITHMS: Definition = Definition {
    key: "pubkey_accepted_algorithms",
    doc: "Signatures users may log in with.",
    default: || Value::List(vec![]),
    place: Place::Names {
        at: |config| &mut config.pubkey_accepted_algorithms,
        kind: Kind::USER_KEY,
    },
};
