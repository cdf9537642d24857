//! What does a training step cost when one weight in two hundred is kept? Forward, backward and Adam on a batch of 128,
//! dense and on kept weights alone.
#![allow(missing_docs, reason = "criterion's macros make items without any")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mixpress_benches::step::{BATCH, Learner, NETWORKS};

fn steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sparse");
    group.throughput(Throughput::Elements(BATCH as u64)).sample_size(20);
    for (name, image) in &NETWORKS[..2] {
        for (path, by_plan) in [("dense", false), ("sparse", true)] {
            let mut learner = Learner::thin(name, image, by_plan);
            group.bench_function(BenchmarkId::new(path, name), |bencher| bencher.iter(|| learner.step()));
        }
    }
    group.finish();
}

criterion_group!(benches, steps);
criterion_main!(benches);
