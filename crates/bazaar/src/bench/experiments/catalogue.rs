//! The experiments themselves: each as near to its paper as its preset is, with what the paper found.
//!
//! Two things hold throughout. Where a paper gives the bare round trip of a buy, buyers do not
//! pause. And a buyer of ours that knows of no trader does not ask yet: what an election costs is a
//! figure of its own, and seldom a slow buy.

use super::samples::Measure;

/// A list of cases, and where they come from.
pub(super) struct Experiment {
    pub name: &'static str,
    pub paper: &'static str,
    pub cases: Vec<Case>,
    /// What the paper says in words, and what is to be known of ours.
    pub remarks: &'static [&'static str],
}

/// One run, and what is taken from it.
pub(super) struct Case {
    pub label: String,
    pub preset: &'static str,
    /// Keys that are laid over the preset.
    pub sets: Vec<String>,
    pub ends: Ends,
    pub figures: Vec<Figure>,
}

/// When a run has what it is run for.
pub(super) enum Ends {
    /// All buyers have made their purchases.
    Purchases,
    /// So many traders were followed by another one.
    Halts(u64),
}

/// What is taken from a run.
pub(super) struct Figure {
    pub measure: Measure,
    /// The paper's mean, in milliseconds, where it gives one.
    pub paper_ms: Option<f64>,
}

const fn figure(measure: Measure) -> Figure {
    Figure { measure, paper_ms: None }
}

const fn beside(measure: Measure, paper_ms: f64) -> Figure {
    Figure { measure, paper_ms: Some(paper_ms) }
}

fn sets<const N: usize>(fixed: [&str; N]) -> Vec<String> {
    fixed.map(str::to_owned).to_vec()
}

const BAZAAR: &str = "S. Galhotra and H. Chudgar, \"Asterix and the Bazaar\", 2016";
const POST_UDP: &str = "J. Bajracharya and A. Chaloo, \"Asterix and the Trading Post\", 2024";
const POST: &str = "\"Asterix and the Trading Post\", 2022";

const NO_PAUSE: &str = "buyer.think={min='0s',max='0s'}";

/// In the wide area of the first paper half of the peers were on a wireless network and half in a
/// laboratory; it does not say how far from each other. Here those of even number are this far from
/// those of odd number.
const FAR_MS: u32 = 20;

fn wide_area(peers: u32) -> String {
    let far: Vec<u32> = (1..=peers).filter(|peer| peer % 2 == 0).collect();
    let late = (1..=peers)
        .filter(|peer| peer % 2 == 1)
        .map(|near| format!("{{at='0s',do='delay',who={far:?},to={near},by='{FAR_MS}ms'}}"));
    format!("fault=[{}]", late.collect::<Vec<_>>().join(","))
}

/// What is said of a case in the wide area.
fn far() -> String {
    format!("with half of them {FAR_MS} ms away")
}

/// The buys that the first paper takes an average over.
const LAG_BUYS: u32 = 1000;

/// Tables 1 and 2 of the first paper. Its six peers are buyers and sellers; the trader is a seventh here,
/// so that there are as many of them as the row says.
pub(super) fn lag() -> Experiment {
    let case = |buyers: u32, sellers: u32, paper_ms| Case {
        label: format!("{buyers} buying and {sellers} selling"),
        preset: "asterix",
        sets: [
            sets([
                "run.peers=7",
                "roles.others=bystander",
                "trader.first=7",
                "trader.resign_probability=0",
                "seller.stock={min=10000,max=10000}",
                NO_PAUSE,
            ]),
            vec![
                format!("roles.buyers={buyers}"),
                format!("roles.sellers={sellers}"),
                format!("buyer.purchases={}", LAG_BUYS.div_ceil(buyers)),
            ],
        ]
        .concat(),
        ends: Ends::Purchases,
        figures: vec![beside(Measure::Buys, paper_ms)],
    };
    let far = |case: Case| Case {
        label: format!("{} {}", case.label, far()),
        sets: [case.sets, vec![wide_area(7)]].concat(),
        ..case
    };
    Experiment {
        name: "lag",
        paper: BAZAAR,
        cases: vec![
            case(5, 1, 12.33),
            case(4, 2, 12.2),
            case(3, 3, 12.24),
            far(case(5, 1, 146.0)),
            far(case(4, 2, 143.0)),
            far(case(3, 3, 147.0)),
        ],
        remarks: &[
            "paper: tables 1 and 2, the mean over 1000 buys among 6 peers; table 2 over a wide area",
            "ours: buyers do not pause, so as many requests as there are buyers are always under way",
        ],
    }
}

/// How often trade halts.
const HALTS: u64 = 20;

/// "In case of re-election, all the buying/selling processes pause."
pub(super) fn reelection() -> Experiment {
    let case = |label, more, paper_ms| Case {
        label,
        preset: "asterix",
        sets: [sets(["trader.resign_quantum=500ms"]), more].concat(),
        ends: Ends::Halts(HALTS),
        figures: vec![beside(Measure::Halts, paper_ms)],
    };
    Experiment {
        name: "reelection",
        paper: BAZAAR,
        cases: vec![
            case("6 peers".to_owned(), Vec::new(), 535.0),
            case(format!("6 peers {}", far()), vec![wide_area(6)], 1450.0),
        ],
        remarks: &["a halt lasts from the resignation of a trader until the next one serves"],
    }
}

/// Who buys and who sells in figure 1 of the paper of 2024: 0 leads, 1, 2 and 4 buy, 3 and 5 sell.
/// This seed deals the roles so; its peer k is our node k + 1.
const FIGURE_1_SEED: &str = "seed=15";

/// A run of the paper of 2024 in a tenth of its time.
fn post_udp(purchases: u32, with_elections: bool) -> Case {
    let with = if with_elections { "with" } else { "without" };
    let mut keys = sets([
        FIGURE_1_SEED,
        "roles.buyers=3",
        "roles.sellers=3",
        // Else a buyer that led may never come to make its purchases.
        "trader.return_as=same",
        "trader.resign_quantum=1s",
        "seller.update_every=1s",
    ]);
    keys.push(format!("buyer.purchases={purchases}"));
    if !with_elections {
        keys.extend(sets(["trader.resign_probability=0"]));
    }
    let mut figures = vec![figure(Measure::Buys)];
    if with_elections {
        figures.push(figure(Measure::Halts));
    }
    Case {
        label: format!("{purchases} purchases {with} elections"),
        preset: "trading-post-udp",
        sets: keys,
        ends: Ends::Purchases,
        figures,
    }
}

const TENTH: &str = "ours: a tenth of the paper's times, so an election every second";

/// E1 of the paper of 2024.
pub(super) fn transactions() -> Experiment {
    let cases = [10, 20, 100].map(|count| [false, true].map(|with| post_udp(count, with)));
    Experiment {
        name: "transactions",
        paper: POST_UDP,
        cases: cases.into_iter().flatten().collect(),
        remarks: &[
            "paper: a plot without numbers; a buy takes longer with elections, since all halts and \
             the next leader loads the market from the disk",
            TENTH,
        ],
    }
}

/// E2 of the paper of 2024.
pub(super) fn responses() -> Experiment {
    let mut case = post_udp(40, true);
    case.figures.splice(..1, [figure(Measure::BuysOfEach)]);
    Experiment {
        name: "responses",
        paper: POST_UDP,
        cases: vec![case],
        remarks: &[
            "paper: a plot without numbers; almost 0 for each request, with a peak at each election",
            TENTH,
            "every single buy stands in the file of --series",
        ],
    }
}

/// The two experiments of the paper of 2022: one buyer and two sellers, one of which leads.
pub(super) fn requests() -> Experiment {
    let case = |label: &str, resign_after: u32, figures| Case {
        label: label.to_owned(),
        preset: "trading-post",
        sets: [
            sets([
                "run.peers=3",
                "roles.buyers=1",
                "roles.sellers=2",
                "roles.deal=in_order",
                "buyer.slow_peers=0",
                "buyer.purchases=500",
                NO_PAUSE,
            ]),
            vec![format!("trader.resign_after_sales={resign_after}")],
        ]
        .concat(),
        ends: Ends::Purchases,
        figures,
    };
    Experiment {
        name: "requests",
        paper: POST,
        cases: vec![
            case("without elections", 0, vec![beside(Measure::Buys, 10.1)]),
            case(
                "with elections",
                100,
                vec![
                    figure(Measure::Buys),
                    beside(Measure::OverElections, 20.0),
                    figure(Measure::Halts),
                ],
            ),
        ],
        remarks: &[
            "paper: most requests below 11 ms and some of almost 13; with elections the same, but \
             almost 20 ms for some 25 that were pending at one",
            "ours: of the buys, those over an election are counted from the answer before",
            "every single buy stands in the file of --series",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;
    use crate::settings::roles;

    #[test]
    fn the_roles_are_those_of_figure_1() {
        let Case { preset, sets, .. } = post_udp(10, true);
        let scenario = Scenario::resolve(preset, None, &sets).unwrap();
        let buys: Vec<bool> = roles(&scenario).iter().take(6).map(|role| role.buys).collect();
        assert_eq!(buys, [false, true, true, false, true, false]);
    }
}
