//! A recipe as its differences from the defaults: what a file stores of the run that made it.

use toml::{Table, Value};

use crate::recipe::DEFAULTS_VERSION;
use crate::{Error, Recipe};

impl Recipe {
    /// The settings that differ from the defaults, as TOML text behind a byte with the version of the defaults. A run by the
    /// defaults needs nothing: `None`. The seed is left out: a file has its own place for it.
    #[must_use]
    #[allow(clippy::missing_panics_doc, reason = "every recipe can be written as TOML")]
    pub fn to_differences(&self) -> Option<Vec<u8>> {
        let own = table(&Self { seed: 0, ..self.clone() });
        let differing = difference(&own, &table(&Self::default()));
        if differing.is_empty() {
            return None;
        }
        let text = toml::to_string(&differing).expect("a part of a recipe is TOML");
        Some(std::iter::once(DEFAULTS_VERSION).chain(text.into_bytes()).collect())
    }

    /// The recipe that [`Recipe::to_differences`] wrote.
    ///
    /// # Errors
    /// [`Error::Recipe`] for differences from other defaults than this version's, or for text that is no recipe.
    pub fn from_differences(differences: Option<&[u8]>, seed: u64) -> Result<Self, Error> {
        let recipe = match differences {
            None => Self::default(),
            Some([DEFAULTS_VERSION, text @ ..]) => {
                let text = std::str::from_utf8(text).map_err(|error| Error::Recipe(error.to_string()))?;
                Self::from_toml(text)?
            }
            Some([version, ..]) => {
                return Err(Error::Recipe(format!(
                    "the file's recipe refers to version {version} of the defaults; this program knows version {DEFAULTS_VERSION}"
                )));
            }
            Some([]) => return Err(Error::Recipe("the file's recipe is empty".into())),
        };
        Ok(Self { seed, ..recipe })
    }
}

fn table(recipe: &Recipe) -> Table {
    Table::try_from(recipe).expect("a recipe is a tree of tables and numbers")
}

/// The entries of `own` that `default` lacks or holds with another value; tables are compared entry by entry.
fn difference(own: &Table, default: &Table) -> Table {
    let mut differing = Table::new();
    for (key, value) in own {
        match (value, default.get(key)) {
            (_, Some(same)) if same == value => {}
            (Value::Table(own), Some(Value::Table(default))) => {
                differing.insert(key.clone(), Value::Table(difference(own, default)));
            }
            _ => {
                differing.insert(key.clone(), value.clone());
            }
        }
    }
    differing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_run_needs_no_byte() {
        assert_eq!(Recipe::default().to_differences(), None);
        assert_eq!(Recipe { seed: 7, ..Recipe::default() }.to_differences(), None);
        assert_eq!(Recipe::from_differences(None, 7).unwrap(), Recipe { seed: 7, ..Recipe::default() });
    }

    #[test]
    fn differences_come_back_and_are_short() {
        let mut recipe = Recipe { seed: 3, augment: false, ..Recipe::default() };
        recipe.joint.strength = 0.1;
        recipe.prior.threshold.absolute = 12;
        let bytes = recipe.to_differences().unwrap();
        assert!(bytes.len() < 90, "{}", String::from_utf8_lossy(&bytes));
        assert_eq!(Recipe::from_differences(Some(&bytes), 3).unwrap(), recipe);
    }

    #[test]
    fn foreign_differences_are_refused() {
        for bytes in [&[][..], &[0], b"\x01nonsense", b"\x01joint = 3", b"\xff"] {
            assert!(matches!(Recipe::from_differences(Some(bytes), 0), Err(Error::Recipe(_))), "{bytes:?}");
        }
    }
}
