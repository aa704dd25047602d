//! The rare paths of a group.

machine::marks! {
    OVERTAKEN = "a change of views gave way to one of a higher epoch";
    PROMISED_AGAIN = "a member that had promised one candidate promised another one more";
    PREPARED_AGAIN = "a candidate began anew, since too few of those that had promised were left";
    PROPOSAL_TAKEN_OVER = "a candidate proposed what an earlier one may have decided";
    OWN_PROPOSAL_DROPPED = "a candidate dropped a proposal of its own that nobody had decided";
    CANDIDATE_LACKED = "a candidate lacked messages before the cut, and fetched them";
    ACCEPTOR_LACKED = "a member lacked messages before the cut of what it was to accept";
    CAUGHT_UP = "a view was decided while one of its members lacked messages of the last";
    FAR_BEHIND = "a member heard of a view beyond its next one";
    LEFT_OUT = "a member learnt that the others had gone on without it";
    UNBALANCED = "members without state were left out of a view, since they outnumbered the others";
    SENT_AGAIN = "messages that nobody had delivered in one view were sent again in the next";
    DELIVERED_AT_THE_END = "the end of a view delivered what its members had not";
    SEQUENCER_LOST = "the end of a view delivered what its sequencer had not told the order of";
    STALLED = "a member that held up the others was removed";
    EARLY = "what was said in a view came before the view";
}
