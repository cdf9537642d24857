//! The map between a full graph and the graph that is left of it: kept units, and what follows from them.

use mixpress_tensor::Tensor;

use super::KeptAxes;
use crate::units::{GroupRole, Units};
use crate::{Error, Graph, GraphBuilder, Operator, ParameterSpec, Parameters};

/// The units of one group that were kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeptUnits {
    /// Number of units before.
    pub size: usize,
    /// The units that were kept, ascending.
    pub kept: Vec<usize>,
}

impl KeptUnits {
    /// Whether all were kept.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.kept.len() == self.size
    }
}

/// What a graph and a shrunk form of it have to do with each other.
///
/// It holds no numbers: [`UnitMap::restore`] takes any parameters of the shrunk graph, also after further training. A
/// sequence of shrinkings is one map, by [`UnitMap::then`]; a checkpoint needs only the lists of [`UnitMap::units`], from
/// which [`UnitMap::new`] makes the map again.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitMap {
    full: Graph,
    graph: Graph,
    units: Vec<KeptUnits>,
    axes: Vec<KeptAxes>,
}

impl UnitMap {
    /// The map that keeps the given units of each group of [`Graph::units`].
    ///
    /// # Errors
    ///
    /// [`Error::UnknownGroup`] when there are more or fewer lists than groups, [`Error::UnitIndices`] when a list is
    /// empty or not ascending, [`Error::FixedGroup`] when it drops units that must stay.
    pub fn new(full: &Graph, kept: &[Vec<usize>]) -> Result<Self, Error> {
        let table = full.units();
        let groups = table.groups();
        if kept.len() != groups.len() {
            return Err(Error::UnknownGroup { group: kept.len(), groups: groups.len() });
        }
        for (group, (info, kept)) in groups.iter().zip(kept).enumerate() {
            let ascending = kept.windows(2).all(|pair| pair[0] < pair[1]);
            if !ascending || kept.last().is_none_or(|&last| last >= info.size) {
                let expected = "an ascending selection of at least one unit";
                return Err(Error::UnitIndices { group, size: info.size, expected });
            }
            if info.role == GroupRole::Fixed && kept.len() < info.size {
                return Err(Error::FixedGroup { group, change: "removed" });
            }
        }
        let units: Vec<_> =
            groups.iter().zip(kept).map(|(info, kept)| KeptUnits { size: info.size, kept: kept.clone() }).collect();
        let axes: Vec<_> =
            full.parameters().iter().enumerate().map(|(p, spec)| kept_axes(&table, &units, p, spec)).collect();
        let graph = restrict(full, &table, &units, &axes)?;
        Ok(Self { full: full.clone(), graph, units, axes })
    }

    /// The map that keeps everything.
    #[must_use]
    #[allow(clippy::missing_panics_doc, reason = "it cannot")]
    pub fn whole(graph: &Graph) -> Self {
        let kept: Vec<_> = graph.units().groups().iter().map(|group| (0..group.size).collect()).collect();
        Self::new(graph, &kept).expect("all units are a valid selection")
    }

    /// The full graph.
    #[must_use]
    pub fn full(&self) -> &Graph {
        &self.full
    }

    /// The shrunk graph. It takes the full input; see [`Graph::input_selection`].
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The kept units of each group.
    #[must_use]
    pub fn units(&self) -> &[KeptUnits] {
        &self.units
    }

    /// For each parameter, the kept positions along its axes.
    #[must_use]
    pub fn axes(&self) -> &[KeptAxes] {
        &self.axes
    }

    /// Whether everything was kept.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.units.iter().all(KeptUnits::is_whole)
    }

    /// What is kept of parameters of the full graph. Nothing is folded; [`shrink`](super::shrink) does that.
    ///
    /// # Panics
    ///
    /// When `parameters` are not those of the full graph.
    #[must_use]
    #[track_caller]
    pub fn gather(&self, parameters: &Parameters) -> Parameters {
        self.map(&self.graph, parameters, KeptAxes::gather)
    }

    /// Parameters of the full graph, from any parameters of the shrunk one: what was removed is zero, running variances
    /// included, so that a removed unit is zero everywhere. The network has the same outputs as the shrunk one.
    ///
    /// # Panics
    ///
    /// When `parameters` are not those of the shrunk graph.
    #[must_use]
    #[track_caller]
    pub fn restore(&self, parameters: &Parameters) -> Parameters {
        self.map(&self.full, parameters, KeptAxes::scatter)
    }

    /// The map from this one's full graph to the graph that `next` leaves of this one's shrunk graph.
    ///
    /// # Panics
    ///
    /// When `next` starts from another graph.
    #[must_use]
    #[track_caller]
    pub fn then(&self, next: &Self) -> Self {
        assert_eq!(self.graph.parameters(), next.full.parameters(), "the next map must start where this one ends");
        let kept: Vec<Vec<usize>> = self
            .units
            .iter()
            .zip(&next.units)
            .map(|(first, second)| second.kept.iter().map(|&unit| first.kept[unit]).collect())
            .collect();
        Self::new(&self.full, &kept).expect("a selection of a valid selection is valid")
    }

    #[track_caller]
    fn map(&self, graph: &Graph, parameters: &Parameters, change: impl Fn(&KeptAxes, &Tensor) -> Tensor) -> Parameters {
        assert_eq!(parameters.len(), self.axes.len(), "parameters of another graph");
        let tensors = self.axes.iter().zip(parameters.tensors()).map(|(axes, tensor)| change(axes, tensor)).collect();
        Parameters::new(graph, tensors).expect("shapes were checked one by one")
    }
}

fn kept_axes(table: &Units, units: &[KeptUnits], parameter: usize, spec: &ParameterSpec) -> KeptAxes {
    let kept = table.axes(parameter).iter().map(|axis| {
        let axis = (*axis)?;
        let units = &units[axis.group];
        if units.is_whole() { None } else { Some(axis.positions(&units.kept)) }
    });
    KeptAxes::new(&spec.shape, kept.collect())
}

/// The same nodes on smaller parameters, and a selection behind the input where some of it is no longer read.
fn restrict(full: &Graph, table: &Units, units: &[KeptUnits], axes: &[KeptAxes]) -> Result<Graph, Error> {
    let parameters = full
        .parameters()
        .iter()
        .zip(axes)
        .map(|(spec, axes)| ParameterSpec { shape: axes.shape(), ..spec.clone() })
        .collect();
    let mut builder = GraphBuilder::with_parameters(full.input_shape(), parameters)?;
    let input = table.groups().iter().position(|group| group.role == GroupRole::Input).map(|group| &units[group]);
    let selected = input.filter(|input| !input.is_whole()).map(|input| &input.kept);
    let has_selection = full.input_selection().is_some();
    // Where each node of the full graph went.
    let mut moved: Vec<usize> = Vec::with_capacity(full.nodes().len());
    for node in full.nodes() {
        let inputs: Vec<usize> = node.inputs.iter().map(|&input| moved[input]).collect();
        let position = match (&node.operator, selected) {
            (Operator::Input, Some(selected)) if !has_selection => select_input(&mut builder, full, table, selected)?,
            (Operator::Input, _) => builder.input(),
            (Operator::Select { features }, Some(selected)) => {
                let features = selected.iter().map(|&unit| features[unit]).collect();
                builder.append(&node.name, Operator::Select { features }, &inputs)?
            }
            (operator, _) => builder.append(&node.name, operator.clone(), &inputs)?,
        };
        moved.push(position);
    }
    builder.finish()
}

fn select_input(builder: &mut GraphBuilder, full: &Graph, table: &Units, selected: &[usize]) -> Result<usize, Error> {
    let mut input = builder.input();
    let units_of_input = table.values()[0].map(|axis| table.groups()[axis.group].size);
    if units_of_input != Some(full.input_shape()[0]) {
        input = builder.flatten("input.flatten", input)?;
    }
    builder.append("input.select", Operator::Select { features: selected.to_vec() }, &[input])
}

impl Graph {
    /// The positions in a flattened input sample that a shrunk graph still reads; `None` where it reads the whole sample.
    ///
    /// A trainer may gather them once for a whole data set and run [`Graph::without_input_selection`] instead.
    #[must_use]
    pub fn input_selection(&self) -> Option<Vec<usize>> {
        let (position, features) = self.selection()?;
        let plane: usize = self.nodes()[position].shape[1..].iter().product();
        Some(features.iter().flat_map(|&feature| feature * plane..(feature + 1) * plane).collect())
    }

    /// The same graph for samples from which [`Graph::input_selection`] was gathered already; the graph itself where it
    /// selects nothing. Parameters are the same.
    #[must_use]
    #[allow(clippy::missing_panics_doc, reason = "it cannot")]
    pub fn without_input_selection(&self) -> Self {
        let Some((selection, _)) = self.selection() else { return self.clone() };
        let shape = &self.nodes()[selection].shape;
        let mut builder =
            GraphBuilder::with_parameters(shape, self.parameters().to_vec()).expect("a shape of this graph");
        for node in &self.nodes()[selection + 1..] {
            // Everything reads the selection: what is before it are the input and perhaps its flattened form.
            let inputs: Vec<usize> = node.inputs.iter().map(|&input| input - selection).collect();
            builder.append(&node.name, node.operator.clone(), &inputs).expect("the shapes of this graph");
        }
        builder.finish().expect("the layers of this graph")
    }

    fn selection(&self) -> Option<(usize, &[usize])> {
        self.nodes().iter().enumerate().find_map(|(position, node)| match &node.operator {
            Operator::Select { features } => Some((position, &features[..])),
            _ => None,
        })
    }
}
