//! Data sets, optimisers and the training phases of mixpress, joint objective included.
