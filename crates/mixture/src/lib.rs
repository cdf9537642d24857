//! The Gaussian mixture prior over weights as pure math on slices.
