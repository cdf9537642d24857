//! One `TensorProto`: what it is, where its values stand, and whether they can be cut out.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Reader, Standing, external};
use crate::piece::{Cut, Encoding, Hole};
use crate::reading::{Found, Place, Why};
use crate::wire::{Field, Wire};
use crate::{Element, Error};

/// Tensors of trained weights with fewer bytes stay in the skeleton.
const SMALL_WEIGHTS: u64 = 64;
/// Other tensors with fewer bytes stay there.
const SMALL: u64 = 1024;
/// More axes than any tensor has.
const MOST_AXES: usize = 1024;
/// `TensorProto.DataType.STRING`.
const TEXTS: i64 = 8;

/// The fields of a tensor.
#[derive(Default)]
pub(super) struct Message {
    pub dims: Vec<i64>,
    pub data_type: i64,
    pub name: Option<String>,
    pub segment: bool,
    pub has_location: bool,
    pub external: bool,
    pub entries: Vec<Range<u64>>,
    pub raw: Values,
    /// Those with a type, by their field's number.
    pub typed: BTreeMap<u64, Values>,
}

/// Where the values of one field stand.
#[derive(Default)]
pub(super) struct Values {
    /// Fields that hold many values, packed.
    pub packed: Vec<Field>,
    /// Fields that hold one value of four bytes each, side by side.
    run: Option<Range<u64>>,
    /// Whether there are others.
    scattered: bool,
}

impl Values {
    fn add(&mut self, field: Field) {
        let one = field.wire == Wire::Fixed32 && field.after_tag - field.start == 1;
        match &mut self.run {
            _ if field.wire == Wire::Delimited => {
                // Nothing is remembered of a third part: two are already too many.
                if self.packed.len() < 2 {
                    self.packed.push(field);
                }
            }
            Some(run) if one && run.end == field.start => run.end = field.value.end,
            None if one => self.run = Some(field.start..field.value.end),
            _ => self.scattered = true,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packed.is_empty() && self.run.is_none() && !self.scattered
    }
}

/// Number and encoding of the field that holds values of this type where `raw_data` does not.
fn typed_field(element: Element) -> Option<(u64, Encoding)> {
    use Element::{C64, C128, F32, F64, I64, U32, U64};
    match element {
        F32 | C64 => Some((4, Encoding::Raw)),
        F64 | C128 => Some((10, Encoding::Raw)),
        I64 => Some((7, Encoding::Varints)),
        U32 | U64 => Some((11, Encoding::Varints)),
        _ if element.bits() >= 8 => Some((5, Encoding::Varints)),
        _ => None,
    }
}

/// Whether a tensor is worth a hole.
pub(super) fn is_small(element: Element, bytes: u64) -> bool {
    bytes < if element.is_compressible() { SMALL_WEIGHTS } else { SMALL }
}

impl Reader<'_> {
    /// What is cut out of a tensor's message.
    pub(super) fn tensor(&mut self, range: Range<u64>, standing: &Standing) -> Result<Vec<Cut>, Error> {
        let message = self.tensor_message(range)?;
        let own = message.name.as_deref().filter(|name| standing.initializer && !name.is_empty());
        let name = format!("{}{}", standing.path, own.unwrap_or(standing.called));
        let Some(element) = Element::of_onnx(message.data_type) else {
            let why = if message.data_type == TEXTS { Why::Texts } else { Why::UnknownType };
            return self.stays(name, 0, why);
        };
        let shape = shape(&name, &message.dims)?;
        let Some(bits) = element.bits_of(&shape) else {
            return Err(Error::ShapeOverflow { tensor: name, shape, element });
        };
        let bytes = bits.div_ceil(8);
        if message.segment {
            return self.stays(name, bytes, Why::InParts);
        }
        if message.external {
            let entries = self.entries(&name, &message.entries)?;
            return self.external(external::Claim { name, shape, element, bytes }, &entries);
        }
        let typed = typed_field(element);
        let used: Vec<_> = message.typed.iter().collect();
        let (values, encoding) = match (message.raw.is_empty(), &used[..], typed) {
            (true, [], _) if bytes == 0 => return self.stays(name, 0, Why::Small),
            (true, [], _) => return self.stays(name, bytes, Why::NoValues),
            (false, [], _) => (&message.raw, Encoding::Raw),
            (true, [(number, values)], Some((expected, encoding))) if **number == expected => (*values, encoding),
            (true, [_], _) => return self.stays(name, bytes, Why::Unusual),
            _ => return self.stays(name, bytes, Why::InParts),
        };
        let (place, encoding, field) = match values {
            Values { packed, run: None, scattered: false } if packed.len() == 1 => {
                (packed[0].value.clone(), encoding, Some(packed[0].places()))
            }
            Values { packed, run: Some(run), scattered: false } if packed.is_empty() && element == Element::F32 => {
                (run.clone(), Encoding::Tagged(self.walker.bytes(&(run.start..run.start + 1))?[0]), None)
            }
            _ => return self.stays(name, bytes, Why::InParts),
        };
        let movable = field.is_some() && standing.initializer && !message.has_location;
        let found = external::Claim { name, shape, element, bytes };
        let hole = self.hole(found, place.clone(), encoding, movable)?;
        Ok(hole.map_or_else(Vec::new, |hole| around(field, Cut::Hole(place, hole))))
    }

    /// A hole for values in the model's own file, unless they are few or would not come back as they are.
    fn hole(
        &mut self,
        claim: external::Claim,
        range: Range<u64>,
        encoding: Encoding,
        movable: bool,
    ) -> Result<Option<Hole>, Error> {
        let external::Claim { name, shape, element, bytes } = claim;
        let stored = range.end - range.start;
        // What was found is told in bytes of the payload, where it can be.
        let found = match encoding {
            Encoding::Raw => Some(stored),
            Encoding::Tagged(_) => Some(stored / 5 * 4),
            Encoding::Varints => {
                encoding.decode(element, self.walker.bytes(&range)?).map(|payload| payload.len() as u64)
            }
        };
        if let Some(found) = found.filter(|&found| found != bytes) {
            return Err(Error::TensorLength { tensor: name, shape, element, expected: bytes, found });
        }
        let why = match found {
            _ if is_small(element, bytes) => Some(Why::Small),
            None => Some(Why::Unusual),
            Some(_) => None,
        };
        if let Some(why) = why {
            self.stays(name, bytes, why)?;
            return Ok(None);
        }
        let name = self.fresh(name);
        let place = Place { source: 0, range, encoding };
        let tensor = self.reading.add(Found { name, shape, element, bytes, place })?;
        Ok(Some(Hole { tensor, encoding, movable }))
    }

    /// The list of floats of a constant that has it instead of a tensor.
    pub(super) fn floats(&mut self, range: Range<u64>, name: &str) -> Result<Vec<Cut>, Error> {
        let mut values = Values::default();
        let mut at = range.start;
        while let Some(field) = self.walker.field(&mut at, range.end)? {
            if field.number == 7 {
                values.add(field);
            }
        }
        let name = name.to_owned();
        let (place, encoding, field) = match values {
            Values { packed, run: None, scattered: false } if packed.len() == 1 => {
                (packed[0].value.clone(), Encoding::Raw, Some(packed[0].places()))
            }
            Values { packed, run: Some(run), scattered: false } if packed.is_empty() => {
                let tag = self.walker.bytes(&(run.start..run.start + 1))?[0];
                (run, Encoding::Tagged(tag), None)
            }
            _ => return self.stays(name, 0, Why::InParts),
        };
        let stored = place.end - place.start;
        let count = if encoding == Encoding::Raw { stored / 4 } else { stored / 5 };
        let claim = external::Claim { name, shape: vec![count], element: Element::F32, bytes: 4 * count };
        let hole = self.hole(claim, place.clone(), encoding, false)?;
        Ok(hole.map_or_else(Vec::new, |hole| around(field, Cut::Hole(place, hole))))
    }

    /// A tensor that stays in the skeleton.
    pub(super) fn stays(&mut self, name: String, bytes: u64, why: Why) -> Result<Vec<Cut>, Error> {
        let name = self.fresh(name);
        self.reading.keep(name, bytes, why)?;
        Ok(Vec::new())
    }

    pub(super) fn tensor_message(&mut self, range: Range<u64>) -> Result<Message, Error> {
        let mut message = Message::default();
        let mut at = range.start;
        while let Some(field) = self.walker.field(&mut at, range.end)? {
            let number = field.number_held();
            match field.number {
                1 => self.dims(&field, &mut message.dims)?,
                2 => message.data_type = number.map_or(0, |number| number as i64),
                3 => message.segment = true,
                8 if field.wire == Wire::Delimited => message.name = Some(self.label(&field.value)?),
                9 if field.wire == Wire::Delimited => message.raw.add(field),
                13 if field.wire == Wire::Delimited => message.entries.push(field.value),
                14 => {
                    message.has_location = true;
                    message.external = number == Some(1);
                }
                4 | 5 | 7 | 10 | 11 => message.typed.entry(field.number).or_default().add(field),
                _ => {}
            }
            if message.entries.len() > external::MOST_ENTRIES {
                return Err(self.walker.error(range.start, "a tensor has at most 64 entries of external data"));
            }
        }
        Ok(message)
    }

    /// Dimensions, one by one or packed.
    fn dims(&mut self, field: &Field, dims: &mut Vec<i64>) -> Result<(), Error> {
        match field.wire {
            Wire::Varint(value) => dims.push(value as i64),
            Wire::Delimited => {
                let mut at = field.value.start;
                while at < field.value.end && dims.len() <= MOST_AXES {
                    let (value, after) = self.walker.varint(at, field.value.end)?;
                    dims.push(value as i64);
                    at = after;
                }
            }
            _ => return Err(self.walker.error(field.start, "dimensions are whole numbers")),
        }
        if dims.len() > MOST_AXES {
            return Err(self.walker.error(field.start, "a tensor has at most 1024 axes"));
        }
        Ok(())
    }
}

/// A hole within the field that holds it, where there is one field for all its values.
fn around(field: Option<[u64; 4]>, hole: Cut) -> Vec<Cut> {
    vec![match field {
        Some(places) => Cut::Nested(places, vec![hole]),
        None => hole,
    }]
}

/// Dimensions as lengths.
pub(super) fn shape(tensor: &str, dims: &[i64]) -> Result<Vec<u64>, Error> {
    let length = |(axis, &value): (usize, &i64)| {
        u64::try_from(value).map_err(|_| Error::Dimension { tensor: tensor.into(), axis, value })
    };
    dims.iter().enumerate().map(length).collect()
}
