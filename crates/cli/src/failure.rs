//! How a command ends when it does not end well: one line on standard error, and the exit code.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use mixpress::report::printable;

/// The exit code of wrong usage.
const WRONG_USAGE: u8 = 2;
/// The exit code of an interrupted run: 128 and the number of SIGINT, as shells have it.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments, or a file of settings that they name, cannot be understood.
    Usage(anyhow::Error),
    /// Everything was understood, and did not work.
    Failed(anyhow::Error),
    /// The result on standard output is a bad one, and says so itself.
    Told,
    /// The user stopped the run.
    Interrupted {
        /// Its state is in this folder, if one could be written.
        state: Option<PathBuf>,
        /// The best file that a search had by then.
        best: Option<PathBuf>,
    },
}

impl Failure {
    /// The user stopped the run, and nothing is left of it.
    pub(crate) fn interrupted() -> Self {
        Self::Interrupted { state: None, best: None }
    }

    /// Wrong usage, described by a sentence.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(anyhow::Error::msg(message.into()))
    }

    /// A failure, described by a sentence.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(anyhow::Error::msg(message.into()))
    }

    /// Says on standard error what happened and returns the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::Usage(error) => {
                say("error", &chain(error));
                ExitCode::from(WRONG_USAGE)
            }
            Self::Failed(error) => {
                say("error", &chain(error));
                ExitCode::FAILURE
            }
            Self::Told => ExitCode::FAILURE,
            Self::Interrupted { state: Some(folder), best } => {
                let folder = folder.display();
                let best =
                    best.as_ref().map_or(String::new(), |best| format!("the best file so far is {}; ", best.display()));
                let text = format!(
                    "{best}the state of the run is in {folder}; the same command with --checkpoint {folder} --resume goes on"
                );
                say("interrupted", &text);
                ExitCode::from(INTERRUPTED)
            }
            Self::Interrupted { state: None, .. } => {
                say("interrupted", "nothing was saved");
                ExitCode::from(INTERRUPTED)
            }
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// Prints what `clap` has to say (an error, or the help or version that was asked for) and returns the exit code.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    // A reader that went away is no reason to complain.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(WRONG_USAGE) } else { ExitCode::SUCCESS }
}

/// One line on standard error; what it begins with is red on a terminal.
fn say(kind: &str, text: &str) {
    let mut stderr = io::stderr().lock();
    let line = if stderr.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) {
        format!("\x1b[1;31m{kind}:\x1b[0m {text}\n")
    } else {
        format!("{kind}: {text}\n")
    };
    let _ = stderr.write_all(line.as_bytes());
}

/// The error and its causes as one line, each cause once. It may name what a hostile file holds.
fn chain(error: &anyhow::Error) -> String {
    let mut told: Vec<String> = Vec::new();
    for cause in error.chain() {
        let cause = in_options(&one_line(&cause.to_string()));
        // Many libraries print their cause within their own message.
        if told.iter().any(|told| told.contains(&cause)) {
            continue;
        }
        // And some say what was said of them, with more after it.
        if told.last().is_some_and(|last| cause.starts_with(last.as_str())) {
            told.pop();
        }
        told.push(cause);
    }
    printable(&told.join(": ")).into_owned()
}

/// A message of a library that advises to call it otherwise, with what the program's user can do.
fn in_options(message: &str) -> String {
    if let Some((what, _)) = message.split_once("; raise Limits") {
        return format!("{what}, and no option raises it");
    }
    message.replace("WriteOptions::overwrite replaces it", "--force replaces it")
}

/// A message of several lines as one. Of the lines in which a parser draws the source, the source itself is kept
/// (`2 | text` becomes `text`, quoted), and what points into it is left out.
fn one_line(message: &str) -> String {
    let mut parts = Vec::new();
    for line in message.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.split_once('|') {
            Some((number, text)) if number.trim().parse::<usize>().is_ok() => parts.push(format!("`{}`", text.trim())),
            Some((margin, _)) if margin.trim().is_empty() => {}
            _ => parts.push(line.to_owned()),
        }
    }
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parser_s_drawing_becomes_one_line() {
        let message = "TOML parse error at line 2, column 1\n  |\n2 | colour = 1\n  | ^^^^^^\nunknown field `colour`\n";
        assert_eq!(one_line(message), "TOML parse error at line 2, column 1: `colour = 1`: unknown field `colour`");
    }

    #[test]
    fn a_bar_in_a_sentence_is_no_drawing() {
        assert_eq!(one_line("one of bash|zsh\n"), "one of bash|zsh");
    }

    #[test]
    fn advice_is_about_options_of_the_program() {
        let said = |error: mixpress::compress::Error| chain(&anyhow::Error::from(error).context("cannot do it"));
        let limit = mixpress::interchange::Error::Limit { what: "tensors", claimed: 9, limit: 8 };
        assert_eq!(
            said(limit.into()),
            "cannot do it: the model has 9 tensors, the limit is 8, and no option raises it"
        );
        let depth = mixpress::interchange::Error::Depth { path: "m.onnx".into(), offset: 7, limit: 8 };
        let entries = mixpress::codebook::Error::Limit { what: "entries", claimed: 9, limit: 8 };
        for text in [said(depth.into()), said(entries.into())] {
            assert!(
                text.ends_with("8, and no option raises it") || text.ends_with("8 deep, and no option raises it"),
                "{text}"
            );
        }
        let taken = mixpress::interchange::Error::Exists { path: "m.onnx".into() };
        assert_eq!(said(taken.into()), "cannot do it: m.onnx is there already; --force replaces it");
    }

    #[test]
    fn escape_codes_of_hostile_files_are_shown() {
        assert_eq!(chain(&anyhow::Error::msg("tensor \x1b[31mred")), "tensor \\u{1b}[31mred");
    }

    #[test]
    fn causes_are_said_once() {
        let io = anyhow::Error::msg("permission denied");
        assert_eq!(chain(&io.context("cannot write x: permission denied")), "cannot write x: permission denied");
        assert_eq!(chain(&anyhow::Error::msg("b").context("c")), "c: b");
        let twice = anyhow::Error::msg("cannot read x: not found").context("cannot read x").context("cannot verify y");
        assert_eq!(chain(&twice), "cannot verify y: cannot read x: not found");
    }
}
