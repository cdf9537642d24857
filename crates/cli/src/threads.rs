//! The pool of threads that a command computes in.

use std::num::NonZeroUsize;

use anyhow::Context;
use rayon::ThreadPoolBuilder;

/// Runs `job` in a pool of `threads` threads, all cores when there is no number.
pub(crate) fn with_threads<R: Send>(
    threads: Option<NonZeroUsize>,
    job: impl FnOnce() -> R + Send,
) -> anyhow::Result<R> {
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads.map_or(0, NonZeroUsize::get))
        .build()
        .context("cannot start the threads; a smaller --threads may work")?;
    Ok(pool.install(job))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_job_sees_the_number_of_threads() {
        for threads in [1, 3] {
            let seen = with_threads(NonZeroUsize::new(threads), rayon::current_num_threads).expect("a small pool");
            assert_eq!(seen, threads);
        }
    }
}
