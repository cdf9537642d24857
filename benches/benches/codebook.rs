//! How long does it take to fit codebooks to a whole model? 22 million weights in 15 tensors.
#![allow(missing_docs, reason = "criterion's macros make items without any")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mixpress::quantize::{fit_codebook, fit_weighted_codebook};
use mixpress_benches::codebooks::{importances, tensors};
use rayon::prelude::*;

fn fits(criterion: &mut Criterion) {
    let tensors = tensors();
    let importances = importances(&tensors);
    let mut group = criterion.benchmark_group("codebook");
    group.throughput(Throughput::Elements(tensors.iter().map(|tensor| tensor.len() as u64).sum())).sample_size(10);
    for levels in [16, 256] {
        group.bench_function(BenchmarkId::new("plain", levels), |bencher| {
            let fit = |tensor: &Vec<f32>| fit_codebook(tensor, levels).expect("weights are finite").squared_error;
            bencher.iter(|| tensors.par_iter().map(fit).collect::<Vec<f64>>());
        });
        group.bench_function(BenchmarkId::new("weighted", levels), |bencher| {
            let fit = |(tensor, importances): (&Vec<f32>, &Vec<f32>)| {
                fit_weighted_codebook(tensor, importances, levels).expect("weights are finite").squared_error
            };
            bencher.iter(|| tensors.par_iter().zip(&importances).map(fit).collect::<Vec<f64>>());
        });
    }
    group.finish();
}

criterion_group!(benches, fits);
criterion_main!(benches);
