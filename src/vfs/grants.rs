//! The single things a folder may permit.

use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign, Not};

/// A set of the single things a folder may permit.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Grants(u16);

impl Grants {
    /// Nothing.
    pub const NONE: Grants = Grants(0);
    /// Looking: listings, attributes, where links lead, the space that is left.
    pub const LIST: Grants = Grants(1);
    /// Reading content, by whatever request.
    pub const DOWNLOAD: Grants = Grants(1 << 1);
    /// Making files.
    pub const UPLOAD: Grants = Grants(1 << 2);
    /// Changing or replacing the content of files that are there.
    pub const OVERWRITE: Grants = Grants(1 << 3);
    /// Removing files and links.
    pub const DELETE: Grants = Grants(1 << 4);
    /// Giving other names, in this folder and, where both permit it, from one to the other.
    pub const RENAME: Grants = Grants(1 << 5);
    /// Making folders.
    pub const MKDIR: Grants = Grants(1 << 6);
    /// Removing empty folders.
    pub const RMDIR: Grants = Grants(1 << 7);
    /// Making symbolic and hard links.
    pub const SYMLINK: Grants = Grants(1 << 8);
    /// Changing permission bits.
    pub const CHMOD: Grants = Grants(1 << 9);
    /// Changing owner and group.
    pub const CHOWN: Grants = Grants(1 << 10);
    /// Changing times.
    pub const UTIME: Grants = Grants(1 << 11);
    /// Everything.
    pub const ALL: Grants = Grants((1 << 12) - 1);
    /// What somebody needs who only fetches.
    pub const READ: Grants = Self::LIST.with(Self::DOWNLOAD);

    /// Each grant with the name that configurations and messages use.
    const NAMES: [(Grants, &'static str); 12] = [
        (Self::LIST, "list"),
        (Self::DOWNLOAD, "download"),
        (Self::UPLOAD, "upload"),
        (Self::OVERWRITE, "overwrite"),
        (Self::DELETE, "delete"),
        (Self::RENAME, "rename"),
        (Self::MKDIR, "mkdir"),
        (Self::RMDIR, "rmdir"),
        (Self::SYMLINK, "symlink"),
        (Self::CHMOD, "chmod"),
        (Self::CHOWN, "chown"),
        (Self::UTIME, "utime"),
    ];

    /// Whether everything in `other` is in here.
    #[must_use]
    pub const fn contains(self, other: Grants) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether nothing is in here.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is in here or in `other`: `|`, for constants.
    #[must_use]
    pub const fn with(self, other: Grants) -> Grants {
        Grants(self.0 | other.0)
    }

    /// What is in here but not in `other`.
    #[must_use]
    pub const fn without(self, other: Grants) -> Grants {
        Grants(self.0 & !other.0)
    }

    /// The names of what is in here, in the order of the constants.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().filter(move |(one, _)| self.contains(*one)).map(|(_, name)| *name)
    }

    /// The single grant of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Grants> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(one, _)| *one)
    }
}

impl BitOr for Grants {
    type Output = Grants;

    fn bitor(self, other: Grants) -> Grants {
        self.with(other)
    }
}

impl BitOrAssign for Grants {
    fn bitor_assign(&mut self, other: Grants) {
        self.0 |= other.0;
    }
}

impl BitAnd for Grants {
    type Output = Grants;

    fn bitand(self, other: Grants) -> Grants {
        Grants(self.0 & other.0)
    }
}

impl Not for Grants {
    type Output = Grants;

    fn not(self) -> Grants {
        Self::ALL.without(self)
    }
}

/// `list, download`; nothing at all is `none`.
impl fmt::Display for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        for (place, name) in self.names().enumerate() {
            let between = if place == 0 { "" } else { ", " };
            write!(f, "{between}{name}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_grant_has_one_name_and_one_bit() {
        assert_eq!(Grants::ALL.names().count(), 12);
        let mut seen = Grants::NONE;
        for name in Grants::ALL.names() {
            let one = Grants::from_name(name).unwrap();
            assert!((seen & one).is_empty(), "{name} shares a bit");
            assert_eq!(one.names().collect::<Vec<_>>(), [name]);
            seen |= one;
        }
        assert_eq!(seen, Grants::ALL);
        assert_eq!(Grants::from_name("LIST"), None);
        assert_eq!(Grants::from_name("all"), None);
    }

    #[test]
    fn a_set_is_told_in_words() {
        assert_eq!(Grants::READ.to_string(), "list, download");
        assert_eq!((!Grants::READ & Grants::LIST).to_string(), "none");
        assert_eq!(!Grants::NONE, Grants::ALL);
        assert!(Grants::READ.contains(Grants::NONE) && !Grants::NONE.contains(Grants::LIST));
    }
}
