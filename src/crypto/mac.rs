//! The tables of MACs and compressions. Both are as good as empty: every cipher is an AEAD, and
//! compression costs more than it brings on file data that is mostly compressed already.

/// A MAC for ciphers that do not authenticate on their own.
#[derive(Debug)]
#[non_exhaustive]
pub struct MacAlgorithm {
    /// The name in KEXINIT.
    pub name: &'static str,
    /// Bytes of key to derive (RFC 4253 7.2 letters E and F).
    pub key_bytes: usize,
    /// Bytes of MAC on the wire.
    pub tag_bytes: usize,
    /// Whether the MAC covers the ciphertext (`-etm@openssh.com`).
    pub encrypt_then_mac: bool,
}

/// The MACs of this build, in order of preference: none yet, since every cipher is an AEAD.
pub fn macs() -> &'static [MacAlgorithm] {
    &[]
}

/// The MAC of this name.
pub fn mac(name: &str) -> Option<&'static MacAlgorithm> {
    macs().iter().find(|mac| mac.name == name)
}

/// The compressions offered, in order of preference.
pub fn compressions() -> &'static [&'static str] {
    &["none"]
}
