//! What does a training step cost when one weight in two hundred is kept? Forward and backward of a batch of 128, dense and
//! on kept weights alone.
#![allow(missing_docs, reason = "criterion's macros make items without any")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mixpress::network::{Definition, SparsePlan, zoo};
use mixpress::tensor::{Mode, Pool, Tape, Tensor};
use mixpress_benches::{fresh_weights, generator, thin_parameters};

const BATCH: usize = 128;

fn steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sparse");
    group.throughput(Throughput::Elements(BATCH as u64)).sample_size(20);
    let networks: [(Definition, &[usize]); 2] =
        [(zoo::lenet_300_100(), &[1, 28, 28]), (zoo::lenet_5_caffe(), &[1, 28, 28])];
    for (definition, item) in networks {
        let graph = definition.lower(item).expect("the zoo's networks take these items");
        let parameters = thin_parameters(&graph, 200);
        let kept = |parameter: usize, position: usize| parameters[parameter].data()[position] != 0.0;
        let plan = SparsePlan::new(&graph, kept).expect("so few weights are worth a plan");
        let features: usize = item.iter().product();
        let batch = Tensor::new(&[&[BATCH], item].concat(), fresh_weights(BATCH * features, 1.0)).expect("a batch");
        let labels: Vec<u32> = (0..BATCH as u32).map(|item| item % 10).collect();
        for (path, plan) in [("dense", None), ("sparse", Some(&plan))] {
            let pool = Pool::new();
            group.bench_function(BenchmarkId::new(path, &definition.name), |bencher| {
                bencher.iter(|| {
                    let mut tape = Tape::new(&pool, Mode::Training);
                    let input = tape.constant(&batch);
                    let forward = graph.forward_with(plan, &parameters, &mut tape, input, &mut generator());
                    let loss = tape.softmax_cross_entropy(forward.output, &labels);
                    tape.backward(loss)
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, steps);
criterion_main!(benches);
