//! Models that cannot be run and arrays that do not fit them: each has its own error, which says what would.

use std::path::{Path, PathBuf};

use mixpress_runtime::{Array, ArrayError, Arrays, Error, Runner, Samples, Values};
use mixpress_testing::assert_error;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn runner(model: &str) -> Runner {
    Runner::load(data(model)).unwrap()
}

fn arrays<const N: usize>(named: [(&str, &[usize], Values); N]) -> Arrays {
    let mut arrays = Arrays::new();
    for (name, shape, values) in named {
        arrays.insert(name, Array::new(shape, values).unwrap()).unwrap();
    }
    arrays
}

/// Floats for this shape.
fn floats(shape: &[usize]) -> Values {
    vec![0.5f32; shape.iter().product()].into()
}

#[test]
fn what_rten_cannot_do_is_named() {
    assert_error!(
        Runner::load(data("custom.onnx")).unwrap_err(),
        Error::Load { .. },
        "the_Frobnicate",
        "another runtime",
        "custom.onnx",
        "not supported"
    );
    let sequence = runner("sequence.onnx");
    let samples = Samples::new(arrays([("x", &[2], floats(&[2]))]), &sequence).unwrap();
    assert_error!(sequence.run(&samples).unwrap_err(), Error::OutputKind { .. }, "\"y\"", "sequence");

    let reshape = runner("reshape.onnx");
    let samples = |shape: &[usize]| Samples::new(arrays([("x", shape, floats(shape))]), &reshape).unwrap();
    assert!(reshape.run(&samples(&[4])).is_ok());
    assert_error!(
        reshape.run(&samples(&[2, 5])).unwrap_err(),
        Error::Run { run: 0, .. },
        "the_Reshape",
        "run 0",
        "another runtime"
    );
}

#[test]
fn files_that_are_no_models_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    for contents in [&b""[..], b"PK\x03\x04", &[0xFF; 40]] {
        std::fs::write(&path, contents).unwrap();
        assert_error!(Runner::load(&path).unwrap_err(), Error::Model(_), "model.onnx");
    }
    assert_error!(Runner::load(folder.path().join("absent.onnx")).unwrap_err(), Error::Model(_), "absent.onnx");
    // Weights that are said to lie outside of the folder are not read.
    let mut model = std::fs::read(data("brain.onnx")).unwrap();
    let place = model.windows(13).position(|name| name == b"brain.weights").unwrap();
    model[place..place + 13].copy_from_slice(b"../in.weights");
    std::fs::write(&path, model).unwrap();
    assert_error!(Runner::load(&path).unwrap_err(), Error::Model(_), "../in.weights");
}

#[test]
fn damaged_models_never_end_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.onnx");
    for model in ["mlp.onnx", "branches.onnx", "classes.onnx"] {
        let whole = std::fs::read(data(model)).unwrap();
        let inputs = || Arrays::read_npz(data(model).with_extension("npz"));
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 0x15;
            std::fs::write(&path, &bytes).unwrap();
            let Ok(runner) = Runner::load(&path) else { continue };
            let Ok(inputs) = inputs() else { continue };
            let _ = Samples::new(inputs, &runner).and_then(|samples| runner.run(&samples));
        }
    }
}

#[test]
fn names_of_inputs_have_to_be_those_of_the_model() {
    let model = runner("branches.onnx");
    let flag = || Values::I32(vec![1]);
    let missing = Samples::new(arrays([("flag", &[], flag())]), &model).unwrap_err();
    assert_error!(
        missing,
        Error::MissingInputs { .. },
        "\"x\" f32 [3]",
        "\"flag\" i32 []",
        "no array is given for \"x\""
    );
    let named = arrays([("flag", &[], flag()), ("x", &[3], floats(&[3])), ("z", &[], flag())]);
    assert_error!(Samples::new(named, &model).unwrap_err(), Error::UnknownInput { .. }, "\"z\"", "\"x\" f32 [3]");
    // Samples of one model, run on another.
    let mlp = runner("mlp.onnx");
    let samples = Samples::new(arrays([("x", &[1, 6], floats(&[6]))]), &mlp).unwrap();
    assert_error!(model.run(&samples).unwrap_err(), Error::MissingInputs { .. }, "\"flag\"");
}

#[test]
fn types_ranks_and_fixed_lengths_have_to_fit() {
    let mlp = runner("mlp.onnx");
    let one = |shape: &[usize], values: Values| Samples::new(arrays([("x", shape, values)]), &mlp);
    let whole = one(&[1, 6], Values::I32(vec![1; 6])).unwrap_err();
    assert_error!(whole, Error::Element { found: "i32", .. }, "\"x\" f32 [batch, 6]", "given as i32");
    for shape in [&[6][..], &[1, 1, 1, 6]] {
        assert_error!(one(shape, floats(shape)).unwrap_err(), Error::Rank { .. }, "[batch, 6]", &format!("{shape:?}"));
    }
    assert_error!(one(&[2, 5], floats(&[10])).unwrap_err(), Error::Dimension { axis: 1, .. }, "[2, 5]", "axis 1");
    assert_error!(one(&[2, 3, 5], floats(&[30])).unwrap_err(), Error::Dimension { axis: 2, .. }, "[2, 3, 5]", "axis 2");
    assert_error!(one(&[0, 6], floats(&[0])).unwrap_err(), Error::NoSamples { .. }, "\"x\"", "[0, 6]");
    assert_error!(one(&[0, 2, 6], floats(&[0])).unwrap_err(), Error::NoSamples { .. }, "\"x\"");

    let fixed = runner("convolution.onnx");
    let one = |shape: &[usize]| Samples::new(arrays([("x", shape, floats(shape))]), &fixed);
    assert_eq!(one(&[2, 2, 5, 4]).unwrap().runs(), 1);
    assert_eq!(one(&[8, 2, 5, 4]).unwrap().runs(), 4);
    assert_eq!(one(&[3, 2, 2, 5, 4]).unwrap().runs(), 3);
    for shape in [[3, 2, 5, 4], [1, 2, 5, 4], [4, 2, 5, 5]] {
        assert_error!(one(&shape).unwrap_err(), Error::Dimension { .. }, "[2, 2, 5, 4]");
    }
}

#[test]
fn values_have_to_be_numbers_within_the_inputs_range() {
    let mlp = runner("mlp.onnx");
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut values = vec![0.0; 12];
        values[9] = value;
        let error = Samples::new(arrays([("x", &[2, 6], values.into())]), &mlp).unwrap_err();
        assert_error!(error, Error::InputNotFinite { .. }, "\"x\"", "[1, 3]");
    }
    let classes = runner("classes.onnx");
    for value in [-1, 256] {
        let named = [("x", &[1, 4][..], floats(&[4])), ("bytes", &[2], vec![7, value].into())];
        let error = Samples::new(arrays(named), &classes).unwrap_err();
        assert_error!(
            error,
            Error::Arrays(ArrayError::Range { range: "u8", .. }),
            "\"bytes\"",
            "[1]",
            &value.to_string()
        );
    }
}

#[test]
fn arrays_that_are_cut_have_to_agree() {
    let model = runner("branches.onnx");
    let samples = |runs: usize, flags: &[usize]| {
        let flag = vec![1; flags.iter().product()].into();
        Samples::new(arrays([("x", &[runs, 3][..], floats(&[runs, 3])), ("flag", flags, flag)]), &model)
    };
    assert_eq!(samples(4, &[4]).unwrap().runs(), 4);
    assert_eq!(samples(4, &[]).unwrap().runs(), 4);
    assert_error!(samples(4, &[3]).unwrap_err(), Error::Runs { runs: 3, other_runs: 4, .. }, "\"flag\"", "\"x\"");
}
