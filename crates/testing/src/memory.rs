//! The memory that a test takes.

/// The most memory that this process has had, in bytes: `VmHWM` of Linux.
///
/// # Panics
/// On another system.
#[must_use]
pub fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("what Linux tells of this process");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("its peak");
    1024 * line.split_ascii_whitespace().nth(1).expect("a number").parse::<u64>().expect("kilobytes")
}
