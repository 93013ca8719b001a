//! What differs from client to client, told by their identification lines.

use ringferry_sftp::reply::CheckFileShape;

/// In which order SYMLINK names its two paths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SymlinkOrder {
    /// What the link says, then where it is made: OpenSSH's order, which nearly all follow.
    #[default]
    TargetFirst,
    /// Where the link is made, then what it says: the draft's order.
    LinkFirst,
}

impl SymlinkOrder {
    /// The order a client uses toward us. Two keep to the draft, but not toward a server that
    /// calls itself OpenSSH (AsyncSSH: or paramiko).
    #[must_use]
    pub fn of(client_ident: &str, own_ident: &str) -> Self {
        let client = software(client_ident);
        let own = |name| own_ident.contains(name);
        let by_draft = if client.starts_with("WinSCP_release") {
            !own("OpenSSH")
        } else if client.starts_with("AsyncSSH_") {
            !own("OpenSSH") && !own("paramiko")
        } else {
            false
        };
        if by_draft { Self::LinkFirst } else { Self::TargetFirst }
    }
}

/// How a client expects the reply to `check-file`. `short_name`: the request was called so, which
/// is paramiko's way alone.
#[must_use]
pub fn check_file_shape(client_ident: &str, short_name: bool) -> CheckFileShape {
    if short_name {
        CheckFileShape::Paramiko
    } else if software(client_ident).starts_with("APACHE-SSHD") {
        CheckFileShape::Mina
    } else {
        CheckFileShape::Draft
    }
}

/// What an identification line says behind the version of the protocol, or the whole of a text that
/// is no such line.
fn software(ident: &str) -> &str {
    match ident.strip_prefix("SSH-") {
        Some(rest) => rest.split_once('-').map_or("", |(_version, software)| software),
        None => ident,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_clients_keep_to_the_draft() {
        let cases = [
            ("SSH-2.0-OpenSSH_9.2p1 Debian-2", "SSH-2.0-ringferry_0.1", SymlinkOrder::TargetFirst),
            ("SSH-2.0-WinSCP_release_6.3.4", "SSH-2.0-ringferry_0.1", SymlinkOrder::LinkFirst),
            ("WinSCP_release_6.3.4", "ringferry_0.1", SymlinkOrder::LinkFirst),
            ("SSH-2.0-WinSCP_release_6.3.4", "SSH-2.0-OpenSSH_9.9", SymlinkOrder::TargetFirst),
            ("SSH-2.0-WinSCP_release_6.3.4", "SSH-2.0-paramiko_3", SymlinkOrder::LinkFirst),
            ("SSH-2.0-AsyncSSH_2.17.0", "SSH-2.0-ringferry_0.1", SymlinkOrder::LinkFirst),
            ("SSH-2.0-AsyncSSH_2.17.0", "SSH-2.0-x OpenSSH", SymlinkOrder::TargetFirst),
            ("SSH-2.0-AsyncSSH_2.17.0", "SSH-2.0-paramiko_3", SymlinkOrder::TargetFirst),
            ("SSH-2.0-paramiko_3 AsyncSSH_2", "SSH-2.0-ringferry_0.1", SymlinkOrder::TargetFirst),
            ("", "", SymlinkOrder::TargetFirst),
        ];
        for (client, own, order) in cases {
            assert_eq!(SymlinkOrder::of(client, own), order, "{client} toward {own}");
        }
    }

    #[test]
    fn the_shape_goes_by_request_and_client() {
        let mina = "SSH-2.0-APACHE-SSHD-2.12.1";
        let winscp = "SSH-2.0-WinSCP_release_6.3.4";
        assert_eq!(check_file_shape(mina, false), CheckFileShape::Mina);
        assert_eq!(check_file_shape(winscp, false), CheckFileShape::Draft);
        assert_eq!(check_file_shape("SSH-2.0-paramiko_3.4", false), CheckFileShape::Draft);
        for client in [mina, winscp, "SSH-2.0-paramiko_3.4"] {
            assert_eq!(check_file_shape(client, true), CheckFileShape::Paramiko);
        }
    }
}
