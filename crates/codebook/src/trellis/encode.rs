//! The writer's side: the model of the numbers, the head, then blocks of interleaved symbols, last to first.

use rayon::prelude::*;

use super::{
    Model, Patch, Trellis, TrellisMatrix,
    fit::fit,
    head::{HeadCoder, Hold, MatrixHead, SectionHead},
    layout::{Strip, blocks, lanes},
    model::{ClassTables, LARGEST},
};
use crate::{
    Error,
    range_coder::Encoder,
    rans::{LOWER, Step},
};

/// Numbers of a class in a table of steps: even ones from `-SPAN` on and odd ones alike.
const SPAN: usize = 256;

/// The bytes of a section that holds these matrices. `model` is the one that their numbers were chosen by: the
/// section's own has the same classes, and the parameters that suit the numbers best.
///
/// # Errors
/// [`Error::TrellisMatrix`] naming the first matrix that is none, or whose columns do not follow the trellis.
pub fn encode(matrices: &[TrellisMatrix], trellis: Trellis, model: Model) -> Result<Vec<u8>, Error> {
    for (number, matrix) in matrices.iter().enumerate() {
        matrix.check(trellis, number, &matrices[..number])?;
    }
    Ok(encode_checked(matrices, trellis, model)?.bytes)
}

/// A section, and what its readers hold of it.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    /// Bytes that a reader holds from the opening on.
    pub(crate) held: u64,
}

/// [`encode`] for matrices that were checked.
pub(crate) fn encode_checked(matrices: &[TrellisMatrix], trellis: Trellis, model: Model) -> Result<Encoded, Error> {
    let model = fit(matrices, model.validated()?);
    let tables: Vec<ClassTables> = (0..usize::from(model.classes)).map(|class| model.tables(class)).collect();
    let mut held = 0;
    let mut hold = |bytes: u64| {
        held += bytes;
        Ok(())
    };
    let head = head(matrices, SectionHead { trellis, model }, &tables, &mut hold)?;
    let shapes: Vec<[usize; 2]> = matrices.iter().map(|matrix| [matrix.rows, matrix.columns]).collect();
    let steps = steps(&tables);
    let lanes = lanes(&shapes);
    let coder = BlockWriter { matrices, model, tables: &tables, steps: &steps, lanes };
    let coded: Vec<Vec<u8>> =
        blocks(&shapes, |matrix| matrices[matrix].partner()).par_iter().map(|strips| coder.block(strips)).collect();
    let mut out = Vec::with_capacity(8 + head.len() + coded.iter().map(|block| block.len() + 4).sum::<usize>());
    out.extend((head.len() as u32).to_le_bytes());
    out.extend(head);
    out.extend(coded[..coded.len() - 1].iter().flat_map(|block| (block.len() as u32).to_le_bytes()));
    for block in &coded {
        out.extend_from_slice(block);
    }
    Ok(Encoded { bytes: out, held })
}

/// The head of a section, in which numbers that tables lack are patches.
fn head(
    matrices: &[TrellisMatrix],
    section: SectionHead,
    tables: &[ClassTables],
    hold: Hold<'_>,
) -> Result<Vec<u8>, Error> {
    let mut coder = Encoder::new();
    HeadCoder::section(&mut coder, section)?;
    let mut models = HeadCoder::new();
    let mut heads = Vec::with_capacity(matrices.len());
    for (number, matrix) in matrices.iter().enumerate() {
        let patches = all_patches(matrix, section.model, tables);
        if patches.len() > TrellisMatrix::most_patches(matrix.numbers.len()) {
            let rule = "one entry in eight has one; the step is too fine";
            return Err(Error::TrellisMatrix { matrix: number, what: "patches", found: patches.len(), rule });
        }
        let head = MatrixHead {
            rows: matrix.rows,
            columns: matrix.columns,
            is_transposed: matrix.is_transposed,
            step: matrix.step,
            row_scales: matrix.row_scales.clone(),
            column_scales: matrix.column_scales.clone(),
            patches,
            prediction: matrix.prediction.clone(),
            bases: matrix.bases.clone(),
        };
        let head = models.matrix(&mut coder, matrix.shape(), &head, &heads, hold)?;
        heads.push(head);
    }
    Ok(coder.finish())
}

/// The patches of a matrix and those of numbers that tables lack.
fn all_patches(matrix: &TrellisMatrix, model: Model, tables: &[ClassTables]) -> Vec<Patch> {
    let mut given = matrix.patches.iter().copied().peekable();
    let mut all = Vec::new();
    for (row, numbers) in matrix.numbers.chunks_exact(matrix.columns.max(1)).enumerate() {
        let scales = matrix.scales_at(row);
        for (column, &number) in numbers.iter().enumerate() {
            let position = (row * matrix.columns + column) as u64;
            if let Some(patch) = given.next_if(|patch| patch.position == position) {
                all.push(patch);
                continue;
            }
            // Every table has the smallest numbers.
            if number.unsigned_abs() > 3 {
                let tables = &tables[model.class(matrix.row_scales[row], scales[column])];
                if tables.nearest(i32::from(number)) != i32::from(number) {
                    all.push(Patch { position, number: i32::from(number) });
                }
            }
        }
    }
    all
}

/// What coding each number of each class takes, at `2 * SPAN * class + SPAN + number`.
fn steps(tables: &[ClassTables]) -> Vec<Step> {
    const { assert!(LARGEST < SPAN as i32, "numbers of a class are within its span") };
    let mut steps = vec![Step::default(); 2 * SPAN * tables.len()];
    for (tables, steps) in tables.iter().zip(steps.chunks_exact_mut(2 * SPAN)) {
        for (z, frequencies) in tables.frequencies.iter().enumerate() {
            let first = SPAN as i32 - tables.largest + z as i32;
            for (place, step) in Step::all(frequencies).into_iter().enumerate() {
                steps[first as usize + 2 * place] = step;
            }
        }
    }
    steps
}

/// What all blocks share.
struct BlockWriter<'a> {
    matrices: &'a [TrellisMatrix],
    model: Model,
    tables: &'a [ClassTables],
    steps: &'a [Step],
    lanes: usize,
}

impl BlockWriter<'_> {
    fn block(&self, strips: &[Strip]) -> Vec<u8> {
        let entries: usize = strips.iter().map(|strip| strip.width * self.matrices[strip.matrix].rows).sum();
        // A word a symbol at most, and one that is written but not kept.
        let mut words = vec![0u16; entries + 1];
        let mut free = words.len();
        let mut states = vec![LOWER; self.lanes];
        for strip in strips.iter().rev() {
            let matrix = &self.matrices[strip.matrix];
            for (row, &scale) in matrix.row_scales.iter().enumerate().rev() {
                let numbers = &matrix.numbers[row * matrix.columns + strip.first..][..strip.width];
                let columns = &matrix.scales_at(row)[strip.first..][..strip.width];
                for ((&number, &column), state) in numbers.iter().zip(columns).zip(&mut states).rev() {
                    let class = self.model.class(scale, column);
                    let nearest = self.tables[class].nearest(i32::from(number));
                    let step = &self.steps[2 * SPAN * class + (SPAN as i32 + nearest) as usize];
                    step.code(state, &mut words, &mut free);
                }
            }
        }
        let words = &words[free..];
        let mut out = Vec::with_capacity(4 * self.lanes + 2 * words.len());
        out.extend(states.iter().flat_map(|x| x.to_le_bytes()));
        out.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        out
    }
}
