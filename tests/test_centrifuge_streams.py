"""Centrifuge clients without a WebSocket: `http_stream` and SSE, with commands in requests to `/emulation`."""

import base64
import contextlib
import json
import os
import select
import signal
import subprocess
import time

import cent
import pytest

from support.centrifuge import NODE, NodeSdk, RawCentrifuge
from support.centrifuge_streams import EMULATION, PATHS, RawStream, opened, post
from support.documents import blocks_of
from support.front import BLOCKS, Nginx
from support.ports import free_port
from support.proxy import CuttingProxy
from support.raw_http import RawConnection, ask, get
from support.server import Server
from support.tokens import SECRET, token
from support.waiting import wait_until

OPEN = """
[namespace.room]
publish = "anyone"
"""
WAYS = ["http_stream", "sse"]
TRANSPORTS = ["websocket", *WAYS]
PAGE, OTHER_PAGE = "https://app.example.org", "https://other.example.org"
SMALL = 4_096  # the receive buffer of a client that reads slowly


@pytest.fixture(scope="module")
def rooms(start_shared, plane, shards, namespaces):
    """One server for the tests that leave it as it was; whoever listens in `room:` may publish there."""
    return start_shared(plane, shards, config=namespaces(OPEN), allowed_origins=[PAGE, OTHER_PAGE])


# The SDK.


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_npm_sdk_does_all_it_can(serve, backend, transport):
    hooks = backend(message=lambda question: {"result": {"data": sum(question["data"])}})
    server = serve(hooks.config("message") + OPEN)
    with NodeSdk(server, transport) as client:
        connected = client.wait_for("connected")
        assert len(connected["client"]) == 36 and connected["transport"] == transport
        client.subscribe("room:a")
        client.wait_for("subscribed", channel="room:a", recoverable=True, wasRecovering=False)
        server.publish("room:a", json.dumps({"text": "a\nb"}, indent=1))
        client.wait_for("publication", channel="room:a", data={"text": "a\nb"})
        client.do("publish", channel="room:a", data=[1, None])
        found = {event["event"]: event for event in (client.events.get(timeout=20) for _ in range(2))}
        assert set(found) == {"publish", "publication"}, found
        assert found["publication"]["info"] == {"user": "", "client": connected["client"]}
        client.do("history", channel="room:a", options={"limit": 9})
        assert [pub["data"] for pub in client.wait_for("history")["publications"]] == [{"text": "a\nb"}, [1, None]]
        client.do("rpc", method="sum", data=[1, 2, 3])
        client.wait_for("rpc", data=6)
        client.do("unsubscribe", channel="room:a")
        client.wait_for("unsubscribed", channel="room:a", code=0)
        wait_until("it has left", lambda: server.subscribers("room:a") == 0)


def test_the_documented_client_falls_back(start, plane):
    server = start(plane)
    (_, first), (_, code) = blocks_of("docs/centrifuge.md", "js")
    listens = first.partition("const news")
    code = f"{first.partition('const client')[0]}{code}{listens[1]}{listens[2]}"
    # WebSockets are blocked.
    code = code.replace("ws://${host}", "ws://127.0.0.1:1").replace("localhost:8000", server.host)
    code = f'import WebSocket from "ws";\nglobalThis.WebSocket = WebSocket;\n{code}'
    command = ["node", "--input-type=module", "-e", code]
    with subprocess.Popen(command, cwd=NODE, stdout=subprocess.PIPE) as process:
        try:
            server.wait_for_subscribers("news", 1)
            server.publish("news", "hello")
            assert process.stdout.readline() == b"hello\n"
        finally:
            process.kill()


@pytest.mark.parametrize("transport", WAYS)
def test_what_was_published_while_the_network_was_cut_comes_once(rooms, room, transport):
    with CuttingProxy(rooms) as proxy, NodeSdk(proxy, transport) as client:
        client.wait_for("connected")
        client.subscribe(room)
        client.wait_for("subscribed")
        expected = 0
        for _ in range(5):
            rooms.publish(room, str(expected))
            proxy.cut()
            # All rounds together are fewer than a channel keeps: what is on its way may be cut again and again.
            rooms.publish_all(room, [str(n) for n in range(expected + 1, expected + 150)])
            expected += 150
            rooms.wait_for_subscribers(room, 1)
        assert client.data(expected) == list(range(expected))


@pytest.mark.parametrize("transport", WAYS)
def test_a_server_that_was_killed_has_lost_what_it_kept_and_says_so(start, plane, namespaces, tmp_path, transport):
    config = namespaces(OPEN)
    first = Server(tmp_path, plane=plane, cores=1, config=config)
    with NodeSdk(first, transport) as client:
        client.wait_for("connected")
        client.subscribe("room:a")
        client.wait_for("subscribed")
        first.publish("room:a", "1")
        client.wait_for("publication", data=1)
        first.kill()
        client.wait_for("connecting", skip=("subscribing", "error"))
        second = start(plane, config=config, port=first.port)
        skip = ("connecting", "subscribing", "error")
        client.wait_for("connected", skip=skip)
        client.wait_for("subscribed", skip=skip, wasRecovering=True, recovered=False)
        second.publish("room:a", "2")
        client.wait_for("publication", data=2)


@pytest.mark.parametrize("transport", WAYS)
def test_the_npm_sdk_gets_a_new_token_when_its_time_is_over(serve, transport):
    server = serve('[namespace.all]\nsubscribe = "authenticated"\n', token_secret=SECRET)
    with NodeSdk(server, transport, hasTokens=True) as client:
        client.wait_for("token")
        client.do("token", token=token("7", 6))
        client.wait_for("connected")
        client.subscribe("all:x")
        client.wait_for("subscribed")
        client.wait_for("token")
        client.do("token", token=token("7"))
        wait_until("the new token was shown", lambda: server.counter("tokens_verified") == 2)
        server.publish("all:x", "1")
        client.wait_for("publication", data=1)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_through_a_proxy(start, plane, tmp_path, transport):
    """As `docs/deploy.md` configures both."""
    file = tmp_path / "switchboard.toml"
    file.write_text(BLOCKS["/etc/switchboard.toml"])
    port = free_port()
    listen = [f"{address}:{port}" for address in ("127.0.0.1", "127.0.0.2")]
    server = start(plane, port=port, listen=listen, config=file)
    with Nginx(server) as front, NodeSdk(front, transport, authority=front.certificate.pem) as client:
        client.wait_for("connected")
        client.subscribe("news:a")
        client.wait_for("subscribed")
        for n in range(3):
            server.publish("news:a", str(n))
            client.wait_for("publication", data=n)


# What goes over the wire.


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_each_reply_and_push_stands_alone(rooms, room, way, version):
    """The reader of these tests allows one object in a chunk, line or event, and nothing else."""
    with opened(rooms, way, version=version) as client:
        connected = client.connected
        assert connected["ping"] == 25 and connected["pong"] is True and connected["node"] == "switchboard"
        client.write(client.command("subscribe", channel=room), client.command("publish", channel=room, data={"a": 1}))
        assert client.reply(2)["subscribe"]["recoverable"] is True
        assert client.reply(3)["publish"] == {}
        assert client.publication(room)["data"] == {"a": 1}
        for payload in ['{"a":1}\n{"push":{}}', "\r\n\r\n", "[1,\n2]", "", "nan", "0\r\n\r\n", "data: x\n\n"]:
            rooms.publish(room, payload)
            data = client.publication(room)["data"]
            assert data == payload or data == json.loads(payload)
        rooms.delete(room)
        assert client.push(room, "unsubscribe")["code"] == 2500


@pytest.mark.parametrize("way", WAYS)
def test_the_first_request_may_have_more_commands(rooms, room, way):
    rooms.publish(room, "1")
    commands = [{"id": 1, "connect": {}}, {"id": 2, "subscribe": {"channel": room}}]
    commands.append({"id": 3, "history": {"channel": room, "limit": 1}})
    with RawStream(rooms, way, first="\n".join(json.dumps(each) for each in commands)) as client:
        assert client.reply(1)["connect"]["session"]
        assert "subscribe" in client.reply(2) and client.reply(3)["history"]["publications"][0]["data"] == 1


def test_an_event_stream_may_be_asked_for_with_a_body(rooms):
    with RawConnection(rooms) as connection:
        answer = connection.send(post(rooms, PATHS["sse"], '{"id":1,"connect":{}}')).read_answer(head_only=True)
        assert answer.header("Content-Type") == "text/event-stream; charset=utf-8"
        assert connection.read_until(b"data: ") and b'"id":1' in connection.read_until(b"\n\n")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_a_slow_reader_gets_every_byte_in_its_place(rooms, room, way, version):
    """Sends are cut anywhere, also inside the size of a chunk, and go on there."""
    before = rooms.counter("sends_short") + rooms.counter("sends_refused")
    with opened(rooms, way, version=version, receive_buffer=SMALL) as client:
        epoch = client.ask("subscribe", channel=room)["subscribe"]["epoch"]
        texts = [f"{n}:" + "xyz"[n % 3] * (n * 977 % 60_000) for n in range(60)]
        for text in texts:
            rooms.publish(room, text)
        wait_until(
            "its socket is full", lambda: rooms.counter("sends_short") + rooms.counter("sends_refused") > before
        )
        client.write(client.command("ping"))
        offsets, pings = [], 0
        while (len(offsets), pings) < (len(texts), 1):
            message = client.next()
            if "push" in message:
                assert message["push"]["pub"]["data"] == texts[len(offsets)]
                offsets.append(message["push"]["pub"]["offset"])
            else:
                assert message == {"id": 3, "ping": {}}
                pings += 1
        # And goes on behind any of them.
        assert client.ask("unsubscribe", channel=room)["unsubscribe"] == {}
        where = {"recover": True, "offset": offsets[-3], "epoch": epoch}
        reply = client.ask("subscribe", channel=room, **where)["subscribe"]
        found = [pub["data"] for pub in reply.get("publications", [])]
        while len(found) < 2:
            found.append(client.publication(room)["data"])
        assert reply["recovered"] is True and found == texts[-2:]


def test_all_framings_hear_the_same(rooms, room):
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(opened(rooms, way, version=version))
            for way in WAYS
            for version in ("HTTP/1.1", "HTTP/1.0")
            for _ in range(3)
        ]
        for client in clients:
            client.ask("subscribe", channel=room)
        rooms.publish_all(room, [str(n) for n in range(200)])
        for client in clients:
            assert [client.publication(room)["data"] for _ in range(200)] == list(range(200))


def test_joins_and_leaves_stand_alone_in_each_framing(serve):
    server = serve("[namespace.room]\njoin_leave = true\n")
    with contextlib.ExitStack() as stack:
        kinds = [(way, version) for way in WAYS for version in ("HTTP/1.1", "HTTP/1.0")]
        clients = [stack.enter_context(opened(server, way, version=version)) for way, version in kinds]
        clients.append(stack.enter_context(RawCentrifuge(server)))
        for client in clients:
            assert "subscribe" in client.ask("subscribe", channel="room:a", join_leave=True)
        with opened(server) as other:
            other.ask("subscribe", channel="room:a")
            name = other.connected["client"]
        wait_until("it has left", lambda: server.subscribers("room:a") == len(clients))
        for client in clients:
            found = []
            while name not in [info["client"] for kind, info in found if kind == "leave"]:
                push = client.next()["push"]
                assert push.pop("channel") == "room:a"
                ((kind, event),) = push.items()
                found.append((kind, event["info"]))
            assert ("join", {"user": "", "client": name}) in found


@pytest.mark.parametrize("way", WAYS)
def test_commands_are_obeyed_in_order_from_any_connection(rooms, room, way):
    """The kernel gives these connections to any shard, and each request is answered when its commands are taken."""
    with opened(rooms, way) as client:
        for n in range(60):
            if n % 5 == 0 and client.control:
                client.control.close()
                client.control = None
            client.write(client.command("publish", channel=room, data=n), client.command("ping"))
        for number in range(2, 122):
            reply = client.reply(number)
            assert reply["publish" if number % 2 == 0 else "ping"] == {}
    with RawConnection(rooms) as poll:
        answer = poll.send(get(rooms, f"/sub/{room}?poll=1&since=earliest", "Accept: application/json")).read_answer()
        assert [item["data"] for item in json.loads(answer.body)] == [str(n) for n in range(60)]


def test_requests_that_come_at_once_are_answered_one_by_one(rooms):
    """Those for two streams take turns, and all of them are there when the server looks."""
    with opened(rooms) as first, opened(rooms, "sse") as second:
        requests = [RawConnection(rooms) for _ in range(40)]
        for request in requests:
            assert request.send(get(rooms, "/health")).read_answer().status == 200
        os.kill(rooms.pid, signal.SIGSTOP)
        try:
            for n, request in enumerate(requests):
                client = (first, second)[n % 2]
                body = {"session": client.session, "node": client.connected["node"]}
                body["data"] = json.dumps(client.command("ping"))
                request.send(post(rooms, EMULATION, json.dumps(body)))
        finally:
            os.kill(rooms.pid, signal.SIGCONT)
        for request in requests:
            assert request.read_answer().status == 204
            request.close()
        for client in (first, second):
            assert all(client.reply(number)["ping"] == {} for number in range(2, 22))


@pytest.mark.parametrize("way", WAYS)
def test_pings_come_by_the_silence_of_the_server(start, plane, way):
    server = start(plane, ping_interval_ms=1_000, pong_timeout_ms=2_000)
    with opened(server, way) as client:
        pings, until = 0, time.monotonic() + 20
        while pings < 3 and time.monotonic() < until:
            client.write({"id": 99, "unsubscribe": {"channel": "x"}})
            if client.next() == {}:
                pings += 1
                client.write("{}")
        assert pings == 3
        assert client.close_of() == (3012, "no pong")
    wait_until("its place is free", lambda: server.counter("centrifuge_streams_open") == 0)


# How it ends.


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_every_end_has_its_code(rooms, room, way, version):
    for first, code in (("[]", 3501), ('{"id":1,"subscribe":{"channel":"a"}}', 3501), ('{"send":{"data":1}}', 3501)):
        with RawStream(rooms, way, version=version, first=first) as client:
            assert client.close_of()[0] == code
    for commands, code in (
        (["{"], 3501),
        (["{}"], 3501),
        (['{"id":9,"connect":{}}'], 3501),
        (['{"send":{"data":1}}'], 3508),
        (['{"id":9,"subscribe":{"channel":"/"}}'] * 500, 3509),
    ):
        with opened(rooms, way, version=version) as client:
            client.ask("subscribe", channel=room)
            assert client.post(*commands).status in (204, 404)
            assert client.close_of()[0] == code, commands[0]
            wait_until("it has left", lambda: rooms.subscribers(room) == 0)
            assert client.post("{}").status == 404


def test_what_is_no_utf8_is_no_command(rooms):
    for text in (b"\xff", b'{"id":1,"connect":{"name":"\xff"}}', b'{"id":1,"connect":{"data":"\xff"}}'):
        for path in PATHS.values():
            assert ask(rooms, post(rooms, path, text)).status == 400
        assert ask(rooms, post(rooms, EMULATION, b'{"session":"x","data":"' + text + b'"}')).status == 400


@pytest.mark.parametrize("way", WAYS)
def test_a_stop_sends_clients_elsewhere(start, plane, way):
    server = start(plane)
    with opened(server, way) as client:
        client.ask("subscribe", channel="a")
        server.terminate()
        assert client.close_of() == (3001, "shutdown")


@pytest.mark.parametrize("way", WAYS)
def test_tokens_and_their_ends(serve, way):
    keys = {"token_secret": SECRET, "handshake_timeout_ms": 1_000}
    server = serve('[namespace.all]\nsubscribe = "authenticated"\n', **keys)
    with RawStream(server, way, token=token(seconds=-5)) as client:
        assert client.reply(1)["error"]["code"] == 109
        # It has the time for a command again, and no more.
        assert client.close_of() == (3502, "stale")
    with RawStream(server, way, token="x") as client:
        assert client.close_of() == (3500, "invalid token")
    with opened(server, way, token=token("7")) as client:
        assert "subscribe" in client.ask("subscribe", channel="all:x")
        (one,) = json.loads(server.request("GET", "/users/7")[2])["list"]
        assert (one["connection"], one["transport"]) == (client.connected["client"], way)
        assert 890 <= client.ask("refresh", token=token("7", 900))["refresh"]["ttl"] <= 900
    with opened(server, way, token=token("7")) as client:
        client.write(client.command("refresh", token=token("8")))
        assert client.close_of()[0] == 3500
    with opened(server, way, token=token("7")) as client:
        assert server.request("DELETE", "/users/7")[0] == 200
        assert client.close_of() == (3503, "force disconnect")


@pytest.mark.parametrize("way", WAYS)
def test_channels_that_a_client_is_given_and_loses(serve, way):
    """With its token and by the API, which also ends the stream."""
    server = serve('[namespace.room]\nsubscribe = "granted"\n', token_secret=SECRET)
    api = cent.Client(server.internal("/api"), "none is needed")
    names = ["room:a", "room:b"]
    with opened(server, way, token=token("7", channels=names)) as client:
        assert sorted(client.connected["subs"]) == names and client.session
        server.publish("room:b", "1")
        assert client.publication("room:b")["data"] == 1
        api.subscribe(cent.SubscribeRequest(user="7", channel="room:c"))
        assert client.push("room:c", "subscribe")["recoverable"] is True
        api.unsubscribe(cent.UnsubscribeRequest(user="7", channel="room:a"))
        assert client.push("room:a", "unsubscribe")["code"] == 2000
        api.disconnect(cent.DisconnectRequest(user="7"))
        assert client.close_of() == (3503, "force disconnect")


@pytest.mark.parametrize("way", WAYS)
def test_a_backend_decides_and_says_the_end(serve, backend, way):
    def subscribe(question):
        if question["channel"] == "room:gone":
            return {"disconnect": {"code": 4500, "reason": '{"a": 1}'}}
        return {"result": {}}

    hooks = backend(connect={"result": {"user": "7"}}, subscribe=subscribe, events={})
    server = serve(hooks.config("connect", "subscribe", "events") + '[namespace.room]\nsubscribe = "hook"\n')
    with opened(server, way, "Cookie: session=x") as client:
        name, question, headers, _ = hooks.asked[0]
        assert (name, question["client"], question["transport"]) == ("connect", client.connected["client"], way)
        assert headers["Cookie"] == "session=x"
        # Those of a second request wait behind the one that the backend decides on.
        client.write(*(client.command("subscribe", channel=f"room:{n}") for n in range(3)))
        client.write(client.command("ping"))
        replies = [client.next() for _ in range(4)]
        assert [reply["id"] for reply in replies] == [2, 3, 4, 5], replies
        client.write(client.command("subscribe", channel="room:gone"))
        assert client.close_of() == (4500, '{"a": 1}')
    told = hooks.wait_for_events(lambda told: "disconnected" in [event["type"] for event in told])
    assert [event["transport"] for event in told if event["type"] == "connected"] == [way]


# Strangers.


def test_a_session_is_a_secret_of_its_page(rooms):
    """Unknown, dead, forged and another page's: all get the same answer."""
    with opened(rooms) as client, opened(rooms) as other, opened(rooms, "sse", f"Origin: {PAGE}") as page:
        raw = base64.urlsafe_b64decode(client.session + "==")
        # What else is known of a connection has nothing of the secret.
        hexes = client.connected["client"].replace("-", "")
        assert raw[-16:].hex() not in hexes and hexes[-12:] not in raw.hex()
        theirs = base64.urlsafe_b64decode(other.session + "==")
        forged = [
            client.connected["client"], "", "x", "x" * 46, "x" * 60_000, client.session[:-1],
            client.session + "A", "B" + client.session[1:],
            base64.urlsafe_b64encode(theirs[:-16] + raw[-16:]).decode().rstrip("="),
            base64.urlsafe_b64encode(raw[:-16] + bytes(16)).decode().rstrip("="),
        ]  # fmt: skip
        before = rooms.counter("refused_emulations")
        answers = [client.post("{}", session=session) for session in forged]
        answers.append(client.post("{}", headers=[f"Origin: {PAGE}"]))
        answers.append(page.post("{}", headers=[]))
        answers.append(page.post("{}", headers=[f"Origin: {OTHER_PAGE}"]))
        with opened(rooms) as gone:
            session = gone.session
        wait_until("it is gone", lambda: client.post("{}", session=session).status == 404)
        answers.append(client.post("{}", session=session))
        assert {(answer.status, answer.body) for answer in answers} == {
            (404, b"there is no such session; connect again\n")
        }
        assert rooms.counter("refused_emulations") >= before + len(answers)
        assert page.post("{}", headers=["Origin: https://evil.example"]).status == 403
        # All of them go on.
        for one in (client, other, page):
            assert one.ask("ping")["ping"] == {}


def test_a_session_is_of_one_connection_whatever_comes_after_it(start, plane):
    """Its slot is used again at once."""
    server = start(plane)
    sessions = []
    for _ in range(30):
        with opened(server) as client:
            assert client.ask("ping")["ping"] == {}
            sessions.append(client.session)
            for session in sessions[:-1]:
                assert client.post(client.command("publish", channel="a", data=1), session=session).status == 404
        wait_until("it is gone", lambda: server.counter("centrifuge_streams_open") == 0)
    assert len(set(sessions)) == 30


def test_a_page_of_the_server_itself_may_say_so_or_not(rooms):
    """Browsers name the origin of a page with POST, and not always with GET."""
    own = f"Origin: http://{rooms.host}"
    with opened(rooms, "sse") as client:
        assert client.post(client.command("ping"), headers=[own]).status == 204
        assert client.reply(2)["ping"] == {}
    with opened(rooms, "http_stream", own) as client:
        assert client.post("{}", headers=[]).status == 204


@pytest.mark.parametrize("way", WAYS)
def test_pages_of_other_origins(rooms, way):
    with opened(rooms, way, f"Origin: {PAGE}") as client:
        assert client.head.header("Access-Control-Allow-Origin") == PAGE
        for session, status in (("", 204), ("x", 404)):
            answer = client.post(client.command("ping"), session=session or client.session)
            assert answer.status == status and answer.header("Access-Control-Allow-Origin") == PAGE
        assert client.reply(2)["ping"] == {}
    for path in (PATHS[way], EMULATION):
        asks = "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type"
        answer = ask(rooms, get(rooms, path, f"Origin: {PAGE}", *asks, method="OPTIONS"))
        assert answer.status == 204 and answer.header("Access-Control-Allow-Origin") == PAGE
        assert "POST" in answer.header("Access-Control-Allow-Methods").split(", ")
        assert "content-type" in answer.header("Access-Control-Allow-Headers").lower()
        answer = ask(rooms, get(rooms, path, "Origin: https://evil.example", *asks, method="OPTIONS"))
        assert answer.status == 403 and answer.header("Access-Control-Allow-Origin") is None
        answer = ask(rooms, post(rooms, path, '{"id":1,"connect":{}}', "Origin: https://evil.example"))
        assert answer.status == 403


def test_requests_that_are_none_of_these(rooms):
    connect = '{"id":1,"connect":{}}'
    paths = [*PATHS.values(), EMULATION]
    for path in paths:
        methods = "GET, POST, OPTIONS" if path == PATHS["sse"] else "POST, OPTIONS"
        for method in ("HEAD", "PUT", "DELETE", "PATCH"):
            with RawConnection(rooms) as connection:
                answer = connection.send(get(rooms, path, method=method)).read_answer(head_only=method == "HEAD")
                assert answer.status == 405 and answer.header("Allow") == methods, (path, method)
        # A body is for POST.
        answer = ask(rooms, post(rooms, path, connect).replace(b"POST", b"PUT", 1))
        assert answer.status == 413 and answer.closes()
        for kind, status in (("application/octet-stream", 415), ("text/html", 415), ("", 400), ("text/plain", 400)):
            assert ask(rooms, post(rooms, path, " \n", content_type=kind)).status == status, (path, kind)
        assert ask(rooms, post(rooms, path, "x" * 65_537)).status == 413
        assert ask(rooms, post(rooms, path, "{}", "Expect: 200-ok")).status == 417
    assert ask(rooms, get(rooms, PATHS["http_stream"])).status == 405
    assert ask(rooms, get(rooms, PATHS["sse"])).status == 400
    for body in ("[]", "x", '{"session":1}', '{"session":"a","data":{}}', '["a","b"]'):
        assert ask(rooms, post(rooms, EMULATION, body)).status == 400, body
    assert ask(rooms, post(rooms, EMULATION, "{}")).status == 404


def test_the_paths_can_be_turned_off(start, plane):
    server = start(plane, centrifuge=False)
    for path in PATHS.values():
        assert ask(server, get(server, path)).status == 404
        answer = ask(server, post(server, path, '{"id":1,"connect":{}}'))
        assert answer.status == 413 and answer.closes()


def chunked(body, size):
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def test_a_body_may_come_in_pieces(rooms):
    with opened(rooms) as client:
        body = json.dumps({"session": client.session, "data": '{"id":%d,"ping":{}}' + " " * 60_000})
        for number, is_chunked in ((7, False), (8, True), (9, False)):
            data = post(rooms, EMULATION, body % number)
            if is_chunked:
                head, _, whole = data.partition(b"\r\n\r\n")
                lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length")]
                data = b"\r\n".join([*lines, b"Transfer-Encoding: chunked", b"", chunked(whole, 977)])
            # The next request follows at once.
            data += get(rooms, "/health")
            with RawConnection(rooms) as connection:
                for at in range(0, len(data), 7_919):
                    connection.send(data[at : at + 7_919])
                    time.sleep(0.001)
                assert connection.read_answer().status == 204
                assert connection.read_answer().body == b"ok\n"
            assert client.reply(number)["ping"] == {}
        with RawConnection(rooms) as connection:
            data = post(rooms, EMULATION, body % 10, "Expect: 100-continue")
            head, _, whole = data.partition(b"\r\n\r\n")
            connection.send(head + b"\r\n\r\n")
            assert connection.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue"
            assert connection.send(whole).read_answer().status == 204
        assert client.reply(10)["ping"] == {}


def test_a_body_that_goes_on_is_no_second_request(rooms):
    """Whatever two readers could take for different requests ends the connection, or is one request."""
    connect = '{"id":1,"connect":{}}'
    length, coding = f"Content-Length: {len(connect)}", "Transfer-Encoding: chunked"
    for headers in ([length, coding], [coding, coding], [length, "Content-Length: 3"], ["Transfer-Encoding: gzip"]):
        for path in (*PATHS.values(), EMULATION):
            lines = [f"POST {path} HTTP/1.1", f"Host: {rooms.host}", *headers, "", connect]
            with RawConnection(rooms) as connection:
                answer = connection.send("\r\n".join(lines).encode() + get(rooms, "/health")).read_answer()
                assert answer.status == 400 and answer.closes(), (headers, answer)
                connection.expect_end()
    for body in (b"3\r\n{}\n\r\n0\r\nX: y\r\n\r\n", b"3\r\n{}\n\r\n0\r\n\r\n"):
        head = f"POST {EMULATION} HTTP/1.1\r\nHost: {rooms.host}\r\n{coding}\r\n\r\n".encode()
        with RawConnection(rooms) as connection:
            connection.send(head + body + get(rooms, "/health"))
            assert connection.read_answer().status == 404 and connection.read_answer().body == b"ok\n"
    for body in (b"3\n{}\n\r\n", b"-3\r\n", b"3\r\n{}\nGET", b"fffffffff\r\n"):
        with RawConnection(rooms) as connection:
            connection.send(head + body + get(rooms, "/health"))
            answer = connection.read_answer()
            assert answer.status in (400, 413) and answer.closes(), (body, answer)
            connection.expect_end()


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_heard_behind_the_request_for_a_stream(rooms, way):
    with opened(rooms, way) as client:
        client.send(get(rooms, "/health") + post(rooms, PATHS["http_stream"], '{"id":7,"connect":{}}') + b"{}\n" * 9)
        assert client.ask("ping")["ping"] == {} and not client.waiting
        # It still notices the end.
        before = rooms.counter("centrifuge_streams_open")
        client.close()
        wait_until("it is gone", lambda: rooms.counter("centrifuge_streams_open") == before - 1)


def test_a_client_that_never_reads_is_not_heard_for_ever(serve):
    """What waits for it is bounded, and nobody else waits."""
    server = serve(OPEN, stall_timeout_ms=60_000)
    with opened(server, receive_buffer=SMALL) as slow, opened(server) as client:
        slow.ask("subscribe", channel="room:a")
        for _ in range(80):
            server.publish("room:a", "x" * 60_000)
        wait_until("its socket is full", lambda: server.counter("connections_blocked") == 1)
        resident = server.resident_kib()
        command = json.dumps(slow.command("publish", channel="room:b", data="x" * 30_000))
        statuses = [slow.post(command) for _ in range(30)]
        assert [answer.status for answer in statuses[:2]] == [204, 204]
        assert {answer.status for answer in statuses[3:]} == {429}
        assert all(answer.header("Retry-After") for answer in statuses[3:])
        for _ in range(1_000):
            slow.post(command)
        assert server.resident_kib() - resident < 8 * 1_024
        assert client.ask("ping")["ping"] == {}
        # When it reads again, those that wait are obeyed.
        client.ask("subscribe", channel="room:b")
        while "publish" not in slow._read():
            pass
        assert len(client.publication("room:b")["data"]) == 30_000


def test_large_bodies_have_a_bound_for_all_and_small_ones_do_not_feel_it(start, plane):
    server = start(plane, connections_per_address_max=0, handshake_timeout_ms=60_000)
    body = json.dumps({"session": "x", "data": " " * 60_000})
    held = []
    try:
        for _ in range(200):
            connection = RawConnection(server)
            held.append(connection.send(post(server, EMULATION, body)[:-1]))
        waiting = {connection.socket: connection for connection in held}
        while ready := select.select(list(waiting), [], [], 1)[0]:
            for socket in ready:
                answer = waiting.pop(socket).read_answer()
                assert answer.status == 503 and answer.header("Retry-After") == "1" and answer.closes(), answer
        # 8 MiB of some 60 kB.
        assert 120 <= len(waiting) <= 140, len(waiting)
        with opened(server) as client:
            assert client.ask("ping")["ping"] == {}
        for connection in held:
            connection.close()
        held = []
        wait_until("there is room", lambda: ask(server, post(server, EMULATION, body)).status == 404)
        late = RawConnection(server)
        held = [late.send(post(server, EMULATION, body)[:-1])]
        late.send(b"}")
        assert late.read_answer().status == 404
    finally:
        for connection in held:
            connection.close()


def test_a_body_that_does_not_come_in_time(start, plane):
    server = start(plane, handshake_timeout_ms=1_000)
    with RawConnection(server) as connection:
        connection.send(post(server, EMULATION, "{}" * 1_000)[:-5])
        for _ in range(2):
            time.sleep(0.3)
            connection.send(b" ")
        assert connection.read_answer().status == 408
        connection.expect_end()


def test_many_streams_of_a_stranger_cost_little(start, plane):
    """And come and go without a trace."""
    server = start(plane, connections_per_address_max=0)
    for _ in range(2):
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(opened(server, WAYS[n % 2])) for n in range(300)]
            assert server.counter("centrifuge_streams_open") == 300
            for client in clients[::30]:
                assert client.ask("ping")["ping"] == {}
        wait_until("all are gone", lambda: server.counter("centrifuge_streams_open") == 0)
