//! A table of figures, as text.

use comfy_table::{CellAlignment, presets};

/// Columns without borders. The first is text, the others are figures and stand to the right.
#[derive(Debug)]
pub struct Table(comfy_table::Table);

impl Table {
    /// A table without rows.
    pub fn new(header: &[&str]) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_header(header);
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        Self(table)
    }

    /// Adds a row.
    pub fn add_row<const N: usize>(&mut self, row: [String; N]) {
        self.0.add_row(row);
    }

    /// The text, without a line break at its end.
    pub fn text(&self) -> String {
        self.0.trim_fmt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_to_the_right() {
        let mut table = Table::new(&["model", "bits"]);
        table.add_row(["a.onnx".into(), "4.000".into()]);
        table.add_row(["b".into(), "12.5".into()]);
        assert_eq!(table.text(), " model    bits\n a.onnx  4.000\n b        12.5");
    }
}
