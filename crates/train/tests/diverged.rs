//! A run whose numbers leave the range of floats stops, says where, and keeps no checkpoint of what is broken.

use std::cell::Cell;

use mixpress_network::{Network, Parameters, zoo};
use mixpress_tensor::Pool;
use mixpress_train::{
    Augmentation, BatchConfig, CancelToken, Coverage, Error, Keeper, PhaseName, PlainConfig, Purpose, Session, Silent,
    Snapshot, Start, Trainee, digits, stream,
};

/// Counts the checkpoints that a run asks for.
#[derive(Default)]
struct Count(Cell<usize>);

impl Keeper for Count {
    fn round_ended(&self, _: &dyn Fn() -> Snapshot) -> Result<(), Error> {
        self.0.set(self.0.get() + 1);
        Ok(())
    }

    fn interrupted(&self, _: &dyn Fn() -> Snapshot) -> Result<(), Error> {
        panic!("nobody interrupts this run");
    }
}

#[test]
fn a_run_that_diverges_says_where_and_what_to_change() {
    let data = digits();
    let graph = zoo::digits_mlp().lower(data.train.item_shape()).unwrap();
    let mut parameters = Parameters::he_normal(&graph, &mut stream(0, Purpose::Init, 0, 0));
    // Weights from which the first forward pass leaves the range of floats.
    for index in 0..parameters.len() {
        for weight in parameters[index].data_mut() {
            *weight *= 1e20;
        }
    }
    let trainee = Trainee::new(Network::new(graph, parameters).unwrap(), Coverage::Weights);
    let keeper = Count::default();
    let session = Session {
        train: &data.train,
        validation: &data.test,
        batch: BatchConfig { size: 128, augmentation: Augmentation::None, seed: 0 },
        targets: None,
        observer: &Silent,
        cancel: CancelToken::new(),
        keeper: &keeper,
        pool: Pool::new(),
    };
    let config = PlainConfig { rounds: 2, ..PlainConfig::default() };
    let error = session.plain(Start::With(trainee), &config).unwrap_err();
    assert!(matches!(error, Error::Diverged { phase: PhaseName::Plain, round: 1, .. }), "{error}");
    assert!(error.to_string().contains("lower learning_rate"), "{error}");
    assert_eq!(keeper.0.get(), 0);
}
