//! Tensors whose values lie in files beside the model, by the rules of onnx's own checker.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::Reader;
use super::tensor::is_small;
use crate::location::{has_other_names, resolve};
use crate::piece::{Cut, Encoding, Hole, cut};
use crate::reading::{FileParts, Found, Place, Reading, Why};
use crate::source::Source;
use crate::wire::Wire;
use crate::{Element, Error};

/// More entries than the five that the format knows.
pub(super) const MOST_ENTRIES: usize = 64;

/// A tensor that is about to be found.
#[derive(Debug)]
pub(super) struct Claim {
    pub name: String,
    pub shape: Vec<u64>,
    pub element: Element,
    pub bytes: u64,
}

/// What a tensor's `external_data` says. Checksums and what else there is stay in the skeleton, unread.
#[derive(Debug, Default)]
pub(super) struct Entries {
    location: Option<String>,
    offset: Option<String>,
    length: Option<String>,
}

/// The files beside a model, and which of their ranges are tensors.
#[derive(Debug)]
pub(super) struct Externals {
    folder: PathBuf,
    model: PathBuf,
    /// Numbers of files by what tensors call them.
    known: HashMap<String, usize>,
    files: Vec<External>,
}

#[derive(Debug)]
struct External {
    name: String,
    source: Source,
    claims: Vec<(Range<u64>, Claim)>,
}

impl Externals {
    pub(super) fn new(folder: &Path, model: &Path) -> Self {
        Self { folder: folder.into(), model: model.into(), known: HashMap::new(), files: Vec::new() }
    }

    /// The number of the file that `tensor` lies in.
    fn file(&mut self, location: &str, tensor: &str) -> Result<usize, Error> {
        if let Some(&number) = self.known.get(location) {
            return Ok(number);
        }
        let (path, name) = resolve(&self.folder, location, tensor)?;
        let refused = |rule| Err(Error::Location { tensor: tensor.into(), location: location.into(), rule });
        if path.canonicalize().ok() == self.model.canonicalize().ok() {
            return refused("that is the model itself");
        }
        if has_other_names(&path) {
            return refused("the file has another name elsewhere (a hard link); put a copy into the model's folder");
        }
        let known = self.files.iter().position(|file| file.name == name);
        let number = known.unwrap_or(self.files.len());
        if known.is_none() {
            self.files.push(External { name, source: Source::open_briefly(&path)?, claims: Vec::new() });
        }
        self.known.insert(location.into(), number);
        Ok(number)
    }

    /// The file of this number.
    pub(super) fn source(&self, file: usize) -> &Source {
        &self.files[file].source
    }

    /// Bytes of all files.
    pub(super) fn file_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.source.length()).sum()
    }

    /// Cuts the tensors out of the files. Of tensors that share bytes one gets them: the first in the file. One that
    /// shares all of them, its shape and its type is another name of it.
    pub(super) fn finish(self, reading: &mut Reading) -> Result<Vec<FileParts>, Error> {
        let mut parts = Vec::with_capacity(self.files.len());
        for External { name, source, mut claims } in self.files {
            claims.sort_by_key(|(range, _)| (range.start, range.end));
            let mut cuts: Vec<Cut> = Vec::new();
            let mut last: Option<(Range<u64>, usize)> = None;
            for (range, Claim { name, shape, element, bytes }) in claims {
                let twin = last.as_ref().filter(|(before, number)| {
                    let found = &reading.tensors[*number];
                    *before == range && found.shape == shape && found.element == element
                });
                let overlaps = last.as_ref().is_some_and(|(before, _)| range.start < before.end);
                if overlaps && twin.is_none() {
                    reading.keep(name, bytes, Why::Shared)?;
                    continue;
                }
                let is_twin = twin.is_some();
                let place = Place { source: reading.sources.len(), range: range.clone(), encoding: Encoding::Raw };
                let tensor = reading.add(Found { name, shape, element, bytes, place })?;
                if !is_twin {
                    let hole = Hole { tensor, encoding: Encoding::Raw, movable: false };
                    cuts.push(Cut::Hole(range.clone(), hole));
                    last = Some((range, tensor));
                }
            }
            let pieces = cut(&source, 0..source.length(), cuts, &mut reading.budget)?;
            reading.sources.push(source);
            parts.push(FileParts { name, pieces });
        }
        Ok(parts)
    }
}

impl Reader<'_> {
    /// Reads the entries of `external_data` that are known here.
    pub(super) fn entries(&mut self, tensor: &str, messages: &[Range<u64>]) -> Result<Entries, Error> {
        let mut entries = Entries::default();
        for message in messages {
            let (mut key, mut value) = (String::new(), String::new());
            let mut at = message.start;
            while let Some(field) = self.walker.field(&mut at, message.end)? {
                match field.number {
                    1 if field.wire == Wire::Delimited => key = self.label(&field.value)?,
                    2 if field.wire == Wire::Delimited => value = self.label(&field.value)?,
                    _ => {}
                }
            }
            let (key, entry) = match &key[..] {
                "location" => ("location", &mut entries.location),
                "offset" => ("offset", &mut entries.offset),
                "length" => ("length", &mut entries.length),
                _ => continue,
            };
            if entry.is_some() {
                return Err(Error::ExternalData { tensor: tensor.into(), key, value, rule: "but it was given before" });
            }
            *entry = Some(value);
        }
        Ok(entries)
    }

    /// Notes that a tensor lies in another file.
    pub(super) fn external(&mut self, claim: Claim, entries: &Entries) -> Result<Vec<Cut>, Error> {
        let (file, range) = self.locate(&claim, entries)?;
        let Claim { name, shape, element, bytes } = claim;
        if is_small(element, bytes) {
            return self.stays(name, bytes, Why::Small);
        }
        let name = self.fresh(name);
        // What is held of a claim is held against the limits now; the tensor itself comes later.
        self.reading.budget.spend(name.len() as u64 + 8 * shape.len() as u64)?;
        self.externals.files[file].claims.push((range, Claim { name, shape, element, bytes }));
        Ok(Vec::new())
    }

    /// The number of the file that a tensor lies in, and its bytes there.
    pub(super) fn locate(&mut self, claim: &Claim, entries: &Entries) -> Result<(usize, Range<u64>), Error> {
        let Claim { name, shape, element, bytes } = claim;
        let number = |key, value: &Option<String>, otherwise| match value {
            None => Ok(otherwise),
            Some(text) => decimal(text).ok_or_else(|| {
                let rule = "not a decimal number of at most 64 bits";
                Error::ExternalData { tensor: name.clone(), key, value: text.clone(), rule }
            }),
        };
        let offset = number("offset", &entries.offset, 0)?;
        let found = number("length", &entries.length, *bytes)?;
        if found != *bytes {
            let (tensor, shape) = (name.clone(), shape.clone());
            return Err(Error::TensorLength { tensor, shape, element: *element, expected: *bytes, found });
        }
        let Some(location) = &entries.location else {
            let (key, value) = ("location", String::new());
            return Err(Error::ExternalData { tensor: name.clone(), key, value, rule: "but it must name a file" });
        };
        let file = self.externals.file(location, name)?;
        let source = self.externals.source(file);
        let end = offset.saturating_add(*bytes);
        if end > source.length() {
            let path = source.path().into();
            return Err(Error::BeyondFile { path, tensor: name.clone(), end, available: source.length() });
        }
        Ok((file, offset..end))
    }
}

/// A number in digits alone.
fn decimal(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}
