//! A warm training step of the zoo's networks asks the allocator for nothing large; what `gemm` packs is counted apart.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use mixpress_network::{Graph, Parameters, zoo};
use mixpress_tensor::{Mode, Pool, Tape, Tensor};
use mixpress_train::{Adam, AdamConfig};
use ndarray_rand::rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Up to this many bytes an allocation is small.
const SMALL: usize = 4 << 10;

/// So many steps in a row must be without large allocations, and begin within so many.
const QUIET_STEPS: usize = 5;
const STEPS: usize = 30;

/// Numbers and pointers are aligned to 4 or 8 bytes. `gemm` packs matrices into buffers aligned to whole cache lines, which
/// nothing else here is.
const CACHE_LINE: usize = 64;

/// Large allocations of all threads: those that are aligned to cache lines, and all others.
static PACKED: Tally = Tally::new();
static OTHERS: Tally = Tally::new();

struct Tally {
    count: AtomicUsize,
    bytes: AtomicUsize,
}

impl Tally {
    const fn new() -> Self {
        Self { count: AtomicUsize::new(0), bytes: AtomicUsize::new(0) }
    }

    fn read(&self) -> [usize; 2] {
        [&self.count, &self.bytes].map(|counter| counter.load(Ordering::Relaxed))
    }
}

/// The system's allocator, with a tally of large requests.
struct Counting;

// SAFETY: every call is passed on to the system's allocator unchanged; counting allocates nothing itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > SMALL {
            let tally = if layout.align() >= CACHE_LINE { &PACKED } else { &OTHERS };
            tally.count.fetch_add(1, Ordering::Relaxed);
            tally.bytes.fetch_add(layout.size(), Ordering::Relaxed);
        }
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System` by `alloc` above, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Learner {
    graph: Graph,
    parameters: Parameters,
    optimizers: Vec<Adam>,
    pool: Pool,
    inputs: Tensor,
    labels: Vec<u32>,
}

impl Learner {
    fn new(name: &str, item: &[usize], batch: usize) -> Self {
        let graph = zoo::by_name(name).expect("it is in the zoo").lower(item).expect("it takes these items");
        let parameters = Parameters::he_normal(&graph, &mut ChaCha8Rng::seed_from_u64(1));
        let optimizers =
            parameters.tensors().iter().map(|tensor| Adam::new(AdamConfig::default(), tensor.len())).collect();
        let inputs = Tensor::full(&[&[batch], item].concat(), 0.5);
        Self { graph, parameters, optimizers, pool: Pool::new(), inputs, labels: vec![1; batch] }
    }

    fn step(&mut self) {
        let mut tape = Tape::new(&self.pool, Mode::Training);
        let input = tape.constant(&self.inputs);
        let forward = self.graph.forward(&self.parameters, &mut tape, input, &mut ChaCha8Rng::seed_from_u64(2));
        let loss = tape.softmax_cross_entropy(forward.output, &self.labels);
        let mut gradients = tape.backward(loss);
        for (index, adam) in self.optimizers.iter_mut().enumerate() {
            if let Some(gradient) = gradients.take(forward.parameters[index]) {
                adam.step(1e-3, self.parameters[index].data_mut(), &gradient);
            }
        }
    }
}

#[test]
fn a_warm_step_allocates_nothing_large() {
    let networks: [(&str, &[usize]); 3] =
        [("lenet-300-100", &[1, 28, 28]), ("lenet-5-caffe", &[1, 28, 28]), ("resnet-20", &[3, 32, 32])];
    for (name, item) in networks {
        let mut learner = Learner::new(name, item, 32);
        let cold = OTHERS.read();
        learner.step();
        assert!(OTHERS.read()[0] > cold[0] + 5, "{name}: the first step fills the pool, or nothing is counted");
        // How many tasks overlap, and so how many buffers a step needs at once, differs between steps until the pool has
        // enough for the worst case.
        let mut quiet = 0;
        let mut packed = [0; 2];
        for _ in 0..STEPS {
            let (before, packed_before) = (OTHERS.read(), PACKED.read());
            learner.step();
            quiet = if OTHERS.read() == before { quiet + 1 } else { 0 };
            packed = [0, 1].map(|of| PACKED.read()[of] - packed_before[of]);
            if quiet == QUIET_STEPS {
                break;
            }
        }
        println!("{name}: gemm packs into {} large buffers a step, {} bytes altogether", packed[0], packed[1]);
        assert_eq!(quiet, QUIET_STEPS, "{name}: steps in a row without a large allocation, among {STEPS}");
    }
}
