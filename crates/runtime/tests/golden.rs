//! Models that rten runs, beside outputs that numpy computed (`data/make.py`).

use std::path::{Path, PathBuf};

use mixpress_runtime::{Array, Arrays, Error, Outputs, Runner, Samples, Values, compare};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn read(name: &str) -> Arrays {
    Arrays::read_npz(data(name)).unwrap()
}

fn run(model: &str, arrays: Arrays) -> Outputs {
    let runner = Runner::load(data(model)).unwrap();
    runner.run(&Samples::new(arrays, &runner).unwrap()).unwrap()
}

#[track_caller]
fn assert_close(found: &Arrays, expected: &Arrays, tolerance: f64) {
    let names = |arrays: &Arrays| arrays.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
    assert_eq!(names(found), names(expected));
    for ((name, found), (_, expected)) in found.iter().zip(expected.iter()) {
        assert_eq!(found.shape(), expected.shape(), "{name}");
        match (found.values(), expected.values()) {
            (Values::F32(found), Values::F32(expected)) => {
                mixpress_testing::assert_close(found, expected, tolerance, tolerance);
            }
            (found, expected) => assert_eq!(found, expected, "{name}"),
        }
    }
}

#[track_caller]
fn assert_golden(model: &str, inputs: &str, outputs: &str, runs: usize) {
    let found = run(model, read(inputs));
    assert_eq!(found.runs(), runs);
    assert_close(&found.into_arrays().unwrap(), &read(outputs), 1e-5);
}

#[test]
fn a_batch_is_one_run() {
    assert_golden("mlp.onnx", "mlp_batch.npz", "mlp_batch_y.npz", 1);
}

#[test]
fn an_axis_in_front_is_a_sample_a_run() {
    assert_golden("mlp.onnx", "mlp_samples.npz", "mlp_samples_y.npz", 4);
}

#[test]
fn a_fixed_batch_is_run_as_often_as_it_goes_into_the_array() {
    assert_golden("convolution.onnx", "convolution.npz", "convolution_y.npz", 3);
}

#[test]
fn branches_are_taken_by_sample() {
    assert_golden("branches.onnx", "branches.npz", "branches_y.npz", 3);
}

#[test]
fn whole_numbers_and_scalars_come_out() {
    assert_golden("classes.onnx", "classes.npz", "classes_y.npz", 1);
}

#[test]
fn bf16_is_raised_and_weights_beside_the_model_are_found() {
    assert_golden("brain.onnx", "mlp_batch.npz", "brain_y.npz", 1);
    // It is near the model in single precision that it was rounded from, and is not that.
    let (plain, brain) = (run("mlp.onnx", read("mlp_batch.npz")), run("brain.onnx", read("mlp_batch.npz")));
    let error = compare(&plain, &brain).unwrap_err();
    assert!(matches!(&error, Error::OutputMissing { output, .. } if output == "h"), "{error}");
}

#[test]
fn runs_do_not_know_of_each_other_and_are_the_same_each_time() {
    let runner = Runner::load(data("mlp.onnx")).unwrap();
    let samples = Samples::new(read("mlp_samples.npz"), &runner).unwrap();
    let all = runner.run(&samples).unwrap();
    assert_eq!(runner.run(&samples).unwrap(), all);
    let many = read("mlp_samples.npz");
    let Values::F32(values) = many.get("x").unwrap().values() else { panic!("floats") };
    for (run, part) in values.chunks(12).enumerate() {
        let mut arrays = Arrays::new();
        arrays.insert("x", Array::new([2, 6], part.to_vec()).unwrap()).unwrap();
        let alone = runner.run(&Samples::new(arrays, &runner).unwrap()).unwrap();
        assert_eq!(alone.outputs()[0].runs()[0], all.outputs()[0].runs()[run]);
    }
}

#[test]
fn a_model_is_compared_with_a_changed_one() {
    let folder = tempfile::tempdir().unwrap();
    // The first weight becomes another number: its bytes are those of `w1` from the model's own file.
    let mut bytes = std::fs::read(data("mlp.onnx")).unwrap();
    let place = bytes.windows(2).position(|pair| pair == b"w1").unwrap();
    let values = bytes[place..].windows(3).position(|three| three == [0x4A, 0x80, 3]).unwrap() + place + 3;
    bytes[values..values + 4].copy_from_slice(&9.0f32.to_le_bytes());
    // A name with another ending is read, too.
    let path = folder.path().join("changed.model");
    std::fs::write(&path, bytes).unwrap();
    let changed = Runner::load(&path).unwrap();
    let samples = Samples::new(read("mlp_batch.npz"), &changed).unwrap();
    let (y, z) = (run("mlp.onnx", read("mlp_batch.npz")), changed.run(&samples).unwrap());
    let [error] = &compare(&y, &z).unwrap()[..] else { panic!("one output") };
    assert!(error.relative > 0.01 && error.largest > 0.01 && error.cosine < 0.9999, "{error:?}");
    assert_eq!(compare(&y, &y).unwrap()[0].relative, 0.0);
}

#[test]
fn a_caller_stops_between_runs() {
    let runner = Runner::load(data("mlp.onnx")).unwrap();
    let samples = Samples::new(read("mlp_samples.npz"), &runner).unwrap();
    let mut asked = Vec::new();
    let stopped = runner.run_with(&samples, &mut |run| {
        asked.push(run);
        run < 2
    });
    assert!(matches!(stopped, Err(Error::Stopped { done: 2, runs: 4 })));
    assert_eq!(asked, [0, 1, 2]);
}
