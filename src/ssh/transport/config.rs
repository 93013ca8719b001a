//! What a transport is told before it starts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Role;
use crate::crypto::{
    self, DH_GROUP_BITS_MAX, DH_GROUP_BITS_MIN, Moduli, Preset, RSA_BITS_MAX, RSA_BITS_MIN,
    RSA_BITS_MIN_DEFAULT, Signer,
};
use crate::ssh::ident;
use crate::ssh::limits::{IDENT_TIMEOUT, KEX_TIMEOUT, REKEY_PACKETS_MAX};
use crate::ssh::pattern::is_pattern;

/// Sizes of groups in a group exchange (RFC 4419), in bits: each within 2048 to 8192, and in this
/// order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GexBits {
    /// The smallest group a client takes and a server offers.
    pub min: u32,
    /// What a client asks for. A server looks at its client's number only.
    pub preferred: u32,
    /// The largest group a client takes and a server offers.
    pub max: u32,
}

impl Default for GexBits {
    /// 2048 to 8192, and 3072, which is as strong as AES-128.
    fn default() -> Self {
        Self { min: DH_GROUP_BITS_MIN, preferred: 3072, max: DH_GROUP_BITS_MAX }
    }
}

/// What is made of the strict key exchange (OpenSSH's PROTOCOL 1.9), which keeps packets from being
/// slipped into the first exchange and cut out behind it (CVE-2023-48795).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum StrictKex {
    /// It is not offered, and so never used.
    Off,
    /// It is used with peers that offer it too.
    #[default]
    On,
    /// As `On`; with other peers the algorithms that the attack affects are not used:
    /// chacha20-poly1305@openssh.com, and MACs over the ciphertext (`-etm@openssh.com`).
    Safe,
    /// Peers that do not offer it are disconnected.
    Required,
}

impl StrictKex {
    /// All settings, from the most lenient to the strictest.
    pub const ALL: [Self; 4] = [Self::Off, Self::On, Self::Safe, Self::Required];

    /// The word for it in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Safe => "safe",
            Self::Required => "required",
        }
    }
}

/// Settings of the transport layer, one for any number of connections.
#[derive(Clone)]
pub struct TransportConfig {
    /// The software in our identification line: printable US-ASCII without blank and minus sign.
    pub software_version: String,
    /// What follows it behind a blank, if anything: printable US-ASCII, 253 bytes with the rest of
    /// the line. sshd's `VersionAddendum`.
    pub comment: String,
    /// The peers we talk to, as patterns for what their identification lines say behind `SSH-2.0-`:
    /// `*`, `?`, and `!` in front of those that are refused. Empty for all.
    pub peer_versions: Vec<String>,
    /// Key exchange methods in order of preference.
    pub kexes: Vec<&'static str>,
    /// Host key algorithms in order of preference: those a client takes. A server offers the ones
    /// of these that its `host_keys` can sign with.
    pub host_key_algorithms: Vec<&'static str>,
    /// Packet ciphers in order of preference, both directions.
    pub ciphers: Vec<&'static str>,
    /// MACs in order of preference, both directions; not looked at when the cipher is an AEAD. Some
    /// peers (paramiko among them) want a common one even then.
    pub macs: Vec<&'static str>,
    /// Compressions in order of preference, both directions. A client that prefers another one to
    /// `none` gets it from most servers. `zlib` starts before the login: a server that lists it
    /// lets strangers reach the expander.
    pub compressions: Vec<&'static str>,
    /// Sizes of groups in `diffie-hellman-group-exchange-sha256`.
    pub gex_bits: GexBits,
    /// The groups a server offers there; RFC 3526's where none of these fits.
    pub moduli: Arc<Moduli>,
    /// Whether the first exchange is to be strict.
    pub strict_kex: StrictKex,
    /// Whether a client sends the first message of its first method along with its first KEXINIT.
    /// If the server's lists begin alike it saves a round trip, and costs some work if not.
    pub guess: bool,
    /// The algorithms a server takes from users, in order of preference, certificates' among them;
    /// the signatures they need it announces in `server-sig-algs`. sshd's
    /// `PubkeyAcceptedAlgorithms`.
    pub signature_algorithms: Vec<&'static str>,
    /// A server's host keys. Of two that sign with one algorithm the first is used.
    pub host_keys: Vec<Arc<dyn Signer>>,
    /// Bits an RSA key of the peer's must have: a host key, an authority's key, or a user's. At
    /// least 2048.
    pub rsa_bits_min: usize,
    /// Bytes in one direction after which keys are exchanged again; `None` for the cipher's own
    /// number.
    pub rekey_bytes: Option<u64>,
    /// Packets in one direction after which keys are exchanged again, at most 2^31.
    pub rekey_packets: u64,
    /// Time after which keys are exchanged again, if any.
    pub rekey_interval: Option<Duration>,
    /// How long the peer may take to identify itself.
    pub ident_timeout: Duration,
    /// How long an exchange of keys may take.
    pub kex_timeout: Duration,
}

impl TransportConfig {
    /// What a preset offers, and no host key.
    pub fn preset(preset: Preset) -> Self {
        Self {
            software_version: concat!("ringferry_", env!("CARGO_PKG_VERSION")).to_owned(),
            comment: String::new(),
            peer_versions: Vec::new(),
            kexes: preset.kexes(),
            host_key_algorithms: preset.host_key_algorithms(),
            ciphers: preset.ciphers(),
            macs: preset.macs(),
            compressions: preset.compressions(),
            gex_bits: GexBits::default(),
            moduli: Arc::default(),
            strict_kex: StrictKex::default(),
            guess: false,
            signature_algorithms: crypto::user_key_algorithms().to_vec(),
            host_keys: Vec::new(),
            rsa_bits_min: RSA_BITS_MIN_DEFAULT,
            rekey_bytes: None,
            rekey_packets: REKEY_PACKETS_MAX,
            rekey_interval: None,
            ident_timeout: IDENT_TIMEOUT,
            kex_timeout: KEX_TIMEOUT,
        }
    }
}

impl Default for TransportConfig {
    /// [`Preset::Default`], and no host key.
    fn default() -> Self {
        Self::preset(Preset::Default)
    }
}

/// A setting that cannot work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    /// The field of [`TransportConfig`].
    pub setting: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.problem)
    }
}

impl std::error::Error for ConfigError {}

impl TransportConfig {
    /// Checks at the start what would otherwise fail at the first connection.
    ///
    /// # Errors
    /// The first setting that cannot work in this `role`, and why.
    pub fn check(&self, role: Role) -> Result<(), ConfigError> {
        let wrong = |setting, problem| Err(ConfigError { setting, problem });
        if let Err(problem) = ident::check_software(&self.software_version) {
            return wrong("software_version", problem);
        }
        if let Err(problem) = ident::check_comment(&self.software_version, &self.comment) {
            return wrong("comment", problem);
        }
        if let Some(bad) = self.peer_versions.iter().find(|listed| !is_pattern(listed)) {
            return wrong("peer_versions", format!("{bad:?} can match nothing"));
        }
        let verified = crypto::user_key_algorithms();
        known_names("signature_algorithms", &self.signature_algorithms, |name| {
            verified.contains(&name)
        })?;
        for (setting, timeout) in
            [("ident_timeout", self.ident_timeout), ("kex_timeout", self.kex_timeout)]
        {
            if timeout.is_zero() {
                return wrong(setting, "no time at all ends every connection".to_owned());
            }
        }
        let known = crypto::host_key_algorithms();
        known_names("kexes", &self.kexes, |name| crypto::kex(name).is_some())?;
        known_names("ciphers", &self.ciphers, |name| crypto::cipher(name).is_some())?;
        known_names("host_key_algorithms", &self.host_key_algorithms, |name| {
            known.contains(&name)
        })?;
        known_names("compressions", &self.compressions, |name| {
            crypto::compression(name).is_some()
        })?;
        known_names("macs", &self.macs, |name| crypto::mac(name).is_some())?;
        let signs = |name| self.host_keys.iter().any(|key| key.algorithms().contains(name));
        if role == Role::Server && !self.host_key_algorithms.iter().any(signs) {
            let names = self.host_key_algorithms.join(", ");
            return wrong("host_keys", format!("no host key for any of {names}"));
        }
        if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&self.rsa_bits_min) {
            let bits = self.rsa_bits_min;
            let problem = format!("{bits} is not within {RSA_BITS_MIN} to {RSA_BITS_MAX}");
            return wrong("rsa_bits_min", problem);
        }
        if !(1..=REKEY_PACKETS_MAX).contains(&self.rekey_packets) {
            let packets = self.rekey_packets;
            return wrong("rekey_packets", format!("{packets} is not within 1 to 2^31"));
        }
        let GexBits { min, preferred, max } = self.gex_bits;
        if !(DH_GROUP_BITS_MIN <= min && min <= preferred && preferred <= max)
            || max > DH_GROUP_BITS_MAX
        {
            let problem = format!(
                "{min}, {preferred}, {max} do not rise within {DH_GROUP_BITS_MIN} to \
                 {DH_GROUP_BITS_MAX}"
            );
            return wrong("gex_bits", problem);
        }
        Ok(())
    }
}

fn known_names(
    setting: &'static str,
    names: &[&'static str],
    known: impl Fn(&str) -> bool,
) -> Result<(), ConfigError> {
    let problem = match names.iter().find(|name| !known(name)) {
        Some(name) => format!("{name} is not known"),
        None if names.is_empty() => "the list is empty".to_owned(),
        None => return Ok(()),
    };
    Err(ConfigError { setting, problem })
}

impl fmt::Debug for TransportConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportConfig")
            .field("software_version", &self.software_version)
            .field("comment", &self.comment)
            .field("peer_versions", &self.peer_versions)
            .field("kexes", &self.kexes)
            .field("host_key_algorithms", &self.host_key_algorithms)
            .field("ciphers", &self.ciphers)
            .field("macs", &self.macs)
            .field("compressions", &self.compressions)
            .field("gex_bits", &self.gex_bits)
            .field("moduli", &self.moduli)
            .field("strict_kex", &self.strict_kex)
            .field("guess", &self.guess)
            .field("signature_algorithms", &self.signature_algorithms)
            .field("host_keys", &self.host_keys.len())
            .field("rsa_bits_min", &self.rsa_bits_min)
            .field("rekey_bytes", &self.rekey_bytes)
            .field("rekey_packets", &self.rekey_packets)
            .field("rekey_interval", &self.rekey_interval)
            .field("ident_timeout", &self.ident_timeout)
            .field("kex_timeout", &self.kex_timeout)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Ed25519Signer;

    #[test]
    fn settings_that_cannot_work_are_named() {
        let good = || TransportConfig {
            host_keys: vec![Arc::new(Ed25519Signer::from_seed([1; 32]))],
            ..TransportConfig::default()
        };
        assert_eq!(good().check(Role::Server), Ok(()));
        assert_eq!(TransportConfig::default().check(Role::Client), Ok(()));
        type Change = fn(&mut TransportConfig);
        let cases: [(&str, Change); 20] = [
            ("host_keys", |config| config.host_keys.clear()),
            ("software_version", |config| config.software_version.clear()),
            ("software_version", |config| config.software_version.push('-')),
            ("comment", |config| config.comment.push('\n')),
            ("comment", |config| config.comment = "x".repeat(240)),
            ("peer_versions", |config| config.peer_versions.push("!".to_owned())),
            ("signature_algorithms", |config| config.signature_algorithms.push("ssh-rsa")),
            ("ident_timeout", |config| config.ident_timeout = Duration::ZERO),
            ("kex_timeout", |config| config.kex_timeout = Duration::ZERO),
            ("ciphers", |config| config.ciphers.clear()),
            ("ciphers", |config| config.ciphers.push("arcfour")),
            ("macs", |config| config.macs.clear()),
            ("macs", |config| config.macs.push("hmac-md5")),
            ("kexes", |config| config.kexes.push("diffie-hellman-group1-sha1")),
            ("rsa_bits_min", |config| config.rsa_bits_min = 2047),
            ("compressions", |config| config.compressions = vec!["lzo"]),
            ("gex_bits", |config| config.gex_bits.min = 1024),
            ("gex_bits", |config| config.gex_bits.preferred = 2047),
            ("gex_bits", |config| config.gex_bits.max = 8193),
            ("rekey_packets", |config| config.rekey_packets = REKEY_PACKETS_MAX + 1),
        ];
        for (setting, change) in cases {
            let mut config = good();
            change(&mut config);
            let error = config.check(Role::Server).unwrap_err();
            assert_eq!(error.setting, setting, "{error}");
        }
    }
}
