"""Event streams: every event with its position, in chunks on HTTP/1.1, and until the end on 1.0."""

import base64
import json
import time

import httpx
import pytest
from httpx_sse import connect_sse

from support.event_stream import EventStream
from support.positions import at, offset
from support.raw_http import RawConnection, get
from support.waiting import wait_until


@pytest.fixture
def server(everywhere):
    return everywhere


def test_head_and_beginning(server, channel):
    with EventStream(server, f"/sub/{channel}") as stream:
        assert stream.head.version == "HTTP/1.1" and stream.head.closes()
        assert stream.head.header("Cache-Control") == "no-store"
        assert stream.head.header("X-Accel-Buffering") == "no"
        assert stream.head.header("Transfer-Encoding") == "chunked"
        for absent in ("Content-Length", "Access-Control-Allow-Origin"):
            assert stream.head.header(absent) is None, stream.head
        gaps, retry_ms = stream.begin()
        assert (gaps, retry_ms) == ([], 2_000)
        assert offset(stream.position) == 0
        receipt = server.publish(channel, "hello")
        stream.expect("hello")
        assert stream.position == receipt["position"]
        assert receipt["subscribers"] == 1 or receipt["subscribers"] >= 0


def test_retry_hint(start, plane, channel):
    server = start(plane, event_stream_retry_ms=777)
    with EventStream(server, f"/sub/{channel}") as stream:
        assert stream.begin()[1] == 777


def test_the_same_stream_on_1_0_and_1_1(server, channel):
    """On 1.0 without chunks, whatever the client says of its connection."""
    server.publish_all(channel, ["one", "two\nthree"])
    found = []
    for version, headers in (
        ("HTTP/1.0", []),
        ("HTTP/1.0", ["Connection: keep-alive"]),
        ("HTTP/1.1", []),
        ("HTTP/1.1", ["Connection: close"]),
    ):
        path = f"/sub/{channel}?since=earliest"
        with EventStream(server, path, *headers, version=version) as stream:
            found.append(stream.read_until(b"three\n\n"))
            assert stream.head.closes()
    assert found[0] == found[1] == found[2] == found[3]


def test_each_thing_is_a_chunk(server, channel):
    """The start, each publication, and the end; a publication that is too large for one send, too."""
    with EventStream(server, f"/sub/{channel}") as stream:
        stream.begin()
        assert stream.chunks.count == 1
        server.publish_all(channel, ["one", "two\nlines", "", "x" * 200_000])
        stream.expect("one", "two\nlines", "", "x" * 200_000)
        server.publish(channel, b"\xff" * 100_000, "application/octet-stream")
        stream.expect(b"\xff" * 100_000)
        server.delete(channel)
        stream.expect_end()
        assert stream.chunks.count == 7


def test_a_chunk_goes_on_where_the_socket_was_full(server, channel):
    """A slow reader is cut off in the middle of chunks, and gets every byte all the same."""
    sent = [f"{n:02} " + "0123456789abcdef\n" * 12_000 for n in range(12)]
    for version in ("HTTP/1.1", "HTTP/1.0"):
        name = channel + version[-1]
        stream = EventStream(server, f"/sub/{name}", version=version, receive_buffer=4096)
        with stream:
            stream.begin()
            for text in sent:
                server.publish(name, text)
            wait_until("the socket is full", lambda: server.counter("connections_blocked") == 1)
            stream.expect(*sent)
            server.delete(name)
            stream.expect_end()


@pytest.mark.parametrize(
    ("published", "lines"),
    [
        ("one line", ["one line"]),
        ("", [""]),
        ("a\nb", ["a", "b"]),
        ("a\r\nb\rc\nd", ["a", "b", "c", "d"]),
        ("\n", ["", ""]),
        ("a\n", ["a", ""]),
        ("\r\n\r\n", ["", "", ""]),
        ("\n\ndata: x\nid: 1\nevent: y\n\n", ["", "", "data: x", "id: 1", "event: y", "", ""]),
        (" leading", [" leading"]),
        (":no comment", [":no comment"]),
        ("grüße \u2028 \u0085 \x0b \x0c", ["grüße \u2028 \u0085 \x0b \x0c"]),
        ("\ufeff", ["\ufeff"]),
        ("\0", ["\0"]),
    ],
)
def test_text(server, channel, published, lines):
    """Whatever the text is, it stays data."""
    with EventStream(server, f"/sub/{channel}") as stream:
        stream.begin()
        server.publish(channel, published)
        server.publish(channel, "next")
        event = stream.event()
        assert (event.data, event.event) == (lines, None)
        stream.expect("next")


def test_binary(server, channel):
    payloads = [b"\x00\xff", b"", bytes(range(256)), b"ascii"]
    with EventStream(server, f"/sub/{channel}") as stream:
        stream.begin()
        for payload in payloads:
            server.publish(channel, payload, "application/octet-stream")
        for payload in payloads:
            event = stream.event()
            assert (event.event, event.data) == ("binary", [base64.b64encode(payload).decode()])


def test_event_names(server, channel):
    names = ["tick", "grüße, alle", "a: b", "message"]
    with EventStream(server, f"/sub/{channel}") as stream:
        stream.begin()
        for name in names:
            server.publish(channel, name, event=name)
        for name in names:
            event = stream.event()
            assert (event.event, event.text) == (name, name)


@pytest.mark.parametrize("name", ["gap", "binary", "open", "error"])
def test_names_of_our_own_events_are_refused(server, channel, name):
    headers = {"X-EventSource-Event": name}
    status, _, body = server.request("POST", f"/pub/{channel}", b"x", headers)
    assert status == 400 and json.loads(body)["error"]["code"] == "bad_event"
    line = json.dumps({"channel": channel, "data": "x", "event": name}).encode()
    headers = {"Content-Type": "application/x-ndjson"}
    _, _, body = server.request("POST", "/pub", line, headers)
    assert json.loads(body)["error"]["code"] == "bad_event", body


def test_where_it_begins(server, channel):
    """The header before the query; an empty header, as a browser sends none, does not count."""
    first, second, third = server.publish_all(channel, ["1", "2", "3"])
    cases = [
        ("", [], [], third),
        ("?since=earliest", [], ["1", "2", "3"], at(first, 0)),
        ("?since=latest", [], ["3"], second),
        (f"?since={first}", [], ["2", "3"], first),
        (f"?last_event_id={first}", [], ["2", "3"], first),
        ("?since=earliest", [f"Last-Event-ID: {second}"], ["3"], second),
        (f"?last_event_id={first}", [f"Last-Event-ID: {second}"], ["3"], second),
        (f"?since={first}", ["Last-Event-ID:"], ["2", "3"], first),
        ("", [f"Last-Event-ID: {first}"], ["2", "3"], first),
        ("", ["Last-Event-ID: earliest"], ["1", "2", "3"], at(first, 0)),
    ]
    for query, headers, expected, begins in cases:
        with EventStream(server, f"/sub/{channel}{query}", *headers) as stream:
            assert stream.begin()[0] == []
            assert stream.position == begins, (query, headers)
            stream.expect(*expected)
    assert offset(server.publish(channel, "4")["position"]) > offset(third)


@pytest.mark.parametrize(
    ("accept", "is_stream"),
    [
        ("text/event-stream", True),
        ("Text/Event-Stream", True),
        ("application/json, text/event-stream;q=0.1", True),
        ("text/event-stream; charset=utf-8", True),
        ("text/event-stream;q=0", False),
        ("*/*", False),
        ("text/*", False),
        ("text/event-streams", False),
    ],
)
def test_who_gets_a_stream(server, channel, accept, is_stream):
    with RawConnection(server) as connection:
        connection.send(get(server, f"/sub/{channel}?poll=1", f"Accept: {accept}"))
        answer = connection.read_answer(head_only=True)
        assert (answer.status, answer.header("Content-Type")) == (
            (200, "text/event-stream; charset=utf-8") if is_stream else (304, None)
        )


@pytest.mark.alone
def test_keep_alive(start, plane, channel):
    """A comment in silence, so that proxies and clients see that the connection is alive."""
    server = start(plane, ping_interval_ms=1_000)
    with EventStream(server, f"/sub/{channel}") as stream:
        stream.begin()
        started = time.monotonic()
        assert stream.read_until(b"\n\n") == b":"
        assert stream.read_until(b"\n\n") == b":"
        assert stream.chunks.count == 3, "a comment is a chunk"
        assert 1 < time.monotonic() - started < 5
        server.publish(channel, "after the silence")
        stream.expect("after the silence")


def test_deletion_ends_it(server, channel):
    server.publish(channel, "x")
    for version in ("HTTP/1.1", "HTTP/1.0"):
        with EventStream(server, f"/sub/{channel}", version=version) as stream:
            stream.begin()
            server.delete(channel)
            stream.expect_end()


def test_a_client_that_leaves(server, channel):
    streams = [EventStream(server, f"/sub/{channel}") for _ in range(20)]
    assert server.subscribers(channel) == 20
    for stream in streams[5:]:
        stream.close()
    server.wait_for_subscribers(channel, 5)
    server.publish(channel, "x")
    for stream in streams[:5]:
        stream.begin()
        stream.expect("x")
        stream.close()
    server.wait_for_subscribers(channel, 0)


def test_requests_behind_it_are_not_answered(server, channel):
    """The stream has no end that a next answer could follow."""
    with EventStream(server, f"/sub/{channel}") as stream:
        stream.begin()
        stream.send(get(server, "/health"))
        server.publish(channel, "still a stream")
        stream.expect("still a stream")


def test_stop_ends_it(start, plane, shards, channel):
    server = start(plane, shards)
    streams = [EventStream(server, f"/sub/{channel}") for _ in range(20)]
    server.stop()
    for stream in streams:
        stream.begin()
        stream.expect_end()
        stream.close()


def test_a_library_as_client(server, channel):
    """httpx-sse reads it, and goes on where it was."""
    sent = [f"line {n}\nand another" for n in range(40)]
    position, found = "earliest", []
    server.publish_all(channel, sent)
    with httpx.Client(base_url=server.url(""), trust_env=False, timeout=20) as client:
        for _ in range(4):
            headers = {"Last-Event-ID": position}
            with connect_sse(client, "GET", f"/sub/{channel}", headers=headers) as source:
                events = source.iter_sse()
                for _ in range(10):
                    event = next(event for event in events if event.data)
                    found.append(event.data)
                    position = event.id
    assert found == sent
