//! Golden files: reference values that another program made, as plain text.
//!
//! A file is a list of cases. A line `case NAME` opens one; every other line is a named tensor, `NAME [2, 3] 0.5 1e-3 ...`,
//! its shape in brackets and its elements in row-major order. Empty lines and lines that start with `#` say nothing.

use std::path::Path;

/// The cases of a golden file, in the file's order.
#[derive(Clone, Debug, PartialEq)]
pub struct Golden {
    cases: Vec<Case>,
}

/// A case: named tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    name: String,
    tensors: Vec<(String, Vec<usize>, Vec<f64>)>,
}

impl Golden {
    /// Reads a golden file.
    ///
    /// # Panics
    ///
    /// When it cannot be read or a line is not as described above: a test without its data must fail.
    #[must_use]
    #[track_caller]
    pub fn read(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()));
        Self::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// Parses the text of a golden file.
    ///
    /// # Errors
    ///
    /// A sentence that names the line and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut cases: Vec<Case> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what: &str| format!("line {}: {what}", number + 1);
            if let Some(name) = line.strip_prefix("case ") {
                cases.push(Case { name: name.trim().to_owned(), tensors: Vec::new() });
                continue;
            }
            let case = cases.last_mut().ok_or_else(|| wrong("a tensor before the first case"))?;
            let (name, rest) = line.split_once('[').ok_or_else(|| wrong("no shape"))?;
            let (shape, values) = rest.split_once(']').ok_or_else(|| wrong("a shape without its end"))?;
            let dimensions = shape.split(',').map(str::trim).filter(|d| !d.is_empty());
            let shape: Vec<usize> =
                dimensions.map(str::parse).collect::<Result<_, _>>().map_err(|e| wrong(&format!("shape: {e}")))?;
            let values: Vec<f64> = values
                .split_whitespace()
                .map(str::parse)
                .collect::<Result<_, _>>()
                .map_err(|e| wrong(&format!("values: {e}")))?;
            if values.len() != shape.iter().product::<usize>() {
                return Err(wrong(&format!("{} values for shape {shape:?}", values.len())));
            }
            case.tensors.push((name.trim().to_owned(), shape, values));
        }
        Ok(Self { cases })
    }

    /// All cases.
    #[must_use]
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// The case of that name.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn case(&self, name: &str) -> &Case {
        self.cases.iter().find(|case| case.name == name).unwrap_or_else(|| panic!("no case {name}"))
    }
}

impl Case {
    /// The name of the case.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Shape and elements of the tensor of that name.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn tensor(&self, name: &str) -> (&[usize], &[f64]) {
        self.get(name).unwrap_or_else(|| panic!("case {} has no tensor {name}", self.name))
    }

    /// Shape and elements of the tensor of that name, if there is one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<(&[usize], &[f64])> {
        self.tensors.iter().find(|tensor| tensor.0 == name).map(|(_, shape, values)| (&shape[..], &values[..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_and_tensors_are_found_by_name() {
        let golden =
            Golden::parse("# made by hand\ncase one\nx [2, 1] 1 -2.5e-1\ns [] 7\n\ncase two\nx [0]\n").unwrap();
        assert_eq!(golden.case("one").tensor("x"), (&[2, 1][..], &[1.0, -0.25][..]));
        assert_eq!(golden.case("one").tensor("s"), (&[][..], &[7.0][..]));
        assert_eq!(golden.case("two").tensor("x"), (&[0][..], &[][..]));
        assert_eq!(golden.case("two").get("y"), None);
        assert_eq!(golden.cases().iter().map(Case::name).collect::<Vec<_>>(), ["one", "two"]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, message) in [
            ("x [1] 1", "line 1: a tensor before the first case"),
            ("case a\n\nx [2] 1", "line 3: 1 values for shape [2]"),
            ("case a\nx 1", "line 2: no shape"),
            ("case a\nx [1 1", "line 2: a shape without its end"),
        ] {
            assert_eq!(Golden::parse(text), Err(message.to_owned()));
        }
        assert!(Golden::parse("case a\nx [1] y").unwrap_err().starts_with("line 2: values"));
        assert!(Golden::parse("case a\nx [-1] 1").unwrap_err().starts_with("line 2: shape"));
    }
}
