//! A recipe as its differences from the defaults: what a file stores of the run that made it.
//!
//! A byte with the version of the defaults, then each setting that differs, in ascending order of numbers: its number in
//! [`SETTINGS`], a whole number, and its value ([`value`]). There is one way to write a recipe, and no other is read.

mod settings;
#[cfg(test)]
mod tests;
mod value;

use toml::{Table, Value};

use self::settings::SETTINGS;
use self::value::{Reader, put, put_whole};
use crate::recipe::DEFAULTS_VERSION;
use crate::{Error, Recipe};

impl Recipe {
    /// The settings that differ from the defaults, a line of TOML each, as `joint.strength = 0.2`: together a valid
    /// recipe. Empty for a run by the defaults. The seed is left out.
    #[must_use]
    pub fn differences(&self) -> String {
        let lines = self.differing().into_iter().map(|(path, value)| format!("{path} = {value}\n"));
        lines.collect::<Vec<_>>().concat()
    }

    /// The settings that differ from the defaults in a few bytes, with the version of the defaults. A run by the
    /// defaults needs nothing: `None`. The seed is left out: a file has its own place for it.
    #[must_use]
    #[allow(
        clippy::missing_panics_doc,
        reason = "a test holds that every setting has a number and the form of its values"
    )]
    pub fn to_differences(&self) -> Option<Vec<u8>> {
        let place = |path: &String| SETTINGS.iter().position(|(known, _)| known == path);
        let mut numbered: Vec<(usize, Value)> = (self.differing().into_iter())
            .map(|(path, value)| (place(&path).expect("every setting has a number"), value))
            .collect();
        numbered.sort_unstable_by_key(|(place, _)| *place);
        if numbered.is_empty() {
            return None;
        }
        let mut bytes = vec![DEFAULTS_VERSION];
        for (place, value) in numbered {
            put_whole(&mut bytes, place as u64 + 1);
            put(&mut bytes, SETTINGS[place].1, &value).expect("every setting has the form of its values");
        }
        Some(bytes)
    }

    /// The recipe that [`Recipe::to_differences`] wrote.
    ///
    /// # Errors
    /// [`Error::Recipe`] for differences from other defaults than this version's, or for bytes that are no recipe;
    /// [`Error::Setting`] or [`Error::Mixture`] for a setting out of its range.
    pub fn from_differences(differences: Option<&[u8]>, seed: u64) -> Result<Self, Error> {
        let recipe = match differences {
            None => Self::default(),
            Some([DEFAULTS_VERSION, settings @ ..]) => read(settings)?,
            Some([version, ..]) => {
                return Err(Error::Recipe(format!(
                    "it is told by its differences from version {version} of the defaults, and this program has version \
                     {DEFAULTS_VERSION}; the version of mixpress that wrote it can print it whole"
                )));
            }
            Some([]) => return Err(damaged("it is empty")),
        };
        if recipe.to_differences().as_deref() != differences {
            return Err(damaged("it is not written as recipes are"));
        }
        Ok(Self { seed, ..recipe })
    }

    /// The settings that differ from the defaults by their paths, without the seed.
    fn differing(&self) -> Vec<(String, Value)> {
        let own = table(&Self { seed: 0, ..self.clone() });
        let mut found = Vec::new();
        collect(&own, &table(&Self::default()), "", &mut found);
        found
    }
}

fn damaged(what: &str) -> Error {
    Error::Recipe(format!("{what}; the file is damaged, or of another version of mixpress"))
}

/// The recipe of settings that differ.
fn read(bytes: &[u8]) -> Result<Recipe, Error> {
    let defaults = table(&Recipe::default());
    let (mut reader, mut recipe) = (Reader(bytes), Table::new());
    while !reader.0.is_empty() {
        let number = reader.whole().ok_or_else(|| damaged("it ends too early"))?;
        let setting = usize::try_from(number).ok().and_then(|number| SETTINGS.get(number.checked_sub(1)?));
        let (path, form) = setting.ok_or_else(|| damaged(&format!("there is no setting {number}")))?;
        let value = reader.value(*form, lookup(&defaults, path));
        let value = value.ok_or_else(|| damaged(&format!("{path} has no value")))?;
        insert(&mut recipe, path, value).ok_or_else(|| damaged(&format!("{path} is there twice")))?;
    }
    let recipe: Recipe = recipe.try_into().map_err(|error: toml::de::Error| damaged(error.message()))?;
    recipe.validate()?;
    Ok(recipe)
}

fn table(recipe: &Recipe) -> Table {
    Table::try_from(recipe).expect("a recipe is a tree of tables and numbers")
}

/// Every value below `own` that `default` lacks or has otherwise, with its path, which begins with `prefix`.
fn collect(own: &Table, default: &Table, prefix: &str, found: &mut Vec<(String, Value)>) {
    for (key, value) in own {
        let (path, same) = (format!("{prefix}{key}"), default.get(key));
        match value {
            Value::Table(own) => {
                let none = Table::new();
                collect(own, same.and_then(Value::as_table).unwrap_or(&none), &format!("{path}."), found);
            }
            value if same == Some(value) => {}
            value => found.push((path, value.clone())),
        }
    }
}

/// The value at a path.
fn lookup<'a>(table: &'a Table, path: &str) -> Option<&'a Value> {
    match path.split_once('.') {
        Some((first, rest)) => lookup(table.get(first)?.as_table()?, rest),
        None => table.get(path),
    }
}

/// Puts a value at a path; `None` where another value stands there or on the way.
fn insert(table: &mut Table, path: &str, value: Value) -> Option<()> {
    match path.split_once('.') {
        Some((first, rest)) => {
            let below = table.entry(first).or_insert_with(|| Value::Table(Table::new()));
            insert(below.as_table_mut()?, rest, value)
        }
        None if table.contains_key(path) => None,
        None => {
            table.insert(path.to_owned(), value);
            Some(())
        }
    }
}
