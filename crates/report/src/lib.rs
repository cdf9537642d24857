//! The outcome of a compression as a table and as JSON.
