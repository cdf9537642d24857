//! The repository's own jobs: cargo xtask <command>.
