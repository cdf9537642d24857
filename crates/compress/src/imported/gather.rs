//! What a file tells of its codebooks where a model is written with them.

use mixpress_interchange::{BoxError, Codebooks};

use super::payload;
use super::restore::ModelFile;

/// A codebook may have more values than entries have: it is the values in use that count.
impl Codebooks for &ModelFile {
    fn codebook(&mut self, tensor: usize) -> Result<Option<Vec<u8>>, BoxError> {
        let stored = &self.tensors()[tensor];
        let Some(codebook) = stored.codebook() else { return Ok(None) };
        let used = stored.used()?.into_iter().enumerate().filter(|&(_, used)| used);
        let values: Vec<f32> = used.map(|(index, _)| codebook.value(index as u16)).collect();
        Ok(payload::bytes(self.element(tensor), &values).filter(|_| (1..=256).contains(&values.len())))
    }

    fn indices(&mut self, tensor: usize) -> Result<Vec<u8>, BoxError> {
        let stored = &self.tensors()[tensor];
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
        Ok(ModelFile::payload(self, tensor)?)
    }
}
