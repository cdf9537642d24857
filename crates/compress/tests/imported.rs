//! Models of other programs through files: budgets are kept, what is no weight stays bit for bit, and everything comes back.

mod common;

use std::path::{Path, PathBuf};

use common::{f32_bytes, normals};
use mixpress_compress::{
    CompressedModel, Compressor, Distortion, Error, Format, Goal, Model, ModelFile, ModelOutcome, Overwrite, Rule,
    WriteOptions, compare, restore, verify,
};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

/// A folder for one test.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn bf16_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|&value| half::bf16::from_f32(value).to_le_bytes()).collect()
}

fn f16_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|&value| half::f16::from_f32(value).to_le_bytes()).collect()
}

/// A model of all kinds of tensors.
fn model(folder: &Path) -> PathBuf {
    let large = f32_bytes(&normals(300 * 200, 0.05, 1));
    let half = f16_bytes(&normals(100 * 64, 0.2, 2));
    let brain = bf16_bytes(&normals(64 * 96, 0.02, 3));
    let bias = f32_bytes(&normals(300, 0.01, 4));
    let mut broken = normals(20 * 20, 1.0, 5);
    broken[77] = f32::NAN;
    let broken = f32_bytes(&broken);
    let table: Vec<u8> = (0..4000_u32).map(|i| ((i * i) >> 5) as u8).collect();
    let view =
        |dtype, shape: &[usize], bytes| TensorView::new(dtype, shape.to_vec(), bytes).expect("its shape's bytes");
    let tensors = [
        ("layer.0.weight", view(Dtype::F32, &[300, 200], &large)),
        ("layer.0.bias", view(Dtype::F32, &[300], &bias)),
        ("layer.1.weight", view(Dtype::F16, &[100, 64], &half)),
        ("layer.2.weight", view(Dtype::BF16, &[64, 4, 24], &brain)),
        ("tied.weight", view(Dtype::F32, &[300, 200], &large)),
        ("broken.weight", view(Dtype::F32, &[20, 20], &broken)),
        ("table", view(Dtype::I16, &[50, 40], &table)),
        ("complex", view(Dtype::C64, &[500], &table)),
        ("empty", view(Dtype::F32, &[0, 7], &[])),
        ("step", view(Dtype::I64, &[], &table[..8])),
    ];
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    let path = folder.join("model.safetensors");
    std::fs::write(&path, safetensors::serialize(tensors, Some(metadata)).expect("a model")).expect("writable");
    path
}

fn compress(model: &Path, out: &Path, goal: Goal) -> Result<ModelOutcome, Error> {
    Compressor::from_safetensors(model)?.goal(goal).run_to(out, Overwrite::Refuse)
}

#[test]
fn budgets_are_kept_and_hardly_wasted() {
    let folder = folder();
    let model = model(folder.path());
    let source = std::fs::metadata(&model).unwrap().len();
    for (number, goal) in [Goal::BitsPerWeight(4.0), Goal::Ratio(6.0), Goal::Bytes(30_000), Goal::SignalToNoise(18.0)]
        .into_iter()
        .enumerate()
    {
        let out = folder.path().join(format!("{number}.mxp"));
        let outcome = compress(&model, &out, goal).unwrap();
        assert_eq!(outcome.file_bytes, std::fs::metadata(&out).unwrap().len());
        assert_eq!(outcome.original_bytes, source);
        // Tied tensors are one.
        assert_eq!(outcome.weights, 300 * 200 + 100 * 64 + 64 * 96);
        match goal {
            Goal::BitsPerWeight(bits) => {
                assert!(outcome.bits_per_weight <= bits && outcome.bits_per_weight > 0.98 * bits, "{outcome:?}");
            }
            Goal::Ratio(ratio) => assert!(outcome.ratio >= ratio && outcome.ratio < 1.02 * ratio, "{outcome:?}"),
            Goal::Bytes(bytes) => assert!((bytes * 98 / 100..=bytes).contains(&outcome.file_bytes), "{outcome:?}"),
            Goal::SignalToNoise(ratio) => {
                assert!(outcome.snr_db >= ratio && outcome.snr_db < ratio + 0.3, "{outcome:?}");
            }
            Goal::OutputError(_) | Goal::Lossless => unreachable!("not among these"),
        }
        let again = ModelOutcome::of_file(&out, &Model::open(&model).unwrap()).unwrap();
        assert_eq!(again.snr_db, outcome.snr_db);
    }
    let missed = compress(&model, &folder.path().join("5.mxp"), Goal::Bytes(2000)).unwrap_err();
    assert!(matches!(missed, Error::OutOfReach { .. }), "{missed}");
    assert!(!folder.path().join("5.mxp").exists());
}

#[test]
fn a_model_comes_back_with_its_own_types_and_nothing_else_changed() {
    let folder = folder();
    let model = model(folder.path());
    let (file, back) = (folder.path().join("model.mxp"), folder.path().join("back.safetensors"));
    let outcome = compress(&model, &file, Goal::BitsPerWeight(5.0)).unwrap();
    let paths = restore(&file, &back, &WriteOptions::default()).unwrap();
    assert!(paths.len() == 1 && paths[0] == back);
    assert!(restore(&file, &back, &WriteOptions::default()).is_err(), "nothing is replaced");
    let (before, after) = (std::fs::read(&model).unwrap(), std::fs::read(&back).unwrap());
    let header = 8 + u64::from_le_bytes(before[..8].try_into().unwrap()) as usize;
    assert_eq!(before[..header], after[..header]);
    assert_eq!(before.len(), after.len());
    let differences = compare(&model, &back).unwrap();
    let mut names: Vec<&str> = differences.iter().map(|difference| difference.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["layer.0.weight", "layer.1.weight", "layer.2.weight", "tied.weight"]);
    assert!(differences.iter().all(|difference| difference.snr_db.is_some_and(|snr| snr > 10.0)), "{differences:?}");
    assert_eq!(compare(&file, &back).unwrap(), []);
    // What is told of each tensor is what one finds.
    let told = |name: &str| outcome.tensors.iter().find(|tensor| tensor.name == name).unwrap().clone();
    assert_eq!(told("broken.weight").reason.as_deref(), Some("entry 77 is NaN"));
    assert_eq!(told("layer.0.bias").reason.as_deref(), Some("one axis"));
    assert_eq!(told("table").reason.as_deref(), Some("no weights' type"));
    assert_eq!(outcome.not_done, ["broken.weight is kept exactly: entry 77 is NaN"]);
    for difference in &differences {
        let snr = if difference.name == "tied.weight" {
            told("layer.0.weight").snr_db
        } else {
            told(&difference.name).snr_db
        };
        assert_eq!(difference.snr_db, Some(snr), "{}", difference.name);
    }
}

#[test]
fn without_loss_every_byte_comes_back() {
    let folder = folder();
    let model = model(folder.path());
    let (file, back) = (folder.path().join("model.mxp"), folder.path().join("back.safetensors"));
    let outcome = compress(&model, &file, Goal::Lossless).unwrap();
    assert_eq!((outcome.weights, outcome.snr_db), (0, f64::INFINITY));
    restore(&file, &back, &WriteOptions::default()).unwrap();
    assert!(std::fs::read(&model).unwrap() == std::fs::read(&back).unwrap());
    assert_eq!(compare(&model, &file).unwrap(), []);
}

#[test]
fn rules_treat_tensors_apart() {
    let folder = folder();
    let model = model(folder.path());
    let run = |rules: &[&str], strict: bool| {
        let mut compressor =
            Compressor::from_safetensors(&model).unwrap().goal(Goal::BitsPerWeight(6.5)).strict(strict);
        for rule in rules {
            compressor = compressor.rule(rule.parse::<Rule>().unwrap());
        }
        let plan = compressor.plan().unwrap();
        (plan, compressor.run_to(folder.path().join("rules.mxp"), Overwrite::Replace))
    };
    let (plan, outcome) = run(&["layer.[02].*=bits:7", "layer.1.*=lossless", "layer.0.weight=bits:3"], false);
    let outcome = outcome.unwrap();
    let of = |name: &str| outcome.tensors.iter().find(|tensor| tensor.name == name).unwrap().clone();
    assert!(of("layer.2.weight").bits <= 7.0 && of("layer.2.weight").bits > 6.5, "{:?}", of("layer.2.weight"));
    assert_eq!((of("layer.1.weight").levels, of("layer.1.weight").reason), (0, Some("as asked".into())));
    assert!(of("layer.0.bias").levels > 0, "a rule may give biases a codebook: {:?}", of("layer.0.bias"));
    assert!((plan.expected_bytes as f64 / outcome.file_bytes as f64 - 1.0).abs() < 0.03, "{plan:?}");
    assert!(plan.expected_seconds > 0.0 && plan.expected_memory_bytes.is_none_or(|bytes| bytes > 1 << 20), "{plan:?}");
    assert!(
        plan.tensors.iter().zip(&outcome.tensors).all(|(plan, tensor)| plan.kept.is_some() != tensor.is_compressed())
    );
    let (_, outcome) = run(&["layer.*=bits:9"], false);
    assert!(matches!(outcome, Err(Error::OutOfReach { .. })), "{outcome:?}");
    let (plan, outcome) = run(&["nothing=skip", "broken.weight=bits:4"], true);
    assert_eq!(plan.not_done.len(), 2);
    assert!(matches!(outcome, Err(Error::NotDone { others: 1, .. })), "{outcome:?}");
}

#[test]
fn the_file_does_not_depend_on_threads() {
    let folder = folder();
    let model = model(folder.path());
    let on = |threads: usize| {
        let out = folder.path().join(format!("{threads}.mxp"));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| compress(&model, &out, Goal::BitsPerWeight(3.5))).unwrap();
        std::fs::read(out).unwrap()
    };
    assert!(on(1) == on(3));
}

#[test]
fn an_imported_file_has_tensors_under_all_names_and_predicts_nothing() {
    let folder = folder();
    let path = model(folder.path());
    let file = folder.path().join("model.mxp");
    compress(&path, &file, Goal::default()).unwrap();
    let opened = CompressedModel::open(&file).unwrap();
    let (shape, values) = opened.tensor("tied.weight").expect("the second name of a tensor");
    assert_eq!((shape, values.len()), (&[300, 200][..], 60_000));
    assert_eq!(opened.tensor("layer.0.weight").unwrap().1, values);
    assert!(opened.tensor("no such tensor").is_none());
    let input = mixpress_tensor::Tensor::new(&[1, 4], vec![0.0; 4]).unwrap();
    assert!(matches!(opened.predict(&input), Err(Error::Imported)));
    let held = ModelFile::open(&file).unwrap();
    assert_eq!(held.skeleton().format(), Format::Safetensors);
    assert_eq!(held.position("tied.weight"), held.position("layer.0.weight"));
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let folder = folder();
    let path = model(folder.path());
    let file = folder.path().join("model.mxp");
    compress(&path, &file, Goal::default()).unwrap();
    assert!(matches!(compress(&path, &file, Goal::default()), Err(Error::Exists { .. })));
    assert!(matches!(Compressor::from_onnx(&path), Err(Error::Format { wanted: "ONNX", .. })));
    assert!(matches!(compress(&path, &folder.path().join("x"), Goal::Ratio(0.0)), Err(Error::Setting { .. })));
    let one = f32_bytes(&normals(400, 1.0, 9));
    let other = folder.path().join("other.safetensors");
    let view = TensorView::new(Dtype::F32, vec![20, 20], &one).unwrap();
    std::fs::write(&other, safetensors::serialize([("w", view)], None).unwrap()).unwrap();
    let other = Model::open(&other).unwrap();
    assert!(matches!(verify(&file, Some(&other)), Err(Error::OtherModel { .. })));
    assert!(matches!(Compressor::from_safetensors(&file), Err(Error::Interchange(_))));
    // Every part of a file counts.
    let bytes = std::fs::read(&file).unwrap();
    for place in (0..bytes.len()).step_by(bytes.len() / 40) {
        let mut bytes = bytes.clone();
        bytes[place] ^= 4;
        std::fs::write(&file, &bytes).unwrap();
        assert!(verify(&file, None).is_err(), "byte {place}");
    }
}

#[test]
fn a_network_that_was_trained_here_is_no_model_of_another_program() {
    let folder = folder();
    let file = folder.path().join("own.mxp");
    let tensor = mixpress_codebook::QuantizedTensor::from_values("w", [2], &[0.5, 0.0]).unwrap();
    let container = mixpress_codebook::Container { entries: vec![tensor.into()], ..Default::default() };
    std::fs::write(&file, mixpress_codebook::encode(&container).unwrap()).unwrap();
    assert!(matches!(ModelFile::open(&file), Err(Error::NotImported { .. })));
}

#[test]
fn relative_errors_are_about_the_same_in_all_tensors_and_the_total_is_least_where_it_is_asked_for() {
    let folder = folder();
    let model = model(folder.path());
    let run = |distortion: Distortion| {
        let compressor = Compressor::from_safetensors(&model).unwrap().goal(Goal::BitsPerWeight(6.0));
        compressor.distortion(distortion).run_to(folder.path().join("d.mxp"), Overwrite::Replace).unwrap()
    };
    let (relative, total) = (run(Distortion::Relative), run(Distortion::Total));
    let ratios = |outcome: &ModelOutcome| -> Vec<f64> {
        outcome.tensors.iter().filter(|tensor| tensor.is_compressed()).map(|tensor| tensor.snr_db).collect()
    };
    let spread = |ratios: &[f64]| {
        ratios.iter().copied().fold(0.0, f64::max) - ratios.iter().copied().fold(f64::INFINITY, f64::min)
    };
    assert!(spread(&ratios(&relative)) < 1.0, "{:?}", ratios(&relative));
    assert!(spread(&ratios(&total)) > 10.0, "{:?}", ratios(&total));
    assert!(total.snr_db > relative.snr_db, "{} {}", total.snr_db, relative.snr_db);
}
