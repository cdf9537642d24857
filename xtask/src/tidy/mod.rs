//! `cargo xtask tidy`: the house keeps its own rules.
//!
//! Each rule is a function from the repository to the places where it is broken; all are checked before anything is said.

mod arrows;
mod crates;
mod sources;

use anyhow::bail;

use crate::repository;

/// A place where a rule is broken, and what to do about it.
type Finding = String;

/// Checks every rule; an error tells how many places break one, after each was printed.
pub fn run() -> anyhow::Result<()> {
    let root = repository::root();
    let mut findings = arrows::check(&root)?;
    findings.extend(crates::check(&root)?);
    findings.extend(sources::check(&root)?);
    for finding in &findings {
        eprintln!("{finding}");
    }
    if !findings.is_empty() {
        bail!("{} places break a rule of docs/architecture.md", findings.len());
    }
    Ok(())
}
