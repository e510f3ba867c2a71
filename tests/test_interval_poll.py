"""Interval polls: `?poll=1` is answered at once, with news or with 304."""

import time
from email.utils import formatdate

import pytest

from support.polling import Poller, items_of, modified_s
from support.positions import at, offset
from support.raw_http import RawConnection, ask, get


@pytest.fixture
def server(everywhere):
    return everywhere


def test_nothing_yet(server, channel):
    with Poller(server, channel, "poll=1") as poller:
        for _ in range(3):
            answer = poller.poll()
            assert answer.status == 304 and not answer.closes(), answer
            assert answer.header("Cache-Control") == "no-store"
            # A second before now, so that what comes within this second is later.
            assert modified_s(answer) < time.time()
        assert offset(poller.position) == 0
        assert server.subscribers(channel) == 0, "a client that only polls is not a subscriber"


def test_news_and_nothing(server, channel):
    """As nchan documents it: GET, take Last-Modified and Etag, repeat with them."""
    with Poller(server, channel, "poll=1") as poller:
        assert poller.poll().status == 304
        for n in range(20):
            receipt = server.publish(channel, f"message {n}")
            answer = poller.poll()
            assert (answer.status, answer.body) == (200, f"message {n}".encode())
            assert poller.position == receipt["position"]
            answer = poller.poll()
            assert answer.status == 304 and poller.position == receipt["position"]


def test_several_news_one_after_the_other(server, channel):
    server.publish_all(channel, ["a", "b", "c"])
    with Poller(server, channel, "poll=1&since=earliest") as poller:
        assert [poller.poll().body for _ in range(4)] == [b"a", b"b", b"c", b""]


def test_from_now_on_without_a_position(server, channel):
    position = server.publish(channel, "before")["position"]
    with Poller(server, channel, "poll=1") as poller:
        assert poller.poll().status == 304
        assert poller.position == position


def status_and_body(server, path, *headers):
    answer = ask(server, get(server, path, *headers))
    return answer.status, answer.body


def test_starting_points(server, channel):
    first, _, third = server.publish_all(channel, ["1", "2", "3"])
    cases = {
        "since=earliest": b"1",
        "since=latest": b"3",
        f"since={first}": b"2",
        f"last_event_id={first}": b"2",
        f"since={at(first, 0)}": b"1",
        f"since={third}": None,
        f"since={first}&cache-buster=17&poll=1": b"2",
        "": None,
    }
    for query, body in cases.items():
        poll = "" if "poll=1" in query else "&poll=1"
        expected = (304, b"") if body is None else (200, body)
        assert status_and_body(server, f"/sub/{channel}?{query}{poll}") == expected, query


def test_which_starting_point_counts(server, channel):
    """If-None-Match before the query, both before If-Modified-Since."""
    first, second, third = server.publish_all(channel, ["1", "2", "3"])
    long_ago, future = (f"If-Modified-Since: {formatdate(s, usegmt=True)}" for s in (0, 4e9))
    path = f"/sub/{channel}?poll=1"
    assert status_and_body(server, f"{path}&since=earliest", f'If-None-Match: "{second}"') == (200, b"3")
    assert status_and_body(server, f"{path}&since={first}", long_ago) == (200, b"2")
    assert status_and_body(server, path, f'If-None-Match: "{second}"', long_ago) == (200, b"3")
    assert status_and_body(server, path, f'If-None-Match: "{third}"', long_ago) == (304, b"")
    assert status_and_body(server, path, f'If-None-Match: W/"{first}"') == (200, b"2")
    assert status_and_body(server, path, long_ago) == (200, b"1")
    assert status_and_body(server, path, future) == (304, b"")


def test_if_modified_since_alone(server, channel):
    """After the last publication of that second; a date that cannot be read is none."""
    server.publish(channel, "first second")
    time.sleep(1.1)
    server.publish(channel, "second second")
    with Poller(server, channel, "poll=1&since=earliest") as poller:
        modified = modified_s(poller.poll())
    path = f"/sub/{channel}?poll=1"

    def since(date):
        return status_and_body(server, path, f"If-Modified-Since: {date}")

    assert since(formatdate(modified, usegmt=True)) == (200, b"second second")
    assert since(formatdate(modified - 1, usegmt=True)) == (200, b"first second")
    assert since(formatdate(modified + 60, usegmt=True)) == (304, b"")
    # The two other forms of RFC 9110 section 5.6.7.
    moment = time.gmtime(modified)
    assert since(time.strftime("%A, %d-%b-%y %H:%M:%S GMT", moment)) == (200, b"second second")
    assert since(time.strftime("%a %b %e %H:%M:%S %Y", moment)) == (200, b"second second")
    for unreadable in ("yesterday", "", "0", "Mon, 99 Foo 2020 00:00:00 GMT", "-" * 500):
        assert since(unreadable) == (304, b""), unreadable


@pytest.mark.parametrize(("query", "status"), [("poll=1", 304), ("poll=2", 400), ("poll=", 400), ("poll=yes", 400)])
def test_values_of_poll(server, channel, query, status):
    assert ask(server, get(server, f"/sub/{channel}?{query}")).status == status


def test_poll_0_is_a_long_poll(server, channel):
    with Poller(server, channel, "poll=0") as poller:
        poller.begin()
        server.wait_for_subscribers(channel, 1)
        poller.expect_silence(0.1)


def test_json(server, channel):
    server.publish_all(channel, ["1", "2", "3"])
    with Poller(server, channel, "poll=1&since=earliest", ["Accept: application/json"]) as poller:
        assert [item["data"] for item in items_of(poller.poll())] == ["1", "2", "3"]
        assert poller.poll().status == 304
        server.publish(channel, "4")
        assert [item["data"] for item in items_of(poller.poll())] == ["4"]


def test_pipelining(server, channel):
    """A thousand at once, each answered, in order."""
    sent = server.publish_all(channel, [str(n) for n in range(4)])
    positions = [at(sent[0], 0), *sent] * 200
    requests = [get(server, f"/sub/{channel}?poll=1&since={position}") for position in positions]
    with RawConnection(server) as connection:
        connection.send(b"".join(requests))
        found = [connection.read_answer().body for _ in positions]
    assert found == [b"0", b"1", b"2", b"3", b""] * 200


def test_http_1_0(server, channel):
    server.publish(channel, "x")
    for query, status in (("poll=1&since=earliest", 200), ("poll=1", 304)):
        with RawConnection(server) as connection:
            connection.send(f"GET /sub/{channel}?{query} HTTP/1.0\r\n\r\n".encode())
            assert connection.read_answer().status == status
            connection.expect_end()


def test_a_burst_of_channels_that_nobody_publishes_to(start, plane, shards):
    """Asking for channels that never were must not fill the memory: they are forgotten again."""
    server = start(plane, shards, channels_idle_max=500, meta_ttl_ms=1_000)
    with RawConnection(server) as connection:
        for batch in range(20):
            names = [f"/sub/never-{batch}-{n}?poll=1" for n in range(200)]
            connection.send(b"".join(get(server, name) for name in names))
            assert [connection.read_answer().status for _ in names] == [304] * 200
    deadline = time.monotonic() + 20
    # Each shard may keep as many as its bound, at home and as mirrors.
    while (found := server.counter("channels")) > 2 * 500 * shards:
        assert time.monotonic() < deadline, f"{found} channels are still known"
        time.sleep(0.2)
