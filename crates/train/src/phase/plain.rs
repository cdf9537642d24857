//! Phase A: plain training of the float network, from the mixture's draw or from given weights.

use mixpress_network::{Graph, Parameters, RunningStatistics};

use super::falling;
use crate::Error;
use crate::checkpoint::Snapshot;
use crate::config::{PlainConfig, ROUND};
use crate::observer::PhaseName;
use crate::session::{Phase, StepGradients};
use crate::trainee::Trainee;

pub(crate) struct PlainPhase {
    config: PlainConfig,
    trainee: Trainee,
}

impl PlainPhase {
    /// Begins, or goes on with what a snapshot held.
    pub fn new(trainee: Trainee, config: PlainConfig) -> Self {
        Self { config, trainee }
    }

    /// The trained network.
    pub fn finish(self) -> Trainee {
        self.trainee
    }
}

impl Phase for PlainPhase {
    const NAME: PhaseName = PhaseName::Plain;

    fn steps(&self) -> u64 {
        self.config.rounds * ROUND
    }

    fn network(&self) -> (&Graph, &Parameters) {
        (self.trainee.graph(), self.trainee.parameters())
    }

    fn update(&mut self, step: u64, gradients: &mut StepGradients<'_>) -> Result<(), Error> {
        let rate = falling(self.config.learning_rate, self.config.final_learning_rate).at(step, self.steps());
        for index in 0..self.trainee.parameters().len() {
            if let Some(gradient) = gradients.take(index) {
                self.trainee.learn(index, rate, &gradient);
            }
        }
        Ok(())
    }

    fn observe(&mut self, _: u64, statistics: &[RunningStatistics]) {
        self.trainee.observe(statistics);
    }

    fn end_round(&mut self, _: u64) -> Result<(), Error> {
        Ok(())
    }

    fn nonzero(&self) -> usize {
        self.trainee.covered().iter().map(|layer| self.trainee.nonzero(layer.parameter)).sum()
    }

    fn components(&self) -> Vec<usize> {
        Vec::new()
    }

    fn save(&self, snapshot: &mut Snapshot) {
        self.trainee.save(snapshot);
    }
}
