//! The order of hidden units, which a network does not care about and a file does.
//!
//! Hidden units may be permuted freely as long as every tensor that refers to them is permuted alike. A file is
//! smallest when live units come first and the others' order says nothing that the tensors say again: then `n` units
//! save up to `log2(n!)` bits.

use crate::{AxisRef, Container, Entry, QuantizedTensor, matrix::sort_key, stream::pivot};

impl Container {
    /// Permutes the units of a group in every quantised tensor that refers to it: unit `order[k]` becomes unit `k`.
    /// The network computes the same as long as no other tensor (a plain one) and nothing outside depends on the
    /// order; so never permute inputs or outputs.
    ///
    /// # Panics
    /// If `group` is not a group of the container, `order` is not a permutation of its units, or a tensor does not fit
    /// the group (see [`Container::check`]).
    #[track_caller]
    pub fn permute_units(&mut self, group: usize, order: &[usize]) {
        let units = self.groups[group].size;
        let mut seen = vec![false; units];
        for &unit in order {
            seen[unit] = true;
        }
        assert!(order.len() == units && !seen.contains(&false), "{order:?} is no permutation of {units} units");
        for entry in &mut self.entries {
            let Entry::Quantized(tensor) = entry else { continue };
            for axis in 0..tensor.shape().len() {
                if let Some(AxisRef { group: g, repeat }) = tensor.axes()[axis]
                    && g == group
                {
                    *tensor = permuted(tensor, axis, repeat, order);
                }
            }
        }
    }

    /// Brings the units of hidden groups into the order in which the file is smallest: live ones first, sorted by the
    /// weights that lead out of them where a plain matrix follows, by their biases otherwise.
    ///
    /// As [`Container::permute_units`], this keeps what the network computes only for groups that are neither inputs nor
    /// outputs, and whose tensors are all quantised.
    ///
    /// # Panics
    /// If a tensor does not fit the groups it refers to (see [`Container::check`]).
    #[track_caller]
    pub fn sort_units(&mut self, groups: &[usize]) {
        let by = |group: usize| self.sorting_tensor(group).map_or(0, |position| position + 1);
        let mut groups: Vec<(usize, usize)> = groups.iter().map(|&g| (by(g), g)).collect();
        // Columns are compared from the first row down, so the order of a tensor's rows has to be settled before that of
        // its columns: later tensors first.
        groups.sort_unstable_by(|a, b| b.cmp(a));
        for (tensor, group) in groups {
            let order = self.unit_order(group, tensor.checked_sub(1));
            self.permute_units(group, &order);
        }
    }

    /// The tensor by which a group is sorted: the first matrix without an arrangement whose columns are the group's
    /// units, otherwise the first vector along them.
    fn sorting_tensor(&self, group: usize) -> Option<usize> {
        let along = |axes: usize| {
            self.entries.iter().position(|entry| match entry {
                Entry::Quantized(t) => t.axes().len() == axes && t.axes()[axes - 1] == Some(AxisRef::new(group)),
                Entry::Plain(_) | Entry::Trellis(_) => false,
            })
        };
        let matrix = if self.groups[group].grid.is_none() { along(2) } else { None };
        matrix.or_else(|| along(1))
    }

    fn unit_order(&self, group: usize, by: Option<usize>) -> Vec<usize> {
        let live = crate::liveness::live_units(self);
        let mut order: Vec<usize> = (0..self.groups[group].size).collect();
        match by.map(|position| &self.entries[position]) {
            Some(Entry::Quantized(t)) => {
                let (columns, pivot) = (order.len(), i32::from(pivot(t.codebook())));
                let rows = t.len() / columns.max(1);
                let key = |row: usize, unit: usize| sort_key(i32::from(t.indices()[row * columns + unit]) - pivot);
                order.sort_by(|&a, &b| {
                    let mut values = (0..rows).map(|row| key(row, a).cmp(&key(row, b)));
                    live[group][b]
                        .cmp(&live[group][a])
                        .then_with(|| values.find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal))
                });
            }
            _ => order.sort_by_key(|&unit| !live[group][unit]),
        }
        order
    }
}

/// A tensor whose axis is permuted in blocks of `repeat`.
fn permuted(tensor: &QuantizedTensor, axis: usize, repeat: usize, order: &[usize]) -> QuantizedTensor {
    let shape = tensor.shape();
    let block = repeat * shape[axis + 1..].iter().product::<usize>();
    let old = tensor.indices();
    let mut indices = Vec::with_capacity(old.len());
    for slice in old.chunks(shape[axis].max(1) * (block / repeat).max(1)) {
        for &unit in order {
            indices.extend_from_slice(&slice[unit * block..(unit + 1) * block]);
        }
    }
    QuantizedTensor::new(tensor.name(), shape, tensor.codebook().clone(), indices)
        .and_then(|t| t.with_axes(tensor.axes()))
        .expect("the same indices in another order")
}
