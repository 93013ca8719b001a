//! The options in front of a key (sshd(8), AUTHORIZED_KEYS FILE FORMAT).
//!
//! What an option would take away is either enforced here, or it is nothing this server has: there
//! is no terminal, no forwarding, no environment and no command of the user's. An option that is
//! neither makes the line worth nothing.
//!
//! What stands in front of an authority's key holds for every certificate it signs.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use subtle::Choice;

use super::{KeyRules, printable};
use crate::auth::Attempt;
use crate::crypto::Presence;
use crate::ssh::pattern;

/// Options that grant or take away what nobody has here.
const FLAGS: [&str; 11] = [
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
];

/// The same, with a value.
const VALUES: [&str; 4] = ["environment", "permitlisten", "permitopen", "tunnel"];

/// Options that are known and not enforced, with what to do about it.
const REFUSED: [(&str, &str); 1] = [("command", "a key cannot be tied to a command here")];

/// What a key is good for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyOptions {
    /// `from=`: where its holder may come from; `None`: from anywhere.
    from: Option<Vec<Source>>,
    /// `expiry-time=`: when it ends, in seconds since 1970.
    expires: Option<i64>,
    /// `cert-authority`: it does not log in itself, but signs certificates for those who do.
    authority: bool,
    /// `principals=`: whom its certificates must name; `None`: as any other certificate, the user.
    principals: Option<Vec<String>>,
    /// `verify-required`: a security key must have recognized its owner.
    verify_required: bool,
    /// `no-touch-required`: a security key need not have been touched.
    no_touch_required: bool,
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
    Principals,
    Untouched,
    Unrecognized,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::From => "may not be used from this address",
            Self::Expired => "has expired",
            Self::Principals => "does not name who is listed for its authority",
            Self::Untouched => "was not touched, and no-touch-required does not allow that",
            Self::Unrecognized => "has not verified its user, and verify-required asks for that",
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
        let mut rest = text;
        loop {
            let end = rest.find(['=', ',']).unwrap_or(rest.len());
            let (name, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
            let (value, behind) = match behind.strip_prefix('=') {
                Some(value) => quoted(name, value).map(|(value, rest)| (Some(value), rest))?,
                None => (None, behind),
            };
            options.take(&name.to_ascii_lowercase(), value, zone)?;
            match behind.strip_prefix(',') {
                Some(more) => rest = more,
                None if behind.is_empty() => return options.whole(),
                None => {
                    return Err(format!("the value of {} goes on behind its quote", shown(name)));
                }
            }
        }
    }

    fn take(&mut self, name: &str, value: Option<String>, zone: &TimeZone) -> Result<(), String> {
        if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
            return Err(format!("the option {name} is not enforced: {why}; remove it or the line"));
        }
        match (name, value) {
            ("from", Some(list)) => match self.from {
                None => self.from = Some(sources(&list)?),
                Some(_) => return Err("the option from stands there twice".to_owned()),
            },
            ("expiry-time", Some(time)) => {
                // Of two the earlier one counts, as in sshd.
                let end = seconds(&time, zone).map_err(|what| format!("expiry-time: {what}"))?;
                self.expires = Some(self.expires.map_or(end, |other| other.min(end)));
            }
            ("cert-authority", None) => self.authority = true,
            ("verify-required", None) => self.verify_required = true,
            ("no-touch-required", None) => self.no_touch_required = true,
            ("principals", Some(list)) => match self.principals {
                None => self.principals = Some(principals(&list)?),
                Some(_) => return Err("the option principals stands there twice".to_owned()),
            },
            (known, None) if FLAGS.contains(&known) => {}
            (known, Some(_)) if VALUES.contains(&known) => {}
            ("from" | "expiry-time" | "principals", None) => {
                return Err(format!("the option {name} needs a value"));
            }
            _ => {
                let name = shown(name);
                return Err(format!("the option {name:?} in front of the key is not known"));
            }
        }
        Ok(())
    }

    /// sshd passes over a list of principals where there is no authority. Whoever wrote one meant
    /// that a certificate is asked for.
    fn whole(self) -> Result<Self, String> {
        if self.principals.is_some() && !self.authority {
            return Err("the option principals is for lines with cert-authority".to_owned());
        }
        Ok(self)
    }

    /// Whether the key signs certificates instead of logging in itself.
    pub fn is_authority(&self) -> bool {
        self.authority
    }

    /// Whether a security key must have recognized its owner.
    pub(super) fn asks_for_verification(&self) -> bool {
        self.verify_required && !self.authority
    }

    /// Why the key does not do for this attempt, if it does not; an authority's, for any
    /// certificate it signed.
    pub(in crate::auth) fn unfit_for(&self, attempt: &Attempt) -> Option<Unfit> {
        if self.from.as_ref().is_some_and(|from| !comes_from(from, attempt.peer)) {
            return Some(Unfit::From);
        }
        self.expires.is_some_and(|end| attempt.now >= end).then_some(Unfit::Expired)
    }

    /// What the line asks of a security key. A certificate has demands of its own: both count.
    pub(in crate::auth) fn demands(&self) -> Demands {
        Demands { recognized: self.verify_required, touched: !self.no_touch_required }
    }

    /// Whether a certificate with these principals is for the user: it names who is listed, or,
    /// where nobody is, `names_user`.
    pub(in crate::auth) fn admits(&self, principals: &[String], names_user: Choice) -> Choice {
        match &self.principals {
            None => names_user,
            // Each is compared as a whole: a comma in one never makes two of it.
            Some(list) => Choice::from(u8::from(principals.iter().any(|one| list.contains(one)))),
        }
    }
}

/// What a login asks of the person in front of a security key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::auth) struct Demands {
    pub(in crate::auth) touched: bool,
    pub(in crate::auth) recognized: bool,
}

impl Demands {
    /// Both together, as sshd puts them together: what one forbids the other cannot allow.
    pub(in crate::auth) fn and(self, other: Self) -> Self {
        Self {
            touched: self.touched || other.touched,
            recognized: self.recognized || other.recognized,
        }
    }

    /// What is missing of a proof. Only a security key has a presence; of another nobody can know
    /// who sits there, so that what asks for it is never met.
    pub(in crate::auth) fn unmet(self, presence: Option<Presence>) -> Option<Unfit> {
        match presence {
            Some(presence) if self.touched && !presence.touched => Some(Unfit::Untouched),
            Some(presence) if presence.recognized => None,
            _ => self.recognized.then_some(Unfit::Unrecognized),
        }
    }
}

fn principals(list: &str) -> Result<Vec<String>, String> {
    let names: Vec<_> = list.split(',').map(str::to_owned).collect();
    match names.iter().any(String::is_empty) {
        true => Err("a name in principals is empty".to_owned()),
        false => Ok(names),
    }
}

/// As in ssh_config(5): one pattern matches, and none with a `!` does.
fn comes_from(sources: &[Source], peer: IpAddr) -> bool {
    let peer = peer.to_canonical();
    let mut listed = false;
    for source in sources {
        let matches = match &source.place {
            Place::Net(net) => net.contains(&peer),
            Place::Text(pattern) => {
                pattern::matches(pattern.as_bytes(), peer.to_string().as_bytes())
            }
        };
        match (matches, source.negated) {
            (true, true) => return false,
            (true, false) => listed = true,
            (false, _) => {}
        }
    }
    listed
}

/// The value that `text` begins with, and what comes behind it. It stands in double quotes, in
/// which `\"` is one of them and a backslash in front of anything else is itself, as sshd has it.
fn quoted<'t>(name: &str, text: &'t str) -> Result<(String, &'t str), String> {
    let inner = text.strip_prefix('"');
    let mut rest = inner.ok_or_else(|| format!("the value of {} is not in quotes", shown(name)))?;
    let mut value = String::new();
    loop {
        let end = rest
            .find('"')
            .ok_or_else(|| format!("the value of {} has a quote without its end", shown(name)))?;
        let (before, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
        rest = behind.strip_prefix('"').unwrap_or(behind);
        match before.strip_suffix('\\') {
            Some(before) => {
                value.push_str(before);
                value.push('"');
            }
            None => {
                value.push_str(before);
                return Ok((value, rest));
            }
        }
    }
}

/// Where the options at the front of a line end: at the first blank outside of quotes. Quotes are
/// told as in [`quoted`], so that both see the same ones.
pub(super) fn end(text: &str) -> usize {
    let (mut inside, mut escapes) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' if escapes => {}
            b'"' => inside = !inside,
            b' ' | b'\t' if !inside => return at,
            _ => {}
        }
        // Of `\\"` the second backslash escapes the quote, as the first would have.
        escapes = byte == b'\\';
    }
    text.len()
}

/// A piece of a line, for a message.
fn shown(text: &str) -> String {
    text.chars().take(40).map(printable).collect()
}

fn sources(list: &str) -> Result<Vec<Source>, String> {
    list.split(',').map(source).collect()
}

fn source(text: &str) -> Result<Source, String> {
    let (negated, bare) = match text.strip_prefix('!') {
        Some(bare) => (true, bare),
        None => (false, text),
    };
    if let Some((address, prefix)) = bare.split_once('/') {
        let net = network(address, prefix);
        let net = net.ok_or_else(|| format!("from: {:?} is not a network", shown(text)))?;
        return Ok(Source { negated, place: Place::Net(net) });
    }
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(Source { negated, place: Place::Net(address.to_canonical().into()) });
    }
    let of_address = |byte: u8| byte.is_ascii_hexdigit() || b".:*?".contains(&byte);
    let wild = bare.contains(['*', '?']);
    if bare.is_empty() || !wild || !bare.bytes().all(of_address) {
        let what = "is not an address, and names are not looked up here";
        return Err(format!("from: {:?} {what}", shown(text)));
    }
    Ok(Source { negated, place: Place::Text(bare.to_ascii_lowercase()) })
}

/// Networks and addresses as a certificate lists them, without patterns and signs (OpenSSH's
/// PROTOCOL.certkeys, `source-address`); `None` if one is neither.
pub(in crate::auth) fn networks(list: &str) -> Option<Vec<IpNet>> {
    let one = |text: &str| match text.split_once('/') {
        Some((address, prefix)) => network(address, prefix),
        None => text.parse::<IpAddr>().ok().map(|address| address.to_canonical().into()),
    };
    list.split(',').map(one).collect()
}

/// A network. One with bits behind its prefix is one of two things, and nobody knows which.
pub(in crate::auth) fn network(address: &str, prefix: &str) -> Option<IpNet> {
    // By the standard library, which does not read 010 as 10 where sshd would read it as 8.
    let address: IpAddr = address.parse().ok()?;
    let mut prefix: u8 = prefix.parse().ok().filter(|_| !prefix.starts_with('+'))?;
    let plain = address.to_canonical();
    if plain.is_ipv4() && address.is_ipv6() {
        prefix = prefix.checked_sub(96)?;
    }
    let net = IpNet::new(plain, prefix).ok()?;
    (net.network() == net.addr()).then_some(net)
}

/// The time that `text` names, in seconds since 1970, as `expiry-time=` has it.
///
/// # Errors
/// What is wrong, in words for the person who wrote it.
pub fn expiry_time(text: &str, rules: &KeyRules) -> Result<i64, String> {
    seconds(text, &rules.zone)
}

/// `YYYYMMDD`, with `HHMM` or `HHMMSS` behind it, and `Z` where it is UTC.
fn seconds(text: &str, zone: &TimeZone) -> Result<i64, String> {
    let wrong = || format!("{:?} is not YYYYMMDD[HHMM[SS]][Z]", shown(text));
    let upper = text.to_ascii_uppercase();
    let text = upper.as_str();
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
        // The last hours of the year 9999, which people write for never, are past what is counted.
        Some(zone.to_timestamp(time).map_or(i64::MAX, |time| time.as_second()))
    };
    time().ok_or_else(wrong)
}

#[cfg(test)]
mod tests;
