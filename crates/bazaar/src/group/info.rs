//! The members as seed 003 shows them: what each one has processed, and how many messages wait.

use serde::Serialize;

use super::board::Standing;
use super::{Peers, name};

/// All members at a moment.
#[derive(Debug, Serialize)]
pub struct Info {
    /// The number of the view, as far as the members that are in agree on it.
    view: Option<u64>,
    /// The coordinator, which is the sequencer if the order is the sequencer's.
    coordinator: Option<String>,
    order: String,
    delivery: String,
    /// Those that are in the view, in the order in which they came.
    members: Vec<String>,
    peers: Vec<Peer>,
}

#[derive(Debug, Serialize)]
struct Peer {
    name: String,
    standing: &'static str,
    /// How many messages it has delivered, and the last of them.
    delivered: u64,
    last: Vec<String>,
    /// How many it has received that wait for others before them.
    waiting: u64,
}

impl Info {
    /// Asks all members now.
    ///
    /// # Errors
    /// A process has ended that should not have.
    pub fn of(peers: &mut Peers) -> anyhow::Result<Self> {
        peers.refresh()?;
        let setup = peers.setup().clone();
        Ok(peers.look(|board| {
            let latest = board.present().max_by_key(|(_, record)| record.view);
            let view = latest.map(|(_, record)| record.clone());
            let members = view.iter().flat_map(|record| record.members.iter().copied());
            Self {
                view: view.as_ref().map(|record| record.view),
                coordinator: view.as_ref().map(|record| name(record.coordinator)),
                order: setup.order.to_string(),
                delivery: setup.delivery.to_string(),
                members: members.map(name).collect(),
                peers: board
                    .records()
                    .map(|(node, record)| Peer {
                        name: name(node),
                        standing: record.standing.name(),
                        delivered: record.delivered(),
                        last: record.shown.iter().cloned().collect(),
                        // Nothing waits at a process that is gone.
                        waiting: match record.standing {
                            Standing::In | Standing::Leaving => record.waiting,
                            _ => 0,
                        },
                    })
                    .collect(),
            }
        }))
    }
}

impl std::fmt::Display for Info {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rule = "/".repeat(72);
        writeln!(f, "{rule}")?;
        match (self.view, &self.coordinator) {
            (Some(view), Some(coordinator)) => {
                let role = match self.order.as_str() {
                    "sequencer" => "the sequencer is",
                    _ => "changes of the view are led by",
                };
                let members = self.members.join(" ");
                writeln!(f, "view {view}: {members}; {role} {coordinator}")?;
            }
            _ => writeln!(f, "nobody is in the group")?,
        }
        for peer in &self.peers {
            let Peer { name, standing, delivered, last, waiting } = peer;
            let more = if (last.len() as u64) < *delivered { "…, " } else { "" };
            write!(f, " - {name}: {delivered} processed [{more}{}]", last.join(", "))?;
            match *standing {
                "in" => writeln!(f, ", {waiting} wait")?,
                gone => writeln!(f, "; {gone}")?,
            }
        }
        write!(f, "{rule}")
    }
}
