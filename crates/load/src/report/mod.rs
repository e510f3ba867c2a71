//! What a run measured, for people and for programs: the live view, the final table, the page, and
//! the files.

mod comparison;
mod csv;
mod headline;
mod html;
mod json;
pub(crate) mod live;
#[cfg(test)]
mod sample;
pub(crate) mod table;
mod targets;
pub(crate) mod units;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::record::Record;

/// Makes the folder where it is missing, and checks that files can be written there. Call before the
/// run, so that no run is lost for want of a report.
pub(crate) fn prepare(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let probe = dir.join(".switchboard-load");
    fs::write(&probe, "")?;
    fs::remove_file(probe)
}

/// Writes the page, the JSON and the CSV files into a folder, which is made when it is missing.
/// Returns where the page is.
pub(crate) fn write(record: &Record, dir: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(dir)?;
    fs::write(dir.join("record.json"), json::record(record)?)?;
    for (name, contents) in csv::files(record) {
        fs::write(dir.join(name), contents)?;
    }
    let page = dir.join("index.html");
    fs::write(&page, html::page(record))?;
    Ok(page)
}
