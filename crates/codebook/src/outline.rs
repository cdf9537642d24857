//! What a file says before the first of its tensors: a container without contents.

use crate::{AxisRef, Container, Dtype, Entry, Error, Metadata, UnitGroup, container::distinct, liveness::live_units};

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
    /// What the values are; nothing for a quantised tensor.
    pub dtype: Option<Dtype>,
    /// The unit group that each axis of a quantised tensor belongs to, if any.
    pub axes: Vec<Option<AxisRef>>,
}

impl TensorOutline {
    /// A quantised tensor without unit groups.
    #[must_use]
    pub fn quantized(name: impl Into<String>, shape: impl Into<Vec<usize>>) -> Self {
        let shape = shape.into();
        Self { name: name.into(), axes: vec![None; shape.len()], shape, dtype: None }
    }

    /// A plain tensor.
    #[must_use]
    pub fn plain(name: impl Into<String>, shape: impl Into<Vec<usize>>, dtype: Dtype) -> Self {
        Self { name: name.into(), shape: shape.into(), dtype: Some(dtype), axes: Vec::new() }
    }
}

impl From<&Entry> for TensorOutline {
    fn from(entry: &Entry) -> Self {
        match entry {
            Entry::Quantized(t) => {
                let (name, shape, axes) = (t.name().to_owned(), t.shape().to_vec(), t.axes().to_vec());
                Self { name, shape, dtype: None, axes }
            }
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
            definition: container.definition.clone(),
            metadata: container.metadata.clone(),
        }
    }

    /// Checks that names are distinct, that axes fit the groups they refer to, and that each unit has a flag.
    pub(crate) fn check(&self) -> Result<(), Error> {
        for (i, group) in self.groups.iter().enumerate() {
            group.check(i)?;
        }
        distinct(self.tensors.iter().map(|tensor| tensor.name.as_str()))?;
        for TensorOutline { name, shape, axes, dtype } in &self.tensors {
            let expected = if dtype.is_some() { 0 } else { shape.len() };
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
