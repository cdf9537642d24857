//! From the fine-tuned network to what its file holds (method, steps 6 and 7): codebooks, indices, structure.

use mixpress_codebook::{AxisRef, Container, Entry, Metadata, PlainTensor, QuantizedTensor, UnitGroup};
use mixpress_network::{Definition, Graph, GroupRole, ParameterKind, Parameters};
use mixpress_quantize::quantize_uniform;

use crate::definition::write_definition;
use crate::{Error, Recipe};

/// What the file says of the run that made it.
pub(crate) struct Facts<'a> {
    pub recipe: &'a Recipe,
    pub errors: ValidationErrors,
}

/// Errors on the validation split, percent.
#[derive(Clone, Copy)]
pub(crate) struct ValidationErrors {
    pub float: f64,
    pub compressed: f64,
}

/// Packs a network at full shape whose covered weights are codebook values and whose biases lie on their grids.
///
/// Hidden units are brought into the order in which the file is smallest, which changes no output.
pub(crate) fn package(
    definition: &Definition,
    graph: &Graph,
    parameters: &Parameters,
    facts: &Facts<'_>,
) -> Result<Container, Error> {
    let units = graph.units();
    let groups = units.groups().iter().map(|group| UnitGroup { size: group.size, grid: group.grid }).collect();
    let mut entries = Vec::new();
    for (index, spec) in graph.parameters().iter().enumerate() {
        let (name, shape, values) = (spec.name.as_str(), spec.shape.as_slice(), parameters[index].data());
        let axes: Vec<Option<AxisRef>> =
            units.axes(index).iter().map(|axis| axis.map(|axis| AxisRef::repeated(axis.group, axis.repeat))).collect();
        let entry: Entry = match spec.kind {
            kind if facts.recipe.prior.covers.includes(kind) => {
                QuantizedTensor::from_values(name, shape, values)?.with_axes(axes)?.into()
            }
            ParameterKind::Bias => {
                quantize_uniform(name, shape, values, facts.recipe.tied.bias_bits)?.with_axes(axes)?.into()
            }
            // The fine-tuning rounded them to half precision, but for what half precision cannot hold.
            _ => PlainTensor::narrowest(name, shape, values)?.into(),
        };
        entries.push(entry);
    }
    let hundredths = |percent: f64| Some((100.0 * percent).round() as u32);
    let metadata = Metadata {
        recipe: facts.recipe.to_differences(),
        seed: Some(facts.recipe.seed),
        float_error: hundredths(facts.errors.float),
        error: hundredths(facts.errors.compressed),
        extra: Vec::new(),
    };
    let definition = Some(write_definition(definition, graph.input_shape()));
    let mut container = Container { entries, groups, definition, metadata, ..Container::default() };
    // Hidden units may stand in any order, unless a tensor of theirs is held in plain floats.
    if container.entries.iter().all(|entry| matches!(entry, Entry::Quantized(_))) {
        let roles = units.groups().iter().enumerate();
        let hidden: Vec<usize> =
            roles.filter(|(_, group)| group.role == GroupRole::Hidden).map(|(group, _)| group).collect();
        container.sort_units(&hidden);
    }
    Ok(container)
}
