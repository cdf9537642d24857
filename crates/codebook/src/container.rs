//! Everything that one file holds: tensors, the unit groups that they share, a definition, metadata.

use std::collections::BTreeSet;

use crate::{
    Error, PlainTensor, QuantizedTensor, UnitGroup,
    trellis::{TrellisSettings, TrellisTensor, section_ends},
};

/// What an `.mxp` file holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Container {
    /// The tensors, in the order of the file.
    pub entries: Vec<Entry>,
    /// The unit groups that tensor axes refer to.
    pub groups: Vec<UnitGroup>,
    /// What trellis-coded tensors share; there if and only if there are some.
    pub trellis: Option<TrellisSettings>,
    /// The network's definition; this crate does not look inside.
    pub definition: Option<Vec<u8>>,
    /// How the file came about.
    pub metadata: Metadata,
}

/// One tensor of a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// Indices into a codebook.
    Quantized(QuantizedTensor),
    /// Values as they are.
    Plain(PlainTensor),
    /// Numbers that follow a trellis.
    Trellis(TrellisTensor),
}

impl Entry {
    /// Name of the tensor.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Quantized(t) => t.name(),
            Self::Plain(t) => t.name(),
            Self::Trellis(t) => t.name(),
        }
    }

    /// Length of each axis.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Quantized(t) => t.shape(),
            Self::Plain(t) => t.shape(),
            Self::Trellis(t) => t.shape(),
        }
    }

    /// The values as f32, row by row; nothing for a plain tensor that is not of a float type of at most 32 bits, and for
    /// a trellis-coded one that another predicts: see [`Container::values`].
    #[must_use]
    pub fn values(&self) -> Option<Vec<f32>> {
        match self {
            Self::Quantized(t) => Some(t.values()),
            Self::Plain(t) => t.values(),
            Self::Trellis(t) => t.matrix().partner().is_none().then(|| t.values(None)),
        }
    }
}

impl From<QuantizedTensor> for Entry {
    fn from(tensor: QuantizedTensor) -> Self {
        Self::Quantized(tensor)
    }
}

impl From<PlainTensor> for Entry {
    fn from(tensor: PlainTensor) -> Self {
        Self::Plain(tensor)
    }
}

impl From<TrellisTensor> for Entry {
    fn from(tensor: TrellisTensor) -> Self {
        Self::Trellis(tensor)
    }
}

/// How a file came about: what its maker chose to write down.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// The recipe of the run; this crate does not look inside.
    pub recipe: Option<Vec<u8>>,
    /// The seed of the run.
    pub seed: Option<u64>,
    /// Error of the network before compression, in hundredths of a percent (127 is 1.27 %).
    pub float_error: Option<u32>,
    /// Error of the compressed network, in hundredths of a percent.
    pub error: Option<u32>,
    /// Further keys and values, in the order of the file.
    pub extra: Vec<(String, String)>,
}

impl Container {
    /// The tensor called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|e| e.name() == name)
    }

    /// The values of a tensor as f32, row by row, what another one predicts included; nothing for a plain tensor that is
    /// not of a float type of at most 32 bits, and where a partner is missing.
    ///
    /// # Panics
    /// If there is no tensor of this number, or [`encode`](crate::encode) would refuse the matrices of a predicted one.
    #[must_use]
    #[track_caller]
    pub fn values(&self, tensor: usize) -> Option<Vec<f32>> {
        let Entry::Trellis(predicted) = &self.entries[tensor] else { return self.entries[tensor].values() };
        let Some(partner) = predicted.matrix().partner() else {
            return self.entries[tensor].values();
        };
        let weights = |entry: &Entry| if let Entry::Trellis(t) = entry { Some(t.len() as u64) } else { None };
        let ends = section_ends(self.entries.iter().map(weights));
        let first = ends[..tensor].iter().rposition(|&ends| ends).map_or(0, |last| last + 1);
        let tensors = self.entries[first..tensor].iter();
        let mut before = tensors.filter_map(|entry| if let Entry::Trellis(t) = entry { Some(t) } else { None });
        before.nth(partner).map(|partner| predicted.values(Some(partner)))
    }

    /// Checks that names are distinct, that axes fit the groups they refer to, and that there are settings of a trellis
    /// where they are needed.
    ///
    /// # Errors
    /// If two tensors have one name, a group's grid does not fit it, an axis does not fit its group, or there are
    /// settings of a trellis and no trellis-coded tensor, or the other way round.
    pub fn check(&self) -> Result<(), Error> {
        for (i, group) in self.groups.iter().enumerate() {
            group.check(i)?;
        }
        distinct(self.entries.iter().map(Entry::name))?;
        check_trellis(self.trellis, self.entries.iter().filter(|entry| matches!(entry, Entry::Trellis(_))).count())?;
        for entry in &self.entries {
            if let Entry::Quantized(t) = entry {
                for (axis, reference) in t.axes().iter().enumerate() {
                    if let Some(reference) = reference {
                        reference.check(t.name(), axis, t.shape()[axis], &self.groups)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Checks that there are settings of a trellis if and only if so many tensors, more than none, are coded by it.
pub(crate) fn check_trellis(settings: Option<TrellisSettings>, count: usize) -> Result<(), Error> {
    if settings.is_some() == (count > 0) { Ok(()) } else { Err(Error::TrellisSettings { count }) }
}

/// Checks that no name comes twice.
pub(crate) fn distinct<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    match names.into_iter().find(|&name| !seen.insert(name)) {
        Some(name) => Err(Error::DuplicateName { name: name.to_owned() }),
        None => Ok(()),
    }
}
