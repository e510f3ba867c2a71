"""What clients may make the server keep: nothing that grows (rows 3, 4, 5, 21 and 22)."""

import ctypes
import json
import socket
import threading
import time

import pytest

from support.raw_websocket import (
    BINARY,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Bystander,
    RawWebSocket,
    frame,
    header,
)
from support.waiting import wait_until

MIB_IN_KIB = 1_024
SMALL_BUFFER = 4_096


@pytest.fixture(scope="module", autouse=True)
def small_pages():
    """Servers of this file get no huge pages: memory that is used is what is counted then."""
    set_thp_disable = 41
    libc = ctypes.CDLL(None)
    libc.prctl(set_thp_disable, 1, 0, 0, 0)  # processes that are started inherit it
    yield
    libc.prctl(set_thp_disable, 0, 0, 0, 0)


@pytest.fixture
def server(start, plane, small_pages):
    """Its own, warmed up: pools and tables have been touched once."""
    server = start(plane, echo=True)
    with RawWebSocket(server, "/echo") as client:
        for _ in range(20):
            client.send(frame(BINARY, bytes(60_000))).expect(BINARY, bytes(60_000))
    return server


def send_while_it_takes(client, data, count, patience_s=1.0):
    """Sends `data` up to `count` times, until the server takes no more for a while."""
    client.socket.settimeout(patience_s)
    sent = 0
    try:
        for _ in range(count):
            client.socket.sendall(data)
            sent += 1
    except (TimeoutError, BrokenPipeError, ConnectionResetError):
        pass
    client.socket.settimeout(10)
    return sent


def test_row_03_declared_lengths_take_no_memory(server):
    """A thousand clients announce the largest frame there may be and send nothing of it."""
    declared = header(BINARY, 16 << 20) + b"mask"
    clients = [RawWebSocket(server, "/echo") for _ in range(1_000)]
    before = server.resident_kib()
    for client in clients:
        client.send(declared)
    time.sleep(0.5)
    grown = server.resident_kib() - before
    for client in clients:
        client.close()
    assert grown < 1_000, f"{grown} KiB for 1000 connections"


@pytest.mark.parametrize("size", [1_000, 60_000])
def test_row_04_a_message_without_end(server, size):
    """Each frame is small, the message is not: 1009 at the limit of the message."""
    bystander = Bystander(server)
    with RawWebSocket(server, "/sub/demo:endless") as client:
        client.send(frame(BINARY, bytes(size), fin=False))
        piece = frame(CONTINUATION, bytes(size), fin=False)
        send_while_it_takes(client, piece, 65_536 // size + 1)
        client.expect_failed(1009)
    bystander.check()


def test_row_04_many_messages_without_end(server):
    """Again and again, and the memory of the server stays where it was."""
    piece = frame(CONTINUATION, bytes(60_000), fin=False)

    def attack():
        with RawWebSocket(server, "/sub/demo:endless") as client:
            client.send(frame(BINARY, bytes(60_000), fin=False) + piece)
            client.expect_failed(1009)

    for _ in range(20):
        attack()
    before = server.resident_kib()
    for _ in range(300):
        attack()
    assert server.resident_kib() - before < MIB_IN_KIB


@pytest.mark.parametrize("payload", [b"", b"x"], ids=["empty", "one byte"])
@pytest.mark.parametrize("path", ["/sub/demo:tiny", "/echo"])
def test_row_05_tiny_fragments(server, path, payload):
    """Bookkeeping must not outgrow payload: the number of fragments has a limit, too."""
    bystander = Bystander(server)
    before = server.resident_kib()
    with RawWebSocket(server, path) as client:
        client.send(frame(BINARY, payload, fin=False))
        # More than /echo takes, which has the larger limit.
        send_while_it_takes(client, frame(CONTINUATION, payload, fin=False) * 1_000, 70)
        client.expect_failed(1008)
    # 65,000 fragments with a hundred bytes of bookkeeping each would be six mebibytes.
    assert server.peak_kib() - before < MIB_IN_KIB
    bystander.check()


@pytest.mark.parametrize("path", ["/sub/demo:pings", "/echo"])
def test_row_21_pings_without_reading(server, path):
    """100,000 pings from clients that read no answer: what waits for each is bounded."""
    bystander = Bystander(server)
    pings = frame(PING, bytes(125)) * 100
    clients, residents = [], []
    for _ in range(8):
        client = RawWebSocket(server, path, receive_buffer=SMALL_BUFFER)
        clients.append(client)
        send_while_it_takes(client, pings, 1_000, patience_s=0.5)
        residents.append(server.resident_kib())
        bystander.check()
    for client in clients:
        client.close()
    # The first two fill the pools. Each pushes megabytes into the kernel and is owed as much.
    assert residents[-1] - residents[1] < 2 * MIB_IN_KIB, residents
    assert server.alive()


def test_row_21_pongs_nobody_asked_for(server):
    """100,000 of them: no answer, no memory, no harm."""
    before = server.resident_kib()
    with RawWebSocket(server, "/sub/news") as client:
        pongs = frame(PONG, b"x") * 1_000
        for _ in range(100):
            client.send(pongs)
        client.expect_alive()
    assert server.resident_kib() - before < MIB_IN_KIB


def test_row_22_echo_without_reading(server):
    """The server does not read on while its answers are not taken."""
    before = server.resident_kib()
    with RawWebSocket(server, "/echo", receive_buffer=SMALL_BUFFER) as client:
        message = frame(BINARY, bytes(60_000))
        sent = send_while_it_takes(client, message, 2_000)
        assert sent < 2_000, "120 MB were taken although nothing was read"
        assert server.peak_kib() - before < 2 * MIB_IN_KIB
    assert server.alive()


class Reader(threading.Thread):
    """Counts the messages that a client gets."""

    def __init__(self, client, count):
        super().__init__(daemon=True)
        self.client = client
        self.left = count
        self.error = None
        self.start()

    def run(self):
        try:
            expected = 0
            while self.left:
                _, opcode, payload = self.client.read_frame()
                assert opcode == TEXT and int(payload[:8]) == expected, payload[:20]
                expected += 1
                self.left -= 1
        except (AssertionError, OSError) as error:
            self.error = error


def test_row_22_zero_window_reader_on_a_hot_channel(start, plane):
    """It falls off the log and is closed with 4008 (resume); the fast reader gets everything."""
    server = start(plane, stall_timeout_ms=2_000, close_timeout_ms=500, log_bytes_max=1 << 20)
    stalled = RawWebSocket(server, "/sub/hot", receive_buffer=SMALL_BUFFER)
    fast = RawWebSocket(server, "/sub/hot")
    count = 600
    reader = Reader(fast, count)
    filler = "x" * 20_000
    for n in range(count):
        server.publish("hot", f"{n:08}{filler}")
        # The log keeps fifty; a publisher may be faster than a reader in Python.
        wait_until("the fast reader", lambda n=n: reader.error or n - (count - reader.left) < 20)
        if n == 200:
            before = server.resident_kib()  # the log is full, and so is the stalled client
    reader.join(20)
    assert reader.error is None and reader.left == 0, (reader.error, reader.left)
    server.wait_for_subscribers("hot", 1)
    # Eight megabytes more were published; the log keeps one, the stalled client a place in it.
    assert server.resident_kib() - before < 2 * MIB_IN_KIB
    status, _, body = server.request("GET", "/counters")
    assert status == 200 and json.loads(body)["total"]["closed_slow"] == 1
    # What it finds when it wakes up: the beginning, and then the end.
    time.sleep(1)
    data = 0
    try:
        while stalled.fill():
            data += len(stalled.buffer)
            stalled.buffer.clear()
    except ConnectionResetError:
        pass
    assert data < count * len(filler)
    fast.close()
    stalled.close()


def test_row_22_stalled_without_news(start, plane):
    """A client with something unsent that takes nothing for the stall timeout is ended."""
    server = start(plane, stall_timeout_ms=1_000, close_timeout_ms=500)
    stalled = RawWebSocket(server, "/sub/large", receive_buffer=SMALL_BUFFER)
    for _ in range(6):
        server.publish("large", b"x" * 500_000)
    server.wait_for_subscribers("large", 0, within_s=8)
    stalled.close()


def test_row_22_slow_but_steady_reader_is_kept(start, plane):
    """Progress is what counts, not speed."""
    server = start(plane, stall_timeout_ms=1_000)
    with RawWebSocket(server, "/sub/slow", receive_buffer=SMALL_BUFFER) as client:
        message = b"y" * 600_000
        server.publish("slow", message)
        got = 0
        client.socket.settimeout(5)
        for _ in range(30):
            got += len(client.socket.recv(20_000))
            time.sleep(0.1)
        assert 0 < got < len(message) + 10
        while got < len(message) + 10:
            data = client.socket.recv(65_536)
            assert data, f"ended after {got}"
            got += len(data)
        client.expect_alive()


def test_connections_come_and_go(server):
    """Three hundred connections are opened and reset, five times, without any memory left."""

    def round_trip():
        clients = [RawWebSocket(server, "/sub/churn") for _ in range(300)]
        for client in clients:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
        server.wait_for_subscribers("churn", 0)

    for _ in range(2):
        round_trip()
    before = server.resident_kib()
    for _ in range(5):
        round_trip()
    assert server.resident_kib() - before < MIB_IN_KIB
