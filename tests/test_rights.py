"""What clients may do in a namespace, and how long."""

import json
import time

import pytest

from support.event_stream import EventStream
from support.raw_http import RawConnection, ask, get, upgrade
from support.raw_websocket import CLOSE, TEXT, RawWebSocket, frame
from support.tokens import SECRET, token
from support.v1 import V1
from support.waiting import wait_until

RIGHTS = """
[namespace.named]
subscribe = "authenticated"
publish = "authenticated"
presence_list = true
[namespace.room]
subscribe = "granted"
publish = "granted"
join_leave = true
[namespace.user]
subscribe = "granted"
publish = "granted"
user_channels = ["user:{sub}", "user:{sub}:*"]
[namespace.off]
subscribe = "nobody"
[namespace.past]
history = "authenticated"
[namespace.watched]
join_leave = true
presence = "authenticated"
"""


@pytest.fixture(scope="module")
def server(start_shared, plane, shards, namespaces):
    keys = {"token_secret": SECRET, "token_expiry_spread_ms": 0}
    return start_shared(plane, shards, config=namespaces(RIGHTS), **keys)


def bearer(**claims):
    return f"Authorization: Bearer {token(**claims)}"


def status(server, name, *headers):
    with RawConnection(server) as connection:
        return connection.send(upgrade(server, f"/sub/{name}", *headers)).read_answer().status


def close_of(socket):
    """Code and reason of the Close frame that comes next."""
    while True:
        _, opcode, payload = socket.read_frame()
        if opcode == CLOSE:
            return int.from_bytes(payload[:2], "big"), payload[2:].decode()


def test_who_may_listen(server, channel):
    rooms = [f"room:{channel}", "room:b*"]
    for name, claims, expected in [
        (f"named:{channel}", {}, 101),
        (f"named:{channel}", {"sub": None}, 403),
        (f"room:{channel}", {}, 403),
        (f"room:{channel}", {"channels": rooms}, 101),
        (f"room:{channel}", {"subs": {f"room:{channel}": {}}}, 101),
        ("room:bee", {"channels": rooms, "sub": None}, 101),
        ("room:be", {"channels": ["room:bee"]}, 403),
        ("user:7", {}, 101),
        ("user:7:inbox", {}, 101),
        ("user:77", {}, 403),
        ("user:8", {}, 403),
        ("user:7:8", {"sub": "7:8"}, 403),
        ("user:8", {"channels": ["user:8"]}, 101),
        ("off:a", {"channels": ["*"]}, 403),
        (channel, {}, 101),
    ]:
        assert status(server, name, bearer(**claims)) == expected, (name, claims)
    for name in (f"named:{channel}", "room:bee", "user:7", "user:"):
        assert status(server, name) == 401, name
    assert status(server, "off:a") == 403, "no token would help"
    assert status(server, channel) == 101


def test_one_channel_without_a_right_refuses_all(server, channel):
    both = f"{channel},user:8"
    answer = ask(server, get(server, f"/sub/{both}?poll=1", bearer()))
    assert answer.status == 403 and b"user:8" in answer.body, answer


def test_who_may_publish(server, channel):
    name = f"room:{channel}"
    may = bearer(channels=[name], publish=["room:*"])
    may_not = bearer(channels=[name], publish=["other:*"])
    with (
        RawWebSocket(server, f"/sub/{name}", headers=[may]) as publisher,
        RawWebSocket(server, f"/sub/{name}", headers=[may_not]) as listener,
    ):
        publisher.send(frame(TEXT, b"hello"))
        assert publisher.read_frame()[2] == listener.read_frame()[2] == b"hello"
        listener.send(frame(TEXT, b"me too"))
        code, reason = close_of(listener)
        assert code == 4403 and name in reason
    with RawWebSocket(server, f"/sub/named:{channel}", headers=[bearer()]) as publisher:
        publisher.send(frame(TEXT, b"x"))
        assert publisher.read_frame()[2] == b"x"
    with RawWebSocket(server, "/sub/user:7:a", headers=[bearer()]) as owner:
        owner.send(frame(TEXT, b"mine"))
        assert owner.read_frame()[2] == b"mine", "the channels of a user are theirs"
    with RawWebSocket(server, f"/sub/{channel}", headers=[bearer(publish=["*"])]) as publisher:
        publisher.send(frame(TEXT, b"x"))
        assert close_of(publisher)[0] == 1008, "nobody may publish there"


def test_who_may_see_who_is_there(server, channel):
    """Whoever hears of joins and leaves learns who is in the channel."""
    assert status(server, f"presence:room:{channel}") == 401
    assert status(server, f"presence:room:{channel}", bearer()) == 403
    assert status(server, f"presence:room:{channel}", bearer(channels=[f"room:{channel}"])) == 101
    assert status(server, f"watched:{channel}") == 101
    assert status(server, f"presence:watched:{channel}") == 401
    assert status(server, f"presence:watched:{channel}", bearer()) == 101
    assert status(server, f"presence:presence:watched:{channel}") == 401
    assert status(server, f"presence:presence:room:{channel}", bearer()) == 403


def test_who_may_begin_in_the_past(server, channel):
    name = f"past:{channel}"
    first = server.publish(name, "one")["position"]
    last = server.publish(name, "two")["position"]
    with EventStream(server, f"/sub/{name}?since=earliest", bearer()) as stream:
        assert stream.begin()[0] == []
        stream.expect("one", "two")
    with EventStream(server, f"/sub/{name}?since={first}") as stream:
        assert stream.begin()[0] == [(name, "right", None)]
        server.publish(name, "three")
        stream.expect("three")
    # One that has missed nothing goes on, so a poll that has just been answered may wait.
    last = server.publish(name, "four")["position"]
    with RawConnection(server) as connection:
        connection.send(get(server, f"/sub/{name}?since={last}"))
        server.wait_for_subscribers(name, 1)
        server.publish(name, "five")
        assert connection.read_answer().body == b"five"
        answer = connection.send(get(server, f"/sub/{name}?since={first}&gap=earliest")).read_answer()
        assert answer.status == 304 and "right" in answer.header("Switchboard-Gap"), answer


@pytest.mark.parametrize("way", ["plain", "v1", "event stream", "long poll"])
def test_the_end_of_a_token_ends_its_connection(server, channel, way):
    name, before = f"named:{channel}", server.counter("closed_expired")
    header = bearer(seconds=2)
    begun = time.monotonic()
    if way == "plain":
        code, reason = close_of(RawWebSocket(server, f"/sub/{name}", headers=[header]))
        assert code == 4401 and "expired" in reason
    elif way == "v1":
        socket = V1(server, f"/sub/{name}", headers=[header])
        assert close_of(socket)[0] == 4401
    elif way == "event stream":
        with EventStream(server, f"/sub/{name}", header) as stream:
            stream.begin()
            stream.expect_end()
    else:
        with RawConnection(server) as connection:
            answer = connection.send(get(server, f"/sub/{name}", header)).read_answer()
            assert answer.status == 304, answer
            again = connection.send(get(server, f"/sub/{name}", header)).read_answer()
            assert again.status == 401, again
    assert 0.5 < time.monotonic() - begun < 8
    assert server.counter("closed_expired") == before + 1


def test_expire_at_counts_for_the_connection(server, channel):
    for seconds in (600, None):
        header = bearer(expire_at=int(time.time()) + 2, seconds=seconds)
        with RawWebSocket(server, f"/sub/named:{channel}", headers=[header]) as socket:
            assert close_of(socket)[0] == 4401
    with RawWebSocket(server, f"/sub/named:{channel}", headers=[bearer(seconds=1.5, expire_at=0)]) as socket:
        socket.expect_silence(3)


def users(server, user, method="GET"):
    status, _, body = server.request(method, f"/users/{user}")
    assert status == 200, body
    return json.loads(body)


def test_the_connections_of_a_user(server, channel):
    """They are listed with what the token says of them, and ended."""
    name, sub = f"named:{channel}", f"ann/{channel} ü"
    user = f"ann%2F{channel}%20%C3%BC"
    assert users(server, user) == {"connections": 0, "listed": 0, "list": []}
    header = bearer(sub=sub, info={"name": "Ann"})
    sockets = [RawWebSocket(server, f"/sub/{name}", headers=[header]) for _ in range(5)]
    stream = EventStream(server, f"/sub/{name}", bearer(sub=sub, b64info="AAH/"))
    other = RawWebSocket(server, f"/sub/{name}", headers=[bearer(sub="bob")])
    stream.begin()
    found = users(server, user)
    assert (found["connections"], found["listed"]) == (6, 6)
    assert {entry["user"] for entry in found["list"]} == {sub}
    infos = sorted(str(entry.get("info", entry.get("b64info"))) for entry in found["list"])
    assert infos == ["AAH/"] + ["{'name': 'Ann'}"] * 5
    status, _, body = server.request("GET", f"/subscribers/{name}")
    assert status == 200
    assert sorted(entry["user"] for entry in json.loads(body)["list"]) == [sub] * 6 + ["bob"]
    assert users(server, f"{user}?limit=2")["listed"] == 2
    assert users(server, user, "DELETE") == {"disconnected": 6}
    assert [close_of(socket)[0] for socket in sockets] == [4403] * 5
    stream.expect_end()
    wait_until("nobody is left", lambda: users(server, user)["connections"] == 0)
    assert users(server, user, "DELETE") == {"disconnected": 0}
    wait_until("they are counted", lambda: server.counter("closed_right") >= 6)
    other.expect_silence(0.2)
    for connection in (*sockets, stream, other):
        connection.close()
    status, _, body = server.request("GET", "/users/a/b")
    assert status == 400 and json.loads(body)["error"]["code"] == "bad_user"


def test_identities_are_counted(server, channel):
    gauges = ("identified_open", "users_open")
    wait_until("others are gone", lambda: [server.counter(name) for name in gauges] == [0, 0])
    header = bearer(sub="counted")
    sockets = [RawWebSocket(server, f"/sub/{channel}", headers=[header]) for _ in range(9)]
    anonymous = RawWebSocket(server, f"/sub/{channel}")
    wait_until("they are counted", lambda: server.counter("identified_open") == 9)
    assert 1 <= server.counter("users_open") <= 2, "one on each shard"
    for socket in (*sockets, anonymous):
        socket.close()
    wait_until("they are gone", lambda: [server.counter(name) for name in gauges] == [0, 0])
