//! Programs that are not ours: where they are, and how they come here.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, ensure};

/// Where administrators' programs are, which other users' paths leave out.
const PLACES: &[&str] = &["/usr/sbin", "/sbin"];

/// Where a program is; installs its package if it is missing and this is Debian, as root.
///
/// # Errors
/// It is not to be had.
pub(crate) fn program(name: &str, package: &str) -> anyhow::Result<PathBuf> {
    if let Some(found) = find(name, PLACES) {
        return Ok(found);
    }
    let installed = Command::new("apt-get").args(["install", "-y", "-q", package]).output();
    find(name, PLACES).with_context(|| match installed {
        Ok(output) => format!(
            "{name} is missing, and apt-get does not install {package}: {}",
            String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default()
        ),
        Err(error) => format!("{name} of {package} is missing, and apt-get is too: {error}"),
    })
}

/// The file of a program: in the path, or in one of these places.
pub(crate) fn find(name: &str, places: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(places.iter().map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Whether the one who runs this may do everything.
///
/// # Errors
/// Nobody says.
pub(crate) fn is_root() -> anyhow::Result<bool> {
    let output = Command::new("id").arg("-u").output().context("cannot run `id -u`")?;
    ensure!(output.status.success(), "`id -u` failed: {}", output.status);
    Ok(output.stdout.trim_ascii() == b"0")
}
