//! `switchboard`: a push server. This program reads its configuration, starts the shards and the
//! internal API, and stops on a signal.

mod allocator;
mod broker;
mod config;
mod derive;
mod engine;
mod keys;
mod listeners;
mod log;
#[cfg(test)]
mod metrics_page;
mod page;
mod shards;
mod start;

use std::io::{self, Write as _};
use std::process::ExitCode;

use config::{Config, EngineTask, Task};

fn main() -> ExitCode {
    use_small_pages();
    let config = match Config::load(std::env::args_os(), std::env::vars_os()) {
        Ok(Task::Run(config)) => config,
        Ok(Task::Print(text)) => return print(&text),
        Ok(Task::Engine(task, config)) => return look_at_engine(task, &config),
        Err(error) => {
            error.print();
            return ExitCode::from(error.exit_code());
        }
    };
    let code = match start::run(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::say(&format!("switchboard: {error}"));
            ExitCode::from(error.exit_code())
        }
    };
    log::flush();
    code
}

/// `switchboard engine`; 69 (not available, sysexits) where a stream is missing or differs, or nobody can look.
fn look_at_engine(task: EngineTask, config: &Config) -> ExitCode {
    const UNAVAILABLE: u8 = 69;
    match engine::run(task, config) {
        Ok((found, is_good)) => {
            let printed = print(&found);
            if is_good { printed } else { ExitCode::from(UNAVAILABLE) }
        }
        Err(why) => {
            log::say(&format!("switchboard: {why}"));
            ExitCode::from(UNAVAILABLE)
        }
    }
}

/// Prints to standard output; 74 (input or output, sysexits) when it takes nothing.
fn print(text: &str) -> ExitCode {
    const IO_ERROR: u8 = 74;
    let mut stdout = io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        // A reader that closed the pipe (`| head`) has seen what it wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            log::say(&format!("switchboard: standard output: {error}"));
            ExitCode::from(IO_ERROR)
        }
    }
}

/// The allocator asks for huge pages. They take 7 MiB more at the start, round up what connections
/// need to 2 MiB, and keep a flood's memory as long as a single connection of it is there, while
/// what a shard walks through is small beside the sends that it makes. A kernel that refuses gives
/// large pages, and nothing depends on it. Before anything is allocated, hence here.
fn use_small_pages() {
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
