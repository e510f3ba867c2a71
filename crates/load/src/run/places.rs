//! Where each way to listen is found, for `compare-transports`.

use crate::centrifuge;
use crate::cli::CompareTransports;
use crate::mode::Transport;
use crate::target::Targets;

/// Where a way is: at the targets, if nothing else is said, with the scheme of the way.
pub(super) fn urls(
    options: &CompareTransports,
    targets: &Targets,
    transport: Transport,
) -> Vec<String> {
    let given = match transport {
        Transport::IntervalPoll => &options.interval_poll_url[..],
        Transport::LongPoll => &options.long_poll_url,
        Transport::EventStream => &options.event_stream_url,
        Transport::WebSocket => &[],
        Transport::Centrifuge => &options.centrifuge_url,
    };
    if given.is_empty() {
        targets.iter().map(|target| default_url(&target.url, transport)).collect()
    } else {
        given.to_vec()
    }
}

fn default_url(target: &str, transport: Transport) -> String {
    let (scheme, rest) = target.split_once("://").unwrap_or(("ws", target));
    let query = if rest.contains('?') { "&poll=1" } else { "?poll=1" };
    let slash = if rest.contains('/') { "" } else { "/" };
    let host = rest.split(['/', '?']).next().unwrap_or(rest);
    match transport {
        Transport::WebSocket => target.to_owned(),
        Transport::LongPoll | Transport::EventStream => format!("http://{rest}"),
        Transport::IntervalPoll => format!("http://{rest}{slash}{query}"),
        Transport::Centrifuge => format!("{scheme}://{host}{}", centrifuge::PATH),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_has_a_place_at_the_target() {
        use Transport::{Centrifuge, EventStream, IntervalPoll, LongPoll, WebSocket};
        for (target, transport, expected) in [
            ("ws://h:1/sub/{channel}", WebSocket, "ws://h:1/sub/{channel}"),
            ("ws://h:1/sub/{channel}", LongPoll, "http://h:1/sub/{channel}"),
            ("WS://h:1/sub/{channel}", EventStream, "http://h:1/sub/{channel}"),
            ("ws://h:1/sub/{channel}", IntervalPoll, "http://h:1/sub/{channel}?poll=1"),
            ("ws://h:1/?c={k}", IntervalPoll, "http://h:1/?c={k}&poll=1"),
            ("ws://h:1", IntervalPoll, "http://h:1/?poll=1"),
            ("ws://h:1/sub/{channel}", Centrifuge, "ws://h:1/connection/websocket"),
            ("ws://h:1?c={k}", Centrifuge, "ws://h:1/connection/websocket"),
        ] {
            assert_eq!(default_url(target, transport), expected);
        }
    }
}
