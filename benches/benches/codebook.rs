//! How long does it take to fit codebooks to a whole model? 22 million weights in 15 tensors.
#![allow(missing_docs, reason = "criterion's macros make items without any")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mixpress_benches::codebooks::{fit, fit_weighted, importances, tensors};

fn fits(criterion: &mut Criterion) {
    let tensors = tensors();
    let importances = importances(&tensors);
    let mut group = criterion.benchmark_group("codebook");
    group.throughput(Throughput::Elements(tensors.iter().map(|tensor| tensor.len() as u64).sum())).sample_size(10);
    for levels in [16, 256] {
        group.bench_function(BenchmarkId::new("plain", levels), |bencher| bencher.iter(|| fit(&tensors, levels)));
        group.bench_function(BenchmarkId::new("weighted", levels), |bencher| {
            bencher.iter(|| fit_weighted(&tensors, &importances, levels));
        });
    }
    group.finish();
}

criterion_group!(benches, fits);
criterion_main!(benches);
