//! Diffie-Hellman group exchange (RFC 4419): the client says how large a group it wants, the server
//! picks one, and the rest is Diffie-Hellman there. The exchange hash covers what was asked for and
//! the group.

use super::disconnect::Disconnect;
use super::kex::malformed;
use super::numbers::{KEX_DH_GEX_GROUP, KEX_DH_GEX_REQUEST};
use super::transport::GexBits;
use super::wire::{Reader, Writer};
use crate::crypto::{DhGroup, Moduli, Random};

/// The group of one exchange.
pub(crate) struct Agreed {
    pub(crate) group: DhGroup,
    /// What the exchange hash has of it: min, n, max, p, g.
    pub(crate) hashed: Vec<u8>,
}

impl Agreed {
    fn new(asked: GexBits, group: DhGroup) -> Self {
        let mut hashed = Vec::new();
        put_bits(&mut hashed, asked);
        hashed.put_mpint(group.prime());
        hashed.put_mpint(group.generator());
        Self { group, hashed }
    }
}

/// The client's first message.
pub(crate) fn request(wanted: GexBits) -> Vec<u8> {
    let mut payload = vec![KEX_DH_GEX_REQUEST];
    put_bits(&mut payload, wanted);
    payload
}

/// The server's half: answers the body of a KEX_DH_GEX_REQUEST with the payload of a
/// KEX_DH_GEX_GROUP. Nothing outside `ours` is offered, whatever the client asks for.
pub(crate) fn offer(
    ours: GexBits,
    moduli: &Moduli,
    body: &[u8],
    random: &mut dyn Random,
) -> Result<(Vec<u8>, Agreed), Disconnect> {
    let asked = read_bits(body)?;
    let GexBits { min, preferred, max } = asked;
    if min > preferred || preferred > max {
        return Err(Disconnect::key_exchange(format!(
            "a group exchange for {min} to {max} bits, preferably {preferred}"
        )));
    }
    let (least, most) = (min.max(ours.min), max.min(ours.max));
    let group = moduli.choose(least, preferred, most, random).ok_or_else(|| {
        let GexBits { min: ours_min, max: ours_max, .. } = ours;
        Disconnect::key_exchange(format!(
            "no group for an exchange with {min} to {max} bits; offered are {ours_min} to \
             {ours_max}"
        ))
    })?;
    let mut payload = vec![KEX_DH_GEX_GROUP];
    payload.put_mpint(group.prime());
    payload.put_mpint(group.generator());
    Ok((payload, Agreed::new(asked, group)))
}

/// The client's half: takes the body of a KEX_DH_GEX_GROUP if it answers what was `wanted`.
pub(crate) fn accept(wanted: GexBits, body: &[u8]) -> Result<Agreed, Disconnect> {
    let mut reader = Reader::new(body);
    let prime = reader.mpint().map_err(malformed)?;
    let generator = reader.mpint().map_err(malformed)?;
    reader.end().map_err(malformed)?;
    let group = DhGroup::new(prime, generator)
        .map_err(|error| Disconnect::key_exchange(error.to_string()))?;
    let (bits, GexBits { min, max, .. }) = (group.bits(), wanted);
    if !(min..=max).contains(&bits) {
        return Err(Disconnect::key_exchange(format!(
            "the server's group has {bits} bits; asked for were {min} to {max}"
        )));
    }
    Ok(Agreed::new(wanted, group))
}

fn put_bits(message: &mut Vec<u8>, bits: GexBits) {
    message.put_u32(bits.min);
    message.put_u32(bits.preferred);
    message.put_u32(bits.max);
}

fn read_bits(body: &[u8]) -> Result<GexBits, Disconnect> {
    let mut reader = Reader::new(body);
    let mut number = || reader.u32().map_err(malformed);
    let bits = GexBits { min: number()?, preferred: number()?, max: number()? };
    reader.end().map_err(malformed)?;
    Ok(bits)
}
