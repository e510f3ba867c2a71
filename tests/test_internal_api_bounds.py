"""What connections to the internal API may hold, and how they end: what a hostile reading looked for."""

import json
import pathlib
import socket
import time

import pytest

from support.raw_http import RawConnection
from support.raw_websocket import RawWebSocket, frame
from support.waiting import wait_until

KEY = "correct-horse-battery-staple"
LOCAL = "Host: localhost\r\n"


class InternalApi:
    """Lets raw connections go to the internal API."""

    def __init__(self, server):
        self.port = server.internal_port
        self.host = f"localhost:{self.port}"


def request(line, headers="", body=b""):
    return f"{line} HTTP/1.1\r\n{LOCAL}{headers}\r\n".encode() + body


def gauge(server, name, headers=None):
    return json.loads(server.request("GET", "/counters", None, headers or {})[2])["total"][name]


def cpu_s(server):
    fields = pathlib.Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_without_the_key_there_is_no_body(start, plane):
    server = start(plane, api_key=KEY)
    with RawConnection(InternalApi(server)) as stranger:
        answer = stranger.send(request("POST /health", "Content-Length: 5\r\n", b"x")).read_answer()
        assert answer.status == 413 and answer.closes(), answer


@pytest.mark.parametrize("line", ["GET /counters", "POST /pub"])
def test_the_last_answer_leaves_no_connection_behind(server, line):
    """Those that waited for their answer were not read, so that nobody saw their peers go."""
    headers = "Connection: close\r\nContent-Type: application/x-ndjson\r\n"
    for _ in range(50):
        with RawConnection(InternalApi(server)) as backend:
            assert backend.send(request(line, headers)).read_answer().status == 200
    began = time.monotonic()
    wait_until("they are gone", lambda: gauge(server, "internal_connections_open") <= 2)
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize("line", ["GET /counters", "GET /health", "PUT /pub/a", "POST /pub"])
def test_a_backend_that_ends_its_side_gets_its_answer(start, plane, line):
    server = start(plane, shards=2)
    headers = "Content-Type: application/x-ndjson\r\nContent-Length: 1000\r\n"
    body = b'{"channel":"x","data":"y"}\n' * 37 + b"\n"
    for number in range(20):
        with RawConnection(InternalApi(server)) as backend:
            data = request(line.replace("/a", f"/a-{number}"), headers if line[0] == "P" else "", body[:1000])
            backend.socket.sendall(data if line[0] == "P" else request(line))
            backend.socket.shutdown(socket.SHUT_WR)
            assert backend.read_answer().status in (200, 202)
            backend.expect_end()


@pytest.mark.alone
def test_a_body_without_room_waits_quietly(start, plane):
    """For a second, without a processor; then it is refused."""
    size = 65_536
    bounds = {"publish_bytes_max": size, "batch_bytes_max": size, "publish_pending_bytes_max": 2 * size}
    server = start(plane, **bounds)
    head = request("POST /pub/a", f"Content-Length: {size}\r\n")
    held = [RawConnection(InternalApi(server)).send(head + b"x" * (size - 100)) for _ in range(2)]
    wait_until("both are held", lambda: gauge(server, "bytes_received") > 2 * size - 200)
    with RawConnection(InternalApi(server)) as late:
        before, began = cpu_s(server), time.monotonic()
        late.send(head + b"x" * size + request("GET /health") * 2_000)
        answer = late.read_answer()
        assert answer.status == 503 and "busy" in answer.body.decode(), answer
        assert 0.5 < time.monotonic() - began < 4
        assert cpu_s(server) - before < 0.3, "it was looked at again and again"
    held[0].send(b"x" * 100)
    assert held[0].read_answer().status == 202
    with RawConnection(InternalApi(server)) as next_one:
        assert next_one.send(head + b"x" * size).read_answer().status == 202
    for connection in held:
        connection.close()


def test_nobody_gets_in_beyond_the_bound(start, plane):
    places = 64
    server = start(plane, api_key=KEY, internal_connections_max=places)
    key = f"X-API-Key: {KEY}\r\n"
    friends = []
    for _ in range(places):
        friends.append(RawConnection(InternalApi(server)))
        assert friends[-1].send(request("GET /slow", key)).read_answer().status == 200
    late = [RawConnection(InternalApi(server)) for _ in range(8)]
    assert [connection.read_answer().status for connection in late] == [503] * 8
    for connection in (*friends, *late):
        connection.close()


def test_a_message_has_no_more_results_than_a_batch_has_lines(server):
    with RawWebSocket(InternalApi(server), "/publish") as stream:
        stream.socket.settimeout(60)
        for opcode, publications in ((1, b"1\n"), (2, b"\x01/\x01\x00")):
            stream.socket.sendall(frame(opcode, publications * 70_000))
            _, found, results = stream.read_frame()
            lines = results.splitlines()
            assert found == 1 and len(lines) <= 65_537
            assert json.loads(lines[-1])["error"]["code"] == "too_many_lines"


def test_a_message_with_too_many_lines_is_told_in_its_turn(server, channel):
    """Also while one before it is still being published."""
    first = json.dumps({"channel": channel, "data": "x"}).encode() + b"\n"
    with RawWebSocket(InternalApi(server), "/publish") as stream:
        stream.socket.settimeout(60)
        messages = (first * 2_000, b"1\n" * 70_000, first)
        stream.socket.sendall(b"".join(frame(1, message) for message in messages))
        answers = [stream.read_frame()[2].splitlines() for _ in messages]
        assert [len(answer) for answer in answers] == [2_000, 1, 1]
        assert json.loads(answers[1][0])["error"]["code"] == "too_many_lines"


def test_labels_of_two_sizes_leave_nothing_gathered(server, channel):
    """Beside a WebSocket whose frames are gathered stands an event stream whose chunks are too large."""
    with RawWebSocket(server, f"/sub/{channel}"), RawConnection(server) as events:
        head = f"GET /sub/{channel} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
        events.send(head.encode())
        server.wait_for_subscribers(channel, 2)
        payload = "x" * 4_080
        for _ in range(200):
            server.publish(channel, payload)
        before = server.resident_kib()
        for _ in range(3_000):
            server.publish(channel, payload)
            events.fill()
        assert server.resident_kib() - before < 6_000
