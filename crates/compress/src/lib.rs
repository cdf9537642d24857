//! The compression method end to end: recipe, compressor, outcome.
