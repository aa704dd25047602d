//! The rare moments at which faults meet hired traders.

machine::marks! {
    KILLED_AT_THE_START = "a hired trader was killed before it had a term";
    KILLED_ON_ITS_WAY_OUT = "a hired trader was killed while it gave its term up, or waited to go";
    WAREHOUSE_KILLED_IN_DRAIN = "the warehouse was killed while a hired trader gave its term up";
    START_FAILED = "a trader that was wanted could not be started";
    STARTED_UNWANTED = "a trader came when it was not wanted any more";
}
