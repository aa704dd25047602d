//! Plots: what is drawn, and the one place that knows the library that draws it.
//!
//! Colours are those of Okabe and Ito, which people who are colour-blind tell apart; beside them
//! series differ in the shape of their points and the dashes of their lines.

mod kuva_side;

use crate::LabError;

/// An axis.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Axis {
    /// What it shows, with its unit.
    pub label: String,
    /// Whether it is logarithmic; then what is not above 0 is not drawn.
    pub is_log: bool,
}

/// A point, and how far the figures behind it lie around it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Along the horizontal axis.
    pub x: f64,
    /// Along the vertical one.
    pub y: f64,
    /// The lowest and the highest figure; both `y` if there is one.
    pub spread: (f64, f64),
}

impl Point {
    /// A point without a spread.
    pub fn bare(x: f64, y: f64) -> Self {
        Self { x, y, spread: (y, y) }
    }

    fn is_drawn(&self, chart: &Chart) -> bool {
        let may = |value: f64, axis: &Axis| value.is_finite() && (!axis.is_log || value > 0.0);
        may(self.x, &chart.x) && may(self.y, &chart.y)
    }
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Points, and a line between them.
    Line,
    /// A line alone.
    Thin,
    /// Steps: each value holds until the next one.
    Steps,
    /// Points alone.
    Points,
}

/// A series of points.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Its points, from left to right.
    pub points: Vec<Point>,
    /// How it is drawn.
    pub style: Style,
}

/// Points over two axes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chart {
    /// Its title.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// What is drawn.
    pub series: Vec<Series>,
}

/// Bars beside each other, in groups.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bars {
    /// The title.
    pub title: String,
    /// What the vertical axis shows, with its unit.
    pub y: String,
    /// The name of each group.
    pub groups: Vec<String>,
    /// The bars of one kind: their name, and one a group, none where there is none.
    pub kinds: Vec<(String, Vec<Option<Point>>)>,
}

/// A drawing of either kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Picture {
    /// Points over two axes.
    Chart(Chart),
    /// Bars.
    Bars(Bars),
}

impl Picture {
    /// The title.
    pub fn title(&self) -> &str {
        match self {
            Self::Chart(chart) => &chart.title,
            Self::Bars(bars) => &bars.title,
        }
    }

    /// What the vertical axis shows.
    pub fn y_label(&self) -> &str {
        match self {
            Self::Chart(chart) => &chart.y.label,
            Self::Bars(bars) => &bars.y,
        }
    }

    /// Whether there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Chart(chart) => {
                let mut points = chart.series.iter().flat_map(|series| &series.points);
                !points.any(|point| point.is_drawn(chart))
            }
            Self::Bars(bars) => {
                !bars.kinds.iter().any(|(_, of)| of.iter().flatten().any(|bar| bar.y.is_finite()))
            }
        }
    }

    /// As SVG to stand in a page: without a title, in colours that the page's style may change, and
    /// with names that no other drawing has, if `number` is its own.
    pub fn svg(&self, number: usize) -> String {
        kuva_side::svg(self, number)
    }

    /// As a file of its own, with its title.
    ///
    /// # Errors
    /// The library fails.
    pub fn png(&self) -> Result<Vec<u8>, LabError> {
        kuva_side::png(self).map_err(|why| LabError::Drawing { what: self.title().to_owned(), why })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chart(points: Vec<Point>, is_log: bool) -> Picture {
        let axis = |label: &str| Axis { label: label.to_owned(), is_log };
        let series = Series { name: "bully".to_owned(), points, style: Style::Line };
        Picture::Chart(Chart {
            title: "a <title>".to_owned(),
            x: axis("peers"),
            y: axis("time, ms"),
            series: vec![series],
        })
    }

    fn assert_drawn(picture: &Picture) {
        let svg = picture.svg(3);
        let parsed = roxmltree::Document::parse(&svg);
        assert!(parsed.is_ok(), "{parsed:?}: {svg}");
        assert!(!svg.contains("http"), "nothing is fetched: {svg}");
        assert!(picture.png().unwrap().starts_with(b"\x89PNG"));
    }

    #[test]
    fn none_one_and_two_points_are_drawn() {
        for is_log in [false, true] {
            for count in 0..3 {
                let points = (0..count).map(|n| Point::bare(f64::from(n) + 1.0, 7.0)).collect();
                let picture = chart(points, is_log);
                assert_eq!(picture.is_empty(), count == 0);
                assert_drawn(&picture);
            }
        }
    }

    #[test]
    fn bars_may_lack() {
        let bar = Some(Point { x: 0.0, y: 12.0, spread: (11.0, 14.0) });
        let kinds =
            vec![("ours".to_owned(), vec![bar, None]), ("theirs".to_owned(), vec![None, bar])];
        let groups = vec!["5 & 1".to_owned(), "4 & 2".to_owned()];
        let bars = Bars { title: "lag".to_owned(), y: "ms".to_owned(), groups, kinds };
        assert_drawn(&Picture::Bars(bars));
        let none = Picture::Bars(Bars::default());
        assert!(none.is_empty());
        assert_drawn(&none);
    }

    proptest! {
        #[test]
        fn any_points_are_drawn(
            points in proptest::collection::vec((-1e12..1e12_f64, -1e12..1e12_f64), 0..12),
            is_log in any::<bool>(),
            scale in -15..12_i32,
        ) {
            let scale = 10_f64.powi(scale);
            let points = points.into_iter().map(|(x, y)| Point::bare(x * scale, y * scale / 1e6));
            assert_drawn(&chart(points.collect(), is_log));
        }
    }
}
