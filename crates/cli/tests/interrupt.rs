//! Stopped by a signal and resumed: the same bytes as a run that nobody stopped.
#![cfg(unix)]

mod common;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, Stdio};

use common::{Ended, Place, hash, interrupt};

/// Starts `compress` with the arguments and sends it SIGINT when it has told of its `rounds`-th round.
fn interrupted(place: &Place, args: &[&str], rounds: usize) -> Ended {
    let fixed = ["compress", "--recipe", "short.toml", "-v"];
    let mut child = place.start(fixed.iter().chain(args));
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut text = String::new();
    for _ in 0..rounds {
        stderr.read_line(&mut text).expect("a line");
    }
    interrupt(&child);
    stderr.read_to_string(&mut text).expect("text");
    let output = child.wait_with_output().expect("the program ends");
    Ended { code: output.status.code(), stdout: String::from_utf8_lossy(&output.stdout).into_owned(), stderr: text }
}

#[test]
fn a_stopped_run_goes_on_to_the_same_bytes() {
    let place = Place::new();
    place.compress(&["--quiet", "-o", "whole.mxp"]).done();
    // In each of the phases that follow the first, second and third round.
    for rounds in 1..=3 {
        let (out, state) = (format!("{rounds}.mxp"), format!("state{rounds}"));
        let ended = interrupted(&place, &["-o", &out, "--checkpoint", &state], rounds);
        assert_eq!(ended.code, Some(130), "{}", ended.stderr);
        assert!(ended.stderr.contains("--resume"), "{}", ended.stderr);
        assert!(!place.path(&out).exists(), "an interrupted run writes no file");
        place.compress(&["--quiet", "-o", &out, "--checkpoint", &state, "--resume", "--threads", "1"]).done();
        assert_eq!(hash(&place.path(&out)), hash(&place.path("whole.mxp")), "stopped after round {rounds}");
    }
}

#[test]
fn without_a_checkpoint_the_state_is_saved_beside_the_output() {
    let place = Place::new();
    let ended = interrupted(&place, &["-o", "a.mxp"], 2);
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    assert!(ended.stderr.contains("a.mxp.checkpoint"), "{}", ended.stderr);
    place.compress(&["--quiet", "-o", "a.mxp", "--checkpoint", "a.mxp.checkpoint", "--resume"]).done();
    place.compress(&["--quiet", "-o", "whole.mxp"]).done();
    assert_eq!(hash(&place.path("a.mxp")), hash(&place.path("whole.mxp")));
}

#[test]
fn a_run_does_not_begin_where_it_could_cost_the_state_of_a_stopped_one() {
    let place = Place::new();
    assert_eq!(interrupted(&place, &["-o", "a.mxp"], 2).code, Some(130));
    let files = place.files();
    place.compress(&["-o", "a.mxp"]).refused(1, &["a.mxp.checkpoint", "--resume", "--force"]);
    assert_eq!(place.files(), files);
    let budget = ["-o", "a.mxp", "--checkpoint", "a.mxp.checkpoint", "--resume", "--max-error", "9"];
    place.compress(&budget).refused(1, &["a run without a budget"]);
    place.compress(&["--quiet", "-o", "a.mxp", "--force"]).done();
}

/// Starts a run behind `sh -c`, which does as `prelude` says first; returns it when it has told of its first round.
fn started_after(place: &Place, prelude: &str, out: &str) -> (Child, BufReader<ChildStderr>) {
    let script = format!("{prelude}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_mixpress")]);
    command.args(["compress", "--recipe", "short.toml", "-v", "-o", out]).current_dir(place.path(""));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("sh starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    stderr.read_line(&mut String::new()).expect("a line");
    (child, stderr)
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "kill -{name}");
}

#[test]
fn what_hangs_up_ends_a_run_unless_somebody_asked_otherwise() {
    let place = Place::new();
    let (mut child, mut stderr) = started_after(&place, "trap '' HUP", "kept.mxp");
    signal(&child, "HUP");
    stderr.read_to_string(&mut String::new()).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(0), "as nohup has it");
    assert!(place.path("kept.mxp").exists());

    // Whoever runs the tests may have asked so: then it cannot be told from here what happens otherwise.
    let asked = Command::new("sh").args(["-c", "kill -HUP $$; echo alive"]).output().expect("sh starts");
    if asked.stdout == b"alive\n" {
        return;
    }
    let (mut child, mut stderr) = started_after(&place, ":", "lost.mxp");
    signal(&child, "HUP");
    stderr.read_to_string(&mut String::new()).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
}

#[test]
fn a_signal_that_comes_twice_at_once_is_one() {
    let place = Place::new();
    let (mut child, mut stderr) = started_after(&place, ":", "a.mxp");
    for _ in 0..3 {
        signal(&child, "TERM");
    }
    let mut text = String::new();
    stderr.read_to_string(&mut text).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{text}");
    assert!(place.path("a.mxp.checkpoint").is_dir(), "{text}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::new();
    let mut child = place.start(["compress", "--help"]);
    drop(child.stdout.take());
    let ended = Ended::from(child.wait_with_output().expect("the program ends"));
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    assert_eq!(ended.code, Some(0));
}
