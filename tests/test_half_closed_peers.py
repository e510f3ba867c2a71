"""Clients that end their side and read nothing: what waits for them must not keep the server busy."""

import time

import pytest

from support.centrifuge_streams import PATHS, post
from support.raw_http import RawConnection, get, upgrade
from support.waiting import wait_until

CHANNEL = "half-closed"
# More than a client's socket takes in all.
COUNT, MESSAGE = 100, "x" * 60_000
SMALL = 4_096  # the receive buffer of a client that does not read
# A shard at rest takes some hundred turns in a second; one that tries in vain, a hundred thousand.
TURNS_MAX = 5_000
WATCH_S = 0.5

WAYS = {
    "polls one after the other": lambda server: get(server, f"/sub/{CHANNEL}?poll=1&since=earliest") * 100,
    "JSON polls": lambda server: get(
        server, f"/sub/{CHANNEL}?poll=1&since=earliest", "Accept: application/json"
    ) * 100,
    "event stream": lambda server: get(
        server, f"/sub/{CHANNEL}?since=earliest", "Accept: text/event-stream"
    ),
    "stream of lines": lambda server: post(
        server,
        PATHS["http_stream"],
        f'{{"id":1,"connect":{{}}}}\n'
        f'{{"id":2,"subscribe":{{"channel":"{CHANNEL}","recover":true}}}}',
    ),
    "WebSocket": lambda server: upgrade(server, f"/sub/{CHANNEL}?since=earliest"),
}  # fmt: skip


@pytest.fixture(scope="module")
def server(shared):
    shared.publish_all(CHANNEL, [MESSAGE] * COUNT)
    return shared


def stalls(server):
    return server.counter("sends_refused") + server.counter("sends_short")


@pytest.mark.parametrize("way", WAYS)
def test_a_half_closed_client_that_does_not_read_takes_no_processor(server, way):
    before = stalls(server)
    with RawConnection(server, receive_buffer=SMALL) as client:
        client.send(WAYS[way](server))
        wait_until("its socket is full", lambda: stalls(server) > before)
        client.end()
        # It may also be closed at once, but not tried again and again.
        turns = server.counter("turns")
        time.sleep(WATCH_S)
        turns = server.counter("turns") - turns
        assert turns < TURNS_MAX, f"{turns} turns in {WATCH_S} s"


@pytest.mark.parametrize("way", [way for way in WAYS if "poll" in way])
def test_a_half_closed_client_that_reads_later_gets_all_answers(server, way):
    with RawConnection(server, receive_buffer=SMALL) as client:
        client.send(WAYS[way](server)).end()
        for _ in range(100):
            assert client.read_answer().status == 200
        client.expect_end()
