//! The rare paths of books.

machine::marks! {
    BEGAN_WITHOUT_SOME = "a trader began without the book of a peer that it had asked";
    REGISTERED_LATE = "a peer registered its book with a trader that had begun without it";
    SUPERSEDED = "a trader in books met a peer that had promised a higher epoch";
}
