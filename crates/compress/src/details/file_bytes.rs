//! Where the bytes of a file go, down to its header; the parts sum to the whole.

use mixpress_codebook::{Breakdown, MAGIC, TensorBytes};
use serde::{Deserialize, Serialize};

/// Bytes of a file by what they are for. What shares the arithmetic-coded stream has fractions of bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FileBytes {
    /// Bytes of the whole file: the sum of all that follow.
    pub total: f64,
    /// The first bytes, that tell what the file is, and the version of the format.
    pub magic: f64,
    /// The table of sections.
    pub sections: f64,
    /// Names, shapes, types, and which axes share units.
    pub structure: f64,
    /// The network's definition; of another program's model all that is no tensor.
    pub definition: f64,
    /// Recipe, seed, errors, further keys.
    pub metadata: f64,
    /// Which units are live.
    pub flags: f64,
    /// Each tensor's, in the order of the file.
    pub tensors: Vec<TensorParts>,
    /// What the stream is longer than its contents, because it ends with a whole byte.
    pub stream_end: f64,
    /// Checksums.
    pub checksums: f64,
}

/// Bytes of one tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorParts {
    /// Its name in the file.
    pub name: String,
    /// The values of the codebook, and how the entries are coded; of a trellis-coded tensor, what precedes its numbers.
    pub codebook: f64,
    /// Which entries are nonzero.
    pub positions: f64,
    /// Signs of nonzero entries.
    pub signs: f64,
    /// Magnitudes of nonzero entries; where zeros are not told apart, all entries.
    pub magnitudes: f64,
}

impl FileBytes {
    /// The parts of a file.
    #[must_use]
    pub fn of(breakdown: &Breakdown) -> Self {
        // One byte of the version.
        let magic = (MAGIC.len() + 1) as f64;
        Self {
            total: breakdown.total,
            magic,
            sections: breakdown.header - magic,
            structure: breakdown.structure,
            definition: breakdown.definition,
            metadata: breakdown.metadata,
            flags: breakdown.flags,
            tensors: breakdown.tensors.iter().map(TensorParts::of).collect(),
            stream_end: breakdown.total - breakdown.accounted(),
            checksums: breakdown.checksum,
        }
    }

    /// All parts together: [`FileBytes::total`], but for rounding.
    #[must_use]
    pub fn sum(&self) -> f64 {
        let tensors: f64 = self.tensors.iter().map(TensorParts::total).sum();
        let Self { magic, sections, structure, definition, metadata, flags, stream_end, checksums, .. } = self;
        magic + sections + structure + definition + metadata + flags + tensors + stream_end + checksums
    }
}

impl TensorParts {
    fn of(bytes: &TensorBytes) -> Self {
        let TensorBytes { name, codebook, positions, signs, magnitudes, .. } = bytes.clone();
        Self { name, codebook, positions, signs, magnitudes }
    }

    /// All bytes of the tensor.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.codebook + self.positions + self.signs + self.magnitudes
    }
}

#[cfg(test)]
mod tests {
    use mixpress_codebook::{Container, PlainTensor, QuantizedTensor, breakdown, encode};

    use super::*;

    #[test]
    fn parts_sum_to_the_file() {
        for count in [40, 40_000] {
            let values: Vec<f32> = (0..count).map(|i| if i % 9 == 0 { 0.5 } else { 0.0 }).collect();
            let entries = vec![
                QuantizedTensor::from_values("w", [count / 8, 8], &values).unwrap().into(),
                PlainTensor::from_f32("b", [3], &[0.1, 0.2, 0.3]).unwrap().into(),
            ];
            let bytes = encode(&Container { entries, ..Container::default() }).unwrap();
            let parts = FileBytes::of(&breakdown(&bytes).unwrap());
            assert_eq!(parts.total, bytes.len() as f64);
            assert!((parts.sum() - parts.total).abs() < 1e-6, "{parts:?}");
            assert!(parts.sections > 0.0 && (-0.1..=5.0).contains(&parts.stream_end), "{parts:?}");
        }
    }
}
