"""Bad input to the ways of listening: a gap or one clear 400, no surprise, no harm to other clients."""

import json

import pytest

from support.event_stream import EventStream
from support.polling import Poller, gaps_of
from support.raw_http import RawConnection, ask, get, upgrade
from support.raw_websocket import Bystander, RawWebSocket
from support.v1 import PROTOCOL, V1


@pytest.fixture
def server(everywhere):
    return everywhere


def all_ways(server, path):
    """The request in every way to listen."""
    return [
        get(server, path),
        get(server, f"{path}{'&' if '?' in path else '?'}poll=1"),
        get(server, path, "Accept: text/event-stream"),
        upgrade(server, path),
        upgrade(server, path, f"Sec-WebSocket-Protocol: {PROTOCOL}"),
    ]


def assert_refused(answer):
    assert answer.status == 400, answer
    assert answer.header("Content-Type").startswith("text/plain"), answer
    assert answer.body.endswith(b"\n") and answer.body.count(b"\n") == 1 and len(answer.body) > 12


@pytest.mark.parametrize(
    "since",
    [
        "x", "-", "abcd1234", "abcd1234-", "-5", "abcd1234-x", "abcd1234--5", "abcd1234-+5",
        "abcd1234- 5".replace(" ", "%20"), "abcd123-5", "abcd12345-5", "ABCD1234-5", "abcd123_-5",
        "abcd1234-05x", f"abcd1234-{2**64}", f"abcd1234-{10**30}", "abcd1234-1.0", "abcd1234-0x1",
        "abcd1234-1-2", "Earliest", "LATEST", "now", "earliest%00", "%FF", "abcd1234-%D9%A1",
        "abcd1234-1%0d%0aX:y", ",", "earliest,earliest", "%2C", "1'%20or%20'1", "NaN", "~", "~AAAA",
        "1472717586:0", "17",
    ],
)  # fmt: skip
def test_foreign_positions(server, channel, since):
    """Refused, a client that keeps one would be refused for ever: it hears of a gap, and goes on."""
    position = server.publish(channel, "old")["position"]
    gap = [(channel, "epoch", None)]
    with V1(server, f"/sub/{channel}?since={since}") as line:
        assert line.begin() == gap
        assert line.position == position
    with EventStream(server, f"/sub/{channel}?since={since}") as stream:
        assert stream.begin()[0] == gap
        assert stream.position == position
    with Poller(server, channel, f"since={since}") as poller:
        answer = poller.poll()
        assert (answer.status, gaps_of(answer), poller.position) == (304, gap, position)
        assert answer.header("X") is None
        server.publish(channel, "new")
        assert poller.poll().body == b"new", "its validator is better"
    with RawWebSocket(server, f"/sub/{channel}?since={since}") as plain:
        plain.expect_close(4010, ends=False)


@pytest.mark.parametrize("offset", [2**63 - 1, 2**63, 2**64 - 1])
def test_absurd_offsets(server, channel, offset):
    """The future, told as a gap: no overflow, and it goes on from now."""
    position = server.publish(channel, "x")["position"]
    absurd = f"{position.split('-')[0]}-{offset}"
    with V1(server, f"/sub/{channel}?since={absurd}") as line:
        assert line.begin() == [(channel, "future", None)]
        assert line.position == position
    with Poller(server, channel, f"poll=1&since={absurd}") as poller:
        assert gaps_of(poller.poll()) == [(channel, "future", None)]
    with EventStream(server, f"/sub/{channel}", f"Last-Event-ID: {absurd}") as stream:
        assert stream.begin()[0] == [(channel, "future", None)]


@pytest.mark.parametrize(
    "query",
    [
        "gap=now&gap=now", "gap=", "gap=later", "gap=NOW", "poll=1&poll=1", "poll=-1", "poll=true",
        "ga%70=now&gap=now",
    ],
)  # fmt: skip
def test_wrong_queries(server, channel, query):
    for request in all_ways(server, f"/sub/{channel}?{query}"):
        if query.startswith("poll") or b"poll=1" not in request:
            assert_refused(ask(server, request))


@pytest.mark.parametrize("query", ["_=17", "cache=x&cache=y", "since_=x", "&&&", "=", "%zz=1", "a=%FF"])
def test_unknown_keys_are_ignored(server, channel, query):
    assert ask(server, get(server, f"/sub/{channel}?poll=1&{query}")).status == 304


def test_huge_last_event_id(server, channel):
    """Up to the bound of a head it is read, and is a gap; beyond, the head is refused."""
    for size, status in ((4_000, 200), (15_000, 200), (17_000, 431), (100_000, 431)):
        for value in ("9" * size, f"abcd1234-{'9' * size}", ",".join(["abcd1234-1"] * (size // 11))):
            headers = ["Accept: text/event-stream", f"Last-Event-ID: {value}"]
            with RawConnection(server) as connection:
                connection.send(get(server, f"/sub/{channel}", *headers))
                assert connection.read_answer(head_only=True).status == status, size


@pytest.mark.parametrize(
    "header",
    [
        "Last-Event-ID: abcd1234-1\rX: y", "Last-Event-ID: abcd1234-1\nX: y",
        "Last-Event-ID: abcd1234-1\0", 'If-None-Match: "abcd1234-1\nX: y"',
    ],
)  # fmt: skip
def test_control_characters_in_headers(server, channel, header):
    request = get(server, f"/sub/{channel}?poll=1", "Accept: text/event-stream", header)
    answer = ask(server, request)
    assert answer.status == 400 and answer.header("X") is None


def test_two_headers(server, channel):
    """Of two of what should be one, the later position counts."""
    first, second, third = server.publish_all(channel, ["1", "2", "3"])
    twice = [f"Last-Event-ID: {second}", f"Last-Event-ID: {first}"]
    with EventStream(server, f"/sub/{channel}", *twice) as stream:
        assert stream.begin()[0] == []
        stream.expect("3")
    twice = [f'If-None-Match: "{first}"', f'If-None-Match: "{third}"']
    assert ask(server, get(server, f"/sub/{channel}?poll=1", *twice)).status == 304


@pytest.mark.parametrize("name", ["a%0d%0aX:y", "a%0aid:%201", "a%00", "a%1b", "%0d%0a%0d%0adata:%20x"])
def test_line_breaks_in_channel_names(server, name):
    for request in all_ways(server, f"/sub/{name}"):
        answer = ask(server, request)
        assert_refused(answer)
        assert answer.header("X") is None


def test_names_that_look_like_syntax(server, channel):
    """Characters of a name must not become a second header, gap, field or channel."""
    name = f"{channel}; reason=epoch, x=%E2%80%A8\"<>\\"
    encoded = name.replace(";", "%3B").replace(" ", "%20").replace(",", "%2C").replace('"', "%22")
    encoded = encoded.replace("<", "%3C").replace(">", "%3E").replace("\\", "%5C").replace("=", "%3D")
    path = f"{encoded},{channel}"
    with Poller(server, path, "poll=1&since=abcd1234-1,latest") as poller:
        ((found, reason, missed),) = gaps_of(poller.poll())
        assert (reason, missed) == ("epoch", None) and ";" not in found and "," not in found
    with V1(server, f"/sub/{path}?since=abcd1234-1,latest") as line:
        ((found, reason, _),) = line.begin()
        assert reason == "epoch" and found.startswith(f"{channel}; reason=epoch, x=")
        server.publish(encoded, "x")
        assert line.read().channel == found
    with EventStream(server, f"/sub/{path}?since=abcd1234-1,latest") as stream:
        assert stream.begin()[0] == [(found, "epoch", None)]


@pytest.mark.parametrize("event", ["a\r\nb", "a\nid: 1", "a\0", "\x7f", "x" * 256])
def test_event_names_with_line_breaks_are_refused(server, channel, event):
    line = json.dumps({"channel": channel, "data": "x", "event": event}).encode()
    headers = {"Content-Type": "application/x-ndjson"}
    _, _, body = server.request("POST", "/pub", line, headers)
    assert json.loads(body)["error"]["code"] == "bad_event", body


def test_event_names_that_look_like_syntax(server, channel):
    """A percent sign and a colon survive both encodings."""
    name = "100%: a%0d%0aX: y,\u2028z"
    with V1(server, f"/sub/{channel}") as line, EventStream(server, f"/sub/{channel}") as stream:
        line.begin()
        stream.begin()
        server.publish(channel, "x", event=name)
        assert line.read().event == name
        assert stream.event().event == name
    with Poller(server, channel, "since=earliest") as poller:
        answer = poller.poll()
        assert answer.header("X") is None
        header = answer.header("Switchboard-Event")
        assert header.isascii() and "%0d%0a" not in header.lower().replace("%250d%250a", "")


def test_content_types_stand_in_heads_as_they_are(server, channel):
    """Visible ASCII only, so nothing can follow them."""
    line = json.dumps({"channel": channel, "data": "x", "content_type": "a/b\r\nX: y"}).encode()
    headers = {"Content-Type": "application/x-ndjson"}
    _, _, body = server.request("POST", "/pub", line, headers)
    assert json.loads(body)["error"]["code"] == "bad_content_type", body


def test_others_are_not_harmed(server, channel):
    """A flood of bad requests on one connection, and a client that only listens."""
    bystander = Bystander(server, f"{channel}-bystander")
    bad = [
        f"/sub/{channel}?gap=x", f"/sub/{channel}?poll={'a' * 3_000}",
        f"/sub/{','.join(map(str, range(900)))}", f"/sub/{channel}?poll=1&poll=1",
        f"/sub/{channel}?poll=x",
    ]  # fmt: skip
    with RawConnection(server) as connection:
        for _ in range(50):
            connection.send(b"".join(get(server, path) for path in bad))
            assert [connection.read_answer().status for _ in bad] == [400] * len(bad)
    bystander.check()
    bystander.close()


def test_positions_of_another_channel(server, channel):
    """They name a stream that this channel never was."""
    position = server.publish(f"{channel}-a", "x")["position"]
    server.publish(f"{channel}-b", "y")
    with V1(server, f"/sub/{channel}-b?since={position}") as line:
        assert line.begin() == [(f"{channel}-b", "epoch", None)]
