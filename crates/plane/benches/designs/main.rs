//! Ways to send, to receive and to close, measured side by side: the inner loops of the fan-out, of the
//! receive path and of connections that end. `docs/benchmarks/inner-loops.md` has the tables and what was chosen.
//!
//! ```sh
//! cargo bench -p switchboard-plane --bench designs -- [send|receive|close] [ROUNDS]
//! ```
//!
//! Both ends are in this process, over loopback, and what is measured is the CPU time of the whole
//! process, so that a kernel thread of a ring counts too. Each round runs all designs in turn, and
//! the tables have medians with the lowest and the highest round.
#![allow(unsafe_code, clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod close;
mod figures;
mod receive;
mod send;
mod sockets;

const ROUNDS: usize = 15;

fn main() {
    // cargo adds `--bench`.
    let arguments: Vec<_> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let rounds = arguments.iter().find_map(|a| a.parse().ok()).unwrap_or(ROUNDS).max(1);
    let wants = |what: &str| {
        arguments.iter().any(|a| a == what)
            || !arguments.iter().any(|a| a.parse::<usize>().is_err())
    };
    println!("{rounds} rounds; CPU time: median (lowest .. highest)");
    if wants("send") {
        send::compare(rounds);
    }
    if wants("receive") {
        receive::compare(rounds);
    }
    if wants("close") {
        close::compare(rounds);
    }
}
