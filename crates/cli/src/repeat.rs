//! The command that makes a file again, as it is shown on a page about the file.

use std::path::Path;

use mixpress::compress::Treatment;
use mixpress::prelude::{CompressedModel, Recipe, zoo};

use crate::args::{CompressArgs, ErrorKind, WantedArgs};
use crate::defaults::Defaults;

/// Of a network that was trained here. What of the recipe is not default, it takes from the file `recipe.toml`.
pub(crate) fn training(args: &CompressArgs, recipe: &Recipe, defaults: &Defaults) -> String {
    let mut command = Command::new(defaults);
    command.option("--network", args.network.as_deref().unwrap_or(defaults.network));
    args.data.iter().for_each(|path| command.path("--data", path));
    args.label.iter().for_each(|name| command.option("--label", name));
    command.recipe(recipe.to_differences().is_some(), recipe.seed);
    command.0
}

/// As far as the file alone tells: it names no data. Nothing where its recipe cannot be read.
pub(crate) fn of_file(model: &CompressedModel, defaults: &Defaults) -> Option<String> {
    let definition = model.definition()?;
    let recipe = model.metadata().seed.and_then(|_| model.recipe().ok())?;
    let mut command = Command::new(defaults);
    let is_known = zoo::by_name(&definition.name).as_ref() == Some(definition);
    command.option("--network", if is_known { &definition.name } else { "network.toml" });
    if *definition != zoo::digits_mlp() {
        command.option("--data", "DATA");
    }
    command.recipe(recipe.to_differences().is_some(), recipe.seed);
    Some(command.0)
}

/// Of another program's model.
pub(crate) fn model(path: &Path, wanted: &WantedArgs, defaults: &Defaults) -> String {
    let WantedArgs { bits, ratio, max_bytes, snr, max_output_error, lossless, .. } = wanted;
    let mut command = Command::new(defaults);
    command.word(&path.to_string_lossy());
    let goals = [("--bits", bits), ("--ratio", ratio), ("--snr", snr), ("--max-output-error", max_output_error)];
    for (option, value) in goals.into_iter().filter_map(|(option, value)| Some((option, (*value)?))) {
        command.option(option, &value.to_string());
    }
    if let Some(bytes) = max_bytes {
        command.option("--max-bytes", &bytes.to_string());
    }
    if *lossless {
        command.word("--lossless");
    }
    if let Some(kind) = wanted.distortion {
        command.option("--distortion", if kind == ErrorKind::Total { "total" } else { "relative" });
    }
    wanted.inputs.iter().for_each(|path| command.path("--inputs", path));
    wanted.sensitivity.iter().for_each(|path| command.path("--sensitivity", path));
    for rule in &wanted.rules {
        let treatment = match rule.treatment {
            Treatment::Bits(bits) => format!("bits:{bits}"),
            Treatment::Lossless => "lossless".to_owned(),
        };
        command.option("--tensor", &format!("{}={treatment}", rule.pattern()));
    }
    command.0
}

/// A command as a shell takes it.
struct Command(String);

impl Command {
    fn new(defaults: &Defaults) -> Self {
        Self(format!("{} compress", defaults.program))
    }

    fn word(&mut self, word: &str) {
        let is_plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "._-/=:,+%@".contains(c));
        let quoted = word.replace('\'', "'\\''");
        self.0.extend(if is_plain { [" ", word, ""] } else { [" '", &quoted, "'"] });
    }

    fn option(&mut self, name: &str, value: &str) {
        self.word(name);
        self.word(value);
    }

    fn path(&mut self, name: &str, path: &Path) {
        self.option(name, &path.to_string_lossy());
    }

    fn recipe(&mut self, is_own: bool, seed: u64) {
        if is_own {
            self.option("--recipe", "recipe.toml");
        }
        self.option("--seed", &seed.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_told_by_what_makes_its_file() {
        let defaults = Defaults::default();
        let plain = training(&CompressArgs::default(), &Recipe { seed: 3, ..Recipe::default() }, &defaults);
        assert_eq!(plain, "mixpress compress --network digits-mlp --seed 3");
        let args = CompressArgs { data: Some("my data".into()), label: Some("it's".into()), ..CompressArgs::default() };
        let own = training(&args, &Recipe { batch: 64, ..Recipe::default() }, &defaults);
        assert_eq!(
            own,
            r"mixpress compress --network digits-mlp --data 'my data' --label 'it'\''s' --recipe recipe.toml --seed 0"
        );
    }

    #[test]
    fn a_model_is_told_with_its_goal_and_rules() {
        let rules = vec!["embed*=bits:6".parse().expect("a rule"), "*.head=lossless".parse().expect("a rule")];
        let wanted = WantedArgs { bits: Some(3.5), rules, ..WantedArgs::default() };
        assert_eq!(
            model(Path::new("m.onnx"), &wanted, &Defaults::default()),
            "mixpress compress m.onnx --bits 3.5 --tensor 'embed*=bits:6' --tensor '*.head=lossless'"
        );
    }
}
