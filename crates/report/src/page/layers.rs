//! The table of tensors: shape, what is kept, components, bits, bytes, share of the file.

use maud::{Markup, html};
use mixpress_compress::{LayerOutcome, Outcome};

use super::keyed::{bytes, count, keyed, share};
use super::table;
use crate::printable;
use crate::table::shape;

/// The section.
pub(super) fn markup(outcome: &Outcome) -> Markup {
    let total = outcome.file_bytes as f64;
    let weights: usize = outcome.layers.iter().map(|layer| layer.weights).sum();
    let nonzero: usize = outcome.layers.iter().map(|layer| layer.nonzero).sum();
    let contents = html! {
        thead { tr {
            th scope="col" { "tensor" } th scope="col" { "shape" } th scope="col" { "weights" }
            th scope="col" { "kept" } th scope="col" { "share kept" } th scope="col" { "components" }
            th scope="col" { "bits a weight" } th scope="col" { "bytes" } th scope="col" { "share of the file" }
            th scope="col" class="words" { "coded as" }
        } }
        tbody {
            @for (at, layer) in outcome.layers.iter().enumerate() { (row(at, layer, total)) }
            tr {
                th scope="row" { "rest of the file" } td {} td {} td {} td {} td {} td {}
                td { (bytes("/overhead_bytes", outcome.overhead_bytes)) } td { (share(outcome.overhead_bytes, total)) } td {}
            }
        }
        tfoot { tr {
            th scope="row" { "all" } td {} td { (crate::grouped(weights as u64)) } td { (crate::grouped(nonzero as u64)) }
            td { (share(nonzero as f64, weights as f64)) } td {}
            td { @if weights > 0 { (format!("{:.3}", 8.0 * total / weights as f64)) } }
            td { (count("/file_bytes", outcome.file_bytes)) } td { (share(total, total)) } td {}
        } }
    };
    html! {
        section aria-labelledby="layers" {
            h2 id="layers" { "Layers" }
            p {
                "Of the weights " (share(outcome.sparsity, 1.0)) " are zero. A layer's components are the values of its codebook; "
                "training found how many there are. Small tensors share one coded stream, so their bytes are fractions."
            }
            (table("Tensors of the file", &contents))
        }
    }
}

fn row(at: usize, layer: &LayerOutcome, total: f64) -> Markup {
    let key = |field: &str| format!("/layers/{at}/{field}");
    let bits = keyed(&key("bits_per_weight"), layer.bits_per_weight, &format!("{:.3}", layer.bits_per_weight));
    html! { tr {
        th scope="row" { (printable(&layer.name)) } td { (shape(&layer.shape)) }
        td { (count(&key("weights"), layer.weights as u64)) } td { (count(&key("nonzero"), layer.nonzero as u64)) }
        td { (share(layer.nonzero as f64, layer.weights as f64)) }
        td { @if layer.components == 0 { "\u{2013}" } @else { (count(&key("components"), layer.components as u64)) } }
        td { (bits) } td { (bytes(&key("bytes"), layer.bytes)) } td { (share(layer.bytes, total)) }
        td class="words" { (printable(&layer.coding)) }
    } }
}
