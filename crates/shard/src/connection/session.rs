//! What a connection speaks, in one byte, and the facts about it that need no code.

use switchboard_dialects::centrifuge::Framing;
use switchboard_dialects::{Dialect, Transport};

use crate::counters::{Counter, Counters};

/// What a connection speaks. The code of each is a file in `session/`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Session {
    /// Requests, while the shard is full: the next one will be answered with 503.
    Refusing,
    /// Requests: it waits for a head or is in the middle of one.
    Http,
    /// The header of the PROXY protocol, which comes before all requests.
    ProxyHeader,
    /// Requests to the internal API.
    Api,
    /// A WebSocket on `/publish` of the internal API.
    PublishStream,
    /// A WebSocket on `/echo`.
    Echo,
    /// A plain WebSocket on `/sub`.
    Plain,
    /// A WebSocket on `/sub` that speaks `switchboard.v1`.
    V1,
    /// A WebSocket of a Centrifuge SDK that has not said yet who it is.
    CentrifugeOpening,
    /// A WebSocket of a Centrifuge SDK.
    Centrifuge,
    /// A stream of lines to a Centrifuge SDK, in chunks (HTTP/1.1), that has not said yet who it is.
    ChunkedLinesOpening,
    /// A stream of lines to a Centrifuge SDK, in chunks.
    ChunkedLines,
    /// The same as it ends with the connection (HTTP/1.0), before.
    LinesOpening,
    /// The same, after that.
    Lines,
    /// A stream of events to a Centrifuge SDK, in chunks, that has not said yet who it is.
    ChunkedEventsOpening,
    /// A stream of events to a Centrifuge SDK, in chunks.
    ChunkedEvents,
    /// The same as it ends with the connection, before.
    EventsOpening,
    /// The same, after that.
    Events,
    /// A request of a Centrifuge SDK whose commands are with another shard.
    Emulation,
    /// An event stream on `/sub`, in chunks (HTTP/1.1).
    ChunkedEventStream,
    /// An event stream on `/sub` that ends with the connection (HTTP/1.0).
    EventStream,
    /// A request to `/sub` that is held.
    Poll,
    /// A WebSocket whose Close frame has gone out or was received.
    Closing,
    /// Nothing more will be said; whatever arrives is dropped until the peer ends.
    Lingering,
}

/// How publications reach it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Delivery {
    /// It has no subscriptions.
    None,
    /// One after another in this dialect, written by `delivery`.
    Stream(Dialect),
    /// The session itself answers with them.
    Answer,
}

/// What others may do with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Role {
    /// It takes requests, or is about to.
    Requests,
    /// A WebSocket that has not begun to close.
    WebSocket,
    /// The same, and its session itself says when it is pinged.
    PingedWebSocket,
    /// It is only sent to.
    Stream,
    /// The same, and its session itself says when it is pinged.
    PingedStream,
    /// It ends: its deadline is fixed and progress does not move it.
    Ending,
}

struct Facts {
    transport: &'static str,
    role: Role,
    delivery: Delivery,
    gauge: Option<fn(&Counters) -> &Counter>,
    /// How a Centrifuge SDK is told things.
    framing: Option<Framing>,
}

impl Facts {
    /// Of a Centrifuge SDK.
    #[inline]
    fn of_centrifuge(framing: Framing, has_begun: bool) -> Self {
        let delivery =
            if has_begun { Delivery::Stream(Dialect::Centrifuge(framing)) } else { Delivery::None };
        let (role, gauge): (_, fn(&Counters) -> &Counter) = match framing {
            Framing::Message => (Role::PingedWebSocket, |all| &all.websockets_open),
            _ => (Role::PingedStream, |all| &all.centrifuge_streams_open),
        };
        let (transport, gauge) = (framing.transport(), Some(gauge));
        Self { transport, role, delivery, gauge, framing: Some(framing) }
    }
}

impl Session {
    /// Of a Centrifuge SDK that is told things in this way.
    pub(crate) fn of_centrifuge(framing: Framing, has_begun: bool) -> Self {
        match (framing, has_begun) {
            (Framing::Message, false) => Self::CentrifugeOpening,
            (Framing::Message, true) => Self::Centrifuge,
            (Framing::ChunkedLine, false) => Self::ChunkedLinesOpening,
            (Framing::ChunkedLine, true) => Self::ChunkedLines,
            (Framing::Line, false) => Self::LinesOpening,
            (Framing::Line, true) => Self::Lines,
            (Framing::ChunkedEvent, false) => Self::ChunkedEventsOpening,
            (Framing::ChunkedEvent, true) => Self::ChunkedEvents,
            (Framing::Event, false) => Self::EventsOpening,
            (Framing::Event, true) => Self::Events,
        }
    }

    /// One line for each.
    #[inline]
    fn facts(self) -> Facts {
        let facts = |transport, role, delivery, gauge| Facts {
            transport,
            role,
            delivery,
            gauge,
            framing: None,
        };
        let websockets: Option<fn(&Counters) -> &Counter> = Some(|all| &all.websockets_open);
        let streams: Option<fn(&Counters) -> &Counter> = Some(|all| &all.event_streams_open);
        let polls: Option<fn(&Counters) -> &Counter> = Some(|all| &all.polls_held);
        let publishers: Option<fn(&Counters) -> &Counter> = Some(|all| &all.publish_streams_open);
        let stream = Delivery::Stream;
        let (websocket, event_stream) =
            (Transport::WebSocket.name(), Transport::EventStream.name());
        match self {
            Self::Refusing | Self::Http | Self::ProxyHeader | Self::Api | Self::Emulation => {
                facts("http", Role::Requests, Delivery::None, None)
            }
            Self::PublishStream => facts(websocket, Role::WebSocket, Delivery::None, publishers),
            Self::Echo => facts(websocket, Role::WebSocket, Delivery::None, websockets),
            Self::Plain => facts(websocket, Role::WebSocket, stream(Dialect::Plain), websockets),
            Self::V1 => facts(websocket, Role::WebSocket, stream(Dialect::V1), websockets),
            Self::CentrifugeOpening => Facts::of_centrifuge(Framing::Message, false),
            Self::Centrifuge => Facts::of_centrifuge(Framing::Message, true),
            Self::ChunkedLinesOpening => Facts::of_centrifuge(Framing::ChunkedLine, false),
            Self::ChunkedLines => Facts::of_centrifuge(Framing::ChunkedLine, true),
            Self::LinesOpening => Facts::of_centrifuge(Framing::Line, false),
            Self::Lines => Facts::of_centrifuge(Framing::Line, true),
            Self::ChunkedEventsOpening => Facts::of_centrifuge(Framing::ChunkedEvent, false),
            Self::ChunkedEvents => Facts::of_centrifuge(Framing::ChunkedEvent, true),
            Self::EventsOpening => Facts::of_centrifuge(Framing::Event, false),
            Self::Events => Facts::of_centrifuge(Framing::Event, true),
            Self::ChunkedEventStream => {
                facts(event_stream, Role::Stream, stream(Dialect::ChunkedEventStream), streams)
            }
            Self::EventStream => {
                facts(event_stream, Role::Stream, stream(Dialect::EventStream), streams)
            }
            Self::Poll => {
                facts(Transport::LongPoll.name(), Role::Requests, Delivery::Answer, polls)
            }
            Self::Closing => facts(websocket, Role::Ending, Delivery::None, websockets),
            Self::Lingering => facts("http", Role::Ending, Delivery::None, None),
        }
    }

    /// The way to listen, as the internal API names it.
    pub(crate) fn describe(self) -> &'static str {
        self.facts().transport
    }

    #[inline]
    pub(crate) fn delivery(self) -> Delivery {
        self.facts().delivery
    }

    /// The gauge that counts it.
    #[inline]
    pub(crate) fn gauge(self, counters: &Counters) -> Option<&Counter> {
        self.facts().gauge.map(|gauge| gauge(counters))
    }

    /// A WebSocket that has not begun to close.
    #[inline]
    pub(crate) fn is_open_websocket(self) -> bool {
        matches!(self.facts().role, Role::WebSocket | Role::PingedWebSocket)
    }

    /// When it is silent, something is sent that keeps the way open.
    #[inline]
    pub(crate) fn is_kept_alive(self) -> bool {
        matches!(self.facts().role, Role::WebSocket | Role::Stream)
    }

    /// Of a Centrifuge SDK.
    pub(crate) fn is_centrifuge(self) -> bool {
        self.framing().is_some()
    }

    /// Of a Centrifuge SDK that has said who it is.
    pub(crate) fn is_begun_centrifuge(self) -> bool {
        self.is_centrifuge() && self.delivery() != Delivery::None
    }

    /// How a Centrifuge SDK is told things.
    #[inline]
    pub(crate) fn framing(self) -> Option<Framing> {
        self.facts().framing
    }

    /// It ends: its deadline is fixed and progress does not move it.
    #[inline]
    pub(crate) fn is_ending(self) -> bool {
        self.facts().role == Role::Ending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_centrifuge_session_has_a_framing_and_has_begun_or_not() {
        use Framing::{ChunkedEvent, ChunkedLine, Event, Line, Message};
        for framing in [Message, ChunkedLine, Line, ChunkedEvent, Event] {
            for has_begun in [false, true] {
                let session = Session::of_centrifuge(framing, has_begun);
                assert_eq!(session.framing(), Some(framing));
                assert_eq!(session.is_begun_centrifuge(), has_begun);
                assert_eq!(session.is_open_websocket(), framing == Message);
                assert!(!session.is_kept_alive() && !session.is_ending());
            }
        }
        assert!(!Session::Plain.is_centrifuge() && !Session::Plain.is_begun_centrifuge());
    }
}
