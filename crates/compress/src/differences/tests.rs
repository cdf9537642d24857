//! Every recipe comes back from its differences, every setting has its number, and no bytes do worse than an error.

use mixpress_codebook::{Container, Metadata, encode};
use proptest::prelude::*;

use super::settings::Form;
use super::*;

#[test]
fn a_default_run_needs_no_byte() {
    assert_eq!(Recipe::default().to_differences(), None);
    assert_eq!(Recipe { seed: 7, ..Recipe::default() }.to_differences(), None);
    assert_eq!(Recipe::from_differences(None, 7).unwrap(), Recipe { seed: 7, ..Recipe::default() });
    assert_eq!(Recipe::default().differences(), "");
}

#[test]
fn differences_are_short() {
    let mut recipe = Recipe { seed: 3, ..Recipe::default() };
    recipe.joint.strength = 0.2;
    assert_eq!(recipe.to_differences().unwrap(), [DEFAULTS_VERSION, 1, 8 * 2 + 1]);
    recipe.augment = false;
    assert_eq!(recipe.to_differences().unwrap(), [DEFAULTS_VERSION, 1, 8 * 2 + 1, 2]);
    assert_eq!(recipe.differences(), "augment = false\njoint.strength = 0.2\n");

    // Two numbers that a search found, with all their digits.
    recipe = Recipe::default();
    (recipe.joint.strength, recipe.hard.strength) = (0.287_31, 12.5);
    assert!(recipe.to_differences().unwrap().len() < 12);
    assert_eq!(Recipe::from_differences(recipe.to_differences().as_deref(), 0).unwrap(), recipe);
}

/// What a recipe's reader says that it knows at a path: the names of a table's keys or of an enumeration's values.
fn known_at(path: &str) -> Vec<String> {
    let mut table = Table::new();
    let path = if path.is_empty() { "?".to_owned() } else { format!("{path}.?") };
    insert(&mut table, &path, Value::Integer(1)).unwrap();
    let error = table.try_into::<Recipe>().unwrap_err().to_string();
    let known = error.split_once("expected").map_or("", |(_, known)| known.lines().next().unwrap());
    known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Paths of settings that have no number, at and below a table.
fn unnumbered(table: &str, found: &mut Vec<String>) {
    for key in known_at(table) {
        let path = if table.is_empty() { key.clone() } else { format!("{table}.{key}") };
        let is_told = |(known, form): &(&str, Form)| match form {
            Form::Word(words) => *known == table && words.contains(&key.as_str()),
            _ => *known == path,
        };
        if path == "seed" || SETTINGS.iter().any(is_told) {
            continue;
        }
        if known_at(&path).is_empty() {
            found.push(path);
        } else {
            unnumbered(&path, found);
        }
    }
}

/// The line that tells a setting in the table.
fn line(path: &str) -> String {
    let form = match lookup(&table(&Recipe::default()), path) {
        Some(Value::Boolean(_)) => "Flag",
        Some(Value::Integer(_)) => "Whole",
        Some(Value::Array(_)) => "Pair",
        Some(Value::String(_)) => "Word(&[...])",
        _ => "Real",
    };
    format!("    (\"{path}\", {form}),")
}

#[test]
fn every_setting_has_a_number() {
    assert!(known_at("").len() > 5);
    let mut found = Vec::new();
    unnumbered("", &mut found);
    let lines: Vec<String> = found.iter().map(|path| line(path)).collect();
    assert!(
        found.is_empty(),
        "files cannot tell these settings; add to the end of SETTINGS in crates/compress/src/differences/settings.rs:\n{}",
        lines.join("\n")
    );
}

#[test]
fn every_setting_has_the_form_of_its_values() {
    let defaults = table(&Recipe::default());
    for (place, &(path, form)) in SETTINGS.iter().enumerate() {
        assert!(SETTINGS[..place].iter().all(|(earlier, _)| *earlier != path), "{path} is there twice");
        match lookup(&defaults, path) {
            Some(Value::Table(_)) | None => {}
            Some(value) => assert!(put(&mut Vec::new(), form, value).is_some(), "{path} = {value} is no {form:?}"),
        }
        // Where a word is wanted, the reader of recipes says which there are.
        if let (Form::Word(words), Some(Value::String(_))) = (form, lookup(&defaults, path)) {
            let mut recipe = Table::new();
            insert(&mut recipe, path, Value::String("?".into())).unwrap();
            let error = recipe.try_into::<Recipe>().unwrap_err().to_string();
            let known = error.split_once("expected").expect("what is expected").1;
            let known: Vec<&str> = known.lines().next().unwrap().split('`').skip(1).step_by(2).collect();
            assert_eq!(known, words, "{path}: add the new word to its line in SETTINGS, at the end");
        }
    }
}

#[test]
fn numbers_stay_those_that_files_have() {
    // Whoever adds a setting adds nothing here: that the first ones stay what they are is what is asked.
    let ends = [
        (1, "joint.strength"),
        (2, "augment"),
        (11, "prior.threshold.absolute"),
        (40, "prior.proportions.dirichlet.alpha"),
    ];
    for (number, path) in ends {
        assert_eq!(SETTINGS[number - 1].0, path);
    }
}

#[test]
fn foreign_differences_are_refused_and_say_why() {
    for (bytes, words) in [(&[][..], "empty"), (&[0], "version 0 of the defaults"), (b"\xff\x01", "version 255")] {
        let error = Recipe::from_differences(Some(bytes), 0).unwrap_err().to_string();
        assert!(error.contains(words), "{bytes:?}: {error}");
    }
    for (settings, words) in [
        (&b""[..], "not written"),
        (b"[joint]\nstrength = 0.2\n", "no setting 91"),
        (b"\x00", "no setting 0"),
        (b"\xff\xff", "ends too early"),
        (b"\x01", "joint.strength has no value"),
        (b"\x01\x11\x01\x11", "joint.strength is there twice"),
        // Minus minus a number, a decimal of six places, words that are not there.
        (b"\x01\x06\x06\x11", "joint.strength has no value"),
        (b"\x01\x0e", "joint.strength has no value"),
        (b"\x08\x02", "prior.kind has no value"),
        // The default; 0.20; a number in more bytes than it needs; descending numbers.
        (b"\x12\x80\x01", "not written"),
        (b"\x01\xa2\x01", "not written"),
        (b"\x03\x81\x00", "not written"),
        (b"\x02\x01\x11", "not written"),
        (b"\x12\x00", "batch is 0"),
    ] {
        let bytes = [&[DEFAULTS_VERSION], settings].concat();
        let error = Recipe::from_differences(Some(&bytes), 0).unwrap_err().to_string();
        assert!(error.contains(words), "{settings:?}: {error}");
    }
}

/// A value of a form out of a number, often one with few digits.
fn drawn(form: Form, draw: u64, default: Option<&Value>) -> Option<Value> {
    let real = |draw: u64| match draw % 4 {
        0 => (draw >> 48) as f64 / 1e3,
        1 => (draw >> 12) as f64 / (1_u64 << 52) as f64,
        2 => -((draw >> 56) as f64) / 10.0,
        _ => f64::from_bits(draw),
    };
    Some(match form {
        Form::Flag => Value::Boolean(!default?.as_bool()?),
        Form::Whole => Value::Integer((draw >> (1 + draw % 63)) as i64),
        Form::Real => Value::Float(real(draw)),
        Form::Pair => Value::Array(vec![Value::Float(real(draw)), Value::Float(real(draw.rotate_left(17)))]),
        Form::Word(words) => Value::String(words[draw as usize % words.len()].to_owned()),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn any_recipe_comes_back(draws in prop::collection::vec((0..SETTINGS.len(), any::<u64>()), 0..60), seed: u64) {
        let defaults = table(&Recipe::default());
        let mut own = Table::new();
        let mut recipe = Recipe::default();
        for (place, draw) in draws {
            // What is out of its range, or is set already, is not set.
            let (path, form) = SETTINGS[place];
            let Some(value) = drawn(form, draw, lookup(&defaults, path)) else { continue };
            let mut next = own.clone();
            if insert(&mut next, path, value).is_none() {
                continue;
            }
            if let Ok(valid) = next.clone().try_into::<Recipe>() && valid.validate().is_ok() {
                (own, recipe) = (next, valid);
            }
        }
        recipe.seed = seed;
        let bytes = recipe.to_differences();
        let again = Recipe::from_differences(bytes.as_deref(), seed).unwrap();
        prop_assert_eq!(&again, &recipe);
        prop_assert_eq!(again.to_differences(), bytes);
        prop_assert_eq!(Recipe { seed, ..Recipe::from_toml(&recipe.differences()).unwrap() }, recipe);
    }

    #[test]
    fn any_bytes_are_a_recipe_or_an_error(
        mut bytes in prop::collection::vec(prop_oneof![1..45_u8, any::<u8>()], 0..24),
        is_ours: bool,
    ) {
        if let (true, Some(first)) = (is_ours, bytes.first_mut()) {
            *first = DEFAULTS_VERSION;
        }
        if let Ok(recipe) = Recipe::from_differences(Some(&bytes), 1) {
            prop_assert_eq!(recipe.to_differences(), Some(bytes));
        }
    }
}

#[test]
fn a_file_has_few_bytes_more_for_its_recipe() {
    let encoded = |recipe: &Recipe| {
        let metadata = Metadata { recipe: recipe.to_differences(), seed: Some(0), ..Metadata::default() };
        encode(&Container { metadata, ..Container::default() }).unwrap().len()
    };
    let short = "plain.rounds = 1\njoint.rounds = 1\nhard.rounds = 1\ntied.rounds = 1";
    let classic = "joint = { rounds = 10, strength = 100.0 }\n\
                   prior = { kind = \"classic\", components = 17, shared = true, range = [-4.0, 4.0] }";
    let mut rows = Vec::new();
    for (text, most) in
        [("augment = false", 1), ("joint.strength = 0.2", 3), ("joint.strength = 0.137", 6), (short, 8), (classic, 16)]
    {
        let recipe = Recipe::from_toml(text).unwrap();
        let bytes = encoded(&recipe) - encoded(&Recipe::default());
        rows.push((text, most, bytes));
        assert_eq!(Recipe::from_differences(recipe.to_differences().as_deref(), 0).unwrap(), recipe);
    }
    assert!(rows.iter().all(|(_, most, bytes)| bytes <= most), "{rows:?}");
}
