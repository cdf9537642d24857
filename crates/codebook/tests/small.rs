//! Small sparse files: they come back, and they are as small as they have to be.

mod common;

use common::lenet_300_100;
use mixpress_codebook::{Codebook, Container, Entry, QuantizedTensor, UnitGroup, breakdown, decode, encode};

fn entropy(counts: &[usize]) -> f64 {
    let total = counts.iter().sum::<usize>() as f64;
    counts.iter().filter(|&&c| c > 0).map(|&c| -(c as f64) * (c as f64 / total).log2()).sum()
}

/// Bytes of the weights at the entropy of each layer's indices.
fn order_zero(container: &Container) -> f64 {
    let weights = container.entries.iter().filter(|e| e.name().ends_with("weight"));
    let bits = weights.map(|entry| {
        let Entry::Quantized(t) = entry else { return 0.0 };
        let mut counts = vec![0; t.codebook().len()];
        t.indices().iter().for_each(|&i| counts[usize::from(i)] += 1);
        entropy(&counts)
    });
    bits.sum::<f64>() / 8.0
}

#[test]
fn a_sparse_network_is_far_below_its_order_zero_entropy() {
    for seed in 0..3 {
        let container = lenet_300_100(seed, 0.01);
        let bytes = encode(&container).unwrap();
        assert_eq!(decode(&bytes).unwrap(), container);
        let parts = breakdown(&bytes).unwrap();
        assert!((parts.accounted() - bytes.len() as f64).abs() < 2.0, "{} of {}", parts.accounted(), bytes.len());
        let weights: f64 = parts
            .tensors
            .iter()
            .filter(|t| t.name.ends_with("weight"))
            .map(mixpress_codebook::TensorBytes::total)
            .sum();
        let bound = order_zero(&container);
        assert!(weights + parts.flags < 0.75 * bound, "weights {weights}, flags {}, order 0 {bound}", parts.flags);
    }
}

#[test]
fn six_tensors_cost_less_than_forty_bytes_before_any_value() {
    let mut container = lenet_300_100(0, 0.01);
    for entry in &mut container.entries {
        let Entry::Quantized(t) = entry else { unreachable!("all tensors are quantised") };
        let zero = t.codebook().zero_index().unwrap();
        let axes = t.axes().to_vec();
        let empty = QuantizedTensor::new(t.name(), t.shape(), Codebook::Values(vec![0.0]), vec![0; t.len()]);
        assert!(zero > 0);
        *t = empty.unwrap().with_axes(axes).unwrap();
    }
    let bytes = encode(&container).unwrap();
    assert!(bytes.len() < 40, "{} bytes", bytes.len());
    assert_eq!(decode(&bytes).unwrap(), container);
}

#[test]
fn dead_units_cost_nothing() {
    let few = lenet_300_100(1, 0.01);
    let mut wide = few.clone();
    // The same network with 2000 further hidden units that do nothing.
    wide.groups[1] = UnitGroup::new(2300);
    for entry in &mut wide.entries {
        let Entry::Quantized(t) = entry else { unreachable!("all tensors are quantised") };
        let zero = t.codebook().zero_index().unwrap();
        let mut shape = t.shape().to_vec();
        let indices: Vec<u16> = match t.name() {
            "fc1.weight" | "fc1.bias" => {
                shape[0] = 2300;
                let more = 2000 * t.len() / 300;
                t.indices().iter().copied().chain(std::iter::repeat_n(zero, more)).collect()
            }
            "fc2.weight" => {
                shape[1] = 2300;
                t.indices().chunks(300).flat_map(|row| row.iter().copied().chain([zero; 2000])).collect()
            }
            _ => continue,
        };
        *t = QuantizedTensor::new(t.name(), shape, t.codebook().clone(), indices).unwrap().with_axes(t.axes()).unwrap();
    }
    let (small, large) = (encode(&few).unwrap(), encode(&wide).unwrap());
    assert_eq!(decode(&large).unwrap(), wide);
    assert!(large.len() < small.len() + 110, "{} and {} bytes", small.len(), large.len());
}
