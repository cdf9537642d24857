//! Which tensors of a file are trellis-coded, and what those have in common.

use mixpress_codebook::trellis::TrellisSettings;
use mixpress_interchange::{Element, SourceTensor};
use mixpress_quantize::{Profile, TrellisEstimate, TrellisPlan, TrellisProfile, TrellisQuantizer, states_of_effort};

use super::compressor::ModelCompressor;
use super::fit::source;
use super::plan::Role;
use crate::Error;

/// A tensor of fewer weights takes more for its scales than a trellis saves.
const SMALL: usize = 1 << 12;
/// A tensor of so few different values has a codebook that makes it again.
const FEW: usize = 1 << 8;
/// The largest f16. Weights beyond half of it might be rounded to infinity.
const LARGEST_HALF: f32 = 65504.0;

/// What is known of a tensor that may be trellis-coded: its scales, and no weights.
#[derive(Debug)]
pub(super) struct Matrix {
    profile: TrellisProfile,
    /// What it would take at any step.
    pub(super) estimate: TrellisEstimate,
}

impl Matrix {
    /// Of a tensor with these weights, which are finite; nothing where a codebook alone will do.
    pub(super) fn of(
        tensor: &SourceTensor,
        shape: &[usize],
        weights: &[f32],
        profile: &Profile,
        effort: u8,
    ) -> Result<Option<Self>, Error> {
        let [rows, others @ ..] = shape else { return Ok(None) };
        let is_discrete = profile.values().is_some_and(|values| values <= FEW);
        if others.is_empty() || weights.len() < SMALL || is_discrete {
            return Ok(None);
        }
        let bound = if tensor.element() == Element::F16 { LARGEST_HALF } else { f32::MAX };
        if weights.iter().any(|weight| weight.abs() > 0.5 * bound) {
            return Ok(None);
        }
        let profile = TrellisProfile::new([*rows, others.iter().product()], weights)?.with_effort(weights, effort);
        let estimate = TrellisEstimate::new(&profile, states_of_effort(effort));
        Ok(Some(Self { profile, estimate }))
    }
}

/// The tensors of a file that are trellis-coded.
pub(super) struct Codings {
    is_trellis: Vec<bool>,
    plan: TrellisPlan,
    steps: Vec<f32>,
    states: u16,
}

impl Codings {
    /// Whether a tensor is.
    pub(super) fn is_trellis(&self, number: usize) -> bool {
        self.is_trellis[number]
    }

    /// What quantises them in their order, if there are some.
    pub(super) fn quantizer(&self) -> Result<Option<TrellisQuantizer<'_>>, Error> {
        if self.steps.is_empty() { Ok(None) } else { Ok(Some(self.plan.quantizer(&self.steps, self.states)?)) }
    }
}

/// What the file has to say of them.
pub(super) fn settings(quantizer: Option<&TrellisQuantizer<'_>>) -> Option<TrellisSettings> {
    quantizer.map(TrellisQuantizer::settings)
}

impl ModelCompressor<'_> {
    /// Those of the tensors in a file that are better off with a trellis at these steps.
    pub(super) fn codings(&self, roles: &[Role], steps: &[f64], takes: impl Fn(usize) -> bool) -> Codings {
        let (mut is_trellis, mut profiles, mut own) = (vec![false; roles.len()], Vec::new(), Vec::new());
        for (number, (tensor, role)) in self.model.tensors().iter().zip(roles).enumerate().filter(|each| takes(each.0))
        {
            let Role::Weights { matrix: Some(matrix), .. } = role else { continue };
            let step = source(tensor, role).and_then(|source| source.estimate(steps[number]).trellis_step);
            if let Some(step) = step {
                is_trellis[number] = true;
                profiles.push(matrix.profile.clone());
                own.push(step);
            }
        }
        Codings { is_trellis, plan: TrellisPlan::of_file(profiles), steps: own, states: self.states() }
    }

    /// Works with the roles; again with a codebook for a tensor that the work refuses to code by a trellis, because too
    /// many of its weights are far larger than their rows and columns say.
    pub(super) fn with_fallback<T>(
        &self,
        roles: &mut [Role],
        mut work: impl FnMut(&[Role]) -> Result<T, Error>,
    ) -> Result<T, Error> {
        loop {
            match work(roles) {
                Err(error) if self.takes_back(roles, &error) => (),
                done => return done,
            }
        }
    }

    /// Gives a tensor a codebook that an error says is no matrix for a trellis.
    fn takes_back(&self, roles: &mut [Role], error: &Error) -> bool {
        let Error::Codebook(mixpress_codebook::Error::TrellisTensor { name, .. }) = error else { return false };
        let number = self.model.tensors().iter().position(|tensor| tensor.name() == name);
        match number.map(|number| &mut roles[number]) {
            Some(Role::Weights { matrix, .. }) => matrix.take().is_some(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use mixpress_codebook::Error as CodebookError;
    use safetensors::{Dtype, tensor::TensorView};

    use super::*;

    #[test]
    fn a_matrix_that_is_refused_gets_a_codebook() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let weights = |by: f32| (0..100 * 80).flat_map(move |at| (at as f32 * by).sin().to_le_bytes()).collect();
        let [a, b]: [Vec<u8>; 2] = [weights(1.7), weights(1.3)];
        let view = |bytes| TensorView::new(Dtype::F32, vec![100, 80], bytes).unwrap();
        let tensors = [("a", view(&a)), ("b", view(&b))];
        std::fs::write(&path, safetensors::serialize(tensors, None).unwrap()).unwrap();
        let compressor = ModelCompressor::open(&path).unwrap();
        let (mut roles, _) = compressor.roles().unwrap();
        let refusal = |name: &str| {
            let (what, rule) = ("patches", "one entry in eight has one; the step is too fine");
            let cause = Box::new(CodebookError::TrellisMatrix { matrix: 1, what, found: 5000, rule });
            Error::Codebook(CodebookError::TrellisTensor { name: name.into(), cause })
        };
        let coded = |roles: &[Role]| {
            let codings = compressor.codings(roles, &[0.1; 2], |_| true);
            [codings.is_trellis(0), codings.is_trellis(1)]
        };
        assert_eq!(coded(&roles), [true, true]);
        let mut work = |roles: &[Role]| if coded(roles)[1] { Err(refusal("b")) } else { Ok(coded(roles)) };
        assert_eq!(compressor.with_fallback(&mut roles, &mut work).unwrap(), [true, false]);
        // What is refused without a trellis, or is no tensor of the model, is an error like any other.
        for name in ["b", "c"] {
            let mut tries = 0;
            let refused = compressor.with_fallback(&mut roles, |_| -> Result<(), Error> {
                tries += 1;
                Err(refusal(name))
            });
            assert!(refused.is_err() && tries == 1, "{name}");
        }
    }
}
