"""Clients that try to get more out of backends' verdicts than they said, or to keep others from them."""

import json
import threading
import time

import pytest

from support.raw_http import RawConnection, get, upgrade
from support.raw_websocket import CLOSE, PING, TEXT, RawWebSocket, frame
from support.tokens import SECRET, token
from support.v1 import PROTOCOL
from support.waiting import wait_until

HOOKED = '[namespace.default]\nsubscribe = "hook"\n'


@pytest.fixture
def serve(start, plane, namespaces):
    """A server with this configuration file and these keys. One shard, so that it remembers all verdicts."""
    return lambda text, **keys: start(plane, 1, config=namespaces(text), **keys)


def poll(server, channels, *headers, source=None):
    with RawConnection(server, source=source) as connection:
        return connection.send(get(server, f"/sub/{channels}?poll=1", *headers)).read_answer()


def v1(server, path, *headers):
    client = RawWebSocket(server, path, headers=[f"Sec-WebSocket-Protocol: {PROTOCOL}", *headers])
    assert said(client).startswith("start: ")
    return client


def said(client):
    """The next message, or the code of the Close frame."""
    while True:
        _, opcode, payload = client.read_frame()
        if opcode == TEXT:
            return payload.decode()
        if opcode == CLOSE:
            return int.from_bytes(payload[:2], "big")
        assert opcode == PING


def test_a_verdict_counts_for_no_other_channels(serve, backend):
    """Headers and channels of a poll that was allowed do not add up to another one."""
    allowed = {"result": {}}
    refused = {"error": {"code": 403, "message": "no"}}
    hooks = backend(subscribe=lambda question: allowed if question["channel"] == "public" else refused)
    server = serve(hooks.config("subscribe") + HOOKED)
    assert poll(server, "public", "Cookie: secret:1").status == 304
    assert poll(server, "cookie,secret:1,public").status == 403
    assert poll(server, "public", "Cookie: secret:1").status == 304
    assert [question["channel"] for question in hooks.questions("subscribe")].count("public") <= 2


def test_who_may_connect_for_some_channels_may_not_for_others(serve, backend):
    def connect(question):
        if question["channels"] == ["vip"]:
            return {"error": {"code": 403, "message": "no"}}
        return {"result": {"user": "7"}}

    server = serve(backend(connect=connect).config("connect"))
    assert [poll(server, channel).status for channel in ("vip", "free", "vip")] == [403, 304, 403]


@pytest.mark.parametrize("stays", [True, False])
def test_a_verdict_about_one_client_does_not_count_for_the_next(serve, backend, stays):
    """A client shows a new token while the backend thinks about the old one's end: the token counts."""
    release = threading.Event()
    verdict = {"result": {}} if stays else {"result": {"expired": True}}
    later = {"result": {"expire_at": int(time.time()) + 600}}
    hooks = backend(refresh=lambda question: later if question["user"] else release.wait(10) and verdict)
    server = serve(hooks.config("refresh", timeout_ms=9_000), token_secret=SECRET, token_expiry_spread_ms=0)
    with v1(server, "/sub/news", f"Authorization: Bearer {token(sub='', seconds=2)}") as client:
        hooks.wait_for("refresh")
        client.send(frame(TEXT, f"refresh: 1\n\n{token(sub='bob', seconds=4)}".encode()))
        assert said(client).startswith("refreshed: 1")
        release.set()
        hooks.wait_for("refresh", 2)
        assert [question["user"] for question in hooks.questions("refresh")] == ["", "bob"]
        server.publish("news", "hello")
        assert said(client).endswith("hello")


def test_a_user_whom_the_backend_has_sent_away_cannot_show_a_new_token(serve, backend):
    server = serve("", token_secret=SECRET)
    clients = [v1(server, "/sub/news", f"Authorization: Bearer {token(sub='7')}") for _ in range(20)]
    fresh = frame(TEXT, f"refresh: 1\n\n{token(sub='7')}".encode())
    status, _, body = server.request("DELETE", "/users/7")
    for client in clients:
        client.send(fresh)
    assert (status, json.loads(body)["disconnected"]) == (200, 20)
    for client in clients:
        while isinstance(last := said(client), str):
            assert last.startswith(("refreshed: 1", "error: 1"))
        assert last == 4403
        client.close()


def test_tokens_of_an_address_count_before_they_are_checked(serve):
    keys = {"joins_per_second_per_address": 5, "joins_per_second_per_user": 0}
    server = serve("", token_secret=SECRET, **keys)
    bad = f"Authorization: Bearer {token(key='another secret of at least 32 bytes!')}"
    statuses = [poll(server, "news", bad).status for _ in range(40)]
    assert set(statuses) == {401, 429} and statuses.count(401) < 20
    assert server.counter("tokens_verified") == server.counter("refused_token") == statuses.count(401)


def test_a_user_that_the_backend_names_has_its_budget(serve, backend):
    hooks = backend(connect=lambda question: {"result": {"user": "7"}}, subscribe={"result": {}})
    text = hooks.config("connect", "subscribe") + HOOKED
    server = serve(text, joins_per_second_per_user=2)
    answers = [poll(server, "news", f"Cookie: {number % 4}") for number in range(24)]
    statuses = [answer.status for answer in answers]
    assert statuses[:2] == [304, 304] and statuses.count(429) > 8
    assert all(answer.header("Retry-After") for answer in answers if answer.status == 429)


def test_one_address_does_not_take_the_backend_from_another(serve, backend):
    """It may ask as much as it likes: others wait for one question of it, not for all."""
    hooks = backend(connect=lambda _: time.sleep(0.1) or {"result": {"user": "7"}})
    text = hooks.config("connect", concurrency_max=2, queue_max=100, timeout_ms=3_000)
    server = serve(text)
    crowd = [RawConnection(server).send(upgrade(server, "/sub/news")) for _ in range(200)]
    hooks.wait_for("connect", 4)
    for _ in range(3):
        with RawConnection(server, source="127.0.0.2") as connection:
            began = time.monotonic()
            assert connection.send(upgrade(server, "/sub/news")).read_answer().status == 101
            assert time.monotonic() - began < 2, "as if it stood behind all of them"
    for client in crowd:
        client.close()


def test_a_refusal_for_now_says_when_to_come_back(serve, backend):
    """And one client's limit is not the backend's end: it is asked for others as before."""
    refused = {"error": {"code": 429, "message": "slowly"}}
    hooks = backend(subscribe=lambda question: refused if question["channel"] == "much" else (429, {}))
    server = serve(hooks.config("subscribe") + HOOKED)
    answer = poll(server, "much")
    assert (answer.status, answer.body) == (429, b"slowly\n") and int(answer.header("Retry-After")) > 0
    for number in range(30):
        assert poll(server, f"other{number}").status == 503
    assert poll(server, "much").status == 429
    assert (server.counter("refused_right"), server.counter("refused_backend")) == (2, 30)


def test_answers_that_are_not_read_do_not_pile_up(serve, backend):
    hooks = backend(message={"result": {"data": "x" * 900_000}})
    server = serve(hooks.config("message", timeout_ms=9_000, answer_bytes_max=1 << 20), ping_interval_ms=60_000)
    headers = [f"Sec-WebSocket-Protocol: {PROTOCOL}"]
    with RawWebSocket(server, "/sub/news", receive_buffer=4_096, headers=headers) as client:
        client.send(b"".join(frame(TEXT, b"request: %d\n\n" % number) for number in range(8)))
        hooks.wait_for("message", 8)
        wait_until("all have come", lambda: server.counter("refused_messages") >= 1)
        assert said(client).startswith("start: ")
        answers = [said(client).split("\n")[0].split(": ")[0] for _ in range(8)]
        assert answers.count("answer") + answers.count("error") == 8 and answers.count("answer") >= 1
