"""Channels that backends give Centrifuge clients and take away, by the API of Centrifugo."""

import json
import time

import cent
import pytest

from support.centrifuge import NodeSdk, PythonSdk, RawCentrifuge
from support.raw_websocket import RawWebSocket
from support.tokens import SECRET, token
from support.waiting import wait_until
from test_centrifuge_server_side import RULES, server_events


@pytest.fixture(scope="module")
def given(start_shared, plane, shards, namespaces):
    """A server for the tests that leave it as it was."""
    keys = {"token_secret": SECRET, "channels_per_connection_max": 8}
    return start_shared(plane, shards, config=namespaces(RULES), **keys)


def api(server):
    return cent.Client(server.internal("/api"), "none is needed")


def give(server, user, channel, **fields):
    api(server).subscribe(cent.SubscribeRequest(user=user, channel=channel, **fields))


def take_away(server, user, channel, **fields):
    api(server).unsubscribe(cent.UnsubscribeRequest(user=user, channel=channel, **fields))


def publish(server, channel, data):
    return api(server).publish(cent.PublishRequest(channel=channel, data=data))


def test_a_backend_gives_a_channel_to_all_connections_of_a_user(given, room, user):
    clients = [RawCentrifuge(given, token=token(user)) for _ in range(6)]
    other = RawCentrifuge(given, token=token("other"))
    try:
        give(given, user, room, data={"n": 1})
        # No publication comes before the client knows of its channel, and none is lost from then on.
        publish(given, room, "first")
        for client in clients:
            begun = client.push(room, "subscribe")
            assert begun["recoverable"] and begun["positioned"] and len(begun["epoch"]) == 8
            assert begun["data"] == {"n": 1}
            assert client.publication(room)["data"] == "first"
        # Once more changes nothing.
        give(given, user, room)
        publish(given, room, "second")
        assert all(client.publication(room)["data"] == "second" for client in clients)
        assert clients[0].ask("subscribe", channel=room)["error"]["code"] == 105
        take_away(given, user, room, client=clients[0].connected["client"])
        assert clients[0].push(room, "unsubscribe")["code"] == 2000
        publish(given, room, "third")
        assert all(client.publication(room)["data"] == "third" for client in clients[1:])
        take_away(given, user, room)
        assert all(client.push(room, "unsubscribe")["code"] == 2000 for client in clients[1:])
        publish(given, room, "nobody hears it")
        for client in [*clients, other]:
            assert client.ask("ping")["ping"] == {} and not client.waiting
    finally:
        for client in [*clients, other]:
            client.close()


def test_a_backend_says_where_a_given_channel_begins(given, room, user):
    epoch, offsets = None, []
    for n in range(5):
        made = publish(given, room, n)
        epoch, offsets = made.epoch, [*offsets, made.offset]
    with RawCentrifuge(given, token=token(user)) as client:
        since = cent.StreamPosition(offset=offsets[1], epoch=epoch)
        give(given, user, room, recover_since=since)
        assert client.push(room, "subscribe")["offset"] == offsets[1]
        assert [client.publication(room)["data"] for _ in range(3)] == [2, 3, 4]
        take_away(given, user, room)
        assert client.push(room, "unsubscribe")["code"] == 2000
        give(given, user, room, recover_since=cent.StreamPosition(offset=1, epoch="lost"))
        assert client.push(room, "subscribe")["offset"] == offsets[4]
        publish(given, room, 5)
        assert client.publication(room)["data"] == 5


def test_an_anonymous_client_is_found_by_its_name(given, room):
    with RawCentrifuge(given) as client, RawCentrifuge(given) as other:
        name = client.connected["client"]
        give(given, "", room, client=name)
        assert client.push(room, "subscribe")
        give(given, "somebody", f"{room}-a", client=name)
        give(given, "", f"{room}-b", client=name[:-1] + ("1" if name.endswith("0") else "0"))
        take_away(given, "", room, client=other.connected["client"])
        publish(given, room, 1)
        assert client.publication(room)["data"] == 1
        assert other.ask("ping")["ping"] == {} and not other.waiting
        take_away(given, "", room, client=name)
        assert client.push(room, "unsubscribe")["code"] == 2000


def test_a_backend_ends_what_a_client_asked_for_itself(given, channel, user):
    with RawCentrifuge(given, token=token(user)) as client, NodeSdk(given, token=token(user)) as sdk:
        client.ask("subscribe", channel=channel)
        sdk.wait_for("connected")
        sdk.subscribe(channel)
        sdk.wait_for("subscribed", channel=channel)
        take_away(given, user, channel)
        assert client.push(channel, "unsubscribe") == {"code": 2000, "reason": "server unsubscribe"}
        sdk.wait_for("unsubscribed", channel=channel, code=2000)
        assert "subscribe" in client.ask("subscribe", channel=channel)


def test_other_ways_to_listen_are_left_alone(given, channel, user):
    with RawWebSocket(given, f"/sub/{channel}", headers=[f"Authorization: Bearer {token(user)}"]) as plain:
        given.wait_for_subscribers(channel, 1)
        give(given, user, f"room:{channel}")
        take_away(given, user, channel)
        given.publish(channel, "still there")
        assert plain.read_frame()[2] == b"still there"


def test_a_connection_is_given_no_more_channels_than_it_may_have(given, room, user):
    with RawCentrifuge(given, token=token(user)) as client:
        for n in range(8):
            give(given, user, f"{room}-{n}")
            assert client.push(f"{room}-{n}", "subscribe")
        with pytest.raises(cent.CentApiResponseError) as raised:
            give(given, user, f"{room}-8")
        assert raised.value.code == 106
        take_away(given, user, f"{room}-3")
        assert client.push(f"{room}-3", "unsubscribe")
        give(given, user, f"{room}-8")
        assert client.push(f"{room}-8", "subscribe")


def test_what_cannot_be_given_is_an_error(given, start, plane, namespaces):
    strict = start(plane, config=namespaces(RULES), token_secret=SECRET, strict_namespaces=True)
    for server, fields, code in (
        (strict, {"channel": "nowhere:a"}, 102),
        (given, {"channel": "a/b"}, 107),
        (given, {"channel": ""}, 107),
        (given, {"channel": "a", "override": {"presence": True}}, 107),
        (given, {"channel": "a", "data": "x" * 20_000}, 107),
        (given, {"channel": "a", "expire_at": -1}, 107),
    ):
        body = json.dumps({"user": "7", **fields}).encode()
        status, _, answer = server.request("POST", "/api/subscribe", body)
        assert status == 200 and json.loads(answer)["error"]["code"] == code, (fields, answer)


def test_a_client_that_does_not_read_is_given_its_channel_when_it_does(given, room, user):
    """What it was sent before goes first, and nothing is lost."""
    with RawCentrifuge(given, token=token(user), receive_buffer=4_096) as client:
        client.ask("subscribe", channel=f"{room}-a", token=token(user, channel=f"{room}-a"))
        big = [json.dumps([n, "x" * 60_000]) for n in range(100)]
        given.publish_all(f"{room}-a", big)
        wait_until("its socket is full", lambda: given.counter("connections_blocked") >= 1)
        for n in range(3):
            give(given, user, f"{room}-{n}")
        take_away(given, user, f"{room}-1")
        for n in range(3):
            publish(given, f"{room}-{n}", n)
        found = [client.next()["push"] for _ in range(100 + 2)]
        assert [push["pub"]["data"][0] for push in found if push["channel"] == f"{room}-a"] == list(range(100))
        assert {push["channel"] for push in found if "subscribe" in push} == {f"{room}-0", f"{room}-2"}
        publish(given, f"{room}-0", "then")
        while (push := client.next()["push"]) != {"channel": f"{room}-0", "pub": push.get("pub")}:
            pass
        assert client.ask("ping")["ping"] == {}


@pytest.mark.parametrize("sdk", [NodeSdk, PythonSdk])
def test_the_sdks_hear_of_given_channels(given, room, user, sdk):
    with sdk(given, token=token(user)) as client:
        client.wait_for("connected")
        seen = server_events(client)
        for n in range(3):
            give(given, user, room)
            next(seen("subscribed"))
            publish(given, room, n)
            assert next(seen("publication")) == n
            take_away(given, user, room)
            next(seen("unsubscribed"))


@pytest.mark.parametrize("transport", ["http_stream", "sse"])
def test_clients_without_a_websocket_have_channels_of_the_server(given, room, user, transport):
    shown = token(user, channels=[f"{room}-a"])
    with NodeSdk(given, transport, token=shown) as client:
        client.wait_for("connected", transport=transport)
        client.wait_for("server subscribed", channel=f"{room}-a")
        publish(given, f"{room}-a", 1)
        client.wait_for("server publication", channel=f"{room}-a", data=1)
        give(given, user, f"{room}-b")
        client.wait_for("server subscribed", channel=f"{room}-b")
        publish(given, f"{room}-b", 2)
        client.wait_for("server publication", channel=f"{room}-b", data=2)
        take_away(given, user, f"{room}-b")
        client.wait_for("server unsubscribed", channel=f"{room}-b")


def test_a_new_token_takes_away_no_channel_of_a_backend(given, room, user):
    with RawCentrifuge(given, token=token(user)) as client:
        give(given, user, room)
        assert client.push(room, "subscribe")
        assert "refresh" in client.ask("refresh", token=token(user, 900))
        publish(given, room, 1)
        assert client.publication(room)["data"] == 1


def test_a_given_channel_ends_in_time(start, plane, shards, namespaces):
    server = start(plane, shards, config=namespaces(RULES), token_secret=SECRET, ping_interval_ms=120_000)
    with RawCentrifuge(server, token=token("7")) as client:
        client.socket.settimeout(60)
        given = {"user": "7", "channel": "room:a", "expire_at": int(time.time()) + 1}
        assert server.request("POST", "/api/subscribe", json.dumps(given).encode())[0] == 200
        assert client.push("room:a", "subscribe")
        # It has 25 s more, as Centrifugo gives it.
        assert client.close_of() == (3006, "subscription expired")
