//! Which axes of which parameters share units: hidden units, channels, input pixels.
//!
//! The rows of one layer's weights and the columns of the next belong to the same hidden units; a residual sum ties the
//! channels of all its producers together. Shrinking, sorting and the liveness flags of a model file all read this table.

use mixpress_tensor::Tensor;

use crate::{Error, Graph, KeptAxes, Operator, Parameters};

/// What may be done with the units of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GroupRole {
    /// Features or channels of the network's input: may be left unread, never permuted.
    Input,
    /// Hidden units or channels: may be removed and permuted.
    Hidden,
    /// Outputs, channels of grouped convolutions, and units that a residual sum ties to inputs or outputs: must stay.
    Fixed,
}

/// A set of units that parameter axes share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupInfo {
    /// Number of units.
    pub size: usize,
    /// Height and width, where units are the pixels of one or more input planes, plane by plane and row by row.
    pub grid: Option<[usize; 2]>,
    /// What may be done with them.
    pub role: GroupRole,
}

/// Says that position `i` along an axis belongs to unit `i / repeat` of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UnitAxis {
    /// Position of the group in [`Units::groups`].
    pub group: usize,
    /// Consecutive positions a unit: 1, or the area of a feature map that was flattened.
    pub repeat: usize,
}

/// The table of a graph's unit groups; see [`Graph::units`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units {
    groups: Vec<GroupInfo>,
    axes: Vec<Vec<Option<UnitAxis>>>,
    values: Vec<Option<UnitAxis>>,
}

impl Units {
    /// The groups that some parameter refers to, in the order in which the graph makes them: inputs first.
    ///
    /// A shrunk graph has the same groups at the same positions as its full one.
    #[must_use]
    pub fn groups(&self) -> &[GroupInfo] {
        &self.groups
    }

    /// For each axis of a parameter, the units that its positions belong to. `None` where they are not units: the height
    /// and width of kernels, and the inputs of grouped convolutions.
    ///
    /// # Panics
    ///
    /// When there is no such parameter.
    #[must_use]
    #[track_caller]
    pub fn axes(&self, parameter: usize) -> &[Option<UnitAxis>] {
        &self.axes[parameter]
    }

    /// For each node, the units of its value's first dimension; `None` where no parameter refers to them.
    pub(crate) fn values(&self) -> &[Option<UnitAxis>] {
        &self.values
    }

    /// Whether each unit of each group is live: some parameter has a nonzero entry that belongs to it.
    ///
    /// # Panics
    ///
    /// When `parameters` are those of another graph.
    #[must_use]
    #[track_caller]
    pub fn live(&self, parameters: &Parameters) -> Vec<Vec<bool>> {
        assert_eq!(parameters.len(), self.axes.len(), "parameters of another graph");
        let mut live: Vec<Vec<bool>> = self.groups.iter().map(|group| vec![false; group.size]).collect();
        for (axes, tensor) in self.axes.iter().zip(parameters.tensors()) {
            for (axis, reference) in axes.iter().enumerate() {
                if let Some(UnitAxis { group, repeat }) = *reference {
                    mark_nonzero(tensor, axis, repeat, &mut live[group]);
                }
            }
        }
        live
    }
}

/// Marks the units along an axis that have a nonzero entry.
pub(crate) fn mark_nonzero(tensor: &Tensor, axis: usize, repeat: usize, marks: &mut [bool]) {
    let inner: usize = tensor.shape()[axis + 1..].iter().product();
    let length = tensor.shape()[axis];
    for (run, values) in tensor.data().chunks_exact(inner).enumerate() {
        let mark = &mut marks[run % length / repeat];
        *mark = *mark || values.iter().any(|&value| value != 0.0);
    }
}

impl Graph {
    /// The table of unit groups.
    #[must_use]
    pub fn units(&self) -> Units {
        Analysis::of(self).finish()
    }
}

/// Gives the units of a hidden group another order, in every parameter that refers to them; the network's outputs stay the
/// same up to the order of summation. The new unit `i` is the old unit `order[i]`.
///
/// # Errors
///
/// [`Error::UnknownGroup`]; [`Error::FixedGroup`] for inputs and outputs; [`Error::UnitIndices`] when `order` is not a
/// permutation.
///
/// # Panics
///
/// When `parameters` are those of another graph.
#[track_caller]
pub fn permute_units(graph: &Graph, parameters: &mut Parameters, group: usize, order: &[usize]) -> Result<(), Error> {
    let units = graph.units();
    let Some(info) = units.groups.get(group) else {
        return Err(Error::UnknownGroup { group, groups: units.groups.len() });
    };
    if info.role != GroupRole::Hidden {
        return Err(Error::FixedGroup { group, change: "permuted" });
    }
    let mut seen = vec![false; info.size];
    let fresh = |&unit: &usize| seen.get_mut(unit).is_some_and(|seen| !std::mem::replace(seen, true));
    if order.len() != info.size || !order.iter().all(fresh) {
        return Err(Error::UnitIndices { group, size: info.size, expected: "a permutation" });
    }
    for (axes, tensor) in units.axes.iter().zip(parameters.tensors_mut()) {
        let of_group = |axis: &Option<UnitAxis>| axis.is_some_and(|axis| axis.group == group);
        if axes.iter().any(of_group) {
            let orders =
                axes.iter().map(|axis| axis.filter(|axis| axis.group == group).map(|axis| axis.positions(order)));
            *tensor = KeptAxes::new(tensor.shape(), orders.collect()).gather(tensor);
        }
    }
    Ok(())
}

impl UnitAxis {
    /// The positions along the axis that belong to the given units, in their order.
    pub(crate) fn positions(self, units: &[usize]) -> Vec<usize> {
        units.iter().flat_map(|&unit| unit * self.repeat..(unit + 1) * self.repeat).collect()
    }
}

/// The table while it is made: groups are joined where residual sums tie them.
struct Analysis {
    groups: Vec<GroupInfo>,
    /// The group that a group was joined to; itself where it was not. Always a smaller or the same number.
    joined_to: Vec<usize>,
    axes: Vec<Vec<Option<UnitAxis>>>,
    values: Vec<UnitAxis>,
}

impl Analysis {
    fn of(graph: &Graph) -> Self {
        let axes = graph.parameters().iter().map(|spec| vec![None; spec.shape.len()]).collect();
        let mut analysis = Self { groups: Vec::new(), joined_to: Vec::new(), axes, values: Vec::new() };
        for node in 0..graph.nodes().len() {
            let value = analysis.visit(graph, node);
            analysis.values.push(value);
        }
        let output = analysis.values[graph.nodes().len() - 1];
        analysis.fix(output.group);
        analysis
    }

    /// The units of a node's value.
    fn visit(&mut self, graph: &Graph, position: usize) -> UnitAxis {
        let node = &graph.nodes()[position];
        let of_input = |input: usize| self.values[node.inputs[input]];
        match node.operator {
            Operator::Input => self.input(graph),
            Operator::Select { ref features } => self.make(features.len(), None, GroupRole::Input),
            Operator::Dense { weight, bias } => {
                self.axes[weight][1] = Some(of_input(0));
                self.outputs(graph, weight, bias)
            }
            Operator::Conv2d { weight, bias, options } => {
                let input = of_input(0);
                if options.groups == 1 {
                    self.axes[weight][1] = Some(input);
                } else {
                    self.fix(input.group);
                }
                let output = self.outputs(graph, weight, bias);
                if options.groups > 1 {
                    self.fix(output.group);
                }
                output
            }
            Operator::BatchNorm { scale, shift, mean, variance, .. } => {
                let units = of_input(0);
                for parameter in [scale, shift, mean, variance] {
                    self.axes[parameter][0] = Some(units);
                }
                units
            }
            Operator::Flatten => {
                let units = of_input(0);
                // Pixels are units already; channels become blocks of features.
                let size = self.groups[units.group].size;
                UnitAxis { repeat: node.shape[0] / size, ..units }
            }
            Operator::Add => self.join(of_input(0), of_input(1)),
            Operator::MaxPool(_)
            | Operator::AveragePool(_)
            | Operator::GlobalAveragePool
            | Operator::Relu
            | Operator::Tanh
            | Operator::Sigmoid
            | Operator::Dropout { .. } => of_input(0),
        }
    }

    /// Pixels are units where everybody flattens the input, else its channels (or features) are.
    fn input(&mut self, graph: &Graph) -> UnitAxis {
        let shape = graph.input_shape();
        let mut readers = graph.nodes().iter().filter(|node| node.inputs.contains(&0));
        match *shape {
            [_, h, w] if readers.all(|reader| reader.operator == Operator::Flatten) => {
                self.make(shape.iter().product(), Some([h, w]), GroupRole::Input)
            }
            _ => self.make(shape[0], None, GroupRole::Input),
        }
    }

    fn outputs(&mut self, graph: &Graph, weight: usize, bias: Option<usize>) -> UnitAxis {
        let units = self.make(graph.parameters()[weight].shape[0], None, GroupRole::Hidden);
        for parameter in std::iter::once(weight).chain(bias) {
            self.axes[parameter][0] = Some(units);
        }
        units
    }

    fn make(&mut self, size: usize, grid: Option<[usize; 2]>, role: GroupRole) -> UnitAxis {
        self.groups.push(GroupInfo { size, grid, role });
        self.joined_to.push(self.groups.len() - 1);
        UnitAxis { group: self.groups.len() - 1, repeat: 1 }
    }

    fn root(&self, mut group: usize) -> usize {
        while self.joined_to[group] != group {
            group = self.joined_to[group];
        }
        group
    }

    fn fix(&mut self, group: usize) {
        let root = self.root(group);
        self.groups[root].role = GroupRole::Fixed;
    }

    fn join(&mut self, a: UnitAxis, b: UnitAxis) -> UnitAxis {
        let (first, second) = (self.root(a.group).min(self.root(b.group)), self.root(a.group).max(self.root(b.group)));
        if a.repeat != b.repeat {
            // A flattened feature map is added to features: what belongs together is no longer a matter of units.
            self.fix(first);
            self.fix(second);
            return a;
        }
        if first != second {
            self.joined_to[second] = first;
            if [first, second].map(|group| self.groups[group].role) != [GroupRole::Hidden; 2] {
                self.groups[first].role = GroupRole::Fixed;
            }
            self.groups[first].grid = None;
        }
        UnitAxis { group: first, repeat: a.repeat }
    }

    /// Numbers the groups that are referred to.
    fn finish(self) -> Units {
        let mut referred = vec![false; self.groups.len()];
        for axis in self.axes.iter().flatten().flatten() {
            referred[self.root(axis.group)] = true;
        }
        let mut numbers = vec![None; self.groups.len()];
        let mut groups = Vec::new();
        for (group, info) in self.groups.iter().enumerate().filter(|(group, _)| referred[*group]) {
            numbers[group] = Some(groups.len());
            groups.push(info.clone());
        }
        let number = |axis: UnitAxis| Some(UnitAxis { group: numbers[self.root(axis.group)]?, ..axis });
        let axes = self.axes.iter().map(|axes| axes.iter().map(|axis| axis.and_then(number)).collect()).collect();
        let values = self.values.iter().map(|&value| number(value)).collect();
        Units { groups, axes, values }
    }
}

#[cfg(test)]
mod tests;
