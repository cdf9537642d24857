//! How fast are streams of quantised weights decoded and encoded, beside zstd, and how small are they?
#![allow(missing_docs, reason = "criterion's macros make items without any")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mixpress_benches::codec::{self, Coded};
use mixpress_benches::streams;

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for stream in [streams::dense(), streams::pruned()] {
        let coded = Coded::new(&stream);
        group.throughput(Throughput::Elements(stream.len() as u64)).sample_size(10);
        let mut values = vec![0f32; stream.len()];
        group.bench_function(format!("{}/f32", stream.name), |bencher| {
            codec::on_one_thread(|| bencher.iter(|| coded.values_into(&mut values)));
        });
        let mut bytes = vec![0u8; stream.len()];
        group.bench_function(format!("{}/u8", stream.name), |bencher| {
            codec::on_one_thread(|| bencher.iter(|| coded.indices_u8_into(&mut bytes)));
        });
        let mut indices = vec![0u16; stream.len()];
        group.bench_function(format!("{}/u16", stream.name), |bencher| {
            codec::on_one_thread(|| bencher.iter(|| coded.indices_into(&mut indices)));
        });
        group.bench_function(format!("{}/f32, all threads", stream.name), |bencher| {
            bencher.iter(|| coded.values_into(&mut values));
        });
        let zstd = codec::zstd(&stream);
        group.bench_function(format!("{}/zstd", stream.name), |bencher| {
            bencher.iter(|| codec::zstd_into(&zstd, &mut bytes));
        });
    }
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    for stream in [streams::dense(), streams::pruned(), streams::sparse(), streams::structured()] {
        let container = stream.container();
        group.throughput(Throughput::Elements(stream.len() as u64)).sample_size(10);
        group
            .bench_function(stream.name, |bencher| codec::on_one_thread(|| bencher.iter(|| codec::encode(&container))));
    }
    group.finish();
}

criterion_group!(benches, decode, encode);
criterion_main!(benches);
