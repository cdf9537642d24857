//! The only place that knows bincode: records as bytes, in one explicit configuration, under a limit.
//!
//! `docs/format.md` writes the byte layout down, so another implementation can replace bincode without changing a byte.

use bincode::{Decode, Encode, config};

use crate::Error;

/// Bytes that decoding a record may claim.
pub(crate) const LIMIT: usize = 1 << 24;

/// Little-endian, whole numbers of variable length, a limit.
type Layout = config::Configuration<config::LittleEndian, config::Varint, config::Limit<LIMIT>>;

fn layout() -> Layout {
    config::standard().with_little_endian().with_variable_int_encoding().with_limit::<LIMIT>()
}

/// The bytes of a record.
pub(crate) fn to_bytes<T: Encode>(record: &T) -> Result<Vec<u8>, Error> {
    bincode::encode_to_vec(record, layout()).map_err(|e| Error::Header { reason: e.to_string() })
}

/// The record at the start of `bytes`, and the number of bytes it takes.
pub(crate) fn from_bytes<T: Decode<()>>(bytes: &[u8]) -> Result<(T, usize), Error> {
    bincode::decode_from_slice(bytes, layout()).map_err(|e| match e {
        bincode::error::DecodeError::UnexpectedEnd { additional } => Error::Truncated {
            part: "the header",
            needed: (bytes.len() + additional) as u64,
            available: bytes.len() as u64,
        },
        other => Error::Header { reason: other.to_string() },
    })
}
