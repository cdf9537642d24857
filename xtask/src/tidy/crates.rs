//! The folders of the crates, and the rule that each has a README and says what it is about.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::Finding;

/// The folders with a package: those of `crates`, then `xtask` and `benches`, in alphabetical order each.
pub fn folders(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let crates = root.join("crates");
    let mut folders: Vec<PathBuf> = fs::read_dir(&crates)
        .with_context(|| format!("cannot read {}", crates.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    folders.sort();
    folders.extend([root.join("xtask"), root.join("benches")]);
    folders.retain(|folder| folder.join("Cargo.toml").is_file());
    Ok(folders)
}

/// The manifest of a package, parsed.
pub fn manifest(folder: &Path) -> anyhow::Result<toml::Table> {
    let path = folder.join("Cargo.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    text.parse().with_context(|| format!("cannot parse {}", path.display()))
}

/// A README, a description, and the workspace's lints in every package.
pub fn check(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for folder in folders(root)? {
        let shown = folder.strip_prefix(root).unwrap_or(&folder).display();
        let manifest = manifest(&folder)?;
        if fs::read_to_string(folder.join("README.md")).map_or(true, |text| text.trim().is_empty()) {
            findings.push(format!("{shown}: no README.md; say what the crate is, who it is for, and show an example"));
        }
        let has = |table: &str, key: &str| manifest.get(table).and_then(|table| table.get(key)).is_some();
        if !has("package", "description") {
            findings.push(format!("{shown}/Cargo.toml: no description"));
        }
        if !has("lints", "workspace") {
            findings.push(format!("{shown}/Cargo.toml: no `[lints] workspace = true`"));
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_package_is_found_wanting() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let folder = root.path().join("crates/bare");
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("Cargo.toml"), "[package]\nname = \"bare\"\n").expect("a manifest");
        let findings = check(root.path()).expect("readable");
        assert_eq!(findings.len(), 3, "{findings:?}");
        assert!(findings.iter().all(|finding| finding.starts_with("crates/bare")));
    }
}
