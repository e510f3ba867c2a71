"""Clients that do not read: what each policy tells in each way, and what the internal API shows.

Whatever the policy, what a client received and what it was told to have missed is together exactly
what was published.
"""

import json
import struct
import time

import pytest

from support.event_stream import EventStream
from support.positions import missed, offset
from support.raw_websocket import CLOSE, PING, PONG, TEXT, RawWebSocket, frame
from support.v1 import V1

POLICIES = "".join(
    f"""
[namespace.{name}]
slow_policy = "{policy}"
lossy_plain = {lossy}
log_publications_max = 20
history_publications = 20
"""
    for name, policy, lossy in (
        ("skip", "skip", "false"),
        ("latest", "latest", "false"),
        ("disconnect", "disconnect", "false"),
        ("skip-lossy", "skip", "true"),
        ("latest-lossy", "latest", "true"),
    )
)
COUNT = 300
SMALL = 4_096  # the receive buffer of a client that does not read


@pytest.fixture(scope="module")
def server(start_shared, plane, shards, namespaces):
    # Time enough to read what is there before a Close frame's deadline resets the connection.
    return start_shared(plane, shards, config=namespaces(POLICIES), close_timeout_ms=4_000)


def text(n):
    return f"{n} ".ljust(10_000, "x")


def number(payload):
    return int(payload.split()[0])


def overwhelm(server, name, first=1, count=COUNT):
    """Publishes much more than a socket takes, one after the other as a live channel does. Gives the
    positions."""
    sent = []
    for n in range(first, first + count, 10):
        sent += server.publish_all(name, [text(m) for m in range(n, n + 10)])
    return sent


class Account:
    """What a client got and what it was told to have missed, which must be everything, in order."""

    def __init__(self, sent):
        self.sent = sent
        self.next = 1
        self.missed = []
        self.received = 0

    def got(self, payload, position):
        assert number(payload) == self.next, f"{payload[:10]} for {self.next}"
        assert position == self.sent[self.next - 1]
        self.next += 1
        self.received += 1

    def was_told(self, gap, name, position):
        channel, reason, bounds = gap
        assert (channel, reason) == (name, "slow")
        last = self.sent.index(position) + 1
        after = offset(self.sent[self.next - 2]) if self.next > 1 else 0
        assert bounds == (after + 1, offset(position)), (gap, self.next, position)
        self.missed.append((self.next, last))
        self.next = last + 1


def read_v1(line, name, account, until):
    while account.next <= until:
        message = line.read()
        if message.kind == "gap":
            account.was_told(message.gap, name, message.position)
        else:
            account.got(message.payload, message.position)


def read_event_stream(stream, name, account, until):
    while account.next <= until:
        event = stream.event()
        if event.event == "gap":
            account.was_told(event.gap, name, event.id)
        else:
            account.got(event.text, event.id)


WAYS = {"v1": (V1, read_v1), "event_stream": (EventStream, read_event_stream)}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("policy", ["skip", "latest"])
def test_told_exactly_what_was_missed(server, channel, policy, way):
    name = f"{policy}:{channel}"
    client, read = WAYS[way]
    with client(server, f"/sub/{name}", receive_buffer=SMALL) as line:
        line.begin()
        sent = overwhelm(server, name)
        account = Account(sent)
        read(line, name, account, COUNT)
        assert account.missed and account.received < COUNT
        assert server.subscribers(name) == 1
        # Reading again, it gets everything again.
        for n in range(COUNT + 1, COUNT + 6):
            sent.append(server.publish(name, text(n))["position"])
            read(line, name, account, n)
        _, last = account.missed[-1]
        if policy == "latest":
            assert last >= COUNT - 1 or account.next > last, "on to the newest"
        else:
            assert last <= COUNT - 10, "skips no more than it must"


@pytest.mark.parametrize("policy", ["skip", "latest"])
def test_raw_with_lossy_plain(server, channel, policy):
    """It gets no notice, and asked for that: messages are in order, end with the newest, and some are missing."""
    name = f"{policy}-lossy:{channel}"
    with RawWebSocket(server, f"/sub/{name}", SMALL) as line:
        overwhelm(server, name)
        found = []
        while not found or found[-1] != COUNT:
            _, opcode, payload = line.read_frame()
            assert opcode == TEXT
            found.append(number(payload.decode()))
        assert found == sorted(set(found)) and len(found) < COUNT


def read_until_close(line):
    """Whole publications in order, then the code."""
    found = []
    while True:
        fin, opcode, payload = line.read_frame()
        if opcode == CLOSE:
            return found, struct.unpack(">H", payload[:2])[0]
        assert fin and opcode == TEXT
        found.append(payload)


@pytest.mark.parametrize("policy", ["skip", "latest", "disconnect"])
def test_raw_without_lossy_plain(server, channel, policy):
    """It cannot be told, so it is closed."""
    name = f"{policy}:{channel}"
    with RawWebSocket(server, f"/sub/{name}", SMALL) as line:
        overwhelm(server, name)
        found, code = read_until_close(line)
        assert code == 4008
        assert [number(payload.decode()) for payload in found] == list(range(1, len(found) + 1))
        assert 0 < len(found) < COUNT


def test_disconnect_in_v1(server, channel):
    """Closed, and told exactly what is lost when it comes back."""
    name = f"disconnect:{channel}"
    with V1(server, f"/sub/{name}", SMALL) as line:
        line.begin()
        sent = overwhelm(server, name)
        _, code = read_until_close(line)
        assert code == 4008
    position = sent[4]  # where such a client may have been
    with V1(server, f"/sub/{name}?since={position}&gap=earliest") as line:
        assert line.begin() == [(name, "evicted", missed(position, sent[COUNT - 21]))]
        line.expect_news(*[text(n) for n in range(COUNT - 19, COUNT + 1)])


def test_disconnect_in_an_event_stream(server, channel):
    """It ends, and the browser's way of coming back tells what is lost."""
    name = f"disconnect:{channel}"
    with EventStream(server, f"/sub/{name}", receive_buffer=SMALL) as stream:
        stream.begin()
        sent = overwhelm(server, name)
        account = Account(sent)
        try:
            while True:
                event = stream.event()
                account.got(event.text, event.id)
        except (AssertionError, ConnectionResetError) as end:
            assert "ended" in str(end) or isinstance(end, ConnectionResetError), end
        position = stream.position
    # The connection is reset, which throws away what the kernel had not delivered: nobody reads it.
    assert account.received < COUNT
    header = f"Last-Event-ID: {position}"
    with EventStream(server, f"/sub/{name}?gap=earliest", header) as stream:
        (gap,), _ = stream.begin()
        assert gap == (name, "evicted", missed(position, sent[COUNT - 21]))
        stream.expect(*[text(n) for n in range(COUNT - 19, COUNT + 1)])


def test_others_do_not_wait(server, channel):
    """Those who read get everything while twenty do not."""
    name = f"skip:{channel}"
    slow = [V1(server, f"/sub/{name}", SMALL) for _ in range(20)]
    with V1(server, f"/sub/{name}") as quick:
        quick.begin()
        account = Account([])
        for n in range(1, COUNT, 10):
            account.sent += server.publish_all(name, [text(m) for m in range(n, n + 10)])
            read_v1(quick, name, account, n + 9)
        assert account.received == COUNT and account.missed == []
    for line in slow:
        line.close()
    server.wait_for_subscribers(name, 0)


def test_polls_are_never_slow(server, channel):
    """They ask for each publication: a late one learns what it missed, by any policy."""
    for policy in ("skip", "latest", "disconnect"):
        name = f"{policy}:{channel}"
        first = server.publish(name, text(1))["position"]
        *_, last = overwhelm(server, name, first=2)
        with V1(server, f"/sub/{name}?since={first}") as line:
            assert line.begin() == [(name, "evicted", missed(first, last))]


def test_control_frames_go_first(server, channel):
    """At the next frame boundary, not behind all that waits."""
    with RawWebSocket(server, f"/sub/{channel}", SMALL) as line:
        for n in range(1, 201, 10):
            server.publish_all(channel, [text(m) for m in range(n, n + 10)])
        line.send(frame(PING, b"before the rest"))
        time.sleep(0.3)
        before = 0
        while (found := line.read_frame())[1] != PONG:
            assert found[1] == TEXT
            before += 1
        assert found[2] == b"before the rest" and before < 100, before
        for _ in range(200 - before):
            assert line.read_frame()[1] == TEXT


def test_no_progress_for_too_long(start, plane, channel):
    """Whatever the policy: who takes nothing for so long is closed, and its memory is free."""
    server = start(plane, stall_timeout_ms=4_000, close_timeout_ms=500)
    with RawWebSocket(server, f"/sub/{channel}", SMALL):
        overwhelm(server, channel)
        assert server.subscribers(channel) == 1
        server.wait_for_subscribers(channel, 0, within_s=11)
        assert server.counter("closed_slow") == 1


def slow(server, query=""):
    status, headers, body = server.request("GET", f"/slow{query}")
    assert status == 200 and "json" in headers["Content-Type"], (status, body)
    return json.loads(body)["clients"]


def address_of(line):
    host, port = line.socket.getsockname()
    return f"{host}:{port}"


def test_the_internal_door_lists_the_slowest(start, plane, shards, namespaces, channel):
    """Address, channel, lag and time, the longest blocked first, over all shards."""
    server = start(plane, shards, stall_timeout_ms=60_000)
    assert slow(server) == []
    lines = []
    for _ in range(3):
        lines.append(V1(server, f"/sub/{channel}", SMALL))
        lines.append(EventStream(server, f"/sub/{channel}", receive_buffer=SMALL))
        overwhelm(server, channel, count=150)
        time.sleep(0.2)
    with V1(server, f"/sub/{channel}") as quick:
        quick.begin()
        found = slow(server)
        assert len(found) == 6, found
        expected = {
            address_of(line): "websocket" if isinstance(line, V1) else "event_stream"
            for line in lines
        }
        assert {client["address"]: client["transport"] for client in found} == expected
        for client in found:
            assert client["channel"] == channel and client["connection"]
            assert client["lag_publications"] > 20
            assert client["lag_bytes"] > 20 * 10_000
        blocked = [client["blocked_ms"] for client in found]
        assert blocked == sorted(blocked, reverse=True) and blocked[-1] > 100, blocked
        oldest = {address_of(line) for line in lines[:2]}
        assert {client["address"] for client in slow(server, "?limit=2")} == oldest
        for wrong in ("0x1", "-1", "1001", ""):
            assert server.request("GET", f"/slow?limit={wrong}")[0] == 400, wrong
    for line in lines:
        line.close()
    deadline = time.monotonic() + 10
    while slow(server):
        assert time.monotonic() < deadline
        time.sleep(0.05)
