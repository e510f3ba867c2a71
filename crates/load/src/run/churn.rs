//! `churn`: clients come and go.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Failure;
use super::figures::{self, Extra};
use super::idle::DEFAULT_URL;
use super::limits::Window;
use super::session::Session;
use super::setup::{self, Setup};
use crate::cli::{Churn, Span};
use crate::engine::clock::now_ns;
use crate::engine::pool;
use crate::engine::stats::{Counter, Measure};
use crate::mode;
use crate::record::{Record, figure};

/// Below this share of the requested rate, the report gives the reason.
const RATE_KEPT: f64 = 0.95;

/// Time for the last clients to leave, besides their stay.
const LEAVE: Span = Span::from_secs(10);

pub(super) fn run(options: &Churn) -> Result<Record, Failure> {
    let common = &options.common;
    setup::positive("--rate", options.rate)?;
    let setup = Setup::new("churn", common, common.connections, DEFAULT_URL)?;
    let mut workers = Vec::new();
    for thread in 0..common.threads {
        let job = mode::Churn {
            ramp: setup.ramp(thread, u32::MAX, options.rate),
            channels: common.channels,
            connections_max: common.connections.div_ceil(common.threads) as usize,
            stay_ns: options.stay.ns(),
            leaving: options.leave,
            orders: Arc::clone(&setup.orders),
            visits: VecDeque::new(),
        };
        workers.push(pool::spawn(setup.launch(thread), job)?);
    }
    let expected = Span::from_secs((options.duration.ms() + options.stay.ms()) / 1_000 + 1);
    let mut session = Session::new(setup, workers, None, Measure::Handshake, expected)?;
    session.begin_window(now_ns());
    let start_ns = now_ns();
    let until_ns = start_ns + options.duration.ns();
    session.setup.orders.connect_from(start_ns);
    session.setup.orders.work(start_ns, until_ns);
    session.wait("churning", Some(until_ns), |_| false);
    session.setup.orders.end_work(now_ns());
    session.end_window();
    let stay_and_leave = Span::from_secs((options.stay.ms() + LEAVE.ms()) / 1_000);
    session.drain("leaving", stay_and_leave, |session| session.stats.is_done);
    if session.stats.count(Counter::Connected) == 0 && !session.is_interrupted() {
        let why = session.stats.main_error(Counter::Failed).unwrap_or("nothing happened");
        let why = format!("{}: no connection succeeded: {why}", session.setup.targets.urls());
        session.stop()?;
        return Err(Failure::Unavailable(why));
    }
    let window = session.window.as_ref();
    let seconds = window.map_or(0.0, Window::seconds);
    let long_enough = window.is_some_and(Window::is_meaningful);
    let connected = session.stats.count(Counter::Connected) as f64;
    let left = session.stats.count(Counter::Left) as f64;
    let per_s = connected / seconds.max(1e-3);
    let limited = (per_s < options.rate * RATE_KEPT && long_enough).then(|| {
        format!(
            "the client was the limit: {per_s:.0} came per second instead of {}, because at most \
             --connections {} were there, or --connecting-max {} connecting, at the same time",
            options.rate, common.connections, common.connecting_max
        )
    });
    let extra = Extra {
        limited,
        figures: vec![
            figure("Churn", "came", connected, ""),
            figure("Churn", "left", left, ""),
            figure("Churn", "came per second", per_s, "/s"),
        ],
        memory: Some(session.memory()),
        parameters: vec![
            ("rate".to_owned(), options.rate.to_string()),
            ("duration".to_owned(), options.duration.to_string()),
            ("stay".to_owned(), options.stay.to_string()),
            ("leave".to_owned(), options.leave.to_string()),
        ],
        ..Extra::default()
    };
    figures::record(session, extra)
}
