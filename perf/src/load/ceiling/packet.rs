//! The packets of the bare loops: their sizes and their key.

use ringferry::crypto::{
    self, CipherAlgorithm, CryptoError, MacKey, PacketOpen, PacketSeal, Shape,
};

use crate::Outcome;
use crate::cipher::Cipher;
use crate::load::login::known_cipher;

/// Payload of a full packet, as on a channel of OpenSSH's client.
pub(super) const PAYLOAD_BYTES: usize = 32 * 1024;
/// Where it lies: behind the length and the padding's length.
pub(super) const PAYLOAD_AT: usize = 5;
/// RFC 4253 6.
const PADDING_BYTES_MIN: usize = 4;
/// The MAC of ciphers that need one: what OpenSSH's client and we agree on.
const MAC: &str = "hmac-sha2-256-etm@openssh.com";
/// What OpenSSH's client asks for first.
const DEFAULT_CIPHER: &str = "chacha20-poly1305@openssh.com";

/// Any bytes will do: what a cipher costs does not depend on them.
const KEY: [u8; 64] = [0x5a; 64];

/// A cipher with a key that both sides know.
#[derive(Clone, Copy)]
pub(super) struct Keyed {
    cipher: &'static CipherAlgorithm,
    mac: Option<MacKey<'static>>,
}

/// How long packets are under a cipher.
#[derive(Clone, Copy)]
pub(super) struct Layout(Shape);

impl Keyed {
    pub(super) fn new(cipher: &Cipher) -> Outcome<Keyed> {
        let name = known_cipher(cipher.ssh_name.as_deref().unwrap_or(DEFAULT_CIPHER))?;
        let cipher = crypto::cipher(name).ok_or(name)?;
        let mac = crypto::mac(MAC).filter(|_| !cipher.aead);
        let mac = mac.map(|mac| MacKey { algorithm: mac, key: &KEY[..mac.key_bytes] });
        Ok(Keyed { cipher, mac })
    }

    pub(super) fn layout(self) -> Layout {
        Layout(self.cipher.shape(self.mac.map(|mac| mac.algorithm)))
    }

    pub(super) fn seal(self) -> Result<Box<dyn PacketSeal>, CryptoError> {
        self.cipher.seal(&KEY[..self.cipher.key_bytes], &KEY[..self.cipher.iv_bytes], self.mac)
    }

    pub(super) fn open(self) -> Result<Box<dyn PacketOpen>, CryptoError> {
        self.cipher.open(&KEY[..self.cipher.key_bytes], &KEY[..self.cipher.iv_bytes], self.mac)
    }
}

impl Layout {
    fn padding_bytes(self, payload_bytes: usize) -> usize {
        let length_bytes = if self.0.length_padded { 4 } else { 0 };
        let least = length_bytes + 1 + payload_bytes + PADDING_BYTES_MIN;
        PADDING_BYTES_MIN + least.next_multiple_of(self.0.block_bytes) - least
    }

    pub(super) fn tag_bytes(self) -> usize {
        self.0.tag_bytes
    }

    pub(super) fn packet_bytes(self, payload_bytes: usize) -> usize {
        PAYLOAD_AT + payload_bytes + self.padding_bytes(payload_bytes) + self.0.tag_bytes
    }

    /// Bytes of all packets of a file.
    pub(super) fn wire_bytes(self, file_bytes: u64) -> u64 {
        let full = file_bytes / PAYLOAD_BYTES as u64;
        let last = usize::try_from(file_bytes % PAYLOAD_BYTES as u64).unwrap_or(0);
        let last = if last > 0 { self.packet_bytes(last) } else { 0 };
        full * self.packet_bytes(PAYLOAD_BYTES) as u64 + last as u64
    }

    /// Writes what stands before the payload of a packet that is to be sealed.
    pub(super) fn head(self, packet: &mut [u8], payload_bytes: usize) {
        let padding = self.padding_bytes(payload_bytes);
        let length = u32::try_from(1 + payload_bytes + padding).unwrap_or(u32::MAX);
        packet[..4].copy_from_slice(&length.to_be_bytes());
        packet[4] = u8::try_from(padding).unwrap_or(u8::MAX);
    }
}
