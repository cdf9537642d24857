//! What stands in a file before any value: names, shapes, types, unit groups.

use bincode::{Decode, Encode};

use crate::{
    AxisRef, Dtype, Error, Limits, Outline, TensorKind, UnitGroup, names::NAMES, tensor::elements,
    trellis::matrix_shape,
};

/// Names, shapes, types and unit groups of a file.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub(crate) struct Structure {
    pub(crate) groups: Vec<GroupRecord>,
    pub(crate) tensors: Vec<TensorRecord>,
}

/// A unit group: its size, its grid.
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode)]
pub(crate) struct GroupRecord {
    pub(crate) size: u64,
    pub(crate) grid: Option<(u64, u64)>,
}

/// A name: one of the well-known ones by number, or a text.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
enum NameRecord {
    Known(u8),
    Text(String),
}

/// The kind of a trellis-coded tensor.
const TRELLIS: u8 = 128;

/// A tensor: name, shape, kind (0 quantised, 128 trellis-coded, otherwise plain of type `kind - 1`), group and
/// repetition of each axis (none at all where no axis has a group).
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub(crate) struct TensorRecord {
    name: NameRecord,
    pub(crate) shape: Vec<u64>,
    kind: u8,
    axes: Vec<Option<(u64, u64)>>,
}

impl TensorRecord {
    pub(crate) fn new(name: &str, shape: Vec<u64>, kind: u8, mut axes: Vec<Option<(u64, u64)>>) -> Self {
        if axes.iter().all(Option::is_none) {
            axes.clear();
        }
        let name = match NAMES.iter().position(|&known| known == name) {
            Some(number) => NameRecord::Known(number as u8),
            None => NameRecord::Text(name.to_owned()),
        };
        Self { name, shape, kind, axes }
    }

    pub(crate) fn name(&self) -> Result<&str, Error> {
        match &self.name {
            NameRecord::Text(text) => Ok(text),
            NameRecord::Known(number) => NAMES.get(usize::from(*number)).copied().ok_or(Error::Malformed {
                what: "the number of a known name",
                value: u64::from(*number),
                rule: "the table has 64",
            }),
        }
    }

    /// What stands for the values.
    pub(crate) fn kind(&self) -> Result<TensorKind, Error> {
        match self.kind {
            0 => Ok(TensorKind::Quantized),
            TRELLIS => Ok(TensorKind::Trellis),
            kind => Dtype::from_tag(kind - 1).map(TensorKind::Plain),
        }
    }

    /// The weights of a trellis-coded tensor, nothing for others.
    pub(crate) fn trellis_weights(&self) -> Option<u64> {
        (self.kind == TRELLIS).then(|| self.shape.iter().fold(1u64, |product, &length| product.saturating_mul(length)))
    }

    /// Shape and axes, once [`Structure::check`] has passed.
    pub(crate) fn layout(&self) -> (Vec<usize>, Vec<Option<AxisRef>>) {
        let shape: Vec<usize> = self.shape.iter().map(|&d| d as usize).collect();
        let mut axes: Vec<_> =
            (self.axes.iter()).map(|a| a.map(|(g, r)| AxisRef::repeated(g as usize, r as usize))).collect();
        axes.resize(shape.len(), None);
        (shape, axes)
    }
}

impl Structure {
    /// The structure that an outline tells.
    pub(crate) fn of(outline: &Outline) -> Self {
        let groups = outline
            .groups
            .iter()
            .map(|g| GroupRecord { size: g.size as u64, grid: g.grid.map(|[h, w]| (h as u64, w as u64)) });
        let tensors = outline.tensors.iter().map(|tensor| {
            let shape = tensor.shape.iter().map(|&d| d as u64).collect();
            let kind = match tensor.kind {
                TensorKind::Quantized => 0,
                TensorKind::Plain(dtype) => 1 + dtype as u8,
                TensorKind::Trellis => TRELLIS,
            };
            let axes = tensor.axes.iter().map(|a| a.map(|a| (a.group as u64, a.repeat as u64))).collect();
            TensorRecord::new(&tensor.name, shape, kind, axes)
        });
        Self { groups: groups.collect(), tensors: tensors.collect() }
    }

    /// Bytes that a reader holds of it, to a few.
    pub(crate) fn held(&self) -> u64 {
        let of = |tensor: &TensorRecord| {
            let text = if let NameRecord::Text(text) = &tensor.name { text.len() } else { 0 };
            size_of_val(tensor) + text + size_of_val(&tensor.shape[..]) + size_of_val(&tensor.axes[..])
        };
        (size_of_val(&self.groups[..]) + self.tensors.iter().map(of).sum::<usize>()) as u64
    }

    /// The unit groups, once [`Structure::check`] has passed.
    pub(crate) fn groups(&self) -> Vec<UnitGroup> {
        let group =
            |g: &GroupRecord| UnitGroup { size: g.size as usize, grid: g.grid.map(|(h, w)| [h as usize, w as usize]) };
        self.groups.iter().map(group).collect()
    }

    /// Checks everything that a reader relies on before it allocates: sizes against the limits, axes against groups.
    pub(crate) fn check(&self, limits: &Limits) -> Result<(), Error> {
        let over = |what, claimed: u64, limit| {
            if claimed > limit { Err(Error::Limit { what, claimed, limit }) } else { Ok(()) }
        };
        over("tensors", self.tensors.len() as u64, limits.max_tensors)?;
        over("unit groups", self.groups.len() as u64, limits.max_tensors)?;
        let mut total = 0u64;
        let mut count = |elements: u64| {
            total = total.saturating_add(elements);
            over("entries and units", total, limits.max_total_elements)
        };
        for group in &self.groups {
            count(group.size)?;
            if let Some((h, w)) = group.grid {
                // Larger sides than the group cannot divide it; this keeps them within usize.
                over("units on a side of a grid", h.max(w), group.size.max(1))?;
            }
        }
        let groups = self.groups();
        for (i, group) in groups.iter().enumerate() {
            group.check(i)?;
        }
        for tensor in &self.tensors {
            let shape: Vec<usize> = tensor.shape.iter().map(|&d| usize::try_from(d).unwrap_or(usize::MAX)).collect();
            let entries = elements(&shape).map_or(u64::MAX, |n| n as u64);
            count(entries)?;
            let limit = limits.max_tensor_elements;
            if entries > limit {
                let name = tensor.name()?.to_owned();
                return Err(Error::TensorLimit { name, what: "entries", claimed: entries, limit });
            }
            for (axis, &length) in tensor.shape.iter().enumerate() {
                over("positions along an axis", length, limits.max_total_elements.min(u64::from(u32::MAX)))?;
                if let Some(&Some((group, repeat))) = tensor.axes.get(axis) {
                    let reference = AxisRef {
                        group: usize::try_from(group).unwrap_or(usize::MAX),
                        repeat: usize::try_from(repeat).unwrap_or(usize::MAX),
                    };
                    reference.check(tensor.name()?, axis, length as usize, &groups)?;
                }
            }
            if !tensor.axes.is_empty() && tensor.axes.len() != tensor.shape.len() {
                return Err(Error::AxisCount {
                    name: tensor.name()?.to_owned(),
                    expected: tensor.shape.len(),
                    got: tensor.axes.len(),
                });
            }
            tensor.kind()?;
            if tensor.kind == TRELLIS && (matrix_shape(&shape).is_none() || !tensor.axes.is_empty()) {
                let (what, rule) =
                    ("the number of axes of a trellis-coded tensor", "it has two or more, an entry, and no groups");
                return Err(Error::Malformed { what, value: shape.len() as u64, rule });
            }
            tensor.name()?;
        }
        Ok(())
    }
}
