//! The rare paths of leadership.

machine::marks! {
    OLD_LEADER_TOLD = "a leader was told by somebody that a newer one leads";
    LED_AND_FOLLOWED = "a leader heard a newer one, and followed it";
    LEADER_OUTBID = "a leader was told of a higher epoch, and stepped down";
    NO_MAJORITY = "a leader heard too few of the others, and stepped down";
    LEADER_HUNG = "a leader was suspected because it was silent, though its connection was up";
}
