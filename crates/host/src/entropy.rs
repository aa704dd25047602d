//! Chance from outside: the one place where a run that was given no seed gets one.

use std::io;

use rustix::rand::{GetRandomFlags, getrandom};

/// A seed that nobody can foresee.
///
/// # Errors
/// The kernel refused to give random bytes.
pub fn seed() -> io::Result<u64> {
    let mut bytes = [0; 8];
    // Up to 256 bytes come whole or not at all, except that a signal may interrupt the wait for
    // the kernel's pool early after boot.
    rustix::io::retry_on_intr(|| getrandom(&mut bytes, GetRandomFlags::empty()))?;
    Ok(u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    #[test]
    fn seeds_differ() {
        assert_ne!(super::seed().unwrap(), super::seed().unwrap());
    }
}
