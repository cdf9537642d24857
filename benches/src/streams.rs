//! Streams of quantised weights that the file format is measured on, each from a fixed seed.

use mixpress::codebook::{Codebook, Container, QuantizedTensor};
use ndarray_rand::rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Weights of the large streams.
pub const DENSE: usize = 11_000_000;
/// Weights of the sparse stream: those of LeNet-300-100.
pub const SPARSE: usize = 266_200;

/// A stream of indices into equally spaced levels, zero among them.
#[derive(Clone, Debug)]
pub struct Stream {
    /// What it is, in a word or two.
    pub name: &'static str,
    /// Matrices: rows, columns and their indices, row by row.
    pub matrices: Vec<(usize, usize, Vec<u16>)>,
    /// Number of levels.
    pub levels: usize,
    /// The level that is zero.
    pub zero: usize,
}

impl Stream {
    fn of_one(name: &'static str, levels: usize, zero: usize, indices: Vec<u16>) -> Self {
        let rows = if indices.len().is_multiple_of(1000) { 1000 } else { 100 };
        Self { name, matrices: vec![(rows, indices.len() / rows, indices)], levels, zero }
    }

    /// Number of weights.
    #[must_use]
    pub fn len(&self) -> usize {
        self.matrices.iter().map(|(_, _, indices)| indices.len()).sum()
    }

    /// Whether there is no weight.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entropy of the indices of all matrices together, each by itself, in bits a weight: what no coder goes below that
    /// codes them without looking at others.
    #[must_use]
    pub fn entropy(&self) -> f64 {
        let mut counts = vec![0u64; self.levels];
        self.matrices.iter().flat_map(|(_, _, indices)| indices).for_each(|&index| counts[usize::from(index)] += 1);
        let total = self.len() as f64;
        let bits =
            counts.iter().filter(|&&count| count > 0).map(|&count| -(count as f64) * (count as f64 / total).log2());
        bits.sum::<f64>() / total
    }

    /// A container of the matrices.
    ///
    /// # Panics
    /// If an index is not below the number of levels.
    #[must_use]
    pub fn container(&self) -> Container {
        let step = 1.0 / 32.0;
        let values: Vec<f32> = (0..self.levels).map(|i| (i as f32 - self.zero as f32) * step).collect();
        let tensor = |(number, (rows, columns, indices)): (usize, &(usize, usize, Vec<u16>))| {
            let name = format!("fc{}.weight", number + 1);
            QuantizedTensor::new(name, [*rows, *columns], Codebook::Values(values.clone()), indices.clone())
                .expect("indices below the number of levels")
                .into()
        };
        Container { entries: self.matrices.iter().enumerate().map(tensor).collect(), ..Container::default() }
    }

    /// The indices of all matrices, a byte each: what general compressors are given.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.matrices.iter().flat_map(|(_, _, indices)| indices.iter().map(|&index| index as u8)).collect()
    }
}

/// 11 M independent weights of a Gaussian, each on the nearest of 16 equally spaced levels.
///
/// The spacing of 0.335 standard deviations is the one with the least squared error (J. Max, *Quantizing for minimum
/// distortion*, 1960, table II).
#[must_use]
pub fn dense() -> Stream {
    let mut rng = ChaCha8Rng::seed_from_u64(16);
    let index = |normal: f64| ((normal / 0.3352 + 7.5).round().clamp(0.0, 15.0)) as u16;
    Stream::of_one("dense", 16, 8, (0..DENSE).map(|_| index(normal(&mut rng))).collect())
}

/// 11 M independent weights: 60 % zeros, the others of a Gaussian on 31 equally spaced levels of which zero is one, so that
/// the levels reach 2.8 standard deviations on either side.
#[must_use]
pub fn pruned() -> Stream {
    let mut rng = ChaCha8Rng::seed_from_u64(31);
    let indices = (0..DENSE).map(|_| {
        let normal = normal(&mut rng);
        if rng.random_bool(0.6) { 15 } else { (normal * 5.357 + 15.0).round().clamp(0.0, 30.0) as u16 }
    });
    Stream::of_one("pruned", 31, 15, indices.collect())
}

/// 266,200 independent weights: 95 % zeros, the others on 15 further levels with Laplacian probabilities.
#[must_use]
pub fn sparse() -> Stream {
    let mut rng = ChaCha8Rng::seed_from_u64(95);
    let indices = (0..SPARSE).map(|_| if rng.random_bool(0.95) { 7 } else { nonzero(&mut rng) });
    Stream::of_one("sparse", 16, 7, indices.collect())
}

/// The matrices of LeNet-300-100, 95 % zeros: a weight is nonzero with a probability in proportion to the densities of
/// its row and of its column, both drawn from Beta(0.3, 5); values as in [`sparse`].
#[must_use]
pub fn structured() -> Stream {
    let mut rng = ChaCha8Rng::seed_from_u64(300);
    let matrices = [(300, 784), (100, 300), (10, 100)].map(|(rows, columns)| {
        let row: Vec<f64> = (0..rows).map(|_| beta(&mut rng)).collect();
        let column: Vec<f64> = (0..columns).map(|_| beta(&mut rng)).collect();
        let scale = scale(&row, &column, 0.05);
        let mut indices = Vec::with_capacity(rows * columns);
        for r in &row {
            for c in &column {
                let is_nonzero = rng.random_bool((scale * r * c).min(1.0));
                indices.push(if is_nonzero { nonzero(&mut rng) } else { 7 });
            }
        }
        (rows, columns, indices)
    });
    Stream { name: "structured", matrices: matrices.into(), levels: 16, zero: 7 }
}

/// The factor by which products of densities, bounded by 1, come to a share of `density` on average.
fn scale(row: &[f64], column: &[f64], density: f64) -> f64 {
    let mean = |scale: f64| -> f64 {
        let sum: f64 = row.iter().flat_map(|r| column.iter().map(move |c| (scale * r * c).min(1.0))).sum();
        sum / (row.len() * column.len()) as f64
    };
    let (mut low, mut high) = (0.0, 1.0);
    while mean(high) < density && high < 1e12 {
        high *= 2.0;
    }
    for _ in 0..50 {
        let middle = 0.5 * (low + high);
        if mean(middle) < density { low = middle } else { high = middle }
    }
    high
}

/// A level other than 7 of 16: a Laplacian's magnitude, and a sign.
fn nonzero(rng: &mut ChaCha8Rng) -> u16 {
    let magnitude = 1 + (-2.5 * uniform(rng).ln()) as u16;
    if rng.random_bool(0.5) { 7 + magnitude.min(8) } else { 7 - magnitude.min(7) }
}

/// In (0, 1].
fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    (f64::from(rng.next_u32()) + 1.0) / 4_294_967_296.0
}

/// A standard normal number (G. Box and M. Muller, 1958).
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (radius, angle) = (uniform(rng), uniform(rng));
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

/// Of Beta(0.3, 5): `x / (x + y)` of two gamma variates (M. Jöhnk, 1964, for the first; the second has a whole shape).
fn beta(rng: &mut ChaCha8Rng) -> f64 {
    const SHAPE: f64 = 0.3;
    let x = loop {
        let (u, v) = (uniform(rng).powf(1.0 / SHAPE), uniform(rng).powf(1.0 / (1.0 - SHAPE)));
        if u + v <= 1.0 {
            break -uniform(rng).ln() * u / (u + v);
        }
    };
    let y: f64 = (0..5).map(|_| -uniform(rng).ln()).sum();
    x / (x + y)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sparsity(stream: &Stream) -> f64 {
        let zeros = stream.matrices.iter().flat_map(|(_, _, indices)| indices);
        zeros.filter(|&&index| usize::from(index) == stream.zero).count() as f64 / stream.len() as f64
    }

    #[test]
    fn sparse_streams_are_as_sparse_as_they_say() {
        let sparse = sparse();
        assert_eq!(sparse.len(), SPARSE);
        assert!((sparsity(&sparse) - 0.95).abs() < 0.002, "{}", sparsity(&sparse));
        assert!((0.42..0.47).contains(&sparse.entropy()), "{}", sparse.entropy());
        let structured = structured();
        assert_eq!(structured.len(), SPARSE);
        assert!((sparsity(&structured) - 0.95).abs() < 0.004, "{}", sparsity(&structured));
        assert_eq!(structured.container().entries.len(), 3);
    }

    #[test]
    fn densities_have_the_mean_and_the_variance_of_their_distribution() {
        let mut rng = crate::generator();
        let draws: Vec<f64> = (0..20_000).map(|_| beta(&mut rng)).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let square = draws.iter().map(|x| x * x).sum::<f64>() / draws.len() as f64;
        let (a, b) = (0.3, 5.0);
        let expected = a / (a + b);
        let variance = expected * (1.0 - expected) / (a + b + 1.0);
        assert!((mean - expected).abs() < 0.003, "{mean} {expected}");
        assert!((square - mean * mean - variance).abs() < 0.002, "{} {variance}", square - mean * mean);
    }
}
