//! `switchboard-load`: puts load on a WebSocket server and reports how it coped.

// They panic where the stream is closed.
#![deny(clippy::print_stderr, clippy::print_stdout)]

mod centrifuge;
mod cli;
mod engine;
mod http;
mod load;
mod machine;
mod mode;
mod publish;
mod record;
mod report;
mod run;
mod target;
mod verify;
mod watch;

use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Common};
use record::{Record, Verdict};
use run::Failure;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Something was lost, duplicated, reordered, foreign, dropped or refused.
const EXIT_FAILED: u8 = 1;
/// As in `sysexits.h`.
const EXIT_USAGE: u8 = 64;
const EXIT_UNAVAILABLE: u8 = 69;
const EXIT_SYSTEM: u8 = 71;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A reader that closed the pipe (`| head`) has seen what it wanted.
            let _ = error.print();
            let asked_for = !error.use_stderr();
            return if asked_for { ExitCode::SUCCESS } else { ExitCode::from(EXIT_USAGE) };
        }
    };
    if let Some(dir) = &cli.mode.common().report
        && let Err(error) = report::prepare(dir)
    {
        complain(&format!("--report {}: {error}", dir.display()));
        return ExitCode::from(EXIT_USAGE);
    }
    match run::run(&cli.mode) {
        Ok(record) => finish(&record, cli.mode.common()),
        Err(failure) => {
            say(&format!("switchboard-load {}: {failure}", cli.mode.name()));
            ExitCode::from(match failure {
                Failure::Usage(_) => EXIT_USAGE,
                Failure::Unavailable(_) => EXIT_UNAVAILABLE,
                Failure::System(_) => EXIT_SYSTEM,
            })
        }
    }
}

/// Shows the record; the exit code says whether it passed.
fn finish(record: &Record, common: &Common) -> ExitCode {
    let shown = if common.json { print_json(record) } else { report::table::print(record) };
    match shown {
        // A reader that closed the pipe has seen what it wanted.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            complain(&format!("the result cannot be written: {error}"));
            return ExitCode::from(EXIT_SYSTEM);
        }
        _ => {}
    }
    if let Some(dir) = &common.report {
        match report::write(record, dir) {
            Ok(path) => say(&format!("report: {}", path.display())),
            Err(error) => {
                complain(&format!("--report {}: {error}", dir.display()));
                return ExitCode::from(EXIT_SYSTEM);
            }
        }
    }
    match record.verdict {
        Verdict::Passed => ExitCode::SUCCESS,
        Verdict::Failed(_) => ExitCode::from(EXIT_FAILED),
    }
}

/// A line on standard error. Where that is closed or full, the run and its exit code still count.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn complain(about: &str) {
    say(&format!("switchboard-load: {about}"));
}

fn print_json(record: &Record) -> io::Result<()> {
    let mut json = serde_json::to_vec_pretty(record)?;
    json.push(b'\n');
    io::stdout().write_all(&json)
}
