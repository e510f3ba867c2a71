"""Backends that are asked who clients are and what they may, and are told what happens."""

import hashlib
import hmac
import json
import re
import threading
import time

import pytest

from support.ports import free_port
from support.raw_http import RawConnection, get, upgrade
from support.raw_websocket import CLOSE, PING, TEXT, RawWebSocket, frame
from support.tokens import SECRET, token
from support.v1 import PROTOCOL
from support.waiting import wait_until

ROOMS = """
[namespace.room]
subscribe = "hook"
"""
OPEN_ROOMS = """
[namespace.room]
publish = "hook"
"""


def close_of(client):
    """The code and the reason of the Close frame; what comes before does not matter."""
    while True:
        _, opcode, payload = client.read_frame()
        if opcode == CLOSE:
            return int.from_bytes(payload[:2], "big"), payload[2:].decode()


def text_of(client):
    while True:
        _, opcode, payload = client.read_frame()
        assert opcode in (TEXT, PING), (opcode, payload)
        if opcode == TEXT:
            return payload.decode()


def v1(server, path, *headers):
    client = RawWebSocket(server, path, headers=[f"Sec-WebSocket-Protocol: {PROTOCOL}", *headers])
    assert text_of(client).startswith("start: ")
    return client


def answer_of(client):
    """The next message that is no publication: its lines, and its payload."""
    while (message := text_of(client)).startswith("position: "):
        pass
    head, _, payload = message.partition("\n\n")
    return head.split("\n"), payload


def user_of(question):
    return {"result": {"user": "7", "meta": {"plan": "free"}}}


def test_a_session_cookie_says_who_a_client_is(serve, backend):
    """It listens, is listed and may publish by what the connect hook says."""
    hooks = backend(connect=user_of)
    rules = '[namespace.room]\nsubscribe = "authenticated"\npresence_list = true\n'
    server = serve(hooks.config("connect", secret='"a-secret-of-the-test"') + rules)
    with RawWebSocket(server, "/sub/room:a", headers=["Cookie: session=x", "X-Other: y"]) as client:
        name, question, headers, body = hooks.asked[0]
        assert (name, question["transport"], question["channels"]) == ("connect", "websocket", ["room:a"])
        assert headers["Cookie"] == "session=x" and headers["X-Other"] is None
        parts = dict(part.split("=") for part in headers["Switchboard-Signature"].split(","))
        signed = hmac.new(b"a-secret-of-the-test", parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
        assert parts["v1"] == signed and abs(time.time() - int(parts["t"])) < 60
        _, _, listed = server.request("GET", "/subscribers/room:a")
        assert json.loads(listed)["list"][0]["user"] == "7"
        server.publish("room:a", "hello")
        assert text_of(client) == "hello"
        assert server.request("DELETE", "/users/7")[0] == 200
        assert close_of(client)[0] == 4403


def test_a_page_of_another_site_cannot_use_a_session(serve, backend):
    """A browser sends the cookie whatever page asks; the backend sees it only of pages that may act for a user."""
    hooks = backend(connect={"result": {}})
    server = serve(hooks.config("connect"), allowed_origins="https://good.example")
    for number, headers in enumerate([
        ["Origin: https://good.example"],
        [f"Origin: http://{server.host}"],
        ["Sec-Fetch-Site: same-origin"],
        [],
        ["Sec-Fetch-Site: cross-site"],
        ["Sec-Fetch-Site: same-site"],
    ]):
        with RawConnection(server) as connection:
            request = get(server, "/sub/news?poll=1", f"Cookie: session={number}", *headers)
            answer = connection.send(request).read_answer()
        assert answer.status == 304, answer
        if number == 0:
            assert answer.header("Access-Control-Allow-Credentials") == "true"
    seen = {headers["Cookie"] for _, _, headers, _ in hooks.asked}
    assert seen == {None, "session=0", "session=1", "session=2", "session=3"}
    with RawConnection(server) as connection:
        evil = upgrade(server, "/sub/news", "Cookie: session=x", "Origin: https://evil.example")
        assert connection.send(evil).read_answer().status == 403


def test_a_token_spares_the_connect_hook(serve, backend):
    hooks = backend(connect={"disconnect": {"code": 4500, "reason": "no"}})
    server = serve(hooks.config("connect"), token_secret=SECRET)
    with RawWebSocket(server, "/sub/news", headers=[f"Authorization: Bearer {token(sub='9')}"]):
        assert hooks.asked == []


def test_every_way_to_listen_is_asked_about(serve, backend):
    hooks = backend(connect=user_of)
    server = serve(hooks.config("connect", "subscribe") + ROOMS)
    for headers, transport in [
        (["Accept: text/event-stream"], "uni_sse"),
        ([], "interval_poll"),
    ]:
        with RawConnection(server) as connection:
            path = "/sub/room:a" if "sse" in transport else "/sub/room:a?poll=1"
            connection.send(get(server, path, *headers))
            assert connection.read_until(b"\r\n").split()[1] in (b"200", b"304")
        assert hooks.questions("connect")[-1]["transport"] == transport
        question = hooks.questions("subscribe")[-1]
        assert (question["user"], question["channel"], question["meta"]) == ("7", "room:a", {"plan": "free"})


def test_a_client_that_may_not_listen_is_told_why(serve, backend):
    answers = {
        "room:member": {"result": {}},
        "room:other": {"error": {"code": 403, "message": "you are no member"}},
        "room:gone": {"error": {"code": 404, "message": "there is no such room"}},
        "room:later": {"error": {"code": 100, "message": "x", "temporary": True}},
        "room:banned": {"disconnect": {"code": 4502, "reason": "you are banned"}},
    }
    hooks = backend(subscribe=lambda question: answers[question["channel"]])
    server = serve(hooks.config("subscribe") + ROOMS)
    for channel, status, sentence in [
        ("room:member", 101, ""),
        ("room:other", 403, "you are no member\n"),
        ("room:gone", 404, "there is no such room\n"),
        ("room:later", 503, ""),
        ("room:member,room:other", 403, "you are no member\n"),
    ]:
        with RawConnection(server) as connection:
            answer = connection.send(upgrade(server, f"/sub/{channel}")).read_answer()
            assert answer.status == status, answer
            assert answer.body.decode().endswith(sentence), answer
            assert (answer.header("Retry-After") is not None) == (status == 503)
    with RawWebSocket(server, "/sub/room:banned") as client:
        assert close_of(client) == (4502, "you are banned")
    assert len(hooks.questions("subscribe")) == 7


def test_polls_spare_the_backend(serve, backend, shards):
    hooks = backend(connect=user_of)
    server = serve(hooks.config("connect", "subscribe") + ROOMS)
    for cookie in ("one", "two"):
        # A new connection each time: proxies share them between clients.
        for _ in range(5):
            with RawConnection(server) as connection:
                request = get(server, "/sub/room:a?poll=1", f"Cookie: session={cookie}")
                assert connection.send(request).read_answer().status == 304
    # Each shard remembers for itself.
    assert 2 <= len(hooks.questions("connect")) <= 2 * shards
    assert 2 <= len(hooks.questions("subscribe")) <= 2 * shards


def test_publications_pass_the_backend_in_order(serve, backend):
    def check(question):
        said = question["data"]["n"]
        if said == 2:
            return {"error": {"code": 1000, "message": "not two"}}
        return {"result": {"data": {"was": said}}} if said == 3 else {"result": {}}

    hooks = backend(publish=check)
    server = serve(hooks.config("publish") + OPEN_ROOMS)
    with v1(server, "/sub/room:a") as client, RawWebSocket(server, "/sub/room:a") as listener:
        messages = [f'publish: {n}\n\n{{"n":{n}}}' for n in range(1, 5)]
        client.send(b"".join(frame(TEXT, message.encode()) for message in messages))
        answers = [answer_of(client)[0] for _ in range(4)]
        assert [lines[0] for lines in answers] == ["published: 1", "error: 2", "published: 3", "published: 4"]
        assert answers[1][1:] == ["code: 1000", "reason: not two"]
        assert [text_of(listener) for _ in range(3)] == ['{"n":1}', '{"was": 3}', '{"n":4}']
    assert [question["data"]["n"] for question in hooks.questions("publish")] == [1, 2, 3, 4]


def test_a_plain_websocket_is_closed_where_the_backend_refuses(serve, backend):
    hooks = backend(publish={"error": {"code": 403, "message": "be quiet"}})
    server = serve(hooks.config("publish") + OPEN_ROOMS)
    with RawWebSocket(server, "/sub/room:a") as client:
        client.send(frame(TEXT, b"hello"))
        assert close_of(client) == (4403, "be quiet")
    assert hooks.questions("publish")[0]["b64data"] == "aGVsbG8="


def test_a_client_gets_the_answer_of_the_backend(serve, backend):
    def reply(question):
        if question["method"] == "fail":
            return {"error": {"code": 1404, "message": "nothing like that"}}
        if question["method"] == "end":
            return {"disconnect": {"code": 4999, "reason": "enough"}}
        return {"result": {"data": {"you said": question["data"]}}}

    hooks = backend(message=reply)
    server = serve(hooks.config("message"))
    with v1(server, "/sub/news") as client:
        client.send(frame(TEXT, b'request: a\nmethod: ask\n\n{"x":1}'))
        lines, payload = answer_of(client)
        assert lines == ["answer: a"] and json.loads(payload) == {"you said": {"x": 1}}
        client.send(frame(TEXT, b"request: b\nmethod: fail\n\n"))
        assert answer_of(client)[0] == ["error: b", "code: 1404", "reason: nothing like that"]
        client.send(frame(TEXT, b"request: c\nmethod: end\n\n1"))
        assert close_of(client) == (4999, "enough")


def test_a_client_has_eight_messages_with_the_backend_at_most(serve, backend):
    release = threading.Event()
    hooks = backend(message=lambda question: release.wait(10) and {"result": {"data": 1}})
    server = serve(hooks.config("message", timeout_ms=9_000))
    with v1(server, "/sub/news") as client:
        client.send(b"".join(frame(TEXT, b"request: %d\n\n" % n) for n in range(20)))
        hooks.wait_for("message", 8)
        server.publish("news", "still heard")
        assert text_of(client).endswith("\n\nstill heard")
        assert len(hooks.questions("message")) == 8
        release.set()
        assert sorted(int(answer_of(client)[0][0].removeprefix("answer: ")) for _ in range(20)) == list(range(20))


def test_the_backend_says_whether_a_client_may_stay(serve, backend):
    ends = {"result": {"user": "7"}}
    answers = iter([{"result": {"expire_at": int(time.time()) + 6}}, (500, {}), {"result": {"expired": True}}])
    hooks = backend(connect=lambda _: ends, refresh=lambda _: next(answers))
    server = serve(hooks.config("connect", "refresh"), token_expiry_spread_ms=0)
    ends["result"]["expire_at"] = int(time.time()) + 2
    with RawWebSocket(server, "/sub/news") as client:
        assert hooks.wait_for("refresh")[0]["user"] == "7"
        server.publish("news", "still here")
        assert text_of(client) == "still here"
        hooks.wait_for("refresh", 2)
        # The hook failed, so the client stays, and is asked about again a minute later.
        server.publish("news", "here yet")
        assert text_of(client) == "here yet"


def test_a_client_whose_time_is_over_is_closed(serve, backend):
    ends = {"result": {"user": "7"}}
    hooks = backend(connect=lambda _: ends, refresh={"result": {"expired": True}})
    server = serve(hooks.config("connect", "refresh"), token_expiry_spread_ms=0)
    ends["result"]["expire_at"] = int(time.time()) + 2
    with RawWebSocket(server, "/sub/news") as client:
        assert close_of(client)[0] == 4401


def test_the_backend_is_told_what_happens(serve, backend):
    hooks = backend(connect=user_of)
    text = hooks.config("connect") + hooks.config("events") + "debounce_ms = 200\n"
    server = serve(text)
    with RawWebSocket(server, "/sub/a,b"):
        told = hooks.wait_for_events(lambda told: len(told) == 5)
    told = hooks.wait_for_events(lambda told: len(told) == 10)

    def line(event):
        return event["type"], event.get("user"), event.get("channel")

    came = [("connected", "7", None), ("subscribed", "7", "a"), ("subscribed", "7", "b")]
    assert sorted(map(line, told[:5]), key=str) == sorted(
        [*came, ("occupied", None, "a"), ("occupied", None, "b")], key=str
    )
    left = {(kind, channel) for kind, _, channel in map(line, told[5:])}
    gone = {(kind, channel) for kind in ("unsubscribed", "vacated") for channel in "ab"}
    assert left == {("disconnected", None), *gone}
    assert {event["user"] for event in told if "client" in event} == {"7"}
    assert len({event["client"] for event in told if "client" in event}) == 1
    assert all(abs(event["time_ms"] / 1000 - time.time()) < 60 for event in told)


def test_a_channel_that_changes_hands_is_not_told_of(serve, backend):
    hooks = backend()
    text = hooks.config("events") + 'debounce_ms = 500\nevents = ["occupied", "vacated"]\n'
    server = serve(text)
    for _ in range(5):
        with RawWebSocket(server, "/sub/a"):
            pass
    with RawWebSocket(server, "/sub/b"):
        hooks.wait_for_events(lambda told: any(event["channel"] == "b" for event in told))
    told = hooks.wait_for_events(lambda told: {"type": "vacated", "channel": "b"} in [
        {key: event[key] for key in ("type", "channel")} for event in told
    ])
    assert [event["channel"] for event in told] == ["b", "b"]


def test_events_arrive_though_the_backend_fails_at_first(serve, backend):
    failures = iter([(503, b""), None, (500, b"{}")])
    hooks = backend(events=lambda _: next(failures, {}))
    server = serve(hooks.config("events") + 'debounce_ms = 0\nevents = ["connected"]\n')
    with RawWebSocket(server, "/sub/a"):
        batches = hooks.wait_for("events", 4)
    assert all(batch == batches[0] for batch in batches[:4]), "the same batch, again and again"
    assert [event["type"] for event in batches[0]["events"]] == ["connected"]


GARBAGE = [
    ("status", (500, {"result": {"user": "7"}})),
    ("redirect", (302, {})),
    ("no JSON", b"<html>"),
    ("an array", b"[]"),
    ("another thing", {"result": "yes"}),
    ("a bad user", {"result": {"user": 7}}),
    ("nothing", None),
    ("a flood", b'{"x":"' + b"x" * (4 << 20) + b'"}'),
]


@pytest.mark.parametrize(("what", "answer"), GARBAGE, ids=[what for what, _ in GARBAGE])
def test_a_backend_that_fails_lets_nobody_in(serve, backend, what, answer):
    hooks = backend(connect=lambda _: answer, subscribe=lambda _: answer)
    server = serve(hooks.config("connect"))
    with RawConnection(server) as connection:
        refused = connection.send(upgrade(server, "/sub/news")).read_answer()
        assert (refused.status, refused.header("Retry-After").isdigit()) == (503, True), refused


def test_a_backend_that_hangs_holds_a_request_no_longer_than_its_timeout(serve, backend):
    hooks = backend(connect=lambda _: time.sleep(3))
    server = serve(hooks.config("connect", timeout_ms=300))
    began = time.monotonic()
    with RawConnection(server) as connection:
        assert connection.send(upgrade(server, "/sub/news")).read_answer().status == 503
    assert time.monotonic() - began < 2.5


def test_a_backend_that_is_gone_is_left_alone_for_a_while(serve):
    """Only the first clients wait for it; then nobody does, and it gets few requests."""
    text = f'[hook.connect]\nurl = "http://127.0.0.1:{free_port()}/"\n'
    server = serve(text)
    for _ in range(12):
        with RawConnection(server) as connection:
            assert connection.send(upgrade(server, "/sub/news")).read_answer().status == 503
    metrics = server.request("GET", "/metrics")[2].decode()
    failed = dict(re.findall(r'switchboard_hook_failed_total{hook="connect",reason="(\w+)"} (\d+)', metrics))
    assert int(failed["breaker"]) >= 1 and sum(map(int, failed.values())) == 12, failed
    assert 'switchboard_hook_breaker_open{hook="connect"} 1' in metrics


def test_questions_beyond_the_queue_are_refused_at_once(serve, backend):
    release = threading.Event()
    hooks = backend(connect=lambda _: release.wait(10) and {"result": {"user": "7"}})
    server = serve(hooks.config("connect", concurrency_max=2, queue_max=3, timeout_ms=9_000))
    # One address has half of the queue.
    waiting = [
        RawConnection(server, source=f"127.0.0.{n}").send(upgrade(server, "/sub/news")) for n in range(2, 7)
    ]
    hooks.wait_for("connect", 2)
    try:
        wait_until("all are asked about", lambda: server.counter("backend_questions") == 5)
        with RawConnection(server) as connection:
            refused = connection.send(upgrade(server, "/sub/news")).read_answer()
            assert (refused.status, int(refused.header("Retry-After")) > 0) == (503, True)
    finally:
        release.set()
    assert [client.read_answer().status for client in waiting] == [101] * 5
    for client in waiting:
        client.close()


def test_a_client_that_leaves_while_the_backend_thinks_leaves_nothing(serve, backend):
    release = threading.Event()
    hooks = backend(connect=lambda _: release.wait(10) and {"result": {"user": "7"}})
    server = serve(hooks.config("connect", timeout_ms=9_000))
    for _ in range(10):
        with RawConnection(server) as connection:
            connection.send(upgrade(server, "/sub/news"))
    hooks.wait_for("connect", 10)
    release.set()
    wait_until("all have left", lambda: server.counter("connections_open") == 0)
