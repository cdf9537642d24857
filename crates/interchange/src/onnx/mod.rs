//! ONNX models: a walk over their protobuf messages that finds tensors wherever they stand.
//!
//! The walk knows the few fields that lead to tensors (numbers of `onnx.proto`), and steps over all others without
//! looking into them. What it does not know therefore stays as it is.

mod contained;
mod external;
mod tensor;

use std::collections::HashMap;
use std::ops::Range;

use crate::Error;
use crate::location::folder_of;
use crate::piece::{Cut, cut};
use crate::reading::{FileParts, Reading};
use crate::source::Source;
use crate::wire::{Field, Walker, Wire};

pub use contained::self_contained;
use external::Externals;

/// Whether a file begins as an ONNX model does: with fields of `ModelProto`, each of its type.
pub(crate) fn is_model(source: &Source) -> Result<bool, Error> {
    let mut walker = Walker::new(source);
    let (mut at, mut known) = (0, 0);
    while known < 2 {
        match walker.field(&mut at, source.length()) {
            Ok(Some(field)) if is_model_field(&field) => known += 1,
            Ok(None) => break,
            // A file that was cut off within its second field is a truncated model.
            Err(Error::Wire { .. }) if known > 0 => break,
            Ok(Some(_)) | Err(Error::Wire { .. }) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(known > 0)
}

fn is_model_field(field: &Field) -> bool {
    match field.number {
        1 | 5 => matches!(field.wire, Wire::Varint(_)),
        2..=4 | 6..=8 | 14 | 20 | 25 | 26 => field.wire == Wire::Delimited,
        _ => false,
    }
}

/// Reads a model and the external files that its tensors lie in.
pub(crate) fn read(reading: &mut Reading, source: Source, name: String) -> Result<Vec<FileParts>, Error> {
    let externals = Externals::new(folder_of(source.path()), source.path());
    let mut reader = Reader { walker: Walker::new(&source), reading, externals, names: HashMap::new(), depth: 0 };
    // The model itself is source 0, which `reading` gets when the walk that borrows it is done.
    let cuts = reader.model(0..source.length())?;
    let externals = reader.externals;
    let pieces = cut(&source, 0..source.length(), cuts, &mut reading.budget)?;
    let mut files = vec![FileParts { name, pieces }];
    reading.sources.push(source);
    files.extend(externals.finish(reading)?);
    Ok(files)
}

struct Reader<'a> {
    walker: Walker<'a>,
    reading: &'a mut Reading,
    externals: Externals,
    /// Names that are taken, each with the numbers that were put after it.
    names: HashMap<String, u64>,
    depth: u32,
}

/// Where a tensor stands.
struct Standing<'a> {
    /// Names of what encloses it, with `/` after each.
    path: &'a str,
    /// What it is called where it has no name that counts.
    called: &'a str,
    /// Whether it is an initializer: its name is that of a value, and all runtimes look for its external data.
    initializer: bool,
}

impl Reader<'_> {
    /// Goes through a message and gathers what `see` cuts out of its delimited fields.
    fn message(
        &mut self,
        range: Range<u64>,
        mut see: impl FnMut(&mut Self, &Field, &mut Vec<Cut>) -> Result<(), Error>,
    ) -> Result<Vec<Cut>, Error> {
        let (mut at, mut cuts) = (range.start, Vec::new());
        while let Some(field) = self.walker.field(&mut at, range.end)? {
            if field.wire == Wire::Delimited {
                see(self, &field, &mut cuts)?;
            }
        }
        Ok(cuts)
    }

    fn model(&mut self, range: Range<u64>) -> Result<Vec<Cut>, Error> {
        let mut trainings = 0;
        self.message(range, |reader, field, cuts| {
            let inner = match field.number {
                7 => reader.graph(field.value.clone(), "")?,
                20 => {
                    trainings += 1;
                    reader.training(field.value.clone(), trainings - 1)?
                }
                25 => reader.function(field.value.clone())?,
                _ => return Ok(()),
            };
            nest(field, inner, cuts);
            Ok(())
        })
    }

    fn training(&mut self, range: Range<u64>, number: usize) -> Result<Vec<Cut>, Error> {
        self.message(range, |reader, field, cuts| {
            let part = match field.number {
                1 => "initialization",
                2 => "algorithm",
                _ => return Ok(()),
            };
            let inner = reader.graph(field.value.clone(), &format!("training_{number}/{part}/"))?;
            nest(field, inner, cuts);
            Ok(())
        })
    }

    fn function(&mut self, range: Range<u64>) -> Result<Vec<Cut>, Error> {
        let name = self.text(range.clone(), 1)?.unwrap_or_else(|| "function".into());
        let path = format!("{name}/");
        let mut nodes = 0;
        self.message(range, |reader, field, cuts| {
            let inner = match field.number {
                7 => {
                    nodes += 1;
                    reader.node(field.value.clone(), &path, nodes - 1)?
                }
                11 => reader.attribute(field.value.clone(), &path, &name, false)?,
                _ => return Ok(()),
            };
            nest(field, inner, cuts);
            Ok(())
        })
    }

    fn graph(&mut self, range: Range<u64>, path: &str) -> Result<Vec<Cut>, Error> {
        if self.depth == self.reading.limits.max_depth {
            let file = self.walker.source().path().into();
            return Err(Error::Depth { path: file, offset: range.start, limit: self.depth });
        }
        self.depth += 1;
        let mut nodes = 0;
        let cuts = self.message(range, |reader, field, cuts| {
            let value = field.value.clone();
            let standing = Standing { path, called: "initializer", initializer: true };
            let inner = match field.number {
                1 => {
                    nodes += 1;
                    reader.node(value, path, nodes - 1)?
                }
                5 => reader.tensor(value, &standing)?,
                15 => {
                    let name = reader.sparse_name(value.clone())?.unwrap_or_else(|| "sparse".into());
                    reader.sparse(value, path, &name)?
                }
                _ => return Ok(()),
            };
            nest(field, inner, cuts);
            Ok(())
        });
        self.depth -= 1;
        cuts
    }

    fn node(&mut self, range: Range<u64>, path: &str, number: usize) -> Result<Vec<Cut>, Error> {
        let (mut at, mut attributes) = (range.start, false);
        while let Some(field) = self.walker.field(&mut at, range.end)? {
            attributes |= field.is(5, Wire::Delimited);
        }
        if !attributes {
            return Ok(Vec::new());
        }
        let operator = self.text(range.clone(), 4)?.unwrap_or_default();
        let constant = operator == "Constant";
        // A constant is known by the value that it makes, any other node by its own name.
        let name = self.text(range.clone(), if constant { 2 } else { 3 })?.filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| format!("{operator}_{number}"));
        self.message(range, |reader, field, cuts| {
            if field.number == 5 {
                let inner = reader.attribute(field.value.clone(), path, &name, constant)?;
                nest(field, inner, cuts);
            }
            Ok(())
        })
    }

    /// An attribute of the node, or the function, called `owner`.
    fn attribute(&mut self, range: Range<u64>, path: &str, owner: &str, constant: bool) -> Result<Vec<Cut>, Error> {
        const LEADS_TO_TENSORS: [u64; 7] = [5, 6, 7, 10, 11, 22, 23];
        let (mut at, mut leads) = (range.start, false);
        while let Some(field) = self.walker.field(&mut at, range.end)? {
            leads |= LEADS_TO_TENSORS.contains(&field.number);
        }
        if !leads {
            return Ok(Vec::new());
        }
        let name = self.text(range.clone(), 1)?.unwrap_or_default();
        let full = format!("{owner}/{name}");
        let called = if constant { owner } else { &full };
        if constant && name == "value_floats" {
            return self.floats(range, &format!("{path}{called}"));
        }
        let mut graphs = 0;
        self.message(range, |reader, field, cuts| {
            let value = field.value.clone();
            let inner = match field.number {
                5 | 10 => reader.tensor(value, &Standing { path, called, initializer: false })?,
                6 => reader.graph(value, &format!("{path}{full}/"))?,
                11 => {
                    graphs += 1;
                    reader.graph(value, &format!("{path}{full}_{}/", graphs - 1))?
                }
                22 | 23 => reader.sparse(value, path, called)?,
                _ => return Ok(()),
            };
            nest(field, inner, cuts);
            Ok(())
        })
    }

    /// A sparse tensor is two: its values and their places.
    fn sparse(&mut self, range: Range<u64>, path: &str, name: &str) -> Result<Vec<Cut>, Error> {
        let indices = format!("{name}/indices");
        self.message(range, |reader, field, cuts| {
            let called = match field.number {
                1 => name,
                2 => &indices,
                _ => return Ok(()),
            };
            let inner = reader.tensor(field.value.clone(), &Standing { path, called, initializer: false })?;
            nest(field, inner, cuts);
            Ok(())
        })
    }

    /// The name of a sparse initializer is that of its values.
    fn sparse_name(&mut self, range: Range<u64>) -> Result<Option<String>, Error> {
        let mut at = range.start;
        while let Some(field) = self.walker.field(&mut at, range.end)? {
            if field.is(1, Wire::Delimited) {
                return Ok(self.text(field.value, 8)?.filter(|name| !name.is_empty()));
            }
        }
        Ok(None)
    }

    /// The first text with this number in a message.
    fn text(&mut self, range: Range<u64>, number: u64) -> Result<Option<String>, Error> {
        let mut at = range.start;
        while let Some(field) = self.walker.field(&mut at, range.end)? {
            if field.is(number, Wire::Delimited) {
                return self.label(&field.value).map(Some);
            }
        }
        Ok(None)
    }

    /// A text of the file, to call something by it. Longer ones would let paths of names grow beyond measure.
    fn label(&self, range: &Range<u64>) -> Result<String, Error> {
        const LONGEST: u64 = 4096;
        if range.end - range.start > LONGEST {
            return Err(self.walker.error(range.start, "names of more than 4096 bytes are not read"));
        }
        Ok(String::from_utf8_lossy(&self.walker.bytes(range)?).into_owned())
    }

    /// A name that no tensor has yet: this one, or this one with a number.
    fn fresh(&mut self, name: String) -> String {
        let Some(mut number) = self.names.get(&name).copied() else {
            self.names.insert(name.clone(), 1);
            return name;
        };
        let fresh = loop {
            number += 1;
            let fresh = format!("{name}_{number}");
            if !self.names.contains_key(&fresh) {
                break fresh;
            }
        };
        self.names.insert(name, number);
        self.names.insert(fresh.clone(), 1);
        fresh
    }
}

/// A field becomes a nested piece where something was cut out of it.
fn nest(field: &Field, inner: Vec<Cut>, cuts: &mut Vec<Cut>) {
    if !inner.is_empty() {
        cuts.push(Cut::Nested(field.places(), inner));
    }
}
