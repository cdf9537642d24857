//! The file: magic, version, contents, checksum.
use crate::{Container, Error, Limits, wire};

pub(crate) const MAGIC: [u8; 3] = *b"MXP";
pub(crate) const VERSION: u8 = 0;

/// The bytes of a file that holds `container`.
///
/// # Errors
/// If the container is inconsistent (see [`Container::check`]) or something in it is too large for the format.
pub fn encode(container: &Container) -> Result<Vec<u8>, Error> {
    container.check()?;
    let mut out = MAGIC.to_vec();
    out.push(VERSION);
    out.extend(wire::to_bytes(container)?);
    let crc = crc32fast::hash(&out);
    out.extend(crc.to_le_bytes());
    Ok(out)
}

/// What a file holds, under the default [`Limits`].
///
/// # Errors
/// If the bytes are not a well-formed file, or one that asks for more than the limits allow.
pub fn decode(bytes: &[u8]) -> Result<Container, Error> {
    decode_with_limits(bytes, Limits::default())
}

/// What a file holds.
///
/// # Errors
/// If the bytes are not a well-formed file, or one that asks for more than the limits allow.
pub fn decode_with_limits(bytes: &[u8], limits: Limits) -> Result<Container, Error> {
    if bytes.get(..3) != Some(&MAGIC[..]) {
        return Err(Error::NotMxp { found: bytes[..bytes.len().min(3)].to_vec() });
    }
    if bytes.len() < 8 {
        return Err(Error::Truncated { part: "the header", needed: 8, available: bytes.len() as u64 });
    }
    if bytes[3] > VERSION {
        return Err(Error::NewerVersion { version: bytes[3], supported: VERSION });
    }
    let (body, crc) = bytes.split_at(bytes.len() - 4);
    let stored = u32::from_le_bytes([crc[0], crc[1], crc[2], crc[3]]);
    let computed = crc32fast::hash(body);
    if stored != computed {
        return Err(Error::Checksum { part: "the file", stored, computed });
    }
    let container = wire::from_bytes(&body[4..], &limits)?;
    container.check()?;
    Ok(container)
}
