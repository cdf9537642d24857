//! A model that is run: what its tensors do to its outputs, bits by that, and outputs within an error.
#![cfg(feature = "rten")]

use std::path::{Path, PathBuf};

use mixpress_compress::runtime::{Array, Arrays, Values};
use mixpress_compress::{
    Error, Goal, Model, ModelCompressor, ModelFile, ModelObserver, ModelOutcome, Overwrite, Sensitivities, Stage,
    compare_outputs,
};
use mixpress_train::CancelToken;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn samples() -> Arrays {
    Arrays::read_npz(data("gated.npz")).unwrap()
}

fn compressor(goal: Goal) -> ModelCompressor<'static> {
    ModelCompressor::open(data("gated.onnx")).unwrap().goal(goal).samples(samples())
}

/// The sensitivities of the model's tensors, which are the same for every test.
fn measured() -> Sensitivities {
    compressor(Goal::default()).measure().unwrap()
}

fn run(compressor: &ModelCompressor<'_>, folder: &Path) -> Result<ModelOutcome, Error> {
    compressor.run_to(folder.join("gated.mxp"), Overwrite::Replace)
}

#[test]
fn outputs_suffer_from_tensors_as_the_graph_says() {
    let measured = measured();
    assert_eq!((measured.model.as_str(), measured.runs), ("gated.onnx", 1));
    let of = |name: &str| measured.tensors.iter().find(|tensor| tensor.name == name).unwrap().sensitivity;
    // An error in a product is as large as in its factor; what it is of the sum goes with its share of it.
    for name in ["W1", "W2", "W3"] {
        assert!((0.2..4.0).contains(&of(name)), "{name}: {}", of(name));
    }
    assert!(of("V") > 0.0 && of("V") < 1e-2, "{}", of("V"));
    assert_eq!(of("U"), 0.0);
}

#[test]
fn bits_go_where_outputs_suffer() {
    let folder = tempfile::tempdir().unwrap();
    let plain = run(&compressor(Goal::SignalToNoise(16.0)), folder.path()).unwrap();
    let bytes = Goal::Bytes(plain.file_bytes);
    let with = run(&compressor(bytes).sensitivities(measured()), folder.path()).unwrap();
    assert!(with.file_bytes <= plain.file_bytes);
    assert!(with.outputs[0].relative < 0.95 * plain.outputs[0].relative, "{:?} {:?}", with.outputs, plain.outputs);
    let bits = |name: &str| with.tensors.iter().find(|tensor| tensor.name == name).unwrap().bits;
    assert!(bits("V") < bits("W2") - 1.0, "{} {}", bits("V"), bits("W2"));
    assert!(with.not_done.iter().any(|note| note.contains("U: no output noticed")), "{:?}", with.not_done);
    let again = compare_outputs(folder.path().join("gated.mxp"), &Model::open(data("gated.onnx")).unwrap(), samples());
    assert_eq!(again.unwrap(), with.outputs);
}

#[test]
fn output_errors_are_kept_and_hardly_more_is_spent() {
    let folder = tempfile::tempdir().unwrap();
    let mut last = 0;
    for allowed in [0.3, 0.05, 0.01] {
        let goal = Goal::OutputError(allowed);
        let outcome = run(&compressor(goal).sensitivities(measured()), folder.path()).unwrap();
        let relative = outcome.outputs[0].relative;
        assert!(relative <= allowed && relative > 0.85 * allowed, "{relative} of {allowed}");
        assert!(outcome.file_bytes > last);
        last = outcome.file_bytes;
    }
    let missed = run(&compressor(Goal::OutputError(1e-9)), folder.path()).unwrap_err();
    assert!(matches!(missed, Error::OutOfReach { .. }), "{missed}");
    let exact = run(&compressor(Goal::Lossless), folder.path()).unwrap();
    assert_eq!(exact.outputs[0].largest, 0.0);
}

#[test]
fn an_error_that_follows_the_step_slowly_is_not_answered_with_the_finest_step() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = |allowed: f64| {
        let with = compressor(Goal::OutputError(allowed)).sensitivities(measured()).rule("W2=bits:3".parse().unwrap());
        let outcome = run(&with, folder.path()).unwrap();
        assert!(outcome.outputs[0].relative <= allowed);
        outcome.file_bytes
    };
    // The error of W2 stays, whatever the steps of the others.
    let (tight, loose) = (bytes(0.17), bytes(0.19));
    assert!(tight >= loose && tight < 2 * loose, "{tight} {loose}");
}

/// Cancels as soon as a stage begins.
struct CancelAt(Stage, CancelToken);

impl ModelObserver for CancelAt {
    fn progress(&self, stage: Stage, _: u64, _: u64) {
        if stage == self.0 {
            self.1.cancel();
        }
    }
}

#[test]
fn what_is_stopped_says_so() {
    let folder = tempfile::tempdir().unwrap();
    for stage in [Stage::Measuring, Stage::Fitting, Stage::Writing, Stage::Checking] {
        let cancel = CancelToken::new();
        let observer = CancelAt(stage, cancel.clone());
        let with = compressor(Goal::OutputError(0.1)).observer(&observer).cancel(cancel);
        let stopped =
            if stage == Stage::Measuring { with.measure().map(drop) } else { run(&with, folder.path()).map(drop) };
        assert!(matches!(stopped, Err(Error::Interrupted { .. })), "{stage:?}: {stopped:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{stage:?}");
    }
}

#[test]
fn the_file_does_not_depend_on_threads() {
    let folder = tempfile::tempdir().unwrap();
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run(&compressor(Goal::OutputError(0.1)).sensitivities(measured()), folder.path())).unwrap();
        std::fs::read(folder.path().join("gated.mxp")).unwrap()
    };
    assert!(on(1) == on(3));
}

#[test]
fn a_file_predicts_what_its_model_does() {
    let folder = tempfile::tempdir().unwrap();
    run(&compressor(Goal::Lossless), folder.path()).unwrap();
    let outputs = ModelFile::open(folder.path().join("gated.mxp")).unwrap().predict(samples()).unwrap();
    let expected = Arrays::read_npz(data("gated_y.npz")).unwrap();
    let (Values::F32(found), Values::F32(expected)) =
        (outputs.get("y").unwrap().values(), expected.get("y").unwrap().values())
    else {
        panic!("floats")
    };
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().zip(expected).all(|(y, expected)| (y - expected).abs() < 1e-4));
}

#[test]
fn what_cannot_be_run_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let model = |goal| ModelCompressor::open(data("gated.onnx")).unwrap().goal(goal);
    assert!(matches!(run(&model(Goal::OutputError(0.1)), folder.path()), Err(Error::NoInputs)));
    assert!(matches!(model(Goal::default()).measure(), Err(Error::NoInputs)));
    let mut other = Arrays::new();
    other.insert("z", Array::new([1, 32], vec![0.0; 32]).unwrap()).unwrap();
    let refused = run(&model(Goal::default()).samples(other), folder.path()).unwrap_err().to_string();
    assert!(refused.contains('x') || refused.contains('z'), "{refused}");
    let weights = folder.path().join("w.safetensors");
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![2], &[0; 8]).unwrap();
    std::fs::write(&weights, safetensors::serialize([("w", view)], None).unwrap()).unwrap();
    let refused = ModelCompressor::open(&weights).unwrap().samples(samples()).measure();
    assert!(matches!(refused, Err(Error::NoGraph { .. })), "{refused:?}");
    let stranger = Sensitivities::new("other.onnx", 1, Vec::new());
    let refused = run(&model(Goal::default()).sensitivities(stranger), folder.path());
    assert!(matches!(refused, Err(Error::OtherSensitivities { .. })), "{refused:?}");
}
