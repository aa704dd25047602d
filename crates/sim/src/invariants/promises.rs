//! No voter forgets its promise (SAFETY S4): what it promised durably, every later life of it
//! has promised.

use std::collections::BTreeMap;

use machine::{Epoch, NodeId};

#[derive(Debug, Default)]
pub(super) struct Promises(BTreeMap<NodeId, Epoch>);

impl Promises {
    pub fn check(&mut self, node: NodeId, promised: Epoch, is_durable: bool) -> Result<(), String> {
        let durable = self.0.entry(node).or_default();
        if promised < *durable {
            return Err(format!("{node} has promised {promised}, and {durable} before"));
        }
        if is_durable {
            *durable = promised;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_that_was_durable_and_is_gone_is_found() {
        let mut promises = Promises::default();
        let epoch = |counter| Epoch { counter, node: NodeId(1) };
        assert_eq!(promises.check(NodeId(1), epoch(2), true), Ok(()));
        assert_eq!(promises.check(NodeId(1), epoch(3), false), Ok(()));
        assert_eq!(promises.check(NodeId(1), epoch(2), true), Ok(()), "it never left the node");
        assert!(promises.check(NodeId(1), epoch(1), true).is_err());
    }
}
