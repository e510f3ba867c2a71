//! The tables of the page: every figure, the percentiles, the errors, the settings, the machine.

use super::markup::Markup;
use crate::record::Record;
use crate::report::{comparison, table, targets, units};

/// Writes all tables that have rows.
pub(super) fn write(record: &Record, m: &mut Markup) {
    compared(record, m);
    by_target(record, m);
    figures(record, m);
    latencies(record, m);
    errors(record, m);
    let parameters: Vec<(&str, &str)> =
        record.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let facts = record.machine.facts();
    let facts: Vec<(&str, &str)> =
        facts.iter().map(|(name, value)| (*name, value.as_str())).collect();
    m.element("div", &[("class", "columns")], |m| {
        pairs("What was asked for", &parameters, m);
        pairs("The machine", &facts, m);
    });
}

fn compared(record: &Record, m: &mut Markup) {
    if record.comparison.is_empty() {
        return;
    }
    let columns = comparison::columns(record);
    let span = columns.len().max(1).to_string();
    section("Side by side", m, |m| {
        m.element("div", &[("class", "card scroll tight")], |m| {
            m.element("table", &[], |m| {
                m.element("thead", &[], |m| {
                    m.element("tr", &[], |m| {
                        m.leaf("th", &[], "");
                        for name in &columns {
                            m.leaf("th", &[], name);
                        }
                    });
                });
                m.element("tbody", &[], |m| {
                    for row in &record.comparison {
                        m.element("tr", &[], |m| {
                            m.leaf("th", &[("scope", "row")], row.name);
                            match comparison::cells(row, &columns) {
                                Ok(cells) => cells.iter().for_each(|cell| m.leaf("td", &[], cell)),
                                Err(why) => {
                                    m.leaf("td", &[("class", "why"), ("colspan", &span)], &why);
                                }
                            }
                        });
                    }
                });
            });
        });
    });
}

fn by_target(record: &Record, m: &mut Markup) {
    for targets::Table { title, columns, rows } in targets::tables(record) {
        section(title, m, |m| {
            m.element("div", &[("class", "card scroll tight hosts")], |m| {
                m.element("table", &[], |m| {
                    m.element("thead", &[], |m| {
                        m.element("tr", &[], |m| {
                            m.leaf("th", &[], "");
                            for name in &columns {
                                m.leaf("th", &[], name);
                            }
                        });
                    });
                    m.element("tbody", &[], |m| {
                        for (name, cells) in &rows {
                            m.element("tr", &[], |m| {
                                m.leaf("th", &[("scope", "row")], name);
                                for cell in cells {
                                    m.leaf("td", &[], cell);
                                }
                            });
                        }
                    });
                });
            });
        });
    }
}

fn figures(record: &Record, m: &mut Markup) {
    if record.summary.is_empty() {
        return;
    }
    section("All figures", m, |m| {
        m.element("div", &[("class", "groups")], |m| {
            for group in table::groups(record) {
                m.element("table", &[("class", "card")], |m| {
                    m.leaf("caption", &[], group);
                    m.element("tbody", &[], |m| {
                        for figure in record.summary.iter().filter(|figure| figure.group == group) {
                            let value = units::figure(figure.value, figure.unit);
                            row(&figure.name, &value, m);
                        }
                    });
                });
            }
        });
    });
}

fn latencies(record: &Record, m: &mut Markup) {
    if record.latencies.is_empty() {
        return;
    }
    section("Latencies", m, |m| {
        m.element("div", &[("class", "card scroll")], |m| {
            m.element("table", &[], |m| {
                m.element("thead", &[], |m| {
                    m.element("tr", &[], |m| {
                        m.leaf("th", &[], "");
                        m.leaf("th", &[], "count");
                        for (name, _) in table::PERCENTILES {
                            m.leaf("th", &[], name);
                        }
                        m.leaf("th", &[], "max");
                    });
                });
                m.element("tbody", &[], |m| {
                    for latency in &record.latencies {
                        m.element("tr", &[], |m| {
                            m.leaf("th", &[("scope", "row")], &latency.name);
                            for cell in table::cells(&latency.histogram) {
                                m.leaf("td", &[], &cell);
                            }
                        });
                    }
                });
            });
        });
    });
}

fn errors(record: &Record, m: &mut Markup) {
    if record.errors.is_empty() {
        return;
    }
    section("Errors", m, |m| {
        m.element("div", &[("class", "card scroll")], |m| {
            m.element("table", &[], |m| {
                m.element("tbody", &[], |m| {
                    for (text, count) in &record.errors {
                        row(text, &units::count(*count as f64), m);
                    }
                });
            });
        });
    });
}

/// Names and texts, side by side.
fn pairs(title: &str, pairs: &[(&str, &str)], m: &mut Markup) {
    if pairs.is_empty() {
        return;
    }
    section(title, m, |m| {
        m.element("dl", &[("class", "card pairs")], |m| {
            for (name, value) in pairs {
                m.leaf("dt", &[], name);
                m.leaf("dd", &[], value);
            }
        });
    });
}

fn section(title: &str, m: &mut Markup, inside: impl FnOnce(&mut Markup)) {
    m.element("section", &[], |m| {
        m.leaf("h2", &[], title);
        inside(m);
    });
    m.line_end();
}

fn row(name: &str, value: &str, m: &mut Markup) {
    m.element("tr", &[], |m| {
        m.leaf("th", &[("scope", "row")], name);
        m.leaf("td", &[], value);
    });
}
