//! The rare things that happen to nodes and their disks.

machine::marks! {
    KILLED_WHILE_PAUSED = "a node ended while it was stopped in its tracks";
    OWN_JOURNAL_TORN = "a crash took the last records of a node's own journal";
    COMMON_JOURNAL_TORN = "a crash took the last records of the common journal";
    READ_BEFORE_DURABLE = "a claim read records of the common journal that were not durable yet";
    WRITE_REFUSED = "a write to the common journal was refused, and what waited behind it dropped";
    CLAIM_REFUSED = "a claim of the common journal was refused, since a higher epoch stood there";
}
