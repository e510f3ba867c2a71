//! `idle`: connect all, hold them, see what they cost and which are lost.

use std::sync::Arc;

use switchboard_plane::Close;

use super::Failure;
use super::figures::{self, Extra};
use super::session::Session;
use super::setup::Setup;
use crate::cli::Idle;
use crate::engine::clock::now_ns;
use crate::engine::pool;
use crate::engine::stats::Measure;
use crate::mode::{Backoff, Rules, Subscribers};
use crate::record::Record;
use crate::verify::{Excused, Progress};

pub(super) const DEFAULT_URL: &str = "ws://127.0.0.1:8000/sub/{channel}";

pub(super) fn run(options: &Idle) -> Result<Record, Failure> {
    let common = &options.common;
    let setup = Setup::new("idle", common, common.connections, DEFAULT_URL)?;
    let rules = Arc::new(Rules {
        run: setup.run,
        targets: Arc::clone(&setup.targets),
        channels: common.channels,
        survivors: 0,
        verify: false,
        slow_percent: 0,
        slow_bytes_per_s: 0,
        backoff: Backoff::None,
        returning_max: 0,
        drop: Close::Reset,
        progress: Arc::new(Progress::new(common.channels, 1)),
        excused: Arc::new(Excused::default()),
        orders: Arc::clone(&setup.orders),
    });
    let mut workers = Vec::new();
    for thread in 0..common.threads {
        let ramp = setup.ramp(thread, common.connections, common.connect_rate);
        let job = Subscribers::new(Arc::clone(&rules), ramp);
        workers.push(pool::spawn(setup.launch(thread), job)?);
    }
    let mut session = Session::new(setup, workers, None, Measure::Handshake, options.hold)?;
    session.connect()?;
    session.begin_window(now_ns());
    session.wait("holding", Some(now_ns() + options.hold.ns()), |_| false);
    session.end_window();
    let extra = Extra {
        memory: Some(session.memory()),
        parameters: vec![("hold".to_owned(), options.hold.to_string())],
        ..Extra::default()
    };
    figures::record(session, extra)
}
