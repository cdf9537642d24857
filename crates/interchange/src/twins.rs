//! Tensors that are stored more than once: found by their bytes, and from then on one tensor with several names.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::piece::{Encoding, each_hole};
use crate::reading::{FileParts, Found, Place, Reading};
use crate::{Element, Error, SourceTensor};

/// Tensors with fewer bytes are not looked at: they would save less than it costs.
const SMALLEST: u64 = 1024;
/// Bytes of the beginning that are compared before whole tensors are.
const BEGINNING: u64 = 4096;
/// Bytes that are hashed at once.
const PART: u64 = 1 << 20;

/// Reads the payload of a tensor.
pub(crate) fn payload(reading: &Reading, element: Element, place: &Place) -> Result<Vec<u8>, Error> {
    let source = &reading.sources[place.source];
    let bytes = source.read(place.range.clone())?;
    place.encoding.decode(element, bytes).ok_or_else(|| Error::Read {
        path: source.path().into(),
        source: std::io::Error::other("the file changed while it was read"),
    })
}

/// Makes one tensor of those with equal shape, type and bytes, and lets the holes of `files` follow. Returns the
/// tensors and where each one's payload is.
pub(crate) fn merge(reading: &mut Reading, files: &mut [FileParts]) -> Result<(Vec<SourceTensor>, Vec<Place>), Error> {
    let owners = owners(reading)?;
    let mut numbers: Vec<usize> = Vec::with_capacity(owners.len());
    let (mut tensors, mut places): (Vec<SourceTensor>, Vec<Place>) = Default::default();
    for (number, found) in std::mem::take(&mut reading.tensors).into_iter().enumerate() {
        let Found { name, shape, element, bytes, place } = found;
        if owners[number] < number {
            let owner = numbers[owners[number]];
            numbers.push(owner);
            tensors[owner].names.push(name);
        } else {
            numbers.push(tensors.len());
            tensors.push(SourceTensor { names: vec![name], shape, element, bytes });
            places.push(place);
        }
    }
    for file in files {
        each_hole(&mut file.pieces, &mut |hole| hole.tensor = numbers[hole.tensor]);
    }
    Ok((tensors, places))
}

/// For each tensor the first one that is equal to it, perhaps itself.
fn owners(reading: &Reading) -> Result<Vec<usize>, Error> {
    let mut owners: Vec<usize> = (0..reading.tensors.len()).collect();
    let mut alike: HashMap<(Element, &[u64]), Vec<usize>> = HashMap::new();
    for (number, found) in reading.tensors.iter().enumerate() {
        let group = alike.entry((found.element, &found.shape)).or_default();
        // In external files two tensors may be one range, however small.
        let same_place = |&&other: &&usize| {
            let other = &reading.tensors[other].place;
            other.source == found.place.source && other.range == found.place.range
        };
        match group.last().filter(same_place) {
            Some(&owner) if found.bytes > 0 => owners[number] = owner,
            _ => group.push(number),
        }
    }
    for group in alike.into_values().filter(|group| group.len() > 1 && reading.tensors[group[0]].bytes >= SMALLEST) {
        let mut beginnings: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
        for number in group {
            beginnings.entry(beginning(reading, number)?).or_default().push(number);
        }
        for group in beginnings.into_values().filter(|group| group.len() > 1) {
            let mut seen: HashMap<[u8; 32], usize> = HashMap::new();
            for number in group {
                owners[number] = *seen.entry(digest(reading, number)?).or_insert(number);
            }
        }
    }
    // One that shares a range with another follows it to that one's owner.
    for number in 0..owners.len() {
        owners[number] = owners[owners[number]];
    }
    Ok(owners)
}

/// A digest of the first bytes of a tensor.
fn beginning(reading: &Reading, number: usize) -> Result<Vec<u8>, Error> {
    let found = &reading.tensors[number];
    let length = found.bytes.min(BEGINNING);
    let bytes = if found.place.encoding == Encoding::Raw {
        let start = found.place.range.start;
        reading.sources[found.place.source].read(start..start + length)?
    } else {
        let mut bytes = payload(reading, found.element, &found.place)?;
        bytes.truncate(length as usize);
        bytes
    };
    Ok(Sha256::digest(&bytes).to_vec())
}

/// SHA-256 of a payload: nobody has found two texts with one digest, so equal digests are equal payloads.
fn digest(reading: &Reading, number: usize) -> Result<[u8; 32], Error> {
    let found = &reading.tensors[number];
    let place = &found.place;
    let mut hasher = Sha256::new();
    if place.encoding == Encoding::Raw {
        let mut at = place.range.start;
        while at < place.range.end {
            let end = (at + PART).min(place.range.end);
            hasher.update(reading.sources[place.source].read(at..end)?);
            at = end;
        }
    } else {
        hasher.update(payload(reading, found.element, place)?);
    }
    Ok(hasher.finalize().into())
}
