//! Does the prior's cost grow with the number of components? Gradient of a layer's weights, exact and on a grid.
#![allow(missing_docs, reason = "criterion's macros make items without any")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mixpress::mixture::{Mixture, Proportions, Range};
use mixpress_benches::{fresh_weights, generator};

fn gradients(criterion: &mut Criterion) {
    let weights = fresh_weights(300 * 784, 0.2);
    let scale = 0.05;
    let range = Range::new(-4.0, 4.0).expect("a range around zero");
    let mut group = criterion.benchmark_group("prior");
    group.throughput(Throughput::Elements(weights.len() as u64)).sample_size(10);
    for components in [5, 17, 65, 257] {
        let mixture = Mixture::preset(range, components, 0.5, &Proportions::Uniform, &mut generator());
        let mixture = mixture.expect("a valid mixture");
        let mut gradient = vec![0.0; weights.len()];
        group.bench_function(BenchmarkId::new("exact", components), |bencher| {
            bencher.iter(|| mixture.add_gradient(&weights, scale, 1e-3, &mut gradient));
        });
        group.bench_function(BenchmarkId::new("grid", components), |bencher| {
            bencher.iter(|| mixture.grid(&weights, scale).add_gradient(&weights, 1e-3, &mut gradient));
        });
    }
    group.finish();
}

criterion_group!(benches, gradients);
criterion_main!(benches);
