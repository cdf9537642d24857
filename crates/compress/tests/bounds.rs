//! What is asked for is kept to the letter, also where estimates of lengths and errors are a little too good; and a
//! file that is in its place has been looked at.

mod common;

use std::path::{Path, PathBuf};

use common::{f32_bytes, normals};
use mixpress_compress::{CompressedModel, Error, Goal, ModelCompressor, ModelOutcome, Overwrite, Rule, compare};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

/// Numbers of a bell curve or, where it is `peaked`, of one with a sharp peak and long tails; always the same.
fn numbers(count: usize, peaked: bool, seed: u32) -> Vec<u8> {
    if !peaked {
        return f32_bytes(&normals(count, 1.0, seed));
    }
    let products = normals(2 * count, 1.0, seed);
    f32_bytes(&products.as_chunks::<2>().0.iter().map(|[a, b]| a * b.abs()).collect::<Vec<_>>())
}

fn save(path: &Path, tensors: &[(String, Vec<usize>, Vec<u8>)]) -> PathBuf {
    let view = |shape: &[usize], bytes| TensorView::new(Dtype::F32, shape.to_vec(), bytes).expect("its shape's bytes");
    let tensors = tensors.iter().map(|(name, shape, bytes)| (name.as_str(), view(shape, bytes)));
    std::fs::write(path, safetensors::serialize(tensors, None).expect("a model")).expect("writable");
    path.into()
}

/// Many small layers with names that have little in common, so that names take bytes that depend on what stands beside them.
fn many_layers(folder: &Path) -> PathBuf {
    let name = |number: u32| format!("{:x}.{}", number.wrapping_mul(2_654_435_761), number.wrapping_mul(40_503) % 977);
    let layers = (0..24_u32).flat_map(|number| {
        let name = name(number);
        [
            (format!("{name}.w"), vec![32, 32], numbers(1024, number % 3 == 0, number)),
            (format!("{name}.b"), vec![32], numbers(32, false, number + 1000)),
        ]
    });
    save(&folder.join("many.safetensors"), &layers.collect::<Vec<_>>())
}

fn run(model: &Path, goal: Goal, rules: &[&str]) -> ModelOutcome {
    let out = model.with_extension("mxp");
    let mut compressor = ModelCompressor::open(model).unwrap().goal(goal);
    for rule in rules {
        compressor = compressor.rule(rule.parse::<Rule>().unwrap());
    }
    let outcome = compressor.run_to(&out, Overwrite::Replace).unwrap();
    assert_eq!(outcome.not_done, [""; 0], "{goal}");
    outcome
}

#[test]
fn budgets_hold_to_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    let model = many_layers(folder.path());
    for bytes in [13_200, 15_601, 18_600] {
        let length = run(&model, Goal::Bytes(bytes), &[]).file_bytes;
        assert!(length <= bytes && length > bytes * 98 / 100, "{length} of {bytes}");
    }
    assert!(run(&model, Goal::BitsPerWeight(6.0), &[]).bits_per_weight <= 6.0);
    assert!(run(&model, Goal::Bytes(u64::MAX), &[]).file_bytes > 18_600, "a budget may be as large as one likes");
}

#[test]
fn ratios_and_bits_of_some_tensors_hold_to_the_letter() {
    let folder = tempfile::tempdir().unwrap();
    for peaked in [false, true] {
        let tensors = [("w".to_owned(), vec![64, 64], numbers(4096, peaked, 7))];
        let model = save(&folder.path().join(format!("{peaked}.safetensors")), &tensors);
        for ratio in [5.0, 12.0, 20.0] {
            let reached = run(&model, Goal::SignalToNoise(ratio), &[]).snr_db;
            assert!(reached >= ratio && reached < ratio + 0.5, "{reached} dB for {ratio}");
        }
        for bits in [3.0, 6.0] {
            let reached = run(&model, Goal::SignalToNoise(5.0), &[&format!("w=bits:{bits}")]).tensors[0].bits;
            assert!(reached <= bits && reached > 0.9 * bits, "{reached} bits for {bits}");
        }
    }
}

#[test]
fn what_fails_leaves_the_file_that_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let model = many_layers(folder.path());
    let out = folder.path().join("many.mxp");
    run(&model, Goal::BitsPerWeight(8.0), &[]);
    let before = std::fs::read(&out).unwrap();
    let refused = ModelCompressor::open(&model).unwrap().goal(Goal::Bytes(100)).run_to(&out, Overwrite::Replace);
    assert!(matches!(refused, Err(Error::OutOfReach { .. })), "{refused:?}");
    assert!(std::fs::read(&out).unwrap() == before && CompressedModel::open(&out).is_ok());
    let nowhere = folder.path().join("nowhere/many.mxp");
    let refused = ModelCompressor::open(&model).unwrap().run_to(&nowhere, Overwrite::Refuse);
    assert!(refused.is_err_and(|error| error.to_string().contains("nowhere")));
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn a_model_is_known_by_its_contents_and_differences_are_not_hidden() {
    let folder = tempfile::tempdir().unwrap();
    let model = many_layers(folder.path());
    run(&model, Goal::BitsPerWeight(8.0), &[]);
    let renamed = folder.path().join("renamed.safetensors");
    std::fs::rename(&model, &renamed).unwrap();
    let source = mixpress_compress::Model::open(&renamed).unwrap();
    assert!(ModelOutcome::of_file(folder.path().join("many.mxp"), &source).is_ok(), "under another name");

    let one = |name: &str, value: f32, metadata: &str| {
        let bytes = value.to_le_bytes();
        let view = TensorView::new(Dtype::F32, vec![1], &bytes).unwrap();
        let metadata = [("note".to_owned(), metadata.to_owned())].into();
        let path = folder.path().join(name);
        std::fs::write(&path, safetensors::serialize([("w", view)], Some(metadata)).unwrap()).unwrap();
        path
    };
    let (first, nan, other) = (one("1", 1.0, "a"), one("2", f32::NAN, "a"), one("3", 1.0, "b"));
    let found = compare(&first, &nan).unwrap();
    assert!(found.len() == 1 && found[0].what.as_ref().is_some_and(|what| what.contains("not finite")), "{found:?}");
    let found = compare(&first, &other).unwrap();
    assert!(found.len() == 1 && found[0].what.as_ref().is_some_and(|what| what.contains("metadata")), "{found:?}");
    assert_eq!(compare(&first, &first).unwrap(), []);
}
