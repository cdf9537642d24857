//! How often each index occurs: counted, and in units of 2^-12.

use std::cmp::Ordering;

use rayon::prelude::*;

use super::{BLOCK, MAX_LEVELS, SCALE};

/// How often each index occurs. `indices` are below `levels`.
pub(crate) fn counts(indices: &[u16], levels: usize) -> Vec<u64> {
    let blocks: Vec<Vec<u64>> = if indices.len() <= BLOCK {
        vec![counts_of_block(indices, levels)]
    } else {
        indices.par_chunks(BLOCK).map(|block| counts_of_block(block, levels)).collect()
    };
    blocks.into_iter().reduce(add).unwrap_or_else(|| vec![0; levels])
}

/// Equal neighbours would wait for each other's sums, so four tables take turns.
fn counts_of_block(indices: &[u16], levels: usize) -> Vec<u64> {
    let mut tables = [const { Vec::new() }; 4].map(|_: Vec<u64>| vec![0u64; levels]);
    let [a, b, c, d] = &mut tables;
    let (quads, rest) = indices.as_chunks::<4>();
    for quad in quads {
        a[usize::from(quad[0])] += 1;
        b[usize::from(quad[1])] += 1;
        c[usize::from(quad[2])] += 1;
        d[usize::from(quad[3])] += 1;
    }
    for &index in rest {
        a[usize::from(index)] += 1;
    }
    tables.into_iter().reduce(add).unwrap_or_default()
}

fn add(mut a: Vec<u64>, b: Vec<u64>) -> Vec<u64> {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
    a
}

/// Frequencies of 2^12 in all, at least 1 for each index that occurs, 0 for the others. `None` without symbols or with
/// too many levels.
pub(crate) fn frequencies(counts: &[u64]) -> Option<Vec<u32>> {
    let (levels, total) = (counts.len(), counts.iter().sum::<u64>());
    if total == 0 || levels > MAX_LEVELS {
        return None;
    }
    let scale = SCALE as u32;
    let mut out: Vec<u32> = counts
        .iter()
        .map(|&c| if c == 0 { 0 } else { ((c * u64::from(scale) + total / 2) / total).max(1) as u32 })
        .collect();
    // Give or take what rounding left over where it changes the code length least: count / frequency.
    loop {
        let sum: u32 = out.iter().sum();
        let ratio = |i: &usize| counts[*i] as f64 / f64::from(out[*i]);
        match sum.cmp(&scale) {
            Ordering::Equal => return Some(out),
            Ordering::Less => {
                let best = (0..levels).filter(|&i| out[i] > 0).max_by(|a, b| ratio(a).total_cmp(&ratio(b)))?;
                out[best] += 1;
            }
            Ordering::Greater => {
                let best = (0..levels).filter(|&i| out[i] > 1).min_by(|a, b| ratio(a).total_cmp(&ratio(b)))?;
                out[best] -= 1;
            }
        }
    }
}
