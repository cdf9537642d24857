//! What a file says before the first of its tensors: a container without contents.

use crate::{
    AxisRef, Container, Dtype, Entry, Error, Metadata, UnitGroup,
    container::{check_trellis, distinct},
    liveness::live_units,
    tensor::elements,
    trellis::TrellisSettings,
};

/// Everything that a file holds but the contents of its tensors; what a [`ContainerWriter`](crate::ContainerWriter) is told
/// first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outline {
    /// The tensors, in the order of the file.
    pub tensors: Vec<TensorOutline>,
    /// The unit groups that tensor axes refer to.
    pub groups: Vec<UnitGroup>,
    /// Which units of each group are live: the others have no nonzero entry in any quantised tensor. `None` says that all
    /// may be.
    pub live: Option<Vec<Vec<bool>>>,
    /// What trellis-coded tensors share, where there are some.
    pub trellis: Option<TrellisSettings>,
    /// The network's definition; this crate does not look inside.
    pub definition: Option<Vec<u8>>,
    /// How the file came about.
    pub metadata: Metadata,
}

/// A tensor without its contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorOutline {
    /// Name, as `fc1.weight`.
    pub name: String,
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// What stands for its values.
    pub kind: TensorKind,
    /// The unit group that each axis of a quantised tensor belongs to, if any.
    pub axes: Vec<Option<AxisRef>>,
}

/// What stands for a tensor's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TensorKind {
    /// Indices into a codebook.
    Quantized,
    /// The values themselves, of such a type.
    Plain(Dtype),
    /// Numbers that follow a trellis.
    Trellis,
}

impl TensorOutline {
    /// A quantised tensor without unit groups.
    #[must_use]
    pub fn quantized(name: impl Into<String>, shape: impl Into<Vec<usize>>) -> Self {
        let shape = shape.into();
        Self { name: name.into(), axes: vec![None; shape.len()], shape, kind: TensorKind::Quantized }
    }

    /// A plain tensor.
    #[must_use]
    pub fn plain(name: impl Into<String>, shape: impl Into<Vec<usize>>, dtype: Dtype) -> Self {
        Self { name: name.into(), shape: shape.into(), kind: TensorKind::Plain(dtype), axes: Vec::new() }
    }

    /// A trellis-coded tensor, which has two axes or more.
    #[must_use]
    pub fn trellis(name: impl Into<String>, shape: impl Into<Vec<usize>>) -> Self {
        Self { name: name.into(), shape: shape.into(), kind: TensorKind::Trellis, axes: Vec::new() }
    }

    /// Its weights, if it is trellis-coded.
    pub(crate) fn trellis_weights(&self) -> Option<u64> {
        (self.kind == TensorKind::Trellis).then(|| elements(&self.shape).map_or(u64::MAX, |count| count as u64))
    }
}

impl From<&Entry> for TensorOutline {
    fn from(entry: &Entry) -> Self {
        match entry {
            Entry::Quantized(t) => {
                let (name, shape, axes) = (t.name().to_owned(), t.shape().to_vec(), t.axes().to_vec());
                Self { name, shape, kind: TensorKind::Quantized, axes }
            }
            Entry::Trellis(t) => Self::trellis(t.name(), t.shape()),
            Entry::Plain(t) => Self::plain(t.name(), t.shape(), t.dtype()),
        }
    }
}

impl Outline {
    /// The outline of a container, only those of whose units are live that have a nonzero entry. The container has passed
    /// [`Container::check`].
    pub(crate) fn of(container: &Container) -> Self {
        Self {
            tensors: container.entries.iter().map(TensorOutline::from).collect(),
            groups: container.groups.clone(),
            live: Some(live_units(container)),
            trellis: container.trellis,
            definition: container.definition.clone(),
            metadata: container.metadata.clone(),
        }
    }

    /// Checks that names are distinct, that axes fit the groups they refer to, that each unit has a flag, and that there
    /// are settings of a trellis where they are needed.
    pub(crate) fn check(&self) -> Result<(), Error> {
        for (i, group) in self.groups.iter().enumerate() {
            group.check(i)?;
        }
        distinct(self.tensors.iter().map(|tensor| tensor.name.as_str()))?;
        check_trellis(self.trellis, self.tensors.iter().filter_map(TensorOutline::trellis_weights).count())?;
        for TensorOutline { name, shape, axes, kind } in &self.tensors {
            let expected = if *kind == TensorKind::Quantized { shape.len() } else { 0 };
            if axes.len() != expected {
                return Err(Error::AxisCount { name: name.clone(), expected, got: axes.len() });
            }
            for (axis, (reference, &length)) in axes.iter().zip(shape).enumerate() {
                if let Some(reference) = reference {
                    reference.check(name, axis, length, &self.groups)?;
                }
            }
        }
        let Some(live) = &self.live else { return Ok(()) };
        let (flags, units): (Vec<usize>, Vec<usize>) =
            (live.iter().map(Vec::len).collect(), self.groups.iter().map(|group| group.size).collect());
        if flags == units { Ok(()) } else { Err(Error::LiveUnits { units, flags }) }
    }

    /// Which units of each group are live.
    pub(crate) fn live(&self) -> Vec<Vec<bool>> {
        self.live.clone().unwrap_or_else(|| self.groups.iter().map(|group| vec![true; group.size]).collect())
    }
}
