//! From the step of each tensor to the file, one tensor in memory at a time.

use std::io::{self, BufWriter};
use std::time::Instant;

use mixpress_codebook::{ContainerWriter, Entry, Outline, QuantizedTensor, TensorOutline};
use mixpress_quantize::Source;
use mixpress_train::{Draft, folder_of};

use super::compressor::ModelCompressor;
use super::fit::source;
use super::payload;
use super::plan::Role;
use super::progress::Stage;
use super::restore::definition;
use super::uncollected::Uncollected;
use crate::Error;

impl ModelCompressor<'_> {
    /// Bytes of a file of everything but the weights, and of each tensor that is kept, as the file tells them.
    pub(super) fn kept_bytes(&self, roles: &[Role]) -> Result<(u64, Vec<u64>), Error> {
        let kept = |number: usize| matches!(roles[number], Role::Kept(_));
        let mut bytes = vec![0; roles.len()];
        let mut writer = ContainerWriter::new(self.outline(roles, kept, true)?, Uncollected::default())?;
        for number in (0..roles.len()).filter(|&number| kept(number)) {
            let tensor = &self.model.tensors()[number];
            let entry: Entry = payload::plain(tensor, self.model.payload(number)?)?.into();
            let before = writer.bytes();
            writer.push(&entry)?;
            bytes[number] = writer.bytes() - before;
        }
        Ok((writer.finish(io::sink())?, bytes))
    }

    /// Bytes that the weights add to a file, at these steps; a few more than they do.
    pub(super) fn weights_bytes(&self, roles: &[Role], steps: &[f64]) -> Result<u64, Error> {
        let is_weights = |number: usize| matches!(roles[number], Role::Weights { .. });
        let mut writer = ContainerWriter::new(self.outline(roles, is_weights, false)?, Uncollected::default())?;
        let mut watch = self.watch(Stage::Fitting);
        for number in (0..roles.len()).filter(|&number| is_weights(number)) {
            watch.next(self.model.tensors()[number].bytes())?;
            writer.push(&self.entry(number, &roles[number], steps[number])?)?;
        }
        Ok(writer.finish(io::sink())?)
    }

    /// Seconds that all weights would take to quantise and code, told by the tensor of the most weights, which is done
    /// for a trial.
    pub(super) fn trial(&self, roles: &[Role], steps: &[f64]) -> Result<f64, Error> {
        let weights = |role: &Role| if let Role::Weights { profile, .. } = role { profile.len() } else { 0 };
        let Some(largest) = (0..roles.len()).max_by_key(|&number| weights(&roles[number])) else { return Ok(0.0) };
        if weights(&roles[largest]) == 0 {
            return Ok(0.0);
        }
        let started = Instant::now();
        self.watch(Stage::Fitting).next(self.model.tensors()[largest].bytes())?;
        let mut writer =
            ContainerWriter::new(self.outline(roles, |number| number == largest, false)?, Uncollected::default())?;
        writer.push(&self.entry(largest, &roles[largest], steps[largest])?)?;
        writer.finish(io::sink())?;
        let all: usize = roles.iter().map(weights).sum();
        Ok(started.elapsed().as_secs_f64() * all as f64 / weights(&roles[largest]) as f64)
    }

    /// Writes the file, one tensor in memory at a time.
    pub(super) fn write(&self, draft: &mut Draft, roles: &[Role], steps: &[f64]) -> Result<(), Error> {
        // The sections wait beside the file, where there has to be room for them anyway.
        let folder = folder_of(draft.path());
        let spool = tempfile::tempfile_in(folder).map_err(|source| Error::Write { path: folder.into(), source })?;
        let mut writer = ContainerWriter::new(self.outline(roles, |_| true, true)?, spool)?;
        let mut watch = self.watch(Stage::Writing);
        for (number, (role, &step)) in roles.iter().zip(steps).enumerate() {
            watch.next(self.model.tensors()[number].bytes())?;
            writer.push(&self.entry(number, role, step)?)?;
        }
        writer.finish(BufWriter::new(draft.file()))?;
        Ok(())
    }

    /// The outline of a file of some of the tensors, with the model's skeleton or without.
    fn outline(&self, roles: &[Role], takes: impl Fn(usize) -> bool, with_skeleton: bool) -> Result<Outline, Error> {
        let mut tensors = Vec::new();
        for (number, (tensor, role)) in self.model.tensors().iter().zip(roles).enumerate() {
            if takes(number) {
                tensors.push(match role {
                    Role::Kept(_) => payload::plain_outline(tensor)?,
                    Role::Weights { .. } => TensorOutline::quantized(tensor.name(), payload::shape(tensor)?),
                });
            }
        }
        let definition = with_skeleton.then(|| definition(self.model.skeleton()));
        Ok(Outline { tensors, definition, ..Outline::default() })
    }

    /// A tensor as the file will hold it.
    pub(super) fn entry(&self, number: usize, role: &Role, step: f64) -> Result<Entry, Error> {
        let tensor = &self.model.tensors()[number];
        match source(tensor, role) {
            Some(source) => Ok(self.quantized(number, source, step)?.into()),
            None => Ok(payload::plain(tensor, self.model.payload(number)?)?.into()),
        }
    }

    /// The payload of a tensor as the file's model will have it.
    #[cfg(feature = "rten")]
    pub(super) fn restored(&self, number: usize, role: &Role, step: f64) -> Result<Vec<u8>, Error> {
        let tensor = &self.model.tensors()[number];
        let Some(source) = source(tensor, role) else { return Ok(self.model.payload(number)?) };
        let values = self.quantized(number, source, step)?.values();
        Ok(payload::bytes(tensor.element(), &values).unwrap_or_default())
    }

    fn quantized(&self, number: usize, source: Source<'_>, step: f64) -> Result<QuantizedTensor, Error> {
        let tensor = &self.model.tensors()[number];
        let weights = payload::weights(tensor.element(), &self.model.payload(number)?).unwrap_or_default();
        Ok(source.quantizer(step).quantize(tensor.name(), payload::shape(tensor)?, &weights)?.tensor)
    }
}
