//! From the fine-tuned network to what its file holds (method, steps 6 and 7): codebooks, indices, structure.

use mixpress_codebook::{AxisRef, Codebook, Container, Entry, Metadata, PlainTensor, QuantizedTensor, UnitGroup};
use mixpress_network::{Definition, Graph, ParameterKind, Parameters, sort_live_units_first};

use crate::definition::write_definition;
use crate::{Error, Recipe};

/// What the file says of the run that made it.
pub(crate) struct Facts<'a> {
    pub recipe: &'a Recipe,
    /// Percent, on the validation split.
    pub float_validation_error: f64,
    /// Percent, on the validation split.
    pub validation_error: f64,
}

/// Packs a network at full shape whose covered weights are codebook values and whose biases lie on their grids.
///
/// Live hidden units are sorted to the front first, which changes no output: a prefix needs no flags.
pub(crate) fn package(
    definition: &Definition,
    graph: &Graph,
    mut parameters: Parameters,
    facts: &Facts<'_>,
) -> Result<Container, Error> {
    sort_live_units_first(graph, &mut parameters);
    let units = graph.units();
    let groups = units.groups().iter().map(|group| UnitGroup { size: group.size, grid: group.grid }).collect();
    let mut entries = Vec::new();
    for (index, spec) in graph.parameters().iter().enumerate() {
        let (name, shape, values) = (spec.name.as_str(), spec.shape.as_slice(), parameters[index].data());
        let axes: Vec<Option<AxisRef>> =
            units.axes(index).iter().map(|axis| axis.map(|axis| AxisRef::repeated(axis.group, axis.repeat))).collect();
        let entry: Entry = match spec.kind {
            ParameterKind::Weight { .. } => QuantizedTensor::from_values(name, shape, values)?.with_axes(axes)?.into(),
            ParameterKind::Bias => on_grid(name, shape, values, facts.recipe.tied.bias_bits)?.with_axes(axes)?.into(),
            _ => PlainTensor::rounded_to_f16(name, shape, values)?.into(),
        };
        entries.push(entry);
    }
    let hundredths = |percent: f64| Some((100.0 * percent).round() as u32);
    let metadata = Metadata {
        recipe: facts.recipe.to_differences(),
        seed: Some(facts.recipe.seed),
        float_error: hundredths(facts.float_validation_error),
        error: hundredths(facts.validation_error),
        extra: Vec::new(),
    };
    let definition = Some(write_definition(definition, graph.input_shape()));
    Ok(Container { entries, groups, definition, metadata })
}

/// A tensor whose values are whole multiples of one step, the largest of them `2^(bits-1) - 1` steps.
fn on_grid(name: &str, shape: &[usize], values: &[f32], bits: u8) -> Result<QuantizedTensor, Error> {
    let largest = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let codebook = Codebook::grid_for(largest, bits);
    let indices = values.iter().map(|&value| codebook.nearest(value)).collect();
    Ok(QuantizedTensor::new(name, shape, codebook, indices)?)
}
