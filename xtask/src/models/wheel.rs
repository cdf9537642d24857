//! A wheel of a pinned version, and whether a file is that wheel.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

/// A wheel of Python's package index.
#[derive(Clone, Copy, Debug)]
pub struct Wheel {
    /// The package.
    pub package: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The SHA-256 of the file, in lower-case hexadecimal digits.
    pub sha256: &'static str,
}

impl Wheel {
    /// What pip is asked for.
    pub fn requirement(&self) -> String {
        format!("{}=={}", self.package, self.version)
    }

    /// The name of the folder for its contents; another version has another.
    pub fn folder(&self) -> String {
        format!("{}-{}", self.package, self.version)
    }

    /// Fails if a file is not this wheel, byte for byte.
    ///
    /// # Errors
    /// With both sums; or if the file cannot be read.
    pub fn check(&self, file: &Path) -> anyhow::Result<()> {
        let found = sha256(file)?;
        if found != self.sha256 {
            let (file, requirement, pinned) = (file.display(), self.requirement(), self.sha256);
            bail!("{file} is not the wheel of {requirement} that is pinned: its SHA-256 is {found} and not {pinned}");
        }
        Ok(())
    }
}

/// The SHA-256 of a file in hexadecimal digits.
fn sha256(path: &Path) -> anyhow::Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Sha256::digest(bytes).iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-2, appendix B.1: the sum of the three bytes `abc`.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn only_the_pinned_bytes_will_do() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let file = root.path().join("a.whl");
        let wheel = Wheel { package: "a", version: "1.0", sha256: ABC };
        fs::write(&file, "abc").expect("a file");
        assert!(wheel.check(&file).is_ok());
        fs::write(&file, "abd").expect("a file");
        let error = wheel.check(&file).unwrap_err().to_string();
        assert!(error.contains("a==1.0") && error.contains(ABC), "{error}");
        assert!(wheel.check(&root.path().join("b.whl")).is_err());
    }
}
