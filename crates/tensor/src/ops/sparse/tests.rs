//! Chains against the dense operators, with weights that are not kept set to zero; and against central differences.

use super::*;
use crate::problem::{Problem, check, check_twin, distinct, run, tensor};
use crate::{Mode, Pool, Tensor};
use mixpress_testing::assert_close;
use mixpress_testing::strategies::cases;
use proptest::prelude::*;

/// A layer of a chain under test; weights and biases are inputs of the problem, in order.
#[derive(Clone, Debug)]
enum Layer {
    Linear(Arc<SparsePattern>, bool),
    Conv2d(Arc<SparsePattern>, bool, Conv2d),
    MaxPool(Pool2d),
    Relu,
    Flatten,
}

#[derive(Clone, Debug)]
struct Chained {
    layers: Vec<Layer>,
    /// Whether to run the dense operators instead.
    dense: bool,
}

impl Problem for Chained {
    fn apply<T: Element>(&self, tape: &mut Tape<'_, T>, inputs: &[Var]) -> Var {
        let mut rest = inputs[1..].iter().copied();
        let mut next = |wanted: bool| if wanted { rest.next() } else { None };
        let layers: Vec<SparseLayer> = self
            .layers
            .iter()
            .map(|layer| match layer {
                Layer::Linear(pattern, bias) => {
                    SparseLayer::Linear { weight: next(true).unwrap(), bias: next(*bias), pattern: Arc::clone(pattern) }
                }
                Layer::Conv2d(pattern, bias, options) => SparseLayer::Conv2d {
                    weight: next(true).unwrap(),
                    bias: next(*bias),
                    pattern: Arc::clone(pattern),
                    options: *options,
                },
                Layer::MaxPool(pool) => SparseLayer::MaxPool(*pool),
                Layer::Relu => SparseLayer::Relu,
                Layer::Flatten => SparseLayer::Flatten,
            })
            .collect();
        if !self.dense {
            return tape.sparse_chain(inputs[0], &layers);
        }
        layers.into_iter().fold(inputs[0], |x, layer| match layer {
            SparseLayer::Linear { weight, bias, .. } => {
                let x = tape.flatten(x);
                tape.linear(x, weight, bias)
            }
            SparseLayer::Conv2d { weight, bias, options, .. } => tape.conv2d(x, weight, bias, options),
            SparseLayer::MaxPool(pool) => tape.max_pool2d(x, pool),
            SparseLayer::Relu => tape.relu(x),
            SparseLayer::Flatten => tape.flatten(x),
        })
    }

    fn reference(&self, inputs: &[Tensor<f64>]) -> Tensor<f64> {
        run(&Self { dense: true, ..self.clone() }, inputs, None).value
    }
}

/// A weight of which about `kept` of 8 elements are kept, and its pattern.
fn weight(shape: &[usize], kept: u64, seed: u64) -> (Tensor<f64>, Arc<SparsePattern>) {
    let pattern = SparsePattern::new(shape, |position| ((position as u64 * 0x9E37_79B9) ^ seed) % 61 % 8 < kept);
    let mut weight = tensor(shape, seed);
    let kept = |position: usize| pattern.positions().binary_search(&position).is_ok();
    let values = weight.data_mut().iter_mut().enumerate();
    values.filter(|(position, _)| !kept(*position)).for_each(|(_, value)| *value = 0.0);
    (weight, Arc::new(pattern))
}

/// The chain's value and gradients are those of the dense operators, where weights are kept, and 0 elsewhere.
fn compare(chain: &Chained, inputs: &[Tensor<f64>]) {
    let sparse = run(chain, inputs, None);
    let dense = run(&Chained { dense: true, ..chain.clone() }, inputs, None);
    assert_eq!(sparse.value.shape(), dense.value.shape());
    assert_close(sparse.value.data(), dense.value.data(), 1e-11, 1e-12);
    let mut position = 1;
    assert_close(&sparse.gradients[0], &dense.gradients[0], 1e-11, 1e-12);
    for layer in &chain.layers {
        let (Layer::Linear(pattern, bias) | Layer::Conv2d(pattern, bias, _)) = layer else { continue };
        let mut expected = vec![0.0; dense.gradients[position].len()];
        pattern.positions().iter().for_each(|&at| expected[at] = dense.gradients[position][at]);
        assert_close(&sparse.gradients[position], &expected, 1e-11, 1e-12);
        position += 1;
        if *bias {
            assert_close(&sparse.gradients[position], &dense.gradients[position], 1e-11, 1e-12);
            position += 1;
        }
    }
    check_twin(chain, inputs);
}

fn pools() -> impl Strategy<Value = Option<(Pool2d, bool)>> {
    prop_oneof![Just(None), (crate::ops::window::testing::pools(), any::<bool>()).prop_map(Some)]
}

proptest! {
    #![proptest_config(cases(64))]
    #[test]
    fn dense_layers_are_right(n in 0_usize..40, sizes in prop::collection::vec(1_usize..9, 2..5), kept in 0_u64..9, bias: bool, seed: u64) {
        let mut inputs = vec![tensor(&[n, sizes[0]], seed)];
        let mut layers = Vec::new();
        for (index, pair) in sizes.windows(2).enumerate() {
            let (weight, pattern) = weight(&[pair[1], pair[0]], kept, seed ^ index as u64);
            inputs.push(weight);
            inputs.extend(bias.then(|| tensor(&[pair[1]], seed ^ 0x4D ^ index as u64)));
            layers.extend([Layer::Linear(pattern, bias), Layer::Relu]);
        }
        layers.pop();
        compare(&Chained { layers, dense: false }, &inputs);
    }

    #[test]
    fn convolutions_are_right(
        n in 1_usize..20,
        (groups, c, o) in (1_usize..3, 1_usize..3, 1_usize..3),
        image in [4_usize..9, 4_usize..9],
        kernel in [1_usize..4, 1_usize..4],
        stride in [1_usize..4, 1_usize..4],
        padding in [0_usize..3, 0_usize..3],
        pool in pools(),
        kept in 0_u64..9,
        bias: bool,
        seed: u64,
    ) {
        let options = Conv2d { stride, padding, groups };
        let Some(result) = options.output(image, kernel) else { return Ok(()) };
        let (weight, pattern) = weight(&[o * groups, c, kernel[0], kernel[1]], kept, seed);
        let mut inputs = vec![distinct(&[n, c * groups, image[0], image[1]], seed), weight];
        inputs.extend(bias.then(|| tensor(&[o * groups], seed ^ 5)));
        let mut layers = vec![Layer::Conv2d(pattern, bias, options)];
        if let Some((pool, relu)) = pool.filter(|(pool, _)| pool.output(result).is_some()) {
            layers.extend(relu.then_some(Layer::Relu));
            layers.push(Layer::MaxPool(pool));
        }
        compare(&Chained { layers, dense: false }, &inputs);
    }

    #[test]
    fn pooling_and_relu_alone_are_right(n in 1_usize..20, c in 1_usize..4, h in 3_usize..8, w in 3_usize..8, pool in crate::ops::window::testing::pools(), seed: u64) {
        let layers = vec![Layer::Relu, Layer::MaxPool(pool), Layer::Flatten, Layer::Relu];
        compare(&Chained { layers, dense: false }, &[distinct(&[n, c, h, w], seed)]);
    }
}

/// A small network of all kinds of layers.
fn network(n: usize, kept: u64) -> (Chained, Vec<Tensor<f64>>) {
    let (conv1, of_conv1) = weight(&[4, 2, 3, 3], kept, 1);
    let (conv2, of_conv2) = weight(&[6, 4, 2, 2], kept, 2);
    let (fc1, of_fc1) = weight(&[7, 24], kept, 3);
    let (fc2, of_fc2) = weight(&[3, 7], kept, 4);
    let layers = vec![
        Layer::Conv2d(of_conv1, true, Conv2d { padding: [1, 1], ..Conv2d::default() }),
        Layer::MaxPool(Pool2d::square(2)),
        Layer::Conv2d(of_conv2, false, Conv2d::default()),
        Layer::Relu,
        Layer::Flatten,
        Layer::Linear(of_fc1, true),
        Layer::Relu,
        Layer::Linear(of_fc2, true),
    ];
    let biases = [4, 7, 3].map(|len| tensor(&[len], len as u64));
    let [b1, b2, b3] = biases;
    (Chained { layers, dense: false }, vec![distinct(&[n, 2, 6, 7], 9), conv1, b1, conv2, fc1, b2, fc2, b3])
}

#[test]
fn a_network_is_right() {
    for (n, kept) in [(1, 2), (16, 2), (33, 1), (5, 8), (20, 0)] {
        let (chain, inputs) = network(n, kept);
        compare(&chain, &inputs);
    }
}

#[test]
fn a_whole_pattern_passes_the_gradient_check() {
    let (chain, inputs) = network(2, 8);
    check(&chain, &inputs);
}

#[test]
fn constants_have_no_gradient_and_change_none() {
    let (chain, inputs) = network(18, 3);
    let every = run(&chain, &inputs, None);
    for constant in 0..inputs.len() {
        let pool = Pool::new();
        let mut tape = Tape::new(&pool, Mode::Training);
        let vars = inputs.iter().enumerate();
        let vars: Vec<Var> =
            vars.map(|(at, input)| if at == constant { tape.constant(input) } else { tape.parameter(input) }).collect();
        let y = chain.apply(&mut tape, &vars);
        let seeds =
            Tensor::new(every.value.shape(), mixpress_testing::uniform(every.value.len(), crate::problem::COTANGENT));
        let seeds = tape.input(seeds.unwrap());
        let weighted = tape.mul(y, seeds);
        let loss = tape.sum(weighted);
        let gradients = tape.backward(loss);
        for (at, (&var, expected)) in vars.iter().zip(&every.gradients).enumerate() {
            assert_eq!(gradients.get(var), (at != constant).then_some(&expected[..]), "{at} with {constant} constant");
        }
    }
}

#[test]
fn weights_that_are_not_kept_are_not_looked_at() {
    let (chain, mut inputs) = network(3, 2);
    let expected = run(&chain, &inputs, None);
    let Layer::Conv2d(pattern, ..) = &chain.layers[0] else { panic!("the first layer") };
    let kept = |at: &usize| pattern.positions().contains(at);
    (0..inputs[1].len()).filter(|at| !kept(at)).for_each(|at| inputs[1].data_mut()[at] = f64::NAN);
    let got = run(&chain, &inputs, None);
    assert_eq!((got.value, got.gradients), (expected.value, expected.gradients));
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let (chain, inputs) = network(150, 4);
    let narrow =
        |input: &Tensor<f64>| Tensor::new(input.shape(), input.data().iter().map(|&x| x as f32).collect()).unwrap();
    let inputs: Vec<Tensor<f32>> = inputs.iter().map(narrow).collect();
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let outcome = pool.install(|| run(&chain, &inputs, None));
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        let gradients: Vec<Vec<u32>> = outcome.gradients.iter().map(|gradient| bits(gradient)).collect();
        (bits(outcome.value.data()), gradients)
    };
    let reference = on(1);
    for threads in 2..5 {
        assert!(on(threads) == reference, "{threads} threads differ");
    }
}

#[test]
#[should_panic(expected = "a pattern on 4 features")]
fn shapes_that_do_not_fit_are_named() {
    let (weight, pattern) = weight(&[2, 3], 8, 1);
    run(&Chained { layers: vec![Layer::Linear(pattern, false)], dense: false }, &[tensor(&[1, 4], 1), weight], None);
}
