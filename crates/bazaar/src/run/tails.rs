//! The event files of processes that still write them.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use view::Event;

/// The most that is read of one file at a time: the rest is read at the next look.
const READ_MAX_BYTES: u64 = 4 << 20;

/// One file, read as it grows.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    file: Option<File>,
    /// The beginning of a line whose end has not been written.
    rest: Vec<u8>,
}

impl Tail {
    /// A file that need not be there yet.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None, rest: Vec::new() }
    }

    /// Which file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was written since the last look.
    ///
    /// # Errors
    /// The file cannot be read, or holds what is no event.
    pub fn read(&mut self) -> io::Result<Vec<Event>> {
        if self.file.is_none() {
            match File::open(&self.path) {
                Ok(file) => self.file = Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                Err(error) => return Err(error),
            }
        }
        if let Some(file) = &mut self.file {
            file.by_ref().take(READ_MAX_BYTES).read_to_end(&mut self.rest)?;
        }
        let Some(end) = self.rest.iter().rposition(|&byte| byte == b'\n') else {
            return Ok(Vec::new());
        };
        let whole: Vec<u8> = self.rest.drain(..=end).collect();
        let lines = whole.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).map_err(io::Error::other)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use machine::NodeId;
    use view::What;

    use super::*;

    #[test]
    fn a_line_is_read_once_and_only_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let mut tail = Tail::new(&path);
        assert!(tail.read().unwrap().is_empty(), "no file yet");
        let event = Event { time_ns: 1, node: NodeId(2), clock: None, what: What::Stopped };
        let line = serde_json::to_string(&event).unwrap();
        let mut file = File::create(&path).unwrap();
        write!(file, "{line}\n{}", &line[..5]).unwrap();
        assert_eq!(tail.read().unwrap(), std::slice::from_ref(&event));
        assert!(tail.read().unwrap().is_empty());
        writeln!(file, "{}", &line[5..]).unwrap();
        assert_eq!(tail.read().unwrap(), [event]);
        writeln!(file, "nonsense").unwrap();
        assert!(tail.read().is_err());
    }
}
