//! The report over a single run: its figures, who talked to whom, sales over time, how long buyers
//! waited, and who led when; and around each election a space-time diagram of what was said.

mod around;
mod timeline;

use std::collections::BTreeSet;

use machine::NodeId;
use market::Outcome;
use view::{Event, Summary, Verdict, What, until_the_end};

use crate::html::Page;
use crate::plot::{Axis, Chart, Picture, Point, Series, Style};
use crate::report::with_view_box;
use crate::statistics::{quantile, sorted};
use crate::words::number;

/// Into how many parts time is cut for sales over time.
const PARTS: usize = 60;
/// Steps of the drawn distribution.
const STEPS: usize = 200;
/// Elections whose messages are drawn; a run may have hundreds.
const DRAWN_MAX: usize = 8;

/// What a run's report is written over.
#[derive(Debug)]
pub struct RunReport<'a> {
    /// Its figures and its verdict.
    pub summary: &'a Summary,
    /// All events, in order of time.
    pub events: &'a [Event],
    /// The drawing of who talks to whom, as a document of its own.
    pub topology_svg: &'a str,
}

impl RunReport<'_> {
    /// The page.
    pub fn page(&self) -> String {
        let Summary { preset, seed, seconds, .. } = self.summary;
        let mut page = Page::new(&format!("bazaar run: {preset}, seed {seed}"));
        let [time, events] = [*seconds, self.events.len() as f64].map(number);
        page.element("p", "soft", &format!("{time} s, {events} events."));
        self.verdict(&mut page);
        self.figures(&mut page);
        page.section("topology", "Who talks to whom");
        page.figure("Peers, their roles, and who led in the end", &inline(self.topology_svg));
        page.section("sales", "Sales, and what buyers waited");
        let drawn = [self.sales(), self.waits()];
        for (place, chart) in drawn.into_iter().enumerate() {
            let picture = Picture::Chart(chart);
            let title = picture.title().to_owned();
            page.figure(&title, &with_view_box(&picture.svg(place + 1), &title));
        }
        self.elections(&mut page);
        page.element("p", "soft", "Make it again, in its directory:");
        let simulated = if self.is_simulated() { " --simulated" } else { "" };
        page.element("pre", "", &format!("bazaar run scenario.toml{simulated}"));
        page.end()
    }

    /// Whether its nodes were: their addresses say so.
    fn is_simulated(&self) -> bool {
        let mut joined = self.events.iter().filter_map(|event| match &event.what {
            What::Joined { address, .. } => Some(address),
            _ => None,
        });
        joined.next().is_some_and(|address| address.starts_with("simulated:"))
    }

    fn verdict(&self, page: &mut Page) {
        match self.summary.verdict {
            Verdict::Pass => {
                page.element(
                    "p",
                    "good",
                    "Verdict: pass. Every promise that could be judged was kept.",
                );
            }
            Verdict::Fail => page.element("p", "bad", "Verdict: fail. A promise was broken:"),
            Verdict::Unknown => {
                page.element("p", "bad", "Verdict: unknown. Something could not be judged:");
            }
        }
        page.list(&self.summary.violations);
    }

    fn figures(&self, page: &mut Page) {
        let Summary { buys, goods, money, latency_us, .. } = self.summary;
        let counts: Vec<Vec<String>> = [
            ("buys asked for", buys.asked),
            ("sold", buys.sold),
            ("refused", buys.refused),
            ("without an answer", buys.unanswered),
            ("units deposited", goods.deposited),
            ("units shipped", goods.shipped),
            ("units left", goods.left),
            ("units sold that were not there", goods.oversold),
            ("buys refused though the goods were there", goods.undersold),
            ("paid, minor units", money.paid),
            ("earned by sellers", money.earned),
            ("kept by traders", money.commission),
        ]
        .iter()
        .map(|(name, count)| vec![(*name).to_owned(), number(*count as f64)])
        .chain([vec!["units shipped a second".to_owned(), number(goods.per_second)]])
        .chain(
            [
                ("median", latency_us.p50),
                ("99th percentile", latency_us.p99),
                ("worst", latency_us.max),
            ]
            .map(|(name, us)| {
                vec![format!("wait of a buyer, {name}, ms"), number(us as f64 / 1e3)]
            }),
        )
        .collect();
        page.section("figures", "Figures");
        page.table("", &["".to_owned(), "".to_owned()], &counts, &[1]);
    }

    fn sales(&self) -> Chart {
        let events = until_the_end(self.events);
        let end_ns = events.last().map_or(1, |event| event.time_ns.max(1));
        let part_ns = (end_ns / PARTS as u64).max(1);
        let (mut sold, mut refused) = (vec![0_u64; PARTS + 1], vec![0_u64; PARTS + 1]);
        let (mut traders, mut faults) = (Vec::new(), Vec::new());
        for event in events {
            let part = ((event.time_ns / part_ns) as usize).min(PARTS);
            let seconds = event.time_ns as f64 / 1e9;
            match &event.what {
                What::Answered { operation, outcome, .. } if operation.is_purchase() => {
                    match outcome {
                        Outcome::Bought(receipt) => sold[part] += u64::from(receipt.quantity),
                        _ => refused[part] += 1,
                    }
                }
                What::Trading { .. } => traders.push(Point::bare(seconds, 0.0)),
                What::Fault { .. } | What::Links(_) => faults.push(Point::bare(seconds, 0.0)),
                _ => {}
            }
        }
        let part_seconds = part_ns as f64 / 1e9;
        // The last part is not whole.
        let rate = |counts: &[u64]| {
            let whole = counts.iter().take(PARTS).enumerate();
            whole
                .map(|(part, count)| {
                    Point::bare((part as f64 + 0.5) * part_seconds, *count as f64 / part_seconds)
                })
                .collect::<Vec<_>>()
        };
        let series = [
            ("units sold a second", rate(&sold), Style::Line),
            ("buys refused a second", rate(&refused), Style::Thin),
            ("a trader begins to serve", traders, Style::Points),
            ("a fault", faults, Style::Points),
        ];
        let seen = series.into_iter().filter(|(_, points, _)| points.iter().any(|_| true));
        Chart {
            title: "Sales over time".to_owned(),
            x: Axis { label: "since the run began, s".to_owned(), is_log: false },
            y: Axis { label: "a second".to_owned(), is_log: false },
            series: seen
                .map(|(name, points, style)| Series { name: name.to_owned(), points, style })
                .collect(),
        }
    }

    fn waits(&self) -> Chart {
        let (mut sold, mut refused) = (Vec::new(), Vec::new());
        for event in self.events {
            if let What::Answered { operation, outcome, took_ns, .. } = &event.what
                && operation.is_purchase()
            {
                let millis = *took_ns as f64 / 1e6;
                match outcome {
                    Outcome::Bought(_) => sold.push(millis),
                    _ => refused.push(millis),
                }
            }
        }
        let steps = |waits: &[f64]| {
            let sorted = sorted(waits);
            let count = sorted.len().clamp(1, STEPS);
            let shares = (1..=count).map(|step| step as f64 / count as f64);
            let point = |share: f64| Some(Point::bare(quantile(&sorted, share)?, share * 100.0));
            shares.filter_map(point).collect::<Vec<_>>()
        };
        let series = [("sold", steps(&sold)), ("refused", steps(&refused))];
        let series = series.into_iter().filter(|(_, points)| !points.is_empty());
        Chart {
            title: "How long buyers waited".to_owned(),
            x: Axis { label: "from asking to the answer, ms".to_owned(), is_log: true },
            y: Axis { label: "answers that took no longer, %".to_owned(), is_log: false },
            series: series
                .map(|(name, points)| {
                    let style = if points.len() > 1 { Style::Steps } else { Style::Points };
                    Series { name: name.to_owned(), points, style }
                })
                .collect(),
        }
    }

    fn elections(&self, page: &mut Page) {
        page.section("elections", "Elections");
        let head = ["epoch", "leader", "why", "took, ms", "messages"].map(str::to_owned);
        let rows: Vec<Vec<String>> = self
            .summary
            .elections
            .iter()
            .map(|of| {
                let why = format!("{:?}", of.cause).to_lowercase();
                vec![
                    of.epoch.to_string(),
                    format!("peer {}", of.leader),
                    why,
                    number(of.ms),
                    number(of.messages as f64),
                ]
            })
            .collect();
        page.table("", &head, &rows, &[0, 3, 4]);
        let events = until_the_end(self.events);
        let nodes: BTreeSet<NodeId> = events.iter().map(|event| event.node).collect();
        let peers: Vec<NodeId> = nodes.into_iter().filter(|node| node.0 != 0).collect();
        page.figure(
            "Whom each peer followed last: a colour a term, a gap where it followed nobody",
            &timeline::svg(events, &peers),
        );
        let windows = around::windows(events);
        let drawn = windows.iter().take(DRAWN_MAX);
        for window in drawn {
            let diagram = around::diagram(events, window, &peers);
            page.figure(&window.title(), &diagram.svg());
        }
        if !windows.is_empty() {
            page.element(
                "p",
                "soft",
                "Events stand in order, one beside the other; the times below are since the \
                 first of them. A peer notes what it hears, so where a message began is concluded: from the \
                 event that made its sender send it. Under an event stands the peer's clock, where \
                 the market keeps clocks and it is short enough; the pointer shows all of it.",
            );
        }
        if windows.len() > DRAWN_MAX {
            let more = windows.len() - DRAWN_MAX;
            page.element("p", "soft", &format!("{more} more elections are not drawn."));
        }
    }
}

/// An SVG document as a part of a page.
fn inline(svg: &str) -> String {
    let from = svg.find("<svg").unwrap_or(0);
    let inside = &svg[from..];
    inside.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1).replacen(
        "<svg",
        "<svg class=\"topology\"",
        1,
    )
}

#[cfg(test)]
mod tests {
    use machine::Epoch;
    use view::{Cause, Facts};

    use super::*;

    #[test]
    fn elections_among_those_that_end_are_not_told() {
        let event = |time_ns, node, what| Event { time_ns, node: NodeId(node), clock: None, what };
        let elected = |time_ns, counter, node| {
            let epoch = Epoch { counter, node: NodeId(node) };
            event(time_ns, node, What::Elected { epoch, cause: Cause::Start, took_ns: 5 })
        };
        let events = [elected(10, 1, 3), event(900, 0, What::Ending), elected(901, 2, 2)];
        let facts = Facts {
            preset: "market".to_owned(),
            seed: 1,
            seconds: 1.0,
            totals: None,
            oversold: 0,
            undersold: 0,
            verdict: Verdict::Pass,
            violations: Vec::new(),
        };
        let summary = Summary::tally(&events, facts);
        let page = RunReport { summary: &summary, events: &events, topology_svg: "<svg/>" }.page();
        assert!(page.contains("The election of peer 3, term 1"), "{page}");
        assert!(!page.contains("The election of peer 2, term 2"), "{page}");
    }
}
