//! Bar charts for figures that stand beside each other, such as where the memory of a connection is.

use super::axis::{Axis, Quantity};
use super::chart::{LAYOUTS, Layout};
use super::markup::{Markup, coordinate};

/// Bars from zero, each with its name above and its value behind it.
#[derive(Debug)]
pub(super) struct Bars {
    pub(super) title: String,
    pub(super) note: String,
    pub(super) quantity: Quantity,
    /// Name, value, and the colour's class.
    pub(super) rows: Vec<(String, f64, &'static str)>,
}

const ROW: f64 = 50.0;
const NAME: f64 = 15.0;
const BAR: f64 = 20.0;
/// Room for the value behind the longest bar.
const VALUE: f64 = 84.0;

impl Bars {
    /// Writes the chart as a `figure`.
    pub(super) fn write(&self, m: &mut Markup) {
        m.element("figure", &[("class", "card chart bars")], |m| {
            m.element("figcaption", &[], |m| {
                m.leaf("h3", &[], &self.title);
                m.leaf("p", &[], &self.note);
            });
            for layout in &LAYOUTS {
                self.draw(layout, m);
            }
        });
        m.line_end();
    }

    fn draw(&self, layout: &Layout, m: &mut Markup) {
        let height = ROW * self.rows.len() as f64;
        let view = format!("0 0 {} {}", layout.width, coordinate(height.max(1.0)));
        let label = format!("{}. {}", self.title, self.note);
        let attributes = [
            ("xmlns", "http://www.w3.org/2000/svg"),
            ("class", layout.class),
            ("viewBox", view.as_str()),
            ("role", "img"),
            ("aria-label", label.as_str()),
        ];
        let highest =
            self.rows.iter().map(|row| row.1).filter(|v| v.is_finite()).fold(0.0, f64::max);
        let axis = Axis::until(self.quantity, highest, 4);
        m.element("svg", &attributes, |m| {
            for (i, (name, value, class)) in self.rows.iter().enumerate() {
                let top = i as f64 * ROW;
                let width = (axis.place(*value) * (layout.width - VALUE)).max(1.0);
                let (y, name_y) = (coordinate(top + NAME + 6.0), coordinate(top + NAME));
                m.leaf("text", &[("class", "name"), ("x", "0"), ("y", &name_y)], name);
                let sides = [
                    ("class", format!("bar {class}")),
                    ("x", "0".into()),
                    ("y", y),
                    ("width", coordinate(width)),
                    ("height", coordinate(BAR)),
                    ("rx", "3".into()),
                ];
                let sides: Vec<(&str, &str)> =
                    sides.iter().map(|(name, value)| (*name, value.as_str())).collect();
                m.void("rect", &sides);
                let (x, y) = (coordinate(width + 7.0), coordinate(top + NAME + 20.5));
                m.leaf(
                    "text",
                    &[("class", "value"), ("x", &x), ("y", &y)],
                    &self.quantity.show(*value),
                );
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_values() {
        let bars = Bars {
            title: "Memory <of> one".into(),
            note: String::new(),
            quantity: Quantity::Bytes,
            rows: vec![
                ("user & more".into(), 100.0, "c1"),
                ("kernel".into(), 200.0, "c2"),
                ("strange".into(), f64::NAN, "c3"),
            ],
        };
        let mut m = Markup::default();
        bars.write(&mut m);
        let figure = m.finish();
        let document = roxmltree::Document::parse(&figure).unwrap();
        let widths: Vec<f64> = document
            .descendants()
            .filter(|node| node.tag_name().name() == "rect")
            .map(|node| node.attribute("width").unwrap().parse().unwrap())
            .collect();
        assert_eq!(widths.len(), 6);
        assert!((widths[0] * 2.0 - widths[1]).abs() < 0.1, "{widths:?}");
        assert!((widths[2] - 1.0).abs() < 0.1);
    }
}
