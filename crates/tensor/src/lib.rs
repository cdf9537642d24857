//! Reverse-mode automatic differentiation over dense tensors, the numeric core of mixpress.
