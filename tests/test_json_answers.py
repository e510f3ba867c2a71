"""Answers in JSON are bounded by their encoded bytes, and share what publications keep."""

import json

import pytest

from support.polling import Poller, items_of
from support.raw_http import RawConnection, get
from support.waiting import wait_until

JSON_BYTES_MAX = 64 << 10
JSON = ["Accept: application/json"]
SLOW_CLIENTS = 300


@pytest.fixture
def server(everywhere):
    return everywhere


@pytest.mark.parametrize("size", [10, 600, 3_900, 12_000, 200_000])
@pytest.mark.parametrize("letter", ["\x01", "x"])
def test_the_bound_counts_what_is_sent(server, channel, size, letter):
    """A control character of one byte takes six in JSON."""
    sent = [f"{n:02}" + letter * size for n in range(40 if size < 100_000 else 4)]
    for text in sent:
        server.publish(channel, text)
    found = []
    with Poller(server, channel, "poll=1&since=earliest", JSON) as poller:
        while len(found) < len(sent):
            answer = poller.poll()
            assert answer.status == 200, answer
            items = items_of(answer)
            assert len(answer.body) <= JSON_BYTES_MAX or len(items) == 1, len(answer.body)
            found += [item["data"] for item in items]
    assert found == sent


def test_binary_and_text_share_an_answer(server, channel):
    server.publish(channel, b"\xff" * 8_000, "application/octet-stream")
    server.publish(channel, "small")
    server.publish(channel, "\u00e4" * 5_000)
    server.publish(channel, "last")
    with Poller(server, channel, "poll=1&since=earliest", JSON) as poller:
        first, *others = poller.poll_json()
        assert "b64" in first and len(first["b64"]) == 10_668
        assert [item["data"] for item in others] == ["small", "\u00e4" * 5_000, "last"]


@pytest.mark.alone
def test_clients_that_do_not_read_hold_little(start, plane, shards, channel):
    """They asked for much, and their sockets take next to nothing of it."""
    server = start(plane, shards)
    for n in range(16):
        server.publish(channel, f"{n:02}" + "\x01" * 3_900)
    request = get(server, f"/sub/{channel}?poll=1&since=earliest", *JSON)
    with RawConnection(server) as connection:
        connection.send(request)
        assert connection.read_answer().status == 200
    before = server.resident_kib()
    clients = [RawConnection(server, receive_buffer=2_048) for _ in range(SLOW_CLIENTS)]
    for client in clients:
        client.send(request)
    answered = SLOW_CLIENTS + 1
    wait_until("all are answered", lambda: server.counter("polls_answered") == answered)
    grown = server.resident_kib() - before
    # Each answer has 47 KiB; it was up to 376 KiB, held by each client.
    assert grown < SLOW_CLIENTS * 24, f"{grown} KiB for {SLOW_CLIENTS} clients"
    for client in clients[:5]:
        assert len(json.loads(client.read_answer().body)) == 2, "and it is whole"
    for client in clients:
        client.close()
