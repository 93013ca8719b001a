//! What `serve` prints on stdout once it accepts connections.
//!
//! The first line is a contract with scripts: `ready listen=ADDR:PORT pid=PID`. One such line
//! follows for each further address, then what a person needs to connect.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

/// What there is to tell.
pub(crate) struct Announcement<'a> {
    pub(crate) addresses: &'a [SocketAddr],
    pub(crate) pid: u32,
    /// For addresses that mean every interface.
    pub(crate) host_name: &'a str,
    pub(crate) served: Served<'a>,
    pub(crate) read_only: bool,
    /// One who may log in.
    pub(crate) user: &'a str,
    /// Each host key: fingerprint, file, and whether this start made it.
    pub(crate) host_keys: &'a [(String, String, bool)],
    pub(crate) password: Option<&'a str>,
}

/// What there is to see.
#[derive(Clone, Copy)]
pub(crate) enum Served<'a> {
    /// One folder, by the sole user.
    Root(&'a str),
    /// The homes of the host's users.
    Homes,
    /// What this program or service says.
    Hooked(&'a str),
    /// What the users file gives to so many users.
    Users(&'a str, usize),
}

impl Announcement<'_> {
    /// The lines, each ended.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        for address in self.addresses {
            let _ = writeln!(out, "ready listen={address} pid={}", self.pid);
        }
        let rights = if self.read_only { "read-only" } else { "read-write" };
        let _ = match self.served {
            Served::Root(root) => writeln!(out, "root      {} ({rights})", plain(root)),
            Served::Homes => writeln!(out, "users     of this host, at home ({rights})"),
            Served::Hooked(hook) => {
                writeln!(out, "users     as {} says ({rights})", plain(hook))
            }
            Served::Users(file, count) => {
                writeln!(out, "users     {} ({count}, {rights})", plain(file))
            }
        };
        for (fingerprint, path, made) in self.host_keys {
            let made = if *made { ", made now" } else { "" };
            let _ = writeln!(out, "host key  {fingerprint} ({}{made})", plain(path));
        }
        if let Some(password) = self.password {
            let _ = writeln!(out, "password  {password} (for this run only: no public key found)");
        }
        if let Some(address) = self.addresses.first() {
            let _ = writeln!(out, "connect   {}", self.connect(address));
        }
        out
    }

    /// A command line that connects, ready for a shell.
    fn connect(&self, address: &SocketAddr) -> String {
        let host = match address.ip() {
            ip if ip.is_unspecified() => self.host_name.to_owned(),
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let target = quote(&format!("{}@{host}", self.user));
        match address.port() {
            22 => format!("sftp {target}"),
            port => format!("sftp -P {port} {target}"),
        }
    }
}

/// For a POSIX shell; left alone where nothing in it means anything to one.
fn quote(word: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    if word.chars().all(harmless) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement<'a>(addresses: &'a [SocketAddr], user: &'a str) -> Announcement<'a> {
        Announcement {
            addresses,
            pid: 42,
            host_name: "box",
            served: Served::Root("/srv/\x1bdata"),
            read_only: true,
            user,
            host_keys: &[],
            password: None,
        }
    }

    #[test]
    fn the_first_line_is_the_contract() {
        let addresses = ["127.0.0.1:2222".parse().unwrap(), "[::1]:22".parse().unwrap()];
        let text = announcement(&addresses, "ann").text();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "ready listen=127.0.0.1:2222 pid=42");
        assert_eq!(lines[1], "ready listen=[::1]:22 pid=42");
        assert_eq!(lines[2], "root      /srv/?data (read-only)");
        assert_eq!(lines[3], "connect   sftp -P 2222 ann@127.0.0.1");
        assert_eq!(lines.len(), 4);
    }

    #[test]
    fn a_users_file_stands_where_the_root_would() {
        let addresses = ["127.0.0.1:2222".parse().unwrap()];
        let served = Served::Users("/etc/users.toml", 3);
        let told = Announcement { served, read_only: false, ..announcement(&addresses, "ann") };
        let text = told.text();
        assert!(text.contains("\nusers     /etc/users.toml (3, read-write)\n"), "{text}");
        let told = Announcement { served: Served::Hooked("/bin/hook"), ..told };
        let text = told.text();
        assert!(text.contains("\nusers     as /bin/hook says (read-write)\n"), "{text}");
    }

    #[test]
    fn keys_and_password_are_told() {
        let addresses = ["127.0.0.1:2222".parse().unwrap()];
        let host_keys = [("SHA256:abc".to_owned(), "/k".to_owned(), true)];
        let told = Announcement {
            host_keys: &host_keys,
            password: Some("open-sesame"),
            ..announcement(&addresses, "ann")
        };
        let text = told.text();
        assert!(text.contains("host key  SHA256:abc (/k, made now)\n"), "{text}");
        assert!(text.contains("password  open-sesame (for this run only"), "{text}");
    }

    #[test]
    fn the_command_line_is_ready_to_paste() {
        for (address, user, expected) in [
            ("127.0.0.1:22", "ann", "sftp ann@127.0.0.1"),
            ("0.0.0.0:2222", "ann", "sftp -P 2222 ann@box"),
            ("[::]:2222", "ann", "sftp -P 2222 ann@box"),
            ("[::1]:2222", "ann", "sftp -P 2222 'ann@[::1]'"),
            ("10.0.0.1:2222", "o'neil$x", "sftp -P 2222 'o'\\''neil$x@10.0.0.1'"),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(announcement(&[address], user).connect(&address), expected);
        }
    }
}
