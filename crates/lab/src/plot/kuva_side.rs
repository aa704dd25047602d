//! The side of kuva. It draws no empty chart and no axis without an extent, so neither gets to it.

use std::sync::Arc;

use kuva::backend::raster::RasterBackend;
use kuva::backend::svg::SvgBackend;
use kuva::prelude::{
    BarPlot, Layout, LegendPosition, LinePlot, LineStyle, MarkerShape, Plot, ScatterPlot,
    TickFormat,
};
use kuva::render::render::{Scene, render_multiple};

use super::{Axis, Bars, Chart, Picture, Point, Series, Style};
use crate::words::number;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
/// Pixels of a PNG for one of the drawing.
const PNG_SCALE: f32 = 2.0;
/// Of Okabe and Ito, without the yellow that does not show on white.
const COLOURS: [&str; 7] =
    ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#7F7F7F"];
const SHAPES: [MarkerShape; 5] = [
    MarkerShape::Circle,
    MarkerShape::Square,
    MarkerShape::Triangle,
    MarkerShape::Diamond,
    MarkerShape::TriangleDown,
];
const DASHES: [LineStyle; 4] =
    [LineStyle::Solid, LineStyle::Dashed, LineStyle::DashDot, LineStyle::Dotted];
/// Room on both sides of what is drawn, as a share of its extent.
const ROOM: f64 = 0.04;
/// The same on a logarithmic axis, as a factor.
const LOG_ROOM: f64 = 1.1;
/// What the last number of an axis needs beside it, in pixels.
const LAST_LABEL: f64 = 26.0;
/// The longest line of what stands beside the vertical axis, in characters.
const LABEL_MAX: usize = 40;
/// The longest name of a group that stands level.
const LEVEL_LABEL_MAX: usize = 14;

pub(super) fn svg(picture: &Picture, number: usize) -> String {
    let svg = SvgBackend::default().render_scene(&scene(picture, false));
    // The page gives the background and the ink, and other drawings have clips of the same name.
    svg.replacen(r#"<rect width="100%" height="100%" fill="white" />"#, "", 1)
        .replacen(r#"xmlns="http://www.w3.org/2000/svg" "#, "", 1)
        .replace("kuva-clip-", &format!("clip-{number}-"))
}

pub(super) fn png(picture: &Picture) -> Result<Vec<u8>, String> {
    RasterBackend::new().with_scale(PNG_SCALE).render_scene(&scene(picture, true))
}

fn scene(picture: &Picture, with_title: bool) -> Scene {
    let (plots, layout) = match picture {
        _ if picture.is_empty() => nothing(picture.y_label()),
        Picture::Chart(chart) => points(chart),
        Picture::Bars(bars) => columns(bars),
    };
    let layout = layout
        .with_width(WIDTH)
        .with_height(HEIGHT)
        .with_body_size(12)
        .with_label_size(13)
        .with_tick_size(11)
        .with_title_size(15)
        .with_y_label_wrap(LABEL_MAX)
        .with_legend_box(false)
        .with_legend_position(LegendPosition::OutsideBottomColumns);
    let layout = if with_title { layout.with_title(plain(picture.title())) } else { layout };
    let mut scene = render_multiple(plots, layout);
    scene.width += LAST_LABEL;
    scene
}

/// The library takes what stands between dollars for mathematics.
fn plain(text: &str) -> String {
    text.replace('$', "\\$")
}

fn colour(place: usize) -> &'static str {
    COLOURS[place % COLOURS.len()]
}

/// An empty drawing: axes without points.
fn nothing(y: &str) -> (Vec<Plot>, Layout) {
    let layout = Layout::new((0.0, 1.0), (0.0, 1.0))
        .with_x_label("nothing was measured")
        .with_y_label(plain(y));
    // Outside of what is shown.
    let point = ScatterPlot::new().with_data([(-1.0, -1.0)]);
    (vec![point.into()], layout.with_clamp_axis())
}

/// From where to where an axis goes.
fn extent(values: impl Iterator<Item = f64>, is_log: bool) -> (f64, f64) {
    let values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if is_log {
        return (tick(lowest / LOG_ROOM, false), tick(highest * LOG_ROOM, true));
    }
    // Figures that are none below 0 are seen from 0 on.
    let low = if lowest >= 0.0 { 0.0 } else { lowest };
    let width = (highest - low).max(low.abs() * 1e-6).max(f64::MIN_POSITIVE.sqrt());
    let low = if low == 0.0 { low } else { low - width * ROOM };
    (low, low + width * (1.0 + 2.0 * ROOM))
}

/// The next number above or below that is 1, 2 or 5 times a power of ten.
fn tick(value: f64, above: bool) -> f64 {
    let decade = 10_f64.powf(value.log10().floor());
    let ticks = [1.0, 2.0, 5.0, 10.0].map(|step| step * decade);
    let found = match above {
        true => ticks.into_iter().find(|tick| *tick >= value),
        false => ticks.into_iter().rev().find(|tick| *tick <= value),
    };
    found.unwrap_or(value)
}

fn points(chart: &Chart) -> (Vec<Plot>, Layout) {
    let mut plots = Vec::new();
    for (place, series) in chart.series.iter().enumerate() {
        let drawn = series.points.iter().filter(|point| point.is_drawn(chart));
        let drawn: Vec<Point> = drawn.copied().collect();
        if !drawn.is_empty() {
            plots.extend(of_series(series, &drawn, place, &chart.y));
        }
    }
    let all = || {
        let points = chart.series.iter().flat_map(|series| &series.points);
        points.filter(|point| point.is_drawn(chart))
    };
    let x = extent(all().map(|point| point.x), chart.x.is_log);
    let highs = all().flat_map(|point| [point.y, point.spread.1]);
    let lows = all().flat_map(|point| [point.y, point.spread.0]);
    let y =
        extent(highs.chain(lows).filter(|value| !chart.y.is_log || *value > 0.0), chart.y.is_log);
    let layout = Layout::auto_from_plots(&plots)
        .with_x_label(plain(&chart.x.label))
        .with_y_label(plain(&chart.y.label))
        .with_x_axis_min(x.0)
        .with_x_axis_max(x.1)
        .with_y_axis_min(y.0)
        .with_y_axis_max(y.1)
        .with_x_tick_format(TickFormat::Custom(Arc::new(number)))
        .with_y_tick_format(TickFormat::Custom(Arc::new(number)));
    let layout = if chart.x.is_log { layout.with_log_x() } else { layout };
    let layout = if chart.y.is_log { layout.with_log_y() } else { layout };
    (plots, layout)
}

fn of_series(series: &Series, drawn: &[Point], place: usize, axis: &Axis) -> Vec<Plot> {
    let data: Vec<(f64, f64)> = drawn.iter().map(|point| (point.x, point.y)).collect();
    // A logarithmic axis has no place for what is not above 0.
    let low =
        |point: &Point| if axis.is_log && point.spread.0 <= 0.0 { point.y } else { point.spread.0 };
    let errors: Vec<(f64, f64)> =
        drawn.iter().map(|point| (point.y - low(point), point.spread.1 - point.y)).collect();
    let has_spread = errors.iter().any(|(below, above)| *below > 0.0 || *above > 0.0);
    let markers = || {
        let markers = ScatterPlot::new()
            .with_data(data.clone())
            .with_color(colour(place))
            .with_size(4.0)
            .with_marker(SHAPES[place % SHAPES.len()]);
        if has_spread { markers.with_y_err_asymmetric(errors.clone()) } else { markers }
    };
    // What has no name has no place in the legend.
    let has_name = !series.name.is_empty();
    let line = || {
        let line = LinePlot::new()
            .with_data(data.clone())
            .with_color(colour(place))
            .with_stroke_width(1.6)
            .with_line_style(DASHES[place % DASHES.len()].clone());
        if has_name { line.with_legend(plain(&series.name)) } else { line }
    };
    match series.style {
        Style::Line => vec![line().into(), markers().into()],
        Style::Thin => vec![line().with_stroke_width(1.1).into()],
        Style::Steps => vec![line().with_step().into()],
        Style::Points if has_name => vec![markers().with_legend(plain(&series.name)).into()],
        Style::Points => vec![markers().into()],
    }
}

fn columns(bars: &Bars) -> (Vec<Plot>, Layout) {
    let mut plot = BarPlot::new();
    let mut errors = Vec::new();
    for (place, group) in bars.groups.iter().enumerate() {
        let of_group = bars.kinds.iter().enumerate().map(|(kind, (_, of))| {
            let bar = of.get(place).copied().flatten().filter(|bar| bar.y.is_finite());
            let (y, spread) = bar.map_or((0.0, (0.0, 0.0)), |bar| (bar.y, bar.spread));
            errors.push((y - spread.0, spread.1 - y));
            (y, colour(kind))
        });
        plot = plot.with_group(plain(group), of_group.collect::<Vec<_>>());
    }
    let names: Vec<String> = bars.kinds.iter().map(|(name, _)| plain(name)).collect();
    if names.iter().any(|name| !name.is_empty()) {
        plot = plot.with_legend(names.iter().map(String::as_str).collect());
    }
    plot = plot.with_asymmetric_error(errors).with_error_color("#7F7F7F");
    let tops = bars.kinds.iter().flat_map(|(_, of)| of.iter().flatten());
    let (_, high) = extent(tops.flat_map(|bar| [bar.y, bar.spread.1]), false);
    let plots: Vec<Plot> = vec![plot.into()];
    let is_level = bars.groups.iter().all(|group| group.len() <= LEVEL_LABEL_MAX);
    let layout = Layout::auto_from_plots(&plots)
        .with_y_label(plain(&bars.y))
        .with_y_axis_min(0.0)
        .with_y_axis_max(high)
        .with_y_tick_format(TickFormat::Custom(Arc::new(number)));
    (plots, if is_level { layout } else { layout.with_x_tick_rotate(-20.0) })
}
