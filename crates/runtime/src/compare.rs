//! How far the outputs of two models are apart.

use std::fmt;

use mixpress_arrays::position;

use crate::outputs::Output;
use crate::{Array, Error, Outputs, Values};

/// Whose outputs are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Those of the first model, which the other one is to equal.
    Original,
    /// Those of the second model.
    Other,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Original => "the original",
            Self::Other => "the other model",
        })
    }
}

/// How far an output ŷ of one model is from the output y of another, over all runs.
///
/// Whole numbers are compared as numbers, too; where they are classes or tokens, [`equal`](Self::equal) is what to look
/// at.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputError {
    /// The output.
    pub name: String,
    /// ‖y − ŷ‖ / ‖y‖, Euclidean, over all entries of all runs. 0 where both are zero, infinite where only y is.
    pub relative: f64,
    /// The mean of the cosines ⟨y, ŷ⟩ / (‖y‖ ‖ŷ‖), one for each sample: for each place along the first axis of an
    /// output of at least two axes, everything behind it taken as one vector. So it is the cosine of two sentence
    /// embeddings, or of all logits of a sample. A run's output is one vector where it has fewer axes, or one entry a
    /// sample. Where no run has more than one entry, all runs are one vector. A cosine is 1 where both vectors are
    /// zero, 0 where one is; so is an output without entries 1.
    pub cosine: f64,
    /// The largest of |y − ŷ|.
    pub largest: f64,
    /// The share of rows along the last axis whose largest entry is at the same place, the first of several equal ones.
    /// Of floats with at least two axes, the last one of length two at least; `None` for others, or without rows.
    pub top1: Option<f64>,
    /// Of whole numbers, the share of entries that are equal; 1 without entries. `None` for floats.
    pub equal: Option<f64>,
}

/// Compares what two models returned for the same samples, output by output, in the order of the original.
///
/// Sums are of double precision and in the order of the entries, so the same outputs give the same figures.
///
/// # Errors
/// [`Error::OutputMissing`], [`Error::OutputRuns`] and [`Error::OutputShape`] where the models do not return the same
/// kinds of things; [`Error::OutputNotFinite`] for infinities and what is not a number, in either of them.
pub fn compare(original: &Outputs, other: &Outputs) -> Result<Vec<OutputError>, Error> {
    if original.runs() != other.runs() {
        return Err(Error::OutputRuns { original: original.runs(), other: other.runs() });
    }
    let names = |outputs: &Outputs| outputs.outputs().iter().map(|output| output.name().to_owned()).collect::<Vec<_>>();
    let (ours, theirs) = (names(original), names(other));
    for (one, has, other, lacks) in
        [(Side::Original, &ours, Side::Other, &theirs), (Side::Other, &theirs, Side::Original, &ours)]
    {
        if let Some(output) = has.iter().find(|name| !lacks.contains(name)) {
            return Err(Error::OutputMissing { output: output.clone(), one, other });
        }
    }
    let find = |name: &str| other.outputs().iter().find(|output| output.name() == name);
    let pairs = original.outputs().iter().filter_map(|output| Some((output, find(output.name())?)));
    pairs.map(|(original, other)| compare_output(original, other)).collect()
}

fn compare_output(original: &Output, other: &Output) -> Result<OutputError, Error> {
    let mut sums = Sums::default();
    for (run, (y, z)) in original.runs().iter().zip(other.runs()).enumerate() {
        let kind = |array: &Array| format!("{} {:?}", array.values().type_name(), array.shape());
        let mismatch =
            || Error::OutputShape { output: original.name().to_owned(), run, original: kind(y), other: kind(z) };
        if y.shape() != z.shape() {
            return Err(mismatch());
        }
        match (y.values(), z.values()) {
            (Values::F32(ys), Values::F32(zs)) => {
                for (side, array, values) in [(Side::Original, y, ys), (Side::Other, z, zs)] {
                    finite(original.name(), side, run, array, values)?;
                }
                sums.add(y.shape(), ys, zs);
                sums.add_top1(y.shape(), ys, zs);
            }
            (Values::I32(ys), Values::I32(zs)) => {
                sums.add(y.shape(), ys, zs);
                let equal = ys.iter().zip(zs).filter(|(y, z)| y == z).count();
                sums.equal.get_or_insert_default().add(equal, ys.len());
            }
            _ => return Err(mismatch()),
        }
    }
    Ok(sums.finish(original.name().to_owned()))
}

fn finite(output: &str, side: Side, run: usize, array: &Array, values: &[f32]) -> Result<(), Error> {
    let Some(place) = values.iter().position(|value| !value.is_finite()) else { return Ok(()) };
    let position = position(array.shape(), place);
    Err(Error::OutputNotFinite { output: output.into(), side, run, position, value: values[place] })
}

/// What is summed over the runs of an output.
#[derive(Debug, Default)]
struct Sums {
    /// ‖y‖².
    squares: f64,
    /// ‖y − ŷ‖².
    errors: f64,
    /// ⟨y, ŷ⟩ and ‖ŷ‖².
    products: f64,
    others: f64,
    largest: f64,
    cosines: f64,
    samples: u64,
    /// Entries of the longest sample.
    longest: usize,
    top1: Share,
    equal: Option<Share>,
}

/// How many of how many.
#[derive(Debug, Default)]
struct Share {
    part: u64,
    whole: u64,
}

impl Share {
    fn add(&mut self, part: usize, whole: usize) {
        self.part += part as u64;
        self.whole += whole as u64;
    }

    fn ratio(&self) -> Option<f64> {
        (self.whole > 0).then(|| self.part as f64 / self.whole as f64)
    }
}

impl Sums {
    fn add<T: Copy + Into<f64>>(&mut self, shape: &[usize], ys: &[T], zs: &[T]) {
        if ys.is_empty() {
            return;
        }
        let sample: usize = shape.iter().skip(1).product();
        let sample = if shape.len() > 1 && sample > 1 { sample } else { ys.len() };
        for (ys, zs) in ys.chunks(sample).zip(zs.chunks(sample)) {
            let (mut yy, mut yz, mut zz) = (0.0, 0.0, 0.0);
            for (&y, &z) in ys.iter().zip(zs) {
                let (y, z): (f64, f64) = (y.into(), z.into());
                let error = (y - z).abs();
                self.errors += error * error;
                self.largest = self.largest.max(error);
                yy += y * y;
                yz += y * z;
                zz += z * z;
            }
            self.squares += yy;
            self.products += yz;
            self.others += zz;
            self.samples += 1;
            self.longest = self.longest.max(ys.len());
            self.cosines += cosine(yy, yz, zz);
        }
    }

    fn add_top1(&mut self, shape: &[usize], ys: &[f32], zs: &[f32]) {
        let Some(&row) = shape.last().filter(|&&row| shape.len() > 1 && row > 1) else { return };
        let pairs = ys.chunks(row).zip(zs.chunks(row));
        let equal = pairs.filter(|(y, z)| first_largest(y) == first_largest(z)).count();
        self.top1.add(equal, ys.len() / row);
    }

    fn finish(self, name: String) -> OutputError {
        let relative = if self.errors == 0.0 { 0.0 } else { (self.errors / self.squares).sqrt() };
        let cosine = match (self.samples, self.longest) {
            (0, _) => 1.0,
            (_, 1) => cosine(self.squares, self.products, self.others),
            (samples, _) => self.cosines / samples as f64,
        };
        let equal = self.equal.map(|share| share.ratio().unwrap_or(1.0));
        OutputError { name, relative, cosine, largest: self.largest, top1: self.top1.ratio(), equal }
    }
}

/// ⟨y, ŷ⟩ / (‖y‖ ‖ŷ‖), of ‖y‖², ⟨y, ŷ⟩ and ‖ŷ‖².
fn cosine(yy: f64, yz: f64, zz: f64) -> f64 {
    match (yy == 0.0, zz == 0.0) {
        (true, true) => 1.0,
        // Squares of single precision leave room for the product, and its root is exact where both are equal.
        (false, false) => (yz / f64::sqrt(yy * zz)).clamp(-1.0, 1.0),
        _ => 0.0,
    }
}

/// The place of the largest entry, the first of several.
fn first_largest(row: &[f32]) -> usize {
    let mut largest = 0;
    for (place, value) in row.iter().enumerate() {
        if *value > row[largest] {
            largest = place;
        }
    }
    largest
}

#[cfg(test)]
mod tests;
