//! Counts the instructions of the hot paths under `valgrind --tool=callgrind` and fails when one
//! needs more than its budget in `budgets.toml`. Times waver by a third on a shared machine;
//! instructions repeat within a few in a thousand.
//!
//! ```text
//! instructions               counts all and compares them with their budgets
//! instructions NAME...       only these
//! ```
//!
//! For the figures to be comparable, the same instructions must be chosen everywhere. Valgrind
//! answers CPUID itself, as a Haswell does (AVX2, no AVX-512) on every machine that has AVX2, so
//! that is what memcpy, unmasking and UTF-8 checks take; the compiler's version is fixed by
//! `rust-toolchain.toml`.
#![forbid(unsafe_code)]
// What cannot be set up or comes out wrong must end the count.
#![allow(clippy::unwrap_used)]

mod budgets;
mod callgrind;
mod operations;
mod table;

use std::process::ExitCode;

use budgets::Budgets;
use callgrind::CountError;
use operations::Operation;

/// As in the server: what the allocator does is a part of the count.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Wrong use of the command line.
const USAGE: u8 = 64;
/// Something that the counts need is not there.
const UNAVAILABLE: u8 = 69;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, name] = &arguments[..]
        && flag == callgrind::RUN_FLAG
        && let Some(operation) = Operation::find(name)
    {
        println!("{}", (operation.run)());
        return ExitCode::SUCCESS;
    }
    let chosen = match choose(&arguments) {
        Ok(chosen) => chosen,
        Err(message) => {
            eprintln!("instructions: {message}");
            return ExitCode::from(USAGE);
        }
    };
    let budgets = match Budgets::read() {
        Ok(budgets) => budgets,
        Err(error) => {
            eprintln!("instructions: {error}");
            return ExitCode::from(USAGE);
        }
    };
    match count(&chosen, &budgets) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::from(UNAVAILABLE)
        }
    }
}

/// The operations with these names; all when there are none.
fn choose(names: &[String]) -> Result<Vec<&'static Operation>, String> {
    if names.is_empty() {
        return Ok(operations::ALL.iter().collect());
    }
    let find = |name: &String| {
        let known = || operations::ALL.iter().map(|operation| operation.name).collect::<Vec<_>>();
        Operation::find(name)
            .ok_or_else(|| format!("no operation '{name}'; there are: {}", known().join(" ")))
    };
    names.iter().map(find).collect()
}

/// Counts, prints the table, and says whether all are within their budgets.
fn count(chosen: &[&Operation], budgets: &Budgets) -> Result<bool, CountError> {
    callgrind::check_processor()?;
    table::print_head();
    let mut over = Vec::new();
    let mut generous = Vec::new();
    for operation in chosen {
        let budget = budgets.of(operation.name);
        let counted = callgrind::count(operation.name)?;
        table::print_row(operation, counted, budget);
        if counted > budget.max {
            over.push((operation, budget));
        } else if counted < budget.max * budgets::GENEROUS {
            generous.push(operation.name);
        }
    }
    if !generous.is_empty() {
        println!("\nnote: much less than their budgets, lower them: {}", generous.join(" "));
    }
    for (operation, budget) in &over {
        println!("\nOVER BUDGET: {}\n  what it is for: {}", operation.name, budget.why);
    }
    match over.len() {
        0 => println!("\npassed: {} operations within their budgets", chosen.len()),
        count => println!("\nFAILED: {count} of {} operations over budget", chosen.len()),
    }
    Ok(over.is_empty())
}
