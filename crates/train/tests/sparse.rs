//! Phases that run on kept weights alone: stopped and resumed to the same bytes, on any number of threads.

mod common;

use mixpress_mixture::CountThreshold;
use mixpress_network::{Definition, Dense, Graph, LayerSpec, Network, Parameters};
use mixpress_tensor::{Pool, Tensor};
use mixpress_train::{
    Augmentation, BatchConfig, CancelToken, Coverage, DataSource, Error, HardConfig, HardSettings, JointConfig,
    JointSettings, Levels, PriorConfig, Purpose, Session, Snapshot, Start, TiedConfig, Trainee, digits,
    initial_mixtures, initial_scales, stream,
};

use common::{Keep, StopAt};

/// 64-300-200-10, wide enough that few units die when weights do.
fn wide() -> Graph {
    let [first, second, last] = [300, 200, 10].map(Dense::new);
    let hidden = Definition::new("wide").with(first).with(LayerSpec::Relu).with(second).with(LayerSpec::Relu);
    hidden.with(last).lower(digits().train.item_shape()).unwrap()
}

/// [`wide`] with one weight in sixteen kept, and all of the last layer.
fn thin() -> Trainee {
    let graph = wide();
    let mut parameters = Parameters::he_normal(&graph, &mut stream(0, Purpose::Init, 0, 0));
    for (index, spec) in graph.parameters().iter().enumerate().filter(|(_, spec)| spec.kind.is_weight()) {
        let values = parameters[index].data_mut().iter_mut().enumerate();
        // Scattered over rows and columns, so that no unit loses all its weights.
        let is_kept = |at: usize| (at as u32).wrapping_mul(2_654_435_761) >> 16 & 31 < 2 || spec.shape[0] == 10;
        values.for_each(|(at, value)| *value = if is_kept(at) { 2.0 * *value } else { 0.0 });
    }
    Trainee::new(Network::new(graph, parameters).unwrap(), Coverage::Weights)
}

type Run = fn(&Session<'_>, Start<'_, Trainee>) -> Result<Trainee, Error>;

fn joint(session: &Session<'_>, start: Start<'_, Trainee>) -> Result<Trainee, Error> {
    let graph = wide();
    let prior = PriorConfig::default();
    let mixtures = initial_mixtures(&graph, &prior, 0)?;
    let config = JointConfig { rounds: 2, prune_from: 0.1, shrink_from: 0.1, ..JointConfig::default() };
    let scales = initial_scales(&graph, prior.covers);
    let settings = JointSettings { config, prior, samples: session.train.len(), scales, has_convolutions: false };
    Ok(session.joint(start, &mixtures, settings)?.trainee)
}

fn hard(session: &Session<'_>, start: Start<'_, Trainee>) -> Result<Trainee, Error> {
    let settings = HardSettings {
        config: HardConfig { rounds: 1, ..HardConfig::default() },
        strength: 1e-5,
        bias_strength: 1e-5,
        threshold: CountThreshold::default(),
        full_lens: vec![64 * 300, 300 * 200, 200 * 10],
    };
    let trainee = session.hard(start, levels(), settings)?.0;
    assert!(trainee.plan().is_some(), "the phase runs on kept weights");
    Ok(trainee)
}

fn tied(session: &Session<'_>, start: Start<'_, Trainee>) -> Result<Trainee, Error> {
    let config = TiedConfig { rounds: 1, ..TiedConfig::default() };
    let trainee = session.tied(start, &levels(), &config)?.0;
    assert!(trainee.plan().is_some(), "the phase runs on kept weights");
    Ok(trainee)
}

fn levels() -> Vec<Levels> {
    vec![Levels::new(vec![-0.5, -0.2, 0.2, 0.5]); 3]
}

fn run(data: &DataSource, phase: Run, stop: u64, start: Start<'_, Trainee>) -> Result<Vec<u32>, Option<Snapshot>> {
    let (token, keeper) = (CancelToken::new(), Keep::default());
    let observer = StopAt { step: stop, token: token.clone() };
    let session = Session {
        train: &data.train,
        validation: &data.test,
        batch: BatchConfig { size: 100, augmentation: Augmentation::None, seed: 0 },
        targets: None,
        observer: &observer,
        cancel: token,
        keeper: &keeper,
        pool: Pool::new(),
    };
    match phase(&session, start) {
        Ok(trainee) => {
            let values = trainee.full_parameters();
            Ok(values.tensors().iter().flat_map(Tensor::data).map(|value| value.to_bits()).collect())
        }
        Err(_) => Err(keeper.0.take()),
    }
}

#[test]
fn sparse_phases_resume_to_the_same_bytes_on_any_number_of_threads() {
    let data = digits();
    let mut planned = thin();
    planned.plan_unpruned();
    assert!(planned.plan().is_some(), "so few weights are worth a plan");
    let phases: [(Run, u64); 4] = [(joint, 130), (joint, 610), (hard, 250), (tied, 330)];
    for (index, (phase, stop)) in phases.into_iter().enumerate() {
        let on = |threads, stop, start: Start<'_, Trainee>| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(&data, phase, stop, start))
        };
        let whole = on(1, u64::MAX, Start::With(thin())).expect("nobody stops it");
        assert!(on(3, u64::MAX, Start::With(thin())).is_ok_and(|bits| bits == whole), "phase {index} on three threads");
        let snapshot = on(2, stop, Start::With(thin())).unwrap_err().expect("a snapshot of where it stopped");
        let trainee = Trainee::restore(&wide(), Coverage::Weights, &snapshot).unwrap();
        let resumed = on(2, u64::MAX, Start::From(&snapshot, trainee)).expect("nobody stops it");
        assert!(resumed == whole, "phase {index} resumed at {stop}");
    }
}
