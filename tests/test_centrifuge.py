"""The SDKs of Centrifuge, and commands written by hand, at `/connection/websocket`."""

import json
import subprocess
import time

import pytest

from support.centrifuge import NODE, PATH, NodeSdk, PythonSdk, RawCentrifuge
from support.documents import blocks_of
from support.proxy import CuttingProxy
from support.raw_http import RawConnection, get, upgrade
from support.raw_websocket import BINARY, PING, PONG, TEXT, frame
from support.server import Server
from support.tokens import SECRET, token
from support.waiting import wait_until

OPEN = """
[namespace.room]
publish = "anyone"
"""


@pytest.fixture(scope="module")
def rooms(start_shared, plane, shards, namespaces):
    """One server for the tests that leave it as it was; whoever listens in `room:` may publish there."""
    return start_shared(plane, shards, config=namespaces(OPEN))


# The SDKs.


def test_the_npm_sdk_listens_and_publishes(rooms, room):
    with NodeSdk(rooms) as client:
        connected = client.wait_for("connected")
        assert len(connected["client"]) == 36 and connected["transport"] == "websocket"
        client.subscribe(room)
        subscribed = client.wait_for("subscribed", channel=room, recoverable=True, wasRecovering=False)
        assert subscribed["streamPosition"]["offset"] == 0
        rooms.publish(room, json.dumps({"text": "a\nb"}, indent=1))
        client.wait_for("publication", channel=room, data={"text": "a\nb"})
        rooms.publish(room, "no JSON")
        client.wait_for("publication", data="no JSON")
        client.do("publish", channel=room, data=[1, None])
        found = {event["event"]: event for event in (client.events.get(timeout=20) for _ in range(2))}
        assert set(found) == {"publish", "publication"}, found
        publication = found["publication"]
        assert publication["data"] == [1, None]
        assert publication["info"] == {"user": "", "client": connected["client"]}
        client.do("unsubscribe", channel=room)
        client.wait_for("unsubscribed", channel=room, code=0)
        wait_until("it has left", lambda: rooms.subscribers(room) == 0)


def test_the_python_sdk_listens_and_publishes(rooms, room):
    with PythonSdk(rooms) as client:
        assert len(client.wait_for("connected").client) == 36
        subscription = client.subscribe(room)
        assert client.wait_for("subscribed").channel == room
        rooms.publish(room, '{"n": 1}')
        assert client.wait_for("publication").pub.data == {"n": 1}
        client.run(subscription.publish({"n": 2}))
        assert client.wait_for("publication").pub.data == {"n": 2}
        client.run(subscription.unsubscribe())
        client.wait_for("unsubscribed")


def test_the_documented_client_listens(start, plane):
    server = start(plane)
    (_, code), _ = blocks_of("docs/centrifuge.md", "js")
    code = code.replace("localhost:8000", server.host)
    # Browsers have one.
    code = f'import WebSocket from "ws";\nglobalThis.WebSocket = WebSocket;\n{code}'
    command = ["node", "--input-type=module", "-e", code]
    with subprocess.Popen(command, cwd=NODE, stdout=subprocess.PIPE) as process:
        try:
            server.wait_for_subscribers("news", 1)
            server.publish("news", "hello")
            assert process.stdout.readline() == b"hello\n"
        finally:
            process.kill()


@pytest.mark.parametrize("sdk", [NodeSdk, PythonSdk])
def test_what_was_published_while_the_network_was_cut_comes_once(rooms, room, sdk):
    with CuttingProxy(rooms) as proxy, sdk(proxy) as client:
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
        found = data_of(client, expected)
        assert found == list(range(expected))


def data_of(client, count):
    if isinstance(client, NodeSdk):
        return client.data(count)
    found = []
    while len(found) < count:
        event, context = client.events.get(timeout=20)
        if event == "publication":
            found.append(context.pub.data)
    return found


def test_a_server_that_was_killed_has_lost_what_it_kept_and_says_so(start, plane, namespaces, tmp_path):
    config = namespaces(OPEN)
    first = Server(tmp_path, plane=plane, cores=1, config=config)
    with NodeSdk(first) as client:
        client.wait_for("connected")
        client.subscribe("room:a")
        client.wait_for("subscribed")
        first.publish("room:a", "1")
        client.wait_for("publication", data=1)
        first.kill()
        client.wait_for("connecting", skip=("subscribing",))
        second = start(plane, config=config, port=first.port)
        skip = ("connecting", "subscribing", "error")
        client.wait_for("connected", skip=skip)
        client.wait_for("subscribed", skip=skip, wasRecovering=True, recovered=False)
        second.publish("room:a", "2")
        client.wait_for("publication", data=2)


# Listening.


def test_each_reply_has_the_number_of_its_command_and_their_order(rooms, room):
    with RawCentrifuge(rooms, connect=False) as client:
        names = [f"{room}-{n}" for n in range(40)]
        commands = [client.command("connect"), *(client.command("subscribe", channel=name) for name in names)]
        commands += [client.command("publish", channel=names[3], data={"a": 1}), client.command("ping")]
        client.write("", *commands, " ", "")
        replies = [client.reply(number) for number in range(1, 44)]
        assert [list(reply)[1] for reply in replies] == ["connect", *["subscribe"] * 40, "publish", "ping"]
        connect = replies[0]["connect"]
        assert connect["ping"] == 25 and connect["pong"] is True and connect["version"].startswith("switchboard ")
        assert replies[4]["subscribe"]["recoverable"] is True and len(replies[4]["subscribe"]["epoch"]) == 8
        publication = client.publication(names[3])
        assert publication["data"] == {"a": 1} and publication["offset"] >= 1
        assert publication["info"] == {"user": "", "client": connect["client"]}


def test_a_subscription_has_no_publication_before_its_reply_and_all_after_it(rooms, room):
    """While others publish all the time."""
    with RawCentrifuge(rooms) as client, RawCentrifuge(rooms) as publisher:
        for n in range(200):
            publisher.write(publisher.command("publish", channel=room, data=n))
        reply = client.ask("subscribe", channel=room)["subscribe"]
        assert not client.waiting
        for n in range(200, 300):
            publisher.write(publisher.command("publish", channel=room, data=n))
        last, offset = None, reply.get("offset", 0)
        while last != 299:
            publication = client.publication(room)
            assert last is None or publication["data"] == last + 1
            assert publication["offset"] > offset
            last, offset = publication["data"], publication["offset"]


def test_many_channels_come_and_go_on_one_connection(rooms, room):
    names = [f"{room}-{n}" for n in range(100)]
    with RawCentrifuge(rooms) as client:
        for _ in range(2):
            client.write(*(client.command("subscribe", channel=name) for name in names))
            assert all("subscribe" in client.reply(client.number - 99 + n) for n in range(100))
            for name in names[::9]:
                rooms.publish(name, f'"{name}"')
            assert sorted(client.next()["push"]["pub"]["data"] for _ in names[::9]) == sorted(names[::9])
            client.write(*(client.command("unsubscribe", channel=name) for name in names))
            assert all(client.reply(client.number - 99 + n)["unsubscribe"] == {} for n in range(100))
        rooms.publish(names[0], "nobody hears it")
        assert client.ask("ping")["ping"] == {} and not client.waiting


def test_a_client_goes_on_behind_its_offset(rooms, room):
    with RawCentrifuge(rooms) as client:
        epoch = client.ask("subscribe", channel=room)["subscribe"]["epoch"]
        offsets = []
        for n in range(5):
            rooms.publish(room, str(n))
            offsets.append(client.publication(room)["offset"])
        client.ask("unsubscribe", channel=room)
        for known, given in ((offsets[1], epoch), (offsets[1], ""), (offsets[4], epoch)):
            reply = client.ask("subscribe", channel=room, recover=True, offset=known, epoch=given)["subscribe"]
            assert reply["was_recovering"] and reply["recovered"] and reply["offset"] == known
            found = [(pub["data"], pub["offset"]) for pub in reply.get("publications", [])]
            assert found == [(n, offset) for n, offset in enumerate(offsets) if offset > known]
            client.ask("unsubscribe", channel=room)
        for known, given in ((offsets[1], "_"), (offsets[1], "00000000"), (offsets[4] + 99, epoch)):
            reply = client.ask("subscribe", channel=room, recover=True, offset=known, epoch=given)["subscribe"]
            assert reply["was_recovering"] and "recovered" not in reply and "publications" not in reply
            assert (reply["offset"], reply["epoch"]) == (offsets[4], epoch)
            client.ask("unsubscribe", channel=room)
        error = client.ask("subscribe", channel=room, recover=True, offset=1, epoch="_", flag=3)["error"]
        assert error["code"] == 112
        assert "subscribe" in client.ask("subscribe", channel=room)


def test_what_is_too_much_for_a_reply_follows_it(rooms, room):
    with RawCentrifuge(rooms) as client:
        epoch = client.ask("subscribe", channel=room)["subscribe"]["epoch"]
        client.ask("unsubscribe", channel=room)
        for n in range(30):
            rooms.publish(room, json.dumps([n, "x" * 9_000]))
        reply = client.ask("subscribe", channel=room, recover=True, epoch=epoch)["subscribe"]
        found = [pub["data"][0] for pub in reply["publications"]]
        assert reply["recovered"] and 1 <= len(found) < 10
        while len(found) < 30:
            found.append(client.publication(room)["data"][0])
        assert found == list(range(30))
        rooms.publish(room, "[30]")
        assert client.publication(room)["data"] == [30]


def test_a_deleted_channel_is_asked_for_anew(rooms, room):
    with NodeSdk(rooms) as client:
        client.wait_for("connected")
        client.subscribe(room)
        client.subscribe(f"{room}-other")
        client.wait_for("subscribed")
        client.wait_for("subscribed")
        rooms.publish(room, "1")
        client.wait_for("publication", data=1)
        rooms.delete(room)
        client.wait_for("subscribed", channel=room, wasRecovering=True, recovered=False)
        rooms.publish(room, "2")
        client.wait_for("publication", channel=room, data=2)
        rooms.publish(f"{room}-other", "3")
        client.wait_for("publication", channel=f"{room}-other", data=3)


def test_no_payload_breaks_a_frame(rooms, room):
    """The publisher chooses the payload, and what stands around it stays as it is."""
    payloads = ['{"a":1}\n{"push":{}}', "{}}}", '"\\"', "\r\n\r\n", " 1 ", "[1,\n2]", "\u2028", "", "nan"]
    with RawCentrifuge(rooms) as client:
        client.ask("subscribe", channel=room)
        for payload in payloads:
            rooms.publish(room, payload)
            data = client.publication(room)["data"]
            try:
                assert data == json.loads(payload)
            except ValueError:
                assert data == payload
        rooms.publish(room, b"\xff\n", "application/octet-stream")
        assert client.publication(room)["data"] == "/wo="


def test_other_ways_hear_what_a_client_publishes_and_the_other_way_round(rooms, room):
    with RawCentrifuge(rooms) as client, RawCentrifuge(rooms) as other:
        client.ask("subscribe", channel=room)
        other.write(f'{{"id":9,"publish":{{"channel":"{room}","data":{{ "a" : "b c" }}}}}}')
        other.number = 9
        assert other.reply(9)["publish"] == {}
        assert client.publication(room)["data"] == {"a": "b c"}
        with RawConnection(rooms) as poll:
            answer = poll.send(get(rooms, f"/sub/{room}?since=earliest")).read_answer()
            assert answer.body == b'{"a":"b c"}'


# What channels keep.


def test_a_client_reads_the_history_of_a_channel(rooms, room):
    """Also of one that it does not listen to, and that its shard may not know."""
    offsets = []
    for n in range(5):
        offsets.append(int(rooms.publish(room, str(n))["position"].split("-")[1]))
    with RawCentrifuge(rooms) as client:

        def read(**fields):
            history = client.ask("history", channel=room, **fields)["history"]
            assert history["offset"] == offsets[-1] and len(history["epoch"]) == 8
            return [(pub["data"], pub["offset"]) for pub in history.get("publications", [])]

        both = list(enumerate(offsets))
        assert read() == [] and read(limit=2) == both[:2] and read(limit=-1) == both
        assert read(limit=99, reverse=True) == both[::-1] and read(limit=1, reverse=True) == both[-1:]
        epoch = client.ask("history", channel=room)["history"]["epoch"]
        for given in (epoch, ""):
            since = {"offset": offsets[1], "epoch": given}
            assert read(limit=2, since=since) == both[2:4]
            assert read(limit=-1, since=since, reverse=True) == both[:1]
        assert read(limit=-1, since={"offset": offsets[4], "epoch": epoch}) == []
        for since in ({"offset": 1, "epoch": "_"}, {"offset": offsets[4] + 9, "epoch": epoch}):
            error = client.ask("history", channel=room, limit=1, since=since)["error"]
            assert error["code"] == 112
        client.ask("subscribe", channel=room)
        assert read(limit=1) == both[:1]
        rooms.publish(room, "5")
        assert client.publication(room)["data"] == 5
    wait_until("nobody listens", lambda: rooms.subscribers(room) == 0)


def test_a_long_history_is_read_in_parts(rooms, room):
    for n in range(30):
        rooms.publish(room, json.dumps([n, "x" * 9_000]))
    with RawCentrifuge(rooms) as client:
        found, since = [], {"offset": 0}
        while len(found) < 30:
            history = client.ask("history", channel=room, limit=-1, since=since)["history"]
            assert 1 <= len(history["publications"]) < 10
            found += [pub["data"][0] for pub in history["publications"]]
            since = {"offset": history["publications"][-1]["offset"], "epoch": history["epoch"]}
        assert found == list(range(30))


def test_many_read_the_histories_of_many_channels_in_one_message(rooms, room):
    names = [f"{room}-{n}" for n in range(40)]
    for n, name in enumerate(names):
        rooms.publish(name, str(n))
    with RawCentrifuge(rooms) as client:
        client.write(*(client.command("history", channel=name, limit=9) for name in names))
        for n in range(40):
            (publication,) = client.reply(n + 2)["history"]["publications"]
            assert publication["data"] == n
        assert not client.waiting


def test_the_sdks_read_the_history(rooms, room):
    for n in range(3):
        rooms.publish(room, str(n))
    with NodeSdk(rooms) as client:
        client.wait_for("connected")
        client.do("history", channel=room, options={"limit": 2, "reverse": True})
        assert [pub["data"] for pub in client.wait_for("history")["publications"]] == [2, 1]
    with PythonSdk(rooms) as client:
        client.wait_for("connected")
        found = client.run(client.client.history(room, limit=10))
        assert [pub.data for pub in found.publications] == [0, 1, 2]


def test_the_history_has_its_rights(serve):
    rules = '[namespace.room]\nhistory = "authenticated"\n[namespace.no]\nsubscribe = "nobody"\n'
    server = serve(rules, token_secret=SECRET)
    server.publish("room:a", "1")
    with RawCentrifuge(server) as stranger, RawCentrifuge(server, token=token("7")) as client:
        assert stranger.ask("history", channel="room:a", limit=1)["error"]["code"] == 103
        assert client.ask("history", channel="no:a", limit=1)["error"]["code"] == 103
        assert len(client.ask("history", channel="room:a", limit=1)["history"]["publications"]) == 1
        # Whoever may not have it hears whether something was missed.
        known = client.ask("history", channel="room:a")["history"]
        for offset, recovered in ((0, None), (known["offset"], True)):
            where = {"recover": True, "offset": offset, "epoch": known["epoch"]}
            reply = stranger.ask("subscribe", channel="room:a", **where)["subscribe"]
            assert reply.get("recovered") == recovered and "publications" not in reply
            stranger.ask("unsubscribe", channel="room:a")


# What is refused.


def test_errors_that_leave_the_connection_as_it_is(rooms, room, channel):
    with RawCentrifuge(rooms) as client:
        client.ask("subscribe", channel=room)

        def code(method, /, **fields):
            return client.ask(method, **fields)["error"]["code"]

        assert code("subscribe", channel=room) == 105
        assert code("subscribe", channel="") == 107
        assert code("subscribe", channel="a/b") == 107
        assert code("subscribe", channel="x" * 256) == 107
        assert code("subscribe", channel=channel, tf={"key": "a"}) == 107
        assert code("subscribe", channel=channel, type=1) == 107
        assert code("publish", channel=channel, data=1) == 103
        assert code("publish", channel=room) == 107
        assert code("rpc", method="m", data=1) == 108
        assert code("refresh", token="a.b.c") == 108
        assert code("history", channel="a/b") == 107
        assert client.ask("unsubscribe", channel=channel)["unsubscribe"] == {}
        assert client.ask("ping")["ping"] == {}


def test_a_connection_has_no_more_channels_than_it_may(start, plane):
    server = start(plane, channels_per_connection_max=3)
    with RawCentrifuge(server) as client:
        for name in "abc":
            assert "subscribe" in client.ask("subscribe", channel=name)
        assert client.ask("subscribe", channel="d")["error"]["code"] == 106
        client.ask("unsubscribe", channel="b")
        assert "subscribe" in client.ask("subscribe", channel="d")


@pytest.mark.parametrize("text", ["[]", "{", "null", '{"id":1}', '{"id":1,"fly":{}}', '{"ping":{}}', "{}", "\xff"])
def test_what_is_no_command_ends_the_connection(rooms, text):
    with RawCentrifuge(rooms) as client:
        client.write(text)
        assert client.close_of() == (3501, "bad request")


def test_nothing_goes_before_connect_and_nothing_connects_twice(rooms, room):
    with RawCentrifuge(rooms, connect=False) as client:
        client.write(client.command("subscribe", channel=room))
        assert client.close_of()[0] == 3501
    with RawCentrifuge(rooms) as client:
        client.write(client.command("connect"))
        assert client.close_of()[0] == 3501
    with RawCentrifuge(rooms) as client:
        client.send(frame(BINARY, b"{}"))
        assert client.close_of()[0] == 3506
    with RawCentrifuge(rooms) as client:
        client.write({"send": {"data": 1}})
        assert client.close_of()[0] == 3508


def test_a_client_that_says_nothing_is_stale(start, plane):
    server = start(plane, handshake_timeout_ms=1_000)
    with RawCentrifuge(server, connect=False) as client:
        assert client.close_of() == (3502, "stale")


def test_pings_come_by_the_silence_of_the_server(start, plane):
    """A client that says something all the time needs them as well."""
    server = start(plane, ping_interval_ms=1_000, pong_timeout_ms=2_000)
    with RawCentrifuge(server) as client:
        assert client.connected["ping"] == 1
        pings, until = 0, time.monotonic() + 20
        while pings < 3 and time.monotonic() < until:
            client.write({"id": 99, "unsubscribe": {"channel": "x"}})
            message = client.next()
            if message == {}:
                pings += 1
                client.write("{}")
        assert pings == 3
        # Whoever does not answer one is gone.
        assert client.close_of() == (3012, "no pong")


def test_pings_may_be_frames_of_websocket(start, plane):
    server = start(plane, ping_interval_ms=1_000, pong_timeout_ms=1_000)
    path = f"{PATH}?format=json&cf_ws_frame_ping_pong=true"
    with RawCentrifuge(server, path=path) as client:
        assert "ping" not in client.connected and "pong" not in client.connected
        for _ in range(3):
            assert client.read_frame()[1:] == (PING, b"")
            client.send(frame(PONG, b""))
        # One that nobody asked for says nothing.
        client.send(frame(PONG, b"x"))
        assert client.read_frame()[1] == PING
        assert client.close_of() == (3012, "no pong")
    with RawCentrifuge(server, path=path) as client:
        client.write("{}")
        assert client.close_of()[0] == 3501
    with NodeSdk(server, url=f"ws://{server.host}{path}") as client:
        client.wait_for("connected")
        before = server.counter("pings_sent")
        wait_until("pings", lambda: server.counter("pings_sent") >= before + 3)
        client.subscribe("a")
        client.wait_for("subscribed")


def test_a_flood_of_commands_is_bounded(rooms, room):
    """One of refusals ends; one of commands that are obeyed is answered in order, one after another."""
    with RawCentrifuge(rooms) as client:
        for _ in range(20):
            client.write(*(client.command("ping") for _ in range(1_000)))
        assert all(client.reply(number + 2)["ping"] == {} for number in range(20_000))
    with RawCentrifuge(rooms) as client:
        client.write(*(client.command("subscribe", channel="/") for _ in range(500)))
        assert client.close_of() == (3509, "too many errors")
    with RawCentrifuge(rooms) as client:
        client.send(frame(TEXT, b" " * 70_000))
        assert client.close_of()[0] == 1009


def test_protobuf_is_refused_and_json_is_not(rooms):
    for path, headers, status in (
        (PATH, ["Sec-WebSocket-Protocol: centrifuge-protobuf"], 400),
        (f"{PATH}?format=protobuf", [], 400),
        (PATH, ["Sec-WebSocket-Protocol: centrifuge-json"], 101),
        (PATH, ["Sec-WebSocket-Protocol: centrifuge-protobuf, centrifuge-json"], 101),
        (PATH, ["Origin: http://other.example"], 403),
    ):
        with RawConnection(rooms) as connection:
            answer = connection.send(upgrade(rooms, path, *headers)).read_answer()
            assert answer.status == status, (path, headers, answer)
    with RawConnection(rooms) as connection:
        assert connection.send(get(rooms, PATH)).read_answer().status == 426


def test_the_path_can_be_turned_off(start, plane):
    server = start(plane, centrifuge=False)
    with RawConnection(server) as connection:
        assert connection.send(upgrade(server, PATH)).read_answer().status == 404


def test_a_stop_sends_clients_elsewhere(start, plane):
    server = start(plane)
    with RawCentrifuge(server) as client:
        server.terminate()
        assert client.close_of() == (3001, "shutdown")


# Who the client is.

MEMBERS = """
[namespace.room]
subscribe = "granted"
publish = "authenticated"
presence_list = true
[namespace.all]
subscribe = "authenticated"
"""


def test_a_token_says_who_a_client_is_and_what_it_may(serve):
    server = serve(MEMBERS, token_secret=SECRET)
    shown = token("7", channels=["room:a*"], info={"name": "Ann"})
    with RawCentrifuge(server, token=shown) as client, RawCentrifuge(server) as stranger:
        assert client.connected["expires"] is True and 590 <= client.connected["ttl"] <= 600
        assert "subscribe" in client.ask("subscribe", channel="room:a")
        assert client.ask("subscribe", channel="room:b")["error"]["code"] == 103
        assert "subscribe" in client.ask("subscribe", channel="all:x")
        assert stranger.ask("subscribe", channel="all:x")["error"]["code"] == 103
        assert stranger.ask("publish", channel="room:a", data=1)["error"]["code"] == 103
        client.write(client.command("publish", channel="room:a", data=1))
        found = {"publish" if "publish" in it else "push": it for it in (client.next(), client.next())}
        expected = {"user": "7", "client": client.connected["client"], "conn_info": {"name": "Ann"}}
        assert found["push"]["push"]["pub"]["info"] == expected
        _, _, listed = server.request("GET", "/subscribers/room:a")
        (one,) = json.loads(listed)["list"]
        assert (one["connection"], one["user"]) == (client.connected["client"], "7")
        assert server.request("DELETE", "/users/7")[0] == 200
        assert client.close_of() == (3503, "force disconnect")


def test_bad_tokens_are_final_and_those_whose_time_is_over_are_not(serve):
    server = serve(MEMBERS, token_secret=SECRET)
    with RawCentrifuge(server, connect=False) as client:
        assert client.ask("connect", token=token(seconds=-5))["error"]["code"] == 109
    for bad in ("x", token(key="another secret of thirty-two bytes!!")):
        with RawCentrifuge(server, connect=False) as client:
            client.write(client.command("connect", token=bad))
            assert client.close_of() == (3500, "invalid token")


def test_a_new_token_counts_from_then_on(serve):
    server = serve(MEMBERS, token_secret=SECRET)
    with RawCentrifuge(server, token=token("7", 600, channels=["room:a*", "room:b*"])) as client:
        assert "subscribe" in client.ask("subscribe", channel="room:a")
        assert "subscribe" in client.ask("subscribe", channel="room:b")
        new = token("7", 900, channels=["room:b*", "room:c*"])
        client.write(client.command("refresh", token=new))
        assert client.push("room:a", "unsubscribe")["code"] == 2000
        refreshed = client.reply(client.number)["refresh"]
        assert refreshed["client"] == client.connected["client"] and 890 <= refreshed["ttl"] <= 900
        assert "subscribe" in client.ask("subscribe", channel="room:c")
        assert client.ask("subscribe", channel="room:a")["error"]["code"] == 103
        server.publish("room:b", "1")
        assert client.publication("room:b")["data"] == 1
    with RawCentrifuge(server, token=token("7")) as client:
        assert client.ask("refresh", token=token("7", -5))["error"]["code"] == 109
        client.write(client.command("refresh", token=token("8")))
        assert client.close_of()[0] == 3500


def test_the_npm_sdk_gets_a_new_token_when_its_time_is_over(serve):
    server = serve(MEMBERS, token_secret=SECRET)
    with NodeSdk(server, hasTokens=True) as client:
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


def test_a_client_without_a_new_token_ends(serve):
    server = serve(MEMBERS, token_secret=SECRET, token_expiry_spread_ms=0, ping_interval_ms=120_000)
    # Not so soon that a busy machine is late.
    with RawCentrifuge(server, token=token("7", expire_at=int(time.time()) + 3)) as client:
        # It has 25 s for a new one.
        client.socket.settimeout(60)
        assert client.close_of() == (3005, "connection expired")


# Backends.


def test_a_backend_says_who_a_client_is_and_to_what_it_may_listen(serve, backend):
    asked = []

    def subscribe(question):
        asked.append(question)
        if question["channel"] == "room:no":
            return {"error": {"code": 1000, "message": "not there"}}
        if question["channel"] == "room:gone":
            return {"disconnect": {"code": 4500, "reason": "12"}}
        return {"result": {}}

    hooks = backend(connect={"result": {"user": "7", "info": {"name": "Ann"}}}, subscribe=subscribe)
    rules = '[namespace.room]\nsubscribe = "hook"\n'
    server = serve(hooks.config("connect", "subscribe") + rules)
    with RawCentrifuge(server, headers=["Cookie: session=x"], connect=False) as client:
        commands = [client.command("connect", data={"a": 1})]
        commands += [client.command("subscribe", channel=f"room:{name}") for name in ("a", "no", "b")]
        client.write(*commands, client.command("ping"))
        connected = client.reply(1)["connect"]
        assert "expires" not in connected
        assert "subscribe" in client.reply(2) and "subscribe" in client.reply(4)
        assert client.reply(3)["error"] == {"code": 1000, "message": "not there"}
        assert client.reply(5)["ping"] == {} and not client.waiting
        name, question, headers, _ = hooks.asked[0]
        assert (name, question["client"], question["transport"]) == ("connect", connected["client"], "websocket")
        assert headers["Cookie"] == "session=x"
        assert [(it["channel"], it["user"]) for it in asked] == [("room:a", "7"), ("room:no", "7"), ("room:b", "7")]
        assert all(headers["Cookie"] == "session=x" for _, _, headers, _ in hooks.asked)
        server.publish("room:b", "1")
        assert client.publication("room:b")["data"] == 1
        client.write(client.command("subscribe", channel="room:gone"))
        # SDKs would read a number as more than a text.
        assert client.close_of() == (4500, "reason: 12")


def test_what_clients_tell_backends_and_the_other_way_round(serve, backend):
    def subscribe(question):
        if question["channel"] == "room:long":
            return {"result": {"data": "x" * (16 << 10)}}
        return {"result": {"data": {"asked": question.get("data")}}}

    hooks = backend(connect={"result": {"user": "7", "data": [1, "a\nb"]}}, subscribe=subscribe)
    keys = {"emulated_headers": '["X-Said", "Cookie"]', "static_headers": '{ X-Static = "ours" }'}
    tables = hooks.config("connect", **keys) + hooks.config("subscribe")
    server = serve(tables + '[namespace.room]\nsubscribe = "hook"\n')
    said = {"x-said": "yes", "cookie": "session=forged", "X-Static": "theirs", "x-other": "no"}
    with RawCentrifuge(server, headers=["Cookie: session=x"], data={"a": [1]}) as client:
        assert client.connected["data"] == [1, "a\nb"]
    with RawCentrifuge(server, headers=["Cookie: session=x"], connect=False) as client:
        command = client.command("connect", data={"a": [1]})
        command["connect"]["headers"] = said
        client.write(command)
        client.reply(1)
        name, question, headers, _ = hooks.asked[-1]
        assert name == "connect" and question["data"] == {"a": [1]} and question["encoding"] == "json"
        assert (headers["X-Said"], headers["Cookie"], headers["X-Static"]) == ("yes", "session=x", "ours")
        assert headers["X-Other"] is None
        told = client.ask("subscribe", channel="room:a", data={"b": 2})["subscribe"]
        assert told["data"] == {"asked": {"b": 2}}
        assert client.ask("subscribe", channel="room:b")["subscribe"]["data"] == {"asked": None}
        error = client.ask("subscribe", channel="room:long")["error"]
        assert error["code"] == 100
        server.publish("room:a", "1")
        assert client.publication("room:a")["data"] == 1


def test_a_backend_that_does_not_answer_is_no_answer(serve, backend):
    hooks = backend(connect=None)
    server = serve(hooks.config("connect"))
    with RawCentrifuge(server, connect=False) as client:
        error = client.ask("connect")["error"]
        assert (error["code"], error["temporary"]) == (100, True)
        client.write(client.command("subscribe", channel="a"))
        assert client.close_of()[0] == 3501


def test_a_backend_decides_on_publications(serve, backend):
    def publish(question):
        if question["data"] == "no":
            return {"error": {"code": 103, "message": "no"}}
        return {"result": {"data": {"said": question["data"]}}}

    hooks = backend(publish=publish)
    server = serve(hooks.config("publish") + '[namespace.room]\npublish = "hook"\n')
    with RawCentrifuge(server) as client:
        client.ask("subscribe", channel="room:a")
        client.write(*(client.command("publish", channel="room:a", data=data) for data in ("x", "no", "y")))
        assert client.reply(3)["publish"] == {} and client.reply(5)["publish"] == {}
        assert client.reply(4)["error"]["code"] == 103
        assert [client.publication("room:a")["data"] for _ in range(2)] == [{"said": "x"}, {"said": "y"}]


def test_the_sdks_ask_a_backend(serve, backend):
    def message(question):
        if question["method"] == "sum":
            return {"result": {"data": sum(question["data"])}}
        return {"error": {"code": 404, "message": "no such method"}}

    hooks = backend(message=message)
    server = serve(hooks.config("message"))
    with NodeSdk(server) as client:
        client.wait_for("connected")
        client.do("rpc", method="sum", data=[1, 2, 3])
        client.wait_for("rpc", data=6)
        client.do("rpc", method="x", data=None)
        client.wait_for("refused", code=404, message="no such method")
        client.do("send", data={"a": "b"})
        client.wait_for("send")
        (told,) = [question for question in hooks.wait_for("message", 3) if question["data"] == {"a": "b"}]
        assert told["method"] == ""
    with PythonSdk(server) as client:
        client.wait_for("connected")
        assert client.run(client.client.rpc("sum", [4, 5])).data == 9


def test_backends_are_told_who_comes_and_goes(serve, backend):
    hooks = backend(events={})
    server = serve(hooks.config("events"))
    with RawCentrifuge(server) as client:
        client.ask("subscribe", channel="a")
        client.ask("subscribe", channel="b")
        client.ask("unsubscribe", channel="a")
    kinds = ["connected", "subscribed", "subscribed", "unsubscribed", "unsubscribed", "disconnected"]
    told = hooks.wait_for_events(lambda told: "disconnected" in [event["type"] for event in told])
    told = [event for event in told if event["type"] in kinds]
    assert [event["type"] for event in told] == kinds
    assert all(event["client"] == client.connected["client"] for event in told)
