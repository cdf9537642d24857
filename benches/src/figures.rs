//! The figures that this repository is measured by, each beside what it is compared with, in one run.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::codec::{self, Coded};
use crate::prior::{self, WEIGHTS};
use crate::rounds::{Subject, median, medians};
use crate::step::{Learner, NETWORKS, Product};
use crate::{codebooks, streams};

/// All figures. Times are medians of rounds in which what is compared ran in turns.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// The processor.
    pub cpu: String,
    /// Its vector units that our kernels ran on.
    pub simd: String,
    /// Threads, unless a figure is of one.
    pub threads: usize,
    #[serde(flatten)]
    prior: Prior,
    #[serde(flatten)]
    codec: Codec,
    #[serde(flatten)]
    codebooks: Codebooks,
    #[serde(flatten)]
    steps: Steps,
}

/// The prior of 11 million weights: gradient to all of them and statistics of all components.
#[derive(Clone, Debug, Serialize)]
#[allow(clippy::struct_field_names, reason = "they are the names in the JSON")]
struct Prior {
    /// 17 components, standard deviations a quarter of the spacing.
    prior_ns_per_weight: f64,
    /// 17 components, standard deviations a twentieth of the spacing.
    prior_narrow_ns_per_weight: f64,
    /// A plain pass that reads the weights and adds to the gradient.
    prior_copy_ns_per_weight: f64,
    /// The first beside the third.
    prior_over_copy: f64,
    /// 256 components beside 17, the larger ratio of the two standard deviations.
    prior_k256_over_k17: f64,
}

/// Large streams of quantised weights in `.mxp` files.
#[derive(Clone, Debug, Serialize)]
struct Codec {
    /// 16 levels of a Gaussian into f32, one thread; the whole file is opened and checked in that time.
    decode_mweights_per_s: f64,
    /// The same into indices of a byte.
    decode_u8_mweights_per_s: f64,
    /// The same into f32, all threads.
    decode_all_threads_mweights_per_s: f64,
    /// zstd on the same stream, a byte a weight.
    zstd_decode_mweights_per_s: f64,
    /// The first beside zstd.
    decode_over_zstd: f64,
    /// One thread.
    encode_mweights_per_s: f64,
    /// Size of the file beside the order-0 entropy of the indices: 16 levels of a Gaussian.
    dense_over_entropy: f64,
    /// 60 % zeros and 31 levels.
    pruned_over_entropy: f64,
    /// 95 % zeros, independent draws.
    independent_over_entropy: f64,
    /// 95 % zeros in rows and columns of different densities.
    sparse_over_entropy: f64,
}

/// Codebooks for 22 million weights in 15 tensors.
#[derive(Clone, Debug, Serialize)]
#[allow(clippy::struct_field_names, reason = "they are the names in the JSON")]
struct Codebooks {
    /// The slowest of the four settings.
    codebook_fit_seconds: f64,
    /// By setting.
    codebook_fit_seconds_by_setting: BTreeMap<String, f64>,
}

/// Training steps of 128 images: forward, backward, Adam.
#[derive(Clone, Debug, Serialize)]
#[allow(clippy::struct_field_names, reason = "they are the names in the JSON")]
struct Steps {
    /// By network; `prior` has the classic prior of 17 components, `thin` keeps one weight in 200, `kept` follows only
    /// those.
    step_ms: BTreeMap<String, f64>,
    /// How long the products of a step would take at `product_gflops`.
    step_limit_ms: BTreeMap<String, f64>,
    /// Billions of floating-point operations a second in products of 1024 by 1024 matrices.
    product_gflops: f64,
}

impl Figures {
    /// Measures all, in under a minute if `quick`. `progress` is told what is measured next.
    #[must_use]
    pub fn measure(quick: bool, mut progress: impl FnMut(&str)) -> Self {
        let rounds = if quick { 5 } else { 15 };
        progress("prior");
        let prior = prior(rounds);
        progress("codec");
        let codec = codec(rounds);
        progress("codebooks");
        let codebooks = codebooks(if quick { 1 } else { 3 });
        progress("steps");
        let steps = steps(4 * rounds);
        Self {
            cpu: cpu(),
            simd: mixpress_simd::level().to_string(),
            threads: rayon::current_num_threads(),
            prior,
            codec,
            codebooks,
            steps,
        }
    }
}

/// The processor's name where the system tells it, its architecture elsewhere.
#[must_use]
pub fn cpu() -> String {
    let told = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = told.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

fn prior(rounds: usize) -> Prior {
    let mut gradient = vec![0.0; WEIGHTS];
    // Weights of one number of components and standard deviation at a time.
    let mut of = |k: usize, std_dev: f64| {
        let mixture = prior::mixture(k, std_dev);
        let weights = prior::weights(&mixture, WEIGHTS);
        let gradient = std::cell::RefCell::new(&mut gradient);
        let whole = || drop(mixture.grid(&weights, 1.0).add_gradient(&weights, 1e-3, &mut gradient.borrow_mut()));
        let copy = || prior::copy(&weights, &mut gradient.borrow_mut());
        let mut subjects: [Subject<'_>; 2] = [("prior", Box::new(whole)), ("copy", Box::new(copy))];
        let times = medians(rounds, &mut subjects);
        [times[0], times[1]].map(|seconds| 1e9 * seconds / WEIGHTS as f64)
    };
    let [[quarter, copy], [twentieth, _], [quarter_256, _], [twentieth_256, _]] =
        [of(17, 0.25), of(17, 0.05), of(256, 0.25), of(256, 0.05)];
    Prior {
        prior_ns_per_weight: quarter,
        prior_narrow_ns_per_weight: twentieth,
        prior_copy_ns_per_weight: copy,
        prior_over_copy: quarter / copy,
        prior_k256_over_k17: (quarter_256 / quarter).max(twentieth_256 / twentieth),
    }
}

fn codec(rounds: usize) -> Codec {
    let dense = streams::dense();
    let (coded, zstd) = rayon::join(|| Coded::new(&dense), || codec::zstd(&dense));
    let container = dense.container();
    let mut values = vec![0.0; dense.len()];
    let mut all_values = values.clone();
    let mut bytes = vec![0; dense.len()];
    let mut zstd_bytes = bytes.clone();
    let mut subjects: [Subject<'_>; 5] = [
        ("f32", Box::new(|| codec::on_one_thread(|| coded.values_into(&mut values)))),
        ("u8", Box::new(|| codec::on_one_thread(|| coded.indices_u8_into(&mut bytes)))),
        ("zstd", Box::new(|| codec::zstd_into(&zstd, &mut zstd_bytes))),
        ("encode", Box::new(|| drop(codec::on_one_thread(|| codec::encode(&container))))),
        ("all threads", Box::new(|| coded.values_into(&mut all_values))),
    ];
    let speeds = medians(rounds, &mut subjects).into_iter().map(|seconds| 1e-6 * dense.len() as f64 / seconds);
    let [values_speed, u8_speed, zstd_speed, encode_speed, all_speed] =
        speeds.collect::<Vec<f64>>().try_into().expect("a speed a subject");
    drop(subjects);
    let over_entropy = |stream: &streams::Stream, coded: &Coded| coded.bits() / stream.entropy();
    let of = |stream: streams::Stream| over_entropy(&stream, &Coded::new(&stream));
    Codec {
        decode_mweights_per_s: values_speed,
        decode_u8_mweights_per_s: u8_speed,
        decode_all_threads_mweights_per_s: all_speed,
        zstd_decode_mweights_per_s: zstd_speed,
        decode_over_zstd: values_speed / zstd_speed,
        encode_mweights_per_s: encode_speed,
        dense_over_entropy: over_entropy(&dense, &coded),
        pruned_over_entropy: of(streams::pruned()),
        independent_over_entropy: of(streams::sparse()),
        sparse_over_entropy: of(streams::structured()),
    }
}

fn codebooks(rounds: usize) -> Codebooks {
    let tensors = codebooks::tensors();
    let importances = codebooks::importances(&tensors);
    let mut by_setting = BTreeMap::new();
    for levels in [16, 256] {
        let mut subjects: [Subject<'_>; 2] = [
            ("plain", Box::new(|| drop(codebooks::fit(&tensors, levels)))),
            ("weighted", Box::new(|| drop(codebooks::fit_weighted(&tensors, &importances, levels)))),
        ];
        let times = medians(rounds, &mut subjects);
        by_setting.insert(format!("{levels} levels"), times[0]);
        by_setting.insert(format!("{levels} levels, weighted"), times[1]);
    }
    Codebooks {
        codebook_fit_seconds: by_setting.values().copied().fold(0.0, f64::max),
        codebook_fit_seconds_by_setting: by_setting,
    }
}

fn steps(rounds: usize) -> Steps {
    let mut learners: Vec<(String, Learner)> =
        NETWORKS.map(|(name, image)| (name.into(), Learner::new(name, image))).into();
    let (name, image) = NETWORKS[0];
    learners.push((format!("{name} prior"), Learner::under_prior(name, image)));
    for (name, image) in &NETWORKS[..2] {
        learners.push((format!("{name} thin"), Learner::thin(name, image, false)));
        learners.push((format!("{name} kept"), Learner::thin(name, image, true)));
    }
    let limits = NETWORKS.iter().zip(&learners).map(|((name, _), (_, learner))| (name, learner.flops()));
    let limits: Vec<(&&str, f64)> = limits.collect();
    let product = Product::default();
    let mut step_ms = BTreeMap::new();
    let mut speeds = Vec::new();
    for (name, learner) in &mut learners {
        // Deep networks take long enough to be timed in fewer rounds.
        let rounds = if name == "resnet-20" { rounds.div_ceil(4) } else { rounds };
        let mut subjects: [Subject<'_>; 2] =
            [("step", Box::new(|| learner.step())), ("product", Box::new(|| product.run()))];
        let times = medians(rounds, &mut subjects);
        step_ms.insert(name.clone(), 1e3 * times[0]);
        speeds.push(1e-9 * Product::FLOPS / times[1]);
    }
    let product_gflops = median(&mut speeds);
    let step_limit_ms = limits.iter().map(|(name, flops)| ((**name).into(), 1e-6 * flops / product_gflops)).collect();
    Steps { step_ms, step_limit_ms, product_gflops }
}
