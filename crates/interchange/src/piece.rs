//! What a file is made of: bytes that stay, holes for payloads, and messages whose length is told in front of them.

use std::borrow::Cow;
use std::ops::Range;

use crate::source::Source;
use crate::{Element, Error, limits::Budget, varint};

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Bytes that stay as they are.
    Literal(Vec<u8>),
    /// A payload goes here.
    Hole(Hole),
    /// A length-delimited field of protobuf with a hole in it.
    Nested(Nested),
}

/// Where a payload goes, and how it is written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hole {
    /// Number of the tensor.
    pub tensor: usize,
    /// How its values are written.
    pub encoding: Encoding,
    /// Whether the field that holds nothing but this hole may give way to external data.
    pub movable: bool,
}

/// How values are written into a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As they are, little-endian.
    Raw,
    /// Values of four bytes, each after this byte, the tag of its field.
    Tagged(u8),
    /// Whole numbers as varints, each in the fewest bytes.
    Varints,
}

/// A field whose content has a length, which is told before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Nested {
    /// The bytes of the tag.
    pub tag: Vec<u8>,
    /// The bytes of the length, as the source had them. They stay where the content's length does.
    pub length: Vec<u8>,
    /// The content.
    pub content: Vec<Piece>,
}

/// A place of a source that does not become a literal.
#[derive(Debug)]
pub(crate) enum Cut {
    /// A range that becomes a hole.
    Hole(Range<u64>, Hole),
    /// A field, by where its tag, its length and its content begin and where that ends, with the cuts of its content.
    Nested([u64; 4], Vec<Cut>),
}

impl Cut {
    fn range(&self) -> Range<u64> {
        match self {
            Self::Hole(range, _) => range.clone(),
            Self::Nested([start, .., end], _) => *start..*end,
        }
    }
}

/// Cuts a range of a source into pieces; cuts ascend and do not overlap.
pub(crate) fn cut(
    source: &Source,
    range: Range<u64>,
    cuts: Vec<Cut>,
    budget: &mut Budget,
) -> Result<Vec<Piece>, Error> {
    let mut pieces = Vec::with_capacity(2 * cuts.len() + 1);
    let mut at = range.start;
    let literal = |range: Range<u64>, pieces: &mut Vec<Piece>, budget: &mut Budget| {
        if !range.is_empty() {
            budget.spend(range.end - range.start)?;
            pieces.push(Piece::Literal(source.read(range)?));
        }
        Ok::<_, Error>(())
    };
    for cut_out in cuts {
        let place = cut_out.range();
        literal(at..place.start, &mut pieces, budget)?;
        at = place.end;
        // For itself, a literal beside it, and what else it costs when it is read back.
        budget.spend(4 * size_of::<Piece>() as u64)?;
        pieces.push(match cut_out {
            Cut::Hole(_, hole) => Piece::Hole(hole),
            Cut::Nested([start, length, content, end], cuts) => Piece::Nested(Nested {
                tag: source.read(start..length)?,
                length: source.read(length..content)?,
                content: cut(source, content..end, cuts, budget)?,
            }),
        });
    }
    literal(at..range.end, &mut pieces, budget)?;
    Ok(pieces)
}

/// The bytes of a length: those that the source had where it is the same, the fewest otherwise.
pub(crate) fn prefix(source: &[u8], length: u64) -> Cow<'_, [u8]> {
    if varint::take(source).is_some_and(|(before, _)| before == length) {
        return Cow::Borrowed(source);
    }
    let mut bytes = Vec::new();
    varint::put(length, &mut bytes);
    Cow::Owned(bytes)
}

/// Calls `see` for every hole in these pieces, in order.
pub(crate) fn each_hole(pieces: &mut [Piece], see: &mut impl FnMut(&mut Hole)) {
    for piece in pieces {
        match piece {
            Piece::Literal(_) => {}
            Piece::Hole(hole) => see(hole),
            Piece::Nested(nested) => each_hole(&mut nested.content, see),
        }
    }
}

impl Encoding {
    /// Bytes of a hole that has this payload.
    pub(crate) fn length(self, element: Element, payload: &[u8]) -> u64 {
        match self {
            Self::Raw => payload.len() as u64,
            Self::Tagged(_) => payload.len() as u64 / 4 * 5,
            Self::Varints => numbers(element, payload).map(varint::length).sum(),
        }
    }

    /// Bytes of a hole for a payload of so many, where that does not depend on the values.
    pub(crate) fn fixed_length(self, bytes: u64) -> Option<u64> {
        match self {
            Self::Raw => Some(bytes),
            Self::Tagged(_) => Some((bytes / 4).saturating_mul(5)),
            Self::Varints => None,
        }
    }

    /// The payload as it stands in the file, handed to `write` in a few parts.
    pub(crate) fn encode<E>(
        self,
        element: Element,
        payload: &[u8],
        write: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        /// Bytes of a part: a multiple of every width.
        const PART: usize = 1 << 16;
        if self == Self::Raw {
            return write(payload);
        }
        let mut part = Vec::new();
        for payload in payload.chunks(PART) {
            part.clear();
            match self {
                Self::Raw => {}
                Self::Tagged(tag) => {
                    for value in payload.chunks(4) {
                        part.push(tag);
                        part.extend_from_slice(value);
                    }
                }
                Self::Varints => numbers(element, payload).for_each(|number| varint::put(number, &mut part)),
            }
            write(&part)?;
        }
        Ok(())
    }

    /// The payload of a hole with these bytes; `None` where encoding it would give others.
    pub(crate) fn decode(self, element: Element, bytes: Vec<u8>) -> Option<Vec<u8>> {
        match self {
            Self::Raw => Some(bytes),
            Self::Tagged(tag) => {
                let whole = bytes.len().is_multiple_of(5) && bytes.chunks(5).all(|value| value[0] == tag);
                whole.then(|| bytes.chunks(5).flat_map(|value| &value[1..]).copied().collect())
            }
            Self::Varints => {
                let width = element.bits() as usize / 8;
                let mut payload = Vec::new();
                let (mut rest, mut again) = (&bytes[..], Vec::new());
                while !rest.is_empty() {
                    let (number, taken) = varint::take(rest)?;
                    let value = &number.to_le_bytes()[..width];
                    again.clear();
                    varint::put(extended(element, value), &mut again);
                    if again != rest[..taken] {
                        return None;
                    }
                    payload.extend_from_slice(value);
                    rest = &rest[taken..];
                }
                Some(payload)
            }
        }
    }
}

/// The entries of a payload as protobuf sees them: whole numbers of 64 bits.
fn numbers(element: Element, payload: &[u8]) -> impl Iterator<Item = u64> {
    payload.chunks_exact(element.bits() as usize / 8).map(move |value| extended(element, value))
}

/// One little-endian value of at most eight bytes, with its sign.
fn extended(element: Element, value: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    bytes[..value.len()].copy_from_slice(value);
    let number = u64::from_le_bytes(bytes);
    let above = 64 - 8 * value.len();
    if element.is_signed() { ((number << above) as i64 >> above) as u64 } else { number }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(encoding: Encoding, element: Element, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut write = |part: &[u8]| {
            bytes.extend_from_slice(part);
            Ok::<_, ()>(())
        };
        encoding.encode(element, payload, &mut write).unwrap();
        bytes
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn payloads_come_back_in_every_encoding(values in prop::collection::vec(any::<u64>(), 0..40)) {
            let payload: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            for (encoding, element) in [
                (Encoding::Raw, Element::F32), (Encoding::Tagged(0x3D), Element::F32), (Encoding::Varints, Element::F16),
                (Encoding::Varints, Element::I8), (Encoding::Varints, Element::I32), (Encoding::Varints, Element::U32),
                (Encoding::Varints, Element::I64), (Encoding::Varints, Element::U64), (Encoding::Varints, Element::Bool),
            ] {
                let bytes = encoded(encoding, element, &payload);
                prop_assert_eq!(bytes.len() as u64, encoding.length(element, &payload));
                prop_assert_eq!(encoding.decode(element, bytes), Some(payload.clone()));
            }
        }

        #[test]
        fn what_decodes_encodes_to_the_same_bytes(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            for element in [Element::F16, Element::I8, Element::I32, Element::U64] {
                if let Some(payload) = Encoding::Varints.decode(element, bytes.clone()) {
                    prop_assert_eq!(&encoded(Encoding::Varints, element, &payload), &bytes);
                }
            }
        }
    }

    #[test]
    fn negative_numbers_are_written_as_protobuf_does() {
        let minus_one = encoded(Encoding::Varints, Element::I8, &[0xFF]);
        assert_eq!(minus_one, [[0xFF; 9].as_slice(), &[0x01]].concat());
        assert_eq!(encoded(Encoding::Varints, Element::F16, &[0xFF, 0xFF]), [0xFF, 0xFF, 0x03]);
    }

    #[test]
    fn numbers_that_would_be_written_otherwise_do_not_decode() {
        // Not in the fewest bytes; beyond 16 bits; minus one without its upper bits; beyond 64 bits.
        for (element, bytes) in [
            (Element::U8, &[0x81, 0x00][..]),
            (Element::F16, &[0x80, 0x80, 0x04]),
            (Element::I8, &[0xFF, 0x01]),
            (Element::U64, &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x03]),
        ] {
            assert_eq!(Encoding::Varints.decode(element, bytes.to_vec()), None);
        }
        assert_eq!(Encoding::Tagged(0x3D).decode(Element::F32, vec![0x3D, 0, 0, 0, 0, 0x3C, 0, 0, 0, 0]), None);
    }
}
