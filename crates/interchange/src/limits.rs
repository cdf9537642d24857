//! What a reader lets a file ask for.

/// Limits on what a model or a stored skeleton may make its reader hold in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Tensors of a model (default 2^20).
    pub max_tensors: u64,
    /// Graphs within graphs (default 64). Each takes up to 16 KiB of the stack.
    pub max_depth: u32,
    /// Bytes of everything that is not a tensor's payload: the rest of the files, the names and the shapes (default
    /// 2^28).
    pub max_skeleton_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_tensors: 1 << 20, max_depth: 64, max_skeleton_bytes: 1 << 28 }
    }
}

/// What is left of the bytes of a skeleton.
#[derive(Debug)]
pub(crate) struct Budget {
    spent: u64,
    limit: u64,
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { spent: 0, limit: limits.max_skeleton_bytes }
    }

    /// Takes `bytes` of it, before they are allocated.
    pub(crate) fn spend(&mut self, bytes: u64) -> Result<(), crate::Error> {
        self.spent = self.spent.saturating_add(bytes);
        if self.spent > self.limit {
            let what = "bytes that are no tensor's payload";
            return Err(crate::Error::Limit { what, claimed: self.spent, limit: self.limit });
        }
        Ok(())
    }
}
