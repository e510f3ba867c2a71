"""Memory in use against `memory_max`: what the server gives up, and that it serves again afterwards."""

import pytest

from support.raw_http import RawConnection, get
from support.raw_websocket import TEXT, RawWebSocket
from support.waiting import wait_until

SMALL_BUFFER = 4_096
ROOM = 96 << 20  # between what an empty server takes and its budget
NAMESPACES = """
[namespace.kept]
history_publications = 10000
history_bytes = 536870912
log_bytes_max = 536870912
"""


@pytest.fixture
def server(start, plane, namespaces):
    """Its budget is less than what its channels may keep."""
    empty_kib = start(plane).resident_kib()
    return start(
        plane,
        config=namespaces(NAMESPACES),
        memory_max=(empty_kib << 10) + ROOM,
        shard_log_bytes_max=1 << 30,
        stall_timeout_ms=600_000,
    )


def status(server):
    with RawConnection(server) as connection:
        answer = connection.send(get(server, "/health")).read_answer()
    if answer.status == 503:
        assert b"short of memory" in answer.body, answer
        assert answer.closes() and 1 <= int(answer.header("Retry-After")) <= 60, answer
    return answer.status


def publish_until(server, is_reached):
    """Fills the history of a channel, a megabyte at a time."""
    for number in range(3_000):
        server.publish("kept:much", f"{number} ".ljust(1_000_000, "x"))
        if is_reached():
            return
    pytest.fail("it took everything")


def test_newcomers_are_refused_and_history_is_dropped(server):
    with RawWebSocket(server, "/sub/calm") as inside:
        assert status(server) == 200
        publish_until(server, lambda: status(server) == 503)
        publish_until(server, lambda: server.counter("history_shed") > 0)
        assert server.counter("refused_memory") > 0
        assert server.counter("refused_full") == server.counter("refused_address") == 0
        # Those who are in are served.
        server.publish("calm", "still here")
        inside.expect(TEXT, b"still here")
        # What was dropped is free, and newcomers are let in again.
        wait_until("room", lambda: status(server) == 200)
        inside.expect_alive()
        # The newest publication is there, and whoever asks for more hears of the gap.
        with RawConnection(server) as late:
            request = get(server, "/sub/kept:much?poll=1&since=earliest", "Accept: application/json")
            assert late.send(request).read_answer().status == 200


def test_the_slowest_are_cut(server):
    server.publish("kept:large", b"x" * 1_000_000)
    slow = []
    for _ in range(8):
        slow.append(RawConnection(server, receive_buffer=SMALL_BUFFER))
        slow[-1].send(get(server, "/sub/kept:large?poll=1&since=earliest"))
    wait_until("full sockets", lambda: server.counter("connections_blocked") == 8)
    with RawWebSocket(server, "/sub/calm") as inside:
        publish_until(server, lambda: server.counter("closed_memory") > 0)
        wait_until("room", lambda: status(server) == 200)
        cut = server.counter("closed_memory")
        wait_until("their ends", lambda: server.counter("connections_blocked") == 8 - cut)
        server.publish("calm", "still here")
        inside.expect(TEXT, b"still here")
        assert server.counter("closed_slow") == server.counter("closed_trickling") == 0
    for client in slow:
        client.close()


def test_without_a_budget_nothing_is_given_up(start, plane, namespaces):
    server = start(plane, config=namespaces(NAMESPACES), memory_max=0, shard_log_bytes_max=1 << 30)
    count = iter(range(150))
    publish_until(server, lambda: next(count) == 149)
    assert status(server) == 200
    assert server.counter("history_shed") == server.counter("refused_memory") == 0
