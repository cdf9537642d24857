//! A definition in as few bytes as possible, for the model file.
//!
//! The first byte is the number of a zoo network, and the last one; or it is 0, and what follows spells the definition out:
//! the name, then the layers. Numbers are little-endian base 128 (seven bits a byte, the top bit says that more follow),
//! strings a length and their UTF-8 bytes, lists a length and their items. A layer is a byte whose low five bits are its
//! kind and whose high three bits are flags, then its settings; settings at their default are left out.
//!
//! | kind | layer | flags | what follows, in order |
//! | --- | --- | --- | --- |
//! | 0 | dense | named, no bias | name; units |
//! | 1 | conv | named, no bias, options | name; channels, kernel height, width; stride, padding (pairs), groups |
//! | 2, 3 | max-pool, average-pool | stride, padding | kernel; stride; padding (pairs) |
//! | 4 | global-average-pool | | |
//! | 5 | batch-norm | named, constants | name; epsilon, momentum (f32, little-endian) |
//! | 6, 7, 8, 9 | relu, tanh, sigmoid, flatten | | |
//! | 10 | dropout | | probability (f64, little-endian) |
//! | 11 | residual | named, shortcut | name; layers; layers of the shortcut |
//!
//! Flags take the bits 5, 6 and 7 in the order of the table.

use super::reading::is_name;
use super::{BatchNorm, Conv, Definition, Dense, Dropout, LayerSpec, MAX_DEPTH, MAX_LAYERS, Pool, Residual};
use crate::{Error, zoo};

const SPELLED_OUT: u8 = 0;
const KIND: u8 = 0b1_1111;
const FIRST: u8 = 1 << 5;
const SECOND: u8 = 1 << 6;
const THIRD: u8 = 1 << 7;

impl Definition {
    /// The definition in few bytes: one for a network of the zoo, some bytes a layer for any other.
    #[must_use]
    pub fn to_compact(&self) -> Vec<u8> {
        if let Some(number) = zoo::number_of(self) {
            return vec![number];
        }
        let mut bytes = vec![SPELLED_OUT];
        put_string(&mut bytes, &self.name);
        put_layers(&mut bytes, &self.layers);
        bytes
    }

    /// Reads what [`Definition::to_compact`] wrote.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownZooNumber`], [`Error::CompactTruncated`], [`Error::Compact`], [`Error::TooManyLayers`] or
    /// [`Error::TooDeep`]; bytes from a stranger never do worse, and what is allocated is a small multiple of them.
    pub fn from_compact(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader { bytes, offset: 0, layers: 0 };
        let definition = match reader.byte()? {
            SPELLED_OUT => {
                let name = reader.string()?;
                Self { name, layers: reader.layers(0)? }
            }
            number => zoo::by_number(number).ok_or(Error::UnknownZooNumber { number })?,
        };
        if reader.offset < bytes.len() {
            return Err(reader.damaged("the end was expected; bytes left over:", (bytes.len() - reader.offset) as u64));
        }
        Ok(definition)
    }
}

fn put_number(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn put_sizes(bytes: &mut Vec<u8>, sizes: &[usize]) {
    for &size in sizes {
        put_number(bytes, size as u64);
    }
}

fn put_string(bytes: &mut Vec<u8>, string: &str) {
    put_number(bytes, string.len() as u64);
    bytes.extend_from_slice(string.as_bytes());
}

fn put_layers(bytes: &mut Vec<u8>, layers: &[LayerSpec]) {
    put_number(bytes, layers.len() as u64);
    for layer in layers {
        put_layer(bytes, layer);
    }
}

/// Writes the head of a layer: kind, flags, and the name where there is one (which is the first flag).
fn put_head(bytes: &mut Vec<u8>, kind: u8, name: Option<&String>, second: bool, third: bool) {
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    bytes.push(kind | flag(name.is_some(), FIRST) | flag(second, SECOND) | flag(third, THIRD));
    if let Some(name) = name {
        put_string(bytes, name);
    }
}

fn put_layer(bytes: &mut Vec<u8>, layer: &LayerSpec) {
    match layer {
        LayerSpec::Dense(dense) => {
            put_head(bytes, 0, dense.name.as_ref(), !dense.bias, false);
            put_sizes(bytes, &[dense.units]);
        }
        LayerSpec::Conv(conv) => {
            let options = (conv.stride, conv.padding, conv.groups) != ([1; 2], [0; 2], 1);
            put_head(bytes, 1, conv.name.as_ref(), !conv.bias, options);
            put_sizes(bytes, &[conv.channels, conv.kernel[0], conv.kernel[1]]);
            if options {
                put_sizes(bytes, &[conv.stride, conv.padding].concat());
                put_sizes(bytes, &[conv.groups]);
            }
        }
        LayerSpec::MaxPool(pool) => put_pool(bytes, 2, pool),
        LayerSpec::AveragePool(pool) => put_pool(bytes, 3, pool),
        LayerSpec::GlobalAveragePool => bytes.push(4),
        LayerSpec::BatchNorm(norm) => {
            let default = BatchNorm::new();
            let constants = (norm.epsilon, norm.momentum) != (default.epsilon, default.momentum);
            put_head(bytes, 5, norm.name.as_ref(), constants, false);
            if constants {
                bytes.extend_from_slice(&norm.epsilon.to_le_bytes());
                bytes.extend_from_slice(&norm.momentum.to_le_bytes());
            }
        }
        LayerSpec::Relu => bytes.push(6),
        LayerSpec::Tanh => bytes.push(7),
        LayerSpec::Sigmoid => bytes.push(8),
        LayerSpec::Flatten => bytes.push(9),
        LayerSpec::Dropout(dropout) => {
            bytes.push(10);
            bytes.extend_from_slice(&dropout.probability.to_le_bytes());
        }
        LayerSpec::Residual(block) => {
            put_head(bytes, 11, block.name.as_ref(), !block.shortcut.is_empty(), false);
            put_layers(bytes, &block.layers);
            if !block.shortcut.is_empty() {
                put_layers(bytes, &block.shortcut);
            }
        }
    }
}

fn put_pool(bytes: &mut Vec<u8>, kind: u8, pool: &Pool) {
    let stride = if pool.stride.is_some() { FIRST } else { 0 };
    let padding = if pool.padding == [0; 2] { 0 } else { SECOND };
    bytes.push(kind | stride | padding);
    put_sizes(bytes, &pool.kernel);
    if let Some(stride) = pool.stride {
        put_sizes(bytes, &stride);
    }
    if padding != 0 {
        put_sizes(bytes, &pool.padding);
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
    /// Layers read so far, at all depths.
    layers: usize,
}

impl Reader<'_> {
    fn damaged(&self, what: &'static str, value: u64) -> Error {
        Error::Compact { offset: self.offset, what, value }
    }

    fn byte(&mut self) -> Result<u8, Error> {
        let byte = *self.bytes.get(self.offset).ok_or(Error::CompactTruncated { offset: self.offset })?;
        self.offset += 1;
        Ok(byte)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut taken = [0; N];
        for byte in &mut taken {
            *byte = self.byte()?;
        }
        Ok(taken)
    }

    fn number(&mut self) -> Result<u64, Error> {
        let mut value = 0_u64;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.damaged("a number of at most 63 bits was expected, not one that begins", value))
    }

    fn size(&mut self) -> Result<usize, Error> {
        let value = self.number()?;
        usize::try_from(value).map_err(|_| self.damaged("a size that fits this machine was expected, not", value))
    }

    fn pair(&mut self) -> Result<[usize; 2], Error> {
        Ok([self.size()?, self.size()?])
    }

    fn string(&mut self) -> Result<String, Error> {
        let length = self.size()?;
        let end = self.offset.checked_add(length).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or(Error::CompactTruncated { offset: self.bytes.len() })?;
        let string = str::from_utf8(&self.bytes[self.offset..end]).unwrap_or_default();
        if !is_name(string) {
            return Err(self.damaged(
                "a name of 1 to 200 letters, digits or `-_.` was expected, not one of length",
                length as u64,
            ));
        }
        self.offset = end;
        Ok(string.to_owned())
    }

    fn name(&mut self, head: u8) -> Result<Option<String>, Error> {
        if head & FIRST == 0 { Ok(None) } else { self.string().map(Some) }
    }

    fn layers(&mut self, depth: usize) -> Result<Vec<LayerSpec>, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::TooDeep { limit: MAX_DEPTH });
        }
        let count = self.size()?;
        self.layers = self.layers.saturating_add(count);
        if self.layers > MAX_LAYERS {
            return Err(Error::TooManyLayers { limit: MAX_LAYERS });
        }
        // No capacity is reserved on the header's word: each layer takes a byte at least.
        let mut layers = Vec::new();
        for _ in 0..count {
            layers.push(self.layer(depth)?);
        }
        Ok(layers)
    }

    fn layer(&mut self, depth: usize) -> Result<LayerSpec, Error> {
        let head = self.byte()?;
        let kind = head & KIND;
        let flags = match kind {
            0 | 2 | 3 | 5 | 11 => FIRST | SECOND,
            1 => FIRST | SECOND | THIRD,
            _ => 0,
        };
        if head & !KIND & !flags != 0 {
            return Err(self.damaged("a layer without these flags was expected, not", u64::from(head)));
        }
        Ok(match kind {
            0 => {
                let name = self.name(head)?;
                LayerSpec::Dense(Dense { name, units: self.size()?, bias: head & SECOND == 0 })
            }
            1 => {
                let (name, channels, kernel) = (self.name(head)?, self.size()?, self.pair()?);
                let (stride, padding, groups) = match head & THIRD {
                    0 => ([1; 2], [0; 2], 1),
                    _ => (self.pair()?, self.pair()?, self.size()?),
                };
                LayerSpec::Conv(Conv { name, channels, kernel, stride, padding, groups, bias: head & SECOND == 0 })
            }
            2 => LayerSpec::MaxPool(self.pool(head)?),
            3 => LayerSpec::AveragePool(self.pool(head)?),
            4 => LayerSpec::GlobalAveragePool,
            5 => {
                let mut norm = BatchNorm { name: self.name(head)?, ..BatchNorm::new() };
                if head & SECOND != 0 {
                    norm.epsilon = f32::from_le_bytes(self.take()?);
                    norm.momentum = f32::from_le_bytes(self.take()?);
                }
                LayerSpec::BatchNorm(norm)
            }
            6 => LayerSpec::Relu,
            7 => LayerSpec::Tanh,
            8 => LayerSpec::Sigmoid,
            9 => LayerSpec::Flatten,
            10 => LayerSpec::Dropout(Dropout { probability: f64::from_le_bytes(self.take()?) }),
            11 => LayerSpec::Residual(Residual {
                name: self.name(head)?,
                layers: self.layers(depth + 1)?,
                shortcut: if head & SECOND == 0 { Vec::new() } else { self.layers(depth + 1)? },
            }),
            _ => return Err(self.damaged("a kind of layer from 0 to 11 was expected, not", u64::from(kind))),
        })
    }

    fn pool(&mut self, head: u8) -> Result<Pool, Error> {
        let kernel = self.pair()?;
        let stride = if head & FIRST == 0 { None } else { Some(self.pair()?) };
        let padding = if head & SECOND == 0 { [0; 2] } else { self.pair()? };
        Ok(Pool { kernel, stride, padding })
    }
}
