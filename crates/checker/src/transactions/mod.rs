//! Transactions: whether those that committed have an order in which each saw what those before it
//! left.
//!
//! Source: Adya 1999 (anomalies as cycles of dependencies); Kingsbury and Alvaro 2020, *Elle*
//! (dependencies inferred from what clients saw).
//!
//! Each transaction is a node, and what clients saw tells who must stand before whom:
//!
//! | edge | from T1 to T2 when |
//! |---|---|
//! | ww | T2's write follows T1's in the order of versions of some key |
//! | wr | T2 read what T1 wrote |
//! | rw | T1 read the version that T2's write follows: it did not see T2 |
//! | process | one client did T1, then T2 |
//! | real time | T1 had ended when T2 began |
//!
//! An order exists if, and only if, there is no cycle. Cycles are found by Tarjan's algorithm in
//! time that is linear in the edges, and the shortest one that was found is told with the reason for
//! each of its edges. Its name is Adya's: G0 (ww only), G1c (ww and wr), G-single (one rw), G2-item
//! (more), with `-process` or `-realtime` if it needs such an edge.
//!
//! The order of versions is what the two forms of history differ in: [`list_append`] reads it off the
//! lists, [`rw_register`] infers little.

mod cycle;
mod graph;
pub mod list_append;
mod parse;
pub mod rw_register;
mod tell;
mod time;

/// How the order of transactions must agree with time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Consistency {
    /// Not at all.
    Serializable,
    /// What one client did in turn stands in that order.
    StrongSessionSerializable,
    /// What had ended before another began stands before it.
    #[default]
    StrictSerializable,
}

impl Consistency {
    /// All of them, the weakest first.
    pub const ALL: [Self; 3] =
        [Self::Serializable, Self::StrongSessionSerializable, Self::StrictSerializable];

    /// The name by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::Serializable => "serializable",
            Self::StrongSessionSerializable => "strong-session-serializable",
            Self::StrictSerializable => "strict-serializable",
        }
    }
}

/// How many writes that nobody saw in their order are followed for one version. In a history that is
/// as it should be there are few; where there are more, the first ones show as much.
const SUCCESSORS_MAX: usize = 100;
