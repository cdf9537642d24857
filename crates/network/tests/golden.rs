//! Whole networks against `PyTorch`: outputs, gradients, running statistics. `golden/make.py` made the values.

use mixpress_network::{
    BatchNorm, Conv, Definition, Dense, Forward, Graph, LayerSpec, Network, Parameters, Pool, Residual,
};
use mixpress_tensor::{Mode, Tape, Tensor};
use mixpress_testing::{Case, Golden, assert_close};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

fn tensor(case: &Case, name: &str) -> Tensor {
    let (shape, values) = case.tensor(name);
    Tensor::new(shape, values.iter().map(|&value| value as f32).collect()).unwrap()
}

fn check(name: &str, definition: &Definition) {
    let golden = Golden::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/values.txt"));
    let case = golden.case(name);
    let input = tensor(case, "input");
    let graph = definition.lower(&input.shape()[1..]).unwrap();
    let named = graph.parameters().iter().rev().map(|spec| (spec.name.clone(), tensor(case, &spec.name)));
    let mut parameters = Parameters::from_named(&graph, named).unwrap();

    let network = Network::new(graph.clone(), parameters.clone()).unwrap();
    assert_close(network.predict(&input).unwrap().data(), case.tensor("inference").1, 1e-5, 1e-6);

    let statistics = {
        let pool = mixpress_tensor::Pool::new();
        let mut tape = Tape::new(&pool, Mode::Training);
        let x = tape.constant(&input);
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let Forward { output, parameters: variables, statistics } = graph.forward(&parameters, &mut tape, x, &mut rng);
        assert_close(tape.value(output), case.tensor("training").1, 1e-5, 1e-6);
        let labels: Vec<u32> = case.tensor("labels").1.iter().map(|&label| label as u32).collect();
        let loss = tape.softmax_cross_entropy(output, &labels);
        let gradients = tape.backward(loss);
        check_gradients(&graph, case, |index| gradients.get(variables[index]));
        statistics
    };
    for layer in &statistics {
        layer.update(&mut parameters);
    }
    let mut updated = 0;
    for (spec, tensor) in graph.parameters().iter().zip(parameters.tensors()) {
        if let Some((_, expected)) = case.get(&format!("updated {}", spec.name)) {
            assert_close(tensor.data(), expected, 1e-5, 1e-6);
            updated += 1;
        }
    }
    assert_eq!(updated, 2 * statistics.len());
}

fn check_gradients<'a>(graph: &Graph, case: &Case, gradient: impl Fn(usize) -> Option<&'a [f32]>) {
    for (index, spec) in graph.parameters().iter().enumerate() {
        assert_eq!(gradient(index).is_some(), spec.kind.is_learned(), "{}", spec.name);
        if let Some(gradient) = gradient(index) {
            let (shape, expected) = case.tensor(&format!("gradient {}", spec.name));
            assert_eq!(shape, spec.shape);
            assert_close(gradient, expected, 1e-4, 2e-6);
        }
    }
}

#[test]
fn a_perceptron_flattens_images_and_learns_as_in_pytorch() {
    let definition = Definition::new("mlp")
        .with(Dense::new(7))
        .with(LayerSpec::Sigmoid)
        .with(Dense::new(5))
        .with(LayerSpec::Tanh)
        .with(Dense::new(3));
    check("mlp", &definition);
}

#[test]
fn a_convolutional_network_agrees_with_pytorch() {
    let definition = Definition::new("lenet")
        .with(Conv::new(3, 3))
        .with(LayerSpec::MaxPool(Pool::new(2)))
        .with(Conv::new(4, 3))
        .with(LayerSpec::AveragePool(Pool::new(2)))
        .with(Dense::new(6))
        .with(LayerSpec::Relu)
        .with(Dense::new(3));
    check("lenet", &definition);
}

#[test]
fn a_residual_network_agrees_with_pytorch() {
    let block = |channels: usize, stride: usize| {
        Residual::new([
            Conv::new(channels, 3).stride(stride).padding(1).without_bias().into(),
            BatchNorm::new().into(),
            LayerSpec::Relu,
            Conv::new(channels, 3).padding(1).without_bias().into(),
            BatchNorm::new().into(),
        ])
    };
    let projection = [Conv::new(4, 1).stride(2).without_bias().into(), BatchNorm::new().into()];
    let definition = Definition::new("resnet")
        .with(Conv::new(3, 3).padding(1).without_bias())
        .with(BatchNorm::new())
        .with(LayerSpec::Relu)
        .with(block(3, 1).named("layer1.0"))
        .with(LayerSpec::Relu)
        .with(block(4, 2).named("layer2.0").shortcut(projection))
        .with(LayerSpec::Relu)
        .with(LayerSpec::GlobalAveragePool)
        .with(Dense::new(3).named("fc"));
    check("resnet", &definition);
}
