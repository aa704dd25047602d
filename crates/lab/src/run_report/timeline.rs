//! Who followed whom, over time: a line a peer, a bar a term.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use machine::{Epoch, NodeId};
use view::{Event, Fault, What};

use crate::html::escaped;
use crate::words::number;

const WIDTH: f64 = 720.0;
const NAMES: f64 = 70.0;
const LANE: f64 = 20.0;
const TOP: f64 = 8.0;
/// Terms in turn have these colours; beside that a bar says which it is.
const COLOURS: [&str; 6] = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"];

/// What a peer did over time.
#[derive(Default)]
struct Lane {
    /// From when to when it followed which leader.
    bars: Vec<(u64, u64, Epoch)>,
    follows: Option<(u64, Epoch)>,
    /// When it was killed or paused.
    faults: Vec<(u64, &'static str)>,
}

impl Lane {
    fn ends(&mut self, at: u64) {
        if let Some((from, epoch)) = self.follows.take() {
            self.bars.push((from, at, epoch));
        }
    }
}

pub(super) fn svg(events: &[Event], peers: &[NodeId]) -> String {
    let end = events.last().map_or(1, |event| event.time_ns.max(1));
    let mut lanes: BTreeMap<NodeId, Lane> =
        peers.iter().map(|&peer| (peer, Lane::default())).collect();
    for event in events {
        let at = event.time_ns;
        match &event.what {
            What::Followed { epoch, .. } => {
                let Some(lane) = lanes.get_mut(&event.node) else { continue };
                lane.ends(at);
                lane.follows = Some((at, *epoch));
            }
            What::Suspected { .. } | What::SteppedDown { .. } | What::Stopped => {
                if let Some(lane) = lanes.get_mut(&event.node) {
                    lane.ends(at);
                }
            }
            What::Fault { fault, target } => {
                let Some(lane) = lanes.get_mut(target) else { continue };
                let word = match fault {
                    Fault::Kill => "killed",
                    Fault::Pause => "paused",
                    _ => continue,
                };
                lane.ends(at);
                lane.faults.push((at, word));
            }
            _ => {}
        }
    }
    let height = TOP + LANE * peers.len() as f64 + 24.0;
    let total = WIDTH + NAMES + 24.0;
    let mut svg = format!(
        "<svg class=\"timeline\" role=\"img\" aria-label=\"whom each peer followed over time\" \
         viewBox=\"0 0 {total} {height}\" width=\"{total}\" height=\"{height}\" font-size=\"11\">"
    );
    let x = |at: u64| NAMES + at as f64 / end as f64 * WIDTH;
    // Writing to a string cannot fail, here and below.
    for (place, (peer, lane)) in lanes.iter_mut().enumerate() {
        lane.ends(end);
        let y = TOP + LANE * place as f64;
        let _ = writeln!(svg, "<text x=\"4\" y=\"{:.1}\">peer {peer}</text>", y + 14.0);
        for (from, to, epoch) in &lane.bars {
            let colour = COLOURS[epoch.counter as usize % COLOURS.len()];
            let width = (x(*to) - x(*from)).max(0.5);
            let leads = if epoch.node == *peer { "leads" } else { "follows" };
            let about = escaped(&format!("{leads} in term {epoch}"));
            let (top, tall) = if epoch.node == *peer { (y + 1.0, 18.0) } else { (y + 6.0, 8.0) };
            let _ = writeln!(
                svg,
                "<rect class=\"band\" x=\"{:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" \
                 height=\"{tall}\" fill=\"{colour}\"><title>{about}</title></rect>",
                x(*from)
            );
            if epoch.node == *peer && width > 30.0 {
                let _ = writeln!(
                    svg,
                    "<text x=\"{:.1}\" y=\"{:.1}\" style=\"fill:#fff\">{}</text>",
                    x(*from) + 3.0,
                    y + 14.0,
                    escaped(&epoch.counter.to_string())
                );
            }
        }
        for (at, word) in &lane.faults {
            let _ = writeln!(
                svg,
                "<path class=\"alarm\" d=\"M{:.1} {:.1}l9 9m0 -9l-9 9\"><title>{word}</title></path>",
                x(*at) - 4.5,
                y + 5.5
            );
        }
    }
    for at in ticks(end) {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{} s</text>",
            x(at),
            height - 6.0,
            number(at as f64 / 1e9)
        );
    }
    svg.push_str("</svg>");
    svg
}

/// Round times from 0 to the end: at most ten steps of 1, 2 or 5 times a power of ten nanoseconds.
fn ticks(end: u64) -> impl Iterator<Item = u64> {
    let decades = std::iter::successors(Some(1_u64), |decade| decade.checked_mul(10));
    let mut steps = decades.flat_map(|decade| [1, 2, 5].map(|times| decade.saturating_mul(times)));
    let step = steps.find(|step| end / step <= 10).unwrap_or(u64::MAX);
    (0..=end / step).map(move |count| count * step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        let of = |end| ticks(end).collect::<Vec<_>>();
        assert_eq!(of(3_050_000_000)[..3], [0, 500_000_000, 1_000_000_000]);
        assert_eq!(of(3_050_000_000).len(), 7);
        assert_eq!(of(1), [0, 1]);
        assert!(of(u64::MAX).len() <= 11);
    }
}
