//! What a user's certificate says of itself: whether it is good now and from there, and what it
//! asks of a security key (OpenSSH's PROTOCOL.certkeys). Whose authority signed it, and for whom,
//! is for [`Users`](super::Users) to judge. Nothing here depends on the user.

use std::fmt;

use ipnet::IpNet;

use super::Attempt;
use super::authorized_keys::{Demands, Unfit, networks};
use crate::crypto::{Certificate, CertificateKind, CertificateOption};
use crate::ssh::wire::Reader;

/// The only command a certificate may be tied to: it is what this server does.
const SERVED: &[u8] = b"internal-sftp";

/// Why a certificate does not do, whoever shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    Revoked,
    UnknownAuthority,
    NotUsers,
    Early,
    Expired,
    Nobody,
    OtherUser,
    Option(String),
    Twice(String),
    Command,
    Addresses,
    Unfit(Unfit),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Revoked => f.write_str("is revoked, or its key or its authority is"),
            Self::UnknownAuthority => f.write_str("is signed by an authority that is not trusted"),
            Self::NotUsers => f.write_str("is a host's"),
            Self::Early => f.write_str("is not valid yet"),
            Self::Expired => f.write_str("has expired"),
            Self::Nobody => f.write_str("names nobody: it has no principals"),
            Self::OtherUser => f.write_str("does not name this user"),
            Self::Option(name) => write!(f, "has the critical option {name:?}, which is unknown"),
            Self::Twice(name) => write!(f, "has the critical option {name:?} twice, or malformed"),
            Self::Command => f.write_str("is tied to a command that is not internal-sftp"),
            Self::Addresses => f.write_str("has a source-address that is no list of networks"),
            Self::Unfit(unfit) => unfit.fmt(f),
        }
    }
}

/// What the critical options and extensions of a certificate ask for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Terms {
    from: Option<Vec<IpNet>>,
    pub(super) demands: Demands,
}

impl Terms {
    /// Reads them. An option that is not known must not be passed over, an extension may be.
    pub(super) fn of(certificate: &Certificate) -> Result<Self, Flaw> {
        let (mut command, mut from, mut recognized) = (None, None, None);
        for option in certificate.critical_options() {
            let twice = match option.name.as_str() {
                "force-command" => command.replace(text(option)?).is_some(),
                "source-address" => from.replace(addresses(option)?).is_some(),
                "verify-required" => recognized.replace(empty(option)?).is_some(),
                _ => return Err(Flaw::Option(shown(option))),
            };
            if twice {
                return Err(Flaw::Twice(shown(option)));
            }
        }
        if command.is_some_and(|command| command != SERVED) {
            return Err(Flaw::Command);
        }
        let untouched = |it: &CertificateOption| it.name == "no-touch-required";
        let touched = !certificate.extensions().iter().any(untouched);
        Ok(Self { from, demands: Demands { touched, recognized: recognized.is_some() } })
    }

    /// Why the certificate does not do for this attempt, if it does not.
    pub(super) fn flaw(&self, certificate: &Certificate, attempt: &Attempt) -> Option<Flaw> {
        if certificate.kind() != CertificateKind::User {
            return Some(Flaw::NotUsers);
        }
        // Before 1970 nothing is valid that has a beginning.
        let now = u64::try_from(attempt.now).unwrap_or(0);
        let (valid_after, valid_before) = certificate.validity();
        if now < valid_after {
            return Some(Flaw::Early);
        }
        if now >= valid_before {
            return Some(Flaw::Expired);
        }
        if certificate.principals().is_empty() {
            return Some(Flaw::Nobody);
        }
        let peer = attempt.peer.to_canonical();
        let inside = |nets: &Vec<IpNet>| nets.iter().any(|net| net.contains(&peer));
        let comes_from = self.from.as_ref().is_none_or(inside);
        (!comes_from).then_some(Flaw::Unfit(Unfit::From))
    }
}

/// The string inside an option's data, which is the whole of it.
fn text(option: &CertificateOption) -> Result<&[u8], Flaw> {
    let malformed = || Flaw::Twice(shown(option));
    let mut reader = Reader::new(&option.data);
    let text = reader.string().map_err(|_| malformed())?;
    reader.end().map_err(|_| malformed())?;
    Ok(text)
}

fn empty(option: &CertificateOption) -> Result<(), Flaw> {
    if option.data.is_empty() { Ok(()) } else { Err(Flaw::Twice(shown(option))) }
}

fn addresses(option: &CertificateOption) -> Result<Vec<IpNet>, Flaw> {
    let list = std::str::from_utf8(text(option)?).map_err(|_| Flaw::Addresses)?;
    networks(list).ok_or(Flaw::Addresses)
}

/// A name for a log, which quotes it.
fn shown(option: &CertificateOption) -> String {
    option.name.chars().take(40).collect()
}

#[cfg(test)]
mod tests;
