//! A sharded model as one file: a fresh header over all tensors.

use std::path::Path;

use serde_json::{Map, Value};

use super::LENGTH;
use super::header::{self, Header};
use crate::piece::Piece;
use crate::reading::FileParts;
use crate::{Error, SourceTensor};

/// A safetensors file that is to be written: its first bytes, and then these tensors.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Length and header.
    pub head: Vec<u8>,
    /// Numbers of the tensors, in the order of their bytes.
    pub tensors: Vec<usize>,
}

/// Lays out all tensors of a sharded model as one file: wider types first, so that each is aligned, otherwise in the
/// order of the shards. Texts are those of all shards; where two disagree, the first one's.
///
/// # Errors
/// [`Error::Json`] and those of the format where a shard's header is none, which a stored skeleton may claim.
pub(crate) fn plan(shards: &[FileParts], tensors: &[SourceTensor]) -> Result<Plan, Error> {
    let mut metadata = Map::new();
    let mut entries: Vec<(String, usize)> = Vec::new();
    for shard in shards {
        let (header, holes) = header_of(shard, tensors)?;
        for (key, text) in header.metadata {
            metadata.entry(key).or_insert_with(|| text.into());
        }
        entries.extend(header.tensors.into_iter().map(|entry| entry.name).zip(holes));
    }
    entries.sort_by_key(|&(_, tensor)| std::cmp::Reverse(tensors[tensor].element().bits()));

    let mut parts = Vec::new();
    if !metadata.is_empty() {
        parts.push(format!("\"__metadata__\":{}", Value::Object(metadata)));
    }
    let mut offset = 0;
    for (name, tensor) in &entries {
        let tensor = &tensors[*tensor];
        let dtype = tensor.element().in_safetensors().unwrap_or_else(|| tensor.element().name());
        let (name, shape) = (Value::from(&name[..]), Value::from(tensor.shape()));
        let begin = offset;
        offset += tensor.bytes();
        parts.push(format!("{name}:{{\"dtype\":\"{dtype}\",\"shape\":{shape},\"data_offsets\":[{begin},{offset}]}}"));
    }
    let mut json = format!("{{{}}}", parts.join(",")).into_bytes();
    json.resize(json.len().next_multiple_of(LENGTH as usize), b' ');
    let mut head = (json.len() as u64).to_le_bytes().to_vec();
    head.append(&mut json);
    Ok(Plan { head, tensors: entries.into_iter().map(|(_, tensor)| tensor).collect() })
}

/// The header of a shard, and the numbers of its tensors in the order of their bytes.
fn header_of(shard: &FileParts, tensors: &[SourceTensor]) -> Result<(Header, Vec<usize>), Error> {
    let malformed =
        |value: usize, rule| Error::Malformed { what: "the number of pieces of a shard", value: value as u64, rule };
    let count = shard.pieces.len();
    let Some((Piece::Literal(head), rest)) = shard.pieces.split_first() else {
        return Err(malformed(count, "a shard begins with its header"));
    };
    let mut holes = Vec::with_capacity(rest.len());
    for piece in rest {
        match piece {
            Piece::Hole(hole) => holes.push(hole.tensor),
            _ => return Err(malformed(count, "a header is followed by tensors alone")),
        }
    }
    let json = head.get(LENGTH as usize..).unwrap_or_default();
    let available = holes.iter().fold(0u64, |sum, &tensor| sum.saturating_add(tensors[tensor].bytes()));
    let header = header::parse(Path::new(&shard.name), json, available)?;
    let same = |entry: &header::Entry, tensor: &SourceTensor| {
        entry.shape == tensor.shape() && entry.element == tensor.element()
    };
    let fits = header.tensors.len() == holes.len();
    if !fits || !header.tensors.iter().zip(&holes).all(|(entry, &hole)| same(entry, &tensors[hole])) {
        return Err(malformed(count, "its tensors are those of its header"));
    }
    Ok((header, holes))
}
