"""Channels that the server gives the clients of Centrifuge SDKs, without their asking."""

import json

import pytest

from support.centrifuge import NodeSdk, PythonSdk, RawCentrifuge
from support.proxy import CuttingProxy
from support.tokens import SECRET, token
from support.waiting import wait_until

RULES = """
[namespace.room]
subscribe = "granted"

[namespace.shut]
subscribe = "nobody"

[namespace.strict]
"""


@pytest.fixture(scope="module")
def rooms(start_shared, plane, shards, namespaces):
    """A server for the tests that leave it as it was."""
    return start_shared(plane, shards, config=namespaces(RULES), token_secret=SECRET, channels_per_connection_max=64)


def test_a_client_has_the_channels_of_its_token_from_its_beginning(rooms, room):
    names = [f"{room}-{n}" for n in range(40)]
    options = {f"{room}-told": {"data": {"n": 1}}, "shut:a": {}, f"{room}-b*": {}}
    with RawCentrifuge(rooms, token=token("7", channels=[*names, names[0]], subs=options)) as client:
        subs = client.connected["subs"]
        assert sorted(subs) == sorted([*names, f"{room}-told"])
        assert all(it["recoverable"] and it["positioned"] and len(it["epoch"]) == 8 for it in subs.values())
        assert subs[f"{room}-told"]["data"] == {"n": 1} and "data" not in subs[names[0]]
        for name in names[::7]:
            rooms.publish(name, f'"{name}"')
        assert sorted(client.next()["push"]["pub"]["data"] for _ in names[::7]) == sorted(names[::7])
        # It has them already, and may give one up and ask for it itself.
        assert client.ask("subscribe", channel=names[0])["error"]["code"] == 105
        assert client.ask("unsubscribe", channel=names[0])["unsubscribe"] == {}
        rooms.publish(names[0], "nobody hears it")
        assert client.ask("ping")["ping"] == {} and not client.waiting
        assert "subscribe" in client.ask("subscribe", channel=names[0])
        assert "subscribe" in client.ask("subscribe", channel=f"{room}-bb")
        assert client.ask("subscribe", channel=f"{room}-c")["error"]["code"] == 103
    with RawCentrifuge(rooms, token=token("7")) as client:
        assert "subs" not in client.connected


def test_commands_behind_connect_wait_for_it(rooms, room):
    """All of them in one message, with channels whose homes are anywhere."""
    for turn in range(10):
        names = [f"{room}-{turn}-{n}" for n in range(8)]
        with RawCentrifuge(rooms, connect=False) as client:
            shown = token("7", channels=names)
            commands = [client.command("connect", token=shown), client.command("subscribe", channel=names[3])]
            client.write(*commands, client.command("ping"))
            assert sorted(client.next()["connect"]["subs"]) == names
            assert client.next()["error"]["code"] == 105 and client.next()["ping"] == {}


def test_a_client_goes_on_where_it_was_in_them(rooms, room):
    names = [f"{room}-{n}" for n in range(3)]
    shown = token("7", channels=names)
    with RawCentrifuge(rooms, token=shown) as client:
        had = client.connected["subs"]
    offsets = {}
    for name in names:
        for n in range(5):
            rooms.publish(name, json.dumps([name, n]))
    where = {"recover": True, "epoch": had[names[0]]["epoch"]}
    with RawCentrifuge(rooms, token=shown, subs={names[0]: where}) as client:
        found = client.connected["subs"][names[0]]
        assert found["was_recovering"] and found["recovered"] and "offset" not in found
        assert [pub["data"] for pub in found["publications"]] == [[names[0], n] for n in range(5)]
        offsets = {pub["data"][1]: pub["offset"] for pub in found["publications"]}
        new = client.connected["subs"][names[1]]
        assert "was_recovering" not in new and "publications" not in new and new["offset"] > 0
    subs = {
        names[0]: {"recover": True, "epoch": had[names[0]]["epoch"], "offset": offsets[2]},
        names[1]: {"recover": True, "epoch": "_", "offset": 1},
        names[2]: {"offset": 1},
        f"{room}-other": {"recover": True},
    }
    with RawCentrifuge(rooms, token=shown, subs=subs) as client:
        assert sorted(client.connected["subs"]) == names
        first, lost, new = (client.connected["subs"][name] for name in names)
        assert first["offset"] == offsets[2] and [pub["data"][1] for pub in first["publications"]] == [3, 4]
        assert lost["was_recovering"] and "recovered" not in lost and lost["offset"] > 0
        assert "was_recovering" not in new
        rooms.publish(names[0], "5")
        assert client.publication(names[0])["data"] == 5


def test_what_is_too_much_for_the_reply_follows_it(rooms, room):
    names = [f"{room}-{n}" for n in range(3)]
    shown = token("7", channels=names)
    with RawCentrifuge(rooms, token=shown) as client:
        had = client.connected["subs"]
    for n in range(20):
        for name in names:
            rooms.publish(name, json.dumps([n, "x" * 4_000]))
    subs = {name: {"recover": True, "epoch": had[name]["epoch"]} for name in names}
    with RawCentrifuge(rooms, token=shown, subs=subs) as client:
        subs = client.connected["subs"]
        found = {name: [pub["data"][0] for pub in it.get("publications", [])] for name, it in subs.items()}
        assert all(it["recovered"] for it in subs.values())
        assert 1 <= sum(map(len, found.values())) < 12
        while sum(map(len, found.values())) < 60:
            push = client.next()["push"]
            found[push["channel"]].append(push["pub"]["data"][0])
        assert all(numbers == list(range(20)) for numbers in found.values())


@pytest.mark.parametrize("sdk", [NodeSdk, PythonSdk])
def test_the_sdks_lose_nothing_of_them(rooms, room, sdk):
    with CuttingProxy(rooms) as proxy, sdk(proxy, token=token("7", channels=[room])) as client:
        seen = server_events(client)
        next(seen("subscribed"))
        expected = 0
        for _ in range(5):
            rooms.publish(room, str(expected))
            proxy.cut()
            rooms.publish_all(room, [str(n) for n in range(expected + 1, expected + 100)])
            expected += 100
            rooms.wait_for_subscribers(room, 1)
        publications = seen("publication")
        assert [next(publications) for _ in range(expected)] == list(range(expected))


def server_events(client):
    """The data of events in channels of the server."""
    def seen(kind):
        while True:
            if isinstance(client, NodeSdk):
                event = client.events.get(timeout=20)
                if event["event"] == f"server {kind}":
                    yield event.get("data")
            else:
                event, context = client.events.get(timeout=20)
                if event == f"server {kind}":
                    yield context.pub.data if kind == "publication" else None

    return seen


def test_a_new_token_takes_away_what_it_does_not_name(rooms, room):
    old = token("7", 600, channels=[f"{room}-a", f"{room}-b", f"open:{room}"])
    with RawCentrifuge(rooms, token=old) as client:
        assert len(client.connected["subs"]) == 3
        client.write(client.command("refresh", token=token("7", 900, channels=[f"{room}-b", f"{room}-c"])))
        ended = [client.next()["push"] for _ in range(2)]
        assert sorted(push["channel"] for push in ended) == sorted([f"{room}-a", f"open:{room}"])
        assert all(push["unsubscribe"]["code"] == 2000 for push in ended)
        assert "refresh" in client.reply(client.number)
        rooms.publish(f"{room}-a", "1")
        rooms.publish(f"{room}-b", "2")
        assert client.publication(f"{room}-b")["data"] == 2
        # The channel of which it did not hear before is a right, and no subscription.
        assert "subscribe" in client.ask("subscribe", channel=f"{room}-c")


def test_a_deleted_channel_ends_the_connection_that_cannot_ask_for_it(rooms, room):
    with NodeSdk(rooms, token=token("7", channels=[room])) as client:
        client.wait_for("connected")
        client.wait_for("server subscribed", channel=room)
        rooms.delete(room)
        client.wait_for("connecting", skip=("server subscribing",), code=3010)
        client.wait_for("connected", skip=("connecting", "server subscribing"))
        client.wait_for("server subscribed", channel=room)
        rooms.publish(room, "1")
        client.wait_for("server publication", channel=room, data=1)


def test_too_many_channels_and_unknown_ones_are_refused(start, plane, namespaces):
    server = start(
        plane, config=namespaces(RULES), token_secret=SECRET, channels_per_connection_max=3, strict_namespaces=True
    )
    with RawCentrifuge(server, connect=False) as client:
        client.write(client.command("connect", token=token("7", channels=[f"room:{n}" for n in range(4)])))
        assert client.close_of() == (3505, "channel limit")
    for name in ("nowhere:a", "room:a/b"):
        with RawCentrifuge(server, connect=False) as client:
            assert client.ask("connect", token=token("7", channels=[name]))["error"]["code"] == 102
    with RawCentrifuge(server, token=token("7", channels=[f"room:{n}" for n in range(3)])) as client:
        assert client.ask("subscribe", channel="strict:a")["error"]["code"] == 106
        client.ask("unsubscribe", channel="room:1")
        assert "subscribe" in client.ask("subscribe", channel="strict:a")


def test_channels_that_a_token_names_count_as_joins(start, plane, namespaces):
    server = start(plane, config=namespaces(RULES), token_secret=SECRET, joins_per_second_per_user=8)
    shown = token("7", channels=[f"room:{n}" for n in range(60)])
    with RawCentrifuge(server, token=shown), RawCentrifuge(server, connect=False) as client:
        error = client.ask("connect", token=shown)["error"]
        assert (error["code"], error["temporary"]) == (111, True)


def test_a_connect_hook_gives_channels_and_says_something(serve, backend):
    result = {
        "user": "7", "data": {"hello": [1]}, "channels": ["room:a"], "subs": {"room:b": {"b64data": "AP8="}},
    }  # fmt: skip
    hooks = backend(connect={"result": result})
    server = serve(hooks.config("connect") + RULES)
    with RawCentrifuge(server) as client:
        subs = client.connected["subs"]
        assert client.connected["data"] == {"hello": [1]} and sorted(subs) == ["room:a", "room:b"]
        assert subs["room:b"]["data"] == "AP8="
        server.publish("room:b", "1")
        assert client.publication("room:b")["data"] == 1
    wait_until("it has left", lambda: server.subscribers("room:b") == 0)


def test_backends_are_told_of_them(serve, backend):
    hooks = backend(events={})
    server = serve(hooks.config("events") + RULES, token_secret=SECRET)
    with RawCentrifuge(server, token=token("7", channels=["room:a", "room:b"])):
        pass
    kinds = ["connected", "subscribed", "subscribed", "unsubscribed", "unsubscribed", "disconnected"]
    told = hooks.wait_for_events(lambda told: "disconnected" in [event["type"] for event in told])
    assert [event["type"] for event in told if event["type"] in kinds] == kinds
