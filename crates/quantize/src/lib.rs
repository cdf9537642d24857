//! From trained layers to quantised tensors: pruning, codebooks, bit widths.
