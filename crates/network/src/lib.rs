//! Layered network definitions in Rust and TOML, lowered to one graph with named parameters.
