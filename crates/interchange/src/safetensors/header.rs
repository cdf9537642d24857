//! The JSON header of a safetensors file: read with all it says, in its order, and every rule of the format checked.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::{Element, Error};

/// The key that holds texts instead of a tensor.
const METADATA: &str = "__metadata__";

/// What a header says.
#[derive(Debug, Default)]
pub(crate) struct Header {
    /// Texts about the whole file.
    pub metadata: Vec<(String, String)>,
    /// Tensors, in the order of their bytes.
    pub tensors: Vec<Entry>,
}

/// A tensor of a header.
#[derive(Debug)]
pub(crate) struct Entry {
    pub name: String,
    pub shape: Vec<u64>,
    pub element: Element,
    /// Its bytes, from the end of the header.
    pub range: Range<u64>,
}

/// The JSON as it stands there: names may be there twice, values of the metadata may be no texts.
#[derive(Default)]
struct Raw {
    metadata: Option<Pairs<Text>>,
    tensors: Vec<(String, Info)>,
    metadata_twice: bool,
}

#[derive(Deserialize)]
struct Info {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// An object in its order, or nothing where something else stands.
pub(super) struct Pairs<T>(pub(super) Option<Vec<(String, T)>>);

/// A text, or nothing where something else stands.
pub(super) struct Text(pub(super) Option<String>);

/// Parses and checks the header of the file at `path`, which has `available` bytes after it.
pub(crate) fn parse(path: &Path, json: &[u8], available: u64) -> Result<Header, Error> {
    let raw: Raw =
        serde_json::from_slice(json).map_err(|error| Error::Json { path: path.into(), reason: error.to_string() })?;
    if raw.metadata_twice {
        return Err(Error::DuplicateName { path: path.into(), name: METADATA.into() });
    }
    let metadata = texts(path, raw.metadata)?;
    let mut names = HashSet::with_capacity(raw.tensors.len());
    if let Some((name, _)) = raw.tensors.iter().find(|(name, _)| !names.insert(name)) {
        return Err(Error::DuplicateName { path: path.into(), name: name.clone() });
    }
    drop(names);
    let mut tensors = Vec::with_capacity(raw.tensors.len());
    for (name, info) in raw.tensors {
        tensors.push(entry(path, name, info, available)?);
    }
    tensors.sort_by_key(|entry| (entry.range.start, entry.range.end));
    in_a_row(path, &tensors, available)?;
    Ok(Header { metadata, tensors })
}

/// The texts of `__metadata__`.
fn texts(path: &Path, metadata: Option<Pairs<Text>>) -> Result<Vec<(String, String)>, Error> {
    let Some(Pairs(pairs)) = metadata else { return Ok(Vec::new()) };
    let refused = |key: String| Error::Metadata { path: path.into(), key };
    let mut names = HashSet::new();
    let mut texts = Vec::new();
    for (key, Text(text)) in pairs.ok_or_else(|| refused(METADATA.into()))? {
        if !names.insert(key.clone()) {
            return Err(Error::DuplicateName { path: path.into(), name: key });
        }
        texts.push((key.clone(), text.ok_or_else(|| refused(key))?));
    }
    Ok(texts)
}

/// One tensor, checked by itself.
fn entry(path: &Path, tensor: String, info: Info, available: u64) -> Result<Entry, Error> {
    let path = || path.into();
    let Info { dtype, shape, data_offsets: (begin, end) } = info;
    let Some(element) = Element::of_safetensors(&dtype) else {
        return Err(Error::UnknownDtype { path: path(), tensor, dtype });
    };
    let Some(bits) = element.bits_of(&shape) else {
        return Err(Error::ShapeOverflow { tensor, shape, element });
    };
    if !bits.is_multiple_of(8) {
        return Err(Error::PartialByte { tensor, shape, element });
    }
    if end < begin {
        return Err(Error::Offsets { path: path(), tensor, begin, end });
    }
    if end - begin != bits / 8 {
        return Err(Error::TensorLength { tensor, shape, element, expected: bits / 8, found: end - begin });
    }
    if end > available {
        return Err(Error::BeyondFile { path: path(), tensor, end, available });
    }
    Ok(Entry { name: tensor, shape, element, range: begin..end })
}

/// Tensors follow each other without gaps, from the end of the header to the end of the file.
fn in_a_row(path: &Path, tensors: &[Entry], available: u64) -> Result<(), Error> {
    let mut before: Option<&Entry> = None;
    for entry in tensors {
        let (begin, end) = (entry.range.start, before.map_or(0, |before| before.range.end));
        if begin > end {
            return Err(Error::Gap { path: path.into(), tensor: entry.name.clone(), count: begin - end });
        }
        if let Some(before) = before.filter(|_| begin < end) {
            let (tensor, other) = (entry.name.clone(), before.name.clone());
            return Err(Error::Overlap { path: path.into(), tensor, begin, other, end });
        }
        before = Some(entry);
    }
    let count = available - before.map_or(0, |before| before.range.end);
    if count > 0 { Err(Error::TrailingBytes { path: path.into(), count }) } else { Ok(()) }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Header;
        impl<'de> Visitor<'de> for Header {
            type Value = Raw;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
                let mut raw = Raw::default();
                while let Some(key) = map.next_key::<String>()? {
                    if key == METADATA {
                        raw.metadata_twice |= raw.metadata.is_some();
                        raw.metadata = Some(map.next_value()?);
                    } else {
                        let info = map
                            .next_value()
                            .map_err(|error| serde::de::Error::custom(format_args!("tensor {key:?}: {error}")))?;
                        raw.tensors.push((key, info));
                    }
                }
                Ok(raw)
            }
        }
        deserializer.deserialize_map(Header)
    }
}

/// What is neither a text nor an object is read over, without being held.
macro_rules! read_over {
    ($($name:ident: $value:ty),*) => {
        $(fn $name<E>(self, _: $value) -> Result<Self::Value, E> { Ok(Self::Value::none()) })*

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::none())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Self::Value::none())
        }

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("a value")
        }
    };
}

impl<T> Pairs<T> {
    fn none() -> Self {
        Self(None)
    }
}

impl Text {
    fn none() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
            type Value = Pairs<T>;

            read_over!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<T>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(Some(pairs)))
            }
        }
        deserializer.deserialize_any(Object(std::marker::PhantomData))
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Text;

            read_over!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64);

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text(Some(text.to_owned())))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }
        }
        deserializer.deserialize_any(Any)
    }
}
