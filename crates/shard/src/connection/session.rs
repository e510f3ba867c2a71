//! What a connection speaks, in one byte, and the facts about it that need no code.

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
    /// It ends: its deadline is fixed and progress does not move it.
    Ending,
}

struct Facts {
    transport: &'static str,
    role: Role,
    delivery: Delivery,
    gauge: Option<fn(&Counters) -> &Counter>,
}

impl Session {
    /// One line for each.
    #[inline]
    fn facts(self) -> Facts {
        let facts = |transport, role, delivery, gauge| Facts { transport, role, delivery, gauge };
        let websockets: Option<fn(&Counters) -> &Counter> = Some(|all| &all.websockets_open);
        let streams: Option<fn(&Counters) -> &Counter> = Some(|all| &all.event_streams_open);
        let polls: Option<fn(&Counters) -> &Counter> = Some(|all| &all.polls_held);
        let publishers: Option<fn(&Counters) -> &Counter> = Some(|all| &all.publish_streams_open);
        let stream = Delivery::Stream;
        let (websocket, event_stream) =
            (Transport::WebSocket.name(), Transport::EventStream.name());
        match self {
            Self::Refusing | Self::Http | Self::ProxyHeader | Self::Api => {
                facts("http", Role::Requests, Delivery::None, None)
            }
            Self::PublishStream => facts(websocket, Role::WebSocket, Delivery::None, publishers),
            Self::Echo => facts(websocket, Role::WebSocket, Delivery::None, websockets),
            Self::Plain => facts(websocket, Role::WebSocket, stream(Dialect::Plain), websockets),
            Self::V1 => facts(websocket, Role::WebSocket, stream(Dialect::V1), websockets),
            Self::CentrifugeOpening => {
                facts(websocket, Role::PingedWebSocket, Delivery::None, websockets)
            }
            Self::Centrifuge => {
                facts(websocket, Role::PingedWebSocket, stream(Dialect::Centrifuge), websockets)
            }
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
        matches!(self, Self::CentrifugeOpening | Self::Centrifuge)
    }

    /// It ends: its deadline is fixed and progress does not move it.
    #[inline]
    pub(crate) fn is_ending(self) -> bool {
        self.facts().role == Role::Ending
    }
}
