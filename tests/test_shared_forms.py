"""Other forms of payloads, base64 and JSON, are shared by all who send them, also when there are more
than may be kept: the oldest are given up then, and never is the newest copied for each client."""

import json

import pytest

from support.polling import Poller
from support.raw_http import RawConnection, get
from support.waiting import wait_until

SLOW_CLIENTS = 200
SIZE = 180_000
PAYLOAD = bytes(range(256)) * (SIZE // 256)
JSON = ["Accept: application/json"]


@pytest.fixture
def server(start, plane):
    """The forms that may be kept are fewer than those of the publications that are kept."""
    bounds = {"shard_log_bytes_max": 700_000, "log_bytes_max": 700_000}
    return start(plane, publish_bytes_max=200_000, **bounds)


def publish(server, count):
    """Of three in base64 not all may be kept."""
    for n in range(count):
        server.publish("full", PAYLOAD, "application/octet-stream")
        with Poller(server, "full", "poll=1&since=latest", JSON) as poller:
            assert "b64" in poller.poll_json()[0], f"number {n}"


def slow_client(server, path, *headers):
    client = RawConnection(server, receive_buffer=2_048)
    client.send(get(server, path, *headers))
    return client


@pytest.mark.alone
def test_slow_polls_share_the_newest_form(server):
    publish(server, 3)
    answered = server.counter("polls_answered")
    before = server.resident_kib()
    clients = [
        slow_client(server, "/sub/full?poll=1&since=latest", *JSON) for _ in range(SLOW_CLIENTS)
    ]
    wait_until(
        "all are answered", lambda: server.counter("polls_answered") == answered + SLOW_CLIENTS
    )
    grown = server.resident_kib() - before
    # A copy for each would be 240 KB.
    assert grown < SLOW_CLIENTS * 40, f"{grown} KiB for {SLOW_CLIENTS} clients"
    assert "b64" in json.loads(clients[0].read_answer().body)[0], "and it is whole"
    for client in clients:
        client.close()


@pytest.mark.alone
def test_slow_event_streams_with_positions_of_their_own_share_the_newest_form(server, channel):
    clients = [
        slow_client(server, f"/sub/{channel},other", "Accept: text/event-stream")
        for _ in range(SLOW_CLIENTS)
    ]
    server.wait_for_subscribers(channel, SLOW_CLIENTS)
    publish(server, 2)
    delivered = server.counter("deliveries")
    before = server.resident_kib()
    server.publish(channel, PAYLOAD, "application/octet-stream")
    wait_until(
        "all were sent some of it",
        lambda: server.counter("deliveries") == delivered + SLOW_CLIENTS,
    )
    grown = server.resident_kib() - before
    assert grown < SLOW_CLIENTS * 40, f"{grown} KiB for {SLOW_CLIENTS} clients"
    for client in clients:
        client.close()
