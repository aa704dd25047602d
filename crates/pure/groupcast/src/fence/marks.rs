//! The rare paths of the majority fence.

machine::marks! {
    PROMISE_REFUSED = "a voter refused an epoch, for it had promised one as high";
    CANDIDATE_OUTBID = "a candidate promised another one's epoch while it asked for its own";
}
