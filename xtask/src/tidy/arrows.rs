//! The arrows between crates: who may import whom, read from the manifests.

use std::path::Path;

use super::{Finding, crates};

/// Who may import whom, by the names of packages without `mixpress-`; the table of `docs/architecture.md`.
const ARROWS: [(&str, &[&str]); 18] = [
    ("parallel", &[]),
    ("simd", &[]),
    ("testing", &[]),
    ("arrays", &[]),
    ("tensor", &["parallel", "simd"]),
    ("mixture", &["parallel", "simd"]),
    ("codebook", &["parallel", "simd"]),
    ("network", &["tensor"]),
    ("quantize", &["mixture", "codebook", "parallel", "simd"]),
    ("train", &["tensor", "mixture", "network", "arrays", "parallel", "simd"]),
    ("interchange", &["codebook"]),
    ("runtime", &["interchange", "arrays"]),
    (
        "compress",
        &["tensor", "mixture", "codebook", "network", "quantize", "train", "interchange", "runtime", "parallel"],
    ),
    ("report", &["compress"]),
    (
        "mixpress",
        &[
            "tensor",
            "mixture",
            "codebook",
            "network",
            "quantize",
            "train",
            "interchange",
            "arrays",
            "compress",
            "report",
        ],
    ),
    ("cli", &["mixpress"]),
    ("xtask", &["cli"]),
    (
        "benches",
        &[
            "tensor", "mixture", "codebook", "network", "quantize", "train", "compress", "report", "mixpress",
            "parallel", "simd",
        ],
    ),
];

/// Every arrow that the table does not have.
pub fn check(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for folder in crates::folders(root)? {
        let shown = folder.strip_prefix(root).unwrap_or(&folder).join("Cargo.toml");
        let manifest = crates::manifest(&folder)?;
        findings.extend(of_manifest(&manifest).into_iter().map(|finding| format!("{}: {finding}", shown.display())));
    }
    Ok(findings)
}

/// What one manifest imports and must not.
fn of_manifest(manifest: &toml::Table) -> Vec<Finding> {
    let package = manifest.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
    let name = short(package.unwrap_or_default());
    let Some((_, allowed)) = ARROWS.iter().find(|(crate_name, _)| *crate_name == name) else {
        return vec![format!("{name} is not in the table of crates; say in docs/architecture.md whom it may import")];
    };
    let mut findings = Vec::new();
    for (kind, import) in imports(manifest) {
        let for_tests = kind == "dev-dependencies" && import == "testing";
        if !for_tests && !allowed.contains(&import.as_str()) {
            findings.push(format!("{name} may not import {import}; a type that it needs lives in the wrong room"));
        }
    }
    findings
}

/// The workspace's crates among the dependencies of a manifest, each with the table that it stands in.
fn imports(manifest: &toml::Table) -> Vec<(&'static str, String)> {
    let mut tables = vec![manifest];
    if let Some(targets) = manifest.get("target").and_then(toml::Value::as_table) {
        tables.extend(targets.values().filter_map(toml::Value::as_table));
    }
    let mut found = Vec::new();
    for table in tables {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(dependencies) = table.get(kind).and_then(toml::Value::as_table) else { continue };
            for (key, value) in dependencies {
                // A renamed dependency says its real name.
                let name = value.get("package").and_then(toml::Value::as_str).unwrap_or(key);
                if name == "mixpress" || name == "xtask" || name.starts_with("mixpress-") {
                    found.push((kind, short(name).to_owned()));
                }
            }
        }
    }
    found
}

fn short(package: &str) -> &str {
    package.strip_prefix("mixpress-").unwrap_or(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<Finding> {
        of_manifest(&text.parse().expect("TOML"))
    }

    #[test]
    fn arrows_of_the_table_are_fine() {
        let network = "[package]\nname = 'mixpress-network'\n[dependencies]\nmixpress-tensor.workspace = true\nserde = '1'\n\
                       [dev-dependencies]\nmixpress-testing.workspace = true\n";
        assert_eq!(findings(network), Vec::<Finding>::new());
    }

    #[test]
    fn arrows_upwards_sideways_or_hidden_are_found() {
        let tensor = "[package]\nname = 'mixpress-tensor'\n[dependencies]\nmixpress-mixture.workspace = true\n\
                      [dev-dependencies]\nm = { package = 'mixpress', path = 'x' }\n\
                      [target.'cfg(unix)'.dependencies]\nmixpress-network.workspace = true\n";
        let found = findings(tensor);
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn helpers_of_tests_stay_in_tests() {
        let tensor = "[package]\nname = 'mixpress-tensor'\n[dependencies]\nmixpress-testing.workspace = true\n";
        assert_eq!(findings(tensor).len(), 1);
    }

    #[test]
    fn a_crate_that_nobody_knows_is_found() {
        assert_eq!(findings("[package]\nname = 'mixpress-new'\n").len(), 1);
    }

    #[test]
    fn the_table_has_no_way_back() {
        // Every crate comes after all that it may import, so there can be no circle.
        for (position, (name, allowed)) in ARROWS.iter().enumerate() {
            for import in *allowed {
                assert!(ARROWS[..position].iter().any(|(earlier, _)| earlier == import), "{name} imports {import}");
            }
        }
    }
}
