//! What a file tells of its codebooks where a model is written with them.

use mixpress_interchange::{BoxError, Codebooks};
use mixpress_train::CancelToken;

use super::payload;
use super::restore::ModelFile;
use crate::Error;

/// A file that tells nothing more once it is to stop.
pub(super) struct Stoppable<'a> {
    pub(super) file: &'a ModelFile,
    pub(super) cancel: &'a CancelToken,
}

/// Fails once somebody asks to stop.
pub(super) fn stop(cancel: &CancelToken) -> Result<(), Error> {
    if cancel.is_cancelled() { Err(Error::Interrupted { checkpoint: None, best: None }) } else { Ok(()) }
}

/// A codebook may have more values than entries have: it is the values in use that count.
impl Codebooks for Stoppable<'_> {
    fn codebook(&mut self, tensor: usize) -> Result<Option<Vec<u8>>, BoxError> {
        stop(self.cancel)?;
        let stored = &self.file.tensors()[tensor];
        let Some(codebook) = stored.codebook() else { return Ok(None) };
        let used = stored.used()?.into_iter().enumerate().filter(|&(_, used)| used);
        let values: Vec<f32> = used.map(|(index, _)| codebook.value(index as u16)).collect();
        Ok(payload::bytes(self.file.element(tensor), &values).filter(|_| (1..=256).contains(&values.len())))
    }

    fn indices(&mut self, tensor: usize) -> Result<Vec<u8>, BoxError> {
        stop(self.cancel)?;
        let stored = &self.file.tensors()[tensor];
        // The place of a value is the number of those in use before it.
        let places = stored.used()?.into_iter().scan(0u32, |before, used| {
            let place = *before as u8;
            *before += u32::from(used);
            Some(place)
        });
        let places: Vec<u8> = places.collect();
        Ok(stored.indices()?.iter().map(|&index| places[usize::from(index)]).collect())
    }

    fn payload(&mut self, tensor: usize) -> Result<Vec<u8>, BoxError> {
        stop(self.cancel)?;
        Ok(self.file.payload(tensor)?)
    }
}
