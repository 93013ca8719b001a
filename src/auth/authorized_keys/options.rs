//! The options in front of a key (sshd(8), AUTHORIZED_KEYS FILE FORMAT).
//!
//! What an option would take away is either enforced here, or it is nothing this server has: there
//! is no terminal, no forwarding, no environment and no command of the user's. An option that is
//! neither makes the line worth nothing.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::printable;
use crate::auth::Attempt;
use crate::ssh::pattern;

/// Options that grant or take away what nobody has here.
const WITHOUT_EFFECT: [&str; 15] = [
    "restrict",
    "agent-forwarding",
    "no-agent-forwarding",
    "port-forwarding",
    "no-port-forwarding",
    "pty",
    "no-pty",
    "user-rc",
    "no-user-rc",
    "x11-forwarding",
    "no-x11-forwarding",
    "environment",
    "permitlisten",
    "permitopen",
    "tunnel",
];

/// Options that are known and not enforced, with what to do about it.
const REFUSED: [(&str, &str); 5] = [
    ("command", "a key cannot be tied to a command here"),
    ("cert-authority", "user certificates are not supported yet"),
    ("principals", "user certificates are not supported yet"),
    ("verify-required", "keys on security tokens are not supported yet"),
    ("no-touch-required", "keys on security tokens are not supported yet"),
];

/// What a key is good for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyOptions {
    /// `from=`: where its holder may come from; `None`: from anywhere.
    from: Option<Vec<Source>>,
    /// `expiry-time=`: when it ends, in seconds since 1970.
    expires: Option<i64>,
}

/// One pattern of `from=`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    /// Whoever matches may not come.
    negated: bool,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Net(IpNet),
    /// With `*` and `?`, for the address as text.
    Text(String),
}

/// Why a key that is listed does not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::auth) enum Unfit {
    From,
    Expired,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::From => "may not be used from this address",
            Self::Expired => "has expired",
        })
    }
}

impl KeyOptions {
    /// Reads options as they stand in front of a key; times without a `Z` are of `zone`.
    ///
    /// # Errors
    /// The first option that is unknown, wrong or not enforced.
    pub(super) fn parse(text: &str, zone: &TimeZone) -> Result<Self, String> {
        let mut options = Self::default();
        for option in split(text)? {
            options.take(&option, zone)?;
        }
        Ok(options)
    }

    fn take(&mut self, option: &str, zone: &TimeZone) -> Result<(), String> {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(unquoted(name, value)?)),
            None => (option, None),
        };
        let name = name.to_ascii_lowercase();
        if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
            return Err(format!("the option {name} is not enforced: {why}; remove it or the line"));
        }
        let twice = || format!("the option {name} stands there twice");
        match (name.as_str(), value) {
            ("from", Some(list)) => match self.from {
                None => self.from = Some(sources(&list)?),
                Some(_) => return Err(twice()),
            },
            ("expiry-time", Some(time)) => match self.expires {
                None => self.expires = Some(seconds(&time, zone)?),
                Some(_) => return Err(twice()),
            },
            (known, _) if WITHOUT_EFFECT.contains(&known) => {}
            _ => {
                let name: String = name.chars().take(40).map(printable).collect();
                return Err(format!("the option {name:?} in front of the key is not known"));
            }
        }
        Ok(())
    }

    /// Why the key does not do for this attempt, if it does not.
    pub(in crate::auth) fn unfit_for(&self, attempt: &Attempt) -> Option<Unfit> {
        if self.from.as_ref().is_some_and(|from| !comes_from(from, attempt.peer)) {
            return Some(Unfit::From);
        }
        self.expires.is_some_and(|end| attempt.now >= end).then_some(Unfit::Expired)
    }
}

/// As in ssh_config(5): one pattern matches, and none with a `!` does.
fn comes_from(sources: &[Source], peer: IpAddr) -> bool {
    let (peer, text) = (peer.to_canonical(), peer.to_canonical().to_string());
    let mut listed = false;
    for source in sources {
        let matches = match &source.place {
            Place::Net(net) => net.contains(&peer),
            Place::Text(pattern) => pattern::matches(pattern.as_bytes(), text.as_bytes()),
        };
        match (matches, source.negated) {
            (true, true) => return false,
            (true, false) => listed = true,
            (false, _) => {}
        }
    }
    listed
}

/// The options, at commas outside of double quotes.
fn split(text: &str) -> Result<Vec<String>, String> {
    let mut options = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        match c {
            ',' if !quoted => {
                options.push(String::new());
                continue;
            }
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        if let Some(option) = options.last_mut() {
            option.push(c);
        }
    }
    if quoted {
        return Err("the options in front of the key have a quote without its end".to_owned());
    }
    Ok(options)
}

/// A value, which stands in double quotes; `\"` is a quote in it.
fn unquoted(name: &str, value: &str) -> Result<String, String> {
    let name: String = name.chars().take(40).map(printable).collect();
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let inner = inner.filter(|_| value.len() >= 2);
    let inner = inner.ok_or_else(|| format!("the value of {name} is not in double quotes"))?;
    Ok(inner.replace("\\\"", "\""))
}

fn sources(list: &str) -> Result<Vec<Source>, String> {
    list.split(',').map(source).collect()
}

fn source(text: &str) -> Result<Source, String> {
    let shown = || text.chars().take(60).map(printable).collect::<String>();
    let (negated, bare) = match text.strip_prefix('!') {
        Some(bare) => (true, bare),
        None => (false, text),
    };
    if bare.contains('/') {
        let net: Option<IpNet> = bare.parse().ok();
        // A network with bits behind its prefix is one of two things, and nobody knows which.
        let net = net.filter(|net| net.network() == net.addr());
        let net = net.ok_or_else(|| format!("from: {:?} is not a network", shown()))?;
        return Ok(Source { negated, place: Place::Net(net) });
    }
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(Source { negated, place: Place::Net(address.to_canonical().into()) });
    }
    let of_address = |byte: u8| byte.is_ascii_hexdigit() || b".:*?".contains(&byte);
    let wild = bare.contains(['*', '?']);
    if bare.is_empty() || !wild || !bare.bytes().all(of_address) {
        let what = "is not an address, and names are not looked up here";
        return Err(format!("from: {:?} {what}", shown()));
    }
    Ok(Source { negated, place: Place::Text(bare.to_ascii_lowercase()) })
}

/// `YYYYMMDD`, with `HHMM` or `HHMMSS` behind it, and `Z` where it is UTC.
fn seconds(text: &str, zone: &TimeZone) -> Result<i64, String> {
    let wrong = || {
        let shown: String = text.chars().take(40).map(printable).collect();
        format!("expiry-time: {shown:?} is not YYYYMMDD[HHMM[SS]][Z]")
    };
    let (digits, zone) = match text.strip_suffix('Z').or_else(|| text.strip_suffix("UTC")) {
        Some(digits) => (digits, &TimeZone::UTC),
        None => (text, zone),
    };
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|it| it.is_ascii_digit()) {
        return Err(wrong());
    }
    let part = |from: usize, to: usize| digits.get(from..to).map_or(Ok(0), str::parse::<i8>);
    let time = || -> Option<i64> {
        let year = digits.get(..4)?.parse().ok()?;
        let [month, day, hour, minute, second] =
            [(4, 6), (6, 8), (8, 10), (10, 12), (12, 14)].map(|(from, to)| part(from, to).ok());
        let time = DateTime::new(year, month?, day?, hour?, minute?, second?, 0).ok()?;
        Some(zone.to_timestamp(time).ok()?.as_second())
    };
    time().ok_or_else(wrong)
}

#[cfg(test)]
mod tests;
