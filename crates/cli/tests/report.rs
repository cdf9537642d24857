//! Pages about runs, files and models, as the program writes them.

mod common;

use std::fs;

use common::{Place, hash, small_file};
use serde_json::Value;

/// The JSON in a page.
fn data(html: &str) -> Value {
    let (_, json) = html.split_once(r#"id="outcome">"#).expect("the element");
    serde_json::from_str(json.split_once("</script>").expect("its end").0).expect("valid JSON")
}

#[test]
fn a_run_writes_a_page_with_what_it_printed() {
    let place = Place::new();
    let ended = place.compress(&["--json", "-o", "a.mxp", "--report", "a.html", "--seed", "4"]).done();
    let printed: Value = serde_json::from_str(&ended.stdout).expect("valid JSON");
    let html = fs::read_to_string(place.path("a.html")).expect("the page");
    let data = data(&html);
    for (key, value) in printed.as_object().expect("an object") {
        assert_eq!(&data[key], value, "{key}");
    }
    assert_eq!(data["command"], "mixpress compress --recipe a.mxp -o again.mxp");
    assert_eq!(data["details"]["classes"].as_array().map(Vec::len), Some(10));
    for id in ["weights-0", "codebook-5", "curve-loss", "curve-components", "class-errors", "parts"] {
        assert!(html.contains(&format!("id=\"{id}\"")), "no {id}");
    }

    // The command on the page makes the file again, and so do the recipe and the seed that stand there.
    let command = data["command"].as_str().expect("a command");
    let mut args: Vec<&str> = command.split(' ').skip(1).collect();
    args.push("--quiet");
    place.run(args).done();
    assert_eq!(hash(&place.path("again.mxp")), hash(&place.path("a.mxp")));
    place.write("recipe.toml", data["details"]["recipe"].as_str().expect("a recipe"));
    place.run(["compress", "--quiet", "--recipe", "recipe.toml", "--seed", "4", "-o", "b.mxp"]).done();
    assert_eq!(hash(&place.path("b.mxp")), hash(&place.path("a.mxp")));
}

#[test]
fn the_table_says_where_the_page_is() {
    let place = Place::new();
    let ended = place.compress(&["--quiet", "--report", "page.html"]).done();
    assert!(ended.stdout.ends_with("written to digits-mlp.mxp\nreport in page.html\n"), "{}", ended.stdout);
}

#[test]
fn a_file_alone_has_a_page() {
    let place = Place::new();
    place.write("small.mxp", small_file());
    let ended = place.run(["report", "small.mxp"]).done();
    let html = fs::read_to_string(place.path("small.html")).expect("the page");
    assert_eq!(ended.stdout, format!("{} bytes written to small.html\n", html.len()));
    let inspected = place.run(["inspect", "small.mxp", "--json"]).done();
    let inspected: Value = serde_json::from_str(&inspected.stdout).expect("valid JSON");
    let data = data(&html);
    assert_eq!(data["layers"], inspected["layers"]);
    assert_eq!(data["details"]["file"]["total"].as_f64(), Some(small_file().len() as f64));
    assert_eq!(data["command"], "mixpress compress --recipe small.mxp -o again.mxp");
    assert!(html.contains("codebook-0") && html.contains("Validation error"));
    assert!(!html.contains("Test error") && !html.contains("curve-loss"));
}

#[test]
fn a_model_has_a_page_when_it_is_compressed_and_later() {
    let place = Place::new();
    place.put("initializers.onnx");
    place.run(["compress", "initializers.onnx", "--snr", "30", "--quiet", "-o", "m.mxp", "--report", "m.html"]).done();
    place.run(["report", "m.mxp", "-o", "later.html"]).done();
    for (page, command) in [("m.html", Some("mixpress compress initializers.onnx --snr 30")), ("later.html", None)] {
        let html = fs::read_to_string(place.path(page)).expect("the page");
        assert_eq!(data(&html)["command"].as_str(), command);
        assert!(html.contains("id=\"parts\"") && html.contains("rest of the file"), "{page}");
    }
}

#[test]
fn pages_replace_nothing_unless_they_are_told_to() {
    let place = Place::new();
    place.write("taken.html", "mine");
    place.write("small.mxp", small_file());
    place.compress(&["--report", "taken.html"]).refused(1, &["taken.html exists", "--force", "--report FILE"]);
    place.run(["report", "small.mxp", "-o", "taken.html"]).refused(1, &["taken.html exists", "--force", "-o FILE"]);
    assert_eq!(fs::read(place.path("taken.html")).expect("the file"), b"mine");
    place.run(["report", "small.mxp", "-o", "taken.html", "--force"]).done();
    assert!(fs::read_to_string(place.path("taken.html")).expect("the page").starts_with("<!DOCTYPE html>"));
}

#[test]
fn mistakes_are_found_before_the_run() {
    let place = Place::new();
    place.write("small.mxp", small_file());
    place.compress(&["--report", "nowhere/a.html"]).refused(1, &["nowhere", "is not there", "--report"]);
    place.compress(&["--report", "a.onnx"]).refused(2, &["a.onnx would hold a report", ".html"]);
    place.compress(&["--report", "-"]).refused(2, &["standard output", "--report"]);
    place.compress(&["-o", "same", "--report", "same"]).refused(2, &["same is the compressed file"]);
    place.compress(&["-o", "a.html"]).refused(2, &["a.html would hold an .mxp file"]);
    place.run(["report", "small.mxp", "-o", "small.mxp", "--force"]).refused(2, &["a report"]);
    place.run(["report", "none.mxp"]).refused(1, &["cannot report on none.mxp"]);
    place.run(["report", "short.toml"]).refused(1, &["cannot report on short.toml"]);
    assert_eq!(place.files().len(), 2, "{:?}", place.files());
}
