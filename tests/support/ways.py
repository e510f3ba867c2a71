"""Every way to listen, behind one face: open it at a position, take news, see what gaps it told."""

import base64
import contextlib
import json
import time

from .centrifuge import RawCentrifuge
from .centrifuge_streams import opened
from .event_stream import EventStream
from .polling import Poller, gaps_of, items_of
from .v1 import V1

WITHIN_S = 20


def query_of(since, gap, **more):
    given = {"since": since, "gap": gap, **more}
    return "&".join(f"{key}={value}" for key, value in given.items() if value is not None)


class V1Way(V1):
    """`switchboard.v1` over a WebSocket."""

    def __init__(self, server, channels, since=None, gap=None):
        super().__init__(server, f"/sub/{channels}?{query_of(since, gap)}")
        self.gaps = self.begin()

    def take(self, count):
        return [self.payload() for _ in range(count)]


class EventStreamWay(EventStream):
    """An event stream."""

    def __init__(self, server, channels, since=None, gap=None):
        super().__init__(server, f"/sub/{channels}?{query_of(since, gap)}")
        self.gaps, _ = self.begin()

    def take(self, count):
        return [self.event().payload for _ in range(count)]


class _PollWay(Poller):
    """Polls until it has what was asked for."""

    more: dict[str, str] = {}

    def __init__(self, server, channels, since=None, gap=None):
        super().__init__(server, channels, query_of(since, gap, **self.more), self.accept)
        self.position = since
        self.gaps = []
        self.waiting = []

    accept: list[str] = []

    def step(self):
        """Asks once, and gives what came."""
        answer = self.poll()
        assert answer.status in (200, 304), answer
        self.gaps += gaps_of(answer)
        if answer.status == 304:
            return []
        is_binary = answer.header("Content-Type") == "application/octet-stream"
        return [answer.body if is_binary else answer.body.decode()]

    def take(self, count):
        deadline = time.monotonic() + WITHIN_S
        while len(self.waiting) < count:
            assert time.monotonic() < deadline, f"{self.waiting} after {WITHIN_S} s"
            self.waiting += self.step()
        found, self.waiting = self.waiting[:count], self.waiting[count:]
        return found


class LongPollWay(_PollWay):
    """Long polls, one publication in an answer."""


class IntervalPollWay(_PollWay):
    """Interval polls without an interval."""

    more = {"poll": "1"}


class JsonPollWay(_PollWay):
    """Interval polls with all that there is in an answer."""

    more = {"poll": "1"}
    accept = ["Accept: application/json"]

    def take(self, count):
        # The position is that of the last item of an answer, so all of them must be wanted.
        found = super().take(count)
        assert not self.waiting, f"more than {count}: {self.waiting}"
        return found

    def step(self):
        answer = self.poll()
        assert answer.status in (200, 304), answer
        if answer.status == 304:
            assert not gaps_of(answer), "a gap is in the array"
            return []
        found = []
        for item in items_of(answer):
            if "gap" in item:
                missed = item.get("missed")
                self.gaps.append((item["channel"], item["gap"], missed and tuple(missed)))
            else:
                found.append(item["data"] if "data" in item else base64.b64decode(item["b64"]))
        return found


class _SdkWay(contextlib.AbstractContextManager):
    """A Centrifuge SDK. It hears whether it missed something, and not what: a gap has no reason."""

    def __init__(self, server, channel, since=None, gap=None):
        assert gap is None, "they always go on from now"
        self.client = self.connect(server)
        self.channel, self.waiting, self.gaps = channel, [], []
        epoch, _, offset = (since or "-0").partition("-")
        where = {"recover": True, "epoch": epoch, "offset": int(offset)} if since else {}
        found = self.client.ask("subscribe", channel=channel, **where)["subscribe"]
        self.epoch, self.position = found["epoch"], f"{found['epoch']}-{found.get('offset', 0)}"
        if since and not found.get("recovered"):
            self.gaps.append((channel, None, None))
        for publication in found.get("publications", []):
            self._keep(publication)

    def _keep(self, publication):
        data = publication["data"]
        self.waiting.append((data if isinstance(data, str) else json.dumps(data), publication["offset"]))

    def take(self, count):
        """Texts that are JSON come as JSON, and binary in base64."""
        while len(self.waiting) < count:
            self._keep(self.client.publication(self.channel))
        found, self.waiting = self.waiting[:count], self.waiting[count:]
        self.position = f"{self.epoch}-{found[-1][1]}"
        return [text for text, _ in found]

    def close(self):
        self.client.close()

    def __exit__(self, *_):
        self.close()


class SdkWebSocketWay(_SdkWay):
    """Over a WebSocket."""

    connect = staticmethod(RawCentrifuge)


class HttpStreamWay(_SdkWay):
    """Over a stream of lines."""

    @staticmethod
    def connect(server):
        return opened(server, "http_stream")


class SseWay(_SdkWay):
    """Over an event stream."""

    @staticmethod
    def connect(server):
        return opened(server, "sse")


WAYS = {
    "v1": V1Way,
    "event_stream": EventStreamWay,
    "long_poll": LongPollWay,
    "interval_poll": IntervalPollWay,
    "json_poll": JsonPollWay,
}

# They know no gaps with bounds, no positions before they listen and no binary.
SDK_WAYS = {
    "sdk_websocket": SdkWebSocketWay,
    "sdk_http_stream": HttpStreamWay,
    "sdk_sse": SseWay,
}
