"""Messages of clients that have begun: refused before they are whole where the client may not send them."""

import time

import pytest

from support.raw_websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    RawWebSocket,
    frame,
    header,
)
from support.tokens import SECRET, token
from support.v1 import PROTOCOL
from support.waiting import wait_until

RULES = """
[namespace.open]
publish = "anyone"
[namespace.granted]
publish = "granted"
"""


@pytest.fixture(scope="module")
def server(start_shared, plane, namespaces):
    return start_shared(plane, config=namespaces(RULES), token_secret=SECRET)


def announced(length, opcode=TEXT, fin=True):
    """The header of a frame of which nothing follows."""
    return header(opcode, length, fin) + b"mask"


def bearer(**claims):
    return f"Authorization: Bearer {token(**claims)}"


def in_parts(server, client, data):
    """Three reads of the server: the header, a part, the rest."""
    for piece in (data[:10], data[10:5_000], data[5_000:]):
        end = server.counter("bytes_received") + len(piece)
        client.send(piece)
        wait_until("the piece", lambda end=end: server.counter("bytes_received") >= end)


def v1(server, path, *headers):
    offer = f"Sec-WebSocket-Protocol: {PROTOCOL}"
    client = RawWebSocket(server, path, headers=[offer, *headers])
    assert client.read_frame()[2].startswith(b"start: ")
    return client


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("fin", [True, False], ids=["whole", "fragment"])
def test_a_message_where_nobody_may_publish_is_refused_at_its_header(server, channel, opcode, fin):
    before = server.counter("closed_policy")
    with RawWebSocket(server, f"/sub/{channel}") as client:
        client.send(announced(60_000, opcode, fin)).expect_close(1008)
    assert server.counter("closed_policy") == before + 1


def test_a_message_without_the_right_is_refused_at_its_header(server, channel):
    before = server.counter("closed_right")
    name = f"granted:{channel}"
    with RawWebSocket(server, f"/sub/{name}", headers=[bearer()]) as client:
        client.send(announced(60_000)).expect_close(4403)
    assert server.counter("closed_right") == before + 1
    # With the right, the rest of the message is awaited.
    may = bearer(subs={name: {"allow": ["pub"]}}, publish=[name])
    with RawWebSocket(server, f"/sub/{name}", headers=[may]) as client:
        message = frame(TEXT, b"x" * 60_000)
        in_parts(server, client, message)
        client.expect(TEXT, b"x" * 60_000)


def test_a_message_to_one_of_several_channels_is_refused_at_its_header(server, channel):
    with RawWebSocket(server, f"/sub/open:{channel},open:{channel}2") as client:
        client.send(announced(60_000)).expect_close(1008)


def test_control_frames_in_parts_are_no_messages(server, channel):
    with RawWebSocket(server, f"/sub/{channel}") as client:
        ping = frame(PING, b"in two parts")
        client.send(ping[:9])
        client.send(ping[9:]).expect(0xA, b"in two parts")
        client.expect_alive()


@pytest.mark.parametrize("path", ["open:{}", "{}"], ids=["may publish", "may not"])
def test_a_v1_client_that_may_not_publish_may_send_a_token_and_no_more(server, channel, path):
    name, may = path.format(channel), "open" in path
    with v1(server, f"/sub/{name}") as client:
        # 17 KiB in three reads: a token fits.
        in_parts(server, client, frame(TEXT, b"refresh: 1\n\n".ljust(17 * 1_024, b"x")))
        assert client.read_frame()[2].startswith(b"error: 1\n")
        in_parts(server, client, frame(TEXT, b"refresh: 2\n\n".ljust(17 * 1_024 + 1, b"x")))
        if may:
            assert client.read_frame()[2].startswith(b"error: 2\n")
        else:
            client.expect_failed(1009)


def test_fragments_of_a_v1_client_that_may_not_publish_count_together(server, channel):
    with v1(server, f"/sub/{channel}") as client:
        client.send(frame(TEXT, b"request: 1\n\n" + b"x" * 10_000, fin=False)).expect_alive()
        client.send(announced(10_000, CONTINUATION)).expect_failed(1009)


def test_a_whole_message_is_held_to_the_same_bound(server, channel):
    """However it is cut into reads."""
    with v1(server, f"/sub/{channel}") as client:
        client.send(frame(TEXT, b"request: 1\n\n" + b"x" * 20_000)).expect_failed(1009)


def test_what_is_said_after_a_refusal_is_not_kept(server, channel):
    """The rest of the message is dropped, and the connection ends without it."""
    with RawWebSocket(server, f"/sub/{channel}") as client:
        client.send(announced(60_000))
        assert client.read_frame()[1] == CLOSE
        client.send(bytes(30_000)).expect_end()


def drip(client, data, every_s=0.05):
    """Sends a byte now and then until the server says something or all is sent."""
    client.socket.settimeout(every_s)
    for at in range(len(data)):
        client.send(data[at : at + 1])
        try:
            if client.fill():
                break
        except TimeoutError:
            pass
    client.socket.settimeout(10)


@pytest.mark.parametrize("fragments", [False, True], ids=["one frame", "fragments"])
def test_a_dripping_message_has_its_time_and_no_more(start, plane, fragments):
    """Pings between its fragments do not give it more."""
    server = start(plane, demo="true", message_timeout_ms=1_000, ping_interval_ms=60_000)
    with RawWebSocket(server, "/sub/demo:drip") as client:
        if fragments:
            client.send(frame(TEXT, b"x", fin=False))
            data = frame(CONTINUATION, b"x", fin=False) + frame(PONG)
        else:
            data = frame(TEXT, b"x" * 100)
        drip(client, data * 100)
        client.expect_failed(1008)
    assert server.counter("timed_out_message") == 1 == server.counter("closed_policy")
    assert server.counter("closed_slow") == 0


def test_a_header_that_drips_has_its_time_and_no_more(start, plane):
    server = start(plane, message_timeout_ms=500)
    with RawWebSocket(server, "/sub/news") as client:
        client.send(frame(PING, b"x")[:3]).expect_failed(1008)


def test_messages_in_parts_have_their_time_each(start, plane):
    """A client that always has one under way is not ended while it goes on."""
    server = start(plane, demo="true", demo_publish_per_second=0, message_timeout_ms=1_500)
    whole = frame(TEXT, b"x" * 100)
    ping = frame(PING, b"12345678")
    with RawWebSocket(server, "/sub/demo:parts") as client:
        client.send(whole[:50])
        end = time.monotonic() + 5
        while time.monotonic() < end:
            client.send(whole[50:] + whole[:50]).expect(TEXT, b"x" * 100)
            time.sleep(0.1)
        client.send(whole[50:] + ping[:7]).expect(TEXT, b"x" * 100)
        end = time.monotonic() + 3
        while time.monotonic() < end:
            client.send(ping[7:] + ping[:7]).expect(PONG, b"12345678")
            time.sleep(0.1)
    assert server.counter("timed_out_message") == 0
