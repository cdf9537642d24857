//! How much a model's outputs suffer from errors in each of its tensors: measured once, kept in a file, used for every goal.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use mixpress_interchange::{Model, SourceTensor};
use serde::{Deserialize, Serialize};

use super::plan::Role;
use crate::{Error, Overwrite};

/// The version of the file.
const VERSION: u32 = 1;
/// The longest file that is read.
const MOST_BYTES: u64 = 1 << 26;
/// A tensor counts, weight by weight, at least this share of the median tensor's.
const LEAST: f64 = 1e-4;

/// Sensitivities of a model's tensors, as a file keeps them (JSON).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sensitivities {
    version: u32,
    /// The model's file, without its folder.
    pub model: String,
    /// How often the model was run for each tensor: the number of samples, or of batches of them.
    pub runs: usize,
    /// Each tensor that was measured.
    pub tensors: Vec<Sensitivity>,
}

/// The sensitivity of one tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sensitivity {
    /// Its name, the first one where it has several.
    pub name: String,
    /// Lengths of its axes.
    pub shape: Vec<u64>,
    /// The relative squared error of the outputs over that of the tensor, `(‖y - ŷ‖² / ‖y‖²) / (‖w - ŵ‖² / ‖w‖²)`,
    /// where this tensor alone was quantised: the mean of all outputs, and of coarse and fine errors. 0 if no output
    /// noticed.
    pub sensitivity: f64,
}

impl Sensitivities {
    /// Measured ones.
    #[must_use]
    pub fn new(model: impl Into<String>, runs: usize, tensors: Vec<Sensitivity>) -> Self {
        Self { version: VERSION, model: model.into(), runs, tensors }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::Sensitivities`] for what is no such file, is of a later version, names a tensor twice,
    /// or has a number that is negative or not finite.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let problem = |reason: String| Error::Sensitivities { path: path.into(), reason };
        let read = |source| Error::Read { path: path.into(), source };
        let mut text = Vec::new();
        File::open(path).map_err(read)?.take(MOST_BYTES + 1).read_to_end(&mut text).map_err(read)?;
        if text.len() as u64 > MOST_BYTES {
            return Err(problem(format!("it has more than {MOST_BYTES} bytes; such files have a few kilobytes")));
        }
        let out: Self = serde_json::from_slice(&text).map_err(|error| problem(error.to_string()))?;
        if out.version != VERSION {
            return Err(problem(format!("its version is {}, and this program knows {VERSION}", out.version)));
        }
        let mut names = HashSet::new();
        for tensor in &out.tensors {
            if !names.insert(&tensor.name) {
                return Err(problem(format!("it has {} twice", tensor.name)));
            }
            if !(tensor.sensitivity >= 0.0 && tensor.sensitivity.is_finite()) {
                let value = tensor.sensitivity;
                return Err(problem(format!(
                    "{} has the sensitivity {value}; it must be finite and not negative",
                    tensor.name
                )));
            }
        }
        Ok(out)
    }

    /// Writes a file, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Exists`] when it may not be replaced; [`Error::Write`].
    #[allow(clippy::missing_panics_doc, reason = "names and numbers can be written")]
    pub fn write(&self, path: impl AsRef<Path>, overwrite: Overwrite) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(self).expect("names and numbers can be written") + "\n";
        overwrite.write(path.as_ref(), text.as_bytes())
    }
}

impl Sensitivities {
    /// Gives each tensor that is compressed its own, and tells what had to be assumed, a sentence each. One that is
    /// missing, or that no output noticed, counts as the median tensor does, weight by weight: other inputs may need
    /// it.
    pub(super) fn apply(&self, model: &Model, roles: &mut [Role]) -> Result<Vec<String>, Error> {
        let known: HashMap<&str, &Sensitivity> = self.tensors.iter().map(|one| (one.name.as_str(), one)).collect();
        let of = |tensor: &SourceTensor| -> Option<f64> {
            let found = tensor.names().iter().find_map(|name| known.get(name.as_str()))?;
            (found.shape == tensor.shape()).then_some(found.sensitivity)
        };
        // Of each tensor with weights: its sensitivity for each of them, if it is known.
        let mut each = Vec::new();
        for (tensor, role) in model.tensors().iter().zip(roles) {
            if let Role::Weights { profile, sensitivity, .. } = role {
                each.push((tensor.name(), of(tensor).map(|of| of / profile.len() as f64), &*profile, sensitivity));
            }
        }
        let mut noticed: Vec<f64> = each.iter().filter_map(|one| one.1).filter(|&each| each > 0.0).collect();
        if !each.is_empty() && each.iter().all(|one| one.1.is_none()) {
            return Err(Error::OtherSensitivities { model: self.model.clone() });
        }
        noticed.sort_by(f64::total_cmp);
        let median = noticed.get(noticed.len() / 2).copied().unwrap_or(1.0);
        let (mut missing, mut silent) = (Vec::new(), Vec::new());
        for (name, known, profile, sensitivity) in each {
            let of_one = match known {
                Some(measured) if measured > 0.0 => measured.max(LEAST * median),
                Some(_) => {
                    silent.push(name);
                    median
                }
                None => {
                    missing.push(name);
                    median
                }
            };
            let mean_square = profile.sum_of_squares() / profile.len() as f64;
            *sensitivity = if mean_square < f64::MIN_POSITIVE { 1.0 } else { of_one / mean_square };
        }
        let told = |(names, what): (Vec<&str>, &str)| {
            let (first, others) = (*names.first()?, names.len() - 1);
            let more = if others > 0 { format!(" and {others} more tensors") } else { String::new() };
            Some(format!("a sensitivity of {first}{more}: {what}, so the median is taken"))
        };
        let notes = [(missing, "none was measured"), (silent, "no output noticed an error there")];
        Ok(notes.into_iter().filter_map(told).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sensitivities.json");
        std::fs::write(&path, text).unwrap();
        Sensitivities::read(&path).unwrap_err().to_string()
    }

    #[test]
    fn a_file_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sensitivities.json");
        let tensor = |name: &str, sensitivity| Sensitivity { name: name.into(), shape: vec![3, 0, 7], sensitivity };
        let wrote = Sensitivities::new("model.onnx", 12, vec![tensor("a", 0.1 + 0.2), tensor("b", 0.0)]);
        wrote.write(&path, Overwrite::Refuse).unwrap();
        assert_eq!(Sensitivities::read(&path).unwrap(), wrote);
        assert!(matches!(wrote.write(&path, Overwrite::Refuse), Err(Error::Exists { .. })), "it is there already");
        wrote.write(&path, Overwrite::Replace).unwrap();
    }

    #[test]
    fn what_is_no_such_file_says_why() {
        let with = |tensors: &str| format!(r#"{{"version":1,"model":"m","runs":1,"tensors":[{tensors}]}}"#);
        let one = |value: &str| format!(r#"{{"name":"w","shape":[2],"sensitivity":{value}}}"#);
        assert!(refused("weights").contains("expected value"));
        assert!(refused(&with(&one("-1"))).contains("w has the sensitivity -1"));
        assert!(refused(&with(&one("1e999"))).contains("number out of range"));
        assert!(refused(&with(&format!("{},{}", one("1"), one("2")))).contains("w twice"));
        assert!(refused(&with("").replace(r#""version":1"#, r#""version":2"#)).contains("its version is 2"));
        assert!(refused(&with("").replace("runs", "walks")).contains("unknown field"));
    }
}
