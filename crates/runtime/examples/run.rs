//! Runs a model on the arrays of a file, and writes what it returns, or compares two models.
//!
//! ```text
//! cargo run -p mixpress-runtime --example run -- MODEL.onnx INPUTS.npz OUTPUTS.npz
//! cargo run -p mixpress-runtime --example run -- MODEL.onnx INPUTS.npz OTHER.onnx
//! ```

use std::error::Error;
use std::fs::File;
use std::path::Path;

use mixpress_runtime::{Arrays, Runner, Samples, compare};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, inputs, last] = &arguments[..] else {
        return Err("expected a model, a file of inputs, and a file of outputs or another model".into());
    };
    let runner = Runner::load(model)?;
    runner.inputs().for_each(|input| println!("takes {input}"));
    runner.outputs().for_each(|output| println!("returns {output}"));
    let samples = Samples::new(Arrays::read_npz(inputs)?, &runner)?;
    println!("{} runs", samples.runs());
    let outputs = runner.run(&samples)?;
    if Path::new(last).extension().is_some_and(|ending| ending == "npz") {
        outputs.into_arrays()?.write_npz(File::create(last)?)?;
    } else {
        for error in compare(&outputs, &Runner::load(last)?.run(&samples)?)? {
            println!("{error:?}");
        }
    }
    Ok(())
}
