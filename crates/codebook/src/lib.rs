//! Quantised tensors and the compact .mxp file: encode, decode.
