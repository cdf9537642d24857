//! What will become of each tensor of a model, found before anything is written.

use std::fmt;

use mixpress_interchange::{Element, Model, SourceTensor, Why};
use mixpress_quantize::Profile;
use serde::{Serialize, Serializer};

use super::codings::Matrix;
use super::goal::{Goal, Rule, Treatment};
use super::outcome::infinite;
use super::payload;
use crate::Error;

/// Tensors of fewer weights are kept exactly: a codebook would cost as much.
const SMALL: u64 = 256;

/// Why a tensor is kept exactly.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// A rule or the goal asks for it.
    Asked,
    /// Its type is none that weights are trained in.
    NotWeights,
    /// It has so few entries that a codebook would cost as much.
    Small,
    /// It has one axis at most: biases, scales and statistics are few, and errors in them count for much.
    OneAxis,
    /// It has an entry that is not finite.
    NotFinite {
        /// The first one's position.
        position: usize,
        /// Its value.
        value: f32,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => write!(f, "as asked"),
            Self::NotWeights => write!(f, "no weights' type"),
            Self::Small => write!(f, "fewer than {SMALL} entries"),
            Self::OneAxis => write!(f, "one axis"),
            Self::NotFinite { position, value } => write!(f, "entry {position} is {value}"),
        }
    }
}

/// What will become of a tensor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TensorPlan {
    /// Its name.
    pub name: String,
    /// Lengths of its axes.
    pub shape: Vec<usize>,
    /// Its type, as `f16`.
    pub dtype: String,
    /// Number of entries.
    pub weights: usize,
    /// Bytes in the source.
    pub source_bytes: u64,
    /// Why it is kept exactly; nothing if it is compressed.
    #[serde(serialize_with = "in_words")]
    pub kept: Option<Reason>,
    /// Number of states of its trellis; 0 if it gets a codebook or is kept exactly.
    pub states: u16,
    /// The bits a weight that a rule asks for.
    pub own_bits: Option<f64>,
    /// Bytes that it is expected to take.
    pub expected_bytes: f64,
    /// Signal-to-noise ratio that is expected, in dB; infinite for one that is kept.
    #[serde(serialize_with = "infinite::serialize")]
    pub expected_snr_db: f64,
}

/// What will become of a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelPlan {
    /// Its tensors, in the order of the file.
    pub tensors: Vec<TensorPlan>,
    /// Bytes of the source's files.
    pub source_bytes: u64,
    /// Bytes that the file is expected to take.
    pub expected_bytes: u64,
    /// Signal-to-noise ratio over all compressed weights that is expected, in dB; infinite where all is kept.
    #[serde(serialize_with = "infinite::serialize")]
    pub expected_snr_db: f64,
    /// Seconds that it is expected to take on this machine, told by how long the plan and a trial took.
    pub expected_seconds: f64,
    /// The most memory that it is expected to take, in bytes, where the system tells: what the plan and the trial
    /// took, or what it takes to compare the largest tensor with its source.
    pub expected_memory_bytes: Option<u64>,
    /// What was asked and cannot be done, a sentence each.
    pub not_done: Vec<String>,
}

#[allow(clippy::ref_option, reason = "as serde calls it")]
fn in_words<S: Serializer>(reason: &Option<Reason>, serializer: S) -> Result<S::Ok, S::Error> {
    reason.as_ref().map(Reason::to_string).serialize(serializer)
}

/// A tensor as the search sees it.
#[derive(Debug)]
pub(super) enum Role {
    Kept(Reason),
    /// To be quantised.
    Weights {
        profile: Profile,
        /// The bits a weight that a rule asks for.
        own_bits: Option<f64>,
        /// How much its squared error counts.
        sensitivity: f64,
        /// What is known of it as a matrix, if it may be trellis-coded.
        matrix: Option<Box<Matrix>>,
    },
}

/// The role of a tensor, for whose trellis there is such an effort, if it may have one.
pub(super) fn role(
    model: &Model,
    number: usize,
    goal: Goal,
    rules: &[Rule],
    effort: Option<u8>,
) -> Result<Role, Error> {
    let tensor = &model.tensors()[number];
    if !tensor.element().is_compressible() {
        return Ok(Role::Kept(Reason::NotWeights));
    }
    let own_bits = match asked(rules, tensor) {
        Some(Treatment::Lossless) => return Ok(Role::Kept(Reason::Asked)),
        Some(Treatment::Bits(bits)) => Some(bits),
        None if goal == Goal::Lossless => return Ok(Role::Kept(Reason::Asked)),
        None => None,
    };
    let count: u64 = entries(tensor.element(), tensor.bytes());
    if count < SMALL {
        return Ok(Role::Kept(Reason::Small));
    }
    if own_bits.is_none() && tensor.shape().iter().filter(|&&length| length > 1).count() < 2 {
        return Ok(Role::Kept(Reason::OneAxis));
    }
    let weights = payload::weights(tensor.element(), &model.payload(number)?).unwrap_or_default();
    let profile = match Profile::new(&weights) {
        Ok(profile) => profile,
        Err(mixpress_quantize::Error::NotFinite { position, value }) => {
            return Ok(Role::Kept(Reason::NotFinite { position, value }));
        }
        Err(error) => return Err(error.into()),
    };
    let matrix = match effort {
        Some(effort) => Matrix::of(tensor, &payload::shape(tensor)?, &weights, &profile, effort)?.map(Box::new),
        None => None,
    };
    Ok(Role::Weights { profile, own_bits, sensitivity: 1.0, matrix })
}

/// Whether a rule names a tensor by one of its names.
fn names(rule: &Rule, tensor: &SourceTensor) -> bool {
    tensor.names().iter().any(|name| rule.matches(name))
}

/// The treatment that the last rule which names a tensor asks for.
fn asked(rules: &[Rule], tensor: &SourceTensor) -> Option<Treatment> {
    rules.iter().rev().find(|rule| names(rule, tensor)).map(|rule| rule.treatment)
}

/// Entries that so many bytes hold.
pub(super) fn entries(element: Element, bytes: u64) -> u64 {
    bytes * 8 / u64::from(element.bits())
}

/// What rules ask for and tensors do not allow, and weights that cannot be compressed, a sentence each.
pub(super) fn not_done(model: &Model, rules: &[Rule], roles: &[Role]) -> Vec<String> {
    let mut out = Vec::new();
    for rule in rules {
        let in_graph = model.kept().iter().any(|kept| rule.matches(&kept.name));
        if !in_graph && !model.tensors().iter().any(|tensor| names(rule, tensor)) {
            out.push(format!("no tensor's name matches {}", rule.pattern()));
        }
    }
    for (tensor, role) in model.tensors().iter().zip(roles) {
        if let (Some(Treatment::Bits(_)), Role::Kept(reason)) = (asked(rules, tensor), role) {
            out.push(format!("{} is kept exactly: {reason}", tensor.name()));
        } else if let Role::Kept(reason @ Reason::NotFinite { .. }) = role {
            out.push(format!("{} is kept exactly: {reason}", tensor.name()));
        }
    }
    let is_asked = |role: &Role| matches!(role, Role::Kept(Reason::Asked));
    if !roles.is_empty() && !roles.iter().any(|role| matches!(role, Role::Weights { .. }) || is_asked(role)) {
        out.push("to compress some tensor: there is none with weights of f32, f16 or bf16 that is large enough".into());
    }
    for kept in model.kept() {
        let last = rules.iter().rev().find(|rule| rule.matches(&kept.name)).map(|rule| rule.treatment);
        let is_usual = matches!(kept.why, Why::Small | Why::Texts | Why::NoValues);
        if last != Some(Treatment::Lossless) && (!is_usual || last.is_some()) {
            out.push(format!("{} ({} bytes) stays as it is written: {}", kept.name, kept.bytes, kept.why));
        }
    }
    out
}
