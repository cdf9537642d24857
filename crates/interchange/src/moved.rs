//! Large tensors of an ONNX model that would be too long for protobuf go to a file beside it.

use std::collections::BTreeMap;

use crate::piece::{Hole, Piece};
use crate::{Skeleton, varint};

/// Tensors with fewer bytes stay: the entries that say where they are would take as many.
const SMALLEST: u64 = 1024;
/// Offsets are multiples of it, so that a runtime can map each tensor.
const ALIGNMENT: u64 = 4096;

/// A tensor that goes to another file.
#[derive(Debug)]
pub(crate) struct Moved {
    /// Where it begins there.
    pub offset: u64,
    /// What its tensor has instead of values: `data_location` and `external_data`.
    pub field: Vec<u8>,
}

/// All tensors that may go and are large enough, by their numbers, laid out in that order in the file `name`.
pub(crate) fn plan(skeleton: &Skeleton, name: &str) -> BTreeMap<usize, Moved> {
    let mut numbers = Vec::new();
    movable(&skeleton.files[0].pieces, &mut numbers);
    numbers.retain(|&tensor| skeleton.tensors[tensor].bytes >= SMALLEST);
    numbers.sort_unstable();
    numbers.dedup();
    let mut end: u64 = 0;
    let mut moved = BTreeMap::new();
    for tensor in numbers {
        let length = skeleton.tensors[tensor].bytes;
        let Some(offset) = end.checked_next_multiple_of(ALIGNMENT) else { break };
        end = offset.saturating_add(length);
        // data_location = EXTERNAL; then an entry each.
        let mut field = vec![14 << 3, 1];
        for (key, value) in [("location", name), ("offset", &offset.to_string()), ("length", &length.to_string())] {
            let mut entry = Vec::new();
            delimited(1, key.as_bytes(), &mut entry);
            delimited(2, value.as_bytes(), &mut entry);
            delimited(13, &entry, &mut field);
        }
        moved.insert(tensor, Moved { offset, field });
    }
    moved
}

fn movable(pieces: &[Piece], numbers: &mut Vec<usize>) {
    for piece in pieces {
        if let Piece::Nested(nested) = piece {
            match nested.content[..] {
                [Piece::Hole(Hole { tensor, movable: true, .. })] => numbers.push(tensor),
                _ => movable(&nested.content, numbers),
            }
        }
    }
}

fn delimited(number: u8, content: &[u8], to: &mut Vec<u8>) {
    to.push(number << 3 | 2);
    varint::put(content.len() as u64, to);
    to.extend_from_slice(content);
}
