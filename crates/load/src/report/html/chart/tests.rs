use super::*;
use crate::report::units;

fn chart(points: Vec<(f64, f64)>) -> Chart {
    let (right, top) =
        points.iter().fold((0.0, 0.0), |(x, y), p| (f64::max(x, p.0), f64::max(y, p.1)));
    Chart {
        title: "Memory <of> \"both\" & more".into(),
        note: "In bytes.".into(),
        x: Axis::until(Quantity::Seconds, right, 6),
        y: Axis::from_zero(Quantity::Bytes, top, 4),
        x_label: |x| units::micros(x * 1e6),
        quantity: Quantity::Bytes,
        lines: vec![Line {
            name: "server & co".into(),
            class: "c1",
            points,
            remark: String::new(),
            style: Style::Area,
        }],
        reference: Some((1.0, "one".into())),
    }
}

fn drawn(points: Vec<(f64, f64)>) -> String {
    let mut m = Markup::default();
    chart(points).write(&mut m);
    m.finish()
}

/// Parses the figure and checks that every coordinate is within its picture.
fn check(figure: &str) -> usize {
    let document = roxmltree::Document::parse(figure).unwrap();
    let pictures: Vec<_> = document
        .descendants()
        .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "svg")))
        .collect();
    for picture in &pictures {
        let view: Vec<f64> = picture
            .attribute("viewBox")
            .unwrap()
            .split(' ')
            .map(|number| number.parse().unwrap())
            .collect();
        for node in picture.descendants().filter(roxmltree::Node::is_element) {
            for (name, bound) in [("x", 2), ("x1", 2), ("cx", 2), ("y", 3), ("y2", 3), ("cy", 3)] {
                if let Some(value) = node.attribute(name) {
                    let value: f64 = value.parse().unwrap();
                    assert!((0.0..=view[bound]).contains(&value), "{name} {value}");
                }
            }
            for number in node.attribute("d").unwrap_or("").split(['M', 'L', 'Z', ' ']) {
                let value = if number.is_empty() { 0.0 } else { number.parse::<f64>().unwrap() };
                assert!((0.0..=view[2]).contains(&value));
            }
        }
    }
    pictures.len()
}

#[test]
fn an_empty_series_says_so() {
    let figure = drawn(Vec::new());
    assert_eq!(check(&figure), 0);
    assert!(figure.contains("Nothing was measured."));
    assert_eq!(check(&drawn(vec![(f64::NAN, 1.0), (1.0, f64::INFINITY)])), 0);
}

#[test]
fn one_point_is_a_dot() {
    let figure = drawn(vec![(3.0, 5.0)]);
    assert_eq!(check(&figure), 2);
    assert_eq!(figure.matches("<circle").count(), 2);
    assert!(!figure.contains("<path"));
}

#[test]
fn huge_and_negative_values_stay_in_the_picture() {
    assert_eq!(check(&drawn(vec![(0.0, 1e18), (1.0, f64::MAX), (2.0, -3.0)])), 2);
    assert_eq!(check(&drawn(vec![(0.0, 0.0), (1e9, 0.0)])), 2);
}

#[test]
fn names_are_escaped() {
    let figure = drawn(vec![(0.0, 1.0), (1.0, 2.0)]);
    assert!(figure.contains("server &amp; co") && !figure.contains("<of>"));
    check(&figure);
}

#[test]
fn steps_begin_at_zero() {
    assert_eq!(steps(&[(1.0, 5.0), (2.0, 7.0)]), [(0.0, 5.0), (1.0, 5.0), (1.0, 7.0), (2.0, 7.0)]);
    assert_eq!(steps(&[]), []);
}

#[test]
fn thinning_keeps_the_peaks() {
    let points: Vec<(f64, f64)> = (0..10_000)
        .map(|i| (f64::from(i), if i == 7_777 { 1e6 } else { f64::from(i % 10) }))
        .collect();
    let thin = thinned(&points);
    assert!(thin.len() <= POINTS_MAX);
    assert!(thin.contains(&(7_777.0, 1e6)));
    assert!(thin.windows(2).all(|pair| pair[0].0 < pair[1].0));
}

#[test]
fn long_series_have_few_tips() {
    let points = (0..3_000).map(|i| (f64::from(i), f64::from(i))).collect();
    let figure = drawn(points);
    assert!(figure.matches("<title>").count() <= TIPS_MAX);
    check(&figure);
}

#[test]
fn every_tick_and_every_line_has_its_name() {
    let count = 1_000_000;
    let long = Chart { x: Axis::nines(count), ..chart(vec![(0.0, 1.0), (6.0, 2.0)]) };
    let mut m = Markup::default();
    long.write(&mut m);
    let figure = m.finish();
    // In the wide and in the narrow drawing alike, however few names have room.
    for picture in figure.split("<svg").skip(1) {
        let marks = picture.matches("class=\"mark\"").count();
        let names = picture.matches("class=\"x\"").count();
        assert!(marks == names && names >= 4, "{marks} marks, {names} names");
        assert_eq!(
            picture.matches("class=\"grid\"").count(),
            picture.matches("class=\"y\"").count()
        );
    }
    for line in &long.lines {
        assert!(figure.contains(&line.name.replace('&', "&amp;")), "{}", line.name);
    }
}
