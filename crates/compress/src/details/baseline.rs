//! What anybody gets without a method: weights rounded to 8 bits, and Zstandard over all.

use mixpress_network::{Graph, Parameters};
use mixpress_tensor::Pool;
use mixpress_train::{Dataset, evaluate};
use serde::{Deserialize, Serialize};

/// Zstandard's level: the highest that needs no more memory to decompress.
const LEVEL: i32 = 19;

/// The largest magnitude of eight bits, so that both signs reach as far.
const MOST: f32 = 127.0;

/// The float network with its weights rounded to 8 bits, one scale a tensor, the rest as f32, compressed as one block.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Bytes of the compressed block. Names and shapes are not counted, which a file would need, too.
    pub bytes: u64,
    /// Test error of the rounded network, percent.
    pub error: f64,
}

impl Baseline {
    /// Rounds a network, compresses it and reads the test set.
    pub(crate) fn measure(graph: &Graph, parameters: &Parameters, test: &Dataset) -> Self {
        let (rounded, bytes) = round(graph, parameters);
        // The data are in memory and so is what comes out: nothing can fail.
        let bytes = zstd::bulk::compress(&bytes, LEVEL).map_or(bytes.len(), |compressed| compressed.len());
        let error = evaluate(graph, &rounded, test, &Pool::new()).error_percent();
        Self { bytes: bytes as u64, error }
    }
}

/// The rounded network, and its bytes in the order of the graph: of a tensor of weights the scale and a byte each.
fn round(graph: &Graph, parameters: &Parameters) -> (Parameters, Vec<u8>) {
    let (mut rounded, mut bytes) = (parameters.clone(), Vec::new());
    for (index, spec) in graph.parameters().iter().enumerate() {
        let values = rounded[index].data_mut();
        if !spec.kind.is_weight() {
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            continue;
        }
        let scale = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs())) / MOST;
        bytes.extend(scale.to_le_bytes());
        for value in values {
            let steps = if scale > 0.0 { (*value / scale).round().clamp(-MOST, MOST) } else { 0.0 };
            bytes.push((steps as i8).to_le_bytes()[0]);
            *value = steps * scale;
        }
    }
    (rounded, bytes)
}

#[cfg(test)]
mod tests {
    use mixpress_network::{ParameterSpec, zoo};
    use mixpress_train::digits;

    use super::*;

    #[test]
    fn weights_take_a_byte_and_move_by_half_a_step_at_most() {
        let graph = zoo::digits_mlp().lower(&[1, 8, 8]).unwrap();
        let mut parameters = Parameters::neutral(&graph);
        for (position, value) in parameters[0].data_mut().iter_mut().enumerate() {
            *value = (position as f32 * 0.7).sin();
        }
        let (rounded, bytes) = round(&graph, &parameters);
        let weights: usize =
            graph.parameters().iter().filter(|spec| spec.kind.is_weight()).map(ParameterSpec::len).sum();
        assert_eq!(bytes.len(), weights + 3 * 4 + 4 * (graph.parameter_count() - weights));
        let step = parameters[0].data().iter().fold(0.0_f32, |most, value| most.max(value.abs())) / MOST;
        let moved = parameters[0].data().iter().zip(rounded[0].data()).map(|(a, b)| (a - b).abs());
        assert!(moved.fold(0.0, f32::max) <= 0.501 * step);
        assert_eq!(rounded[1], parameters[1], "biases stay");

        let measured = Baseline::measure(&graph, &parameters, &digits().test);
        assert!(measured.bytes < bytes.len() as u64 && measured.bytes > 128, "{measured:?}");
        assert!(measured.error > 50.0, "nobody trained it");
    }
}
