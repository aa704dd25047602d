//! The directory of a journal: every call of the operating system that the journal makes.
//!
//! Each goes through [`step`], where the tests of this crate let processes take turns in every
//! order, and make any call fail.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, Mode, OFlags, Statx, StatxFlags};
use rustix::io::Errno;

use crate::error::Failure;
use crate::name::Name;
use crate::{Durability, SEGMENT_MAX_BYTES};

#[cfg(test)]
use crate::tests::turns::step;
#[cfg(not(test))]
fn step(_: &'static str) -> io::Result<()> {
    Ok(())
}

/// An open directory. Files are named relative to it, so that it stays the same one even if its
/// path is given to another; each listing looks whether it was. What is written to a directory that
/// nobody could find again is lost.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    dir: Dir,
    durability: Durability,
}

impl Place {
    /// Opens a directory; none if there is none.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, Failure> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::open(path, flags, Mode::empty()).and_then(Dir::new) {
            Ok(dir) => {
                Ok(Some(Self { path: path.to_owned(), dir, durability: Durability::Memory }))
            }
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(Failure::new("open the directory", path, error)),
        }
    }

    /// Opens a directory to write there, and makes it first if there is none.
    pub(crate) fn create(path: &Path, durability: Durability) -> Result<Self, Failure> {
        make_directory(path, durability)?;
        let place = Self::open(path)?
            .ok_or_else(|| Failure::new("open the directory", path, Errno::NOENT))?;
        Ok(Self { durability, ..place })
    }

    /// The files of the journal, oldest first.
    ///
    /// A listing is not taken in one moment: a process may be stopped in the middle of it. It shows
    /// every file that existed all the while, and any of those that came or went.
    ///
    /// # Errors
    /// Also if the path names another directory by now, or none.
    pub(crate) fn list(&mut self) -> Result<Vec<Name>, Failure> {
        let mut read = || {
            step("list")?;
            self.is_in_its_path()?;
            self.dir.rewind();
            let mut names = Vec::new();
            while let Some(entry) = self.dir.read() {
                names.extend(Name::parse(entry?.file_name().to_bytes()));
            }
            names.sort_unstable();
            Ok(names)
        };
        read().map_err(|error: io::Error| Failure::new("list the directory", &self.path, error))
    }

    /// Makes a file; none if one of that name exists.
    pub(crate) fn make(&self, name: Name) -> Result<Option<File>, Failure> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        match self.open_file("make", name, flags) {
            Err(failure) if failure.source.kind() == io::ErrorKind::AlreadyExists => Ok(None),
            other => other.map(Some),
        }
    }

    /// Opens a file to read it; none if it is gone.
    pub(crate) fn open_to_read(&self, name: Name) -> Result<Option<File>, Failure> {
        match self.open_file("open", name, OFlags::RDONLY | OFlags::CLOEXEC) {
            Err(failure) if failure.source.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }

    /// Opens a file of ours once more.
    pub(crate) fn open_again(&self, file: &File, name: Name) -> Result<File, Failure> {
        let again = self.open_to_read(name)?.filter(|again| {
            let inode = |file| status(file, StatxFlags::INO).map(|status| status.stx_ino);
            matches!((inode(again), inode(file)), (Ok(one), Ok(other)) if one == other)
        });
        again.ok_or_else(|| Failure::new("open", &self.path_of(name), io::ErrorKind::NotFound))
    }

    fn open_file(&self, what: &'static str, name: Name, flags: OFlags) -> Result<File, Failure> {
        let open = || {
            step(what)?;
            let mode = Mode::from_raw_mode(0o666); // less what the process masks
            Ok(File::from(rustix::fs::openat(self.dir()?, name.to_string(), flags, mode)?))
        };
        open().map_err(|error: io::Error| Failure::new(what, &self.path_of(name), error))
    }

    /// Gives a file another name in one step.
    pub(crate) fn rename(&self, from: Name, to: Name) -> Result<(), Failure> {
        let rename = || {
            step("rename")?;
            let dir = self.dir()?;
            Ok(rustix::fs::renameat(dir, from.to_string(), dir, to.to_string())?)
        };
        rename().map_err(|error: io::Error| Failure::new("rename", &self.path_of(from), error))
    }

    /// Deletes a file, or finds it gone.
    pub(crate) fn delete(&self, name: Name) -> Result<(), Failure> {
        let delete = || {
            step("delete")?;
            match rustix::fs::unlinkat(self.dir()?, name.to_string(), AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => Ok(()),
                Err(error) => Err(error.into()),
            }
        };
        delete().map_err(|error: io::Error| Failure::new("delete", &self.path_of(name), error))
    }

    /// Whether a file still has this name.
    pub(crate) fn is_named(&self, file: &File, name: Name) -> Result<bool, Failure> {
        let look = || {
            step("look at")?;
            let named =
                rustix::fs::statx(self.dir()?, name.to_string(), AtFlags::empty(), StatxFlags::INO);
            match named {
                Ok(named) => Ok(named.stx_ino == status(file, StatxFlags::INO)?.stx_ino),
                Err(Errno::NOENT) => Ok(false),
                Err(error) => Err(error.into()),
            }
        };
        look().map_err(|error: io::Error| Failure::new("look at", &self.path_of(name), error))
    }

    /// Writes bytes at an offset of a file.
    pub(crate) fn write(
        &self,
        (file, name): (&File, Name),
        bytes: &[u8],
        offset: u64,
    ) -> Result<(), Failure> {
        step("write to")
            .and_then(|()| file.write_all_at(bytes, offset))
            .map_err(|error| Failure::new("write to", &self.path_of(name), error))
    }

    /// Reads a whole file, as large as it is when the call begins.
    pub(crate) fn read(&self, mut file: &File, name: Name) -> Result<Vec<u8>, Failure> {
        let mut read = || {
            step("read")?;
            let size_bytes = status(file, StatxFlags::SIZE)?.stx_size;
            if size_bytes > SEGMENT_MAX_BYTES {
                let message = format!("it has {size_bytes} bytes, more than {SEGMENT_MAX_BYTES}");
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
            }
            let mut bytes = Vec::with_capacity(size_bytes as usize);
            file.rewind()?;
            file.take(size_bytes).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        read().map_err(|error| Failure::new("read", &self.path_of(name), error))
    }

    /// Waits until a file's bytes are durable.
    pub(crate) fn sync(&self, file: &File, name: Name) -> Result<(), Failure> {
        sync(file, self.durability)
            .map_err(|error| Failure::new("sync", &self.path_of(name), error))
    }

    /// Waits until the names of files are durable.
    pub(crate) fn sync_names(&self) -> Result<(), Failure> {
        match self.durability {
            Durability::Memory => Ok(()),
            Durability::Disk | Durability::SlowedDisk(_) => step("sync the directory")
                .and_then(|()| Ok(rustix::fs::fsync(self.dir()?)?))
                .map_err(|error| Failure::new("sync the directory", &self.path, error)),
        }
    }

    fn is_in_its_path(&self) -> io::Result<()> {
        let (named, ours) = (rustix::fs::stat(&self.path)?, rustix::fs::fstat(self.dir()?)?);
        if (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino) {
            return Ok(());
        }
        Err(io::Error::other("another directory has taken its place"))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn path_of(&self, name: Name) -> PathBuf {
        self.path.join(name.to_string())
    }

    pub(crate) fn durability(&self) -> Durability {
        self.durability
    }

    fn dir(&self) -> io::Result<BorrowedFd<'_>> {
        Ok(self.dir.fd()?)
    }
}

/// Waits until a file's bytes are as durable as they shall be.
pub(crate) fn sync(file: &File, durability: Durability) -> io::Result<()> {
    match durability {
        Durability::Memory => return Ok(()),
        Durability::Disk => {}
        Durability::SlowedDisk(by) => std::thread::sleep(by),
    }
    step("sync")?;
    file.sync_data()
}

/// Asks for one property of a file, and not for its times: once somebody has seen a file's times,
/// Linux notes a new one at the next write, and `fdatasync` takes half as long again.
fn status(file: &File, what: StatxFlags) -> io::Result<Statx> {
    Ok(rustix::fs::statx(file, "", AtFlags::EMPTY_PATH, what)?)
}

fn make_directory(path: &Path, durability: Durability) -> Result<(), Failure> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    make_directory(parent, durability)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(Failure::new("make the directory", path, error));
        }
        _ => {}
    }
    if durability != Durability::Memory {
        File::open(parent)
            .and_then(|parent| parent.sync_all())
            .map_err(|error| Failure::new("sync the directory", parent, error))?;
    }
    Ok(())
}
