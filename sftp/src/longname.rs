//! The `ls -l` line of a READDIR entry, as OpenSSH's server writes it. FileZilla, WinSCP and lftp
//! take type, permissions and owner from it, and `sftp ls -l` prints it as it is, so the columns
//! are a wire format: mode, links, owner, group, size, date, name.

use std::io::Write;

use crate::calendar::date;

/// Who a file belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Principal<'a> {
    /// A user or group known by number only.
    Id(u32),
    /// One that has a name.
    Name(&'a [u8]),
}

/// What a longname tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LongName<'a> {
    /// `st_mode`, file type included.
    pub mode: u32,
    /// How many names the file has.
    pub links: u64,
    /// Its user.
    pub owner: Principal<'a>,
    /// Its group.
    pub group: Principal<'a>,
    /// Its length in bytes.
    pub size: u64,
    /// When it was last modified, in seconds since 1970.
    pub mtime: i64,
    /// Its name, without a directory.
    pub name: &'a [u8],
    /// The time it is, in seconds since 1970: dates of the last half year show the hour.
    pub now: i64,
}

/// Zeros, ids of root and an empty name: a base for the fields that matter.
impl Default for LongName<'_> {
    fn default() -> Self {
        LongName {
            mode: 0,
            links: 1,
            owner: Principal::Id(0),
            group: Principal::Id(0),
            size: 0,
            mtime: 0,
            name: b"",
            now: 0,
        }
    }
}

const HALF_YEAR_SECONDS: i64 = 365 * 24 * 60 * 60 / 2;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Appends the line to `out`, without a line end. Times are in UTC.
pub fn format(out: &mut Vec<u8>, long: &LongName<'_>) {
    out.extend_from_slice(&mode_letters(long.mode));
    put(out, format_args!(" {:>3} ", long.links));
    put_principal(out, long.owner);
    out.push(b' ');
    put_principal(out, long.group);
    put(out, format_args!(" {:>8} ", long.size));
    put_date(out, long.mtime, long.now);
    out.push(b' ');
    out.extend_from_slice(long.name);
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    let _ = out.write_fmt(text);
}

/// At least eight columns, the rest blank.
fn put_principal(out: &mut Vec<u8>, principal: Principal<'_>) {
    match principal {
        Principal::Id(id) => put(out, format_args!("{id:<8}")),
        Principal::Name(name) => {
            out.extend_from_slice(name);
            let blanks = b"        ".get(name.len()..).unwrap_or_default();
            out.extend_from_slice(blanks);
        }
    }
}

/// Twelve columns. The hour for the last half year, the year for older dates and for the future.
/// A year that has not four digits leaves the column empty, as it overflows OpenSSH's.
fn put_date(out: &mut Vec<u8>, mtime: i64, now: i64) {
    let when = date(mtime);
    let Some(month) = MONTHS.get(when.month) else { return };
    let recent = now.saturating_sub(HALF_YEAR_SECONDS) < mtime && mtime <= now;
    if recent {
        put(out, format_args!("{month} {:>2} {:02}:{:02}", when.day, when.hour, when.minute));
    } else if (0..=9999).contains(&when.year) {
        put(out, format_args!("{month} {:>2}  {:04}", when.day, when.year));
    }
}

/// The ten letters of `ls -l` and a blank where some systems mark an access control list.
fn mode_letters(mode: u32) -> [u8; 11] {
    let kind = match mode & 0o170000 {
        0o140000 => b's',
        0o120000 => b'l',
        0o100000 => b'-',
        0o060000 => b'b',
        0o040000 => b'd',
        0o020000 => b'c',
        0o010000 => b'p',
        _ => b'?',
    };
    let letter = |bit: u32, letter: u8| if mode & bit != 0 { letter } else { b'-' };
    let execute = |bit: u32, special: u32, both: u8, alone: u8| match (
        mode & bit != 0,
        mode & special != 0,
    ) {
        (false, false) => b'-',
        (true, false) => b'x',
        (true, true) => both,
        (false, true) => alone,
    };
    [
        kind,
        letter(0o400, b'r'),
        letter(0o200, b'w'),
        execute(0o100, 0o4000, b's', b'S'),
        letter(0o040, b'r'),
        letter(0o020, b'w'),
        execute(0o010, 0o2000, b's', b'S'),
        letter(0o004, b'r'),
        letter(0o002, b'w'),
        execute(0o001, 0o1000, b't', b'T'),
        b' ',
    ]
}

#[cfg(test)]
mod tests;
