//! Calls of the runtime that must not take the program with them.
//!
//! rten checks what it is given, but a model that nobody thought of can still reach an assertion, an index out of range
//! or a division by zero in it. Those are panics, and to whoever compresses a thousand models one of them must be one
//! error. So every call is caught.
//!
//! A panic also reports itself to the process's panic hook, which prints to the standard error. That hook is global, and
//! exchanging it for the time of a call would take the messages of all other threads with it, so it is left as it is. A
//! program that wants silence sets a hook of its own, once, and asks [`is_model_thread`](crate::is_model_thread) in it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rten::ThreadPool;

use crate::Error;

/// Calls `run` in the pool; a panic becomes an error that says what was to be done.
///
/// What `run` borrows may be left half done by a panic. Models are only read in runs, and what they lock stays locked as
/// poisoned, so that a later run of the same model ends here again.
pub(crate) fn guarded<T: Send>(
    pool: &ThreadPool,
    what: impl FnOnce() -> String,
    run: impl FnOnce() -> T + Send,
) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(|| pool.run(run)))
        .map_err(|payload| Error::Panic { what: what(), message: message(&*payload) })
}

/// Whether the current thread belongs to the runtime. Its panics are caught and returned as [`Error::Panic`], so that a
/// program's panic hook need not print them:
///
/// ```
/// let print = std::panic::take_hook();
/// std::panic::set_hook(Box::new(move |info| {
///     if !mixpress_runtime::is_model_thread() {
///         print(info);
///     }
/// }));
/// ```
#[must_use]
pub fn is_model_thread() -> bool {
    // The names that rten gives to the threads of all its pools.
    std::thread::current().name().is_some_and(|name| name.starts_with("rten-"))
}

/// What a panic said.
fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it did not say why".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_and_the_pool_lives_on() {
        let pool = ThreadPool::with_num_threads(1);
        let what = || "divide".to_owned();
        assert!(guarded(&pool, what, is_model_thread).unwrap());
        assert!(!is_model_thread());
        let zero = std::hint::black_box(0);
        let error = guarded(&pool, what, || 1 / zero).unwrap_err().to_string();
        assert!(error.contains("divide") && error.contains("zero"), "{error}");
        assert_eq!(guarded(&pool, what, || 7).unwrap(), 7);
    }
}
