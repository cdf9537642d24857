//! The command that makes a file again, as it is shown on a page about the file.

use std::path::Path;

use mixpress::compress::Treatment;
use mixpress::prelude::{CompressedModel, zoo};

use crate::args::{CompressArgs, ErrorKind, WantedArgs};
use crate::defaults::Defaults;

/// The file that a repeated run writes.
const AGAIN: &str = "again.mxp";

/// Of a network that was trained here, from the file that was made: it holds network, recipe and seed.
pub(crate) fn training(file: &Path, args: &CompressArgs, defaults: &Defaults) -> String {
    let mut command = Command::new(defaults);
    command.path("--recipe", file);
    args.data.iter().for_each(|path| command.path("--data", path));
    args.label.iter().for_each(|name| command.option("--label", name));
    command.option("-o", AGAIN);
    command.0
}

/// As far as the file alone tells: it names no data.
pub(crate) fn of_file(file: &Path, model: &CompressedModel, defaults: &Defaults) -> Option<String> {
    let definition = model.definition()?;
    model.recipe().ok()?;
    let mut command = Command::new(defaults);
    command.path("--recipe", file);
    if *definition != zoo::digits_mlp() {
        command.option("--data", "DATA");
    }
    command.option("-o", AGAIN);
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
    if let Some(effort) = wanted.effort {
        command.option("--effort", &effort.to_string());
    }
    if wanted.codebooks {
        command.word("--codebooks");
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_told_by_what_makes_its_file() {
        let defaults = Defaults::default();
        let plain = training(Path::new("a.mxp"), &CompressArgs::default(), &defaults);
        assert_eq!(plain, "mixpress compress --recipe a.mxp -o again.mxp");
        let args = CompressArgs { data: Some("my data".into()), label: Some("it's".into()), ..CompressArgs::default() };
        assert_eq!(
            training(Path::new("a.mxp"), &args, &defaults),
            r"mixpress compress --recipe a.mxp --data 'my data' --label 'it'\''s' -o again.mxp"
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
        let of = |wanted: &WantedArgs| model(Path::new("m.onnx"), wanted, &Defaults::default());
        assert_eq!(of(&WantedArgs { effort: Some(9), ..WantedArgs::default() }), "mixpress compress m.onnx --effort 9");
        assert_eq!(
            of(&WantedArgs { codebooks: true, ..WantedArgs::default() }),
            "mixpress compress m.onnx --codebooks"
        );
    }
}
