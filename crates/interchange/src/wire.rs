//! Walking protobuf's wire format: fields with their exact places, and nothing about what they mean.

use std::ops::Range;

use crate::Error;
use crate::source::{Source, Window};

/// How a field's value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// A varint, with its value.
    Varint(u64),
    /// Eight bytes.
    Fixed64,
    /// Bytes after their length: a text, a message, a packed list.
    Delimited,
    /// Four bytes.
    Fixed32,
}

/// One field of a message.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    /// Its number in the message's definition.
    pub number: u64,
    /// Where its tag begins.
    pub start: u64,
    /// Where its tag ends; there the length of a delimited field begins.
    pub after_tag: u64,
    /// The bytes of its value, without tag and length.
    pub value: Range<u64>,
    /// How it is written.
    pub wire: Wire,
}

impl Field {
    /// The whole number that it holds, where it holds one.
    pub(crate) fn number_held(&self) -> Option<u64> {
        match self.wire {
            Wire::Varint(value) => Some(value),
            _ => None,
        }
    }

    /// Where its tag, its length and its content begin, and where that ends.
    pub(crate) fn places(&self) -> [u64; 4] {
        [self.start, self.after_tag, self.value.start, self.value.end]
    }

    pub(crate) fn is(&self, number: u64, wire: Wire) -> bool {
        self.number == number && self.wire == wire
    }
}

/// Goes through the messages of a file.
#[derive(Debug)]
pub(crate) struct Walker<'a> {
    window: Window<'a>,
}

impl<'a> Walker<'a> {
    pub(crate) fn new(source: &'a Source) -> Self {
        Self { window: Window::new(source) }
    }

    pub(crate) fn source(&self) -> &'a Source {
        self.window.source()
    }

    /// An error at a place of the file.
    pub(crate) fn error(&self, offset: u64, rule: &'static str) -> Error {
        Error::Wire { path: self.source().path().into(), offset, rule }
    }

    /// The field that begins at `at` in a message that ends at `end`; `at` moves behind it. `None` at the end.
    pub(crate) fn field(&mut self, at: &mut u64, end: u64) -> Result<Option<Field>, Error> {
        let start = *at;
        if start >= end {
            return Ok(None);
        }
        let (tag, after_tag) = self.varint(start, end)?;
        let number = tag >> 3;
        if number == 0 || tag > u64::from(u32::MAX) {
            return Err(self.error(start, "a field's number is from 1 to 2^29 - 1"));
        }
        let fixed = |bytes: u64| after_tag..after_tag.saturating_add(bytes);
        let (wire, value) = match tag & 7 {
            0 => {
                let (value, after) = self.varint(after_tag, end)?;
                (Wire::Varint(value), after_tag..after)
            }
            1 => (Wire::Fixed64, fixed(8)),
            2 => {
                let (length, from) = self.varint(after_tag, end)?;
                (Wire::Delimited, from..from.saturating_add(length))
            }
            5 => (Wire::Fixed32, fixed(4)),
            3 | 4 => return Err(self.error(start, "groups of fields are not part of ONNX")),
            _ => return Err(self.error(start, "there is no such wire type")),
        };
        if value.end > end {
            return Err(self.error(start, "the field goes on after the end of its message; the file is truncated"));
        }
        *at = value.end;
        Ok(Some(Field { number, start, after_tag, value, wire }))
    }

    /// The varint at `at`, and where it ends.
    pub(crate) fn varint(&mut self, at: u64, end: u64) -> Result<(u64, u64), Error> {
        let mut value = 0;
        for place in 0..10 {
            if at + place >= end {
                return Err(self.error(at, "a number goes on after the end of its message; the file is truncated"));
            }
            let byte = self.window.byte(at + place)?;
            value |= u64::from(byte & 0x7F) << (7 * place);
            if byte < 0x80 {
                return Ok((value, at + place + 1));
            }
        }
        Err(self.error(at, "a number has at most ten bytes"))
    }

    /// The bytes of a range.
    pub(crate) fn bytes(&self, range: &Range<u64>) -> Result<Vec<u8>, Error> {
        self.source().read(range.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// The fields of a message, or where it breaks.
    fn fields(bytes: &[u8]) -> Result<Vec<Field>, (u64, &'static str)> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let source = Source::open(file.path()).unwrap();
        let mut walker = Walker::new(&source);
        let (mut at, mut found) = (0, Vec::new());
        loop {
            match walker.field(&mut at, source.length()) {
                Ok(Some(field)) => found.push(field),
                Ok(None) => return Ok(found),
                Err(Error::Wire { offset, rule, .. }) => return Err((offset, rule)),
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn fields_know_their_places() {
        // Field 1: 300, then 1 in two bytes; field 2: "ab" with a length of two bytes; fields 3 and 4: fixed.
        let bytes = [&[8, 0xAC, 2, 8, 0x81, 0, 18, 0x82, 0, b'a', b'b', 29, 1, 2, 3, 4, 33][..], &[0; 8]].concat();
        let found = fields(&bytes).unwrap();
        let wires: Vec<_> = found.iter().map(|field| (field.number, field.wire)).collect();
        let expected = [
            (1, Wire::Varint(300)),
            (1, Wire::Varint(1)),
            (2, Wire::Delimited),
            (3, Wire::Fixed32),
            (4, Wire::Fixed64),
        ];
        assert_eq!(wires, expected);
        assert_eq!(found[2].places(), [6, 7, 9, 11]);
        assert_eq!(found[4].value, 17..25);
    }

    #[test]
    fn what_breaks_says_where() {
        for (bytes, offset, word) in [
            (&[8, 1, 18, 5, 1][..], 2, "truncated"),
            (&[8, 0x80], 1, "truncated"),
            (&[8, 1, 29, 0, 0, 0], 2, "truncated"),
            (&[8, 1, 33, 0, 0, 0], 2, "truncated"),
            (&[2, 0], 0, "number is from 1"),
            (&[8, 1, 11], 2, "groups"),
            (&[14, 0], 0, "wire type"),
            (&[8, 1, 8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], 3, "ten bytes"),
            (&[18, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], 0, "truncated"),
        ] {
            let (at, rule) = fields(bytes).unwrap_err();
            assert!(at == offset && rule.contains(word), "{bytes:?}: byte {at}: {rule}");
        }
    }
}
