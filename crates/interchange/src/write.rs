//! A skeleton and payloads become files again.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::output::{Filling, Outputs};
use crate::piece::{Encoding, Hole, Nested, Piece, prefix};
use crate::{BoxError, Error, Format, Skeleton, moved, safetensors};

/// How a model is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteOptions {
    /// Whether a sharded model becomes its index and its shards again, instead of one file (default `false`).
    pub keep_shards: bool,
    /// Whether files that are there are replaced (default `false`). Files beside the model have the names that the
    /// model has for them, so in the folder of the original they would replace the original's.
    pub overwrite: bool,
    /// The longest ONNX file, in bytes. Where one would be longer, its initializers go to a file beside it, which has
    /// its name and `.data` after it (default 2^31 - 1, the most that protobuf reads).
    pub max_onnx_bytes: u64,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { keep_shards: false, overwrite: false, max_onnx_bytes: i32::MAX as u64 }
    }
}

/// Gives the payload of a tensor by its number. It may be asked for one several times: where a tensor stands in several
/// places, and for lengths that follow from its values.
pub type Payloads<'a, 'p> = dyn FnMut(usize) -> Result<Cow<'p, [u8]>, BoxError> + 'a;

impl Skeleton {
    /// Writes the model to `path` and returns the paths of all files that it has, that one first. Files beside it
    /// (shards, external files) lie in the same folder under the names that the model has for them.
    ///
    /// One payload is in memory at a time. Files are written beside their places and renamed when all are complete, the
    /// one at `path` last: where it is, the model is whole. No system renames several files at once, so where files
    /// beside a model are replaced, the file at `path` goes first. A crash while files are renamed then leaves none
    /// there, what was there under a name of `.mixpress-*.old`, and some of the others replaced. So does a failure, but
    /// for the name: only if the first of these files cannot be replaced, all is as it was.
    ///
    /// # Errors
    /// [`Error::Payload`] and [`Error::PayloadLength`] for what `payloads` gives; [`Error::Exists`], unless
    /// [`overwrite`](WriteOptions::overwrite) is set; [`Error::SamePlace`]; [`Error::LinkInTheWay`] for a file beside the
    /// model; [`Error::Write`]; [`Error::OnnxTooLong`].
    pub fn write(
        &self,
        path: impl AsRef<Path>,
        payloads: &mut Payloads<'_, '_>,
        options: &WriteOptions,
    ) -> Result<Vec<PathBuf>, Error> {
        let path = path.as_ref();
        if self.format == Format::ShardedSafetensors && !options.keep_shards {
            let mut outputs = Outputs::new(path, &[], options.overwrite)?;
            outputs.write(|writer| self.merged(writer, payloads))?;
            return outputs.finish();
        }
        let mut writing = Writing { skeleton: self, payloads, varints: BTreeMap::new(), moved: BTreeMap::new() };
        for file in &self.files {
            writing.measure(&file.pieces)?;
        }
        let mut beside: Vec<&str> = self.files[1..].iter().map(|file| &file.name[..]).collect();
        let length = writing.length(&self.files[0].pieces);
        let external = (self.format == Format::Onnx && length > options.max_onnx_bytes).then(|| {
            let mut name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.push_str(".data");
            name
        });
        if let Some(name) = &external {
            writing.moved = moved::plan(self, name);
            beside.push(name);
            let length = writing.length(&self.files[0].pieces);
            if length > options.max_onnx_bytes {
                return Err(Error::OnnxTooLong { length, limit: options.max_onnx_bytes });
            }
        }
        let mut outputs = Outputs::new(path, &beside, options.overwrite)?;
        for file in &self.files {
            outputs.write(|writer| writing.pieces(&file.pieces, writer))?;
        }
        if external.is_some() {
            outputs.write(|writer| writing.moved_payloads(writer))?;
        }
        outputs.finish()
    }

    /// Writes the model into a writer: one of a single file, or a sharded one as one file.
    ///
    /// # Errors
    /// [`Error::SeveralFiles`] for a model with external files; otherwise as [`write`](Self::write).
    pub fn write_to(&self, writer: &mut dyn Write, payloads: &mut Payloads<'_, '_>) -> Result<(), Error> {
        let written = if self.format == Format::ShardedSafetensors {
            self.merged(writer, payloads)
        } else if self.files.len() > 1 {
            return Err(Error::SeveralFiles { count: self.files.len() });
        } else {
            let mut writing = Writing { skeleton: self, payloads, varints: BTreeMap::new(), moved: BTreeMap::new() };
            writing.measure(&self.files[0].pieces)?;
            writing.pieces(&self.files[0].pieces, writer)
        };
        written.map_err(|filling| match filling {
            Filling::Io(source) => Error::Write { path: self.files[0].name.clone().into(), source },
            Filling::Other(error) => error,
        })
    }

    /// A sharded model as one file.
    fn merged(&self, writer: &mut dyn Write, payloads: &mut Payloads<'_, '_>) -> Result<(), Filling> {
        let plan = safetensors::plan(&self.files[1..], &self.tensors)?;
        writer.write_all(&plan.head)?;
        for tensor in plan.tensors {
            writer.write_all(&checked(self, payloads, tensor)?)?;
        }
        Ok(())
    }
}

/// The payload of a tensor, which has the tensor's length.
fn checked<'p>(skeleton: &Skeleton, payloads: &mut Payloads<'_, 'p>, tensor: usize) -> Result<Cow<'p, [u8]>, Error> {
    let info = &skeleton.tensors[tensor];
    let payload = payloads(tensor).map_err(|source| Error::Payload { tensor: info.name().into(), source })?;
    let found = payload.len() as u64;
    if found != info.bytes {
        return Err(Error::PayloadLength { tensor: info.name().into(), expected: info.bytes, found });
    }
    Ok(payload)
}

struct Writing<'s, 'a, 'b, 'p> {
    skeleton: &'s Skeleton,
    payloads: &'a mut Payloads<'b, 'p>,
    /// Lengths of tensors in holes whose length depends on the values.
    varints: BTreeMap<usize, u64>,
    /// Fields that stand for tensors which go to another file.
    moved: BTreeMap<usize, moved::Moved>,
}

impl Writing<'_, '_, '_, '_> {
    /// Finds the lengths of holes that depend on their values.
    fn measure(&mut self, pieces: &[Piece]) -> Result<(), Error> {
        for piece in pieces {
            match piece {
                Piece::Nested(nested) => self.measure(&nested.content)?,
                &Piece::Hole(Hole { tensor, encoding: Encoding::Varints, .. })
                    if !self.varints.contains_key(&tensor) =>
                {
                    let payload = checked(self.skeleton, self.payloads, tensor)?;
                    let element = self.skeleton.tensors[tensor].element;
                    self.varints.insert(tensor, Encoding::Varints.length(element, &payload));
                }
                Piece::Hole(_) | Piece::Literal(_) => {}
            }
        }
        Ok(())
    }

    /// Bytes of these pieces as they will be written.
    fn length(&self, pieces: &[Piece]) -> u64 {
        pieces.iter().map(|piece| self.length_of(piece)).fold(0, u64::saturating_add)
    }

    fn length_of(&self, piece: &Piece) -> u64 {
        match piece {
            Piece::Literal(bytes) => bytes.len() as u64,
            Piece::Hole(hole) => {
                let bytes = self.skeleton.tensors[hole.tensor].bytes;
                hole.encoding.fixed_length(bytes).unwrap_or_else(|| self.varints[&hole.tensor])
            }
            Piece::Nested(nested) => {
                if let Some(field) = self.moved_field(nested) {
                    return field.len() as u64;
                }
                let content = self.length(&nested.content);
                (nested.tag.len() as u64 + prefix(&nested.length, content).len() as u64).saturating_add(content)
            }
        }
    }

    /// What stands for a field whose tensor goes to another file.
    fn moved_field(&self, nested: &Nested) -> Option<&[u8]> {
        match nested.content[..] {
            [Piece::Hole(Hole { tensor, movable: true, .. })] => self.moved.get(&tensor).map(|moved| &moved.field[..]),
            _ => None,
        }
    }

    fn pieces(&mut self, pieces: &[Piece], writer: &mut dyn Write) -> Result<(), Filling> {
        for piece in pieces {
            match piece {
                Piece::Literal(bytes) => writer.write_all(bytes)?,
                Piece::Hole(hole) => {
                    let payload = checked(self.skeleton, self.payloads, hole.tensor)?;
                    let element = self.skeleton.tensors[hole.tensor].element;
                    hole.encoding.encode(element, &payload, &mut |part| writer.write_all(part))?;
                }
                Piece::Nested(nested) => {
                    if let Some(field) = self.moved_field(nested) {
                        writer.write_all(field)?;
                        continue;
                    }
                    writer.write_all(&nested.tag)?;
                    writer.write_all(&prefix(&nested.length, self.length(&nested.content)))?;
                    self.pieces(&nested.content, writer)?;
                }
            }
        }
        Ok(())
    }

    /// The file of tensors that go out of an ONNX file.
    fn moved_payloads(&mut self, writer: &mut dyn Write) -> Result<(), Filling> {
        let mut at = 0;
        for (&tensor, moved) in &self.moved {
            writer.write_all(&vec![0; (moved.offset - at) as usize])?;
            let payload = checked(self.skeleton, self.payloads, tensor)?;
            writer.write_all(&payload)?;
            at = moved.offset + payload.len() as u64;
        }
        Ok(())
    }
}
