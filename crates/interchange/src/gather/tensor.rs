//! What a `TensorProto` of a skeleton says of itself.

use super::message::{Content, Field};
use crate::{Element, Error, varint};

/// A tensor of a model.
#[derive(Debug)]
pub(super) struct Tensor<'a> {
    pub fields: Vec<Field<'a>>,
    /// Its name; empty where it has none.
    pub name: &'a [u8],
    /// The number of the tensor whose payload it has a hole for.
    pub hole: Option<usize>,
    /// Where its values lie in another file.
    pub place: Option<Place>,
    pub shape: Vec<u64>,
    pub element: Option<Element>,
}

/// A place in another file, as a tensor says it.
#[derive(Debug, Default)]
pub(super) struct Place {
    pub location: String,
    pub offset: u64,
    /// Bytes, where it says them.
    pub length: Option<u64>,
}

impl<'a> Tensor<'a> {
    pub(super) fn of(content: Content<'a>) -> Result<Self, Error> {
        let fields = content.fields()?;
        let (mut name, mut hole, mut shape, mut element) = (&b""[..], None, Vec::new(), None);
        let (mut is_outside, mut place) = (false, Place::default());
        for field in &fields {
            match field.number {
                1 => dims(field, &mut shape)?,
                2 => element = field.number_held().and_then(|number| Element::of_onnx(number as i64)),
                8 => name = field.text().unwrap_or_default(),
                13 => {
                    if let Some(entry) = field.content() {
                        place.entry(entry)?;
                    }
                }
                14 => is_outside = field.number_held() == Some(1),
                _ => hole = hole.or(field.hole().map(|hole| hole.tensor)),
            }
        }
        Ok(Self { fields, name, hole, place: is_outside.then_some(place), shape, element })
    }

    /// Fields that say nothing of type, name or values: those of a text, of metadata, and whatever is not known here.
    pub(super) fn others(&self) -> impl Iterator<Item = &Field<'a>> {
        self.fields.iter().filter(|field| !matches!(field.number, 1..=11 | 13 | 14))
    }

    /// The fields that hold its dimensions.
    pub(super) fn dims(&self) -> impl Iterator<Item = &Field<'a>> {
        self.fields.iter().filter(|field| field.number == 1)
    }
}

impl Place {
    fn entry(&mut self, entry: Content) -> Result<(), Error> {
        let text = |number| -> Result<String, Error> {
            Ok(String::from_utf8_lossy(entry.text(number)?.unwrap_or_default()).into_owned())
        };
        match &text(1)?[..] {
            "location" => self.location = text(2)?,
            // What is no number leads to no tensor.
            "offset" => self.offset = text(2)?.parse().unwrap_or(u64::MAX),
            "length" => self.length = Some(text(2)?.parse().unwrap_or(u64::MAX)),
            _ => {}
        }
        Ok(())
    }
}

/// Dimensions, one by one or packed.
fn dims(field: &Field, shape: &mut Vec<u64>) -> Result<(), Error> {
    shape.extend(field.number_held());
    let mut rest = field.text().unwrap_or_default();
    while !rest.is_empty() {
        let (length, taken) = varint::take(rest).ok_or(Error::Truncated { what: "a shape" })?;
        shape.push(length);
        rest = &rest[taken..];
    }
    Ok(())
}
