//! safetensors files: a length, a JSON header, and the tensors one after another.

mod header;
mod index;
mod merged;

use crate::Error;
use crate::piece::{Cut, Encoding, Hole, Piece, cut};
use crate::reading::{Found, Place, Reading};
use crate::source::Source;

pub(crate) use index::read as read_index;
pub(crate) use merged::plan;

/// Bytes of the length before the header.
pub(crate) const LENGTH: u64 = 8;
/// The longest header that the format allows, as the safetensors crate has it.
const MAX_HEADER: u64 = 100_000_000;

/// Reads the file `source` of a model: finds its tensors and cuts it into pieces.
pub(crate) fn read(reading: &mut Reading, source: Source) -> Result<Vec<Piece>, Error> {
    let path = source.path();
    let data = {
        let mut length = [0; LENGTH as usize];
        let available = source.length().saturating_sub(LENGTH);
        if source.length() < LENGTH {
            return Err(Error::HeaderBeyondFile { path: path.into(), length: LENGTH, available: source.length() });
        }
        source.read_into(0, &mut length)?;
        let length = u64::from_le_bytes(length);
        if length > MAX_HEADER {
            return Err(Error::HeaderOverLimit { path: path.into(), length, limit: MAX_HEADER });
        }
        if length > available {
            return Err(Error::HeaderBeyondFile { path: path.into(), length, available });
        }
        LENGTH + length
    };
    let header = header::parse(path, &source.read(LENGTH..data)?, source.length() - data)?;
    let number = reading.sources.len();
    let mut cuts = Vec::new();
    for entry in header.tensors {
        let range = data + entry.range.start..data + entry.range.end;
        let encoding = Encoding::Raw;
        let place = Place { source: number, range: range.clone(), encoding };
        let bytes = range.end - range.start;
        let found = Found { name: entry.name, shape: entry.shape, element: entry.element, bytes, place };
        let tensor = reading.add(found)?;
        cuts.push(Cut::Hole(range, Hole { tensor, encoding, movable: false }));
    }
    let pieces = cut(&source, 0..source.length(), cuts, &mut reading.budget)?;
    reading.sources.push(source);
    Ok(pieces)
}
