//! Presets: which algorithms are offered where nobody has picked them one by one.

use super::{ciphers, compressions, host_key_algorithms, kexes, macs};

/// How far the offer reaches back toward older peers. Each preset holds all of the one before it;
/// a row of an algorithm table names the first preset it is in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Preset {
    /// Post-quantum key exchange, AEAD ciphers and encrypt-then-MAC only.
    Hardened,
    /// That, and curve25519 for the many clients without post-quantum key exchange.
    Default,
    /// That, and NIST's curves, Diffie-Hellman, and MACs over the plaintext.
    Compatible,
    /// That, and SHA-1 MACs and CBC ciphers. For a peer that has nothing else.
    Legacy,
}

impl Preset {
    /// Every preset, the strictest first.
    pub const ALL: [Preset; 4] =
        [Preset::Hardened, Preset::Default, Preset::Compatible, Preset::Legacy];

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Preset::Hardened => "hardened",
            Preset::Default => "default",
            Preset::Compatible => "compatible",
            Preset::Legacy => "legacy",
        }
    }

    /// The preset of this name.
    pub fn named(name: &str) -> Option<Preset> {
        Preset::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// Its key exchange methods, in order of preference; so do the others for their kinds.
    pub fn kexes(self) -> Vec<&'static str> {
        kexes().iter().filter(|kex| kex.preset <= self).map(|kex| kex.name).collect()
    }

    /// Its host key algorithms: Ed25519 and RSA in the hardened one, which has no use for NIST's
    /// curves anywhere else either; all in the others. A server offers what its keys can.
    pub fn host_key_algorithms(self) -> Vec<&'static str> {
        let in_preset = |name: &&str| self > Preset::Hardened || !name.starts_with("ecdsa-");
        host_key_algorithms().iter().copied().filter(in_preset).collect()
    }

    /// Its ciphers.
    pub fn ciphers(self) -> Vec<&'static str> {
        ciphers().iter().filter(|cipher| cipher.preset <= self).map(|cipher| cipher.name).collect()
    }

    /// Its MACs.
    pub fn macs(self) -> Vec<&'static str> {
        macs().iter().filter(|mac| mac.preset <= self).map(|mac| mac.name).collect()
    }

    /// Its compressions. Each begins with `none`: a peer has to prefer another one to get it.
    pub fn compressions(self) -> Vec<&'static str> {
        let offered = compressions().iter().filter(|it| it.preset.is_some_and(|it| it <= self));
        offered.map(|compression| compression.name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_preset_holds_the_one_before_it() {
        type List = fn(Preset) -> Vec<&'static str>;
        let kinds: [List; 5] = [
            Preset::kexes,
            Preset::host_key_algorithms,
            Preset::ciphers,
            Preset::macs,
            Preset::compressions,
        ];
        for list in kinds {
            for pair in Preset::ALL.windows(2) {
                let (strict, loose) = (list(pair[0]), list(pair[1]));
                assert!(!strict.is_empty());
                assert!(strict.iter().all(|name| loose.contains(name)), "{strict:?} {loose:?}");
            }
        }
    }

    #[test]
    fn hardened_is_post_quantum_and_authenticates_first() {
        let hardened = Preset::Hardened;
        let quantum = |name: &&str| name.contains("mlkem") || name.contains("sntrup");
        assert!(hardened.kexes().iter().all(quantum));
        assert!(hardened.macs().iter().all(|name| name.contains("-etm@")));
        assert!(!Preset::Compatible.macs().iter().any(|name| name.contains("sha1")));
        assert!(!Preset::Compatible.ciphers().iter().any(|name| name.contains("cbc")));
    }

    #[test]
    fn names_lead_back() {
        for preset in Preset::ALL {
            assert_eq!(Preset::named(preset.name()), Some(preset));
        }
        assert_eq!(Preset::named("Default"), None);
    }
}
