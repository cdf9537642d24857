//! Trellis-coded tensors made from a seed: numbers about as large as their scales say, that follow the trellis.

use mixpress_codebook::{
    Container, Dtype, Entry, PlainTensor, QuantizedTensor,
    trellis::{
        Basis, Patch, Prediction, PredictionSource, Trellis, TrellisMatrix, TrellisSettings, TrellisTensor, classes,
    },
};

use super::Draw;

/// How a matrix is made.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Rows and columns as they are coded.
    pub coded: [usize; 2],
    pub is_transposed: bool,
    /// About the logarithm to base 2 of the largest numbers.
    pub size: i32,
    /// Columns in a hundred that are not all zeros.
    pub busy: usize,
    /// Entries in a thousand that have a patch.
    pub patched: usize,
}

impl Kind {
    pub fn new(coded: [usize; 2], size: i32) -> Self {
        Self { coded, is_transposed: false, size, busy: 100, patched: 0 }
    }
}

/// A matrix whose columns follow the trellis.
pub fn matrix(draw: &mut Draw, trellis: Trellis, kind: Kind) -> TrellisMatrix {
    let Kind { coded: [rows, columns], is_transposed, size, busy, patched } = kind;
    let row_scales: Vec<i16> = (0..rows).map(|_| 4 * size as i16 - 8 + draw.below(5) as i16).collect();
    let is_busy: Vec<bool> = (0..columns).map(|_| draw.below(100) < busy).collect();
    let column_scales: Vec<i16> =
        is_busy.iter().map(|&is_busy| if is_busy { draw.below(4) as i16 } else { -30 }).collect();
    let mut states = vec![0u32; columns];
    let (mut numbers, mut patches) = (Vec::new(), Vec::new());
    for position in 0..(rows * columns) as u64 {
        let column = position as usize % columns;
        let sum: f64 = (0..3).map(|_| 2.0 * draw.unit() - 1.0).sum();
        let sum = if is_busy[column] { (sum * 2f64.powi(size) / 2.0) as i32 } else { 0 };
        let number = 2 * (sum / 2) + (states[column] & 1) as i32;
        states[column] = trellis.next(states[column], number);
        numbers.push(number as i16);
        if draw.below(1000) < patched {
            patches.push(Patch { position, number: draw.below(200_000) as i32 - 100_000 });
        }
    }
    let step = (1 + draw.below(1000)) as f32 * 1e-4;
    let (prediction, bases) = (None, Vec::new());
    TrellisMatrix { rows, columns, is_transposed, step, row_scales, column_scales, numbers, patches, prediction, bases }
}

/// With a prediction from the matrix of this number in its section.
pub fn predicted(draw: &mut Draw, matrix: TrellisMatrix, partner: usize) -> TrellisMatrix {
    let gains = (0..matrix.rows).map(|_| draw.below(40) as i8 - 20).collect();
    TrellisMatrix { prediction: Some(Prediction { source: PredictionSource::Matrix(partner), gains }), ..matrix }
}

/// With rows that are predicted from earlier ones, most of them.
pub fn of_own_rows(draw: &mut Draw, matrix: TrellisMatrix) -> TrellisMatrix {
    let (mut references, mut gains) = (Vec::new(), Vec::new());
    for row in 0..matrix.rows {
        let gain = if row == 0 { 0 } else { draw.below(9) as i8 - 3 };
        references.push(if gain == 0 { 0 } else { draw.below(row) as u32 });
        gains.push(gain);
    }
    TrellisMatrix { prediction: Some(Prediction { source: PredictionSource::Rows(references), gains }), ..matrix }
}

/// With a basis of their own for the rows from each of these on, every other one turned.
pub fn in_bases(draw: &mut Draw, matrix: TrellisMatrix, starts: &[usize]) -> TrellisMatrix {
    let mut basis = |(place, &first_row): (usize, &usize)| Basis {
        first_row,
        is_turned: place % 2 == 0,
        scales: (0..matrix.columns).map(|_| draw.below(4) as i16).collect(),
    };
    let bases = starts.iter().enumerate().map(&mut basis).collect();
    TrellisMatrix { bases, ..matrix }
}

/// A tensor of two axes.
pub fn tensor(name: &str, matrix: TrellisMatrix) -> Entry {
    TrellisTensor::new(name, matrix.shape(), matrix).unwrap().into()
}

/// The settings that suit the trellis-coded tensors among these.
pub fn settings(trellis: Trellis, entries: &[Entry]) -> Option<TrellisSettings> {
    let matrices = entries.iter().filter_map(|entry| match entry {
        Entry::Trellis(tensor) => Some(tensor.matrix()),
        _ => None,
    });
    let scales: Vec<(&[i16], &[i16])> = matrices.map(|m| (&m.row_scales[..], &m.column_scales[..])).collect();
    let (lowest, count) = classes(&scales);
    (!scales.is_empty()).then(|| TrellisSettings::new(trellis, lowest, count).unwrap())
}

/// A container of such tensors.
pub fn container(trellis: Trellis, entries: Vec<Entry>) -> Container {
    Container { trellis: settings(trellis, &entries), entries, ..Container::default() }
}

/// Trellis-coded tensors of all kinds among others, two of which have sections: eight lanes.
pub fn mixed() -> Container {
    let mut draw = Draw::new(23);
    let trellis = Trellis::new(8).unwrap();
    let kind = Kind::new([90, 61], 4);
    let first = matrix(&mut draw, trellis, kind);
    let turned = matrix(&mut draw, trellis, Kind { is_transposed: true, size: 5, ..kind });
    let second = matrix(&mut draw, trellis, Kind { is_transposed: true, ..kind });
    let second = predicted(&mut draw, second, 1);
    let third = matrix(&mut draw, trellis, Kind { is_transposed: true, size: 3, ..kind });
    let third = predicted(&mut draw, third, 0);
    let patched = matrix(&mut draw, trellis, Kind { patched: 60, ..Kind::new([40, 50], 4) });
    let tiny = matrix(&mut draw, trellis, Kind::new([2, 1], 2));
    let kernels = matrix(&mut draw, trellis, Kind::new([12, 8 * 3 * 3], 6));
    let noise: Vec<u8> = (0..1500).map(|_| draw.below(256) as u8).collect();
    let ids: Vec<f32> = (0..4000).map(|_| (draw.unit() * draw.unit() * 16.0).floor() as f32 - 3.0).collect();
    let entries = vec![
        tensor("layers.0.proj.weight", first),
        PlainTensor::from_bytes("noise", [1500], Dtype::U8, noise.clone()).unwrap().into(),
        tensor("layers.0.turned.weight", turned),
        tensor("layers.1.turned.weight", second),
        QuantizedTensor::from_values("codes", [40, 100], &ids).unwrap().into(),
        tensor("layers.1.proj.weight", third),
        TrellisTensor::new("conv1.weight", [12, 8, 3, 3], kernels).unwrap().into(),
        tensor("fc.weight", tiny),
        tensor("patched", patched),
        PlainTensor::from_bytes("more noise", [500, 3], Dtype::I8, noise).unwrap().into(),
    ];
    container(trellis, entries)
}

/// A section of all lanes and two blocks, most of whose columns are zeros, with rows that predict others.
pub fn blocks() -> Container {
    let mut draw = Draw::new(29);
    let trellis = Trellis::new(256).unwrap();
    let wide = matrix(&mut draw, trellis, Kind { busy: 6, patched: 1, ..Kind::new([1100, 1000], 3) });
    let turned = matrix(&mut draw, trellis, Kind { is_transposed: true, busy: 20, ..Kind::new([77, 70], 4) });
    let turned = of_own_rows(&mut draw, turned);
    let table = matrix(&mut draw, trellis, Kind { busy: 30, patched: 30, ..Kind::new([90, 130], 4) });
    let table = of_own_rows(&mut draw, table);
    container(trellis, vec![tensor("wide", wide), tensor("turned", turned), tensor("table", table)])
}

/// Matrices whose rows have bases: alone, turned and with rows that predict others, predicted by another matrix.
pub fn bases() -> Container {
    let mut draw = Draw::new(37);
    let trellis = Trellis::new(256).unwrap();
    let plain = matrix(&mut draw, trellis, Kind { patched: 2, ..Kind::new([290, 37], 4) });
    let plain = in_bases(&mut draw, plain, &[64, 128, 256]);
    let turned = matrix(&mut draw, trellis, Kind { is_transposed: true, ..Kind::new([100, 9], 3) });
    let turned = of_own_rows(&mut draw, turned);
    let turned = in_bases(&mut draw, turned, &[64]);
    let same = matrix(&mut draw, trellis, Kind { is_transposed: true, ..Kind::new([290, 37], 2) });
    let same = predicted(&mut draw, same, 0);
    let same = in_bases(&mut draw, same, &[128]);
    container(trellis, vec![tensor("plain", plain), tensor("turned", turned), tensor("same", same)])
}

/// A section of a single lane.
pub fn small() -> Container {
    let mut draw = Draw::new(31);
    let trellis = Trellis::new(4).unwrap();
    let one = matrix(&mut draw, trellis, Kind::new([1, 1], 2));
    let row = matrix(&mut draw, trellis, Kind { patched: 300, ..Kind::new([3, 7], 9) });
    container(trellis, vec![tensor("fc1.weight", one), tensor("fc2.weight", row)])
}
