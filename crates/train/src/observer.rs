//! Progress as a trait: what a run tells whoever watches it.

use serde::{Deserialize, Serialize};

/// The training phases in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PhaseName {
    /// A: plain training of the float network.
    Plain,
    /// B: joint training of weights and mixture.
    Joint,
    /// C: hard assignment to the target components.
    Hard,
    /// D: tied fine-tuning of the compressed network.
    Tied,
}

impl PhaseName {
    /// All phases, in order.
    pub const ALL: [Self; 4] = [Self::Plain, Self::Joint, Self::Hard, Self::Tied];

    /// A few words for a progress bar.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Plain => "training",
            Self::Joint => "joint training",
            Self::Hard => "hard assignment",
            Self::Tied => "fine-tuning",
        }
    }

    /// The name in files and settings.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Joint => "joint",
            Self::Hard => "hard",
            Self::Tied => "tied",
        }
    }
}

/// What was measured at the end of a round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The phase that was running.
    pub phase: PhaseName,
    /// Optimiser steps done in this phase.
    pub step: u64,
    /// Mean task loss of the round's training batches, nats a sample: the cross-entropy, less the entropy of what is
    /// learned where that is no label (`distillation`), so that 0 is the end of it in every phase.
    pub loss: f64,
    /// `Σ ln p(0) - ln p(w)` over the weights under the prior, divided by the number of training samples: what the
    /// weights cost beyond as many zeros, in nats a sample. The loss that a step minimises has it times the strength.
    /// Nothing in phases without a prior.
    pub prior: Option<f64>,
    /// Validation error in percent.
    pub validation_error: f64,
    /// Weights under the prior that are not (yet) pruned, of all layers together.
    pub nonzero: usize,
    /// Components in use, a layer, in the order of the layers; empty before there are any.
    pub components: Vec<usize>,
}

/// Watches a run. All methods have empty defaults: implement what you need.
pub trait Observer: Sync {
    /// A phase begins (or goes on, after a resume) at `step` of `steps`.
    fn phase_started(&self, phase: PhaseName, step: u64, steps: u64) {
        let _ = (phase, step, steps);
    }

    /// One optimiser step is done; `step` of them in this phase.
    fn stepped(&self, phase: PhaseName, step: u64) {
        let _ = (phase, step);
    }

    /// A round ended and the validation split was read.
    fn measured(&self, measurement: &Measurement) {
        let _ = measurement;
    }

    /// A phase is over.
    fn phase_finished(&self, phase: PhaseName) {
        let _ = phase;
    }
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}
