//! What each of several targets has of a run: the rows of the terminal's tables and of the page's.

use super::units;
use crate::record::{Figure, Record, TargetRow};

/// A table of targets, with texts only.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) title: &'static str,
    /// The columns after the name.
    pub(super) columns: Vec<String>,
    /// The name of each target, and its cells.
    pub(super) rows: Vec<(String, Vec<String>)>,
}

/// The tables that have rows.
pub(super) fn tables(record: &Record) -> impl Iterator<Item = Table> {
    lists(record).into_iter().filter(|(_, rows)| !rows.is_empty()).map(table)
}

/// All targets, by what they are targets of.
pub(super) fn lists(record: &Record) -> [(&'static str, &[TargetRow]); 2] {
    [("Targets", &record.targets), ("Published to", &record.publish_targets)]
}

fn table((title, all): (&'static str, &[TargetRow])) -> Table {
    const SERVER: &str = "server";
    const UNKNOWN: &str = "-";
    let mut names: Vec<&str> = Vec::new();
    for figure in all.iter().flat_map(|row| &row.figures) {
        if !names.contains(&figure.name.as_str()) {
            names.push(&figure.name);
        }
    }
    let have_servers = all.iter().any(|row| row.server.is_some());
    let cells = |row: &TargetRow| {
        let cell = |name: &&str| {
            let figure = row.figures.iter().find(|figure| figure.name == **name);
            let shown = |figure: &Figure| units::figure(figure.value, figure.unit);
            figure.map_or_else(|| UNKNOWN.to_owned(), shown)
        };
        let server = have_servers.then(|| row.server.clone().unwrap_or_else(|| UNKNOWN.to_owned()));
        names.iter().map(cell).chain(server).collect()
    };
    Table {
        title,
        rows: all.iter().map(|row| (row.name.clone(), cells(row))).collect(),
        columns: names
            .iter()
            .copied()
            .chain(have_servers.then_some(SERVER))
            .map(str::to_owned)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn servers_are_a_column_where_one_is_known() {
        let tables: Vec<Table> = tables(&sample::several_targets()).collect();
        let [targets, published] = &tables[..] else { panic!("{tables:?}") };
        assert_eq!((targets.title, published.title), ("Targets", "Published to"));
        assert_eq!(targets.columns, ["connected", "failed", "lost", "delivery p99"]);
        assert_eq!(published.columns, ["sent", "server"]);
        let row = |name: &str, cells: &[&str]| {
            (name.to_owned(), cells.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(targets.rows[0], row("127.0.0.1:8000", &["5,000", "0", "0", "12 ms"]));
        assert_eq!(targets.rows[1], row("127.0.0.1:8010", &["0", "5,000", "0", "-"]));
        assert_eq!(published.rows[0], row("127.0.0.1:8001", &["25", "Switchboard 0.4.0 on epoll"]));
        assert_eq!(published.rows[1], row("127.0.0.1:8011", &["25", "-"]));
    }

    #[test]
    fn one_target_has_no_table() {
        assert_eq!(tables(&sample::fanout()).count(), 0);
    }
}
