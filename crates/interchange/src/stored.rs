//! A skeleton as bytes: a version, and everything else in one zstd frame.
//!
//! Numbers are varints. Structure comes first: format, tensors (names, then shapes and types), files with their pieces;
//! then all literal bytes in one row, so that the many names in them stand close to those before.

use std::io::Read;

use crate::location;
use crate::piece::{Encoding, Hole, Nested, Piece};
use crate::reading::FileParts;
use crate::{Element, Error, Format, Limits, Skeleton, SourceTensor, limits::Budget, varint};

/// The version that is written, and the newest that is read.
const VERSION: u8 = 0;
/// zstd's levels for skeletons up to [`MUCH`] and for longer ones.
const LEVELS: [i32; 2] = [19, 9];
const MUCH: usize = 8 << 20;
/// Each at its number as an enum.
const FORMATS: [Format; 3] = [Format::Safetensors, Format::ShardedSafetensors, Format::Onnx];

const LITERAL: u64 = 0;
const NESTED: u64 = 1;
const RAW: u64 = 2;
const MOVABLE: u64 = 3;
const MOVABLE_VARINTS: u64 = 4;
const VARINTS: u64 = 5;
/// Kinds from here on are [`Encoding::Tagged`], with the tag added.
const TAGGED: u64 = 8;

impl Skeleton {
    /// The skeleton as bytes, small. Equal skeletons give equal bytes.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "a buffer in memory takes all bytes")]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.number(self.format as u64);
        writer.number(self.tensors.len() as u64);
        for tensor in &self.tensors {
            writer.number(tensor.names.len() as u64);
            tensor.names.iter().for_each(|name| writer.text(name));
        }
        for tensor in &self.tensors {
            writer.number(tensor.element.number());
            writer.number(tensor.shape.len() as u64);
            tensor.shape.iter().for_each(|&length| writer.number(length));
        }
        writer.number(self.files.len() as u64);
        for file in &self.files {
            writer.text(&file.name);
            writer.pieces(&file.pieces);
        }
        let Writer { mut structure, mut literals } = writer;
        structure.append(&mut literals);
        let level = LEVELS[usize::from(structure.len() > MUCH)];
        let mut bytes = vec![VERSION];
        bytes.extend(zstd::bulk::compress(&structure, level).expect("a buffer in memory takes all bytes"));
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote, within limits.
    ///
    /// # Errors
    /// Says what is wrong with the bytes; [`Error::Limit`]. No bytes make it panic.
    pub fn from_bytes(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        let (&version, frame) = bytes.split_first().ok_or(Error::Truncated { what: "the version" })?;
        if version > VERSION {
            return Err(Error::NewerVersion { version, supported: VERSION });
        }
        let compressed = |error: std::io::Error| Error::Compressed { reason: error.to_string() };
        let mut decoder = zstd::stream::read::Decoder::with_buffer(frame).map_err(compressed)?;
        // Structure takes bytes of its own, a few for each literal.
        let limit = limits.max_skeleton_bytes.saturating_mul(2);
        let mut content = Vec::new();
        (&mut decoder).take(limit.saturating_add(1)).read_to_end(&mut content).map_err(compressed)?;
        if content.len() as u64 > limit {
            return Err(Error::Limit { what: "bytes in its skeleton", claimed: content.len() as u64, limit });
        }
        if !decoder.finish().is_empty() {
            return Err(Error::Compressed { reason: "bytes follow its end".into() });
        }
        Reader { rest: &content, limits, budget: Budget::new(limits) }.skeleton()
    }
}

#[derive(Default)]
struct Writer {
    structure: Vec<u8>,
    literals: Vec<u8>,
}

impl Writer {
    fn number(&mut self, value: u64) {
        varint::put(value, &mut self.structure);
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.structure.extend_from_slice(text.as_bytes());
    }

    fn pieces(&mut self, pieces: &[Piece]) {
        self.number(pieces.len() as u64);
        for piece in pieces {
            match piece {
                Piece::Literal(bytes) => {
                    self.number(LITERAL);
                    self.number(bytes.len() as u64);
                    self.literals.extend_from_slice(bytes);
                }
                Piece::Hole(Hole { tensor, encoding, movable }) => {
                    self.number(match (encoding, movable) {
                        (Encoding::Raw, false) => RAW,
                        (Encoding::Raw, true) => MOVABLE,
                        (Encoding::Varints, false) => VARINTS,
                        (Encoding::Varints, true) => MOVABLE_VARINTS,
                        (Encoding::Tagged(tag), _) => TAGGED + u64::from(*tag),
                    });
                    self.number(*tensor as u64);
                }
                Piece::Nested(Nested { tag, length, content }) => {
                    self.number(NESTED);
                    self.structure.extend_from_slice(tag);
                    self.structure.extend_from_slice(length);
                    self.pieces(content);
                }
            }
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    limits: &'a Limits,
    budget: Budget,
}

impl<'a> Reader<'a> {
    fn skeleton(mut self) -> Result<Skeleton, Error> {
        let number = self.number("the format")?;
        let format = usize::try_from(number).ok().and_then(|number| FORMATS.get(number)).copied();
        let format = format.ok_or(malformed("the format", number, "there are three"))?;
        let tensors = self.tensors()?;
        let mut files = Vec::new();
        // Literals are taken when all structure is read; until then they have their lengths.
        let mut lengths = Vec::new();
        for _ in 0..self.count("the number of files", self.limits.max_tensors.saturating_add(1))? {
            let name = self.text("the name of a file")?;
            let is_own = files.is_empty();
            if !(location::is_plain(&name) || is_own && location::is_own_name(&name)) {
                let rule = "but files of a model lie in its folder";
                return Err(Error::Location { tensor: "the skeleton".into(), location: name, rule });
            }
            let pieces = self.pieces(&tensors, &mut lengths, 0)?;
            let name = if is_own { location::own_name(&name).to_owned() } else { name };
            files.push(FileParts { name, pieces });
        }
        if files.is_empty() {
            return Err(malformed("the number of files", 0, "a model has one"));
        }
        let mut lengths = lengths.into_iter();
        for file in &mut files {
            self.literals(&mut file.pieces, &mut lengths)?;
        }
        match self.rest.len() as u64 {
            0 => Ok(Skeleton { format, files, tensors }),
            left => Err(malformed("the number of bytes after its end", left, "there are none")),
        }
    }

    fn tensors(&mut self) -> Result<Vec<SourceTensor>, Error> {
        let mut names: Vec<Vec<String>> = Vec::new();
        let mut left = self.limits.max_tensors;
        for _ in 0..self.count("tensors", left)? {
            let count = self.count("tensors", left)?;
            if count == 0 {
                return Err(malformed("the number of a tensor's names", 0, "it has one"));
            }
            left -= count;
            names.push((0..count).map(|_| self.text("the name of a tensor")).collect::<Result<_, _>>()?);
        }
        let mut tensors = Vec::with_capacity(names.len());
        for names in names {
            let number = self.number("the type of a tensor")?;
            let element = Element::of_number(number);
            let element = element.ok_or(malformed("the type of a tensor", number, "no type has that number"))?;
            let axes = self.number("the number of axes")?;
            let mut shape = Vec::new();
            for _ in 0..axes {
                self.budget.spend(8)?;
                shape.push(self.number("a shape")?);
            }
            let Some(bits) = element.bits_of(&shape) else {
                return Err(Error::ShapeOverflow { tensor: names[0].clone(), shape, element });
            };
            tensors.push(SourceTensor { names, shape, element, bytes: bits.div_ceil(8) });
        }
        Ok(tensors)
    }

    fn pieces(&mut self, tensors: &[SourceTensor], lengths: &mut Vec<u64>, depth: u32) -> Result<Vec<Piece>, Error> {
        // A graph within a graph stands in a node and an attribute; the outermost ones and tensors have a few fields
        // more.
        if depth > self.limits.max_depth.saturating_mul(3).saturating_add(8) {
            let (what, claimed, limit) = ("levels of fields", u64::from(depth), u64::from(self.limits.max_depth));
            return Err(Error::Limit { what, claimed, limit });
        }
        let count = self.number("the number of pieces")?;
        let mut pieces = Vec::new();
        for _ in 0..count {
            self.budget.spend(size_of::<Piece>() as u64)?;
            let (encoding, movable) = match self.number("the kind of a piece")? {
                LITERAL => {
                    lengths.push(self.number("the length of a literal")?);
                    pieces.push(Piece::Literal(Vec::new()));
                    continue;
                }
                NESTED => {
                    let (tag, length) = (self.varint()?, self.varint()?);
                    let content = self.pieces(tensors, lengths, depth + 1)?;
                    pieces.push(Piece::Nested(Nested { tag, length, content }));
                    continue;
                }
                kind @ (RAW | MOVABLE) => (Encoding::Raw, kind == MOVABLE),
                kind @ (VARINTS | MOVABLE_VARINTS) => (Encoding::Varints, kind == MOVABLE_VARINTS),
                kind => {
                    let tag = kind.checked_sub(TAGGED).and_then(|tag| u8::try_from(tag).ok());
                    let tag = tag.ok_or(malformed("the kind of a piece", kind, "there is none of that number"))?;
                    (Encoding::Tagged(tag), false)
                }
            };
            let number = self.number("the number of a tensor")?;
            let tensor = usize::try_from(number).ok().filter(|&tensor| tensor < tensors.len());
            let tensor = tensor.ok_or(malformed("the number of a tensor", number, "there are fewer"))?;
            let bits = tensors[tensor].element.bits();
            let fits = match encoding {
                Encoding::Raw => true,
                Encoding::Tagged(_) => bits == 32,
                Encoding::Varints => matches!(bits, 8 | 16 | 32 | 64),
            };
            if !fits {
                return Err(malformed("the bits of a tensor", u64::from(bits), "its hole is for others"));
            }
            pieces.push(Piece::Hole(Hole { tensor, encoding, movable }));
        }
        Ok(pieces)
    }

    fn literals(&mut self, pieces: &mut [Piece], lengths: &mut impl Iterator<Item = u64>) -> Result<(), Error> {
        for piece in pieces {
            match piece {
                Piece::Hole(_) => {}
                Piece::Nested(nested) => self.literals(&mut nested.content, lengths)?,
                Piece::Literal(bytes) => {
                    *bytes = self.bytes(lengths.next().unwrap_or_default(), "a literal")?.to_vec();
                }
            }
        }
        Ok(())
    }

    fn number(&mut self, what: &'static str) -> Result<u64, Error> {
        let (value, taken) = varint::take(self.rest).ok_or(Error::Truncated { what })?;
        self.rest = &self.rest[taken..];
        Ok(value)
    }

    /// A varint as it stands there, perhaps longer than it need be.
    fn varint(&mut self) -> Result<Vec<u8>, Error> {
        let (_, taken) = varint::take(self.rest).ok_or(Error::Truncated { what: "a field" })?;
        Ok(self.bytes(taken as u64, "a field")?.to_vec())
    }

    fn count(&mut self, what: &'static str, limit: u64) -> Result<u64, Error> {
        let claimed = self.number(what)?;
        if claimed > limit { Err(Error::Limit { what, claimed, limit }) } else { Ok(claimed) }
    }

    fn bytes(&mut self, length: u64, what: &'static str) -> Result<&'a [u8], Error> {
        self.budget.spend(length)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Error::Truncated { what })?;
        self.rest = rest;
        Ok(bytes)
    }

    fn text(&mut self, what: &'static str) -> Result<String, Error> {
        let length = self.number(what)?;
        let bytes = self.bytes(length, what)?;
        let text = std::str::from_utf8(bytes).map_err(|_| malformed(what, length, "those bytes are no UTF-8"))?;
        Ok(text.to_owned())
    }
}

fn malformed(what: &'static str, value: u64, rule: &'static str) -> Error {
    Error::Malformed { what, value, rule }
}
