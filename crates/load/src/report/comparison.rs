//! Ways to do the same, side by side: the rows of the terminal's table and of the page's.

use super::units;
use crate::record::{Record, Row};

/// The names of all figures, in the order in which the first row has them.
pub(super) fn columns(record: &Record) -> Vec<&str> {
    let mut columns: Vec<&str> = Vec::new();
    for figure in record.comparison.iter().flat_map(|row| &row.figures) {
        if !columns.contains(&figure.name.as_str()) {
            columns.push(&figure.name);
        }
    }
    columns
}

/// The figures of a row, or why there are none.
pub(super) fn cells(row: &Row, columns: &[&str]) -> Result<Vec<String>, String> {
    if let Some(why) = &row.unavailable {
        return Err(format!("not available: {why}"));
    }
    let cell = |name: &&str| {
        row.figure(name).map_or("-".to_owned(), |figure| units::figure(figure.value, figure.unit))
    };
    Ok(columns.iter().map(cell).collect())
}

/// Rows that have figures.
pub(super) fn available(record: &Record) -> impl Iterator<Item = &Row> {
    record.comparison.iter().filter(|row| row.unavailable.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn what_is_not_there_is_said_and_what_was_not_measured_is_a_dash() {
        let mut record = sample::comparison();
        record.comparison[0].figures.retain(|figure| figure.name != "age p50");
        let columns = columns(&record);
        assert_eq!(columns[..2], ["clients", "requests"]);
        assert!(columns.contains(&"age p50"), "another row has it");
        let first = cells(&record.comparison[0], &columns).unwrap();
        assert_eq!((first[0].as_str(), first.len()), ("1,000", columns.len()));
        assert!(first.contains(&"-".to_owned()));
        let refused = cells(&record.comparison[1], &columns);
        assert_eq!(refused, Err("not available: HTTP 426".to_owned()));
        assert_eq!(available(&record).count(), 2);
    }
}
