//! Strategies, tolerances and golden-file helpers that the tests of mixpress share.
