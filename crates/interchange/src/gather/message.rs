//! Messages of a skeleton, field by field, and messages made anew.
//!
//! Within a file of a skeleton a field is never cut apart: it stands whole in a literal, or it is a nested piece, or a
//! run of fields of one value each is a hole.

use crate::piece::{Encoding, Hole, Nested, Piece, prefix};
use crate::{Error, varint};

/// What a delimited field, or a file, consists of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content<'a> {
    /// Nothing but bytes.
    Bytes(&'a [u8]),
    /// Pieces.
    Pieces(&'a [Piece]),
}

/// One field of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    /// Its number in the message's definition.
    pub number: u64,
    pub value: Value<'a>,
    whole: Whole<'a>,
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    /// A varint.
    Number(u64),
    /// Four or eight bytes.
    Fixed,
    /// Content after its length, with the bytes of tag and length.
    Delimited { tag: &'a [u8], length: &'a [u8], content: Content<'a> },
    /// A hole for a run of fields of this number.
    Run(Hole),
}

/// A field as it stands.
#[derive(Debug, Clone, Copy)]
enum Whole<'a> {
    Bytes(&'a [u8]),
    Piece(&'a Piece),
}

impl<'a> Content<'a> {
    /// The fields of a message.
    pub(super) fn fields(self) -> Result<Vec<Field<'a>>, Error> {
        let mut fields = Vec::new();
        match self {
            Self::Bytes(bytes) => split(bytes, &mut fields)?,
            Self::Pieces(pieces) => {
                for piece in pieces {
                    fields.push(match piece {
                        Piece::Literal(bytes) => {
                            split(bytes, &mut fields)?;
                            continue;
                        }
                        Piece::Hole(hole) => of_hole(*hole, piece)?,
                        Piece::Nested(Nested { tag, length, content }) => {
                            let value = Value::Delimited { tag, length, content: Content::Pieces(content) };
                            Field { number: number(tag)?.0 >> 3, value, whole: Whole::Piece(piece) }
                        }
                    });
                }
            }
        }
        Ok(fields)
    }

    /// The bytes, where there is nothing else.
    pub(super) fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Pieces([]) => Some(&[]),
            Self::Pieces([Piece::Literal(bytes)]) => Some(bytes),
            Self::Pieces(_) => None,
        }
    }

    /// The hole, where there is nothing else.
    pub(super) fn hole(self) -> Option<Hole> {
        match self {
            Self::Pieces(&[Piece::Hole(hole)]) => Some(hole),
            _ => None,
        }
    }

    /// The first text with this number in a message.
    pub(super) fn text(self, number: u64) -> Result<Option<&'a [u8]>, Error> {
        Ok(self.fields()?.iter().filter(|field| field.number == number).find_map(Field::text))
    }
}

impl<'a> Field<'a> {
    /// What it holds after a length.
    pub(super) fn content(&self) -> Option<Content<'a>> {
        match self.value {
            Value::Delimited { content, .. } => Some(content),
            _ => None,
        }
    }

    /// What it holds after a length, where that is nothing but bytes.
    pub(super) fn text(&self) -> Option<&'a [u8]> {
        self.content().and_then(Content::bytes)
    }

    /// The whole number that it holds.
    pub(super) fn number_held(&self) -> Option<u64> {
        match self.value {
            Value::Number(value) => Some(value),
            _ => None,
        }
    }

    /// The hole that it is, or that is all of its content.
    pub(super) fn hole(&self) -> Option<Hole> {
        match self.value {
            Value::Run(hole) => Some(hole),
            _ => self.content().and_then(Content::hole),
        }
    }

    /// Whether it has no holes.
    pub(super) fn is_bytes(&self) -> bool {
        matches!(self.whole, Whole::Bytes(_))
    }
}

fn malformed(value: u64, rule: &'static str) -> Error {
    Error::Malformed { what: "a field", value, rule }
}

/// The number at the front and the bytes that it takes.
fn number(bytes: &[u8]) -> Result<(u64, usize), Error> {
    varint::take(bytes).ok_or(Error::Truncated { what: "a field" })
}

/// A hole that stands in a message without a field around it.
fn of_hole(hole: Hole, piece: &Piece) -> Result<Field<'_>, Error> {
    match hole.encoding {
        Encoding::Tagged(tag) => {
            Ok(Field { number: u64::from(tag) >> 3, value: Value::Run(hole), whole: Whole::Piece(piece) })
        }
        Encoding::Raw | Encoding::Varints => Err(malformed(hole.tensor as u64, "a payload stands where none can")),
    }
}

/// Splits bytes into fields.
fn split<'a>(mut rest: &'a [u8], fields: &mut Vec<Field<'a>>) -> Result<(), Error> {
    let truncated = || Error::Truncated { what: "a field" };
    while !rest.is_empty() {
        let (tag, tag_bytes) = number(rest)?;
        let after = &rest[tag_bytes..];
        let (value, bytes) = match tag & 7 {
            0 => {
                let (value, bytes) = number(after)?;
                (Value::Number(value), bytes)
            }
            1 => (Value::Fixed, 8),
            5 => (Value::Fixed, 4),
            2 => {
                let (length, taken) = number(after)?;
                let end = usize::try_from(length).ok().and_then(|length| length.checked_add(taken));
                let end = end.ok_or_else(truncated)?;
                let content = Content::Bytes(after.get(taken..end).ok_or_else(truncated)?);
                (Value::Delimited { tag: &rest[..tag_bytes], length: &after[..taken], content }, end)
            }
            _ => return Err(malformed(tag, "there is no such wire type in ONNX")),
        };
        let (whole, left) = rest.split_at_checked(tag_bytes + bytes).ok_or_else(truncated)?;
        fields.push(Field { number: tag >> 3, value, whole: Whole::Bytes(whole) });
        rest = left;
    }
    Ok(())
}

/// A message that is made.
#[derive(Debug, Default)]
pub(super) struct Builder {
    pieces: Vec<Piece>,
}

impl Builder {
    /// Appends fields that have no holes.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        match self.pieces.last_mut() {
            Some(Piece::Literal(before)) => before.extend_from_slice(bytes),
            _ if bytes.is_empty() => {}
            _ => self.pieces.push(Piece::Literal(bytes.to_vec())),
        }
    }

    /// Appends a field as it stands.
    pub(super) fn keep(&mut self, field: &Field) {
        match field.whole {
            Whole::Bytes(bytes) => self.bytes(bytes),
            Whole::Piece(piece) => self.pieces.push(piece.clone()),
        }
    }

    /// Appends fields.
    pub(super) fn append(&mut self, fields: Self) {
        for piece in fields.pieces {
            match piece {
                Piece::Literal(bytes) => self.bytes(&bytes),
                other => self.pieces.push(other),
            }
        }
    }

    /// Appends a delimited field with other content than it had; its length stays as it was written where it can.
    pub(super) fn replace(&mut self, tag: &[u8], length: &[u8], content: Self) {
        match &content.pieces[..] {
            [] | [Piece::Literal(_)] => {
                let bytes = Content::Pieces(&content.pieces).bytes().unwrap_or_default();
                self.bytes(tag);
                self.bytes(&prefix(length, bytes.len() as u64));
                self.bytes(bytes);
            }
            _ => {
                let (tag, length) = (tag.to_vec(), length.to_vec());
                self.pieces.push(Piece::Nested(Nested { tag, length, content: content.pieces }));
            }
        }
    }

    /// Appends a new delimited field.
    pub(super) fn field(&mut self, number: u64, content: Self) {
        self.replace(&tag(number, 2), &[], content);
    }

    /// Appends a new field of bytes.
    pub(super) fn text(&mut self, number: u64, bytes: &[u8]) {
        self.bytes(&tag(number, 2));
        self.bytes(&prefix(&[], bytes.len() as u64));
        self.bytes(bytes);
    }

    /// Appends a new field that holds a whole number.
    pub(super) fn number(&mut self, number: u64, value: u64) {
        self.bytes(&tag(number, 0));
        self.bytes(&prefix(&[], value));
    }

    /// Appends a new field for a payload as it is.
    pub(super) fn hole(&mut self, number: u64, tensor: usize, movable: bool) {
        let content = vec![Piece::Hole(Hole { tensor, encoding: Encoding::Raw, movable })];
        self.field(number, Self { pieces: content });
    }

    pub(super) fn finish(self) -> Vec<Piece> {
        self.pieces
    }
}

fn tag(number: u64, wire: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    varint::put(number << 3 | wire, &mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hole(encoding: Encoding) -> Piece {
        Piece::Hole(Hole { tensor: 3, encoding, movable: false })
    }

    /// A message whose field 2 holds a text, field 5 a message with a hole, field 4 a run.
    fn pieces() -> Vec<Piece> {
        let inner = vec![Piece::Literal(vec![8, 1]), hole(Encoding::Tagged(0x25))];
        vec![
            Piece::Literal(vec![8, 0x81, 0, 18, 0x82, 0, b'a', b'b', 29, 1, 2, 3, 4]),
            Piece::Nested(Nested { tag: vec![42], length: vec![7], content: inner }),
            Piece::Nested(Nested { tag: vec![74], length: vec![40], content: vec![hole(Encoding::Raw)] }),
        ]
    }

    #[test]
    fn fields_are_found_in_bytes_and_in_pieces() {
        let pieces = pieces();
        let fields = Content::Pieces(&pieces).fields().unwrap();
        assert_eq!(fields.iter().map(|field| field.number).collect::<Vec<_>>(), [1, 2, 3, 5, 9]);
        assert_eq!((fields[0].number_held(), fields[1].text()), (Some(1), Some(&b"ab"[..])));
        assert!(fields[3].text().is_none() && fields[3].hole().is_none() && !fields[3].is_bytes());
        let inner = fields[3].content().unwrap().fields().unwrap();
        assert_eq!((inner[1].number, inner[1].hole().map(|hole| hole.tensor)), (4, Some(3)));
        assert_eq!(fields[4].hole().unwrap().encoding, Encoding::Raw);
        assert!(fields[4].content().unwrap().fields().is_err(), "values are no message");
    }

    #[test]
    fn what_is_kept_is_what_it_was() {
        let pieces = pieces();
        let mut builder = Builder::default();
        for field in Content::Pieces(&pieces).fields().unwrap() {
            match field.value {
                Value::Delimited { tag, length, content } if field.number == 5 => {
                    let mut inner = Builder::default();
                    content.fields().unwrap().iter().for_each(|field| inner.keep(field));
                    builder.replace(tag, length, inner);
                }
                _ => builder.keep(&field),
            }
        }
        assert_eq!(builder.finish(), pieces);
    }

    #[test]
    fn what_breaks_is_refused() {
        for bytes in [
            &[8][..],
            &[8, 0x80],
            &[18, 5, 1],
            &[29, 1, 2],
            &[11],
            &[18, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
        ] {
            assert!(Content::Bytes(bytes).fields().is_err(), "{bytes:?}");
        }
    }
}
