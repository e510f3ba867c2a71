//! `switchboard`: a push server. This program reads its configuration, starts the shards and the
//! internal API, and stops when it is told to.

mod broker;
mod config;
mod derive;
mod listeners;
mod page;
mod shards;
mod start;

use std::io::Write as _;
use std::process::ExitCode;

use config::{Config, Task};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    use_small_pages();
    let config = match Config::load(std::env::args_os(), std::env::vars_os()) {
        Ok(Task::Run(config)) => config,
        Ok(Task::Print(text)) => {
            // A reader that closed the pipe (`| head`) has seen what it wanted.
            let _ = std::io::stdout().write_all(text.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            error.print();
            return ExitCode::from(error.exit_code());
        }
    };
    match start::run(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("switchboard: {error}");
            ExitCode::from(error.exit_code())
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
