//! `switchboard`: a push server. This program reads its configuration, starts the shards and the
//! internal door, and stops when it is told to.

mod backbone;
mod config;
mod derive;
mod page;
mod shards;
mod start;

use std::io::Write as _;
use std::process::ExitCode;

use config::{Config, Task};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
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
