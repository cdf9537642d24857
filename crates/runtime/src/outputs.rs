//! What a model returned, run by run, and all runs of an output as one array.

use mixpress_arrays::MOST_AXES;

use crate::{Array, ArrayError, Arrays, Error, Values};

/// One output of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    name: String,
    runs: Vec<Array>,
}

impl Output {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What each run returned.
    #[must_use]
    pub fn runs(&self) -> &[Array] {
        &self.runs
    }
}

/// The outputs of a model in all runs, in the model's order.
///
/// Floats are `f32`, whole numbers `i32`.
#[derive(Debug, Clone, PartialEq)]
pub struct Outputs {
    all: Vec<Output>,
    runs: usize,
    stacked: bool,
}

impl Outputs {
    /// Those of these names; each run returned one array a name.
    pub(crate) fn new(names: Vec<String>, runs: Vec<Vec<Array>>, stacked: bool) -> Self {
        let count = runs.len();
        let mut all: Vec<Output> =
            names.into_iter().map(|name| Output { name, runs: Vec::with_capacity(count) }).collect();
        for run in runs {
            for (output, array) in all.iter_mut().zip(run) {
                output.runs.push(array);
            }
        }
        Self { all, runs: count, stacked }
    }

    /// All outputs.
    #[must_use]
    pub fn outputs(&self) -> &[Output] {
        &self.all
    }

    /// Number of runs.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.runs
    }

    /// One array an output, for a file.
    ///
    /// Where samples had an axis of their own, an output has it, too: in front, also with one sample. Where arrays were
    /// cut along their first axis, outputs are joined along theirs; one without axes gets one. One run that nothing was
    /// cut for is as the model returned it. Outputs whose shapes differ between runs and do not fit together are one
    /// array a run, called `name.0`, `name.1` and so on.
    ///
    /// # Errors
    /// [`ArrayError::DuplicateName`] where two outputs are called the same, or one as another in some run;
    /// [`ArrayError::Axes`].
    pub fn into_arrays(self) -> Result<Arrays, Error> {
        let mut arrays = Arrays::new();
        for Output { name, runs } in self.all {
            match joined(runs, self.stacked)? {
                Joined::One(array) => arrays.insert(name, array)?,
                Joined::Many(runs) => {
                    for (run, array) in runs.into_iter().enumerate() {
                        arrays.insert(format!("{name}.{run}"), array)?;
                    }
                }
            }
        }
        Ok(arrays)
    }
}

enum Joined {
    One(Array),
    Many(Vec<Array>),
}

/// All runs of an output as one array, where they fit together.
fn joined(mut runs: Vec<Array>, stacked: bool) -> Result<Joined, Error> {
    if runs.len() == 1 && !stacked {
        return Ok(Joined::One(runs.remove(0)));
    }
    let Some(first) = runs.first() else { return Ok(Joined::Many(runs)) };
    let stacked = stacked || first.shape().is_empty();
    let kept = usize::from(!stacked);
    let alike = |array: &Array| {
        array.shape().len() == first.shape().len()
            && array.shape()[kept..] == first.shape()[kept..]
            && array.values().type_name() == first.values().type_name()
    };
    if !runs.iter().all(alike) {
        return Ok(Joined::Many(runs));
    }
    if first.shape().len() - kept >= MOST_AXES {
        return Err(ArrayError::Axes { found: first.shape().len() - kept + 1, limit: MOST_AXES }.into());
    }
    let length = if stacked {
        runs.len()
    } else {
        runs.iter().fold(0, |length: usize, run| length.saturating_add(run.shape()[0]))
    };
    let shape = [&[length], &first.shape()[kept..]].concat();
    let mut values: Values = first.values().empty_alike(runs.iter().map(|run| run.values().len()).sum());
    for run in &runs {
        // They are of one type, as was checked.
        values.append(run.values());
    }
    Ok(Joined::One(Array::new(shape, values)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(shapes: &[&[usize]], stacked: bool) -> Arrays {
        let mut next = 0;
        let mut array = |shape: &[usize]| {
            let values: Vec<i32> = (next..).take(shape.iter().product()).collect();
            next += values.len() as i32;
            Array::new(shape, values).unwrap()
        };
        let runs = shapes.iter().map(|shape| vec![array(shape)]).collect();
        Outputs::new(vec!["y".into()], runs, stacked).into_arrays().unwrap()
    }

    #[track_caller]
    fn assert_joined(shapes: &[&[usize]], stacked: bool, expected: &[usize]) {
        let arrays = outputs(shapes, stacked);
        let array = arrays.get("y").unwrap();
        assert_eq!(array.shape(), expected);
        assert_eq!(array.values(), &Values::I32((0..).take(expected.iter().product()).collect()));
    }

    #[test]
    fn samples_keep_their_axis() {
        assert_joined(&[&[2, 3], &[2, 3]], true, &[2, 2, 3]);
        assert_joined(&[&[2, 3]], true, &[1, 2, 3]);
        assert_joined(&[&[], &[], &[]], true, &[3]);
    }

    #[test]
    fn parts_are_joined_along_the_first_axis() {
        assert_joined(&[&[2, 3], &[1, 3]], false, &[3, 3]);
        assert_joined(&[&[2, 3]], false, &[2, 3]);
        assert_joined(&[&[]], false, &[]);
        assert_joined(&[&[], &[]], false, &[2]);
    }

    #[test]
    fn what_does_not_fit_together_stays_apart() {
        for (stacked, other) in [(true, &[1, 3][..]), (false, &[2, 4]), (false, &[6])] {
            let arrays = outputs(&[&[2, 3], other], stacked);
            assert_eq!(arrays.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["y.0", "y.1"]);
            assert_eq!(arrays.get("y.1").unwrap().shape(), other);
        }
    }
}
