//! The rare paths of trading houses.

machine::marks! {
    HOME_ASKED = "a request waited at the warehouse for what its home may have sold";
    LENT_TO_FENCED = "a good was recalled while a holder of it was fenced";
    RECALL_OVERDUE = "a recall took too long, and the answer was that it is not known";
    SURRENDERED = "a buddy handed over sales of a trader that was lost";
    BUDDY_FORGOT = "a buddy that had begun a new life was asked for what it held";
    BUDDY_DECLINED = "a buddy would not hold a sale, for it was another life or had surrendered";
    BUDDY_LOST = "a trader lost the buddy that held its sales";
    WRITTEN_OFF = "a term was written off, for nobody knew more of it";
    TERM_OVER = "a trader reported on a term that was over";
    ASKED_ON_ITS_WAY_OUT = "a hired trader that was to go was asked by a customer";
    HANDS_OVER = "a hired trader that was to go held deeds for another, which looks for another buddy";
    CAME_BACK = "a trader came back while the term of its earlier life was open";
}
