//! Who logs in where, and how: all that a session needs to begin.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use ringferry::crypto::{self, Preset, Signer};
use ringferry::ssh::{ClientConfig, TransportConfig};

use super::limits::PACKET_BYTES;
use crate::Outcome;
use crate::cipher::Cipher;

/// A login that can be repeated any number of times.
#[derive(Clone)]
pub(crate) struct Login {
    /// Where to connect: change it to go through a proxy.
    pub(crate) address: SocketAddr,
    pub(crate) user: String,
    key: Arc<dyn Signer>,
    /// The only cipher offered; `None` offers all, AES-GCM first.
    cipher: Option<&'static str>,
    /// The only MAC offered; `None` offers all.
    mac: Option<&'static str>,
}

/// The only key exchange offered, under both of its names: others cost several times as much or as
/// little, and which one it came to would be chance. Every server of the comparison has it.
const KEXES: [&str; 2] = ["curve25519-sha256", "curve25519-sha256@libssh.org"];

impl Login {
    /// Reads the private key, which has no passphrase.
    pub(crate) fn new(
        address: SocketAddr,
        user: &str,
        key_file: &Path,
        cipher: &Cipher,
    ) -> Outcome<Login> {
        let named = |error: &dyn std::fmt::Display| format!("{}: {error}", key_file.display());
        let text = std::fs::read_to_string(key_file).map_err(|error| named(&error))?;
        let key = crypto::read_private_key(&text, None).map_err(|error| named(&error))?;
        let mac = cipher.mac.as_deref().map(known_mac).transpose()?;
        let cipher = cipher.ssh_name.as_deref().map(known_cipher).transpose()?;
        Ok(Login { address, user: user.to_owned(), key, cipher, mac })
    }

    pub(super) fn key(&self) -> Arc<dyn Signer> {
        Arc::clone(&self.key)
    }

    /// How a session with this receive window is set up. It offers what any server may want, but
    /// one key exchange, no compression, and a window that stays as it is; it never asks for new
    /// keys itself.
    pub(super) fn config(&self, window_bytes: u32) -> ClientConfig {
        let mut transport = TransportConfig::preset(Preset::Compatible);
        transport.kexes = KEXES.to_vec();
        transport.compressions = vec!["none"];
        transport.rekey_bytes = Some(u64::MAX);
        if let Some(cipher) = self.cipher {
            transport.ciphers = vec![cipher];
        }
        if let Some(mac) = self.mac {
            transport.macs = vec![mac];
        }
        let mut config = ClientConfig::new(transport);
        config.window_bytes = window_bytes;
        config.window_bytes_max = window_bytes;
        config.packet_bytes_max = PACKET_BYTES;
        config
    }
}

/// The name of a cipher as our table has it.
pub(super) fn known_cipher(name: &str) -> Outcome<&'static str> {
    let cipher = crypto::cipher(name);
    let error = || format!("the load generator has no cipher {name:?}: see `ringferry algorithms`");
    Ok(cipher.ok_or_else(error)?.name)
}

fn known_mac(name: &str) -> Outcome<&'static str> {
    let mac = crypto::mac(name);
    let error = || format!("the load generator has no MAC {name:?}: see `ringferry algorithms`");
    Ok(mac.ok_or_else(error)?.name)
}
