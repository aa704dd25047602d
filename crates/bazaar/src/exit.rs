//! Exit codes. 0 is a pass.

/// A promise was found broken.
pub const BROKEN: u8 = 1;
/// Wrong usage or configuration.
pub const USAGE: u8 = 2;
/// A verdict could not be reached.
pub const UNKNOWN: u8 = 3;
/// Something failed that says nothing of any promise: a file, a process.
pub const FAILED: u8 = 4;

/// What the caller gave cannot be used: a path, a file that is not what it should be.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
pub struct Unusable(pub anyhow::Error);
