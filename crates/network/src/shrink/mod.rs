//! Shrinking: units that nobody reads, or that read nothing, are removed from the graph, and no output changes.
//!
//! A unit that nobody reads has no nonzero weight in any layer behind it. A unit that reads nothing has no nonzero weight of
//! its own, so that its value is a constant: what its bias becomes after batch-norm and activation. That constant times the
//! weights behind it is added to the next layer's bias (or, where a convolution has none and batch-norm follows, taken from
//! the running mean), where this is exact: in dense layers, and in convolutions without padding; everywhere when the
//! constant is 0. Where it is not exact, the unit stays. Batch-norm counts in its inference form, dropout as the identity.
//!
//! Units that a residual sum ties together go only where all their producers and readers agree. One unit of each group
//! always stays, so that no tensor becomes empty.

mod constant;
mod kept;
mod map;

use crate::units::{GroupRole, Units, mark_nonzero};
use crate::{Graph, Network, Operator, Parameters};

pub use self::kept::KeptAxes;
pub use self::map::{KeptUnits, UnitMap};

/// A shrunk network, and the map back to the full one.
#[derive(Clone, Debug, PartialEq)]
pub struct Shrunk {
    /// The full graph, the shrunk graph, and the units that were kept.
    pub map: UnitMap,
    /// Parameters of the shrunk graph, with what was removed folded into them.
    pub parameters: Parameters,
}

impl Shrunk {
    /// The shrunk graph.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        self.map.graph()
    }

    /// The full network with the same outputs: what was removed is zero. See [`UnitMap::restore`].
    ///
    /// # Panics
    ///
    /// When the parameters were replaced by those of another graph.
    #[must_use]
    pub fn expand(&self) -> Network {
        let parameters = self.map.restore(&self.parameters);
        Network::new(self.map.full().clone(), parameters).expect("the restored parameters are the full graph's")
    }
}

/// Removes units without inputs or outputs, until none is left that can go. No output changes.
///
/// # Panics
///
/// When `parameters` are those of another graph.
#[must_use]
#[track_caller]
pub fn shrink(graph: &Graph, parameters: &Parameters) -> Shrunk {
    let mut shrunk = Shrunk { map: UnitMap::whole(graph), parameters: parameters.clone() };
    while let Some(next) = pass(shrunk.graph(), &shrunk.parameters) {
        shrunk = Shrunk { map: shrunk.map.then(&next.map), parameters: next.parameters };
    }
    shrunk
}

/// A layer that reads units, and which of them.
struct Reader {
    node: usize,
    weight: usize,
    repeat: usize,
    reads: Vec<bool>,
    /// What takes up constants: a parameter with one element an output, and the sign.
    absorber: Option<(usize, f64)>,
}

/// Removes every unit that can go at once; `None` where none can.
fn pass(graph: &Graph, parameters: &Parameters) -> Option<Shrunk> {
    let table = graph.units();
    let constants = constant::constants(graph, parameters, &table);
    let readers = readers(graph, parameters, &table);
    let value_of = |reader: &Reader, unit: usize| constants[graph.nodes()[reader.node].inputs[0]][unit];
    let can_go = |group: usize, unit: usize| {
        readers[group].iter().all(|reader| {
            !reader.reads[unit] || value_of(reader, unit).is_some_and(|value| value == 0.0 || reader.absorber.is_some())
        })
    };
    let kept: Vec<Vec<usize>> = table
        .groups()
        .iter()
        .enumerate()
        .map(|(group, info)| {
            let stays = |unit: &usize| info.role == GroupRole::Fixed || !can_go(group, *unit);
            let kept: Vec<usize> = (0..info.size).filter(stays).collect();
            if kept.is_empty() { vec![0] } else { kept }
        })
        .collect();
    if kept.iter().zip(table.groups()).all(|(kept, info)| kept.len() == info.size) {
        return None;
    }
    let mut folded = parameters.clone();
    for (readers, kept) in readers.iter().zip(&kept) {
        for reader in readers {
            let removed = (0..reader.reads.len()).filter(|unit| kept.binary_search(unit).is_err());
            let values: Vec<(usize, f64)> = removed
                .filter(|&unit| reader.reads[unit])
                .filter_map(|unit| Some((unit, value_of(reader, unit)?)))
                .filter(|&(_, value)| value != 0.0)
                .collect();
            fold(&mut folded, reader, &values);
        }
    }
    let map = UnitMap::new(graph, &kept).expect("fixed groups are whole, no group is empty");
    let parameters = map.gather(&folded);
    Some(Shrunk { map, parameters })
}

/// The layers that read the units of each group.
fn readers(graph: &Graph, parameters: &Parameters, table: &Units) -> Vec<Vec<Reader>> {
    let mut readers: Vec<Vec<Reader>> = table.groups().iter().map(|_| Vec::new()).collect();
    for (position, node) in graph.nodes().iter().enumerate() {
        let Some((weight, _)) = node.operator.weight_and_bias() else { continue };
        let Some(axis) = table.axes(weight)[1] else { continue };
        let mut reads = vec![false; table.groups()[axis.group].size];
        mark_nonzero(&parameters[weight], 1, axis.repeat, &mut reads);
        let absorber = absorber(graph, position);
        readers[axis.group].push(Reader { node: position, weight, repeat: axis.repeat, reads, absorber });
    }
    readers
}

/// What takes up the constants that a layer reads, where that is exact.
fn absorber(graph: &Graph, position: usize) -> Option<(usize, f64)> {
    let bias = match graph.nodes()[position].operator {
        // With padding, positions at the border would need another bias than the rest.
        Operator::Conv2d { options, .. } if options.padding != [0; 2] => return None,
        Operator::Conv2d { bias, .. } | Operator::Dense { bias, .. } => bias,
        _ => return None,
    };
    if let Some(bias) = bias {
        return Some((bias, 1.0));
    }
    let mut followers = graph.nodes().iter().filter(|node| node.inputs.contains(&position));
    match (followers.next().map(|node| &node.operator), followers.next()) {
        (Some(&Operator::BatchNorm { mean, .. }), None) => Some((mean, -1.0)),
        _ => None,
    }
}

/// Adds what constant units contribute to a layer's outputs to its bias.
fn fold(parameters: &mut Parameters, reader: &Reader, values: &[(usize, f64)]) {
    let (Some((absorber, sign)), false) = (reader.absorber, values.is_empty()) else { return };
    let weight = &parameters[reader.weight];
    let [outputs, inputs] = [weight.shape()[0], weight.shape()[1]];
    let taps = weight.len() / (outputs * inputs);
    let block = reader.repeat * taps;
    let contribution = |row: &[f32]| -> f64 {
        let of_unit = |&(unit, value): &(usize, f64)| {
            value * row[unit * block..][..block].iter().map(|&w| f64::from(w)).sum::<f64>()
        };
        values.iter().map(of_unit).sum()
    };
    let contributions: Vec<f64> = weight.data().chunks_exact(inputs * taps).map(contribution).collect();
    for (bias, contribution) in parameters[absorber].data_mut().iter_mut().zip(contributions) {
        *bias = (f64::from(*bias) + sign * contribution) as f32;
    }
}

#[cfg(test)]
mod tests;
