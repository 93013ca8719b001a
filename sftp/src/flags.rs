//! The `pflags` of OPEN (draft-ietf-secsh-filexfer-02 section 6.3).

/// How OPEN opens a file. Bits nobody has defined are kept, for the log.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenFlags(u32);

impl OpenFlags {
    /// Open for reading.
    pub const READ: OpenFlags = OpenFlags(0x01);
    /// Open for writing.
    pub const WRITE: OpenFlags = OpenFlags(0x02);
    /// Every write goes to the end of the file, whatever its offset.
    pub const APPEND: OpenFlags = OpenFlags(0x04);
    /// Make the file if it is missing.
    pub const CREAT: OpenFlags = OpenFlags(0x08);
    /// Cut the file to length 0.
    pub const TRUNC: OpenFlags = OpenFlags(0x10);
    /// Fail if the file exists; only with `CREAT`.
    pub const EXCL: OpenFlags = OpenFlags(0x20);

    /// The flags as they came off the wire.
    pub const fn from_bits(bits: u32) -> Self {
        OpenFlags(bits)
    }

    /// The flags as they go on the wire.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether every flag of `other` is set.
    pub const fn contains(self, other: OpenFlags) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits that mean nothing in version 3.
    pub const fn undefined_bits(self) -> u32 {
        self.0 & !0x3f
    }
}

impl std::ops::BitOr for OpenFlags {
    type Output = OpenFlags;

    fn bitor(self, other: OpenFlags) -> OpenFlags {
        OpenFlags(self.0 | other.0)
    }
}

/// `READ|CREAT`, with undefined bits in hexadecimal.
impl std::fmt::Debug for OpenFlags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let named = [
            (Self::READ, "READ"),
            (Self::WRITE, "WRITE"),
            (Self::APPEND, "APPEND"),
            (Self::CREAT, "CREAT"),
            (Self::TRUNC, "TRUNC"),
            (Self::EXCL, "EXCL"),
        ];
        let mut between = "";
        for (flag, name) in named {
            if self.contains(flag) {
                write!(f, "{between}{name}")?;
                between = "|";
            }
        }
        match (self.undefined_bits(), between) {
            (0, "") => f.write_str("0"),
            (0, _) => Ok(()),
            (undefined, _) => write!(f, "{between}{undefined:#x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_print_by_name_and_keep_unknown_bits() {
        let flags = OpenFlags::READ | OpenFlags::EXCL | OpenFlags::from_bits(0x80);
        assert_eq!(format!("{flags:?}"), "READ|EXCL|0x80");
        assert_eq!(format!("{:?}", OpenFlags::default()), "0");
        assert_eq!(format!("{:?}", OpenFlags::from_bits(0x40)), "0x40");
        assert_eq!(flags.bits(), 0xa1);
    }

    #[test]
    fn contains_asks_for_all_of_them() {
        let both = OpenFlags::WRITE | OpenFlags::CREAT;
        assert!((both | OpenFlags::TRUNC).contains(both));
        assert!(!OpenFlags::WRITE.contains(both));
    }
}
