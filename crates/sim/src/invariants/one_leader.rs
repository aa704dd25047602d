//! One leader an epoch: no counter is granted to two nodes, nor twice (SAFETY S1 to S4).

use std::collections::BTreeMap;

use machine::{Epoch, NodeId};

#[derive(Debug, Default)]
pub(super) struct OneLeader(BTreeMap<u64, NodeId>);

impl OneLeader {
    pub fn elected(&mut self, epoch: Epoch) -> Result<(), String> {
        match self.0.insert(epoch.counter, epoch.node) {
            Some(other) if other != epoch.node => {
                Err(format!("both {other} and {} lead in epoch {}", epoch.node, epoch.counter))
            }
            Some(_) => Err(format!("{} was elected twice in epoch {}", epoch.node, epoch.counter)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_leaders_of_one_counter_are_found() {
        let mut leaders = OneLeader::default();
        let elected = |counter, node| Epoch { counter, node: NodeId(node) };
        assert_eq!(leaders.elected(elected(1, 5)), Ok(()));
        assert_eq!(leaders.elected(elected(2, 4)), Ok(()));
        assert!(leaders.elected(elected(2, 5)).is_err());
        assert!(leaders.elected(elected(1, 5)).is_err());
    }
}
