//! The same training steps in PyTorch, by a child process that takes some steps whenever it is asked to.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A process that has PyTorch's networks ready.
pub struct PyTorch {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    hello: Hello,
}

#[derive(Deserialize)]
struct Hello {
    version: String,
    networks: Vec<String>,
}

impl PyTorch {
    /// Starts `python`, which has PyTorch, on so many threads, and waits until its networks are compiled and warm.
    ///
    /// # Errors
    /// If it cannot be started or ends early.
    pub fn start(python: &Path, threads: usize) -> io::Result<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/pytorch/steps.py");
        let mut child = Command::new(python)
            .args([script, "--threads", &threads.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(questions), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the child has no pipes"));
        };
        let mut answers = BufReader::new(answers);
        let hello = read(&mut answers)?;
        Ok(Self { child, questions, answers, hello })
    }

    /// PyTorch's version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.hello.version
    }

    /// What it has ready: names of networks, those with a prior with what kind.
    #[must_use]
    pub fn networks(&self) -> &[String] {
        &self.hello.networks
    }

    /// Milliseconds of some steps of each network.
    ///
    /// # Errors
    /// If the process has ended.
    pub fn round(&mut self) -> io::Result<BTreeMap<String, Vec<f64>>> {
        writeln!(self.questions)?;
        self.questions.flush()?;
        read(&mut self.answers)
    }
}

impl Drop for PyTorch {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read<T: DeserializeOwned>(answers: &mut impl BufRead) -> io::Result<T> {
    let mut line = String::new();
    if answers.read_line(&mut line)? == 0 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "PyTorch's process has ended; what it says is above"));
    }
    Ok(serde_json::from_str(&line)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_ends_or_says_nonsense_is_an_error() {
        assert_eq!(read::<Hello>(&mut &b""[..]).err().map(|error| error.kind()), Some(io::ErrorKind::UnexpectedEof));
        assert!(read::<Hello>(&mut &b"Traceback\n"[..]).is_err());
        let hello: Hello = read(&mut &b"{\"version\": \"2\", \"networks\": [\"a\"]}\n"[..]).unwrap();
        assert_eq!((hello.version.as_str(), hello.networks.len()), ("2", 1));
    }
}
