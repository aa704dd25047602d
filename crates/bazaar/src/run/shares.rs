//! A share of a processor for each trader of trading houses, by Linux control groups: what one of
//! them does not use, no other one has. So the loss of one costs the market what it could do, as if
//! each had a machine of its own.
//!
//! A process is put into its group when the warehouse begins a term of it, and taken out when the
//! term has ended: into the uppermost group, whichever it was in before. The groups go with this value; were the runner itself killed, empty ones would
//! stay, which hold nobody.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use machine::NodeId;

/// The time in which a share is counted. Shorter, it would be less than the kernel takes (1 ms) for
/// small shares; longer, a trader that has used its share would be silent for long.
const PERIOD_US: u32 = 20_000;
/// The least that the kernel takes of it.
const QUOTA_MIN_US: u32 = 1_000;

/// The two forms of control groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A hierarchy of its own for processors.
    One,
    /// One for all.
    Two,
}

/// The groups of a run.
#[derive(Debug)]
pub struct Shares {
    form: Form,
    /// Where processes are that have no share.
    all: PathBuf,
    /// The run's own group, in which those of its traders are.
    run: PathBuf,
    quota_us: u32,
    /// Who has a share, and by which process.
    traders: BTreeMap<NodeId, u32>,
}

impl Shares {
    /// Shares of so many percent of one processor.
    ///
    /// # Errors
    /// The system has no control groups for processors, or this process may not make any.
    pub fn new(percent: u32) -> anyhow::Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").context("cannot read the mounts")?;
        let cannot = "houses.trader_cpu_percent needs Linux control groups for processors, and the \
                      right to make them (run it as root), or give 0; nothing was started";
        let (form, all) = find(&mounts).context(cannot)?;
        let run = all.join(format!("bazaar-{}", std::process::id()));
        fs::create_dir(&run).with_context(|| format!("{}: {cannot}", run.display()))?;
        let quota_us = (PERIOD_US * percent / 100).max(QUOTA_MIN_US);
        let shares = Self { form, all, run, quota_us, traders: BTreeMap::new() };
        if form == Form::Two {
            for place in [&shares.all, &shares.run] {
                let place = place.join("cgroup.subtree_control");
                let written = fs::write(&place, "+cpu");
                written.with_context(|| format!("{}: {cannot}", place.display()))?;
            }
        }
        Ok(shares)
    }

    /// Has these processes, and no others, in groups of their own.
    ///
    /// # Errors
    /// The system refuses.
    pub fn follow(&mut self, traders: &BTreeMap<NodeId, u32>) -> anyhow::Result<()> {
        if *traders == self.traders {
            return Ok(());
        }
        for (node, process) in &self.traders {
            if traders.get(node) != Some(process) {
                // It may have ended by now.
                let _ = fs::write(self.all.join("cgroup.procs"), process.to_string());
            }
        }
        for (node, process) in traders {
            if self.traders.get(node) != Some(process) {
                let group = self.run.join(format!("trader-{node}"));
                let put = self.put(&group, *process);
                put.with_context(|| format!("cannot put trader {node} into {}", group.display()))?;
            }
        }
        self.traders.clone_from(traders);
        Ok(())
    }

    fn put(&self, group: &Path, process: u32) -> io::Result<()> {
        if !group.exists() {
            fs::create_dir(group)?;
            match self.form {
                Form::One => {
                    fs::write(group.join("cpu.cfs_period_us"), PERIOD_US.to_string())?;
                    fs::write(group.join("cpu.cfs_quota_us"), self.quota_us.to_string())?;
                }
                Form::Two => {
                    fs::write(group.join("cpu.max"), format!("{} {PERIOD_US}", self.quota_us))?;
                }
            }
        }
        match fs::write(group.join("cgroup.procs"), process.to_string()) {
            // It ended just now.
            Err(_) if !Path::new("/proc").join(process.to_string()).exists() => Ok(()),
            written => written,
        }
    }
}

impl Drop for Shares {
    fn drop(&mut self) {
        // Whoever is still in them goes on without a share; an empty group can be removed.
        for process in self.traders.values() {
            let _ = fs::write(self.all.join("cgroup.procs"), process.to_string());
        }
        for group in fs::read_dir(&self.run).into_iter().flatten().flatten() {
            let _ = fs::remove_dir(group.path());
        }
        let _ = fs::remove_dir(&self.run);
    }
}

/// Where control groups for processors are mounted, of all mounts.
fn find(mounts: &str) -> Option<(Form, PathBuf)> {
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?, words.next()?))
    });
    let has_cpu = |options: &str| options.split(',').any(|option| option == "cpu");
    let mut two = None;
    for (place, kind, options) in mounts {
        match kind {
            "cgroup" if has_cpu(options) => return Some((Form::One, place.into())),
            "cgroup2" => {
                let controllers = fs::read_to_string(Path::new(place).join("cgroup.controllers"));
                let has_cpu =
                    controllers.is_ok_and(|all| all.split_whitespace().any(|c| c == "cpu"));
                two = two.or(has_cpu.then(|| (Form::Two, place.into())));
            }
            _ => {}
        }
    }
    two
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hierarchy_of_processors_is_found_among_mounts() {
        let mounts = "proc /proc proc rw 0 0\n\
                      cgroup /sys/fs/cgroup/cpuset cgroup rw,relatime,cpuset 0 0\n\
                      cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0\n\
                      cgroup2 /nowhere cgroup2 rw 0 0\n";
        let found = Some((Form::One, PathBuf::from("/sys/fs/cgroup/cpu,cpuacct")));
        assert_eq!(find(mounts), found);
        let (first, rest) = mounts.split_once("cgroup /sys/fs/cgroup/cpu,").unwrap();
        assert_eq!(find(first), None);
        assert_eq!(find(rest.split_once('\n').unwrap().1), None, "it gives no controllers");
    }
}
