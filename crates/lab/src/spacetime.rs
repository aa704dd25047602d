//! Space-time diagrams: a line a process, time from left to right, an arrow a message.

use std::fmt::Write as _;

use crate::html::escaped;

/// Room for the names of processes, in pixels.
const NAMES: f64 = 92.0;
/// Room on the right of the last event.
const MARGIN: f64 = 90.0;
const LANE_HEIGHT: f64 = 58.0;
const TOP: f64 = 34.0;
/// The longest stamp that is written; others stay under the pointer.
const STAMP_MAX: usize = 22;
/// The most events that a diagram shows: beyond that nobody can tell them apart.
pub const DOTS_MAX: usize = 400;

/// What an event is, and so its colour and shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Something inside the process, or a sending.
    Plain,
    /// Something bad: a fault, a suspicion.
    Alarm,
    /// Something good: it leads, it serves.
    Crown,
}

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub struct Dot {
    /// Whose: the place of its line.
    pub lane: usize,
    /// How far from the left, as a share of the width.
    pub at: f64,
    /// What it is.
    pub mark: Mark,
    /// Written above.
    pub above: String,
    /// Written below: the stamp.
    pub below: String,
}

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrow {
    /// From which line, and where.
    pub from: (usize, f64),
    /// To which line, and where.
    pub to: (usize, f64),
    /// What is shown under the pointer.
    pub about: String,
    /// Whether its sending is not known, but only concluded.
    pub is_concluded: bool,
}

/// A diagram.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SpaceTime {
    /// What it shows, for those who cannot see it.
    pub title: String,
    /// The name of each line.
    pub lanes: Vec<String>,
    /// Events.
    pub dots: Vec<Dot>,
    /// Messages.
    pub arrows: Vec<Arrow>,
    /// Marks of time: where, and what stands there.
    pub ticks: Vec<(f64, String)>,
    /// How wide it is without names and margins, in pixels.
    pub width: f64,
}

impl SpaceTime {
    /// As SVG to stand in a page.
    pub fn svg(&self) -> String {
        let width = self.width + NAMES + MARGIN;
        let height = TOP + LANE_HEIGHT * self.lanes.len() as f64 + 24.0;
        let x = |at: f64| NAMES + at.clamp(0.0, 1.0) * self.width;
        let y = |lane: usize| TOP + LANE_HEIGHT * (lane as f64 + 0.5);
        let mut svg = format!(
            "<svg class=\"spacetime\" role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {width:.0} \
             {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" font-size=\"10\">\
             <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" \
             markerHeight=\"7\" orient=\"auto-start-reverse\"><path class=\"tip\" d=\"M0 0 8 4 0 8z\"/>\
             </marker></defs>\n",
            escaped(&self.title)
        );
        // Writing to a string cannot fail, here and below.
        for (lane, name) in self.lanes.iter().enumerate() {
            let _ = writeln!(
                svg,
                "<text x=\"4\" y=\"{:.1}\" font-size=\"12\">{}</text><line class=\"lane\" \
                 x1=\"{NAMES}\" x2=\"{:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>",
                y(lane) + 4.0,
                escaped(name),
                x(1.0) + 12.0,
                y(lane),
                y(lane)
            );
        }
        for (at, words) in &self.ticks {
            let (x, bottom) = (x(*at), height - 22.0);
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom:.1}\"/>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                height - 8.0,
                escaped(words)
            );
        }
        for Arrow { from, to, about, is_concluded } in &self.arrows {
            let class = if *is_concluded { "message concluded" } else { "message" };
            let _ = writeln!(
                svg,
                "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" \
                 marker-end=\"url(#tip)\"><title>{}</title></line>",
                x(from.1),
                y(from.0),
                x(to.1),
                y(to.0),
                escaped(about)
            );
        }
        let mut written: Vec<(usize, f64)> = Vec::new();
        for Dot { lane, at, mark, above, below } in self.dots.iter().take(DOTS_MAX) {
            let (x, y) = (x(*at), y(*lane));
            let shape = match mark {
                Mark::Plain => {
                    format!("<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\">")
                }
                Mark::Alarm => format!(
                    "<path class=\"alarm\" d=\"M{:.1} {:.1}l9 9m0 -9l-9 9\">",
                    x - 4.5,
                    y - 4.5
                ),
                Mark::Crown => format!(
                    "<rect class=\"crown\" x=\"{:.1}\" y=\"{:.1}\" width=\"9\" height=\"9\">",
                    x - 4.5,
                    y - 4.5
                ),
            };
            let name = if *mark == Mark::Plain {
                "circle"
            } else if *mark == Mark::Alarm {
                "path"
            } else {
                "rect"
            };
            let about = escaped(format!("{above} {below}").trim());
            let _ = writeln!(svg, "{shape}<title>{about}</title></{name}>");
            // What would be written over other words stays under the pointer.
            let below = if below.chars().count() > STAMP_MAX { "" } else { below.as_str() };
            let longest = above.chars().count().max(below.chars().count());
            let half = longest as f64 * 2.9;
            let is_free = written.iter().all(|(of, end)| of != lane || *end <= x - half);
            if longest > 0 && is_free {
                written.push((*lane, x + half));
                let _ = writeln!(
                    svg,
                    "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text><text \
                     class=\"stamp\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                    y - 9.0,
                    escaped(above),
                    y + 17.0,
                    escaped(below)
                );
            }
        }
        svg.push_str("</svg>");
        svg
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagram_is_an_image_and_escapes_its_words() {
        let dot = |lane, at, mark| Dot {
            lane,
            at,
            mark,
            above: "a<b".to_owned(),
            below: "(1,0)".to_owned(),
        };
        let diagram = SpaceTime {
            title: "an \"election\"".to_owned(),
            lanes: vec!["p & q".to_owned(), "r".to_owned()],
            dots: vec![
                dot(0, 0.1, Mark::Plain),
                dot(1, 0.5, Mark::Alarm),
                dot(0, 0.9, Mark::Crown),
            ],
            arrows: vec![Arrow {
                from: (0, 0.1),
                to: (1, 0.5),
                about: "<election>".to_owned(),
                is_concluded: true,
            }],
            ticks: vec![(0.0, "0 ms".to_owned())],
            width: 500.0,
        };
        for diagram in [diagram, SpaceTime::default()] {
            let svg = diagram.svg();
            let parsed = roxmltree::Document::parse(&svg);
            assert!(parsed.is_ok(), "{parsed:?} {svg}");
        }
    }
}
