//! The header of a `.npy` file: a type, an order and a shape, written as a dictionary of Python.
//!
//! By `numpy.lib.format`: a magic word, a version, a length of two or four bytes, and a text such as
//! `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, padded with spaces. Nothing but this form is read:
//! general readers of Python's literals recurse as deep as a text is nested.

use crate::Error;
use crate::arrays::MOST_AXES;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header<'a> {
    /// The type, as `<f4`.
    pub dtype: &'a str,
    /// Whether the first axis is the one whose entries lie side by side.
    pub is_fortran: bool,
    pub shape: Vec<usize>,
}

const MAGIC: &[u8] = b"\x93NUMPY";

/// Reads the header of the array called `name`; returns the bytes after it, too.
pub(super) fn read<'a>(name: &str, bytes: &'a [u8]) -> Result<(Header<'a>, &'a [u8]), Error> {
    let malformed = |reason: &'static str| Error::Npy { name: name.into(), reason };
    let cut_off = || malformed("the file ends within its header");
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| malformed("it does not begin as a .npy file does"))?;
    let (version, rest) = rest.split_at_checked(2).ok_or_else(cut_off)?;
    let width = match version[0] {
        1 => 2,
        2 | 3 => 4,
        _ => return Err(malformed("its version is none of 1, 2 and 3")),
    };
    let (length, rest) = rest.split_at_checked(width).ok_or_else(cut_off)?;
    let length = length.iter().rev().fold(0usize, |length, &byte| length << 8 | usize::from(byte));
    let (text, data) = rest.split_at_checked(length).ok_or_else(cut_off)?;
    let text = std::str::from_utf8(text).map_err(|_| malformed("its header is not a text"))?;
    let header = Parser { name, rest: text }.dictionary()?;
    Ok((header, data))
}

struct Parser<'a, 'n> {
    name: &'n str,
    rest: &'a str,
}

impl<'a> Parser<'a, '_> {
    fn dictionary(mut self) -> Result<Header<'a>, Error> {
        let (mut dtype, mut order, mut shape) = (None, None, None);
        self.expect('{')?;
        while !self.take('}') {
            let key = self.text()?;
            self.expect(':')?;
            match key {
                "descr" => dtype = Some(self.dtype()?),
                "fortran_order" => order = Some(self.truth()?),
                "shape" => shape = Some(self.shape()?),
                _ => return Err(self.malformed("its header has a key that is none of descr, fortran_order and shape")),
            }
            if !self.take(',') {
                self.expect('}')?;
                break;
            }
        }
        if !self.rest.trim().is_empty() {
            return Err(self.malformed("something stands in its header after the dictionary"));
        }
        let (Some(dtype), Some(is_fortran), Some(shape)) = (dtype, order, shape) else {
            return Err(self.malformed("its header lacks one of descr, fortran_order and shape"));
        };
        Ok(Header { dtype, is_fortran, shape })
    }

    fn malformed(&self, reason: &'static str) -> Error {
        Error::Npy { name: self.name.into(), reason }
    }

    /// Whether this character comes next, which is taken then.
    fn take(&mut self, character: char) -> bool {
        let rest = self.rest.trim_start().strip_prefix(character);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, character: char) -> Result<(), Error> {
        if self.take(character) { Ok(()) } else { Err(self.malformed("its header is no dictionary of three keys")) }
    }

    fn text(&mut self) -> Result<&'a str, Error> {
        let quote = if self.take('\'') { '\'' } else { '"' };
        if quote == '"' {
            self.expect('"')?;
        }
        let (text, rest) =
            self.rest.split_once(quote).ok_or_else(|| self.malformed("a text in its header has no end"))?;
        self.rest = rest;
        Ok(text)
    }

    /// A type by its name. Types of several fields are written as a list.
    fn dtype(&mut self) -> Result<&'a str, Error> {
        if self.rest.trim_start().starts_with(['[', '(']) {
            return Err(Error::Dtype { name: self.name.into(), dtype: "of several fields".into() });
        }
        self.text()
    }

    fn truth(&mut self) -> Result<bool, Error> {
        let rest = self.rest.trim_start();
        for (word, truth) in [("True", true), ("False", false)] {
            if let Some(rest) = rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(truth);
            }
        }
        Err(self.malformed("fortran_order in its header is neither True nor False"))
    }

    fn shape(&mut self) -> Result<Vec<usize>, Error> {
        self.expect('(')?;
        let mut shape = Vec::new();
        while !self.take(')') {
            let rest = self.rest.trim_start();
            let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
            let (digits, rest) = rest.split_at(end);
            let length = digits.parse().map_err(|_| self.malformed("a length in its shape is no number that fits"))?;
            // Python 2 wrote whole numbers with an L.
            self.rest = rest.strip_prefix('L').unwrap_or(rest);
            shape.push(length);
            if shape.len() > MOST_AXES {
                return Err(self.malformed("its shape has more than 64 axes"));
            }
            if !self.take(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(version: u8, text: &str) -> Vec<u8> {
        let length = &(text.len() as u32).to_le_bytes()[..if version == 1 { 2 } else { 4 }];
        [MAGIC, &[version, 0], length, text.as_bytes(), b"data"].concat()
    }

    #[test]
    fn headers_of_all_versions_are_read() {
        let expected = |shape: &[usize]| Header { dtype: "<f4", is_fortran: false, shape: shape.to_vec() };
        for (version, shape, lengths) in
            [(1, "(3, 4)", &[3, 4][..]), (2, "(7,)", &[7]), (3, "()", &[]), (1, "( 2L,3L, )", &[2, 3])]
        {
            let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}   \n");
            let bytes = file(version, &text);
            assert_eq!(read("a", &bytes).unwrap(), (expected(lengths), &b"data"[..]), "{text}");
        }
        let other = file(1, r#"{"shape":(1,),"fortran_order":True,"descr":"|i1"}"#);
        assert_eq!(read("a", &other).unwrap().0, Header { dtype: "|i1", is_fortran: true, shape: vec![1] });
    }

    #[test]
    fn what_is_malformed_says_how() {
        let whole = |shape: &str| file(1, &format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}"));
        let nested = "(".repeat(60_000);
        let axes = format!("({})", "1,".repeat(65));
        for (bytes, word) in [
            (b"\x93NUMP".to_vec(), "does not begin"),
            (b"\x93NUMPY\x01".to_vec(), "ends within"),
            (b"\x93NUMPY\x09\0\x10\0".to_vec(), "version"),
            (b"\x93NUMPY\x02\0\xFF\xFF\xFF\xFF{".to_vec(), "ends within"),
            (file(1, "[]"), "dictionary"),
            (file(1, "{'descr': '<f4', 'fortran_order': False}"), "lacks"),
            (file(1, "{'descr': '<f4', 'fortran_order': 0, 'shape': ()}"), "neither True"),
            (file(1, "{'descr': '<f4"), "no end"),
            (file(1, "{'other': 1}"), "none of"),
            (whole("(3, 4)} {"), "after the dictionary"),
            (whole("(-3,)"), "no number"),
            (whole("(99999999999999999999999,)"), "no number"),
            (whole(&nested), "no number"),
            (whole(&axes), "64 axes"),
            (whole("3"), "dictionary"),
        ] {
            let error = read("scores", &bytes).unwrap_err().to_string();
            assert!(error.contains(word) && error.contains("scores"), "{error}");
        }
        let records = file(1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}");
        assert!(matches!(read("a", &records), Err(Error::Dtype { .. })));
    }
}
