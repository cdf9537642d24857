//! Sharded models: an index in JSON that says which file has which tensor.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::Deserialize;

use super::header::{Pairs, Text};
use crate::Error;
use crate::location::{folder_of, resolve};
use crate::piece::Piece;
use crate::reading::{FileParts, Reading};
use crate::source::Source;

/// The part of an index that matters; the rest of it stays in the skeleton.
#[derive(Deserialize)]
struct Index {
    weight_map: Pairs<Text>,
}

/// Reads the index in `source` and all files that it names, each once, in the order of their names.
pub(crate) fn read(reading: &mut Reading, source: Source, name: String) -> Result<Vec<FileParts>, Error> {
    let path = source.path().to_path_buf();
    reading.budget.spend(source.length())?;
    let json = source.read(0..source.length())?;
    reading.sources.push(source);
    let malformed = |reason: String| Error::Json { path: path.clone(), reason };
    let Index { weight_map: Pairs(map) } =
        serde_json::from_slice(&json).map_err(|error| malformed(error.to_string()))?;
    let map = map.ok_or_else(|| malformed("`weight_map` is not an object".into()))?;

    let mut shards: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut names = BTreeSet::new();
    for (tensor, Text(shard)) in map {
        let shard = shard.ok_or_else(|| malformed(format!("the file of {tensor:?} is not a text")))?;
        if !names.insert(tensor.clone()) {
            return Err(Error::DuplicateName { path: path.clone(), name: tensor });
        }
        shards.entry(shard).or_default().push(tensor);
    }

    let mut files = vec![FileParts { name, pieces: vec![Piece::Literal(json)] }];
    let mut owners: HashSet<String> = HashSet::new();
    for (shard, tensors) in shards {
        let (file, name) = resolve(folder_of(&path), &shard, &tensors[0])?;
        if files.iter().any(|other| other.name == name) {
            return Err(Error::DuplicateName { path: path.clone(), name });
        }
        let before = reading.tensors.len();
        let pieces = super::read(reading, Source::open_briefly(&file)?)?;
        files.push(FileParts { name, pieces });
        let here = &reading.tensors[before..];
        if let Some(twice) = here.iter().find(|found| !owners.insert(found.name.clone())) {
            return Err(Error::DuplicateName { path: file, name: twice.name.clone() });
        }
        let here: BTreeSet<&str> = here.iter().map(|found| &found.name[..]).collect();
        if let Some(tensor) = tensors.into_iter().find(|tensor| !here.contains(&tensor[..])) {
            return Err(Error::NotInShard { path: path.clone(), tensor, shard });
        }
    }
    Ok(files)
}
