//! The four training phases, each a file, and how a session runs them.
//!
//! A phase begins with what the phase before it returned, or goes on from a snapshot of its own.

mod classic;
mod covered;
mod hard;
mod heavy_tailed;
mod joint;
mod layer_mixture;
mod levels;
mod plain;
mod pull;
mod tied;

use mixpress_mixture::Mixture;

pub use covered::{CoveredLayer, covered_layers};
use hard::HardPhase;
pub use hard::HardSettings;
use joint::JointPhase;
pub use joint::{JointOutcome, JointSettings};
pub use layer_mixture::LayerMixture;
pub use levels::{Levels, Tally};
use plain::PlainPhase;
use tied::TiedPhase;

use crate::config::{PlainConfig, TiedConfig};
use crate::schedule::Schedule;
use crate::session::snapshot;
use crate::{Error, Session, Snapshot, Trainee};

/// Where a phase begins.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a, T> {
    /// With what the phase before it returned.
    With(T),
    /// Where a snapshot was taken of the same phase, with the network as it was then.
    From(&'a Snapshot, T),
}

impl Session<'_> {
    /// Phase A: trains the float network.
    ///
    /// # Errors
    /// [`Error::Setting`] for a setting out of its range, [`Error::Diverged`], [`Error::Interrupted`], or what the keeper of
    /// checkpoints met.
    pub fn plain(&self, start: Start<'_, Trainee>, config: &PlainConfig) -> Result<Trainee, Error> {
        config.validate()?;
        let (mut phase, step) = match start {
            Start::With(trainee) => (PlainPhase::new(trainee, config.clone()), 0),
            Start::From(snapshot, trainee) => (PlainPhase::new(trainee, config.clone()), step_of(snapshot)?),
        };
        self.drive(&mut phase, step)?;
        Ok(phase.finish())
    }

    /// Phase B: trains weights and mixtures together. The mixtures are those that weights were drawn from: one a layer, or
    /// one that all share.
    ///
    /// # Errors
    /// As [`Session::plain`], and when the mixture's settings are out of their range.
    pub fn joint(
        &self,
        start: Start<'_, Trainee>,
        mixtures: &[Mixture],
        settings: JointSettings,
    ) -> Result<JointOutcome, Error> {
        let (mut phase, step) = begin_joint(start, mixtures, settings)?;
        self.drive(&mut phase, step)?;
        Ok(phase.finish())
    }

    /// Phase B up to the end of one of the stages in which its strength rises ([`RiseConfig`](crate::RiseConfig); 0 is
    /// the end of what comes before them). The snapshot is where the phase goes on, and what [`JointOutcome::at`]
    /// takes.
    ///
    /// # Errors
    /// As [`Session::joint`].
    pub fn joint_stage(
        &self,
        start: Start<'_, Trainee>,
        mixtures: &[Mixture],
        settings: JointSettings,
        stage: u64,
    ) -> Result<Snapshot, Error> {
        let until = settings.steps_to(stage);
        let (mut phase, step) = begin_joint(start, mixtures, settings)?;
        self.drive_to(&mut phase, step, until)?;
        Ok(snapshot(&phase, until))
    }

    /// Phase C: trains under hard assignment to the given levels of each layer, which are not looked at after a resume.
    ///
    /// # Errors
    /// As [`Session::plain`].
    pub fn hard(
        &self,
        start: Start<'_, Trainee>,
        levels: Vec<Levels>,
        settings: HardSettings,
    ) -> Result<(Trainee, Vec<Levels>), Error> {
        settings.config.validate()?;
        let (mut phase, step) = match start {
            Start::With(trainee) => (HardPhase::new(trainee, levels, settings)?, 0),
            Start::From(snapshot, trainee) => (HardPhase::restore(trainee, snapshot, settings)?, step_of(snapshot)?),
        };
        self.drive(&mut phase, step)?;
        Ok(phase.finish())
    }

    /// Phase D: fine-tunes the network with its weights tied to the given levels, which are not looked at after a resume.
    /// Returns the network and each layer's codebook.
    ///
    /// # Errors
    /// As [`Session::plain`].
    pub fn tied(
        &self,
        start: Start<'_, Trainee>,
        levels: &[Levels],
        config: &TiedConfig,
    ) -> Result<(Trainee, Vec<Vec<f32>>), Error> {
        config.validate()?;
        let (mut phase, step) = match start {
            Start::With(trainee) => (TiedPhase::new(trainee, levels, config.clone())?, 0),
            Start::From(snapshot, trainee) => {
                (TiedPhase::restore(trainee, snapshot, config.clone())?, step_of(snapshot)?)
            }
        };
        self.drive(&mut phase, step)?;
        Ok(phase.finish())
    }
}

/// Phase B where it begins, and the step that it begins with.
fn begin_joint(
    start: Start<'_, Trainee>,
    mixtures: &[Mixture],
    settings: JointSettings,
) -> Result<(JointPhase, u64), Error> {
    settings.config.validate()?;
    settings.prior.validate()?;
    Ok(match start {
        Start::With(trainee) => (JointPhase::new(trainee, mixtures, settings)?, 0),
        Start::From(snapshot, trainee) => (JointPhase::restore(trainee, snapshot, settings)?, step_of(snapshot)?),
    })
}

/// A half-cosine between two learning rates.
fn falling(from: f64, to: f64) -> Schedule {
    Schedule::cosine(from as f32, to as f32)
}

fn step_of(snapshot: &Snapshot) -> Result<u64, Error> {
    let [step] = snapshot.get_u64("step")? else {
        return Err(Error::CheckpointEntry { name: "step".into(), problem: "is not a single number".into() });
    };
    Ok(*step)
}
