//! Data of one's own: the embedded digits as arrays, as a table and as images, trained on and evaluated by the program.

mod common;

use std::fmt::Write as _;
use std::fs::File;

use common::{Place, hash};
use mixpress::arrays::{Array, Arrays};
use mixpress::train::{Dataset, Pixels, digits};

/// The grey values of each digit, from 0 to 16, and its label.
fn items(data: &Dataset) -> Vec<(&[u8], u32)> {
    let Pixels::Bytes { values, .. } = data.pixels() else { panic!("digits are bytes") };
    values.chunks_exact(64).zip(data.labels().iter().copied()).collect()
}

/// The digits as the program sees them, as an `.npz` file.
fn write_npz(place: &Place, name: &str) {
    let (source, mut arrays) = (digits(), Arrays::new());
    for (data, x, y) in [(&source.train, "x", "y"), (&source.test, "x_test", "y_test")] {
        let items = items(data);
        let values: Vec<f32> =
            items.iter().flat_map(|(item, _)| item.iter().map(|&grey| f32::from(grey) / 16.0)).collect();
        let labels: Vec<i32> = items.iter().map(|&(_, label)| label as i32).collect();
        arrays.insert(x, Array::new([items.len(), 8, 8], values).expect("a shape")).expect("a new name");
        arrays.insert(y, Array::new([items.len()], labels).expect("a shape")).expect("a new name");
    }
    arrays.write_npz(File::create(place.path(name)).expect("a file")).expect("a writable folder");
}

/// All digits as a table, labels in a column of this name in the middle.
fn write_csv(place: &Place, name: &str, label: &str) {
    let mut text = String::new();
    for feature in 0..32 {
        write!(text, "p{feature},").expect("a text");
    }
    text.push_str(label);
    for feature in 32..64 {
        write!(text, ",p{feature}").expect("a text");
    }
    text.push('\n');
    let source = digits();
    for (item, class) in [items(&source.train), items(&source.test)].concat() {
        let cells: Vec<String> = item.iter().map(|&grey| (f32::from(grey) / 16.0).to_string()).collect();
        writeln!(text, "{},{class},{}", cells[..32].join(","), cells[32..].join(",")).expect("a text");
    }
    place.write(name, text);
}

/// The digits as grey images, a folder for each class.
fn write_images(place: &Place, folder: &str) {
    let source = digits();
    for (part, data) in [("train", &source.train), ("test", &source.test)] {
        for (number, (item, label)) in items(data).into_iter().enumerate() {
            let mut bytes = Vec::new();
            let mut encoder = png::Encoder::new(&mut bytes, 8, 8);
            encoder.set_color(png::ColorType::Grayscale);
            let pixels: Vec<u8> = item.iter().map(|grey| grey * 15).collect();
            let mut writer = encoder.write_header().expect("a header");
            writer.write_image_data(&pixels).expect("an image");
            writer.finish().expect("an image");
            place.write(&format!("{folder}/{part}/{label}/{number:04}.png"), bytes);
        }
    }
}

/// Trains on the data, evaluates the file on it, and returns the error and the number of test items.
#[track_caller]
fn trained(place: &Place, data: &[&str]) -> (f64, u64) {
    let told = place.compress(&[data, &["--json", "-o", "own.mxp"]].concat()).done();
    let told: serde_json::Value = serde_json::from_str(&told.stdout).expect("one JSON object");
    let evaluated = place.run(["evaluate", "own.mxp", "--json"].iter().chain(data)).done();
    let evaluated: serde_json::Value = serde_json::from_str(&evaluated.stdout).expect("one JSON object");
    assert_eq!(told["compressed_error"], evaluated["error"], "{told} {evaluated}");
    (evaluated["error"].as_f64().expect("a number"), evaluated["items"].as_u64().expect("a number"))
}

#[test]
fn the_digits_from_a_file_of_arrays_give_the_same_file() {
    let place = Place::new();
    write_npz(&place, "digits.npz");
    let (_, items) = trained(&place, &["--data", "digits.npz"]);
    assert_eq!(items, 360);
    place.compress(&["--quiet", "-o", "embedded.mxp"]).done();
    assert_eq!(hash(&place.path("own.mxp")), hash(&place.path("embedded.mxp")));
}

#[test]
fn a_table_is_learned_from_and_its_test_part_is_the_same_each_time() {
    let place = Place::new();
    write_csv(&place, "digits.csv", "digit");
    let (error, items) = trained(&place, &["--data", "digits.csv", "--label", "digit"]);
    assert!(items.abs_diff(180) <= 5, "{items} of 1797");
    assert!(error < 50.0, "{error} % wrong, 90 % by chance");
    place.compress(&["--data", "digits.csv"]).refused(1, &["digits.csv", "no column \"label\"", "p0"]);
}

#[test]
fn a_folder_of_images_is_learned_from() {
    let place = Place::new();
    write_images(&place, "digits");
    let (error, items) = trained(&place, &["--data", "digits"]);
    assert_eq!(items, 360);
    assert!(error < 50.0, "{error} % wrong, 90 % by chance");
}

#[test]
fn data_that_cannot_be_used_is_one_line() {
    let place = Place::new();
    place.write("notes.txt", "1,2\n");
    place.write("bad.csv", "a,label\n1,x\n,x\n");
    place.write("bad.npz", "no zip");
    place.write("images/cat/a.png", "no image");
    let before = place.files();
    for (args, code, words) in [
        (&["--data", "notes.txt"][..], 2, &["notes.txt", ".npz or .csv"][..]),
        (&["--data", "images", "--label", "kind"], 2, &["--label", "images"]),
        (&["--data", "bad.npz", "--label", "kind"], 2, &["--label", "bad.npz"]),
        (&["--data", "bad.csv"], 1, &["bad.csv, line 3, column \"a\"", "empty"]),
        (&["--data", "bad.npz"], 1, &["bad.npz", "not a readable .npz"]),
        (&["--data", "images"], 1, &["a.png", "not a readable PNG"]),
        (&["--data", "absent.npz"], 1, &["absent.npz"]),
    ] {
        place.compress(args).refused(code, words);
    }
    assert_eq!(place.files(), before, "files came or went");
    assert_eq!(place.compress(&["--label", "kind"]).code, Some(2));
}
