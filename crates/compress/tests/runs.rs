//! Whole runs on the digits: stopped and resumed, on any number of threads, under both priors, with all kinds of layers.

use mixpress_compress::{Compressed, CompressedModel, Compressor, Details, Error, Overwrite, Recipe};
use mixpress_network::{Definition, zoo};
use mixpress_train::{CancelToken, DataSource, Observer, PhaseName, ROUND, digits};

/// One round a phase, all of the machinery in each: about half a second.
const SHORT: &str = "
    [distillation]
    share = 0.5
    [plain]
    rounds = 1
    [joint]
    rounds = 2
    ramp = 0.2
    strength = 100.0
    prune_from = 0.1
    shrink_from = 0.1
    [hard]
    rounds = 1
    [tied]
    rounds = 1
";

fn short() -> Recipe {
    Recipe::from_toml(SHORT).unwrap()
}

fn compressed(recipe: Recipe, definition: Definition) -> Compressed {
    let compressor = Compressor::builder().network(definition).data(digits()).recipe(recipe).build().unwrap();
    compressor.run().unwrap()
}

fn bytes_of(recipe: Recipe, definition: Definition) -> Vec<u8> {
    compressed(recipe, definition).bytes
}

/// Cancels a run after some steps of a phase.
struct StopAt {
    phase: PhaseName,
    step: u64,
    token: CancelToken,
}

impl Observer for StopAt {
    fn stepped(&self, phase: PhaseName, step: u64) {
        if (phase, step) == (self.phase, self.step) {
            self.token.cancel();
        }
    }
}

#[test]
fn a_run_that_was_stopped_in_any_phase_goes_on_to_the_same_bytes() {
    let whole = compressed(short(), zoo::digits_mlp());
    for (phase, step) in [
        (PhaseName::Plain, 1),
        (PhaseName::Joint, 150),
        (PhaseName::Joint, ROUND + 77),
        (PhaseName::Hard, 200),
        (PhaseName::Tied, 10),
        (PhaseName::Tied, 300),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let token = CancelToken::new();
        let observer = StopAt { phase, step, token: token.clone() };
        let builder = || Compressor::builder().network(zoo::digits_mlp()).data(digits()).recipe(short());
        let stopped = builder().observer(&observer).cancel(token).checkpoint(folder.path()).build().unwrap().run();
        assert!(matches!(stopped, Err(Error::Interrupted { checkpoint: Some(_), .. })), "{phase:?} {step}");

        // Nobody else uses the folder meanwhile, and a new run does not overwrite the state of this one.
        let lock = std::fs::File::open(folder.path().join("lock")).unwrap();
        lock.lock().unwrap();
        let refused = builder().checkpoint(folder.path()).resume(true).build().unwrap().run().unwrap_err();
        assert!(matches!(refused, Error::CheckpointInUse { .. }), "{refused}");
        lock.unlock().unwrap();
        let refused = builder().checkpoint(folder.path()).build().unwrap().run().unwrap_err();
        assert!(matches!(refused, Error::CheckpointExists { .. }), "{refused}");

        let resumed = builder().checkpoint(folder.path()).resume(true).build().unwrap().run().unwrap();
        assert_eq!(resumed.bytes, whole.bytes, "{phase:?} {step}");
        assert_eq!(resumed.details, whole.details, "{phase:?} {step}");
        let priors = |one: &Compressed| one.outcome.history.iter().map(|round| round.prior).collect::<Vec<_>>();
        assert_eq!(priors(&resumed), priors(&whole), "{phase:?} {step}");
        assert_eq!(resumed.outcome.history.len(), 5, "each round is read once");

        // The checkpoint is of this run and no other.
        let other = builder().recipe(Recipe { seed: 1, ..short() }).checkpoint(folder.path()).resume(true);
        let refused = other.build().unwrap().run().unwrap_err();
        assert!(matches!(refused, Error::OtherRun { .. }), "{refused}");
        assert!(refused.to_string().contains("seed"), "{refused}");
    }
}

#[test]
fn a_run_goes_on_with_the_data_it_began_with_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let token = CancelToken::new();
    token.cancel();
    let builder = |data| Compressor::builder().network(zoo::digits_mlp()).data(data).recipe(short());
    let stopped = builder(digits()).cancel(token).checkpoint(folder.path()).build().unwrap().run();
    assert!(matches!(stopped, Err(Error::Interrupted { checkpoint: Some(_), .. })));

    // As many items of the same shape, of which the first two have changed places.
    let DataSource { train, test } = digits();
    let mut items: Vec<usize> = (0..train.len()).collect();
    items.swap(0, 1);
    let swapped = DataSource::new(train.subset(&items).unwrap(), test).unwrap();
    let refused = builder(swapped).checkpoint(folder.path()).resume(true).build().unwrap().run().unwrap_err();
    assert!(matches!(refused, Error::OtherRun { .. }), "{refused}");
    assert!(refused.to_string().contains("checksum"), "{refused}");

    builder(digits()).checkpoint(folder.path()).resume(true).build().unwrap().run().unwrap();
}

#[test]
fn the_number_of_threads_changes_no_byte_and_the_seed_does() {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| bytes_of(short(), zoo::digits_mlp()))
    };
    let one = on(1);
    assert_eq!(one, on(2));
    assert_eq!(one, on(3));
    assert_ne!(one, bytes_of(Recipe { seed: 1, ..short() }, zoo::digits_mlp()));
}

#[test]
fn the_file_holds_the_network_that_was_trained() {
    let compressor = Compressor::builder().network(zoo::digits_mlp()).data(digits()).recipe(short()).build().unwrap();
    let compressed = compressor.run().unwrap();
    let outcome = &compressed.outcome;
    let model = compressed.model().unwrap();
    assert_eq!(outcome.file_bytes, compressed.bytes.len() as u64);
    assert_eq!(outcome.original_bytes, 4 * 17_226);
    assert_eq!(model.error_rate(&digits().test).unwrap(), outcome.compressed_error);
    assert!(outcome.compressed_error < 15.0 && outcome.float_error < 8.0, "{outcome:?}");
    assert!(outcome.sparsity > 0.5 && outcome.ratio > 8.0, "{} {}", outcome.sparsity, outcome.ratio);
    assert_eq!(model.recipe().unwrap(), short());
    for layer in &outcome.layers {
        let (shape, values) = model.tensor(&layer.name).unwrap();
        assert_eq!(shape, layer.shape);
        let mut distinct: Vec<u32> = values.iter().map(|value| value.to_bits()).collect();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), layer.components, "{}", layer.name);
    }
    let bytes: f64 = outcome.layers.iter().map(|layer| layer.bytes).sum();
    assert!((bytes + outcome.overhead_bytes - outcome.file_bytes as f64).abs() < 1e-6);
}

#[test]
fn details_agree_with_the_outcome() {
    let mut classic = short();
    classic.prior = toml::from_str("kind = \"classic\"\ncovers = \"all\"").unwrap();
    for recipe in [short(), classic] {
        let Compressed { outcome, details, bytes, float, .. } = compressed(recipe.clone(), zoo::digits_mlp());
        let samples: usize = details.classes.iter().map(|class| class.samples).sum();
        let percent = |wrong: usize| 100.0 * wrong as f64 / samples as f64;
        assert_eq!(samples, digits().test.len());
        assert_eq!(percent(details.classes.iter().map(|class| class.float_wrong).sum()), outcome.float_error);
        assert_eq!(percent(details.classes.iter().map(|class| class.compressed_wrong).sum()), outcome.compressed_error);

        assert!((details.file.sum() - bytes.len() as f64).abs() < 1e-6, "{:?}", details.file);
        for (layer, (parts, codebook)) in outcome.layers.iter().zip(details.file.tensors.iter().zip(&details.codebooks))
        {
            assert_eq!((&parts.name, parts.total()), (&layer.name, layer.bytes));
            assert_eq!(codebook.len(), layer.components);
            assert_eq!(codebook.iter().map(|value| value.count).sum::<usize>(), layer.weights);
        }

        for layer in &details.layers {
            let weights = float.parameters().get(&layer.name).unwrap().data();
            assert_eq!([layer.before.iter().sum::<usize>(), layer.joint.iter().sum()], [weights.len(); 2]);
            // The mixture has some of its probability beyond the largest weight.
            let expected: f64 = layer.expected.iter().sum();
            assert!(expected <= 1.01 * weights.len() as f64, "{}: {expected}", layer.name);
            let proportions: f64 = layer.components.iter().map(|component| component.proportion).sum();
            assert!((proportions - 1.0).abs() < 1e-6 && layer.components.iter().any(|component| component.mean == 0.0));
        }
        assert_eq!(details.layers.len(), if recipe == short() { 3 } else { 6 });
        let baseline = details.baseline.unwrap();
        assert!(baseline.bytes < outcome.original_bytes / 3 && baseline.bytes > outcome.file_bytes, "{baseline:?}");
        assert!((baseline.error - outcome.float_error).abs() < 3.0, "{baseline:?}");

        // The prior's cost is known in the phases that have one, and is that of what is not zero.
        for round in &outcome.history {
            let has_prior = matches!(round.phase, PhaseName::Joint | PhaseName::Hard);
            assert_eq!(round.prior.is_some_and(|nats| nats > 0.0), has_prior, "{round:?}");
        }
        // A file alone tells what is the file's.
        let alone = Details::of_model(&CompressedModel::from_bytes(&bytes).unwrap());
        assert_eq!(alone, Details { layers: vec![], classes: vec![], baseline: None, ..details });
        assert_eq!(Recipe::from_toml(&alone.recipe.unwrap()).unwrap(), recipe);
    }
}

#[test]
fn the_classic_prior_runs_end_to_end() {
    let mut recipe = short();
    recipe.prior = toml::from_str("kind = \"classic\"\ncomponents = 9\nshared = true\nrange = [-4.0, 4.0]").unwrap();
    let compressor = Compressor::builder().network(zoo::digits_mlp()).data(digits()).recipe(recipe).build().unwrap();
    let outcome = compressor.run().unwrap().outcome;
    assert!(outcome.compressed_error < 15.0, "{outcome:?}");
    assert!(outcome.ratio > 4.0, "{outcome:?}");
}

#[test]
fn a_prior_over_every_parameter_gives_biases_codebooks_too() {
    for kind in ["heavy-tailed", "classic"] {
        let mut recipe = short();
        recipe.prior = toml::from_str(&format!("kind = \"{kind}\"\ncovers = \"all\"")).unwrap();
        let compressor =
            Compressor::builder().network(zoo::digits_mlp()).data(digits()).recipe(recipe).build().unwrap();
        let compressed = compressor.run().unwrap();
        assert!(compressed.outcome.compressed_error < 15.0, "{:?}", compressed.outcome);
        let model = compressed.model().unwrap();
        for (name, _, values) in model.tensors() {
            let mut values: Vec<u32> = values.iter().map(|value| value.to_bits()).collect();
            values.sort_unstable();
            values.dedup();
            let most = if name.ends_with("bias") { 10 } else { 16 };
            assert!(values.len() <= most, "{kind}: {name} has {} values", values.len());
        }
    }
}

/// Takes the place of an output while the run that is to write it goes on.
struct TakePlace(std::path::PathBuf);

impl Observer for TakePlace {
    fn stepped(&self, _: PhaseName, _: u64) {
        std::fs::write(&self.0, b"not yours").unwrap();
    }
}

#[test]
fn a_result_whose_place_was_taken_meanwhile_is_saved_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.mxp");
    let observer = TakePlace(path.clone());
    let builder = Compressor::builder().network(zoo::digits_mlp()).data(digits()).recipe(short()).observer(&observer);
    let error = builder.build().unwrap().run_to(&path, Overwrite::Refuse).unwrap_err();
    assert_eq!(std::fs::read(&path).unwrap(), b"not yours");
    let Error::Saved { problem, saved } = error else { panic!("{error}") };
    assert!(matches!(*problem, Error::Exists { .. }));
    assert_eq!(saved.parent(), Some(folder.path()));
    CompressedModel::open(&saved).unwrap();
}

#[test]
fn convolutions_norms_and_residual_blocks_run_end_to_end() {
    let definition = Definition::from_toml(
        r#"
        name = "small-residual"
        [[layer]]
        kind = "conv"
        channels = 8
        kernel = 3
        padding = 1
        bias = false
        [[layer]]
        kind = "batch-norm"
        [[layer]]
        kind = "relu"
        [[layer]]
        kind = "residual"
        [[layer.layer]]
        kind = "conv"
        channels = 8
        kernel = 3
        padding = 1
        [[layer.layer]]
        kind = "relu"
        [[layer]]
        kind = "max-pool"
        kernel = 2
        [[layer]]
        kind = "flatten"
        [[layer]]
        kind = "dense"
        units = 10
        "#,
    )
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.mxp");
    let build = || Compressor::builder().network(definition.clone()).data(digits()).recipe(short()).build().unwrap();
    let outcome = build().run_to(&path, Overwrite::Refuse).unwrap().outcome;
    assert!(outcome.compressed_error < 20.0, "{outcome:?}");
    let model = CompressedModel::open(&path).unwrap();
    assert_eq!(model.definition(), Some(&definition));

    // What is there is not replaced unless that is asked for.
    let before = std::fs::read(&path).unwrap();
    let refused = build().run_to(&path, Overwrite::Refuse).unwrap_err();
    assert!(matches!(refused, Error::Exists { .. }));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}
