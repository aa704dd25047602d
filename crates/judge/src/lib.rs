//! The verdict over the files that a run left behind.
//!
//! What is judged is the record: the events of all processes, the history, and the market as its
//! journal holds it. Nothing is asked of the processes themselves. Each property gets one
//! [`Finding`] with its evidence; one that nothing in the run could have broken is said to be never
//! exercised, so that a green verdict is never empty.
//!
//! | property | judged from |
//! |---|---|
//! | the history is well formed | history, events |
//! | no over-selling | history, events |
//! | exactly once | events, market |
//! | sales fit their orders | events |
//! | confirmed sales survive | events, market |
//! | money adds up | events, market |
//! | goods are conserved | events, market |
//! | no refusal was false | events |
//! | the stock is linearizable | events |
//! | one leader an epoch | events |
//! | one leader at the end | events |
//! | sales and loans stay within their terms; every post is held at the end; there are as many traders as the load asks for | events of trading houses, in place of the two about leaders |
//! | clocks respect causality | events |
//! | every request is answered | events |
//! | who comes back goes on | events |
//!
//! A group that trades nothing leaves what its members delivered, and [`judge_group`] judges that:
//! one line of views, FIFO, causal and total order, view synchrony, uniformity.
//!
//! Times of different processes are compared, so they must come from one clock: that of the machine
//! on which the run took place.
//!
//! ```
//! use judge::{Ruling, judge_history};
//! use view::Verdict;
//!
//! let lines = r#"
//! {"index":0,"time":1,"type":"invoke","process":0,"f":"deposit","key":"fish","value":{"quantity":1}}
//! {"index":1,"time":2,"type":"ok","process":0,"f":"deposit","key":"fish","value":{"lot":1}}
//! {"index":2,"time":3,"type":"invoke","process":1,"f":"buy","key":"fish","value":{"quantity":2}}
//! {"index":3,"time":4,"type":"ok","process":1,"f":"buy","key":"fish","value":{"quantity":2}}
//! "#;
//! let history = view::history::read(lines.as_bytes())?;
//! let judgement = judge_history(&history);
//! assert_eq!((judgement.verdict, judgement.oversold), (Verdict::Fail, 1));
//! assert_eq!(
//!     judgement.violations(),
//!     ["no over-selling: fish: by line 4, 2 units were confirmed at line 4 of history.jsonl, but \
//!       only 1 had been offered at line 1 of history.jsonl"]
//! );
//! # Ok::<(), view::lines::ReadError>(())
//! ```

mod answers;
mod books;
mod carts;
mod causes;
mod finding;
mod foreign;
mod groups;
mod history;
mod houses;
mod leaders;
mod lots;
mod memory;
mod once;
mod refusals;
mod sales;
mod stock;
mod story;

use checker::Budget;
use market::Kernel;
use view::Event;
use view::history::{Step, from_events};

pub use finding::{Finding, Judgement, Ruling};
pub use foreign::judge_model;
pub use groups::{Deliveries, GroupFiles, GroupLine, GroupTold, judge_group};
pub use houses::Houses;

use story::Stories;

/// How long a node may look for its leader, and a client wait for its answer, before the judge
/// wonders: several times what the slowest failover takes, that of a trader that hangs (the limit
/// of a heartbeat, an election, a takeover).
pub const PATIENCE_NS: u64 = 5_000_000_000;

/// What a run left behind.
#[derive(Debug, Clone, Default)]
pub struct RunFiles {
    /// The events of all processes, in order of time.
    pub events: Vec<Event>,
    /// The history.
    pub history: Vec<Step>,
    /// The market as its journal holds it; none if it could not be read, and then what only it can
    /// show is unknown.
    pub market: Option<Kernel>,
    /// Whether the market was the sum of books that each peer keeps: where some are away, a trader
    /// does not know all that was sold or is for sale, and that is not promised.
    pub in_books: bool,
    /// What is promised beside, if the run was one of trading houses.
    pub houses: Option<Houses>,
}

/// Judges a run, with the checker's usual budget.
pub fn judge(run: &RunFiles) -> Judgement {
    judge_within(run, &mut Budget::default())
}

/// Judges a run; what needs a search is unknown when the budget runs out.
pub fn judge_within(run: &RunFiles, budget: &mut Budget) -> Judgement {
    let stories = Stories::of(&run.events);
    let (overselling, oversold) = history::no_overselling(&run.history);
    let (of_lots, lot) = lots::oversold(&stories);
    let overselling = match lot {
        Some(evidence) if overselling.ruling != Ruling::Fail => {
            Finding { ruling: Ruling::Fail, evidence, ..overselling }
        }
        _ => overselling,
    };
    let books = books::judge(&stories, run.market.as_ref(), run.in_books);
    let (refusals, wrong) = match (run.in_books, run.houses) {
        (true, _) => (refusals::not_promised(), refusals::Wrong::default()),
        (false, houses) => refusals::judge(&stories, houses),
    };
    let (leaders, agreed) = match run.houses {
        Some(houses) => (houses::terms(&run.events), houses::posts(&run.events, houses)),
        None => (leaders::one_an_epoch(&run.events), leaders::one_at_the_end(&run.events)),
    };
    let stock = match (run.in_books, run.houses) {
        (false, Some(Houses { goes_by_counts: true, .. })) => stock::not_promised(true),
        (false, houses) => stock::judge(&stories, houses.is_some(), budget),
        (true, _) => stock::not_promised(false),
    };
    let load = run.houses.and_then(|houses| houses::load(&run.events, houses));
    let mut findings = vec![
        history::well_formed_of(&run.history, &from_events(&run.events)),
        overselling,
        once::judge(&stories, books.doubled),
        sales::fit_orders(&stories),
        books.survive,
        books.money,
        books.goods,
        refusals,
        stock,
        leaders,
        agreed,
        causes::judge(&stories),
        answers::judge(&stories),
        memory::judge(&stories),
    ];
    findings.extend(carts::judge(&stories));
    findings.extend(load);
    Judgement::over(findings, oversold.max(of_lots) + wrong.oversold, wrong.undersold)
}

/// Judges a history of which nothing else is left.
pub fn judge_history(history: &[Step]) -> Judgement {
    let (overselling, oversold) = history::no_overselling(history);
    Judgement::over(vec![history::well_formed(history), overselling], oversold, 0)
}
