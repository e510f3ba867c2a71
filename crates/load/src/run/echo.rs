//! `echo`: messages there and back.

use std::sync::Arc;

use super::Failure;
use super::figures::{self, Extra};
use super::session::Session;
use super::setup::{Setup, usage};
use crate::cli::Echo;
use crate::engine::clock::{NS_PER_MS, now_ns};
use crate::engine::stats::{Counter, Measure};
use crate::engine::{Dialect, pool};
use crate::mode;
use crate::record::{Figure, Record, figure};

const DEFAULT_URL: &str = "ws://127.0.0.1:8000/echo";

/// From the order to the first message.
const LEAD_NS: u64 = 20 * NS_PER_MS;

pub(super) fn run(options: &Echo) -> Result<Record, Failure> {
    let common = &options.common;
    if common.dialect != Dialect::Plain {
        return Err(usage("--dialect: what comes back are plain messages"));
    }
    let setup = Setup::new("echo", common, common.connections, DEFAULT_URL)?;
    let mut workers = Vec::new();
    for thread in 0..common.threads {
        let job = mode::Echo {
            ramp: setup.ramp(thread, common.connections, common.connect_rate),
            run: setup.run,
            in_flight: options.in_flight,
            sizes: options.size.clone(),
            orders: Arc::clone(&setup.orders),
            begun: false,
            payload: Vec::new(),
        };
        workers.push(pool::spawn(setup.launch(thread), job)?);
    }
    let mut session = Session::new(setup, workers, None, Measure::RoundTrip, options.duration)?;
    session.connect()?;
    let full = session.memory();
    let start_ns = now_ns() + LEAD_NS;
    session.begin_window(start_ns);
    session.setup.orders.work(start_ns, start_ns + options.duration.ns());
    session.wait("echoing", Some(start_ns + options.duration.ns()), |_| false);
    session.setup.orders.end_work(now_ns());
    session.end_window();
    session.drain("draining", options.drain, |session| {
        session.stats.count(Counter::Received) >= session.stats.count(Counter::Sent)
    });
    session.stop()?;
    let extra = Extra {
        figures: figures(&session),
        memory: Some(full),
        verified: true,
        parameters: vec![
            ("in-flight".to_owned(), options.in_flight.to_string()),
            ("size".to_owned(), options.size.to_string()),
            ("duration".to_owned(), options.duration.to_string()),
        ],
        ..Extra::default()
    };
    figures::record(session, extra)
}

fn figures(session: &Session) -> Vec<Figure> {
    let count = |counter| session.stats.count(counter) as f64;
    let mut figures = vec![
        figure("Messages", "sent", count(Counter::Sent), ""),
        figure("Messages", "received", count(Counter::Received), ""),
        figure("Messages", "payload received", count(Counter::ReceivedBytes), "B"),
    ];
    if let Some(window) = &session.window {
        let per_s = window.received as f64 / window.seconds().max(1e-3);
        figures.push(figure("Messages", "per second", per_s, "/s"));
    }
    figures
}
