//! The best way down the trellis, for sixteen columns side by side.

use mixpress_codebook::trellis::Trellis;

use super::costs::Costs;

/// Columns that are searched side by side, a vector register or two.
pub(super) const LANES: usize = 16;
/// Rows that are searched before a way is settled, and rows beyond that it takes into account: ways that differ at a
/// row have nearly always met so many rows on.
const SETTLED: usize = 8192;
const AHEAD: usize = 256;
/// Rows between two subtractions that keep sums of costs small.
const RENORMALIZED: usize = 16;

type Floats = [f32; LANES];
type Ints = [i32; LANES];

/// Adjacent columns, in units of the step.
#[derive(Debug)]
pub(super) struct Columns<'a> {
    /// A weight a lane in each row.
    pub(super) weights: &'a [Floats],
    /// The scale of each row.
    pub(super) rows: &'a [i16],
    /// That of each lane's column, less the model's lowest class.
    pub(super) lanes: Ints,
    /// The highest class.
    pub(super) last: i32,
}

/// What a search leaves of a row: the whole number below each weight with four bits behind it, one for each remainder
/// by four that says whether the upper one of the two numbers around the weight with that remainder is cheaper; and of
/// the ways to each state, which is.
#[derive(Debug)]
struct Trace {
    picks: Vec<Ints>,
    /// A bit a state, 32 states a word.
    ways: Vec<[u32; LANES]>,
}

/// The numbers of so many rows, on the cheapest way through the trellis for each column from a state on, which becomes the
/// one after them. Further rows are taken into account.
pub(super) fn search(
    trellis: Trellis,
    costs: &Costs,
    columns: &Columns,
    settled: usize,
    states: &mut [u32; LANES],
) -> Vec<[i16; LANES]> {
    match trellis.states() {
        4 => search_states::<4, 1>(trellis, costs, columns, settled, states),
        8 => search_states::<8, 1>(trellis, costs, columns, settled, states),
        16 => search_states::<16, 1>(trellis, costs, columns, settled, states),
        32 => search_states::<32, 1>(trellis, costs, columns, settled, states),
        64 => search_states::<64, 2>(trellis, costs, columns, settled, states),
        128 => search_states::<128, 4>(trellis, costs, columns, settled, states),
        _ => search_states::<256, 8>(trellis, costs, columns, settled, states),
    }
}

fn search_states<const S: usize, const W: usize>(
    trellis: Trellis,
    costs: &Costs,
    columns: &Columns,
    all_settled: usize,
    starts: &mut [u32; LANES],
) -> Vec<[i16; LANES]> {
    let count = columns.weights.len();
    let mut numbers = vec![[0i16; LANES]; all_settled];
    let room = count.min(SETTLED + AHEAD);
    let mut trace = Trace { picks: vec![[0; LANES]; room], ways: vec![[0; LANES]; room * W] };
    let mut first = 0;
    while first < all_settled {
        let end = count.min(first + SETTLED + AHEAD);
        let settled = if end == count { all_settled } else { all_settled.min(first + SETTLED) };
        let mut sums = [[f32::INFINITY; LANES]; S];
        starts.iter().enumerate().for_each(|(lane, &state)| sums[state as usize][lane] = 0.0);
        mixpress_simd::vectorized(
            #[inline(always)]
            || forward::<S, W>(trellis, costs, columns, first, end, &mut sums, &mut trace),
        );
        for (lane, start) in starts.iter_mut().enumerate() {
            let least = (0..S).min_by(|&a, &b| sums[a][lane].total_cmp(&sums[b][lane])).unwrap_or(0);
            *start = trace.back::<W>(trellis, lane, least as u32, settled - first, end - first, &mut numbers[first..]);
        }
        first = settled;
    }
    numbers
}

impl Trace {
    /// Follows a lane's way back from the end of so many rows, and writes the numbers of those that are settled. Gives
    /// the state after these.
    fn back<const W: usize>(
        &self,
        trellis: Trellis,
        lane: usize,
        mut state: u32,
        settled: usize,
        rows: usize,
        numbers: &mut [[i16; LANES]],
    ) -> u32 {
        let mut after = state;
        for row in (0..rows).rev() {
            if row + 1 == settled {
                after = state;
            }
            let odd = self.ways[row * W + state as usize / 32][lane] >> (state % 32) & 1;
            state = trellis.before(state)[odd as usize];
            if row < settled {
                let remainder = (2 * odd + (state & 1)) as i32;
                let pick = self.picks[row][lane];
                let (below, is_upper) = (pick >> 4, pick >> remainder & 1);
                numbers[row][lane] = (below - ((below - remainder) & 3) + 4 * is_upper) as i16;
            }
        }
        after
    }
}

#[inline(always)]
#[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
fn forward<const S: usize, const W: usize>(
    trellis: Trellis,
    costs: &Costs,
    columns: &Columns,
    first: usize,
    end: usize,
    sums: &mut [Floats; S],
    trace: &mut Trace,
) {
    let mut before = [[0usize; 2]; S];
    for (state, before) in before.iter_mut().enumerate() {
        *before = trellis.before(state as u32).map(|state| state as usize % S);
    }
    let rows = columns.weights[first..end].iter().zip(&columns.rows[first..end]);
    let traces = trace.picks.iter_mut().zip(trace.ways.as_chunks_mut::<W>().0);
    for (row, ((weights, &scale), (picks, ways))) in rows.zip(traces).enumerate() {
        let least = candidates(costs, columns, weights, scale, picks);
        if row % RENORMALIZED == 0 {
            renormalize(sums);
        }
        let mut next = [[0.0f32; LANES]; S];
        *ways = [[0; LANES]; W];
        for (state, next) in next.iter_mut().enumerate() {
            let [even, odd] = before[state];
            let z = usize::from(state >= S / 2);
            let (even, odd) = (&sums[even], &sums[odd]);
            let (even_cost, odd_cost) = (&least[z], &least[z + 2]);
            let way = &mut ways[state / 32];
            for lane in 0..LANES {
                let (even, odd) = (even[lane] + even_cost[lane], odd[lane] + odd_cost[lane]);
                next[lane] = if odd < even { odd } else { even };
                way[lane] |= u32::from(odd < even) << (state % 32);
            }
        }
        *sums = next;
    }
}

/// The cost of the best number of each remainder by four, and which of the two around the weight it is.
#[inline(always)]
#[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
fn candidates(costs: &Costs, columns: &Columns, weights: &Floats, scale: i16, picks: &mut Ints) -> [Floats; 4] {
    let mut zeros = [0i32; LANES];
    let mut below = [0i32; LANES];
    let mut rest = [0.0f32; LANES];
    for lane in 0..LANES {
        let class = (columns.lanes[lane] + i32::from(scale)).clamp(0, columns.last);
        zeros[lane] = Costs::zero(class);
        let limit = costs.limit(class);
        let weight = weights[lane];
        // What is far beyond the table gets a number of its own, whatever stands in its place: the cheapest.
        let is_far = weight.abs() > limit + 6.0;
        let weight = if weight > limit { limit } else { weight };
        let weight = if weight < -limit { -limit } else { weight };
        let weight = if is_far { 0.0 } else { weight };
        let floor = weight.floor();
        below[lane] = floor as i32;
        rest[lane] = weight - floor;
        picks[lane] = below[lane] << 4;
    }
    let mut least = [[0.0f32; LANES]; 4];
    for (remainder, least) in least.iter_mut().enumerate() {
        for lane in 0..LANES {
            let back = (below[lane] - remainder as i32) & 3;
            let place = zeros[lane] + below[lane] - back;
            let off = rest[lane] + back as f32;
            let lower = off * off + costs.at(place);
            let upper = (off - 4.0) * (off - 4.0) + costs.at(place + 4);
            least[lane] = if upper < lower { upper } else { lower };
            picks[lane] |= i32::from(upper < lower) << remainder;
        }
    }
    least
}

/// Takes the least of each lane's sums from all of them.
#[inline(always)]
#[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
fn renormalize<const S: usize>(sums: &mut [Floats; S]) {
    let mut least = sums[0];
    for sums in &sums[1..] {
        for lane in 0..LANES {
            least[lane] = if sums[lane] < least[lane] { sums[lane] } else { least[lane] };
        }
    }
    for sums in sums.iter_mut() {
        for lane in 0..LANES {
            sums[lane] -= least[lane];
        }
    }
}
