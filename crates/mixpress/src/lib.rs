//! Compress neural networks with a Gaussian-mixture prior: the facade of the mixpress crates.
