//! The rare paths of the log.

machine::marks! {
    FURTHER_FETCHED = "a new leader of the log fetched what another voter held beyond its own";
    OTHER_END = "a voter's log ended otherwise than its leader's began, and was replaced";
    TOO_FAR_BEHIND = "a voter lacked entries that its leader kept no more, and fetched the whole";
    CLAIM_ANSWERED_LATE = "a voter answered a leader that had begun without it";
    ENTRIES_TWICE = "entries came again that a voter had";
}
