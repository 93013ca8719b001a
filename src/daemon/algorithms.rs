//! `ringferry algorithms`: what is built in.

use std::fmt::Write;

use crate::crypto::{self, Preset};

/// One line an algorithm: kind, name, the strictest preset that offers it and, where one serves it
/// alone, backend; each kind in order of preference.
pub(crate) fn list() -> String {
    let mut out = String::new();
    section(&mut out, "kex", crypto::kexes().iter().map(|kex| kex.name), Preset::kexes);
    let host_keys = crypto::host_key_algorithms().iter().copied();
    section(&mut out, "host-key", host_keys, Preset::host_key_algorithms);
    let ciphers = crypto::ciphers().iter().map(|cipher| cipher.name);
    section(&mut out, "cipher", ciphers, Preset::ciphers);
    section(&mut out, "mac", crypto::macs().iter().map(|mac| mac.name), Preset::macs);
    let compressions = crypto::compressions().iter().map(|it| it.name);
    section(&mut out, "compression", compressions, Preset::compressions);
    let user_keys = crypto::user_key_algorithms().iter().copied();
    section(&mut out, "user-key", user_keys, |_| crypto::user_key_algorithms().to_vec());
    out
}

fn section(
    out: &mut String,
    kind: &str,
    names: impl Iterator<Item = &'static str>,
    of_preset: fn(Preset) -> Vec<&'static str>,
) {
    for name in names {
        let offers = |preset: &Preset| of_preset(*preset).contains(&name);
        let preset = Preset::ALL.into_iter().find(offers).map_or("none", Preset::name);
        let backend = crypto::backend_of(name).unwrap_or_default();
        let line = format!("{kind:<12}{name:<44}{preset:<12}{backend}");
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_listed_with_its_backend() {
        let text = list();
        for kind in ["kex", "host-key", "cipher", "mac", "compression", "user-key"] {
            assert!(text.lines().any(|line| line.split(' ').next() == Some(kind)), "{kind}");
        }
        let cipher = text.lines().find(|line| line.contains("aes128-gcm@openssh.com")).unwrap();
        let words: Vec<_> = cipher.split_whitespace().collect();
        let backend = crypto::backend_name();
        assert_eq!(words, ["cipher", "aes128-gcm@openssh.com", "hardened", backend]);
        let count = |kind| text.lines().filter(|line| line.starts_with(kind)).count();
        assert_eq!(count("cipher "), crypto::ciphers().len());
        assert_eq!(count("mac "), crypto::macs().len());
    }
}
