//! Convolution, batch-norm, pooling and cross-entropy against values that `PyTorch` computed (`golden/make.py`).

use mixpress_tensor::{BatchNorm, Conv2d, Element, Mode, Pool, Pool2d, Tape, Tensor, Var};
use mixpress_testing::{Case, Golden, assert_close};

fn tensor<T: Element>(case: &Case, name: &str) -> Tensor<T> {
    let (shape, values) = case.tensor(name);
    Tensor::new(shape, values.iter().map(|&x| T::narrow(x)).collect()).expect("the file's shapes hold its values")
}

fn widened<T: Element>(values: &[T]) -> Vec<f64> {
    values.iter().map(|x| x.widen()).collect()
}

/// Applies an operator to the case's tensors of the given names, and compares its value and all gradients in the file.
fn compare<T: Element>(case: &Case, mode: Mode, names: &[&str], apply: impl FnOnce(&mut Tape<'_, T>, &[Var]) -> Var) {
    let names: Vec<&str> = names.iter().copied().filter(|name| case.get(name).is_some()).collect();
    let tolerance = T::epsilon().widen() * 64.0;
    let inputs: Vec<Tensor<T>> = names.iter().map(|name| tensor(case, name)).collect();
    let dy = tensor(case, "dy");
    let pool = Pool::new();
    let mut tape = Tape::new(&pool, mode);
    let variables: Vec<Var> = inputs.iter().map(|input| tape.parameter(input)).collect();
    let y = apply(&mut tape, &variables);
    let (shape, values) = case.tensor("y");
    assert_eq!(tape.shape(y), shape, "{}", case.name());
    assert_close(&widened(tape.value(y)), values, tolerance, tolerance);
    let dy = tape.constant(&dy);
    let weighted = tape.mul(y, dy);
    let loss = tape.sum(weighted);
    let gradients = tape.backward(loss);
    for (name, &variable) in names.iter().zip(&variables) {
        let gradient = gradients.get(variable).expect("every input has a gradient");
        assert_close(&widened(gradient), case.tensor(&format!("d{name}")).1, tolerance, tolerance);
    }
}

fn golden() -> Golden {
    Golden::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/values.txt"))
}

fn convolutions<T: Element>() {
    let plain = Conv2d::default();
    for (name, options) in [
        ("conv plain", plain),
        ("conv stride", Conv2d { stride: [2, 3], ..plain }),
        ("conv padding", Conv2d { padding: [1, 2], ..plain }),
        ("conv groups", Conv2d { groups: 2, ..plain }),
        ("conv depthwise", Conv2d { stride: [2, 2], padding: [1, 1], groups: 3 }),
        ("conv pointwise", plain),
    ] {
        compare::<T>(golden().case(name), Mode::Training, &["x", "weight", "bias"], |tape, v| {
            tape.conv2d(v[0], v[1], v.get(2).copied(), options)
        });
    }
}

fn batch_norms<T: Element>() {
    for name in ["batch norm matrix", "batch norm images"] {
        let epsilon = T::narrow(1e-5);
        let golden = golden();
        let case = golden.case(&format!("{name} training"));
        compare::<T>(case, Mode::Training, &["x", "gamma", "beta"], |tape, v| {
            let norm = BatchNorm { mean: &[], variance: &[], epsilon };
            let (y, statistics) = tape.batch_norm(v[0], v[1], v[2], norm);
            let statistics = statistics.expect("returned while training");
            let tolerance = T::epsilon().widen() * 16.0;
            assert_close(&widened(&statistics.mean), case.tensor("batch_mean").1, tolerance, tolerance);
            assert_close(&widened(&statistics.variance), case.tensor("batch_variance").1, tolerance, tolerance);
            y
        });
        let case = golden.case(&format!("{name} inference"));
        let (mean, variance) = (tensor::<T>(case, "mean"), tensor::<T>(case, "variance"));
        compare::<T>(case, Mode::Inference, &["x", "gamma", "beta"], |tape, v| {
            let norm = BatchNorm { mean: mean.data(), variance: variance.data(), epsilon };
            tape.batch_norm(v[0], v[1], v[2], norm).0
        });
    }
}

fn pools<T: Element>() {
    let overlapping = Pool2d { kernel: [3, 2], stride: [2, 1], padding: [1, 1] };
    for (name, pool) in [("halving", Pool2d::square(2)), ("overlapping", overlapping)] {
        compare::<T>(golden().case(&format!("max pool {name}")), Mode::Training, &["x"], |tape, v| {
            tape.max_pool2d(v[0], pool)
        });
        compare::<T>(golden().case(&format!("average pool {name}")), Mode::Training, &["x"], |tape, v| {
            tape.average_pool2d(v[0], pool)
        });
    }
    compare::<T>(golden().case("global average pool"), Mode::Training, &["x"], |tape, v| {
        tape.global_average_pool(v[0])
    });
}

fn cross_entropies<T: Element>() {
    let golden = golden();
    let case = golden.case("cross entropy");
    let labels: Vec<u32> = case.tensor("labels").1.iter().map(|&label| label as u32).collect();
    compare::<T>(case, Mode::Training, &["x"], |tape, v| tape.softmax_cross_entropy(v[0], &labels));
    let case = golden.case("cross entropy soft");
    let targets = tensor::<T>(case, "targets");
    compare::<T>(case, Mode::Training, &["x"], |tape, v| tape.softmax_cross_entropy_with(v[0], targets.data()));
}

#[test]
fn double_precision_gives_the_reference_values() {
    convolutions::<f64>();
    batch_norms::<f64>();
    pools::<f64>();
    cross_entropies::<f64>();
}

#[test]
fn single_precision_gives_the_reference_values() {
    convolutions::<f32>();
    batch_norms::<f32>();
    pools::<f32>();
    cross_entropies::<f32>();
}
