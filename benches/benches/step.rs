//! What does a training step cost? Forward and backward of a batch of 128 through the zoo's networks.
#![allow(missing_docs, reason = "criterion's macros make items without any")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mixpress::network::{Definition, Parameters, zoo};
use mixpress::tensor::{Mode, Pool, Tape, Tensor};
use mixpress_benches::{fresh_weights, generator};

const BATCH: usize = 128;

fn steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("step");
    group.throughput(Throughput::Elements(BATCH as u64)).sample_size(10);
    let networks: [(Definition, &[usize]); 4] = [
        (zoo::digits_mlp(), &[64]),
        (zoo::lenet_300_100(), &[1, 28, 28]),
        (zoo::lenet_5_caffe(), &[1, 28, 28]),
        (zoo::resnet_20(), &[3, 32, 32]),
    ];
    for (definition, item) in networks {
        let graph = definition.lower(item).expect("the zoo's networks take these items");
        let mut rng = generator();
        let parameters = Parameters::he_normal(&graph, &mut rng);
        let shape = [&[BATCH], item].concat();
        let features: usize = item.iter().product();
        let batch = Tensor::new(&shape, fresh_weights(BATCH * features, 1.0)).expect("a batch of items");
        let labels: Vec<u32> = (0..BATCH as u32).map(|item| item % 10).collect();
        let pool = Pool::new();
        group.bench_function(&definition.name, |bencher| {
            bencher.iter(|| {
                let mut tape = Tape::new(&pool, Mode::Training);
                let input = tape.constant(&batch);
                let forward = graph.forward(&parameters, &mut tape, input, &mut rng);
                let loss = tape.softmax_cross_entropy(forward.output, &labels);
                tape.backward(loss)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, steps);
criterion_main!(benches);
