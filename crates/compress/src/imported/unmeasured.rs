//! Stands for [`measure`](super) where the feature `rten` is off: no model is run.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::path::Path;

use super::compressor::ModelCompressor;
use super::fit::Aim;
use super::goal::Goal;
use super::outcome::OutputOutcome;
use super::plan::Role;
use crate::Error;

/// A model and samples, which nobody can give.
pub(super) struct Trials<'m>(Infallible, PhantomData<&'m ()>);

impl Trials<'_> {
    pub(super) fn of_file(&self, _: &Path) -> Result<Vec<OutputOutcome>, Error> {
        match self.0 {}
    }
}

impl ModelCompressor<'_> {
    pub(super) fn trials(&self) -> Result<Option<Trials<'_>>, Error> {
        if matches!(self.goal, Some(Goal::OutputError(_))) { Err(Error::NoInputs) } else { Ok(None) }
    }

    #[allow(clippy::unused_self, reason = "as where models are run")]
    pub(super) fn steps_within(&self, trials: &Trials<'_>, _: &[Role], _: &Aim, _: f64) -> Result<Vec<f64>, Error> {
        match trials.0 {}
    }
}
