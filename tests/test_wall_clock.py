"""Wall time in answers: every one has a date, and all of it follows a clock that is corrected."""

import json
import time
from email.utils import formatdate, parsedate_to_datetime

import pytest

from support.event_stream import EventStream
from support.polling import Poller, modified_s
from support.raw_http import RawConnection, ask, get, upgrade
from support.waiting import wait_until
from support.wall_clock import WallClock

NEAR_S = 30
HOUR_S = 3_600


def date_s(answer):
    text = answer.header("Date")
    assert text and text.endswith(" GMT") and len(text) == 29, answer
    return parsedate_to_datetime(text).timestamp()


def is_near(found, expected):
    return abs(found - expected) < NEAR_S


def test_every_answer_has_a_date(everywhere, channel):
    """RFC 9110 section 6.6.1."""
    server = everywhere
    server.publish(channel, "x")
    path = f"/sub/{channel}"
    preflight = get(server, path, "Access-Control-Request-Method: GET").replace(b"GET", b"OPTIONS", 1)
    for request, status in (
        (get(server, "/"), 200),
        (get(server, "/health"), 200),
        (get(server, "/nothing"), 404),
        (get(server, "/health").replace(b"GET", b"DELETE", 1), 405),
        (get(server, f"{path}?poll=1"), 304),
        (get(server, f"{path}?since=earliest"), 200),
        (get(server, f"{path}?since=earliest", "Accept: application/json"), 200),
        (get(server, f"{path}?poll=2"), 400),
        (get(server, path, "Origin: https://elsewhere.example"), 403),
        (get(server, path, "Content-Length: 1"), 413),
        (upgrade(server, path).replace(b"Version: 13", b"Version: 12"), 426),
        (preflight, 204),
        (b"nonsense\r\n\r\n", 400),
    ):
        answer = ask(server, request)
        assert answer.status == status, (request, answer)
        assert is_near(date_s(answer), time.time()), answer
    for version in ("HTTP/1.1", "HTTP/1.0"):
        with EventStream(server, path, version=version) as stream:
            assert is_near(date_s(stream.head), time.time())


def test_the_date_goes_on(everywhere, channel):
    first = date_s(ask(everywhere, get(everywhere, "/health")))
    wait_until("a later date", lambda: date_s(ask(everywhere, get(everywhere, "/health"))) > first)


def requested_ago_s(server, channel):
    status, _, body = server.request("GET", f"/pub/{channel}", headers={"Accept": "application/json"})
    assert status == 200
    return json.loads(body)["requested"]


@pytest.mark.parametrize("ahead_s", [HOUR_S, -HOUR_S])
def test_a_clock_that_is_corrected(start, plane, shards, channel, tmp_path, ahead_s):
    """As by a time server after the start: what is shown follows, order and timeouts do not care."""
    clock = WallClock(tmp_path)
    server = start(plane, shards, env=clock.env, long_poll_timeout_ms=1_000)
    server.publish(channel, "before")
    with RawConnection(server) as connection, Poller(server, channel, "since=earliest") as poller:

        def date():
            return date_s(connection.send(get(server, "/health")).read_answer())

        assert is_near(date(), time.time())
        before = poller.poll()
        assert is_near(modified_s(before), time.time())

        poller.begin()
        started = time.monotonic()
        clock.set(ahead_s)
        answer = poller.finish()
        assert answer.status == 304 and 0.5 < time.monotonic() - started < 20, "held as long as ever"
        wait_until("the new date", lambda: is_near(date(), time.time() + ahead_s))

        assert is_near(requested_ago_s(server, channel), 0)
        server.publish(channel, "after")
        after = poller.poll()
        assert (after.status, after.body) == (200, b"after")
        assert is_near(modified_s(after), time.time() + ahead_s)
        # Also for what was published before, so that dates stay in order.
        answer = ask(server, get(server, f"/sub/{channel}?since=earliest", "Accept: application/json"))
        items = json.loads(answer.body)
        assert [item["data"] for item in items] == ["before", "after"]
        assert all(is_near(item["time"] / 1000, time.time() + ahead_s) for item in items)
        assert requested_ago_s(server, channel) < NEAR_S

        # What is compared follows, too.
        for second, status in ((modified_s(after), 304), (modified_s(after) - 600, 200)):
            modified = f"If-Modified-Since: {formatdate(second, usegmt=True)}"
            answer = ask(server, get(server, f"/sub/{channel}?poll=1", modified))
            assert answer.status == status, answer

        clock.set(0)
        wait_until("the first date again", lambda: is_near(date(), time.time()))
        assert is_near(modified_s(ask(server, get(server, f"/sub/{channel}?since=latest"))), time.time())
