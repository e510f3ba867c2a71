"""What waits behind a poll is bounded, costs no time, and hides nobody who has gone."""

import socket
import struct
import threading
import time

import pytest

from support.raw_http import RawConnection, ask, get
from support.waiting import wait_until

JUNK = b"G" * 70_000  # more than any head may have
RESET = struct.pack("ii", 1, 0)
HELD_BYTES_MAX = 1 << 20
ASKED_BYTES = 2 << 20


@pytest.fixture
def server(everywhere):
    return everywhere


def reset(connection):
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    connection.close()


def test_more_than_may_wait_behind_a_poll_ends_it(server, channel):
    """It has its answer, which says that the connection ends, and the client asks again."""
    position = server.publish(channel, "old")["position"]
    for behind in (JUNK, get(server, f"/sub/{channel}") * 1_000):
        with RawConnection(server) as connection:
            connection.send(get(server, f"/sub/{channel}") + behind)
            answer = connection.read_answer()
            assert (answer.status, answer.header("ETag")) == (304, f'"{position}"') and answer.closes()
            connection.expect_end()
    server.wait_for_subscribers(channel, 0)


def test_a_few_requests_wait_behind_a_poll(server, channel):
    with RawConnection(server) as connection:
        connection.send(get(server, f"/sub/{channel}") + get(server, "/health") * 40)
        server.wait_for_subscribers(channel, 1)
        server.publish(channel, "news")
        assert connection.read_answer().body == b"news"
        assert [connection.read_answer().body for _ in range(40)] == [b"ok\n"] * 40


@pytest.mark.parametrize("behind", [b"", JUNK[:2_000], JUNK], ids=["nothing", "some", "much"])
def test_the_places_of_dead_polls_are_free_at_once(start, plane, shards, channel, behind):
    """Their peers have gone without a word, long before the time of a poll is over."""
    server = start(plane, shards, connections_max=40)
    for _ in range(4):
        polls = [RawConnection(server) for _ in range(20)]
        for poll in polls:
            poll.send(get(server, f"/sub/{channel}") + behind)
        if len(behind) < len(JUNK):
            server.wait_for_subscribers(channel, len(polls))
        for poll in polls:
            reset(poll)
        wait_until("all are gone", lambda: server.counter("connections_open") == 0, 5)
        assert ask(server, get(server, f"/sub/{channel}?poll=1")).status == 304
        wait_until("that one, too", lambda: server.counter("connections_open") == 0, 5)
    assert server.counter("refused_full") == 0


def test_polls_for_new_channels_are_read_as_they_are_answered(start, plane, shards):
    """Each waits for the home of its channel; what is behind it stays with the client."""
    server = start(plane, shards)
    with RawConnection(server) as connection:
        count = 0

        def request():
            nonlocal count
            count += 1
            return get(server, f"/sub/new{count:012}?poll=1")

        size = len(request())
        requests = b"".join(request() for _ in range(ASKED_BYTES // size))
        sender = threading.Thread(target=connection.socket.sendall, args=(requests,), daemon=True)
        answered, most = 0, 0
        sender.start()
        deadline = time.monotonic() + 60
        looked = 0.0
        while answered < len(requests) // size:
            assert time.monotonic() < deadline, f"{answered} answers in 60 s"
            assert connection.read_answer(head_only=True).status == 304
            answered += 1
            if time.monotonic() - looked > 0.05:
                # The answers are counted first, so that what is held seems to be more, not less.
                done = server.counter("polls_empty")
                most = max(most, server.counter("bytes_received") - done * size)
                looked = time.monotonic()
        sender.join(10)
        assert most < HELD_BYTES_MAX, f"{most} bytes held for one connection"
