//! Searches for the smallest file: what the program says of them, killed at random moments, stopped by a signal or by time.
#![cfg(unix)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use common::{Ended, Place, hash, interrupt};

/// A search of a few seconds: short phases, and a budget that some of its files keep.
const SEARCH: [&str; 6] = ["compress", "--recipe", "short.toml", "--max-error-increase", "4", "--force"];

fn search(place: &Place, args: &[&str]) -> Ended {
    place.run(SEARCH.iter().chain(args))
}

/// Pseudo-random numbers (xorshift), so that the moments differ and are the same each time.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn killed_ten_times_it_ends_with_the_same_bytes() {
    let place = Place::new();
    let begun = Instant::now();
    search(&place, &["--quiet", "-o", "whole.mxp"]).done();
    let whole = u64::try_from(begun.elapsed().as_millis()).expect("a short time");
    let mut state = 20_261_130;
    let mut args = vec!["--quiet", "-o", "killed.mxp", "--checkpoint", "state"];
    for kill in 0..10 {
        let mut child = place
            .command(SEARCH.iter().chain(&args))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        // Each time a tenth of the search on average, so that all of its parts are killed some time.
        thread::sleep(Duration::from_millis(20 + random(&mut state) % (whole / 5).max(1)));
        // SIGKILL: nobody can prepare for it.
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        let is_kept = fs::read_dir(place.path("state")).is_ok_and(|files| {
            files.flatten().any(|file| file.path().extension().is_some_and(|ending| ending == "safetensors"))
        });
        assert!(is_kept || kill < 9, "nothing was kept");
        if is_kept && !args.contains(&"--resume") {
            args.push("--resume");
        }
    }
    search(&place, &args).done();
    assert_eq!(hash(&place.path("killed.mxp")), hash(&place.path("whole.mxp")));
}

#[test]
fn a_stopped_search_keeps_its_best_file_and_says_how_to_go_on() {
    let place = Place::new();
    let mut child = place.start(SEARCH.iter().chain(&["-o", "a.mxp"]));
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut text = String::new();
    // The second file was made.
    while text.matches(" bytes (").count() < 2 {
        assert_ne!(stderr.read_line(&mut text).expect("a line"), 0, "{text}");
    }
    interrupt(&child);
    stderr.read_to_string(&mut text).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{text}");
    let last = text.lines().last().expect("a last line");
    for word in ["a.mxp.checkpoint/best.mxp", "--checkpoint a.mxp.checkpoint --resume"] {
        assert!(last.contains(word), "{last}");
    }
    place.run(["inspect", "a.mxp.checkpoint/best.mxp"]).done();
    search(&place, &["-q", "-o", "a.mxp", "--checkpoint", "a.mxp.checkpoint", "--resume"]).done();
    search(&place, &["-q", "-o", "b.mxp", "--threads", "1"]).done();
    assert_eq!(hash(&place.path("a.mxp")), hash(&place.path("b.mxp")));
}

#[test]
fn all_files_of_a_search_can_be_had_and_repeated() {
    let place = Place::new();
    let ended = search(&place, &["-o", "a.mxp", "--frontier", "files", "--json"]).done();
    let outcome: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let points = outcome["frontier"].as_array().expect("a list");
    assert!(points.len() >= 6);
    let chosen = points.iter().find(|point| point["is_chosen"] == true).expect("one is chosen");
    assert_eq!(outcome["judgement"]["is_kept"], chosen["is_within"]);
    assert_eq!(ended.stderr.lines().filter(|line| line.contains("validation error")).count(), points.len());
    let table = fs::read_to_string(place.path("files/frontier.csv")).expect("a table");
    for (line, point) in table.lines().skip(1).zip(points) {
        let fields: Vec<&str> = line.split(',').collect();
        let file = place.path(&format!("files/{}", fields[0]));
        assert_eq!(Some(fs::metadata(file).expect("a file").len()), point["file_bytes"].as_u64());
        assert_eq!(point["file_bytes"].to_string(), fields[1]);
    }
    let text = search(&place, &["-q", "-o", "a.mxp"]).done().stdout;
    assert!(text.contains("at most +4.00 points") && text.contains("held-out samples"), "{text}");
    place.run(["compress", "-o", "c.mxp", "--max-error", "5", "--frontier", "files"]).refused(1, &["files", "--force"]);
    // Of a shorter search, too, only its own files are there afterwards.
    let named = |table: &str| table.lines().count() - 1;
    search(&place, &["-q", "-o", "a.mxp", "--frontier", "files", "--seed", "1"]).done();
    let table = fs::read_to_string(place.path("files/frontier.csv")).expect("a table");
    assert_eq!(fs::read_dir(place.path("files")).expect("a folder").count(), 1 + named(&table));
}

#[test]
fn time_ends_a_search() {
    let place = Place::new();
    search(&place, &["-q", "-o", "a.mxp", "--time-limit", "0s"]).refused(1, &["time limit", "first file"]);
    assert!(!place.path("a.mxp").exists() && !place.path("a.mxp.checkpoint").exists());
    misused(&search(&place, &["-q", "-o", "a.mxp", "--time-limit", "10"]), &["--time-limit", "unit"]);
    misused(&place.run(["compress", "-o", "a.mxp", "--time-limit", "1h"]), &["--max-error"]);
}

/// The program says what is wrong with its arguments, and how they are meant.
#[track_caller]
fn misused(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    for word in words {
        assert!(ended.stderr.contains(word), "no {word:?} in {}", ended.stderr);
    }
}

#[test]
fn budgets_are_for_networks_that_are_trained_here() {
    let place = Place::new();
    place.write("m.safetensors", b"");
    for budget in ["--max-error", "--max-error-increase"] {
        misused(&place.run(["compress", "m.safetensors", budget, "1"]), &[budget, "MODEL"]);
    }
    misused(&place.run(["compress", "--max-error", "1", "--max-error-increase", "1"]), &["--max-error"]);
    search(&place, &["-q", "-o", "a.mxp", "--snr", "3"]).refused(2, &["--snr", "MODEL"]);
    misused(&search(&place, &["--print-recipe"]), &["--print-recipe"]);
    place.run(["compress", "--max-error", "101", "-o", "a.mxp"]).refused(2, &["101", "percent"]);
}
