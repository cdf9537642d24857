//! The picture itself: a smooth histogram of the weights before, a spike for each codebook value after, on one axis.

use std::fmt::Write;

use mixpress_cli::mixpress::report::grouped;

/// Width and height of the picture, in the units of its `viewBox`.
const SIZE: (f64, f64) = (720.0, 504.0);
/// Left and right end of both plots.
const ACROSS: (f64, f64) = (92.0, 696.0);
/// Top and bottom of the plot of the weights before, and of the one of the weights after.
const DOWN: [(f64, f64); 2] = [(70.0, 206.0), (314.0, 448.0)];
/// Room that the count above a spike takes: half its width a character, and its height.
const COUNT: (f64, f64) = (3.7, 15.0);
/// Bins of the histogram a step of the horizontal axis.
const BINS_A_TICK: f64 = 20.0;
/// Height of either plot above its highest point; the zeros' count stands in the second one's.
const HEADROOM: [f64; 2] = [1.08, 1.2];

/// Neutral greys and one colour, on a ground of its own: the page around may be darker or lighter than the reader's
/// system says.
const STYLE: &str = "\
.ground{fill:#ffffff;stroke:#d0d7de}\
text{fill:#1f2328;font:13px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif}\
.head{font-size:15px;font-weight:600}\
.note{fill:#59636e}\
.axis{stroke:#8c959f;fill:none}\
.grid{stroke:#d0d7de;fill:none}\
.float{fill:#8c959f;fill-opacity:.45;stroke:#6e7781;stroke-width:1.5}\
.spike{stroke:#0969da;stroke-width:3;fill:none}\
.tip{fill:#0969da}\
.zero{stroke:#8c959f;stroke-dasharray:4 4;fill:none}\
@media (prefers-color-scheme:dark){\
.ground{fill:#0d1117;stroke:#3d444d}\
text{fill:#e6edf3}\
.note{fill:#9198a1}\
.axis{stroke:#768390}\
.grid{stroke:#2a313c}\
.float{fill:#9198a1;stroke:#b1bac4}\
.spike{stroke:#58a6ff}\
.tip{fill:#58a6ff}\
.zero{stroke:#768390}\
}";

/// What is drawn: the weights of one layer, in any order.
pub struct Histograms<'a> {
    /// The network's name.
    pub network: &'a str,
    /// The layer's name.
    pub layer: &'a str,
    /// Its weights after plain training.
    pub before: &'a [f32],
    /// Its weights as the file has them.
    pub after: &'a [f32],
}

/// A codebook value and the number of weights that have it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spike {
    value: f32,
    count: usize,
}

impl Histograms<'_> {
    /// The picture as a self-contained SVG file.
    pub fn svg(&self) -> String {
        let Self { network, layer, before, after } = *self;
        let horizontal = Horizontal::of(before.iter().chain(after));
        let spikes = spikes(after);
        let (weights, distinct) = (count(before.len()), count(distinct(before)));
        let zeros = after.iter().filter(|&&weight| weight == 0.0).count();
        let (kept, left) = (after.len() - zeros, spikes.len());
        let values = if left == 1 { "value" } else { "values" };
        let share = format!("{} of {} are zero", count(zeros), count(after.len()));
        let (width, height) = SIZE;

        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" role=\"img\" aria-labelledby=\"title desc\">\n\
             <title id=\"title\">The weights of layer {layer} of {network} before and after compression</title>\n\
             <desc id=\"desc\">Above, a histogram of the {weights} weights after plain training: {distinct} different \
             values around zero. Below, the same layer read back from the compressed file: {share}, and the other {} have \
             {left} different {values}.</desc>\n<style>{STYLE}</style>\n",
            count(kept)
        );
        let (right, bottom) = (width - 1.0, height - 1.0);
        line(
            &mut out,
            &format!("<rect class=\"ground\" x=\".5\" y=\".5\" width=\"{right}\" height=\"{bottom}\" rx=\"8\"/>"),
        );

        let counts = smooth(&horizontal.bins(before));
        let vertical = Vertical::new(counts.iter().copied().fold(0.0, f64::max), HEADROOM[0], DOWN[0]);
        let note = format!("{weights} weights, {distinct} different values");
        heading(&mut out, DOWN[0], &format!("Before: layer {layer} of {network}, trained"), &note);
        axes(&mut out, &horizontal, &vertical, &format!("weights per {}", plain(horizontal.bin)));
        line(&mut out, &area(&horizontal, &vertical, &counts));

        let most = spikes.iter().map(|spike| spike.count).max().unwrap_or(0);
        let vertical = Vertical::new(most as f64, HEADROOM[1], DOWN[1]);
        let note = format!("{share}; the other {} have {left} different {values}", count(kept));
        heading(&mut out, DOWN[1], "After: the same layer, read back from the file", &note);
        axes(&mut out, &horizontal, &vertical, "weights per value");
        draw_zeros(&mut out, &horizontal, &vertical, zeros);
        draw_spikes(&mut out, &horizontal, &vertical, &spikes);
        let middle = f64::midpoint(ACROSS.0, ACROSS.1);
        text(&mut out, (middle, DOWN[1].1 + 40.0), "note", "middle", "value of a weight");
        out.push_str("</svg>\n");
        out
    }
}

/// The nonzero values of a layer in ascending order, each with its count.
fn spikes(weights: &[f32]) -> Vec<Spike> {
    let mut sorted: Vec<f32> = weights.iter().copied().filter(|&weight| weight != 0.0).collect();
    sorted.sort_by(f32::total_cmp);
    sorted.chunk_by(|a, b| a == b).map(|run| Spike { value: run[0], count: run.len() }).collect()
}

/// Number of different values.
fn distinct(weights: &[f32]) -> usize {
    let zeros = weights.contains(&0.0);
    spikes(weights).len() + usize::from(zeros)
}

/// The axis of the weights' values, the same for both plots, zero in its middle.
struct Horizontal {
    /// The largest value shown.
    end: f64,
    /// Distance of two ticks.
    tick: f64,
    /// Width of a bin.
    bin: f64,
}

impl Horizontal {
    /// The axis on which all of these weights lie.
    fn of<'a>(weights: impl Iterator<Item = &'a f32>) -> Self {
        let largest = weights.fold(0.0, |largest: f64, &weight| largest.max(f64::from(weight).abs()));
        let largest = if largest > 0.0 { largest } else { 1.0 };
        let tick = nice_step(2.0 * largest, 10.0);
        let bin = tick / BINS_A_TICK;
        // Two empty bins at either end, for the histogram to come down to zero in.
        Self { end: ((largest / bin).ceil() + 2.0) * bin, tick, bin }
    }

    fn x(&self, value: f64) -> f64 {
        let (left, right) = ACROSS;
        left + (right - left) * (value + self.end) / (2.0 * self.end)
    }

    /// The weights in each bin; zero is the middle of a bin.
    fn bins(&self, weights: &[f32]) -> Vec<f64> {
        let half = (self.end / self.bin).round();
        let mut counts = vec![0.0; 2 * half as usize + 1];
        for &weight in weights {
            counts[((f64::from(weight) / self.bin).round() + half) as usize] += 1.0;
        }
        counts
    }

    /// The value in the middle of a bin.
    fn middle(&self, bin: usize) -> f64 {
        bin as f64 * self.bin - self.end
    }

    /// The values that bear a tick.
    fn ticks(&self) -> impl Iterator<Item = f64> {
        let most = (self.end / self.tick).floor() as i32;
        (-most..=most).map(|tick| f64::from(tick) * self.tick)
    }
}

/// An axis of counts, from zero at the bottom of a plot.
struct Vertical {
    end: f64,
    tick: f64,
    top: f64,
    bottom: f64,
}

impl Vertical {
    /// The axis whose end is `headroom` times the `largest` count.
    fn new(largest: f64, headroom: f64, (top, bottom): (f64, f64)) -> Self {
        let end = headroom * largest.max(1.0);
        Self { end, tick: nice_step(end, 5.0).max(1.0), top, bottom }
    }

    fn y(&self, count: f64) -> f64 {
        self.bottom - (self.bottom - self.top) * count / self.end
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        let most = (self.end / self.tick).floor() as u32;
        (1..=most).map(|tick| f64::from(tick) * self.tick)
    }
}

/// The smallest of 1, 2 and 5 times a power of ten that divides `span` into at most `parts`.
fn nice_step(span: f64, parts: f64) -> f64 {
    let least = span / parts;
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|&step| step >= least).unwrap_or(10.0 * power)
}

/// Counts spread over their neighbours by the binomial weights 1, 4, 6, 4, 1: about a Gaussian of one bin.
fn smooth(counts: &[f64]) -> Vec<f64> {
    let at = |bin: usize, offset: usize| (bin + offset).checked_sub(2).and_then(|i| counts.get(i)).copied();
    let spread = |bin| {
        let terms = [1.0, 4.0, 6.0, 4.0, 1.0].into_iter().enumerate();
        terms.map(|(offset, weight)| weight * at(bin, offset).unwrap_or(0.0)).sum::<f64>() / 16.0
    };
    (0..counts.len()).map(spread).collect()
}

/// The histogram as a filled outline.
fn area(horizontal: &Horizontal, vertical: &Vertical, counts: &[f64]) -> String {
    let mut path = format!("M{:.1} {:.1}", ACROSS.0, vertical.bottom);
    for (bin, &count) in counts.iter().enumerate() {
        let _ = write!(path, "L{:.1} {:.1}", horizontal.x(horizontal.middle(bin)), vertical.y(count));
    }
    format!("<path class=\"float\" d=\"{path}L{:.1} {:.1}Z\"/>", ACROSS.1, vertical.bottom)
}

/// A dashed line where the zeros are, their count above it: there are too many for the scale of the others.
fn draw_zeros(out: &mut String, horizontal: &Horizontal, vertical: &Vertical, zeros: usize) {
    if zeros > 0 {
        let (x, top) = (horizontal.x(0.0), vertical.top);
        line(out, &format!("<path class=\"zero\" d=\"M{x:.1} {:.1}V{:.1}\"/>", vertical.bottom, top + 4.0));
        text(out, (x, top - 2.0), "", "middle", &format!("{} zeros", count(zeros)));
    }
}

/// A line up from the axis for each value, its count above.
fn draw_spikes(out: &mut String, horizontal: &Horizontal, vertical: &Vertical, spikes: &[Spike]) {
    let mut taken: Vec<(f64, f64, f64)> = Vec::new();
    for spike in spikes {
        let (x, y) = (horizontal.x(f64::from(spike.value)), vertical.y(spike.count as f64));
        line(
            out,
            &format!(
                "<path class=\"spike\" d=\"M{x:.1} {:.1}V{y:.1}\"/><circle class=\"tip\" cx=\"{x:.1}\" cy=\"{y:.1}\" \
                 r=\"4\"/>",
                vertical.bottom
            ),
        );
        let shown = count(spike.count);
        let half = COUNT.0 * shown.len() as f64 + 2.0;
        let mut label = y - 9.0;
        // A count that would lie on another one moves up.
        while taken.iter().any(|&(left, right, at)| x - half < right && left < x + half && (label - at).abs() < COUNT.1)
        {
            label -= 1.0;
        }
        taken.push((x - half, x + half, label));
        text(out, (x, label), "", "middle", &shown);
    }
}

/// The two lines above a plot.
fn heading(out: &mut String, (top, _): (f64, f64), head: &str, note: &str) {
    text(out, (22.0, top - 40.0), "head", "start", head);
    text(out, (22.0, top - 21.0), "note", "start", note);
}

/// Both axes of a plot with their ticks, and the name of the vertical one.
fn axes(out: &mut String, horizontal: &Horizontal, vertical: &Vertical, name: &str) {
    let (left, right) = ACROSS;
    let (top, bottom) = (vertical.top, vertical.bottom);
    for tick in vertical.ticks() {
        let y = vertical.y(tick);
        line(out, &format!("<path class=\"grid\" d=\"M{left:.1} {y:.1}H{right:.1}\"/>"));
        text(out, (left - 8.0, y + 4.5), "note", "end", &count(tick as usize));
    }
    line(out, &format!("<path class=\"axis\" d=\"M{left:.1} {bottom:.1}H{right:.1}\"/>"));
    for tick in horizontal.ticks() {
        let x = horizontal.x(tick);
        line(out, &format!("<path class=\"axis\" d=\"M{x:.1} {bottom:.1}v5\"/>"));
        text(out, (x, bottom + 20.0), "note", "middle", &plain(tick));
    }
    let middle = f64::midpoint(top, bottom);
    line(
        out,
        &format!(
            "<text class=\"note\" text-anchor=\"middle\" transform=\"translate(26 {middle:.1}) rotate(-90)\">{name}</text>"
        ),
    );
}

fn text(out: &mut String, (x, y): (f64, f64), class: &str, anchor: &str, words: &str) {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    line(out, &format!("<text{class} x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>"));
}

fn line(out: &mut String, element: &str) {
    out.push_str(element);
    out.push('\n');
}

fn count(number: usize) -> String {
    grouped(number as u64)
}

/// A number without the digits that binary fractions would add, and with a minus sign rather than a hyphen.
fn plain(value: f64) -> String {
    let rounded = format!("{value:.6}");
    let short = rounded.trim_end_matches('0').trim_end_matches('.');
    if short == "-0" { "0".to_owned() } else { short.replace('-', "\u{2212}") }
}

#[cfg(test)]
mod tests;
