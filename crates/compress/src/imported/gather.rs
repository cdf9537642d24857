//! What a file tells of its codebooks where a model is written with them.

use mixpress_codebook::Codebook;
use mixpress_interchange::{BoxError, Codebooks};

use super::payload;
use super::restore::ModelFile;

/// A codebook may have more values than entries have: it is the values in use that count.
impl Codebooks for &ModelFile {
    fn codebook(&mut self, tensor: usize) -> Result<Option<Vec<u8>>, BoxError> {
        let stored = &self.tensors()[tensor];
        let Some(codebook) = stored.codebook() else { return Ok(None) };
        if !(1..=256).contains(&stored.used_values()?) {
            return Ok(None);
        }
        let used = in_use(codebook, &stored.indices()?);
        let used = used.iter().enumerate().filter(|&(_, &used)| used);
        let values: Vec<f32> = used.map(|(index, _)| codebook.value(index as u16)).collect();
        Ok(payload::bytes(self.element(tensor), &values))
    }

    fn indices(&mut self, tensor: usize) -> Result<Vec<u8>, BoxError> {
        let stored = &self.tensors()[tensor];
        let codebook = stored.codebook().ok_or("it has no codebook")?;
        let indices = stored.indices()?;
        // The place of a value is the number of those in use before it.
        let places = in_use(codebook, &indices).into_iter().scan(0u32, |before, used| {
            let place = *before as u8;
            *before += u32::from(used);
            Some(place)
        });
        let places: Vec<u8> = places.collect();
        Ok(indices.iter().map(|&index| places[usize::from(index)]).collect())
    }

    fn payload(&mut self, tensor: usize) -> Result<Vec<u8>, BoxError> {
        Ok(ModelFile::payload(self, tensor)?)
    }
}

/// Which values of a codebook some entry has.
fn in_use(codebook: &Codebook, indices: &[u16]) -> Vec<bool> {
    let mut used = vec![false; codebook.len()];
    for &index in indices {
        used[usize::from(index)] = true;
    }
    used
}
