"""Connections to the internal API of those who have no key: they come first, and must not stay."""

import time

import pytest

from support.raw_http import RawConnection
from support.waiting import wait_until

KEY = "correct-horse-battery-staple"
PLACES = 64

HEALTH = b"GET /health HTTP/1.1\r\nHost: a.example\r\n\r\n"
WRONG = b"POST /pub/a HTTP/1.1\r\nHost: a.example\r\nX-API-Key: wrong\r\nContent-Length: 1\r\n\r\nx"
COUNTERS = f"GET /counters HTTP/1.1\r\nHost: a.example\r\nX-API-Key: {KEY}\r\n\r\n".encode()


class InternalApi:
    """Lets a raw connection go to the internal API."""

    def __init__(self, server):
        self.port = server.internal_port


def publish(server, within_s):
    """Publishes with the key, on a connection of its own that waits for a place."""
    head = f"POST /pub/a HTTP/1.1\r\nHost: a.example\r\nX-API-Key: {KEY}\r\nContent-Length: 1\r\n\r\nx"
    with RawConnection(InternalApi(server)) as connection:
        connection.socket.settimeout(within_s)
        return connection.send(head.encode()).read_answer()


@pytest.fixture
def crowded(start, plane):
    """A server whose internal API has all its places taken by connections that say nothing."""
    server = start(plane, api_key=KEY, internal_connections_max=PLACES)
    crowd = [RawConnection(InternalApi(server)) for _ in range(PLACES)]
    yield server
    for connection in crowd:
        connection.close()


@pytest.mark.alone
@pytest.mark.parametrize(
    "said",
    [b"", b"GET /health HTTP/1.1\r\nHost: a.ex", HEALTH, HEALTH * 3, WRONG],
    ids=["nothing", "half a head", "health", "health thrice", "a wrong key"],
)
def test_strangers_are_cut_off(start, plane, said):
    """In seconds, where those with access have a minute between two requests."""
    server = start(plane, api_key=KEY)
    with RawConnection(InternalApi(server)) as friend, RawConnection(InternalApi(server)) as stranger:
        assert friend.send(COUNTERS).read_answer().status == 200
        began = time.monotonic()
        stranger.send(said)
        while stranger.fill():
            pass
        assert time.monotonic() - began < 15
        assert friend.send(COUNTERS).read_answer().status == 200


@pytest.mark.alone
def test_without_a_key_programs_of_this_machine_stay(server):
    with RawConnection(InternalApi(server)) as friend, RawConnection(InternalApi(server)) as silent:
        health = HEALTH.replace(b"a.example", b"localhost")
        assert friend.send(health).read_answer().status == 200
        began = time.monotonic()
        silent.expect_end()
        assert time.monotonic() - began < 15
        assert friend.send(health).read_answer().status == 200


@pytest.mark.alone
def test_a_crowd_does_not_close_the_api(crowded):
    """It did for a minute."""
    assert publish(crowded, within_s=20).status == 202


@pytest.mark.alone
def test_a_crowd_takes_no_place_of_those_with_a_key(crowded):
    assert publish(crowded, within_s=1).status == 202


def test_bodies_that_do_not_end_take_no_room_of_others(start, plane):
    """Three bodies, whole but for their last byte, hold all that may be on its way to the shards.

    One of them is refused after a second and leaves a little room, but not for five publications.
    """
    size = 65_536
    server = start(
        plane,
        publish_bytes_max=size,
        batch_bytes_max=size,
        publish_pending_bytes_max=2 * size,
    )
    head = f"POST /pub/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode()
    held = [RawConnection(InternalApi(server)).send(head + b"x" * (size - 1)) for _ in range(3)]
    try:
        for _ in range(5):
            status, _, _ = server.request("POST", "/pub/a", b"x" * 16)
            assert status == 202
    finally:
        for connection in held:
            connection.close()


def test_a_full_public_listener_leaves_the_api_its_slots(start, plane):
    """More clients than the server serves and refuses together: they wait, and backends do not."""
    server = start(plane, connections_max=64)
    crowd = [RawConnection(server) for _ in range(64 + 64 + 50)]
    try:
        for number in range(20):
            with RawConnection(InternalApi(server)) as backend:
                health = HEALTH.replace(b"a.example", b"localhost")
                assert backend.send(health).read_answer().status == 200, number
                publication = b"POST /pub/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx"
                assert backend.send(publication).read_answer().status == 202
    finally:
        for connection in crowd:
            connection.close()


def test_connections_with_access_beyond_the_bound_are_refused(start, plane):
    server = start(plane, api_key=KEY, internal_connections_max=PLACES)
    friends = []
    try:
        for _ in range(PLACES):
            friends.append(RawConnection(InternalApi(server)))
            assert friends[-1].send(COUNTERS).read_answer().status == 200
        with RawConnection(InternalApi(server)) as late:
            answer = late.read_answer()
            assert answer.status == 503 and answer.closes(), answer
            assert "internal_connections_max" in answer.body.decode()
        friends.pop().close()
        wait_until("a place", lambda: publish(server, within_s=5).status == 202)
    finally:
        for friend in friends:
            friend.close()


def test_one_address_is_not_all_strangers(start, plane):
    """The oldest of an address with many makes room, and one with access stays."""
    server = start(plane, api_key=KEY, internal_connections_max=PLACES)
    with RawConnection(InternalApi(server)) as friend:
        assert friend.send(COUNTERS).read_answer().status == 200
        silent = [RawConnection(InternalApi(server)) for _ in range(PLACES // 4 + 5)]
        for connection in silent[:5]:
            connection.expect_end()
        assert friend.send(COUNTERS).read_answer().status == 200
        for connection in silent:
            connection.close()
