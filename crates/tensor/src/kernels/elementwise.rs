//! Elementwise loops over slices of equal length.

use mixpress_simd::vectorized;

use super::{PARALLEL_ELEMENTS, for_each_chunk};
use crate::Element;

const CHUNK: usize = 1 << 14;

/// `dst[i] = f(src[i])`.
pub(crate) fn map<T: Element>(dst: &mut [T], src: &[T], f: impl Fn(T) -> T + Sync + Send + Copy) {
    assert_eq!(dst.len(), src.len());
    for_each_chunk(dst, CHUNK, src.len() >= PARALLEL_ELEMENTS, |index, dst| {
        let src = &src[index * CHUNK..][..dst.len()];
        vectorized(
            #[inline(always)]
            || {
                for (d, &s) in dst.iter_mut().zip(src) {
                    *d = f(s);
                }
            },
        );
    });
}

/// `dst[i] = f(dst[i], src[i])`.
pub(crate) fn update<T: Element>(dst: &mut [T], src: &[T], f: impl Fn(T, T) -> T + Sync + Send + Copy) {
    assert_eq!(dst.len(), src.len());
    for_each_chunk(dst, CHUNK, src.len() >= PARALLEL_ELEMENTS, |index, dst| {
        let src = &src[index * CHUNK..][..dst.len()];
        vectorized(
            #[inline(always)]
            || {
                for (d, &s) in dst.iter_mut().zip(src) {
                    *d = f(*d, s);
                }
            },
        );
    });
}

/// `dst[i] = f(a[i], b[i])`.
pub(crate) fn zip<T: Element>(dst: &mut [T], a: &[T], b: &[T], f: impl Fn(T, T) -> T + Sync + Send + Copy) {
    assert_eq!(dst.len(), a.len());
    assert_eq!(dst.len(), b.len());
    for_each_chunk(dst, CHUNK, a.len() >= PARALLEL_ELEMENTS, |index, dst| {
        let (a, b) = (&a[index * CHUNK..][..dst.len()], &b[index * CHUNK..][..dst.len()]);
        vectorized(
            #[inline(always)]
            || {
                for ((d, &a), &b) in dst.iter_mut().zip(a).zip(b) {
                    *d = f(a, b);
                }
            },
        );
    });
}
