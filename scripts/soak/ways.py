"""All ways to listen, in the order in which clients take them."""

from __future__ import annotations

from .centrifuge import CentrifugeListener
from .listeners import EventStreamListener, IntervalPollListener, Listener, LongPollListener, WebSocketListener

WAYS: list[type[Listener]] = [
    WebSocketListener,
    EventStreamListener,
    LongPollListener,
    IntervalPollListener,
    CentrifugeListener,
]
