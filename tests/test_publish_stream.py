"""`GET /publish` of the internal API: a WebSocket on which a backend publishes."""

import json
import struct

import pytest
import websockets
from websockets.sync.client import connect

from support.raw_http import RawConnection
from support.raw_websocket import RawWebSocket, frame
from support.waiting import wait_until

KEY = "correct-horse-battery-staple"


class InternalApi:
    """Lets raw connections go to the internal API."""

    def __init__(self, server):
        self.port = server.internal_port
        self.host = f"127.0.0.1:{server.internal_port}"


def backend(server, **options):
    options = {"max_size": None, "compression": None, **options}
    return connect(f"ws://127.0.0.1:{server.internal_port}/publish", **options)


def line(channel, data, **more):
    return json.dumps({"channel": channel, "data": data, **more})


def varint(number):
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F)
    return bytes([digit | 0x80 for digit in digits[:-1]] + digits[-1:])


def counted(data):
    return varint(len(data)) + data


def publication(channel, payload, is_text=True, content_type=None, event=None):
    """The binary form."""
    flags = is_text | (2 if content_type else 0) | (4 if event else 0)
    labels = b"".join(counted(label.encode()) for label in (content_type, event) if label)
    return counted(channel.encode()) + bytes([flags]) + labels + counted(payload)


def received(server):
    return json.loads(server.request("GET", "/counters")[2])["total"]["bytes_received"]


def results(message):
    return [json.loads(result) for result in message.splitlines()]


def test_each_message_is_answered_in_order(server, channel):
    with RawWebSocket(server, f"/sub/{channel}") as listener, backend(server) as stream:
        server.wait_for_subscribers(channel, 1)
        stream.send(line(channel, "one"))
        stream.send("\n".join(line(channel, text) for text in ("two", "three")))
        stream.send(publication(channel, b"four") + publication(channel, b"\xff", is_text=False))
        first, second, third = (results(stream.recv(timeout=10)) for _ in range(3))
        assert [len(answer) for answer in (first, second, third)] == [1, 2, 2]
        said = [*first, *second, *third]
        assert all(result["status"] == 201 and result["subscribers"] == 1 for result in said), said
        offsets = [int(result["position"].split("-")[1]) for result in said]
        assert offsets == sorted(set(offsets))
        for text in (b"one", b"two", b"three", b"four"):
            listener.expect(1, text)
        listener.expect(2, b"\xff")


def test_what_is_wrong_is_said_and_does_not_stop_the_others(start, plane, channel):
    server = start(plane, publish_bytes_max=100)
    with backend(server) as stream:
        stream.send("\n".join(["no line", line(channel, "x"), line("a/b", "x"), line(channel, "x" * 101)]))
        said = results(stream.recv(timeout=10))
        assert [result.get("error", {}).get("code") for result in said] == [
            "bad_line", None, "bad_channel", "too_large",
        ]  # fmt: skip
        bad = publication(channel, b"\xff") + publication(channel, b"x", event="gap")
        stream.send(bad + publication(channel, b"x") + b"\x09half")
        said = results(stream.recv(timeout=10))
        assert [result.get("error", {}).get("code") for result in said] == [
            "bad_text", "bad_event", None, "bad_frame",
        ]  # fmt: skip
        stream.send("")
        assert stream.recv(timeout=10) == ""
        stream.send(line(channel, "still here"))
        assert results(stream.recv(timeout=10))[0]["status"] == 202


def test_labels_reach_those_who_listen_by_http(server, channel):
    with backend(server) as stream:
        labels = {"content_type": "image/png", "event": "tick"}
        stream.send(publication(channel, b"\x89PNG", is_text=False, **labels))
        assert results(stream.recv(timeout=10))[0]["status"] == 202
    with RawConnection(server) as poll:
        request = f"GET /sub/{channel}?since=earliest HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        answer = poll.send(request.encode()).read_answer()
        assert (answer.header("Content-Type"), answer.body) == ("image/png", b"\x89PNG")


def test_thousands_under_way_keep_their_order(server, channel):
    """The backend does not wait; the window and the turns bound what the server holds."""
    count = 5_000
    with RawWebSocket(server, f"/sub/{channel}") as listener, backend(server) as stream:
        server.wait_for_subscribers(channel, 1)
        offsets = []
        for number in range(count):
            stream.send(line(channel, str(number)))
            # Neither side may be left with a full socket.
            if number >= 500:
                offsets.append(results(stream.recv(timeout=10))[0]["position"])
        offsets += [results(stream.recv(timeout=10))[0]["position"] for _ in range(count - len(offsets))]
        offsets = [int(position.split("-")[1]) for position in offsets]
        assert offsets == sorted(set(offsets)) and len(offsets) == count
        for number in range(count):
            listener.expect(1, str(number).encode())


def test_a_large_batch_in_one_message(server, channel):
    with backend(server) as stream:
        stream.send("\n".join(line(f"{channel}-{n % 7}", "x") for n in range(20_000)))
        assert len(results(stream.recv(timeout=30))) == 20_000


def test_access(start, plane, channel):
    server = start(plane, api_key=KEY)
    for headers in ({}, {"X-API-Key": "wrong"}):
        with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
            backend(server, additional_headers=headers)
        assert refused.value.response.status_code == 401
    # With the key, also from a page and by another name.
    headers = {"X-API-Key": KEY, "Origin": "https://example.org"}
    with backend(server, additional_headers=headers) as stream:
        stream.send(line(channel, "x"))
        assert results(stream.recv(timeout=10))[0]["status"] == 202


def test_without_a_key_pages_are_refused(server):
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        backend(server, origin="http://localhost")
    assert refused.value.response.status_code == 403


def test_it_is_a_websocket_only(server):
    status, headers, _ = server.request("GET", "/publish")
    assert status == 426 and headers["Upgrade"] == "websocket"
    status, headers, _ = server.request("POST", "/publish", b"x")
    assert status == 405 and "GET" in headers["Allow"]


def test_it_is_not_on_the_public_listener(server):
    with RawConnection(server) as connection:
        answer = connection.send(b"GET /publish HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").read_answer()
        assert answer.status == 404


def test_a_backend_that_does_not_read_is_not_read(server, channel):
    """It sends without end; what the server holds for it stays bounded, and others publish."""
    with backend(server) as idle, RawWebSocket(InternalApi(server), "/publish") as stuck:
        stuck.socket.settimeout(0.5)
        message = frame(1, "\n".join([line(channel, "x")] * 200).encode())
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 400 << 20:
                sent += stuck.socket.send(message)
        assert sent < 100 << 20, "it was read on and on"
        idle.send(line(channel, "y"))
        assert results(idle.recv(timeout=10))[0]["status"] == 202


def test_a_message_without_an_end_is_not_waited_for(start, plane):
    server = start(plane, ping_interval_ms=1_000)
    with RawWebSocket(InternalApi(server), "/publish") as stream:
        stream.socket.sendall(frame(1, b'{"channel":', fin=False))
        stream.expect_close(1008)


def test_parts_of_messages_have_a_bound_together(start, plane, channel):
    size = 1 << 20
    limits = {"batch_bytes_max": size, "publish_bytes_max": size, "publish_pending_bytes_max": 2 * size}
    server = start(plane, **limits)
    half = b"\x01" + b"\xff" + struct.pack("!Q", size - 10) + b"\0\0\0\0" + b"x" * (size - 100)
    holders = [RawWebSocket(InternalApi(server), "/publish") for _ in range(4)]
    for number, holder in enumerate(holders, 1):
        holder.socket.sendall(half)
        if number <= 2:
            # Those that come later find their parts there.
            wait_until("all of it is there", lambda n=number: received(server) > n * (size - 200))
    assert [holder.read_frame()[1] for holder in holders[2:]] == [8, 8], "nobody was refused"
    assert server.publish(channel, "y"), "small ones need no room"
    for holder in holders:
        holder.close()
    wait_until("room again", lambda: server.request("POST", "/pub/a", b"x" * (size - 100))[0] == 202)


def test_a_stop_closes_it_with_1001(start, plane, channel):
    server = start(plane)
    with RawWebSocket(InternalApi(server), "/publish") as stream:
        server.stop()
        stream.expect_close(1001)


def test_counters(server, channel):
    def gauge(name):
        return json.loads(server.request("GET", "/counters")[2])["total"][name]

    with backend(server) as stream:
        stream.send(line(channel, "x"))
        stream.recv(timeout=10)
        assert gauge("publish_streams_open") == 1
    wait_until("it has gone", lambda: gauge("publish_streams_open") == 0)
