//! A file that was written, compared with its source; and two models with each other.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use mixpress_interchange::{Element, Format, Model, Skeleton, SourceTensor};
use mixpress_quantize::{energy, squared_error};
use mixpress_train::CancelToken;
use serde::{Deserialize, Serialize};

use super::outcome::{ModelOutcome, TensorOutcome, ratio_db};
use super::payload;
use super::plan::Role;
use super::progress::{Stage, Watch};
use super::restore::ModelFile;
use crate::Error;

/// Bytes of a tensor that are compared at a time.
const CHUNK: usize = 1 << 20;

/// Reads a file whole: checksums, every tensor, and the model that they make. With the source, every tensor is compared
/// with its own.
///
/// # Errors
/// [`Error::Codebook`] for whatever is damaged; [`Error::OtherModel`] if the file was made of another model.
pub fn verify(file: impl AsRef<Path>, source: Option<&Model>) -> Result<Vec<TensorOutcome>, Error> {
    let (observer, cancel) = (&(), &CancelToken::new());
    let mut watch = Watch { observer, cancel, stage: Stage::Checking, done: 0, total: 0 };
    verify_with(file.as_ref(), source, &[], &mut watch)
}

/// [`verify`], with the reasons for which tensors were kept.
pub(super) fn verify_with(
    file: &Path,
    source: Option<&Model>,
    roles: &[Role],
    watch: &mut Watch<'_>,
) -> Result<Vec<TensorOutcome>, Error> {
    let held = ModelFile::open(file)?;
    if let Some(source) = source
        && !source.skeleton().is_same_model(held.skeleton())
    {
        return Err(Error::OtherModel { file: file.into() });
    }
    let check = |number: usize| -> Result<TensorOutcome, Error> {
        watch.next(held.skeleton().tensors()[number].bytes())?;
        let outcome = TensorOutcome::of_file(&held, number)?;
        let payload = held.payload(number)?;
        let Some(source) = source else { return Ok(outcome) };
        let original = source.payload(number)?;
        let errors = Errors::between(held.element(number), &original, &payload);
        if payload == original {
            let reason = match roles.get(number) {
                Some(Role::Kept(reason)) => Some(reason.to_string()),
                _ => None,
            };
            return Ok(TensorOutcome { reason, ..outcome.measured(errors.map_or(0.0, |errors| errors.energy), 0.0) });
        }
        match errors {
            Some(Errors { energy, squared, .. }) if outcome.is_compressed() => Ok(outcome.measured(energy, squared)),
            _ => Err(Error::NotExact { file: file.into(), tensor: outcome.name }),
        }
    };
    (0..held.tensors().len()).map(check).collect()
}

impl ModelOutcome {
    /// What a file reached, found by comparing it with its source.
    ///
    /// # Errors
    /// As [`verify`].
    pub fn of_file(file: impl AsRef<Path>, source: &Model) -> Result<Self, Error> {
        let file = file.as_ref();
        Self::new(source, file, verify(file, Some(source))?)
    }
}

/// How far two tensors of the same type are apart.
pub(super) struct Errors {
    /// The sum of the squared weights of the first.
    pub(super) energy: f64,
    /// The sum of the squared differences.
    pub(super) squared: f64,
    /// The largest absolute difference.
    largest: f64,
}

impl Errors {
    /// Between two payloads; nothing for a type that is no weight's, or other lengths. Few weights are numbers at a time.
    pub(super) fn between(element: Element, first: &[u8], second: &[u8]) -> Option<Self> {
        let mut out = Self { energy: 0.0, squared: 0.0, largest: 0.0 };
        if first.len() != second.len() || !element.is_compressible() {
            return None;
        }
        for (first, second) in first.chunks(CHUNK).zip(second.chunks(CHUNK)) {
            let (w, v) = (payload::weights(element, first)?, payload::weights(element, second)?);
            out.energy += energy(&w);
            out.squared += squared_error(&w, &v);
            out.largest =
                w.iter().zip(&v).map(|(w, v)| (f64::from(*w) - f64::from(*v)).abs()).fold(out.largest, f64::max);
        }
        Some(out)
    }
}

/// How a tensor of one model differs from that of the same name in another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The name.
    pub name: String,
    /// What differs, in words: `only in the first`, `f32 [2, 3] is f16 [2, 3]`; nothing where it is values, all of them
    /// finite.
    pub what: Option<String>,
    /// `10 log10(Σ w² / Σ (w - v)²)` in dB, where both are floats of the same shape and differ.
    pub snr_db: Option<f64>,
    /// The largest absolute difference, likewise.
    pub largest: Option<f64>,
}

/// A model, or a file that holds one.
enum Either {
    Model(Box<Model>),
    File(Box<ModelFile>),
}

impl Either {
    fn open(path: &Path) -> Result<Self, Error> {
        match ModelFile::open(path) {
            Ok(file) => Ok(Self::File(Box::new(file))),
            Err(Error::Codebook(mixpress_codebook::Error::NotMxp { .. })) => {
                Ok(Self::Model(Box::new(Model::open(path)?)))
            }
            Err(error) => Err(error),
        }
    }

    fn tensors(&self) -> &[SourceTensor] {
        self.skeleton().tensors()
    }

    fn skeleton(&self) -> &Skeleton {
        match self {
            Self::Model(model) => model.skeleton(),
            Self::File(file) => file.skeleton(),
        }
    }

    fn payload(&self, number: usize) -> Result<Vec<u8>, Error> {
        match self {
            Self::Model(model) => Ok(model.payload(number)?),
            Self::File(file) => file.payload(number),
        }
    }

    /// Every name, with the number of its tensor.
    fn names(&self) -> impl Iterator<Item = (&str, usize)> {
        self.tensors()
            .iter()
            .enumerate()
            .flat_map(|(number, tensor)| tensor.names().iter().map(move |name| (name.as_str(), number)))
    }
}

/// How two models differ, tensor by tensor; each may be a model's file or an `.mxp` file that holds one. Tensors that
/// are equal bit for bit are left out. Where models of one format differ in anything else, the last of the differences
/// says so.
///
/// # Errors
/// [`Error::Interchange`] or [`Error::Codebook`] for what cannot be read.
pub fn compare(first: impl AsRef<Path>, second: impl AsRef<Path>) -> Result<Vec<Difference>, Error> {
    let (first, second) = (Either::open(first.as_ref())?, Either::open(second.as_ref())?);
    let others: HashMap<&str, usize> = second.names().collect();
    let told =
        |name: &str, what: Option<String>| Difference { name: name.to_owned(), what, snr_db: None, largest: None };
    let mut out = Vec::new();
    for (name, number) in first.names() {
        let Some(&other) = others.get(name) else {
            out.push(told(name, Some("only in the first".into())));
            continue;
        };
        let (a, b) = (&first.tensors()[number], &second.tensors()[other]);
        if (a.shape(), a.element()) != (b.shape(), b.element()) {
            let is = format!("{} {:?} is {} {:?}", a.element(), a.shape(), b.element(), b.shape());
            out.push(told(name, Some(is)));
            continue;
        }
        let (left, right) = (first.payload(number)?, second.payload(other)?);
        if left == right {
            continue;
        }
        let Some(errors) = Errors::between(a.element(), &left, &right) else {
            out.push(told(name, Some("other bytes".into())));
            continue;
        };
        if !errors.squared.is_finite() {
            out.push(told(name, Some("values, of which some are not finite".into())));
            continue;
        }
        let snr = ratio_db(errors.energy, errors.squared);
        out.push(Difference { snr_db: Some(snr), largest: Some(errors.largest), ..told(name, None) });
    }
    let firsts: HashSet<&str> = first.names().map(|(name, _)| name).collect();
    for (name, _) in second.names().filter(|(name, _)| !firsts.contains(name)) {
        out.push(told(name, Some("only in the second".into())));
    }
    let (rest, other) = (first.skeleton(), second.skeleton());
    if rest.format() == other.format() && !rest.is_same_rest(other) {
        let what = match rest.format() {
            Format::Onnx => "the graph, its metadata, or small tensors in it",
            Format::Safetensors | Format::ShardedSafetensors => "metadata, the order of tensors, or how it is written",
        };
        out.push(told("all but the tensors", Some(what.into())));
    }
    Ok(out)
}
