//! Reads a key revocation list (OpenSSH's PROTOCOL.krl). The file bounds what is kept: every entry
//! takes at least as many bytes there as here, but for a small factor.

use sha2::{Digest, Sha256};

use super::{Bitmap, Certificates, Revocations};
use crate::ssh::wire::{Reader, WireError};

/// How every list begins.
pub(super) const MAGIC: &[u8] = b"SSHKRL\n\0";

const FORMAT: u32 = 1;

// Sections.
const CERTIFICATES: u8 = 1;
const EXPLICIT_KEY: u8 = 2;
const FINGERPRINT_SHA1: u8 = 3;
const SIGNATURE: u8 = 4;
const FINGERPRINT_SHA256: u8 = 5;
const EXTENSION: u8 = 255;

// Sections within CERTIFICATES.
const SERIAL_LIST: u8 = 0x20;
const SERIAL_RANGE: u8 = 0x21;
const SERIAL_BITMAP: u8 = 0x22;
const KEY_ID: u8 = 0x23;
const CERTIFICATES_EXTENSION: u8 = 0x39;

/// What is wrong with a list.
type Problem = &'static str;

fn cut(_: WireError) -> Problem {
    "it is cut short"
}

/// Adds what the list names.
pub(super) fn read(bytes: &[u8], into: &mut Revocations) -> Result<(), Problem> {
    let mut list = Reader::new(bytes);
    list.bytes(MAGIC.len()).map_err(cut)?;
    if list.u32().map_err(cut)? != FORMAT {
        return Err("its format is not version 1");
    }
    list.u64().map_err(cut)?; // its own version
    list.u64().map_err(cut)?; // when it was made
    list.u64().map_err(cut)?; // flags, of which none is defined
    list.string().map_err(cut)?; // reserved
    list.string().map_err(cut)?; // comment
    while list.remaining() > 0 {
        let kind = list.u8().map_err(cut)?;
        let section = Reader::new(list.string().map_err(cut)?);
        match kind {
            CERTIFICATES => certificates(section, into)?,
            EXPLICIT_KEY => each(section, |key| {
                into.keys.insert(Sha256::digest(key).into());
                Ok(())
            })?,
            FINGERPRINT_SHA1 => each(section, |digest| {
                into.keys_sha1.insert(digest.try_into().map_err(|_| "a SHA-1 is not 20 bytes")?);
                Ok(())
            })?,
            FINGERPRINT_SHA256 => each(section, |digest| {
                into.keys.insert(digest.try_into().map_err(|_| "a SHA-256 is not 32 bytes")?);
                Ok(())
            })?,
            EXTENSION => extension(section)?,
            // OpenSSH never signed one, and took the code for it out in 9.4.
            SIGNATURE => return Err("it is signed, and that is never verified"),
            _ => return Err("it has a section of an unknown kind"),
        }
    }
    Ok(())
}

/// What follows the authority's key in a section is for its certificates; without one, for all.
fn certificates(mut section: Reader<'_>, into: &mut Revocations) -> Result<(), Problem> {
    let authority = section.string().map_err(cut)?;
    let authority = (!authority.is_empty()).then(|| Sha256::digest(authority).into());
    section.string().map_err(cut)?; // reserved
    let revoked = into.certificates.entry(authority).or_default();
    while section.remaining() > 0 {
        let kind = section.u8().map_err(cut)?;
        let part = Reader::new(section.string().map_err(cut)?);
        match kind {
            SERIAL_LIST => serial_list(part, revoked)?,
            SERIAL_RANGE => serial_range(part, revoked)?,
            SERIAL_BITMAP => serial_bitmap(part, revoked)?,
            KEY_ID => each(part, |id| {
                revoked.key_ids.insert(id.to_vec());
                Ok(())
            })?,
            CERTIFICATES_EXTENSION => extension(part)?,
            _ => return Err("it has a section about certificates of an unknown kind"),
        }
    }
    Ok(())
}

fn serial_list(mut part: Reader<'_>, revoked: &mut Certificates) -> Result<(), Problem> {
    while part.remaining() > 0 {
        let serial = part.u64().map_err(cut)?;
        revoked.serials.push((serial, serial));
    }
    Ok(())
}

fn serial_range(mut part: Reader<'_>, revoked: &mut Certificates) -> Result<(), Problem> {
    let (first, last) = (part.u64().map_err(cut)?, part.u64().map_err(cut)?);
    part.end().map_err(|_| "a range of serial numbers has more than two ends")?;
    if first > last {
        return Err("a range of serial numbers ends before it begins");
    }
    revoked.serials.push((first, last));
    Ok(())
}

fn serial_bitmap(mut part: Reader<'_>, revoked: &mut Certificates) -> Result<(), Problem> {
    let first = part.u64().map_err(cut)?;
    let bits = part.mpint().map_err(|_| "a bitmap of serial numbers is no positive number")?;
    part.end().map_err(|_| "a bitmap of serial numbers has something behind it")?;
    revoked.bitmaps.push(Bitmap { first, bits: bits.to_vec() });
    Ok(())
}

/// `string name, boolean critical, string contents`. None is known.
fn extension(mut part: Reader<'_>) -> Result<(), Problem> {
    part.string().map_err(cut)?;
    let critical = part.bool().map_err(cut)?;
    part.string().map_err(cut)?;
    part.end().map_err(|_| "an extension has something behind it")?;
    if critical { Err("it has a critical extension that is not known") } else { Ok(()) }
}

/// Every string of a section.
fn each<'a>(
    mut section: Reader<'a>,
    mut take: impl FnMut(&'a [u8]) -> Result<(), Problem>,
) -> Result<(), Problem> {
    while section.remaining() > 0 {
        take(section.string().map_err(cut)?)?;
    }
    Ok(())
}
