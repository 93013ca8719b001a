//! Why a request is not carried out.

use std::borrow::Cow;
use std::fmt;

use super::Grants;

/// Why a request is not carried out. Its text goes to the client, so it names no path of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The path cannot be a path; the text says why.
    BadPath(&'static str),
    /// The request contradicts itself; the text says how.
    Invalid(&'static str),
    /// A rule forbids it; the text says what it withholds.
    Denied(Cow<'static, str>),
    /// For this user nothing is there.
    Missing,
    /// It cannot be done here, whoever asks; the text says why.
    Failed(&'static str),
}

impl Refusal {
    pub(super) const fn denied(why: &'static str) -> Self {
        Self::Denied(Cow::Borrowed(why))
    }

    /// The folder withholds `missing`.
    pub(super) fn withheld(missing: Grants) -> Self {
        Self::Denied(Cow::Owned(format!(
            "Permission denied: this folder does not permit {missing}"
        )))
    }

    /// What the client is told.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::BadPath(why) | Self::Invalid(why) | Self::Failed(why) => why,
            Self::Denied(why) => why,
            Self::Missing => "No such file or directory",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Refusal {}
