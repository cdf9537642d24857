//! Sparse networks as training leaves them, made from a seed: what the tests and the golden files are made of.
#![allow(dead_code, reason = "each test binary uses its part")]

pub mod trellis;

use mixpress_codebook::{
    AxisRef, Codebook, Container, Dtype, Entry, Metadata, PlainTensor, QuantizedTensor, UnitGroup,
};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

/// Uniform numbers and what is made of them.
pub struct Draw(ChaCha8Rng);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// In [0, 1).
    pub fn unit(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / 4_294_967_296.0
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }

    /// Roughly Beta(0.3, 5): a few large, most near zero.
    pub fn beta(&mut self) -> f64 {
        let x = self.unit().powf(1.0 / 0.3);
        let y = (0..5).map(|_| -self.unit().max(1e-12).ln()).sum::<f64>();
        x / (x + y * 0.5)
    }
}

/// Levels of a sparse layer: two on either side of zero.
pub const LEVELS: [f32; 5] = [-0.421_875, -0.199_218_75, 0.0, 0.203_125, 0.437_5];

/// A weight matrix of `rows` x `cols` with about `density` of it nonzero: row and column densities drawn from
/// Beta(0.3, 5), columns smoothed over an image of side `side` if there is one, signs that agree with their neighbours'.
pub fn sparse_matrix(draw: &mut Draw, rows: usize, cols: usize, density: f64, side: Option<usize>) -> Vec<u16> {
    let row: Vec<f64> = (0..rows).map(|_| draw.beta()).collect();
    let raw: Vec<f64> = (0..cols).map(|_| draw.beta()).collect();
    let col: Vec<f64> = (0..cols)
        .map(|c| match side {
            None => raw[c],
            Some(side) => {
                let (y, x) = ((c / side) as f64, (c % side) as f64);
                let centre = side as f64 / 2.0;
                let fall = (-((y - centre).powi(2) + (x - centre).powi(2)) / (0.08 * (side * side) as f64)).exp();
                (0..cols)
                    .filter(|&o| (o / side).abs_diff(c / side) <= 1 && (o % side).abs_diff(c % side) <= 1)
                    .map(|o| raw[o])
                    .sum::<f64>()
                    * fall
            }
        })
        .collect();
    let mean = row.iter().sum::<f64>() * col.iter().sum::<f64>() / (rows * cols) as f64;
    let mut out = vec![2u16; rows * cols];
    for r in 0..rows {
        let lean = draw.unit();
        for c in 0..cols {
            if draw.unit() < (density * row[r] * col[c] / mean).min(0.9) {
                let left = if c > 0 { out[r * cols + c - 1] } else { 2 };
                let negative = if side.is_some() && left != 2 { left < 2 } else { draw.unit() < lean };
                let large = draw.unit() < 0.35;
                out[r * cols + c] = match (negative, large) {
                    (true, true) => 0,
                    (true, false) => 1,
                    (false, false) => 3,
                    (false, true) => 4,
                };
            }
        }
    }
    out
}

fn tensor(name: &str, shape: &[usize], indices: Vec<u16>, axes: &[Option<AxisRef>]) -> QuantizedTensor {
    let book = Codebook::Values(LEVELS.to_vec());
    QuantizedTensor::new(name, shape, book, indices).unwrap().with_axes(axes).unwrap()
}

/// A bias on a grid of four bits, zero where no weight leads in.
fn bias(draw: &mut Draw, name: &str, weights: &[u16], units: usize, axis: Option<AxisRef>) -> QuantizedTensor {
    let fan_in = weights.len() / units;
    let indices = weights
        .chunks(fan_in)
        .map(|row| if row.iter().all(|&i| i == 2) { 7 } else { (draw.below(4) + draw.below(4) + draw.below(9)) as u16 })
        .collect();
    let book = Codebook::Grid { step: 0.062_5, bits: 4 };
    QuantizedTensor::new(name, [units], book, indices).unwrap().with_axes([axis]).unwrap()
}

/// Zeroes the weights of units that lack inputs (rows of `a`) or outputs (columns of `b`).
fn remove_idle(a: &mut [u16], b: &mut [u16], units: usize) {
    let width = a.len() / units;
    for unit in 0..units {
        let inputs = a[unit * width..(unit + 1) * width].iter().any(|&i| i != 2);
        let outputs = b.chunks(units).any(|row| row[unit] != 2);
        if !(inputs && outputs) {
            a[unit * width..(unit + 1) * width].fill(2);
            b.chunks_mut(units).for_each(|row| row[unit] = 2);
        }
    }
}

/// LeNet-300-100 with `density` of its weights left.
pub fn lenet_300_100(seed: u64, density: f64) -> Container {
    let mut draw = Draw::new(seed);
    let group = |g| Some(AxisRef::new(g));
    let mut fc1 = sparse_matrix(&mut draw, 300, 784, density, Some(28));
    let mut fc2 = sparse_matrix(&mut draw, 100, 300, density * 4.0, None);
    let mut fc3 = sparse_matrix(&mut draw, 10, 100, 0.25, None);
    // A unit without inputs or without outputs has neither.
    for _ in 0..3 {
        remove_idle(&mut fc1, &mut fc2, 300);
        remove_idle(&mut fc2, &mut fc3, 100);
    }
    let entries: Vec<Entry> = vec![
        tensor("fc1.weight", &[300, 784], fc1.clone(), &[group(1), group(0)]).into(),
        bias(&mut draw, "fc1.bias", &fc1, 300, group(1)).into(),
        tensor("fc2.weight", &[100, 300], fc2.clone(), &[group(2), group(1)]).into(),
        bias(&mut draw, "fc2.bias", &fc2, 100, group(2)).into(),
        tensor("fc3.weight", &[10, 100], fc3.clone(), &[group(3), group(2)]).into(),
        bias(&mut draw, "fc3.bias", &fc3, 10, group(3)).into(),
    ];
    let groups = vec![UnitGroup::pixels(1, 28, 28), UnitGroup::new(300), UnitGroup::new(100), UnitGroup::new(10)];
    let mut container = Container { entries, groups, ..Container::default() };
    container.sort_units(&[1, 2]);
    container
}

/// A small convolutional network whose structure no reader knows by number, with kernels, a flattened feature map, vectors
/// that are not sorted, and all kinds of metadata.
fn convolutional() -> Container {
    let mut draw = Draw::new(7);
    let group = |g| Some(AxisRef::new(g));
    let mut conv = |name: &str, shape: [usize; 4], axes: [Option<AxisRef>; 2], density: f64| {
        let (rows, cols) = (shape[0], shape[1] * shape[2] * shape[3]);
        let indices = sparse_matrix(&mut draw, rows, cols, density, None);
        tensor(name, &shape, indices, &[axes[0], axes[1], None, None])
    };
    let conv1 = conv("conv1.weight", [6, 1, 5, 5], [group(0), None], 0.4);
    let conv2 = conv("features.3.weight", [10, 6, 3, 3], [group(1), group(0)], 0.1);
    let fc = sparse_matrix(&mut draw, 20, 90, 0.05, None);
    let fc_bias = bias(&mut draw, "fc.bias", &fc, 20, group(2));
    let single = QuantizedTensor::from_values("scale", [], &[0.1]).unwrap();
    let line: Vec<u16> = (0..60).map(|_| [2, 2, 2, 2, 1, 3][draw.below(6)]).collect();
    let entries: Vec<Entry> = vec![
        conv1.into(),
        conv2.into(),
        tensor("fc.weight", &[20, 90], fc, &[group(2), Some(AxisRef::repeated(1, 9))]).into(),
        fc_bias.into(),
        single.into(),
        tensor("temporal.weight", &[4, 3, 5], line, &[None; 3]).into(),
        PlainTensor::from_f32("norm.weight", [4], &[1.0, 0.1, -2.5, 1.0e-20]).unwrap().into(),
        PlainTensor::from_f32("norm.bias", [3], &[0.5, 0.0, -1.0]).unwrap().into(),
        PlainTensor::from_bytes("steps", [2], Dtype::I64, (0..16).collect()).unwrap().into(),
        PlainTensor::from_bytes("nothing", [0, 4], Dtype::U8, vec![]).unwrap().into(),
    ];
    let metadata = Metadata {
        recipe: Some(b"prior = 0.25\nlevels = 9\n".to_vec()),
        seed: Some(u64::MAX - 1),
        float_error: Some(59),
        error: Some(98),
        extra: vec![("task".into(), "Ziffern, 28 \u{d7} 28".into()), (String::new(), String::new())],
    };
    let definition = Some(b"[[layer]]\nkind = \"conv\"\n\n[[layer]]\nkind = \"dense\"\n".to_vec());
    let groups = vec![UnitGroup::new(6), UnitGroup::new(10), UnitGroup::new(20)];
    let mut container = Container { entries, groups, definition, metadata, ..Container::default() };
    container.sort_units(&[0, 1, 2]);
    container
}

/// Large and dense tensors, each in a section of its own.
fn dense() -> Container {
    let mut draw = Draw::new(11);
    let book = |n: i32, unit: f32| Codebook::Values((0..n).map(|i| (i - n / 2) as f32 * unit).collect());
    let skewed: Vec<u16> = (0..20_000).map(|_| (draw.unit() * draw.unit() * 16.0) as u16).collect();
    let short: Vec<u16> = (0..4000).map(|_| (draw.unit() * draw.unit() * 32.0) as u16).collect();
    let flat: Vec<u16> = (0..3000).map(|_| draw.below(128) as u16).collect();
    let grid: Vec<u16> = (0..300).map(|_| draw.below(255) as u16).collect();
    // Sixty-four lanes, and two blocks; rarely anything but one value, so that the file stays small.
    let mut rare = |count: usize, levels: usize| -> Vec<u16> {
        let mut index = || if draw.below(100) > 0 { 3 } else { draw.below(levels) as u16 };
        (0..count).map(|_| index()).collect()
    };
    let lanes = rare(131_100, 40);
    let blocks = rare((1 << 20) + 20_000, 5);
    let plain: Vec<f32> = (0..700).map(|_| draw.unit() as f32).collect();
    // Pairs, of the last ones of which some are no pair.
    let pairs: Vec<u16> = (0..131_211).map(|_| (draw.unit() * draw.unit() * 3.0) as u16).collect();
    let axes = [None, Some(AxisRef::new(0))];
    let entries: Vec<Entry> = vec![
        QuantizedTensor::new("skewed", [100, 200], book(16, 0.1), skewed).unwrap().into(),
        QuantizedTensor::new("short", [40, 100], book(32, 0.125), short).unwrap().with_axes(axes).unwrap().into(),
        QuantizedTensor::new("flat", [3000], book(128, 0.3), flat).unwrap().into(),
        QuantizedTensor::new("lanes", [131_100], book(40, 0.25), lanes).unwrap().into(),
        QuantizedTensor::new("blocks", [(1 << 20) + 20_000], book(5, 0.5), blocks).unwrap().into(),
        QuantizedTensor::new("pairs", [131_211], book(3, 0.75), pairs).unwrap().into(),
        QuantizedTensor::new("grid", [300], Codebook::Grid { step: 0.001_953_125, bits: 8 }, grid).unwrap().into(),
        PlainTensor::from_f32("plain", [700], &plain).unwrap().into(),
        PlainTensor::rounded_to_f16("half", [7, 100], &plain).unwrap().into(),
    ];
    let definition = Some((0..70_000u32).map(|i| (i.wrapping_mul(i) >> 9) as u8).collect());
    Container { entries, groups: vec![UnitGroup::new(100)], definition, ..Container::default() }
}

/// Plain tensors of all types, most of them in planes, with blocks of every kind.
fn plain() -> Container {
    let mut draw = Draw::new(17);
    let mut weights = |count: usize| -> Vec<f32> {
        (0..count).map(|_| (0..4).map(|_| 0.1 * (draw.unit() - 0.5)).sum::<f64>() as f32).collect()
    };
    let weight = weights(1200);
    let halves: Vec<f32> = weights(900).iter().map(|&v| half::f16::from_f32(v).to_f32()).collect();
    let upper: Vec<u8> = weights(1100).iter().flat_map(|&v| half::bf16::from_f32(v).to_le_bytes()).collect();
    let complex: Vec<u8> = weights(400).iter().flat_map(|v| v.to_le_bytes()).collect();
    let double: Vec<u8> = weights(300).iter().flat_map(|&v| f64::from(v).sqrt().abs().to_le_bytes()).collect();
    let noise: Vec<u8> = weights(700).iter().map(|v| v.to_le_bytes()[0]).collect();
    let ids: Vec<u8> = weights(500).iter().flat_map(|&v| i64::from((v * 1000.0) as i16).to_le_bytes()).collect();
    // Two chunks, the first all zeros.
    let mut mask = vec![0; (1 << 16) + 1500];
    weights(1500).iter().zip(&mut mask[1 << 16..]).for_each(|(&v, m)| *m = u8::from(v > 0.05));
    let text = "the plain tensor of an outer model; ".repeat(60).into_bytes();
    let small = |count: u8| (0..count).map(|i| i.wrapping_mul(37)).collect::<Vec<u8>>();
    let bytes = |name: &str, shape: &[usize], dtype, data: Vec<u8>| {
        Entry::from(PlainTensor::from_bytes(name, shape, dtype, data).unwrap())
    };
    let entries = vec![
        PlainTensor::from_f32("single", [40, 30], &weight).unwrap().into(),
        PlainTensor::from_f32("half exact", [900], &halves).unwrap().into(),
        PlainTensor::rounded_to_f16("half", [1200], &weight).unwrap().into(),
        bytes("upper half", &[1100], Dtype::Bf16, upper),
        bytes("complex", &[200], Dtype::Complex64, complex),
        bytes("double", &[300], Dtype::F64, double.clone()),
        bytes("double complex", &[150], Dtype::Complex128, double),
        bytes("ids", &[500], Dtype::I64, ids),
        bytes("mask", &[(1 << 16) + 1500], Dtype::Bool, mask),
        bytes("text", &[text.len()], Dtype::U8, text),
        bytes("noise", &[700], Dtype::F8E4M3Fn, noise.clone()),
        bytes("packed", &[1400], Dtype::Bytes, noise.repeat(2)),
        bytes("f8 a", &[3, 5], Dtype::F8E5M2, small(15)),
        bytes("f8 b", &[9], Dtype::F8E8M0, small(9)),
        bytes("f8 c", &[9], Dtype::F8E4M3Fnuz, small(9)),
        bytes("f8 d", &[9], Dtype::F8E5M2Fnuz, small(9)),
    ];
    Container { entries, ..Container::default() }
}

/// The containers of the golden files, by name.
pub fn golden_containers() -> Vec<(&'static str, Container)> {
    let mut lenet = lenet_300_100(0, 0.008);
    lenet.definition = Some(vec![1, 2]);
    lenet.metadata = Metadata { seed: Some(1), float_error: Some(127), error: Some(186), ..Metadata::default() };
    vec![
        ("empty", Container::default()),
        ("lenet-300-100", lenet),
        ("convolutional", convolutional()),
        ("dense", dense()),
        ("plain", plain()),
        ("trellis", trellis::mixed()),
        ("trellis-blocks", trellis::blocks()),
        ("trellis-bases", trellis::bases()),
        ("trellis-small", trellis::small()),
    ]
}

/// What a container holds, one line a fact.
pub fn summary(container: &Container) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    let bytes = |bytes: &[u8]| format!("{} bytes, crc32 {:08x}", bytes.len(), crc32fast::hash(bytes));
    let optional = |data: Option<&Vec<u8>>| data.map_or("none".to_owned(), |d| bytes(d));
    let number = |n: Option<u64>| n.map_or("none".to_owned(), |n| n.to_string());
    let m = &container.metadata;
    writeln!(out, "definition {}", optional(container.definition.as_ref())).unwrap();
    writeln!(out, "recipe {}", optional(m.recipe.as_ref())).unwrap();
    writeln!(out, "seed {}", number(m.seed)).unwrap();
    writeln!(out, "float error {}", number(m.float_error.map(u64::from))).unwrap();
    writeln!(out, "error {}", number(m.error.map(u64::from))).unwrap();
    for (key, value) in &m.extra {
        writeln!(out, "extra {}; {}", bytes(key.as_bytes()), bytes(value.as_bytes())).unwrap();
    }
    for (number, entry) in container.entries.iter().enumerate() {
        let of_values = |values: Vec<f32>| values.into_iter().flat_map(f32::to_le_bytes).collect();
        let (dtype, data) = match entry {
            Entry::Quantized(t) => ("q".to_owned(), of_values(t.values())),
            Entry::Trellis(_) => ("t".to_owned(), of_values(container.values(number).unwrap())),
            Entry::Plain(t) => ((t.dtype() as u8).to_string(), t.data().to_vec()),
        };
        let shape: Vec<String> = entry.shape().iter().map(usize::to_string).collect();
        writeln!(out, "tensor {} {dtype} [{}] {}", entry.name(), shape.join(","), bytes(&data)).unwrap();
    }
    out
}
