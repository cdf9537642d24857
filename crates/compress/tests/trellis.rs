//! Matrices of other programs' models that are trellis-coded: where that is smaller, as far as is asked, and no others.

mod common;

use std::path::{Path, PathBuf};

use common::{f32_bytes, normals};
use mixpress_compress::{
    Compressor, Error, Goal, Model, ModelCompressor, ModelFile, ModelOutcome, Overwrite, TensorOutcome, WriteOptions,
    compare, restore, verify,
};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

fn f16_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|&value| half::f16::from_f32(value).to_le_bytes()).collect()
}

fn bf16_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|&value| half::bf16::from_f32(value).to_le_bytes()).collect()
}

/// Matrices of all types, one that another predicts, and some that are better off with a codebook.
fn model(folder: &Path) -> PathBuf {
    let up = normals(300 * 200, 0.05, 1);
    let down: Vec<f32> = up.iter().zip(normals(300 * 200, 0.03, 2)).map(|(up, rest)| 0.8 * up + rest).collect();
    let (up, down) = (f32_bytes(&up), f32_bytes(&down));
    let half = f16_bytes(&normals(200 * 96, 0.2, 3));
    let brain = bf16_bytes(&normals(96 * 4 * 48, 0.02, 4));
    let few: Vec<f32> = normals(200 * 100, 2.0, 5).iter().map(|value| value.round().clamp(-4.0, 4.0)).collect();
    let few = f32_bytes(&few);
    let large: Vec<f32> = normals(100 * 64, 15_000.0, 6).iter().map(|value| value.clamp(-65504.0, 65504.0)).collect();
    let large = f16_bytes(&large);
    let small = f32_bytes(&normals(40 * 40, 0.05, 7));
    let view =
        |dtype, shape: &[usize], bytes| TensorView::new(dtype, shape.to_vec(), bytes).expect("its shape's bytes");
    let tensors = [
        ("up", view(Dtype::F32, &[300, 200], &up)),
        ("down", view(Dtype::F32, &[300, 200], &down)),
        ("half", view(Dtype::F16, &[200, 96], &half)),
        ("brain", view(Dtype::BF16, &[96, 4, 48], &brain)),
        ("few", view(Dtype::F32, &[200, 100], &few)),
        ("large", view(Dtype::F16, &[100, 64], &large)),
        ("small", view(Dtype::F32, &[40, 40], &small)),
    ];
    let path = folder.join("model.safetensors");
    std::fs::write(&path, safetensors::serialize(tensors, None).expect("a model")).expect("writable");
    path
}

fn compressor(model: &Path, goal: Goal) -> ModelCompressor<'static> {
    Compressor::from_safetensors(model).unwrap().goal(goal)
}

fn named<'o>(outcome: &'o ModelOutcome, name: &str) -> &'o TensorOutcome {
    outcome.tensors.iter().find(|tensor| tensor.name == name).unwrap()
}

#[test]
fn each_tensor_is_coded_in_the_way_that_is_smaller() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    let [file, codebooks] = ["m.mxp", "codebooks.mxp"].map(|name| folder.path().join(name));
    let goal = Goal::BitsPerWeight(4.0);
    let outcome = compressor(&model, goal).run_to(&file, Overwrite::Refuse).unwrap();
    let without = compressor(&model, goal).codebooks_only(true).run_to(&codebooks, Overwrite::Refuse).unwrap();
    assert!(outcome.bits_per_weight <= 4.0 && outcome.bits_per_weight > 3.96, "{}", outcome.bits_per_weight);
    assert_eq!((outcome.states, without.states, outcome.weights), (64, 0, without.weights));
    for name in ["up", "down", "half", "brain"] {
        let (tensor, without) = (named(&outcome, name), named(&without, name));
        assert_eq!((tensor.levels, tensor.states), (0, 64), "{name}");
        assert!(tensor.treatment.starts_with("trellis, 64 states"), "{tensor:?}");
        assert!(tensor.codebook_bytes > 0.0 && tensor.codebook_bytes < tensor.bytes, "{tensor:?}");
        assert!(without.levels > 0 && tensor.snr_db > without.snr_db + 0.8, "{name}: {tensor:?} {without:?}");
    }
    for name in ["few", "large", "small"] {
        let tensor = named(&outcome, name);
        assert!(tensor.levels > 0 && tensor.states == 0 && tensor.is_compressed(), "{tensor:?}");
    }
    assert_eq!((named(&outcome, "few").levels, named(&outcome, "few").snr_db), (9, f64::INFINITY));
    // The file alone tells the same, and the model comes back with the same errors.
    let told = ModelOutcome::of_model_file(&ModelFile::open(&file).unwrap()).unwrap();
    assert_eq!((told.states, told.weights), (64, outcome.weights));
    let source = Model::open(&model).unwrap();
    assert_eq!(verify(&file, Some(&source)).unwrap(), outcome.tensors);
    let back = folder.path().join("back.safetensors");
    restore(&file, &back, &WriteOptions::default()).unwrap();
    for difference in compare(&model, &back).unwrap() {
        assert_eq!(difference.snr_db, Some(named(&outcome, &difference.name).snr_db), "{difference:?}");
    }
}

#[test]
fn a_ratio_takes_fewer_bytes_and_more_effort_still_fewer() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    let length = |name: &str, with: &dyn Fn(ModelCompressor<'static>) -> ModelCompressor<'static>| {
        // Those of the largest numbers would be all that the ratio speaks of.
        let rules = ["few=skip", "large=skip"].map(|rule| rule.parse().unwrap());
        let compressor = rules.into_iter().fold(compressor(&model, Goal::SignalToNoise(28.0)), ModelCompressor::rule);
        let outcome = with(compressor).run_to(folder.path().join(name), Overwrite::Refuse).unwrap();
        assert!(outcome.snr_db >= 28.0 && outcome.snr_db < 28.3, "{name}: {}", outcome.snr_db);
        outcome.file_bytes
    };
    let codebooks = length("codebooks.mxp", &|compressor| compressor.codebooks_only(true));
    let lengths = [1, 5, 9].map(|effort| length(&format!("{effort}.mxp"), &|compressor| compressor.effort(effort)));
    assert!(lengths[0] < codebooks * 98 / 100, "{lengths:?} {codebooks}");
    assert!(lengths.is_sorted_by(|a, b| a > b), "{lengths:?}");
    for effort in [0, 10] {
        let refused = compressor(&model, Goal::SignalToNoise(22.0)).effort(effort).plan().unwrap_err();
        assert!(matches!(refused, Error::Setting { setting: "effort", .. }), "{refused}");
    }
}

#[test]
fn a_plan_says_what_comes_about() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    let plan = compressor(&model, Goal::SignalToNoise(24.0)).plan().unwrap();
    let outcome =
        compressor(&model, Goal::SignalToNoise(24.0)).run_to(folder.path().join("m.mxp"), Overwrite::Refuse).unwrap();
    // Which matrix predicts which is found when they are quantised.
    let off = plan.expected_bytes as f64 / outcome.file_bytes as f64;
    assert!(off > 0.98 && off < 1.15, "{} {}", plan.expected_bytes, outcome.file_bytes);
    assert!((plan.expected_snr_db - 24.0).abs() < 0.1, "{}", plan.expected_snr_db);
    for (plan, tensor) in plan.tensors.iter().zip(&outcome.tensors) {
        assert_eq!(plan.states, tensor.states, "{}", plan.name);
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let path = folder.path().join(format!("{threads}.mxp"));
        pool.install(|| compressor(&model, Goal::Ratio(8.0)).effort(2).run_to(&path, Overwrite::Refuse)).unwrap();
        std::fs::read(path).unwrap()
    };
    assert!(on(1) == on(3));
}

#[test]
fn a_table_of_related_rows_is_predicted_from_earlier_ones_but_not_in_haste() {
    let folder = tempfile::tempdir().unwrap();
    let (rows, columns) = (1400, 64);
    let own = normals(rows * columns, 0.05, 8);
    let mut table = own.clone();
    for at in 600 * columns..rows * columns {
        table[at] = 0.4 * own[at] + table[(at / columns % 500) * columns + at % columns];
    }
    let bytes = f32_bytes(&table);
    let view = TensorView::new(Dtype::F32, vec![rows, columns], &bytes).expect("its shape's bytes");
    let model = folder.path().join("table.safetensors");
    std::fs::write(&model, safetensors::serialize([("table", view)], None).expect("a model")).expect("writable");
    let run = |effort: u8, threads: usize| {
        let file = folder.path().join(format!("{effort}-{threads}.mxp"));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let compressor = compressor(&model, Goal::SignalToNoise(20.0)).effort(effort);
        let outcome = pool.install(|| compressor.run_to(&file, Overwrite::Refuse)).unwrap();
        let coding = ModelFile::open(&file).unwrap().breakdown().tensors[0].coding.clone();
        (outcome.bits_per_weight, coding, std::fs::read(&file).unwrap())
    };
    let (slow, fast) = (run(3, 1), run(2, 1));
    assert_eq!(slow.1, "trellis, 8 states, rows predicted from earlier ones");
    assert_eq!(fast.1, "trellis, 4 states");
    assert!(slow.0 < fast.0 - 0.3, "{} {} bits", slow.0, fast.0);
    assert!(slow.2 == run(3, 3).2);
}

#[test]
fn tables_of_equal_rows_and_of_two_columns_keep_what_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let some = normals(16 * 64, 1.0, 9);
    let noise = normals(3200 * 64, 0.01, 10);
    let repeated: Vec<f32> = (0..3200 * 64).map(|at| some[at % (16 * 64)] + noise[at]).collect();
    for (name, shape, weights) in [
        ("equal", vec![3200, 64], some.repeat(200)),
        ("alike", vec![3200, 64], repeated),
        ("narrow", vec![30_000, 2], normals(60_000, 1.0, 11)),
    ] {
        let bytes = f32_bytes(&weights);
        let view = TensorView::new(Dtype::F32, shape, &bytes).expect("its shape's bytes");
        let model = folder.path().join(format!("{name}.safetensors"));
        std::fs::write(&model, safetensors::serialize([(name, view)], None).expect("a model")).expect("writable");
        for bits in [2.0, 4.0] {
            let file = folder.path().join("table.mxp");
            let outcome = compressor(&model, Goal::BitsPerWeight(bits)).run_to(&file, Overwrite::Replace).unwrap();
            assert!(outcome.bits_per_weight <= bits && outcome.snr_db > 5.5 * bits - 2.0, "{name}: {outcome:?}");
        }
    }
}
