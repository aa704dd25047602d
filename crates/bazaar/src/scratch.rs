//! A folder for as long as something lasts.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// A folder of its own that goes with this value.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// A new one in `parent`, which is made if it is not there.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(parent: &Path, purpose: &str) -> anyhow::Result<Self> {
        let tag = host::entropy::seed().context("cannot draw a name")?;
        let folder = parent.join(format!("{purpose}-{tag:016x}"));
        let made = fs::create_dir_all(parent).and_then(|()| fs::create_dir(&folder));
        made.with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self(folder))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is in nobody's way: the next one has another name.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_another_one_and_goes_with_its_value() {
        let folder = tempfile::tempdir().unwrap();
        let parent = folder.path().join("deep").join("inside");
        let one = Scratch::new(&parent, "bench").unwrap();
        let other = Scratch::new(&parent, "bench").unwrap();
        fs::write(one.path().join("file"), "something").unwrap();
        assert_ne!(one.path(), other.path());
        let place = one.path().to_owned();
        drop(one);
        assert!(!place.exists() && other.path().exists());
    }
}
