//! From the step of each tensor to the file, one tensor in memory at a time.

use std::env;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;
use std::time::Instant;

use mixpress_codebook::{ContainerWriter, Entry, Outline, TensorOutline};
use mixpress_train::{folder_of, write_whole_new_with, write_whole_with};

use super::compressor::ModelCompressor;
use super::payload;
use super::plan::Role;
use super::progress::Stage;
use super::restore::definition;
use crate::{Error, Overwrite};

impl ModelCompressor<'_> {
    /// Bytes of a file of everything but the weights, and of each tensor that is kept, as the file tells them.
    pub(super) fn kept_bytes(&self, roles: &[Role]) -> Result<(u64, Vec<u64>), Error> {
        let kept = |number: usize| matches!(roles[number], Role::Kept(_));
        let mut bytes = vec![0; roles.len()];
        let mut writer = ContainerWriter::new(self.outline(roles, kept, true)?, spool(None)?)?;
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
        let mut writer = ContainerWriter::new(self.outline(roles, is_weights, false)?, spool(None)?)?;
        let mut watch = self.watch(Stage::Fitting);
        for number in (0..roles.len()).filter(|&number| is_weights(number)) {
            watch.next(self.model.tensors()[number].bytes())?;
            writer.push(&self.entry(number, &roles[number], steps[number])?)?;
        }
        Ok(writer.finish(io::sink())?)
    }

    /// Seconds that all weights would take to quantise and code, told by the tensor of the most weights, which is done for a trial.
    pub(super) fn trial(&self, roles: &[Role], steps: &[f64]) -> Result<f64, Error> {
        let weights = |role: &Role| if let Role::Weights { profile, .. } = role { profile.len() } else { 0 };
        let Some(largest) = (0..roles.len()).max_by_key(|&number| weights(&roles[number])) else { return Ok(0.0) };
        if weights(&roles[largest]) == 0 {
            return Ok(0.0);
        }
        let started = Instant::now();
        self.watch(Stage::Fitting).next(self.model.tensors()[largest].bytes())?;
        let mut writer = ContainerWriter::new(self.outline(roles, |number| number == largest, false)?, spool(None)?)?;
        writer.push(&self.entry(largest, &roles[largest], steps[largest])?)?;
        writer.finish(io::sink())?;
        let all: usize = roles.iter().map(weights).sum();
        Ok(started.elapsed().as_secs_f64() * all as f64 / weights(&roles[largest]) as f64)
    }

    /// Writes the file, whole or not at all. One tensor is in memory at a time.
    pub(super) fn write(&self, path: &Path, overwrite: Overwrite, roles: &[Role], steps: &[f64]) -> Result<(), Error> {
        let mut writer = ContainerWriter::new(self.outline(roles, |_| true, true)?, spool(Some(path))?)?;
        let mut watch = self.watch(Stage::Writing);
        for (number, (role, &step)) in roles.iter().zip(steps).enumerate() {
            watch.next(self.model.tensors()[number].bytes())?;
            writer.push(&self.entry(number, role, step)?)?;
        }
        let fill = |file: &mut File| writer.finish(BufWriter::new(file)).map(drop).map_err(io::Error::other);
        match overwrite {
            Overwrite::Refuse => write_whole_new_with(path, fill)?,
            Overwrite::Replace => write_whole_with(path, fill)?,
        }
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
        let bytes = self.model.payload(number)?;
        match role {
            Role::Kept(_) => Ok(payload::plain(tensor, bytes)?.into()),
            Role::Weights { profile, .. } => {
                let source = self.source(tensor, profile);
                let weights = payload::weights(tensor.element(), &bytes).unwrap_or_default();
                drop(bytes);
                let coded = source.quantizer(step).quantize(tensor.name(), payload::shape(tensor)?, &weights)?;
                Ok(coded.tensor.into())
            }
        }
    }
}

/// Where sections wait for the end of their file: a temporary file, beside the output where that is known, which will need as much
/// room.
fn spool(output: Option<&Path>) -> Result<File, Error> {
    let folder = output.map_or_else(env::temp_dir, |path| folder_of(path).to_owned());
    tempfile::tempfile_in(&folder).map_err(|source| Error::Write { path: folder, source })
}
