//! Whole steps: the same bytes for any number of threads, and next to nothing from the allocator once the pool is warm.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mixpress_tensor::{BatchNorm, Conv2d, Mode, Pool, Pool2d, SparseLayer, SparsePattern, Tape, Tensor, Var};
use mixpress_testing::uniform;
use ndarray_rand::rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The system's allocator, with a count of the bytes that this thread asked for. Left out is what `gemm` asks for
/// anew in each product, buffers aligned to cache lines that it packs matrices into, and vectors of flags; this crate keeps
/// numbers and pointers, which are aligned to 4 or 8.
struct Counting;

const COUNTED: [usize; 2] = [4, 8];

thread_local! {
    static BYTES: AtomicUsize = const { AtomicUsize::new(0) };
}

// SAFETY: every call is passed on to the system's allocator unchanged; counting allocates nothing itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let counted = if COUNTED.contains(&layout.align()) { layout.size() } else { 0 };
        let _ = BYTES.try_with(|bytes| bytes.fetch_add(counted, Ordering::Relaxed));
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

/// Bytes that this thread asks for while it runs `body`.
fn allocated(body: impl FnOnce()) -> usize {
    let count = || BYTES.with(|bytes| bytes.load(Ordering::Relaxed));
    let before = count();
    body();
    count() - before
}

fn tensor(shape: &[usize], scale: f64, seed: u64) -> Tensor {
    let data = uniform(shape.iter().product(), seed).iter().map(|x| (scale * x) as f32).collect();
    Tensor::new(shape, data).expect("as many as the shape holds")
}

/// A network with an operator of every kind that splits its work, large enough that all of them do.
struct Network {
    images: Tensor,
    labels: Vec<u32>,
    parameters: Vec<Tensor>,
}

impl Network {
    fn new(batch: usize) -> Self {
        let shapes: [&[usize]; 10] =
            [&[16, 1, 5, 5], &[16], &[16], &[16], &[24, 8, 3, 3], &[300, 24 * 36], &[300], &[10, 300], &[10], &[10]];
        let parameters = shapes.iter().zip(1..).map(|(shape, seed)| tensor(shape, 0.1, seed)).collect();
        Self {
            images: tensor(&[batch, 1, 28, 28], 1.0, 0),
            labels: (0..batch as u32).map(|n| n * 7 % 10).collect(),
            parameters,
        }
    }

    fn loss<'p>(&'p self, tape: &mut Tape<'p>) -> (Var, Vec<Var>) {
        let x = tape.constant(&self.images);
        let p: Vec<Var> = self.parameters.iter().map(|parameter| tape.parameter(parameter)).collect();
        let x = tape.conv2d(x, p[0], Some(p[1]), Conv2d::default());
        let norm = BatchNorm { mean: &[], variance: &[], epsilon: 1e-5 };
        let (x, _) = tape.batch_norm(x, p[2], p[3], norm);
        let x = tape.relu(x);
        let x = tape.max_pool2d(x, Pool2d::square(2));
        let halves = Conv2d { stride: [2; 2], padding: [1; 2], groups: 2 };
        let x = tape.conv2d(x, p[4], None, halves);
        let x = tape.tanh(x);
        let x = tape.flatten(x);
        let x = tape.linear(x, p[5], Some(p[6]));
        let x = tape.dropout(x, 0.1, &mut ChaCha8Rng::seed_from_u64(1));
        let x = tape.linear(x, p[7], Some(p[8]));
        let x = tape.add(x, p[9]);
        let loss = tape.softmax_cross_entropy(x, &self.labels);
        (loss, p)
    }

    /// The bits of the loss and of all gradients.
    fn step(&self, pool: &Pool) -> Vec<u32> {
        let mut tape = Tape::new(pool, Mode::Training);
        let (loss, parameters) = self.loss(&mut tape);
        let mut bits = vec![tape.value(loss)[0].to_bits()];
        let gradients = tape.backward(loss);
        for parameter in parameters {
            bits.extend(gradients.get(parameter).expect("the loss depends on it").iter().map(|g| g.to_bits()));
        }
        bits
    }
}

fn on_threads<R: Send>(threads: usize, body: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a small pool").install(body)
}

#[test]
fn a_step_gives_the_same_bytes_on_any_number_of_threads() {
    let network = Network::new(66);
    let reference = on_threads(1, || network.step(&Pool::new()));
    assert!(reference.iter().all(|&bits| f32::from_bits(bits).is_finite()));
    for threads in [2, 3, 4] {
        let pool = Pool::new();
        // Once with a fresh pool, once with leftovers in it.
        for _ in 0..2 {
            assert!(on_threads(threads, || network.step(&pool)) == reference, "{threads} threads differ");
        }
    }
}

#[test]
fn a_large_product_gives_the_same_bytes_on_any_number_of_threads() {
    let (a, b) = (tensor(&[301, 1111], 1.0, 1), tensor(&[257, 1111], 1.0, 2));
    let product = |threads| {
        on_threads(threads, || {
            let pool = Pool::new();
            let mut tape = Tape::new(&pool, Mode::Inference);
            let (a, b) = (tape.constant(&a), tape.constant(&b));
            let y = tape.linear(a, b, None);
            tape.value(y).iter().map(|y| y.to_bits()).collect::<Vec<_>>()
        })
    };
    let reference = product(1);
    assert!([2, 3, 4].into_iter().all(|threads| product(threads) == reference));
}

/// Asserts that the first of several steps fills the pool with more than `least` bytes, and the others ask for little.
fn assert_little_when_warm(pool: &Pool, step: impl Fn(), least: usize) {
    let cold = allocated(&step);
    assert!(cold > least, "the first step fills the pool, with only {cold} bytes");
    let idle = pool.idle_bytes();
    for _ in 0..5 {
        let warm = allocated(&step);
        assert!(warm < 8 << 10, "a warm step asked for {warm} bytes");
        assert_eq!(pool.idle_bytes(), idle, "the pool has grown");
    }
}

#[test]
fn a_warm_step_asks_the_allocator_for_little() {
    let network = Network::new(66);
    on_threads(1, || {
        let pool = Pool::new();
        let step = || {
            let mut tape = Tape::new(&pool, Mode::Training);
            let (loss, _) = network.loss(&mut tape);
            drop(tape.backward(loss));
        };
        assert_little_when_warm(&pool, step, 10_000_000);
    });
}

#[test]
fn a_warm_step_on_kept_weights_asks_the_allocator_for_little() {
    let images = tensor(&[70, 1, 28, 28], 1.0, 0);
    let labels: Vec<u32> = (0..70).map(|n| n * 7 % 10).collect();
    let shapes: [&[usize]; 6] = [&[20, 1, 5, 5], &[50, 20, 5, 5], &[500, 800], &[10, 500], &[500], &[10]];
    let parameters: Vec<Tensor> = shapes.iter().zip(1..).map(|(shape, seed)| tensor(shape, 0.1, seed)).collect();
    let patterns: Vec<Arc<SparsePattern>> =
        shapes[..4].iter().map(|shape| Arc::new(SparsePattern::new(shape, |at| at % 50 == 7))).collect();
    on_threads(1, || {
        let pool = Pool::new();
        let step = || {
            let mut tape = Tape::new(&pool, Mode::Training);
            let x = tape.constant(&images);
            let p: Vec<Var> = parameters.iter().map(|parameter| tape.parameter(parameter)).collect();
            let convolution = |at: usize| SparseLayer::Conv2d {
                weight: p[at],
                bias: None,
                pattern: Arc::clone(&patterns[at]),
                options: Conv2d::default(),
            };
            let linear = |at: usize| SparseLayer::Linear {
                weight: p[at],
                bias: Some(p[at + 2]),
                pattern: Arc::clone(&patterns[at]),
            };
            let pool = SparseLayer::MaxPool(Pool2d::square(2));
            let layers = [convolution(0), pool.clone(), convolution(1), pool, linear(2), SparseLayer::Relu, linear(3)];
            let y = tape.sparse_chain(x, &layers);
            let loss = tape.softmax_cross_entropy(y, &labels);
            drop(tape.backward(loss));
        };
        assert_little_when_warm(&pool, step, 1_000_000);
    });
}
