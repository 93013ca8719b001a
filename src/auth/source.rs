//! Where connections come from, as far as it counts: single addresses and networks of them.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use super::authorized_keys::network;

/// How many leading bits of an address name its source: sshd's PerSourceNetBlockSize.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NetBlocks {
    v4_bits: u8,
    v6_bits: u8,
}

impl Default for NetBlocks {
    /// Each IPv4 address for itself, and 64 bits of IPv6. sshd counts 128 of these, but one
    /// customer has 2^64 addresses and more.
    fn default() -> Self {
        Self { v4_bits: 32, v6_bits: 64 }
    }
}

impl NetBlocks {
    /// The source of a connection from `address`. An IPv4 address in IPv6 form counts as IPv4.
    #[must_use]
    pub fn source(&self, address: IpAddr) -> IpNet {
        let address = address.to_canonical();
        let bits = if address.is_ipv4() { self.v4_bits } else { self.v6_bits };
        IpNet::new(address, bits).map_or_else(|_| address.into(), |net| net.trunc())
    }
}

impl FromStr for NetBlocks {
    type Err = String;

    /// `32:64`; without the second number it stays what it is by default.
    fn from_str(text: &str) -> Result<Self, String> {
        let (v4, v6) = text.split_once(':').map_or((text, None), |(v4, v6)| (v4, Some(v6)));
        let bits = |digits: &str, most: u8| {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let number = plain.then(|| digits.parse().ok()).flatten();
            let number = number.filter(|bits| (1..=most).contains(bits));
            number.ok_or_else(|| format!("{digits:?} is not a number of bits from 1 to {most}"))
        };
        let v6_bits = v6.map_or(Ok(Self::default().v6_bits), |digits| bits(digits, 128))?;
        Ok(Self { v4_bits: bits(v4, 32)?, v6_bits })
    }
}

impl std::fmt::Display for NetBlocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.v4_bits, self.v6_bits)
    }
}

/// Some networks.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// These.
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the address is in one of them. An IPv4 address in IPv6 form counts as IPv4.
    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|net| net.contains(&address))
    }
}

/// A network as `192.0.2.0/24`, or a single address.
///
/// # Errors
/// What is wrong with `text`. A network with bits behind its prefix is refused: it is one of two
/// things, and nobody knows which.
pub fn parse_network(text: &str) -> Result<IpNet, String> {
    let net = match text.split_once('/') {
        Some((address, prefix)) => network(address, prefix),
        None => text.parse::<IpAddr>().ok().map(|address| address.to_canonical().into()),
    };
    net.ok_or_else(|| {
        let shown: String = text.chars().take(60).collect();
        format!("{shown:?} is neither an address nor a network such as 192.0.2.0/24")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(blocks: &str, address: &str) -> String {
        let blocks: NetBlocks = blocks.parse().unwrap();
        blocks.source(address.parse().unwrap()).to_string()
    }

    #[test]
    fn addresses_of_one_block_are_one_source() {
        assert_eq!(source("32:64", "192.0.2.1"), "192.0.2.1/32");
        assert_eq!(source("24:64", "192.0.2.1"), "192.0.2.0/24");
        assert_eq!(source("32:64", "2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(source("32:128", "2001:db8::1"), "2001:db8::1/128");
        assert_eq!(source("32:64", "::ffff:192.0.2.1"), "192.0.2.1/32");
        assert_eq!("24".parse::<NetBlocks>().unwrap().to_string(), "24:64");
        for bad in ["", ":", "0:64", "33:64", "32:129", "32:0", "+32:64", "32:64:1", "32:"] {
            assert!(bad.parse::<NetBlocks>().is_err(), "{bad}");
        }
    }

    #[test]
    fn networks_are_told_from_their_neighbours() {
        let nets = ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"];
        let nets = Networks::new(nets.iter().map(|text| parse_network(text).unwrap()).collect());
        for (address, inside) in [
            ("192.0.2.0", true),
            ("192.0.2.255", true),
            ("::ffff:192.0.2.9", true),
            ("192.0.3.0", false),
            ("198.51.100.7", true),
            ("198.51.100.8", false),
            ("2001:db8:ffff::1", true),
            ("2001:db9::1", false),
        ] {
            assert_eq!(nets.contain(address.parse().unwrap()), inside, "{address}");
        }
        assert!(!Networks::default().contain(IpAddr::from([0, 0, 0, 0])));
        for bad in
            ["", "x", "192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/+8", "010.0.0.0/8", "::/129"]
        {
            assert!(parse_network(bad).is_err(), "{bad}");
        }
    }
}
