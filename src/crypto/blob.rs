//! The few pieces of SSH encoding (RFC 4251 5) inside keys and signatures. `ssh::wire` has the
//! protocol's own; this folder uses nothing above it.

/// A cursor over an encoded key or signature.
#[derive(Clone, Copy)]
pub(super) struct Blob<'a>(&'a [u8]);

impl<'a> Blob<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Blob(bytes)
    }

    /// The next string.
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (string, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(string)
    }

    /// The next mpint as its digits, most significant first and without leading zeros; negative
    /// numbers and zero are refused. Needless leading zeros are passed over, as OpenSSH does.
    pub(super) fn positive(&mut self) -> Option<&'a [u8]> {
        let bytes = self.string()?;
        if bytes.first().is_some_and(|byte| *byte >= 0x80) {
            return None;
        }
        let leading = bytes.iter().take_while(|byte| **byte == 0).count();
        bytes.get(leading..).filter(|digits| !digits.is_empty())
    }

    /// The next byte.
    pub(super) fn u8(&mut self) -> Option<u8> {
        let (number, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*number)
    }

    /// The next u32.
    pub(super) fn u32(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*number))
    }

    /// The next u64.
    pub(super) fn u64(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*number))
    }

    /// How many bytes are left.
    pub(super) fn remaining(self) -> usize {
        self.0.len()
    }

    /// Nothing may follow.
    pub(super) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// Appends a string.
pub(super) fn put_string(out: &mut Vec<u8>, string: &[u8]) {
    let length = u32::try_from(string.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(string);
}

/// Appends a positive number as an mpint (RFC 4251 5).
pub(super) fn put_positive(out: &mut Vec<u8>, number: &[u8]) {
    put_string(out, &super::secret::mpint(number));
}

/// The key type a public key blob names, whether or not it is one we know.
pub fn key_type_of(public_blob: &[u8]) -> Option<&str> {
    let name = Blob::new(public_blob).string()?;
    let printable = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    if printable { std::str::from_utf8(name).ok() } else { None }
}

/// The type of key that signs with `algorithm`: "ssh-rsa" for the RSA ones (RFC 8332 3), and
/// likewise for their certificates; else the name itself.
pub fn key_type_for_algorithm(algorithm: &str) -> &str {
    match algorithm {
        "rsa-sha2-256" | "rsa-sha2-512" => "ssh-rsa",
        "rsa-sha2-256-cert-v01@openssh.com" | "rsa-sha2-512-cert-v01@openssh.com" => {
            "ssh-rsa-cert-v01@openssh.com"
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_types() {
        assert_eq!(key_type_of(b"\0\0\0\x07ssh-rsa\0\0\0"), Some("ssh-rsa"));
        assert_eq!(key_type_of(b"\0\0\0\x07ssh-rs"), None);
        assert_eq!(key_type_of(b"\xff\xff\xff\xffssh-rsa"), None);
        assert_eq!(key_type_of(b"\0\0\0\0"), None);
        assert_eq!(key_type_of(b"\0\0\0\x03a\nb"), None);
        assert_eq!(key_type_of(b"\0\0\0\x02\xc3\xa4"), None);
        assert_eq!(key_type_of(b""), None);
    }

    #[test]
    fn types_for_algorithms() {
        assert_eq!(key_type_for_algorithm("rsa-sha2-512"), "ssh-rsa");
        assert_eq!(key_type_for_algorithm("rsa-sha2-256"), "ssh-rsa");
        assert_eq!(key_type_for_algorithm("ssh-ed25519"), "ssh-ed25519");
    }
}
