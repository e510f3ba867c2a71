"""Every way to listen, behind one face: open it at a position, take news, see what gaps it told."""

import base64
import time

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


WAYS = {
    "v1": V1Way,
    "event_stream": EventStreamWay,
    "long_poll": LongPollWay,
    "interval_poll": IntervalPollWay,
    "json_poll": JsonPollWay,
}
