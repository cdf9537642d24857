//! How long a training step takes: `LeNet`-300-100 and `LeNet`-5 (Caffe's) forwards and backwards at batch 128, and a
//! network of 17 thousand parameters at batch 32, on one thread and on two.
//!
//! `cargo run --release -p mixpress-tensor --example step`

use std::time::Instant;

use mixpress_tensor::{Conv2d, Mode, Pool, Pool2d, Tape, Tensor, Var};

/// A network: the shape of one sample, and its parameters in the order in which `forward` takes them.
struct Network {
    name: &'static str,
    batch: usize,
    sample: Vec<usize>,
    shapes: Vec<Vec<usize>>,
    forward: fn(&mut Tape<'_>, Var, &[Var]) -> Var,
}

fn dense(tape: &mut Tape<'_>, mut x: Var, parameters: &[Var]) -> Var {
    let last = parameters.len() / 2 - 1;
    for (layer, pair) in parameters.chunks_exact(2).enumerate() {
        x = tape.linear(x, pair[0], Some(pair[1]));
        if layer < last {
            x = tape.relu(x);
        }
    }
    x
}

fn lenet_5(tape: &mut Tape<'_>, x: Var, parameters: &[Var]) -> Var {
    let x = tape.conv2d(x, parameters[0], Some(parameters[1]), Conv2d::default());
    let x = tape.max_pool2d(x, Pool2d::square(2));
    let x = tape.conv2d(x, parameters[2], Some(parameters[3]), Conv2d::default());
    let x = tape.max_pool2d(x, Pool2d::square(2));
    let x = tape.flatten(x);
    dense(tape, x, &parameters[4..])
}

fn pairs(weights: &[&[usize]]) -> Vec<Vec<usize>> {
    weights.iter().flat_map(|weight| [weight.to_vec(), vec![weight[0]]]).collect()
}

/// Numbers in `[-scale, scale]` that look random.
fn numbers(shape: &[usize], scale: f32) -> Tensor {
    let mut state = 1_u32;
    let data = (0..shape.iter().product()).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        scale * ((state >> 8) as f32 / (1 << 23) as f32 - 1.0)
    });
    Tensor::new(shape, data.collect()).expect("as many as the shape holds")
}

/// Shortest and median time of a step in milliseconds; the shortest is what an idle machine would take.
fn measure(network: &Network, steps: usize) -> (f64, f64) {
    let parameters: Vec<Tensor> = network.shapes.iter().map(|shape| numbers(shape, 0.05)).collect();
    let images = numbers(&[&[network.batch], &network.sample[..]].concat(), 1.0);
    let labels: Vec<u32> = (0..network.batch as u32).map(|n| n % 10).collect();
    let pool = Pool::new();
    let mut times = Vec::new();
    for _ in 0..steps {
        let start = Instant::now();
        let mut tape = Tape::new(&pool, Mode::Training);
        let x = tape.constant(&images);
        let variables: Vec<Var> = parameters.iter().map(|parameter| tape.parameter(parameter)).collect();
        let logits = (network.forward)(&mut tape, x, &variables);
        let loss = tape.softmax_cross_entropy(logits, &labels);
        let gradients = tape.backward(loss);
        times.push(start.elapsed().as_secs_f64() * 1e3);
        assert!(variables.iter().all(|&variable| gradients.get(variable).is_some()));
    }
    times.sort_by(f64::total_cmp);
    (times[0], times[times.len() / 2])
}

fn main() {
    let networks = [
        Network {
            name: "digits-mlp",
            batch: 32,
            sample: vec![64],
            shapes: pairs(&[&[128, 64], &[64, 128], &[10, 64]]),
            forward: dense,
        },
        Network {
            name: "lenet-300-100",
            batch: 128,
            sample: vec![784],
            shapes: pairs(&[&[300, 784], &[100, 300], &[10, 100]]),
            forward: dense,
        },
        Network {
            name: "lenet-5-caffe",
            batch: 128,
            sample: vec![1, 28, 28],
            shapes: pairs(&[&[20, 1, 5, 5], &[50, 20, 5, 5], &[500, 800], &[10, 500]]),
            forward: lenet_5,
        },
    ];
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a small pool");
        for network in &networks {
            let steps = if network.name == "digits-mlp" { 3000 } else { 60 };
            let (shortest, median) = pool.install(|| measure(network, steps));
            println!("{threads} threads  {:14} shortest {shortest:7.3} ms  median {median:7.3} ms", network.name);
        }
    }
}
