"""Clients that send much and read slowly, all at once: what each of them gets stays right."""

import contextlib
import json
import struct
import threading
import time

import pytest

from support.raw_http import RawConnection, get, upgrade
from support.raw_websocket import (
    BINARY,
    PING,
    PONG,
    TEXT,
    Bystander,
    RawWebSocket,
    close_frame,
    frame,
)

SMALL_BUFFER = 4_096


def counter(server, name):
    """The sum of a counter over all shards."""
    return json.loads(server.request("GET", "/counters")[2])["total"][name]


def flood(server, path, count, opcode, answer, failures):
    """Sends numbered frames as fast as it can while it reads the answers slowly."""
    try:
        client = RawWebSocket(server, path, receive_buffer=SMALL_BUFFER)
        payloads = [struct.pack(">I", number) * 31 for number in range(count)]
        data = b"".join(frame(opcode, payload, key=b"\0\0\0\0") for payload in payloads)
        sender = threading.Thread(target=client.socket.sendall, args=(data,), daemon=True)
        sender.start()
        for number, payload in enumerate(payloads):
            if number % 64 == 0:
                time.sleep(0.002)
            client.expect(answer, payload)
        sender.join(10)
        client.close()
    except (AssertionError, OSError) as failure:
        failures.append(f"{path}: {failure}")


@pytest.mark.alone
@pytest.mark.parametrize(
    ("path", "opcode", "answer"),
    [("/echo", BINARY, BINARY), ("/sub/demo:flood", PING, PONG)],
    ids=["echo", "pings"],
)
def test_many_floods_at_once_are_answered_in_order(start, plane, path, opcode, answer):
    """One batch has replies of several connections to several reads of each, some cut short."""
    server = start(plane, echo=True)
    failures = []
    threads = [
        threading.Thread(target=flood, args=(server, path, 4_000, opcode, answer, failures))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures, failures[0]
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.alone
def test_a_reader_that_never_catches_up_does_not_grow_the_output(server):
    """It reads a little all the time, so that it is never idle and never done."""
    client = RawWebSocket(server, "/sub/demo:behind", receive_buffer=SMALL_BUFFER)
    ping = frame(PING, bytes(125), key=b"\0\0\0\0")
    client.socket.setblocking(False)
    before = server.resident_kib()
    end = time.monotonic() + 4
    rest = b""
    while time.monotonic() < end:
        rest = rest or ping * 512
        with contextlib.suppress(BlockingIOError):
            rest = rest[client.socket.send(rest) :]
        try:
            client.socket.recv(2_048)
        except BlockingIOError:
            time.sleep(0.001)
    grown = server.resident_kib() - before
    client.close()
    # Huge pages and the arena's first use count too; without a bound it would be over 100 MiB.
    assert grown < 32 * 1_024, f"{grown} KiB for one client"


@pytest.mark.parametrize("count", [4, 5, 8, 12, 40])
def test_a_pipeline_larger_than_the_output_is_answered_and_goes_on(server, count):
    """The page is large enough that the answers pass the bound at which reading pauses."""
    page = get(server, "/")
    with RawConnection(server) as connection:
        for _ in range(2):
            connection.send(page * count)
            for _ in range(count):
                assert connection.read_answer().status == 200
        assert connection.send(get(server, "/health")).read_answer().status == 200


@pytest.mark.parametrize("count", [5, 12, 40])
def test_a_half_closed_pipeline_gets_all_its_answers(server, count):
    with RawConnection(server) as connection:
        connection.send(get(server, "/") * count).end()
        for _ in range(count):
            assert connection.read_answer().status == 200
        connection.expect_end()


def test_a_websocket_behind_a_pipeline_is_read(server):
    """Its 101 is the answer that passes the bound, whatever the size of the page."""
    for padding in range(40):
        request = get(server, "/") * 4 + get(server, "/health") * padding
        with RawConnection(server) as connection:
            connection.send(request + upgrade(server, "/sub/demo:behind"))
            for _ in range(4 + padding):
                assert connection.read_answer().status == 200
            assert connection.read_answer().status == 101
            connection.send(frame(PING, b"read me"))
            assert connection.read_exactly(9) == b"\x8a\x07read me"


@pytest.mark.alone
def test_a_late_pong_does_not_stop_a_close(start, plane):
    """Pinged, then closed by the server: the pong that comes then is not the answer to the Close."""
    server = start(plane, ping_interval_ms=1_000, close_timeout_ms=500)
    client = RawWebSocket(server, "/sub/news")
    _, opcode, payload = client.read_frame()
    assert opcode == PING
    server.request("DELETE", "/pub/news")
    client.expect_close(1000, ends=False)
    client.send(frame(PONG, payload))
    started = time.monotonic()
    client.expect_end()
    assert time.monotonic() - started < 4
    client.close()


def test_repeated_closes_of_a_blocked_peer_do_not_keep_it(start, plane):
    """It never reads and sends one Close after another."""
    server = start(plane, close_timeout_ms=1_000)
    client = RawWebSocket(server, "/sub/big", receive_buffer=SMALL_BUFFER)
    bystander = Bystander(server)
    for _ in range(20):
        server.publish("big", "x" * 500_000)
    for _ in range(6):
        try:
            client.send(close_frame(1000))
        except OSError:
            break
        time.sleep(0.5)
    assert counter(server, "websockets_open") == 1, "only the bystander is left"
    bystander.check()
    bystander.close()
    client.close()


@pytest.mark.alone
def test_empty_publications_do_not_pile_up(start, plane, shards):
    """Without a rate bound publishers are slowed down, not collected."""
    server = start(plane, shards=shards, demo_publish_per_second=0)
    publishers = [RawWebSocket(server, f"/sub/demo:{number}") for number in range(8)]
    bystander = Bystander(server)
    burst = frame(TEXT, b"", key=b"\0\0\0\0") * 2_000
    before = server.resident_kib()
    end = time.monotonic() + 3
    for publisher in publishers:
        publisher.socket.settimeout(0.05)
    while time.monotonic() < end:
        for publisher in publishers:
            try:
                publisher.socket.sendall(burst)
            except (TimeoutError, BrokenPipeError, ConnectionResetError):
                continue
    bystander.check()
    grown = server.resident_kib() - before
    for publisher in publishers:
        publisher.close()
    bystander.close()
    assert grown < 200 * 1_024, f"{grown} KiB"
