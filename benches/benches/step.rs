//! What does a training step cost? Forward, backward and Adam on a batch of 128, plain and under the classic prior.
#![allow(missing_docs, reason = "criterion's macros make items without any")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mixpress_benches::step::{BATCH, Learner, NETWORKS};

fn steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("step");
    group.throughput(Throughput::Elements(BATCH as u64)).sample_size(10);
    for (name, image) in NETWORKS {
        let mut learner = Learner::new(name, image);
        group.bench_function(name, |bencher| bencher.iter(|| learner.step()));
    }
    let (name, image) = NETWORKS[0];
    let mut learner = Learner::under_prior(name, image);
    group.bench_function(format!("{name}/prior"), |bencher| bencher.iter(|| learner.step()));
    group.finish();
}

criterion_group!(benches, steps);
criterion_main!(benches);
