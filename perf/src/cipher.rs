//! The ciphers of a comparison, as the tables call them and as ssh knows them.

use std::str::FromStr;

/// A cipher, with the MAC it needs if it brings none of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Cipher {
    pub(crate) label: String,
    /// `None` leaves the choice to the client.
    pub(crate) ssh_name: Option<String>,
    pub(crate) mac: Option<String>,
}

impl Cipher {
    /// What the client asks for by itself.
    pub(crate) fn default_choice() -> Cipher {
        Cipher { label: "default".into(), ssh_name: None, mac: None }
    }

    /// The options that make OpenSSH's client offer this and nothing else.
    pub(crate) fn client_options(&self) -> Vec<String> {
        let cipher = self.ssh_name.iter().flat_map(|name| ["-c".to_owned(), name.clone()]);
        let mac = self.mac.iter().flat_map(|mac| ["-o".to_owned(), format!("MACs={mac}")]);
        cipher.chain(mac).collect()
    }
}

impl FromStr for Cipher {
    type Err = std::convert::Infallible;

    /// A label of ours or a name as ssh knows it; `+etm` adds hmac-sha2-256-etm@openssh.com.
    fn from_str(text: &str) -> Result<Cipher, Self::Err> {
        let (name, mac) = match text.strip_suffix("+etm") {
            Some(name) => (name, Some("hmac-sha2-256-etm@openssh.com".to_owned())),
            None => (text, None),
        };
        let ssh_name = match name {
            "default" => None,
            "aes128-gcm" | "aes256-gcm" | "chacha20-poly1305" => {
                Some(format!("{name}@openssh.com"))
            }
            other => Some(other.to_owned()),
        };
        Ok(Cipher { label: text.to_owned(), ssh_name, mac })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_label_and_by_name() {
        let cipher = |text: &str| text.parse::<Cipher>().unwrap();
        assert_eq!(cipher("default"), Cipher::default_choice());
        assert_eq!(cipher("default").client_options(), [""; 0]);
        assert_eq!(cipher("aes128-gcm").client_options(), ["-c", "aes128-gcm@openssh.com"]);
        assert_eq!(cipher("aes128-ctr").client_options(), ["-c", "aes128-ctr"]);
        assert_eq!(
            cipher("aes128-ctr+etm").client_options(),
            ["-c", "aes128-ctr", "-o", "MACs=hmac-sha2-256-etm@openssh.com"]
        );
    }
}
