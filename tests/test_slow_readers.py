"""Clients that take what they are sent slowly: a trickle ends, a slow but honest client goes on."""

import time

import pytest

from support.raw_http import RawConnection, get, upgrade
from support.waiting import wait_until

# Little is on the way, but enough that the kernel does not take the client for one that never reads: it
# sends in pieces of up to 64 KiB, and each is progress.
SMALL_BUFFER = 65_536
LARGE = 4_000_000
SIZES = {"publish_bytes_max": LARGE, "log_bytes_max": 2 * LARGE}
WAYS = ["websocket", "event stream", "poll"]


def open_way(server, way, channel):
    """A client that gets one large publication."""
    client = RawConnection(server, receive_buffer=SMALL_BUFFER)
    if way == "poll":
        server.publish(channel, b"x" * LARGE)
        return client.send(get(server, f"/sub/{channel}?poll=1&since=earliest"))
    if way == "websocket":
        client.send(upgrade(server, f"/sub/{channel}")).read_until(b"\r\n\r\n")
    else:
        client.send(get(server, f"/sub/{channel}", "Accept: text/event-stream"))
        client.read_until(b"\r\n\r\n")
    server.wait_for_subscribers(channel, 1)
    server.publish(channel, b"x" * LARGE)
    return client


def take(client, each, every_s, until):
    """Reads so many bytes now and then until it is time or the server ends. How many it got."""
    client.socket.settimeout(10)
    got = 0
    while not until():
        try:
            data = client.socket.recv(each)
        except ConnectionResetError:
            return got
        if not data:
            return got
        got += len(data)
        time.sleep(every_s)
    return got


@pytest.mark.parametrize("way", WAYS)
def test_a_client_that_trickles_is_ended(start, plane, way):
    """It makes progress all the time, so it is not stalled; it takes a fourth of what it must."""
    keys = {"stall_timeout_ms": 3_000, "slow_reader_bytes_per_second_min": 200_000}
    server = start(plane, close_timeout_ms=500, **keys, **SIZES)
    with open_way(server, way, "large") as client:
        began = time.monotonic()

        def is_over():
            return server.counter("closed_trickling") > 0 or time.monotonic() > began + 25

        got = take(client, 5_000, 0.1, is_over)
        assert server.counter("closed_trickling") == 1, got
        assert time.monotonic() - began > 8, "it had three times the stall timeout"
        wait_until("its end", lambda: server.counter("connections_open") == 0)
        assert server.counter("closed_slow") == (way != "poll")


@pytest.mark.parametrize("way", WAYS)
def test_a_slow_but_steady_client_goes_on(start, plane, way):
    """It takes twice what it must, over several of the times in which it is judged."""
    keys = {"stall_timeout_ms": 2_000, "slow_reader_bytes_per_second_min": 50_000}
    server = start(plane, **keys, **SIZES)
    with open_way(server, way, "large") as client:
        end = time.monotonic() + 14
        got = take(client, 10_000, 0.08, lambda: time.monotonic() > end)
        assert 500_000 < got < 2_000_000
        while got < LARGE:
            got += len(client.socket.recv(65_536)) or LARGE
        assert got < LARGE + 2_000, "all of it came"
    assert server.counter("closed_trickling") == 0 == server.counter("closed_slow")


def test_a_phone_on_a_bad_network_goes_on(start, plane):
    """10 KB a second, at the defaults."""
    server = start(plane)
    server.publish("large", b"x" * 800_000)
    with RawConnection(server, receive_buffer=16_384) as client:
        client.send(get(server, "/sub/large?poll=1&since=earliest"))
        end = time.monotonic() + 35
        got = take(client, 1_000, 0.1, lambda: time.monotonic() > end)
        assert 200_000 < got < 400_000
        assert server.counter("connections_open") == 1


def test_without_a_bound_any_progress_will_do(start, plane):
    keys = {"stall_timeout_ms": 3_000, "slow_reader_bytes_per_second_min": 0}
    server = start(plane, **keys, **SIZES)
    with open_way(server, "poll", "large") as client:
        end = time.monotonic() + 12
        assert take(client, 5_000, 0.1, lambda: time.monotonic() > end) > 200_000
        assert server.counter("connections_open") == 1
