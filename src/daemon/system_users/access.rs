//! `deny_users`, `allow_users`, `deny_groups` and `allow_groups`, in this order, as sshd has them.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::auth::parse_network;
use crate::daemon::config::Config;
use crate::ssh::pattern;

/// The four lists. An empty one has no say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AccessLists {
    pub(super) deny_users: Vec<String>,
    pub(super) allow_users: Vec<String>,
    pub(super) deny_groups: Vec<String>,
    pub(super) allow_groups: Vec<String>,
}

impl AccessLists {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            deny_users: config.deny_users.clone(),
            allow_users: config.allow_users.clone(),
            deny_groups: config.deny_groups.clone(),
            allow_groups: config.allow_groups.clone(),
        }
    }

    /// Whether the lists let `user` in from `peer`; the names of his groups are asked for if they
    /// matter.
    ///
    /// # Errors
    /// Which list does not.
    pub(super) fn check(
        &self,
        user: &str,
        peer: IpAddr,
        groups: impl FnOnce() -> Result<Vec<String>, String>,
    ) -> Result<(), String> {
        let named = |list: &[String]| list.iter().any(|one| user_matches(one, user, peer));
        if named(&self.deny_users) {
            return Err("the user is listed in deny_users".to_owned());
        }
        if !self.allow_users.is_empty() && !named(&self.allow_users) {
            return Err("the user is not listed in allow_users".to_owned());
        }
        if self.deny_groups.is_empty() && self.allow_groups.is_empty() {
            return Ok(());
        }
        let groups = groups()?;
        let member = |list: &[String]| {
            let fits = |one: &String| groups.iter().any(|group| matches(one, group));
            list.iter().any(fits)
        };
        if member(&self.deny_groups) {
            return Err("a group of the user's is listed in deny_groups".to_owned());
        }
        if !self.allow_groups.is_empty() && !member(&self.allow_groups) {
            return Err("no group of the user's is listed in allow_groups".to_owned());
        }
        Ok(())
    }
}

/// Checks an entry of a list. A `!` in front has no meaning in sshd's lists either, and somebody
/// would believe it has.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check_pattern(text: &str) -> Result<(), String> {
    let what = match text {
        "" => "it is empty",
        text if text.starts_with('!') => "! has no meaning here: name it in the other list",
        text if text.contains(char::is_whitespace) => "one pattern for each text",
        text => match text.rsplit_once('@') {
            Some((_, host)) if Host::read(host).is_none() => {
                "behind @ stands an address, a network without bits behind its prefix, or a \
                 pattern of an address with * or ?; names of hosts are not looked up"
            }
            _ => return Ok(()),
        },
    };
    Err(what.to_owned())
}

fn matches(pattern: &str, text: &str) -> bool {
    pattern::matches(pattern.as_bytes(), text.as_bytes())
}

/// `USER` or `USER@HOST`, where the host is a pattern of addresses or a network: names of hosts are
/// not looked up.
fn user_matches(listed: &str, user: &str, peer: IpAddr) -> bool {
    let Some((user_pattern, host)) = listed.rsplit_once('@') else { return matches(listed, user) };
    let peer = peer.to_canonical();
    let from = match Host::read(host) {
        Some(Host::Network(network)) => network.contains(&peer),
        Some(Host::Pattern(pattern)) => matches(&pattern, &peer.to_string()),
        // It was refused as it was read.
        None => false,
    };
    from && matches(user_pattern, user)
}

/// Where somebody comes from.
enum Host {
    Network(IpNet),
    /// For the address as text.
    Pattern(String),
}

impl Host {
    fn read(text: &str) -> Option<Self> {
        if let Ok(network) = parse_network(text) {
            return Some(Self::Network(network));
        }
        let wild = text.contains(['*', '?']);
        let fits = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':' | '*' | '?');
        (wild && text.chars().all(fits)).then(|| Self::Pattern(text.to_ascii_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn check(lists: &AccessLists, user: &str, peer: &str) -> bool {
        let groups = || Ok(vec![user.to_owned(), "staff".to_owned()]);
        lists.check(user, peer.parse().unwrap(), groups).is_ok()
    }

    #[test]
    fn what_is_denied_is_denied_and_what_is_not_allowed_too() {
        let none = AccessLists::default();
        assert!(check(&none, "ann", "10.0.0.1"));
        let deny = AccessLists { deny_users: list("bob an?"), ..none.clone() };
        assert!(!check(&deny, "ann", "10.0.0.1") && check(&deny, "anna", "10.0.0.1"));
        let both = AccessLists { allow_users: list("*"), ..deny.clone() };
        assert!(!check(&both, "bob", "10.0.0.1") && check(&both, "eve", "10.0.0.1"));
        let allow = AccessLists { allow_users: list("ann sftp-*"), ..none.clone() };
        for (user, allowed) in [("ann", true), ("sftp-1", true), ("bob", false), ("Ann", false)] {
            assert_eq!(check(&allow, user, "::1"), allowed, "{user}");
        }
        let groups = AccessLists { allow_groups: list("sta*"), deny_groups: list("bob"), ..none };
        assert!(check(&groups, "ann", "::1") && !check(&groups, "bob", "::1"));
        let others = AccessLists { allow_groups: list("sftp"), ..AccessLists::default() };
        assert!(!check(&others, "ann", "::1"));
    }

    #[test]
    fn a_host_behind_an_at_sign_is_an_address() {
        let from = |users: &str| AccessLists { allow_users: list(users), ..AccessLists::default() };
        let cases = [
            ("ann@10.0.0.0/8", "10.9.9.9", true),
            ("ann@10.0.0.0/8", "::ffff:10.9.9.9", true),
            ("ann@10.0.0.0/8", "11.0.0.1", false),
            ("ann@10.0.*", "10.0.7.7", true),
            ("ann@2001:db8::/32", "2001:db8::1", true),
            ("ann@2001:db8::/32", "10.0.0.1", false),
            ("*@127.0.0.1", "127.0.0.1", true),
            ("*@2001:DB8::1", "2001:db8::1", true),
            ("*@2001:DB8:*", "2001:db8::1", true),
            ("*@::ffff:10.0.0.1", "10.0.0.1", true),
            ("*@::ffff:10.0.0.0/104", "10.0.0.1", true),
            ("bob@127.0.0.1", "127.0.0.1", false),
            ("a@b@127.0.0.1", "127.0.0.1", false),
        ];
        for (users, peer, allowed) in cases {
            assert_eq!(check(&from(users), "ann", peer), allowed, "{users} {peer}");
        }
        assert!(check(&from("a@b@127.0.0.1"), "a@b", "127.0.0.1"));
        for host in ["10.0.0.0/33", "10.0.0.0/8,11.0.0.0/8", "evil.example.com", "10.0.0.1/8", ""] {
            assert!(check_pattern(&format!("ann@{host}")).is_err(), "{host} would match nobody");
        }
    }
}
