//! How fast is an `.mxp` file written and read? The first layer of LeNet-300-100, one weight in fifty kept.
#![allow(missing_docs, reason = "criterion's macros make items without any")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mixpress::codebook::{Container, QuantizedTensor, decode, encode};
use mixpress_benches::sparse_weights;

fn files(criterion: &mut Criterion) {
    let weights = sparse_weights(300, 784);
    let tensor = QuantizedTensor::from_values("fc1.weight", [300, 784], &weights).expect("few different values");
    let container = Container { entries: vec![tensor.into()], ..Container::default() };
    let bytes = encode(&container).expect("a valid container");
    let mut group = criterion.benchmark_group("file");
    group.throughput(Throughput::Elements(weights.len() as u64)).sample_size(10);
    group.bench_function("encode", |bencher| bencher.iter(|| encode(&container)));
    group.bench_function("decode", |bencher| bencher.iter(|| decode(&bytes)));
    group.finish();
}

criterion_group!(benches, files);
criterion_main!(benches);
