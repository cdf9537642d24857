//! No output changes, nothing that could go is left, and everything comes back.

use mixpress_tensor::Tensor;
use proptest::prelude::*;

use super::*;
use crate::testing::{assert_same, batch, count, disturb, networks, predict, sparse_parameters, widths};
use crate::{BatchNorm, Conv, Definition, Dense, Error, LayerSpec, Pool, Residual, zoo};

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(192))]

    #[test]
    fn no_output_changes((definition, input) in networks(), seed in any::<u64>()) {
        let graph = definition.lower(&input).unwrap();
        let parameters = sparse_parameters(&graph, seed);
        let samples = batch(&graph, 3, seed ^ 1);
        let expected = predict(&graph, &parameters, &samples);
        let shrunk = shrink(&graph, &parameters);
        assert_same(&predict(shrunk.graph(), &shrunk.parameters, &samples), &expected);
        assert_same(&shrunk.expand().predict(&samples).unwrap().into_data(), &expected);
    }

    #[test]
    fn what_is_left_cannot_shrink_again((definition, input) in networks(), seed in any::<u64>()) {
        let graph = definition.lower(&input).unwrap();
        let shrunk = shrink(&graph, &sparse_parameters(&graph, seed));
        let again = shrink(shrunk.graph(), &shrunk.parameters);
        prop_assert!(again.map.is_whole());
        prop_assert_eq!(again.parameters, shrunk.parameters);
    }

    #[test]
    fn shrinkings_compose_and_further_training_comes_back((definition, input) in networks(), seed in any::<u64>()) {
        let graph = definition.lower(&input).unwrap();
        let first = shrink(&graph, &sparse_parameters(&graph, seed));
        let mut trained = first.parameters.clone();
        disturb(first.graph(), &mut trained, seed ^ 2);
        let samples = batch(&graph, 2, seed ^ 1);
        let expected = predict(first.graph(), &trained, &samples);
        assert_same(&predict(&graph, &first.map.restore(&trained), &samples), &expected);

        // Pruned anew on the shrunk graph.
        let sparser = sparse_parameters(first.graph(), seed ^ 3);
        let second = shrink(first.graph(), &sparser);
        let both = first.map.then(&second.map);
        prop_assert_eq!(both.graph(), second.graph());
        let expected = predict(first.graph(), &sparser, &samples);
        assert_same(&predict(&graph, &both.restore(&second.parameters), &samples), &expected);

        // The lists of units are all that a checkpoint needs.
        let kept: Vec<_> = both.units().iter().map(|units| units.kept.clone()).collect();
        prop_assert_eq!(UnitMap::new(&graph, &kept).unwrap(), both);
    }

    #[test]
    fn inputs_may_be_gathered_beforehand((definition, input) in networks(), seed in any::<u64>()) {
        let graph = definition.lower(&input).unwrap();
        let shrunk = shrink(&graph, &sparse_parameters(&graph, seed));
        let samples = batch(&graph, 2, seed ^ 1);
        let expected = predict(shrunk.graph(), &shrunk.parameters, &samples);
        let gathered = shrunk.graph().without_input_selection();
        prop_assert_eq!(count(&gathered, |operator| matches!(operator, Operator::Select { .. })), 0);
        prop_assert_eq!(gathered.parameters(), shrunk.graph().parameters());
        prop_assert_eq!(gathered.units().groups().len(), graph.units().groups().len());
        let samples = match shrunk.graph().input_selection() {
            None => samples,
            Some(features) => {
                let rows = samples.data().chunks_exact(input.iter().product());
                let data = rows.flat_map(|row| features.iter().map(|&feature| row[feature])).collect();
                Tensor::new(&[2, features.len()], data).unwrap()
            }
        };
        prop_assert_eq!(predict(&gathered, &shrunk.parameters, &samples), expected);
    }

    #[test]
    fn what_is_scattered_can_be_gathered((definition, input) in networks(), seed in any::<u64>()) {
        let graph = definition.lower(&input).unwrap();
        let shrunk = shrink(&graph, &sparse_parameters(&graph, seed));
        for (axes, tensor) in shrunk.map.axes().iter().zip(shrunk.parameters.tensors()) {
            prop_assert_eq!(axes.shape(), tensor.shape());
            let full = axes.scatter(tensor);
            prop_assert_eq!(full.shape(), axes.full_shape());
            prop_assert_eq!(&axes.gather(&full), tensor);
            let nonzero = |tensor: &Tensor| tensor.data().iter().filter(|&&value| value != 0.0).count();
            prop_assert_eq!(nonzero(&full), nonzero(tensor));
            let marks: Vec<u8> = axes.scatter_slice(&vec![1; tensor.len()], 0);
            prop_assert_eq!(marks.iter().map(|&mark| usize::from(mark)).sum::<usize>(), tensor.len());
        }
    }
}

/// Parameters without a zero.
fn full_parameters(graph: &Graph) -> Parameters {
    let mut parameters = Parameters::neutral(graph);
    for (index, value) in parameters.tensors_mut().iter_mut().flat_map(Tensor::data_mut).enumerate() {
        *value = 0.1 + (index % 7) as f32 * 0.05;
    }
    parameters
}

fn zero_row(parameters: &mut Parameters, name: &str, row: usize) {
    let tensor = parameters.get_mut(name).unwrap();
    let length = tensor.len() / tensor.shape()[0];
    tensor.data_mut()[row * length..][..length].fill(0.0);
}

fn zero_columns(parameters: &mut Parameters, name: &str, columns: std::ops::Range<usize>) {
    let tensor = parameters.get_mut(name).unwrap();
    let taps: usize = tensor.shape()[2..].iter().product();
    let inputs = tensor.shape()[1];
    for row in tensor.data_mut().chunks_exact_mut(inputs * taps) {
        row[columns.start * taps..columns.end * taps].fill(0.0);
    }
}

#[test]
fn a_full_network_stays_whole() {
    for name in ["digits-mlp", "lenet-5-caffe"] {
        let graph = zoo::by_name(name).unwrap().lower(&[1, 16, 16]).unwrap();
        let shrunk = shrink(&graph, &full_parameters(&graph));
        assert!(shrunk.map.is_whole());
        assert_eq!(shrunk.graph(), &graph);
    }
}

#[test]
fn pixels_and_hidden_units_go_and_biases_are_folded() {
    let graph = zoo::digits_mlp().lower(&[1, 8, 8]).unwrap();
    let mut parameters = full_parameters(&graph);
    zero_columns(&mut parameters, "fc1.weight", 10..12); // nobody reads these pixels
    zero_row(&mut parameters, "fc1.weight", 5); // reads nothing, its bias counts
    zero_columns(&mut parameters, "fc2.weight", 7..8); // nobody reads this unit
    let shrunk = shrink(&graph, &parameters);
    assert_eq!(shrunk.graph().parameters()[0].shape, [126, 62]);
    assert_eq!(shrunk.graph().parameters()[2].shape, [64, 126]);
    assert_eq!(shrunk.map.units()[0].kept, (0..64).filter(|p| !(10..12).contains(p)).collect::<Vec<_>>());
    assert_eq!(shrunk.map.units()[1].kept, (0..128).filter(|&u| u != 5 && u != 7).collect::<Vec<_>>());
    assert_eq!(shrunk.graph().input_selection().unwrap(), shrunk.map.units()[0].kept);
    let folded = parameters.get("fc2.bias").unwrap().data()[3]
        + parameters.get("fc1.bias").unwrap().data()[5] * parameters.get("fc2.weight").unwrap().view()[[3, 5]];
    assert!((shrunk.parameters.get("fc2.bias").unwrap().data()[3] - folded).abs() < 1e-6);
    let samples = batch(&graph, 4, 1);
    assert_same(&predict(shrunk.graph(), &shrunk.parameters, &samples), &predict(&graph, &parameters, &samples));
}

#[test]
fn a_chain_of_dead_units_goes_at_once() {
    let graph = zoo::lenet_300_100().lower(&[20]).unwrap();
    let mut parameters = Parameters::neutral(&graph);
    for name in ["fc1.weight", "fc2.weight", "fc3.weight"] {
        // One path: feature 3, unit 4, unit 5, output 6.
        let width = parameters.get(name).unwrap().shape()[1];
        let (row, column) = match name {
            "fc1.weight" => (4, 3),
            "fc2.weight" => (5, 4),
            _ => (6, 5),
        };
        parameters.get_mut(name).unwrap().data_mut()[row * width + column] = 2.0;
    }
    let shrunk = shrink(&graph, &parameters);
    assert_eq!(widths(shrunk.graph()), [1, 1, 10]);
    assert_eq!(shrunk.graph().input_selection().unwrap(), [3]);
}

#[test]
fn a_dead_channel_takes_its_block_of_columns_along() {
    let graph = zoo::lenet_5_caffe().lower(&[1, 28, 28]).unwrap();
    let mut parameters = full_parameters(&graph);
    zero_row(&mut parameters, "conv2.weight", 9);
    zero_columns(&mut parameters, "conv2.weight", 3..4);
    let shrunk = shrink(&graph, &parameters);
    assert_eq!(shrunk.graph().parameters()[0].shape, [19, 1, 5, 5]);
    assert_eq!(shrunk.graph().parameters()[2].shape, [49, 19, 5, 5]);
    assert_eq!(shrunk.graph().parameters()[4].shape, [500, 49 * 16]);
    assert_eq!(shrunk.graph().input_selection(), None);
}

#[test]
fn a_constant_is_not_folded_through_padding_but_through_the_norm_behind() {
    let definition = |padding: usize| {
        Definition::new("two")
            .with(Conv::new(3, 3))
            .with(Conv::new(4, 3).padding(padding).without_bias())
            .with(BatchNorm::new())
            .with(LayerSpec::AveragePool(Pool::new(2)))
            .with(Dense::new(2))
    };
    for (padding, width) in [(0, 2), (1, 3)] {
        let graph = definition(padding).lower(&[1, 8, 8]).unwrap();
        let mut parameters = full_parameters(&graph);
        zero_row(&mut parameters, "conv1.weight", 1);
        let shrunk = shrink(&graph, &parameters);
        assert_eq!(widths(shrunk.graph()), [width, 4, 2], "padding {padding}");
        let moved = shrunk.parameters.get("bn1.running_mean").unwrap() != parameters.get("bn1.running_mean").unwrap();
        assert_eq!(moved, padding == 0);
        let samples = batch(&graph, 2, 5);
        assert_same(&predict(shrunk.graph(), &shrunk.parameters, &samples), &predict(&graph, &parameters, &samples));
        // A constant of exactly zero may go, padding or not.
        parameters.get_mut("conv1.bias").unwrap().data_mut()[1] = 0.0;
        assert_eq!(widths(shrink(&graph, &parameters).graph()), [2, 4, 2]);
    }
}

#[test]
fn a_mean_over_padding_is_no_constant() {
    for (padding, width) in [(0, 2), (1, 3)] {
        let pool = Pool::new(3).stride(2).padding(padding);
        let definition =
            Definition::new("pooled").with(Conv::new(3, 3)).with(LayerSpec::AveragePool(pool)).with(Dense::new(2));
        let graph = definition.lower(&[1, 7, 7]).unwrap();
        let mut parameters = full_parameters(&graph);
        zero_row(&mut parameters, "conv1.weight", 1);
        let shrunk = shrink(&graph, &parameters);
        assert_eq!(widths(shrunk.graph()), [width, 2], "padding {padding}");
        let samples = batch(&graph, 2, 5);
        assert_same(&predict(shrunk.graph(), &shrunk.parameters, &samples), &predict(&graph, &parameters, &samples));
    }
}

#[test]
fn a_summed_channel_goes_only_when_all_its_producers_and_readers_agree() {
    let definition = Definition::new("sum")
        .with(Dense::new(4))
        .with(Residual::new([Dense::new(5).into(), LayerSpec::Relu, Dense::new(4).into()]))
        .with(Dense::new(2));
    let graph = definition.lower(&[6]).unwrap();
    let mut parameters = full_parameters(&graph);
    let width = |parameters: &Parameters| widths(shrink(&graph, parameters).graph())[0];
    zero_row(&mut parameters, "fc1.weight", 2);
    assert_eq!(width(&parameters), 4, "the branch still writes unit 2");
    zero_row(&mut parameters, "block1.fc2.weight", 2);
    assert_eq!(width(&parameters), 3, "now it is constant, and dense readers take it up");

    let mut parameters = full_parameters(&graph);
    zero_columns(&mut parameters, "fc2.weight", 1..2);
    assert_eq!(width(&parameters), 4, "the branch still reads unit 1");
    zero_columns(&mut parameters, "block1.fc1.weight", 1..2);
    assert_eq!(width(&parameters), 3);
}

#[test]
fn a_network_of_zeros_keeps_one_unit_a_group() {
    let graph = zoo::lenet_5_caffe().lower(&[1, 28, 28]).unwrap();
    let parameters = Parameters::neutral(&graph);
    let shrunk = shrink(&graph, &parameters);
    assert_eq!(widths(shrunk.graph()), [1, 1, 1, 10]);
    assert_eq!(predict(shrunk.graph(), &shrunk.parameters, &batch(&graph, 1, 0)), [0.0; 10]);
}

#[test]
fn values_that_are_not_finite_stay() {
    let graph = zoo::digits_mlp().lower(&[4]).unwrap();
    let mut parameters = full_parameters(&graph);
    zero_row(&mut parameters, "fc1.weight", 0);
    zero_row(&mut parameters, "fc1.weight", 1);
    parameters.get_mut("fc1.bias").unwrap().data_mut()[0] = f32::INFINITY;
    parameters.get_mut("fc2.weight").unwrap().data_mut()[2] = f32::NAN;
    assert_eq!(widths(shrink(&graph, &parameters).graph()), [127, 64, 10]);
}

#[test]
fn selections_that_make_no_sense_are_refused() {
    let graph = zoo::digits_mlp().lower(&[4]).unwrap();
    let whole: Vec<Vec<usize>> = graph.units().groups().iter().map(|group| (0..group.size).collect()).collect();
    let with = |group: usize, kept: &[usize]| {
        let mut lists = whole.clone();
        lists[group] = kept.to_vec();
        UnitMap::new(&graph, &lists)
    };
    assert!(with(1, &[0, 127]).is_ok());
    for kept in [&[][..], &[3, 3], &[4, 2], &[0, 128]] {
        assert!(matches!(with(1, kept), Err(Error::UnitIndices { group: 1, size: 128, .. })), "{kept:?}");
    }
    assert!(matches!(with(3, &[0, 1]), Err(Error::FixedGroup { group: 3, .. })));
    assert!(matches!(UnitMap::new(&graph, &whole[1..]), Err(Error::UnknownGroup { group: 3, groups: 4 })));
}
