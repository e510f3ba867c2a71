"""What a `switchboard.v1` client sends: publications that are answered, and new tokens."""

import json
import time

import pytest

from support.positions import split
from support.raw_http import RawConnection, get
from support.raw_websocket import BINARY, CLOSE, PING, TEXT, RawWebSocket, frame
from support.tokens import SECRET, token
from support.v1 import PROTOCOL, V1

RIGHTS = """
[namespace.lobby]
publish = true
[namespace.slow]
publish = true
publish_per_second = 3
[namespace.room]
subscribe = "granted"
publish = "granted"
"""


@pytest.fixture(scope="module")
def server(start_shared, plane, shards, namespaces):
    keys = {"token_secret": SECRET, "token_expiry_spread_ms": 0}
    return start_shared(plane, shards, config=namespaces(RIGHTS), **keys)


class Client(RawWebSocket):
    """A client that reads whatever comes, by the first word of each message."""

    def __init__(self, server, path, *headers):
        super().__init__(server, path, headers=[f"Sec-WebSocket-Protocol: {PROTOCOL}", *headers])
        assert self.read_message()[0] == "start"

    def ask(self, head, payload=b"", opcode=TEXT):
        self.send(frame(opcode, head.encode() + b"\n\n" + payload))
        return self

    def read_message(self):
        """Kind, value, the other lines and the payload."""
        while True:
            _, opcode, data = self.read_frame()
            if opcode == CLOSE:
                return "close", int.from_bytes(data[:2], "big"), data[2:].decode(), b""
            if opcode != PING:
                break
        head, _, payload = data.partition(b"\n\n")
        lines = [line.split(": ", 1) for line in head.decode().split("\n")]
        return lines[0][0], lines[0][1], dict(lines[1:]), payload

    def answer(self):
        """The next message that is no publication."""
        while (message := self.read_message())[0] == "position":
            pass
        return message


def test_a_publication_is_answered_with_its_position(server, channel):
    name = f"lobby:{channel}"
    with Client(server, f"/sub/{name}") as client, V1(server, f"/sub/{name}") as other:
        assert other.begin() == []
        head = f"publish: x-1\nchannel: {name}\ncontent-type: text/x\nevent: g%C3%BC"
        client.ask(head, b"hello\n\nyou")
        kind, name_given, lines, _ = client.answer()
        assert (kind, name_given) == ("published", "x-1")
        message = other.read()
        assert message.position == lines["position"] and message.payload == "hello\n\nyou"
        assert message.event == "gü" and message.fields["content-type"] == "text/x"
        client.ask("publish: x-2", b"\x00\xff", BINARY)
        assert client.answer()[:2] == ("published", "x-2")
        assert other.read().payload == b"\x00\xff"


def test_many_publications_are_answered_in_order(server, channel):
    """More than may be under way, and more than a socket takes at once."""
    name, count = f"lobby:{channel}", 500
    with Client(server, f"/sub/{name}") as client:
        client.send(b"".join(frame(TEXT, f"publish: {at}\n\n{at}".encode()) for at in range(count)))
        answers = [client.answer() for _ in range(count)]
        assert [(kind, int(given)) for kind, given, _, _ in answers] == [
            ("published", at) for at in range(count)
        ]
        offsets = [split(lines["position"])[0][1] for _, _, lines, _ in answers]
        assert offsets == sorted(set(offsets))


def test_a_connection_with_several_channels_names_one(server, channel):
    names = [f"lobby:{channel}", f"lobby:{channel}-b", channel]
    with Client(server, f"/sub/{','.join(names)}") as client:
        for head, expected in [
            (f"publish: 1\nchannel: {names[1]}", ("published", "1", None)),
            ("publish: 2", ("error", "2", "400")),
            ("publish: 3\nchannel: lobby:else", ("error", "3", "404")),
            (f"publish: 4\nchannel: {channel}", ("error", "4", "403")),
        ]:
            kind, given, lines, _ = client.ask(head, b"x").answer()
            assert (kind, given, lines.get("code")) == expected, lines
            assert kind == "published" or lines["reason"]


def test_a_refusal_is_an_answer_and_no_end(server, channel):
    with Client(server, f"/sub/slow:{channel}") as client:
        answers = [client.ask(f"publish: {at}", b"x").answer()[0] for at in range(6)]
        assert answers[:3] == ["published"] * 3 and "error" in answers[3:]
        assert client.ask("request: 1", b"x").answer()[2]["code"] == "501"
        assert client.ask("refresh: 2", b"x").answer()[2]["code"] == "401"


def test_each_namespace_has_its_own_rate(server, channel):
    """The first one that a client publishes to does not count for the others."""
    fast, slow = f"lobby:{channel}", f"slow:{channel}"
    for first, second in ((fast, slow), (slow, fast)):
        with Client(server, f"/sub/{fast},{slow}") as client:
            found = {fast: [], slow: []}
            for at in range(12):
                name = (first, second)[at % 2]
                found[name].append(client.ask(f"publish: {at}\nchannel: {name}", b"x").answer()[0])
        assert found[fast] == ["published"] * 6
        assert found[slow][:3] == ["published"] * 3 and "error" in found[slow][3:], (first, found)


def test_receipts_of_each_channel_come_in_order(server, channel):
    """Those of one may overtake those of another, which is at home on another shard."""
    names = [f"lobby:{channel}-{at}" for at in range(4)]
    with Client(server, f"/sub/{','.join(names)}") as client:
        for at in range(200):
            client.ask(f"publish: {at}\nchannel: {names[at % 4]}", b"x")
        answers = [int(client.answer()[1]) for _ in range(200)]
    assert sorted(answers) == list(range(200))
    for at in range(4):
        of_one = [answer for answer in answers if answer % 4 == at]
        assert of_one == sorted(of_one)


def test_who_is_refused_again_and_again_is_closed(server, channel):
    with Client(server, f"/sub/{channel}") as client:
        client.send(frame(TEXT, b"publish: 1\n\nx") * 200)
        answers = [client.answer()[:2] for _ in range(51)]
        assert answers[:50] == [("error", "1")] * 50 and answers[50] == ("close", 1008)


def test_a_client_may_give_itself_a_name_later(server, channel):
    for header in ([], [f"Authorization: Bearer {token(sub=None)}"]):
        with Client(server, f"/sub/{channel}", *header) as client:
            assert client.ask("refresh: 1", token(sub="eve").encode()).answer()[0] == "refreshed"
            assert json.loads(server.request("GET", "/users/eve")[2])["connections"] == 1
        server.wait_for_subscribers(channel, 0)


@pytest.mark.parametrize("message", [b"hello", b"", b"publish: \n\n", b"publish: 1\nx: y\n\n", b"start: 1\n\n"])
def test_what_is_no_message_ends_the_connection(server, channel, message):
    with Client(server, f"/sub/lobby:{channel}") as client:
        client.send(frame(TEXT, message))
        kind, code, reason, _ = client.answer()
        assert (kind, code) == ("close", 1008) and reason


def test_a_new_token_makes_the_connection_last(server, channel):
    name = f"room:{channel}"
    rights = {"channels": [name], "sub": "ann"}
    first = f"Authorization: Bearer {token(seconds=2, **rights)}"
    with Client(server, f"/sub/{name}", first) as client, Client(server, f"/sub/{name}", first) as other:
        client.ask("publish: 1", b"x")
        assert client.answer()[2]["code"] == "403"
        fresh = token(seconds=600, publish=["room:*"], **rights)
        assert client.ask("refresh: 2", fresh.encode()).answer()[:2] == ("refreshed", "2")
        assert client.ask("publish: 3", b"x").answer()[:2] == ("published", "3")
        assert client.ask("refresh: 4", fresh.encode()).answer()[2]["code"] == "429"
        assert other.answer()[:2] == ("close", 4401)
        time.sleep(1.5)
        assert client.ask("publish: 5", b"x").answer()[:2] == ("published", "5")
        found = json.loads(server.request("GET", "/users/ann")[2])
        assert found["connections"] == 1


def test_a_new_token_that_is_not_good_changes_nothing(server, channel):
    name = f"room:{channel}"
    header = f"Authorization: Bearer {token(channels=[name], sub='ann')}"
    for text, code in [
        (token(channels=[name], sub="bob"), "403"),
        (token(channels=[name], sub="ann", seconds=-1), "401"),
        (token(channels=[name], sub="ann", key="another secret of thirty-two bytes!"), "401"),
    ]:
        with Client(server, f"/sub/{name}", header) as client:
            assert client.ask("refresh: 1", text.encode()).answer()[2]["code"] == code
            server.publish(name, "still here")
            assert client.read_message()[3] == b"still here"


def test_a_new_token_may_take_rights_away(server, channel):
    name = f"room:{channel}"
    header = f"Authorization: Bearer {token(channels=[name])}"
    with Client(server, f"/sub/{name}", header) as client:
        client.ask("refresh: 1", token(channels=["room:else"]).encode())
        kind, code, reason, _ = client.answer()
        assert (kind, code) == ("close", 4403) and name in reason


def test_a_client_that_reads_no_answers_is_not_read(server, channel):
    """What it is answered is bounded: the rest of what it says waits in its own socket."""
    name = f"lobby:{channel}"
    message = frame(TEXT, b"publish: 1\n\n")
    with Client(server, f"/sub/{name}") as client:
        before = server.counter("bytes_received")
        client.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            for _ in range(10_000):
                client.socket.sendall(message * 200)
        assert server.counter("bytes_received") - before < 40 << 20
    with RawConnection(server) as connection:
        assert connection.send(get(server, f"/sub/{name}?poll=1")).read_answer().status == 304
