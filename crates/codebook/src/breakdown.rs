//! Where the bytes of a file go.

use crate::matrix::Spent;

/// Bytes of a file by what they are for. Parts of an arithmetic-coded stream are not whole bytes, hence floats; the
/// stream's last byte is in no part.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Breakdown {
    /// Bytes of the whole file.
    pub total: f64,
    /// Magic, version, table of sections.
    pub header: f64,
    /// Names, shapes, types, unit groups.
    pub structure: f64,
    /// Which units of each group are live.
    pub flags: f64,
    /// The network's definition.
    pub definition: f64,
    /// Recipe, seed, errors, further keys.
    pub metadata: f64,
    /// Checksums.
    pub checksum: f64,
    /// What each tensor takes, in the order of the file.
    pub tensors: Vec<TensorBytes>,
}

/// Bytes of one tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorBytes {
    /// Name of the tensor.
    pub name: String,
    /// How its entries are coded, in words.
    pub coding: String,
    /// The codebook and the choice of coding; of a trellis-coded tensor, step, scales, gains and patches.
    pub codebook: f64,
    /// Which entries are nonzero.
    pub positions: f64,
    /// Signs of nonzero entries.
    pub signs: f64,
    /// Magnitudes of nonzero entries; for codings that do not tell zeros from others, all entries. Trellis-coded tensors
    /// share blocks of numbers: here are their parts by what their scales make one expect.
    pub magnitudes: f64,
}

impl TensorBytes {
    pub(crate) fn new(name: &str, coding: &str, codebook: f64, spent: Spent, rest: f64) -> Self {
        Self {
            name: name.to_owned(),
            coding: coding.to_owned(),
            codebook,
            positions: spent.positions / 8.0,
            signs: spent.signs / 8.0,
            magnitudes: spent.magnitudes / 8.0 + rest,
        }
    }

    /// All bytes of the tensor.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.codebook + self.positions + self.signs + self.magnitudes
    }
}

impl Breakdown {
    /// Bytes of all biases and other vectors, recognised by a name that ends in `bias`.
    #[must_use]
    pub fn biases(&self) -> f64 {
        self.tensors.iter().filter(|t| t.name.ends_with("bias")).map(TensorBytes::total).sum()
    }

    /// Bytes of all parts together: [`Breakdown::total`] but for the end of the arithmetic-coded stream.
    #[must_use]
    pub fn accounted(&self) -> f64 {
        let tensors: f64 = self.tensors.iter().map(TensorBytes::total).sum();
        self.header + self.structure + self.flags + self.definition + self.metadata + self.checksum + tensors
    }
}
