//! The table of groups on known networks, and orders of units that change no output.

use ndarray_rand::rand::seq::SliceRandom;
use proptest::prelude::*;

use super::*;
use crate::testing::{assert_same, batch, networks, predict, rng, sparse_parameters};
use crate::{Conv, Definition, Dense, LayerSpec, zoo};

#[allow(clippy::unnecessary_wraps, reason = "compared with entries of the table")]
fn axis(group: usize, repeat: usize) -> Option<UnitAxis> {
    Some(UnitAxis { group, repeat })
}

fn info(size: usize, role: GroupRole) -> GroupInfo {
    GroupInfo { size, grid: None, role }
}

#[test]
fn dense_layers_share_pixels_and_hidden_units() {
    let graph = zoo::lenet_300_100().lower(&[1, 28, 28]).unwrap();
    let units = graph.units();
    let pixels = GroupInfo { size: 784, grid: Some([28, 28]), role: GroupRole::Input };
    let hidden = GroupRole::Hidden;
    assert_eq!(units.groups(), [pixels, info(300, hidden), info(100, hidden), info(10, GroupRole::Fixed)]);
    let expected = [[1, 0], [2, 1], [3, 2]];
    for (layer, [rows, columns]) in expected.into_iter().enumerate() {
        assert_eq!(units.axes(2 * layer), [axis(rows, 1), axis(columns, 1)]);
        assert_eq!(units.axes(2 * layer + 1), [axis(rows, 1)]);
    }
    // Without an image there is no grid.
    let flat = zoo::lenet_300_100().lower(&[784]).unwrap().units();
    assert_eq!(flat.groups()[0], info(784, GroupRole::Input));
}

#[test]
fn flattened_channels_are_blocks_of_columns() {
    let graph = zoo::lenet_5_caffe().lower(&[1, 28, 28]).unwrap();
    let units = graph.units();
    let sizes: Vec<usize> = units.groups().iter().map(|group| group.size).collect();
    assert_eq!(sizes, [1, 20, 50, 500, 10]);
    assert_eq!(units.axes(0), [axis(1, 1), axis(0, 1), None, None]);
    assert_eq!(units.axes(2), [axis(2, 1), axis(1, 1), None, None]);
    assert_eq!(units.axes(4), [axis(3, 1), axis(2, 16)]);
}

#[test]
fn residual_sums_tie_channels_together() {
    let graph = zoo::resnet_20().lower(&[3, 32, 32]).unwrap();
    let units = graph.units();
    let at = |name: &str, position: usize| units.axes(graph.parameter_index(name).unwrap())[position];
    let stem = at("conv1.weight", 0);
    for name in ["layer1.0.conv2.weight", "layer1.2.bn2.running_var", "bn1.weight"] {
        assert_eq!(at(name, 0), stem, "{name}");
    }
    assert_eq!(at("layer2.0.conv1.weight", 1), stem);
    assert_eq!(at("layer2.0.shortcut.0.weight", 1), stem);
    assert_ne!(at("layer1.0.conv1.weight", 0), stem);
    assert_eq!(at("layer2.0.shortcut.0.weight", 0), at("layer2.2.conv2.weight", 0));
    // Input, three stages, nine inner layers, output.
    assert_eq!(units.groups().len(), 1 + 3 + 9 + 1);
    assert_eq!(units.groups().iter().filter(|group| group.role == GroupRole::Hidden).count(), 12);
}

#[test]
fn channels_of_grouped_convolutions_stay() {
    let definition = Definition::new("grouped")
        .with(Conv::new(4, 1))
        .with(Conv::new(6, 1).groups(2))
        .with(LayerSpec::GlobalAveragePool)
        .with(Dense::new(2));
    let units = definition.lower(&[1, 2, 2]).unwrap().units();
    assert_eq!(units.axes(2), [axis(2, 1), None, None, None]);
    let roles: Vec<GroupRole> = units.groups().iter().map(|group| group.role).collect();
    assert_eq!(roles, [GroupRole::Input, GroupRole::Fixed, GroupRole::Fixed, GroupRole::Fixed]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn axes_are_as_long_as_their_groups_say((definition, input) in networks()) {
        let graph = definition.lower(&input).unwrap();
        let units = graph.units();
        for (parameter, spec) in graph.parameters().iter().enumerate() {
            for (length, axis) in spec.shape.iter().zip(units.axes(parameter)) {
                if let Some(axis) = axis {
                    prop_assert_eq!(*length, units.groups()[axis.group].size * axis.repeat);
                }
            }
        }
    }

    #[test]
    fn the_order_of_hidden_units_does_not_matter((definition, input) in networks(), seed in any::<u64>()) {
        let graph = definition.lower(&input).unwrap();
        let parameters = sparse_parameters(&graph, seed);
        let samples = batch(&graph, 2, seed ^ 1);
        let expected = predict(&graph, &parameters, &samples);
        let mut permuted = parameters.clone();
        for (group, info) in graph.units().groups().iter().enumerate() {
            let mut order: Vec<usize> = (0..info.size).collect();
            order.shuffle(&mut rng(seed ^ 2));
            let before = permuted.clone();
            let result = permute_units(&graph, &mut permuted, group, &order);
            if info.role != GroupRole::Hidden {
                prop_assert_eq!(result, Err(Error::FixedGroup { group, change: "permuted" }));
                prop_assert_eq!(&permuted, &before);
                continue;
            }
            prop_assert_eq!(result, Ok(()));
            let mut inverse = vec![0; info.size];
            order.iter().enumerate().for_each(|(new, &old)| inverse[old] = new);
            let mut back = permuted.clone();
            permute_units(&graph, &mut back, group, &inverse).unwrap();
            prop_assert_eq!(back, before);
        }
        assert_same(&predict(&graph, &permuted, &samples), &expected);
    }
}

#[test]
fn orders_that_are_no_permutation_are_refused() {
    let graph = zoo::digits_mlp().lower(&[4]).unwrap();
    let mut parameters = Parameters::neutral(&graph);
    let mut order: Vec<usize> = (0..64).rev().collect();
    assert_eq!(permute_units(&graph, &mut parameters, 2, &order), Ok(()));
    order[5] = 0;
    assert!(matches!(
        permute_units(&graph, &mut parameters, 2, &order),
        Err(Error::UnitIndices { group: 2, size: 64, .. })
    ));
    assert!(matches!(permute_units(&graph, &mut parameters, 2, &[0, 1]), Err(Error::UnitIndices { .. })));
    assert_eq!(permute_units(&graph, &mut parameters, 9, &[]), Err(Error::UnknownGroup { group: 9, groups: 4 }));
}

#[test]
fn a_unit_is_live_where_anything_of_it_is_nonzero() {
    let graph = zoo::digits_mlp().lower(&[2]).unwrap();
    let mut parameters = Parameters::neutral(&graph);
    parameters.get_mut("fc1.weight").unwrap().data_mut()[3 * 2 + 1] = 1.0; // unit 3 reads feature 1
    parameters.get_mut("fc1.bias").unwrap().data_mut()[5] = -1.0;
    let live = graph.units().live(&parameters);
    let positions = |group: usize| {
        live[group].iter().enumerate().filter(|(_, live)| **live).map(|(unit, _)| unit).collect::<Vec<_>>()
    };
    assert_eq!(positions(0), [1]);
    assert_eq!(positions(1), [3, 5]);
    assert!(positions(2).is_empty());
}
