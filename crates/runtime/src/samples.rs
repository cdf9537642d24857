//! Arrays as the runs of a model: checked against what it declares, and cut.

use mixpress_arrays::position;
use rten::{NodeId, ValueOrView, ValueView};

use crate::{Array, ArrayError, Arrays, Dimension, Element, Error, Runner, ValueInfo, Values};

/// What a model is run on, one run or many.
///
/// An array has the axes that its input declares, or one more:
///
/// | array | is given |
/// | --- | --- |
/// | of the declared axes | whole, to every run |
/// | of the declared axes, the first one k times as long as is fixed, k > 1 | in k parts along it, one a run |
/// | with one axis more, in front | one sample a run along that axis |
/// | for an input without a declared shape | whole, to every run |
///
/// All arrays that are cut have parts for the same number of runs.
#[derive(Debug, Clone)]
pub struct Samples {
    inputs: Vec<Input>,
    runs: usize,
    stacked: bool,
}

#[derive(Debug, Clone)]
struct Input {
    info: ValueInfo,
    /// Shape of what one run is given.
    shape: Vec<usize>,
    data: Data,
    cut: Cut,
}

/// The entries of all runs, in the type of the input.
#[derive(Debug, Clone)]
enum Data {
    F32(Vec<f32>),
    I32(Vec<i32>),
    I8(Vec<i8>),
    U8(Vec<u8>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// Every run is given all of it.
    Whole,
    /// In so many parts along its first axis.
    Parts(usize),
    /// In so many samples along an axis that the input does not have.
    Samples(usize),
}

impl Samples {
    /// Checks arrays against a model's inputs, and cuts them into runs.
    ///
    /// # Errors
    /// [`Error::UnknownInput`], [`Error::MissingInputs`], [`Error::Element`], [`ArrayError::Range`] for a number that
    /// an input of 8 bits does not take, [`Error::Rank`], [`Error::Dimension`], [`Error::NoSamples`], [`Error::Runs`],
    /// and [`Error::InputNotFinite`] for infinities and what is not a number.
    pub fn new(arrays: Arrays, runner: &Runner) -> Result<Self, Error> {
        Self::of_inputs(arrays, &runner.inputs().cloned().collect::<Vec<_>>())
    }

    fn of_inputs(arrays: Arrays, expected: &[ValueInfo]) -> Result<Self, Error> {
        if let Some((name, _)) = arrays.iter().find(|(name, _)| expected.iter().all(|info| info.name != *name)) {
            return Err(Error::UnknownInput { name: name.into(), expected: expected.into() });
        }
        let missing = expected.iter().filter(|info| arrays.get(&info.name).is_none()).map(|info| info.name.clone());
        let missing: Vec<String> = missing.collect();
        if !missing.is_empty() {
            return Err(Error::MissingInputs { missing, expected: expected.into() });
        }
        let (mut inputs, mut first): (Vec<Input>, Option<(String, usize)>) = (Vec::new(), None);
        for (name, array) in arrays {
            // It is one of them, as was checked above.
            let Some(info) = expected.iter().find(|info| info.name == name) else { continue };
            let input = Input::new(info, array)?;
            if let Cut::Parts(runs) | Cut::Samples(runs) = input.cut {
                let (other, other_runs) = first.get_or_insert_with(|| (name.clone(), runs));
                if *other_runs != runs {
                    return Err(Error::Runs { name, runs, other: other.clone(), other_runs: *other_runs });
                }
            }
            inputs.push(input);
        }
        let stacked = inputs.iter().any(|input| matches!(input.cut, Cut::Samples(_)));
        Ok(Self { inputs, runs: first.map_or(1, |(_, runs)| runs), stacked })
    }

    /// Number of runs.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.runs
    }

    /// Whether a run is a sample of its own, and its outputs lack an axis for samples.
    pub(crate) fn is_stacked(&self) -> bool {
        self.stacked
    }

    /// For each array the node of the model that takes it.
    pub(crate) fn ids<'a>(&self, inputs: impl Iterator<Item = (NodeId, &'a ValueInfo)>) -> Result<Vec<NodeId>, Error> {
        let inputs: Vec<_> = inputs.collect();
        let expected = || inputs.iter().map(|(_, info)| (*info).clone()).collect();
        let given = |info: &ValueInfo| self.inputs.iter().any(|input| input.info.name == info.name);
        let missing: Vec<String> =
            inputs.iter().filter(|(_, info)| !given(info)).map(|(_, info)| info.name.clone()).collect();
        if !missing.is_empty() {
            return Err(Error::MissingInputs { missing, expected: expected() });
        }
        let id = |input: &Input| {
            let found = inputs.iter().find(|(_, info)| info.name == input.info.name);
            let unknown = || Error::UnknownInput { name: input.info.name.clone(), expected: expected() };
            found.map(|(id, _)| *id).ok_or_else(unknown)
        };
        self.inputs.iter().map(id).collect()
    }

    /// What a run is given, each with the node that takes it.
    pub(crate) fn of<'a>(&'a self, run: usize, ids: &[NodeId]) -> Result<Vec<(NodeId, ValueOrView<'a>)>, Error> {
        self.inputs.iter().zip(ids).map(|(input, &id)| Ok((id, input.of(run)?.into()))).collect()
    }
}

impl Input {
    fn new(info: &ValueInfo, array: Array) -> Result<Self, Error> {
        let (mut shape, values) = array.into_parts();
        let data = data(info, &shape, values)?;
        let cut = cut(info, &shape)?;
        match cut {
            Cut::Whole => {}
            Cut::Parts(parts) => shape[0] /= parts,
            Cut::Samples(_) => {
                shape.remove(0);
            }
        }
        Ok(Self { info: info.clone(), shape, data, cut })
    }

    fn of(&self, run: usize) -> Result<ValueView<'_>, Error> {
        match &self.data {
            Data::F32(values) => self.view(values, run),
            Data::I32(values) => self.view(values, run),
            Data::I8(values) => self.view(values, run),
            Data::U8(values) => self.view(values, run),
        }
    }

    fn view<'a, T>(&'a self, values: &'a [T], run: usize) -> Result<ValueView<'a>, Error>
    where
        ValueView<'a>: From<rten_tensor::TensorView<'a, T>>,
    {
        let part = match self.cut {
            Cut::Whole => values,
            Cut::Parts(runs) | Cut::Samples(runs) => {
                let length = values.len() / runs;
                &values[run * length..(run + 1) * length]
            }
        };
        let length_error = |_| ArrayError::ShapeLength { shape: self.shape.clone(), found: part.len() };
        Ok(ValueView::from_shape(&self.shape, part).map_err(length_error)?)
    }
}

/// How an array of this shape is cut.
fn cut(info: &ValueInfo, shape: &[usize]) -> Result<Cut, Error> {
    if shape.first() == Some(&0) {
        return Err(Error::NoSamples { name: info.name.clone(), shape: shape.into() });
    }
    let Some(declared) = &info.shape else { return Ok(Cut::Whole) };
    let misfit = |axis| Error::Dimension { input: info.clone(), shape: shape.into(), axis };
    let fits = |(length, declared): (&usize, &Dimension)| match declared {
        Dimension::Fixed(fixed) => length == fixed,
        Dimension::Free(_) => true,
    };
    let check = |from: usize, more: usize| {
        let pairs = shape.iter().skip(from + more).zip(&declared[from..]);
        pairs.map(fits).position(|fits| !fits).map_or(Ok(()), |axis| Err(misfit(axis + from + more)))
    };
    if shape.len() == declared.len() + 1 {
        check(0, 1)?;
        return Ok(Cut::Samples(shape[0]));
    }
    if shape.len() != declared.len() {
        return Err(Error::Rank { input: info.clone(), shape: shape.into() });
    }
    match (shape.first(), declared.first()) {
        (Some(&length), Some(&Dimension::Fixed(fixed))) if fixed != 0 && length != fixed && length % fixed == 0 => {
            check(1, 0)?;
            Ok(Cut::Parts(length / fixed))
        }
        _ => {
            check(0, 0)?;
            Ok(Cut::Whole)
        }
    }
}

/// Entries in the type of the input.
fn data(info: &ValueInfo, shape: &[usize], values: Values) -> Result<Data, Error> {
    let mismatch = |found| Err(Error::Element { input: info.clone(), found });
    match (values, info.element) {
        (Values::F32(values), None | Some(Element::F32)) => {
            if let Some(place) = values.iter().position(|value| !value.is_finite()) {
                let (name, position) = (info.name.clone(), position(shape, place));
                return Err(Error::InputNotFinite { name, position, value: values[place] });
            }
            Ok(Data::F32(values))
        }
        (Values::U8(values), Some(Element::U8)) => Ok(Data::U8(values)),
        // Other inputs take bytes as they take any whole numbers.
        (Values::U8(values), None | Some(Element::I32 | Element::I8)) => {
            data(info, shape, Values::I32(values.into_iter().map(i32::from).collect()))
        }
        (Values::I32(values), None | Some(Element::I32)) => Ok(Data::I32(values)),
        (Values::I32(values), Some(Element::I8)) => narrow(info, shape, &values, "i8").map(Data::I8),
        (Values::I32(values), Some(Element::U8)) => narrow(info, shape, &values, "u8").map(Data::U8),
        (values, Some(_)) => mismatch(values.type_name()),
    }
}

/// Whole numbers in fewer bits.
fn narrow<T: TryFrom<i32>>(
    info: &ValueInfo,
    shape: &[usize],
    values: &[i32],
    range: &'static str,
) -> Result<Vec<T>, Error> {
    let narrow = |(place, &value): (usize, &i32)| {
        let (name, position) = (info.name.clone(), position(shape, place));
        T::try_from(value).map_err(|_| ArrayError::Range { name, position, value: value.to_string(), range }.into())
    };
    values.iter().enumerate().map(narrow).collect()
}

#[cfg(test)]
mod tests;
