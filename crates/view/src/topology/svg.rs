//! The drawing itself: edges, then nodes over them, then what the colours mean.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use groupcast::overlay::Overlay;
use machine::NodeId;

use super::canvas::{Canvas, GAP};
use super::layout::{Place, Room};
use super::{Node, Topology};

/// What a character of [`FONT`] takes, in pixels; all take the same.
const CHARACTER_WIDTH: f64 = 7.3;
const FONT: &str = "font-family=\"ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace\" \
                    font-size=\"12\"";
/// Longer names are cut in the drawing; the whole name is shown under the pointer.
const NAME_CHARACTERS_MAX: usize = 12;
const NODE_HEIGHT: f64 = 24.0;
/// A line of the legend.
const LINE_HEIGHT: f64 = 22.0;

/// A grey with a contrast of 4.5 on white and 4.6 on black: lines and text that no fill lies under.
const GREY: &str = "#767676";
/// White text has a contrast of at least 4.5 on each. There are seldom more roles.
const FILLS: [&str; 6] = ["#1d6fb8", "#a8480f", "#2c7a34", "#7c45a8", "#00727d", "#a83253"];
/// What surrounds a leader.
const LEADER: &str = "#e0a000";

pub(super) fn draw(topology: &Topology) -> String {
    let overlay = &topology.overlay;
    let known: BTreeMap<NodeId, &Node> =
        topology.nodes.iter().map(|node| (node.id, node)).collect();
    let faces: BTreeMap<NodeId, Face> =
        overlay.nodes().map(|id| (id, Face::of(id, known.get(&id).copied()))).collect();
    let roles: BTreeSet<&str> = faces.values().map(|face| face.role.as_str()).collect();
    let colours: Colours = roles.into_iter().zip(FILLS.into_iter().cycle()).collect();

    let width = faces.values().map(Face::width).fold(0.0, f64::max);
    let legend = Legend { title: title(overlay), colours: &colours };
    let under = Room { width: legend.width(), height: legend.height() };
    let canvas = Canvas::of(overlay, Room { width, height: NODE_HEIGHT }, under);

    let mut svg = String::new();
    begin(&mut svg, &canvas, &legend.title);
    draw_edges(&mut svg, &canvas);
    for (&id, face) in &faces {
        let fill = colours.get(face.role.as_str()).copied().unwrap_or(GREY);
        face.draw(&mut svg, id, canvas.place(id), fill);
    }
    legend.draw(&mut svg, canvas.under_top);
    svg.push_str("</svg>\n");
    svg
}

type Colours<'a> = BTreeMap<&'a str, &'static str>;

fn title(overlay: &Overlay) -> String {
    let many =
        |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let (nodes, edges) = (overlay.size(), overlay.edges().count());
    format!("{}: {}, {}", overlay.kind(), many(nodes, "node"), many(edges, "edge"))
}

/// What is written on a node.
struct Face {
    name: String,
    whole_name: String,
    role: String,
    leads: bool,
}

impl Face {
    fn of(id: NodeId, node: Option<&Node>) -> Self {
        let name = node.map(|node| node.name.clone()).filter(|name| !name.is_empty());
        let whole_name = name.unwrap_or_else(|| id.to_string());
        Self {
            name: shortened(&whole_name),
            whole_name,
            role: node.map(|node| node.role.clone()).unwrap_or_default(),
            leads: node.is_some_and(|node| node.leads),
        }
    }

    fn width(&self) -> f64 {
        self.name.chars().count() as f64 * CHARACTER_WIDTH + 16.0
    }

    fn draw(&self, svg: &mut String, id: NodeId, at: Place, fill: &str) {
        let (width, height) = (self.width(), NODE_HEIGHT);
        let (left, top) = (at.x - width / 2.0, at.y - height / 2.0);
        let leads = if self.leads { ", leads" } else { "" };
        let about = escaped(&format!("{}: {}{leads}", self.whole_name, self.role));
        let _ = writeln!(svg, "<g data-node=\"{id}\"><title>{about}</title>");
        if self.leads {
            let _ = writeln!(
                svg,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"16\" \
                 fill=\"{LEADER}\"/>",
                left - 4.0,
                top - 4.0,
                width + 8.0,
                height + 8.0,
            );
        }
        let _ = writeln!(
            svg,
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
             rx=\"12\" fill=\"{fill}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" fill=\"#ffffff\" text-anchor=\"middle\">{}</text></g>",
            at.x,
            at.y + 4.0,
            escaped(&self.name),
        );
    }
}

/// What the colours mean, under the drawing.
struct Legend<'a> {
    title: String,
    colours: &'a Colours<'a>,
}

impl Legend<'_> {
    /// Colour and meaning of each line.
    fn lines(&self) -> Vec<(&str, String)> {
        let roles = self.colours.iter().filter(|(role, _)| !role.is_empty());
        let mut lines: Vec<_> = roles.map(|(role, fill)| (*fill, shortened_role(role))).collect();
        lines.push((LEADER, "surrounds the leader".to_owned()));
        lines
    }

    fn width(&self) -> f64 {
        let meanings = self.lines().into_iter().map(|(_, meaning)| meaning.chars().count() + 4);
        let longest = meanings.chain([self.title.chars().count()]).max().unwrap_or_default();
        longest as f64 * CHARACTER_WIDTH
    }

    fn height(&self) -> f64 {
        (self.lines().len() + 1) as f64 * LINE_HEIGHT
    }

    fn draw(&self, svg: &mut String, top: f64) {
        let mut line = top + LINE_HEIGHT;
        let title = escaped(&self.title);
        let _ = writeln!(svg, "<text x=\"{GAP}\" y=\"{line:.1}\" fill=\"{GREY}\">{title}</text>");
        for (fill, meaning) in self.lines() {
            line += LINE_HEIGHT;
            let _ = writeln!(
                svg,
                "<rect x=\"{GAP}\" y=\"{:.1}\" width=\"20\" height=\"12\" rx=\"6\" \
                 fill=\"{fill}\"/><text x=\"{:.1}\" y=\"{line:.1}\" fill=\"{GREY}\">{}</text>",
                line - 10.0,
                GAP + 28.0,
                escaped(&meaning),
            );
        }
    }
}

fn begin(svg: &mut String, canvas: &Canvas, title: &str) {
    let (width, height) = (canvas.width.ceil(), canvas.height.ceil());
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" role=\"img\" {FONT}>\n<title>{}</title>",
        escaped(title),
    );
}

fn draw_edges(svg: &mut String, canvas: &Canvas) {
    let opacity = if canvas.edges.len() > 4 * canvas.places.len() { 0.4 } else { 1.0 };
    let _ = writeln!(
        svg,
        "<g fill=\"none\" stroke=\"{GREY}\" stroke-width=\"1.5\" stroke-opacity=\"{opacity}\">"
    );
    for &(one, other, control) in &canvas.edges {
        let (from, to) = (canvas.place(one), canvas.place(other));
        let way = control.map_or("L".to_owned(), |at| format!("Q{:.1} {:.1} ", at.x, at.y));
        let _ = writeln!(
            svg,
            "<path data-edge=\"{one}-{other}\" d=\"M{:.1} {:.1}{way}{:.1} {:.1}\"/>",
            from.x, from.y, to.x, to.y,
        );
    }
    svg.push_str("</g>\n");
}

fn shortened(name: &str) -> String {
    cut(name, NAME_CHARACTERS_MAX)
}

/// A role has a line of its own.
fn shortened_role(role: &str) -> String {
    cut(role, 4 * NAME_CHARACTERS_MAX)
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

/// As text or attribute of an XML document, which may not hold all characters.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\u{FFFE}' | '\u{FFFF}' => escaped.push('\u{FFFD}'),
            control if control.is_control() => escaped.push('\u{FFFD}'),
            other => escaped.push(other),
        }
    }
    escaped
}
