//! Twenty steps of a small network under each prior: few enough for a processor that is emulated, and on one that is
//! old they run through kernels that no newer one chooses (`cargo xtask test-old-cpu`).

mod common;

use mixpress_network::{Graph, Network, Parameters, zoo};
use mixpress_tensor::{Mode, Pool, Tape, Tensor};
use mixpress_train::{
    Augmentation, BatchConfig, CancelToken, Dataset, Error, JointConfig, JointSettings, PriorConfig, PriorKind,
    Session, Start, Trainee, digits, draw_weights, initial_mixtures, initial_scales, restore_parameters,
};

use common::{Keep, StopAt};

const STEPS: u64 = 20;

/// Mean cross-entropy over all of a data set.
fn loss(graph: &Graph, parameters: &Parameters, data: &Dataset) -> f32 {
    let samples: Vec<usize> = (0..data.len()).collect();
    let mut inputs = Tensor::zeros(&[&[data.len()], data.item_shape()].concat());
    data.fill(&samples, None, inputs.data_mut());
    let pool = Pool::new();
    let mut tape = Tape::new(&pool, Mode::Inference);
    let input = tape.constant(&inputs);
    let output = graph.infer(parameters, &mut tape, input);
    let loss = tape.softmax_cross_entropy(output, data.labels());
    tape.value(loss)[0]
}

/// Losses before and after the steps.
fn train(kind: PriorKind) -> [f32; 2] {
    let (data, seed) = (digits(), 3);
    let prior = PriorConfig { kind, ..PriorConfig::default() };
    let graph = zoo::digits_mlp().lower(data.train.item_shape()).unwrap();
    let mixtures = initial_mixtures(&graph, &prior, seed).unwrap();
    let mut parameters = Parameters::neutral(&graph);
    draw_weights(&graph, &mut parameters, &mixtures, prior.covers, seed).unwrap();
    let before = loss(&graph, &parameters, &data.train);

    let (token, keeper) = (CancelToken::new(), Keep::default());
    let session = Session {
        train: &data.train,
        validation: &data.test,
        batch: BatchConfig { size: 128, augmentation: Augmentation::None, seed },
        targets: None,
        observer: &StopAt { step: STEPS, token: token.clone() },
        cancel: token,
        keeper: &keeper,
        pool: Pool::new(),
    };
    // The prior at its full strength from the first step on, estimated anew in the middle.
    let config = JointConfig { ramp: 0.0, refresh: STEPS / 2, ..JointConfig::default() };
    let scales = initial_scales(&graph, prior.covers);
    let start = Start::With(Trainee::new(Network::new(graph.clone(), parameters).unwrap(), prior.covers));
    let settings = JointSettings { config, prior, samples: data.train.len(), scales, has_convolutions: false };
    assert!(matches!(session.joint(start, &mixtures, settings), Err(Error::Interrupted)));

    let snapshot = keeper.0.take().expect("the run was interrupted");
    assert_eq!(snapshot.get_u64("step").unwrap(), [STEPS]);
    let parameters = restore_parameters(&snapshot, "parameter", &graph).unwrap();
    assert!(parameters.tensors().iter().flat_map(Tensor::data).all(|value| value.is_finite()));
    [before, loss(&graph, &parameters, &data.train)]
}

#[test]
fn twenty_steps_bring_the_loss_down_under_each_prior() {
    for kind in [PriorKind::HeavyTailed, PriorKind::Classic] {
        let [before, after] = train(kind);
        println!("{kind:?} on {} units: {before} before, {after} after", mixpress_simd::level());
        assert!(after < 0.7 * before, "{kind:?}: {before} before, {after} after");
    }
}
