//! Both halves from aws-lc, which has OpenSSH's construction whole.

pub(super) use aws_lc_rs::aead::chacha20_poly1305_openssh::{OpeningKey, SealingKey};

use super::{CryptoError, Open, Seal, TAG_BYTES};

impl Seal for SealingKey {
    fn encrypt(
        &self,
        sequence: u32,
        length_and_body: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], CryptoError> {
        let mut tag = [0; TAG_BYTES];
        self.seal_in_place(sequence, length_and_body, &mut tag);
        Ok(tag)
    }
}

impl Open for OpeningKey {
    fn length(&self, sequence: u32, length: [u8; 4]) -> [u8; 4] {
        self.decrypt_packet_length(sequence, length)
    }

    fn decrypt(
        &self,
        sequence: u32,
        length_and_body: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), CryptoError> {
        self.open_in_place(sequence, length_and_body, tag)
            .map(drop)
            .map_err(|_| CryptoError::PacketTag)
    }
}
