//! What does the prior cost, beside a plain pass over the same arrays, and does its cost grow with the number of components?
//!
//! `prior/copy` is the plain pass. The other functions are whole calls: the grid is built, the gradient to all weights added
//! and the statistics of all components computed. `prior/step` has layers as small networks have them.
#![allow(missing_docs, reason = "criterion's macros make items without any")]

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mixpress_benches::prior::{WEIGHTS, copy, mixture, weights};

/// Numbers of components, and standard deviations as fractions of the spacing.
const MIXTURES: [(usize, f64); 4] = [(17, 0.25), (17, 0.05), (256, 0.25), (256, 0.05)];

fn whole_call(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("prior");
    group.throughput(Throughput::Elements(WEIGHTS as u64)).sample_size(10).warm_up_time(Duration::from_millis(500));
    let mut gradient = vec![0.0; WEIGHTS];
    for (position, (k, std_dev)) in MIXTURES.into_iter().enumerate() {
        let mixture = mixture(k, std_dev);
        let weights = weights(&mixture, WEIGHTS);
        if position == 0 {
            group.bench_function("copy", |bencher| bencher.iter(|| copy(&weights, &mut gradient)));
        }
        group.bench_function(BenchmarkId::new(format!("grid-{std_dev}"), k), |bencher| {
            bencher.iter(|| mixture.grid(&weights, 1.0).add_gradient(&weights, 1e-3, &mut gradient));
        });
    }
    group.finish();
}

fn layers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("prior/step");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(1));
    let mixture = mixture(17, 0.25);
    for count in [30_000, 235_200] {
        let weights = weights(&mixture, count);
        let mut gradient = vec![0.0; count];
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::new("grid", count), |bencher| {
            bencher.iter(|| mixture.grid(&weights, 1.0).add_gradient(&weights, 1e-3, &mut gradient));
        });
        group.bench_function(BenchmarkId::new("exact", count), |bencher| {
            bencher.iter(|| mixture.add_gradient(&weights, 1.0, 1e-3, &mut gradient));
        });
    }
    group.finish();
}

criterion_group!(benches, whole_call, layers);
criterion_main!(benches);
