//! Line charts as inline SVG: one drawing for wide windows and one for phones, since text in a
//! picture does not reflow. No script: tips are `title` elements, and the guide line under the
//! pointer is CSS.

use std::fmt::Write as _;

use super::axis::{Axis, Quantity};
use super::markup::{Markup, coordinate};

/// One chart.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) title: String,
    /// One or two sentences below the title: what is drawn, in which unit, on which scale.
    pub(super) note: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    /// How to write values of `x` in tips.
    pub(super) x_label: fn(f64) -> String,
    pub(super) quantity: Quantity,
    pub(super) lines: Vec<Line>,
    /// A value worth a line across, such as one whole core.
    pub(super) reference: Option<(f64, String)>,
}

/// One line of a chart.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: String,
    /// A class of the style sheet: `c1` to `c6` for things beside each other, `q1` to `q5` for
    /// percentiles.
    pub(super) class: &'static str,
    pub(super) points: Vec<(f64, f64)>,
    /// The text after the name in the legend, such as the peak.
    pub(super) remark: String,
    pub(super) style: Style,
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Line,
    /// Filled down to the axis.
    Area,
    /// Each value holds for the time since the one before, from zero on: rates, CPU.
    Steps,
    /// Broken, without points: computed, not measured.
    Dashed,
    /// Single measurements.
    Dots,
}

/// A drawing's size and margins, in its own units; close to CSS pixels where it is shown.
pub(super) struct Layout {
    pub(super) class: &'static str,
    pub(super) width: f64,
    height: f64,
    /// Tips and guide lines; not worth their bytes on a screen without a pointer.
    tips: bool,
}

pub(super) const LAYOUTS: [Layout; 2] = [
    Layout { class: "wide", width: 520.0, height: 260.0, tips: true },
    Layout { class: "narrow", width: 330.0, height: 210.0, tips: false },
];

const LEFT: f64 = 54.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 26.0;
/// The width of a character of a label, for finding out what would overlap.
const CHARACTER: f64 = 6.4;
/// More points than pixels only make the page large.
const POINTS_MAX: usize = 400;
const TIPS_MAX: usize = 120;

impl Chart {
    /// Writes the chart as a `figure`.
    pub(super) fn write(&self, m: &mut Markup) {
        m.element("figure", &[("class", "card chart")], |m| {
            m.element("figcaption", &[], |m| {
                m.leaf("h3", &[], &self.title);
                m.leaf("p", &[], &self.note);
            });
            if self.lines.iter().all(|line| finite(&line.points).is_empty()) {
                m.leaf("p", &[("class", "nothing")], "Nothing was measured.");
                return;
            }
            self.legend(m);
            for layout in &LAYOUTS {
                self.draw(layout, m);
            }
        });
        m.line_end();
    }

    fn legend(&self, m: &mut Markup) {
        m.element("ul", &[("class", "legend")], |m| {
            for line in &self.lines {
                m.element("li", &[], |m| {
                    let shape = if line.style == Style::Dashed { "key dashed" } else { "key" };
                    m.leaf("span", &[("class", &format!("{shape} {}", line.class))], "");
                    m.text(&line.name);
                    if !line.remark.is_empty() {
                        m.text(" ");
                        m.leaf("b", &[], &line.remark);
                    }
                });
            }
        });
    }

    fn draw(&self, layout: &Layout, m: &mut Markup) {
        let view = format!("0 0 {} {}", layout.width, layout.height);
        let label = format!("{}. {}", self.title, self.note);
        let attributes = [
            ("xmlns", "http://www.w3.org/2000/svg"),
            ("class", layout.class),
            ("viewBox", view.as_str()),
            ("role", "img"),
            ("aria-label", label.as_str()),
        ];
        let frame = Frame { chart: self, layout };
        m.element("svg", &attributes, |m| {
            frame.grid(m);
            for line in &self.lines {
                frame.line(line, m);
            }
            if layout.tips {
                frame.tips(m);
            }
        });
    }
}

/// A chart in one of its sizes.
struct Frame<'a> {
    chart: &'a Chart,
    layout: &'a Layout,
}

impl Frame<'_> {
    fn right(&self) -> f64 {
        self.layout.width - RIGHT
    }

    fn bottom(&self) -> f64 {
        self.layout.height - BOTTOM
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + self.chart.x.place(value) * (self.right() - LEFT)
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom() - self.chart.y.place(value) * (self.bottom() - TOP)
    }

    fn grid(&self, m: &mut Markup) {
        let (left, right) = (coordinate(LEFT), coordinate(self.right()));
        for (value, label) in &self.chart.y.ticks {
            let y = self.y(*value);
            let at = coordinate(y);
            let ends = [("class", "grid"), ("x1", &left), ("x2", &right), ("y1", &at), ("y2", &at)];
            m.void("line", &ends);
            let (x, y) = (coordinate(LEFT - 7.0), coordinate(y + 3.5));
            m.leaf("text", &[("class", "y"), ("x", &x), ("y", &y)], label);
        }
        let base = coordinate(self.bottom());
        let ends = [("class", "base"), ("x1", &left), ("x2", &right), ("y1", &base), ("y2", &base)];
        m.void("line", &ends);
        self.x_labels(m);
        if let Some((value, label)) = &self.chart.reference {
            let y = self.y(*value);
            let at = coordinate(y);
            let ends =
                [("class", "reference"), ("x1", &left), ("x2", &right), ("y1", &at), ("y2", &at)];
            m.void("line", &ends);
            let above = coordinate(if y < TOP + 14.0 { y + 13.0 } else { y - 4.0 });
            m.leaf("text", &[("class", "note"), ("x", &right), ("y", &above)], label);
        }
    }

    /// Marks and names the ticks that have room for their names.
    fn x_labels(&self, m: &mut Markup) {
        let (bottom, mark) = (coordinate(self.bottom()), coordinate(self.bottom() + 4.0));
        let baseline = coordinate(self.bottom() + 17.0);
        let mut free_from = f64::NEG_INFINITY;
        for (value, label) in &self.chart.x.ticks {
            let x = self.x(*value);
            let at = coordinate(x);
            let half = label.chars().count() as f64 * CHARACTER / 2.0;
            // A label must not leave the picture either.
            let x = x.min(self.layout.width - half - 1.0);
            if x - half >= free_from {
                let ends = [("x1", &at), ("x2", &at), ("y1", &bottom), ("y2", &mark)];
                let ends = ends.map(|(name, value)| (name, value.as_str()));
                m.void("line", &[&[("class", "mark")], &ends[..]].concat());
                let at = coordinate(x);
                m.leaf("text", &[("class", "x"), ("x", &at), ("y", &baseline)], label);
                free_from = x + half + 8.0;
            }
        }
    }

    fn line(&self, line: &Line, m: &mut Markup) {
        let points = thinned(&finite(&line.points));
        let points = if line.style == Style::Steps { steps(&points) } else { points };
        let points: Vec<(f64, f64)> =
            points.into_iter().map(|(x, y)| (self.x(x), self.y(y))).collect();
        let Some((first, last)) = points.first().zip(points.last()) else {
            return;
        };
        if line.style == Style::Dots || points.len() == 1 {
            for (x, y) in &points {
                dot(m, line.class, *x, *y);
            }
            return;
        }
        let mut path = String::with_capacity(points.len() * 12);
        for (i, (x, y)) in points.iter().enumerate() {
            path.push(if i == 0 { 'M' } else { 'L' });
            let _ = write!(path, "{} {}", coordinate(*x), coordinate(*y));
        }
        if line.style == Style::Area {
            let bottom = coordinate(self.bottom());
            let area =
                format!("{path}L{} {bottom}L{} {bottom}Z", coordinate(last.0), coordinate(first.0));
            m.void("path", &[("class", &format!("area {}", line.class)), ("d", &area)]);
        }
        let shape = if line.style == Style::Dashed { "line dashed" } else { "line" };
        m.void("path", &[("class", &format!("{shape} {}", line.class)), ("d", &path)]);
    }

    /// One strip per moment, with a guide line and a tip that names every value there.
    fn tips(&self, m: &mut Markup) {
        let moments = self.moments();
        for (i, x) in moments.iter().enumerate() {
            let at = self.x(*x);
            let from = if i == 0 { LEFT } else { f64::midpoint(self.x(moments[i - 1]), at) };
            let to =
                moments.get(i + 1).map_or(self.right(), |next| f64::midpoint(at, self.x(*next)));
            m.element("g", &[("class", "tip")], |m| {
                m.leaf("title", &[], &self.tip(*x));
                let (top, height) = (coordinate(TOP), coordinate(self.bottom() - TOP));
                let (x, width) = (coordinate(from), coordinate((to - from).max(0.0)));
                let sides =
                    [("x", x.as_str()), ("y", &top), ("width", &width), ("height", &height)];
                m.void("rect", &sides);
                let (at, bottom) = (coordinate(at), coordinate(self.bottom()));
                m.void("line", &[("x1", &at), ("x2", &at), ("y1", &top), ("y2", &bottom)]);
            });
        }
    }

    /// The values of `x` that have a tip.
    fn moments(&self) -> Vec<f64> {
        let lines = self.chart.lines.iter().filter(|line| line.style != Style::Dashed);
        let mut all: Vec<f64> =
            lines.flat_map(|line| finite(&line.points)).map(|(x, _)| x).collect();
        all.sort_by(f64::total_cmp);
        all.dedup_by(|a, b| (self.x(*a) - self.x(*b)).abs() < 1.0);
        let every = all.len().div_ceil(TIPS_MAX).max(1);
        all.into_iter().step_by(every).collect()
    }

    fn tip(&self, x: f64) -> String {
        let mut out = (self.chart.x_label)(x);
        for line in self.chart.lines.iter().filter(|line| line.style != Style::Dashed) {
            let nearest = line
                .points
                .iter()
                .filter(|point| point.0.is_finite() && point.1.is_finite())
                .min_by(|a, b| (a.0 - x).abs().total_cmp(&(b.0 - x).abs()));
            if let Some((_, y)) = nearest {
                let _ = write!(out, "\n{}: {}", line.name, self.chart.quantity.show(*y));
            }
        }
        out
    }
}

/// The corners of a line that jumps at the end of each stretch, where its value was measured.
fn steps(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut from = 0.0;
    let mut out = Vec::with_capacity(points.len() * 2);
    for (to, value) in points {
        out.push((from, *value));
        out.push((*to, *value));
        from = *to;
    }
    out
}

fn dot(m: &mut Markup, class: &str, x: f64, y: f64) {
    let class = format!("dot {class}");
    let (x, y) = (coordinate(x), coordinate(y));
    m.void("circle", &[("class", &class), ("cx", &x), ("cy", &y), ("r", "3")]);
}

/// The points that can be drawn.
pub(super) fn finite(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite()).collect()
}

/// A moment of a run, in tips.
pub(super) fn moment(at_s: f64) -> String {
    format!("{at_s:.1} s")
}

/// At most [`POINTS_MAX`] points that keep every peak and every dip: the lowest and the highest of
/// each stretch, in the order in which they came.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= POINTS_MAX {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil(POINTS_MAX / 2);
    let mut out = Vec::with_capacity(POINTS_MAX);
    for stretch in points.chunks(stretch) {
        let by_height = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let low = stretch.iter().min_by(by_height);
        let high = stretch.iter().max_by(by_height);
        let mut pair: Vec<(f64, f64)> = low.into_iter().chain(high).copied().collect();
        pair.sort_by(|a, b| a.0.total_cmp(&b.0));
        pair.dedup();
        out.extend(pair);
    }
    out
}

#[cfg(test)]
mod tests;
