//! Elections: who should lead. A winner is a proposal; only the [fence](crate::fence) makes it a
//! leader.

pub mod bully;
