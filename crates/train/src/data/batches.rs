//! The batches of an epoch: a keyed order of the samples, and network inputs written into memory that is used again.

use super::{Augmentation, Dataset, Shifts};
use crate::random::{Purpose, permutation, stream};

/// How batches are drawn from a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchConfig {
    /// Samples in a batch; a smaller data set is one batch.
    pub size: usize,
    /// What is done to the samples of each epoch.
    pub augmentation: Augmentation,
    /// Seed of the order and of the augmentation.
    pub seed: u64,
}

/// The batches of one epoch.
///
/// Every sample comes at most once; those left over by the last whole batch wait for the next epoch, whose order is
/// another. Batches are at random access, and each is a function of seed, epoch and position alone.
///
/// ```
/// use mixpress_train::{Augmentation, BatchConfig, Batches, digits};
///
/// let data = digits().train;
/// let config = BatchConfig { size: 128, augmentation: Augmentation::None, seed: 1 };
/// let batches = Batches::new(&data, &config, 0);
/// assert_eq!(batches.len(), data.len() / 128);
/// let mut inputs = vec![0.0; batches.size() * data.features()];
/// let mut labels = vec![0; batches.size()];
/// batches.fill(0, None, &mut inputs, &mut labels);
/// ```
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    data: &'a Dataset,
    order: Vec<usize>,
    shifts: Option<Shifts>,
    size: usize,
}

impl<'a> Batches<'a> {
    /// The batches of `epoch`.
    ///
    /// # Panics
    /// When the batch size is 0.
    #[must_use]
    #[track_caller]
    pub fn new(data: &'a Dataset, config: &BatchConfig, epoch: u64) -> Self {
        assert!(config.size > 0, "a batch has at least one sample");
        let order = permutation(data.len(), &mut stream(config.seed, Purpose::Shuffle, 0, epoch));
        let shifts = match config.augmentation {
            Augmentation::None => None,
            Augmentation::Shift => Some(Shifts::draw(data.len(), config.seed, epoch)),
        };
        Self { data, order, shifts, size: config.size.min(data.len()) }
    }

    /// Number of batches, at least 1.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "an epoch has at least one batch")]
    pub fn len(&self) -> usize {
        self.order.len() / self.size
    }

    /// Samples in each batch.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// The samples of a batch, as positions in the data set.
    ///
    /// # Panics
    /// When there are not so many batches.
    #[must_use]
    #[track_caller]
    pub fn samples(&self, batch: usize) -> &[usize] {
        assert!(batch < self.len(), "batch {batch} of {}", self.len());
        &self.order[batch * self.size..(batch + 1) * self.size]
    }

    /// Writes a batch: `inputs` as `[size, features]`, or `[size, keep.len()]` when only the features in `keep` are wanted,
    /// and one label a sample.
    ///
    /// # Panics
    /// When there are not so many batches, or a slice has another length.
    #[track_caller]
    pub fn fill(&self, batch: usize, keep: Option<&[usize]>, inputs: &mut [f32], labels: &mut [u32]) {
        let samples = self.samples(batch);
        assert_eq!(labels.len(), samples.len(), "one label a sample");
        self.data.fill_shifted(samples, self.shifts.as_ref(), keep, inputs);
        for (label, &sample) in labels.iter_mut().zip(samples) {
            *label = self.data.labels()[sample];
        }
    }
}

/// An endless sequence of batches by number, epoch after epoch.
///
/// Step `t` of a run is the same batch whether or not the run was interrupted before it: there is no state to save.
#[derive(Clone, Debug)]
pub struct Feed<'a> {
    config: BatchConfig,
    epoch: u64,
    batches: Batches<'a>,
}

impl<'a> Feed<'a> {
    /// The sequence of all epochs of `data`.
    ///
    /// # Panics
    /// When the batch size is 0.
    #[must_use]
    #[track_caller]
    pub fn new(data: &'a Dataset, config: BatchConfig) -> Self {
        Self { batches: Batches::new(data, &config, 0), epoch: 0, config }
    }

    /// Samples in each batch.
    #[must_use]
    pub fn size(&self) -> usize {
        self.batches.size()
    }

    /// Batches in an epoch.
    #[must_use]
    pub fn batches_an_epoch(&self) -> u64 {
        self.batches.len() as u64
    }

    /// The epoch in which a step falls.
    #[must_use]
    pub fn epoch_of(&self, step: u64) -> u64 {
        step / self.batches_an_epoch()
    }

    /// The samples of the batch of the step that was written last, or of another of its epoch.
    ///
    /// # Panics
    /// When the step is of another epoch.
    #[must_use]
    #[track_caller]
    pub fn samples(&self, step: u64) -> &[usize] {
        assert_eq!(self.epoch_of(step), self.epoch, "step {step} is of another epoch");
        self.batches.samples((step % self.batches_an_epoch()) as usize)
    }

    /// Writes the batch of a step; see [`Batches::fill`]. Steps in order are cheap; a jump to another epoch draws its order.
    ///
    /// # Panics
    /// When a slice has another length.
    #[track_caller]
    pub fn fill(&mut self, step: u64, keep: Option<&[usize]>, inputs: &mut [f32], labels: &mut [u32]) {
        let (epoch, batch) = (self.epoch_of(step), step % self.batches_an_epoch());
        if epoch != self.epoch {
            self.batches = Batches::new(self.batches.data, &self.config, epoch);
            self.epoch = epoch;
        }
        self.batches.fill(batch as usize, keep, inputs, labels);
    }
}
