//! From the step of each tensor to the file, one tensor in memory at a time; numbers of trellis-coded ones wait for the
//! end of their section.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use mixpress_codebook::{
    ContainerWriter, Entry, Outline, QuantizedTensor, TensorOutline,
    trellis::{TrellisSettings, TrellisTensor},
};
use mixpress_quantize::{Source, TrellisQuantizer};
use mixpress_train::{Draft, folder_of};

use super::codings::{Codings, settings};
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
        let codings = self.codings(roles, &[], |_| false);
        let mut writer =
            ContainerWriter::new(self.outline(roles, &codings, kept, None, true)?, Uncollected::default())?;
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
        let codings = self.codings(roles, steps, is_weights);
        let mut quantizer = codings.quantizer()?;
        let outline = self.outline(roles, &codings, is_weights, settings(quantizer.as_ref()), false)?;
        let mut writer = ContainerWriter::new(outline, Uncollected::default())?;
        let mut watch = self.watch(Stage::Fitting);
        for number in (0..roles.len()).filter(|&number| is_weights(number)) {
            watch.next(self.model.tensors()[number].bytes())?;
            let trellis = quantizer.as_mut().filter(|_| codings.is_trellis(number));
            writer.push(&self.entry(number, &roles[number], steps[number], trellis)?)?;
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
        let codings = self.codings(roles, steps, |number| number == largest);
        let mut quantizer = codings.quantizer()?;
        let trellis = settings(quantizer.as_ref());
        let outline = self.outline(roles, &codings, |number| number == largest, trellis, false)?;
        let mut writer = ContainerWriter::new(outline, Uncollected::default())?;
        writer.push(&self.entry(largest, &roles[largest], steps[largest], quantizer.as_mut())?)?;
        writer.finish(io::sink())?;
        let all: usize = roles.iter().map(weights).sum();
        Ok(started.elapsed().as_secs_f64() * all as f64 / weights(&roles[largest]) as f64)
    }

    /// Writes the file.
    pub(super) fn write(&self, draft: &mut Draft, roles: &[Role], steps: &[f64]) -> Result<(), Error> {
        // The sections wait beside the file, where there has to be room for them anyway.
        let folder = folder_of(draft.path()).to_owned();
        self.write_to(draft.file(), &folder, roles, steps, Stage::Writing)
    }

    /// Writes a file's bytes, its sections meanwhile into a folder. Nothing is written if a tensor is refused.
    pub(super) fn write_to(
        &self,
        out: impl Write,
        folder: &Path,
        roles: &[Role],
        steps: &[f64],
        stage: Stage,
    ) -> Result<(), Error> {
        let spool = tempfile::tempfile_in(folder).map_err(|source| Error::Write { path: folder.into(), source })?;
        let codings = self.codings(roles, steps, |_| true);
        let mut quantizer = codings.quantizer()?;
        let outline = self.outline(roles, &codings, |_| true, settings(quantizer.as_ref()), true)?;
        let mut writer = ContainerWriter::new(outline, spool)?;
        let mut watch = self.watch(stage);
        for (number, (role, &step)) in roles.iter().zip(steps).enumerate() {
            watch.next(self.model.tensors()[number].bytes())?;
            let trellis = quantizer.as_mut().filter(|_| codings.is_trellis(number));
            writer.push(&self.entry(number, role, step, trellis)?)?;
        }
        writer.finish(BufWriter::new(out))?;
        Ok(())
    }

    /// The outline of a file of some of the tensors, with the model's skeleton or without.
    fn outline(
        &self,
        roles: &[Role],
        codings: &Codings,
        takes: impl Fn(usize) -> bool,
        trellis: Option<TrellisSettings>,
        with_skeleton: bool,
    ) -> Result<Outline, Error> {
        let mut tensors = Vec::new();
        for (number, (tensor, role)) in self.model.tensors().iter().zip(roles).enumerate() {
            if takes(number) {
                tensors.push(match role {
                    Role::Kept(_) => payload::plain_outline(tensor)?,
                    Role::Weights { .. } if codings.is_trellis(number) => {
                        TensorOutline::trellis(tensor.name(), payload::shape(tensor)?)
                    }
                    Role::Weights { .. } => TensorOutline::quantized(tensor.name(), payload::shape(tensor)?),
                });
            }
        }
        let definition = with_skeleton.then(|| definition(self.model.skeleton()));
        Ok(Outline { tensors, definition, trellis, ..Outline::default() })
    }

    /// A tensor as the file will hold it: with a quantiser of those that are trellis-coded, the next of them.
    fn entry(
        &self,
        number: usize,
        role: &Role,
        step: f64,
        trellis: Option<&mut TrellisQuantizer<'_>>,
    ) -> Result<Entry, Error> {
        let tensor = &self.model.tensors()[number];
        if let Some(quantizer) = trellis {
            let (matrix, _) = quantizer.next(&self.weights(number)?);
            return Ok(TrellisTensor::new(tensor.name(), payload::shape(tensor)?, matrix)?.into());
        }
        match source(tensor, role) {
            Some(source) => Ok(self.quantized(number, source, step)?.into()),
            None => Ok(payload::plain(tensor, self.model.payload(number)?)?.into()),
        }
    }

    /// The payload of a tensor with a codebook for such a step.
    #[cfg(feature = "rten")]
    pub(super) fn restored(&self, number: usize, role: &Role, step: f64) -> Result<Vec<u8>, Error> {
        let tensor = &self.model.tensors()[number];
        let Some(source) = source(tensor, role) else { return Ok(self.model.payload(number)?) };
        let values = self.quantized(number, source, step)?.values();
        Ok(payload::bytes(tensor.element(), &values).unwrap_or_default())
    }

    fn quantized(&self, number: usize, source: Source<'_>, step: f64) -> Result<QuantizedTensor, Error> {
        let tensor = &self.model.tensors()[number];
        let weights = self.weights(number)?;
        Ok(source.quantizer(step).quantize(tensor.name(), payload::shape(tensor)?, &weights)?.tensor)
    }

    fn weights(&self, number: usize) -> Result<Vec<f32>, Error> {
        let element = self.model.tensors()[number].element();
        Ok(payload::weights(element, &self.model.payload(number)?).unwrap_or_default())
    }
}
