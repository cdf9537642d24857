//! Training steps of ours and of PyTorch's, taken in turns.

use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use serde::Serialize;

use crate::pytorch::PyTorch;
use crate::rounds::{median, seconds};
use crate::step::{Learner, NETWORKS};

/// PyTorch's threads wait busily for more work before they sleep; ours should not share the processor with them.
const PAUSE: Duration = Duration::from_millis(300);

/// One network, or one way to compute a prior.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// PyTorch's name for it.
    pub name: String,
    /// Median of a step.
    pub ours_ms: f64,
    /// The same in PyTorch.
    pub pytorch_ms: f64,
    /// The second beside the first: how many times as fast we are.
    pub ratio: f64,
}

/// All rows.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// The processor.
    pub cpu: String,
    /// Threads on either side.
    pub threads: usize,
    /// PyTorch's version.
    pub pytorch: String,
    /// Networks.
    pub rows: Vec<Row>,
}

impl Comparison {
    /// Takes steps in turns, `rounds` times.
    ///
    /// # Errors
    /// If PyTorch's process cannot be started or ends early.
    pub fn measure(python: &Path, rounds: usize, mut progress: impl FnMut(&str)) -> io::Result<Self> {
        let threads = rayon::current_num_threads();
        progress("PyTorch compiles its networks");
        let mut pytorch = PyTorch::start(python, threads)?;
        let mut subjects: Vec<Subject> = pytorch.networks().iter().map(|name| Subject::new(name)).collect();
        for round in 1..=rounds {
            progress(&format!("round {round} of {rounds}"));
            let mut theirs = pytorch.round()?;
            sleep(PAUSE);
            for subject in &mut subjects {
                let times = theirs.remove(&subject.name).unwrap_or_default();
                subject.ours.extend(times.iter().map(|_| 1e3 * seconds(|| subject.learner.step())));
                subject.theirs.extend(times);
            }
        }
        let row = |mut subject: Subject| {
            let (ours_ms, pytorch_ms) = (median(&mut subject.ours), median(&mut subject.theirs));
            Row { name: subject.name, ours_ms, pytorch_ms, ratio: pytorch_ms / ours_ms }
        };
        let rows = subjects.into_iter().map(row).collect();
        Ok(Self { cpu: crate::figures::cpu(), threads, pytorch: pytorch.version().to_owned(), rows })
    }
}

struct Subject {
    name: String,
    learner: Learner,
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

impl Subject {
    /// `name` is that of a network, and of how its prior is computed behind a space, if it has one.
    fn new(name: &str) -> Self {
        let network = name.split(' ').next().unwrap_or_default();
        let image = NETWORKS.iter().find(|(of, _)| *of == network).map_or(&[][..], |(_, image)| image);
        let mut learner =
            if name == network { Learner::new(network, image) } else { Learner::under_prior(network, image) };
        for _ in 0..3 {
            learner.step();
        }
        Self { name: name.to_owned(), learner, ours: Vec::new(), theirs: Vec::new() }
    }
}
