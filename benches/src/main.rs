//! The program behind `cargo xtask bench`: measures side by side and prints a table or JSON.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use mixpress_benches::comparison::Comparison;
use mixpress_benches::figures::Figures;
use serde::Serialize;
use serde_json::Value;

/// Measures mixpress beside what it is compared with.
#[derive(Debug, Parser)]
struct Arguments {
    /// Fewer rounds: under a minute.
    #[arg(long)]
    quick: bool,
    /// Prints one JSON object on the last line instead of a table.
    #[arg(long)]
    json: bool,
    /// A Python that has PyTorch: training steps are timed beside its own.
    #[arg(long, value_name = "PYTHON")]
    pytorch: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let progress = |what: &str| eprintln!("measuring: {what}");
    let result = match &arguments.pytorch {
        None => print(&Figures::measure(arguments.quick, progress), arguments.json),
        Some(python) => Comparison::measure(python, if arguments.quick { 3 } else { 10 }, progress)
            .map_err(|error| format!("PyTorch at {}: {error}", python.display()))
            .and_then(|comparison| print_comparison(&comparison, arguments.json)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints figures as one line of JSON, or as a line each.
fn print(figures: &impl Serialize, json: bool) -> Result<(), String> {
    let value = serde_json::to_value(figures).map_err(|error| error.to_string())?;
    if json {
        println!("{value}");
    } else {
        print_lines("", &value);
    }
    Ok(())
}

fn print_lines(name: &str, value: &Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let separator = if name.is_empty() { "" } else { ": " };
                print_lines(&format!("{name}{separator}{key}"), value);
            }
        }
        Value::Number(number) if number.is_f64() => {
            println!("{name:<58} {:>10.3}", number.as_f64().unwrap_or(f64::NAN));
        }
        Value::String(text) => println!("{name:<58} {text:>10}"),
        value => println!("{name:<58} {value:>10}"),
    }
}

fn print_comparison(comparison: &Comparison, json: bool) -> Result<(), String> {
    if json {
        return print(comparison, true);
    }
    let Comparison { cpu, threads, pytorch, rows } = comparison;
    println!("milliseconds a step of 128 images; {cpu}, {threads} threads, PyTorch {pytorch}\n");
    println!("{:<30} {:>10} {:>10} {:>10}", "network", "mixpress", "PyTorch", "ratio");
    for row in rows {
        println!("{:<30} {:>10.2} {:>10.2} {:>9.1}x", row.name, row.ours_ms, row.pytorch_ms, row.ratio);
    }
    Ok(())
}
