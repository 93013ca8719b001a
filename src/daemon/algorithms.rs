//! `ringferry algorithms`: what is built in.

use std::fmt::Write;

use crate::crypto;

/// One line an algorithm: kind, name and, where one serves it alone, backend; each kind in order
/// of preference.
pub(crate) fn list() -> String {
    let mut out = String::new();
    let kexes = crypto::kexes().iter().map(|kex| kex.name);
    section(&mut out, "kex", kexes);
    section(&mut out, "host-key", crypto::host_key_algorithms().iter().copied());
    section(&mut out, "cipher", crypto::ciphers().iter().map(|cipher| cipher.name));
    section(&mut out, "mac", crypto::macs().iter().map(|mac| mac.name));
    section(&mut out, "compression", crypto::compressions().iter().copied());
    section(&mut out, "user-key", crypto::signature_algorithms().iter().copied());
    out
}

fn section(out: &mut String, kind: &str, names: impl Iterator<Item = &'static str>) {
    for name in names {
        let backend = crypto::backend_of(name).unwrap_or_default();
        let line = format!("{kind:<12}{name:<36}{backend}");
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
        assert_eq!(words, ["cipher", "aes128-gcm@openssh.com", crypto::backend_name()]);
        let count = |kind| text.lines().filter(|line| line.starts_with(kind)).count();
        assert_eq!(count("cipher "), crypto::ciphers().len());
        assert_eq!(count("mac "), crypto::macs().len());
    }
}
