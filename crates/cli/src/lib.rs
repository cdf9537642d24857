//! The program mixpress: compress, evaluate, inspect, decompress.
