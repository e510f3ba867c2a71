"""What others are told of a client in one channel: `info` of a subscription, which they see as `chan_info`."""

import json
import time

import cent
import pytest

from support.centrifuge import NodeSdk, PythonSdk, RawCentrifuge
from support.tokens import SECRET, token
from support.v1 import V1
from support.waiting import wait_until
from test_centrifuge_given_channels import api, give

RULES = """
[namespace.room]
subscribe = "hook"
presence = "anyone"
publish = "anyone"
presence_list = true
join_leave = true
join_leave_per_second = 0
"""
INFO_MAX = 4_096


@pytest.fixture(scope="module")
def rooms(start_shared, plane, shards, namespaces):
    """A server for the tests that leave it as it was."""
    rules = RULES.replace('"hook"', '"granted"')
    return start_shared(plane, shards, config=namespaces(rules), token_secret=SECRET)


def listed(client, channel):
    return client.ask("presence", channel=channel)["presence"]["presence"]


def to(channel, sub="7", seconds=600, **claims):
    return token(sub, seconds, channel=channel, **claims)


def watch(server, room):
    """A client that hears of joins and leaves in a room, behind its own join."""
    watcher = RawCentrifuge(server, token=token("watcher", channels=[room, f"presence:{room}"]))
    watcher.ask("unsubscribe", channel=room)
    watcher.ask("unsubscribe", channel=f"presence:{room}")
    watcher.ask("subscribe", channel=room, join_leave=True)
    own = watcher.connected["client"]
    while (push := watcher.next()["push"]).get("join", {}).get("info", {}).get("client") != own or "leave" in push:
        pass
    return watcher


def heard(watcher, room, kind):
    """The client of the next join or leave."""
    return watcher.push(room, kind)["info"]


def test_a_token_says_what_a_client_is_in_its_channel(rooms, room):
    with watch(rooms, room) as watcher, RawCentrifuge(rooms, token=token("7", info={"name": "Ann"})) as client:
        shown = to(room, info={"role": "guest", "n": 12345678901234567890123}, data=["hello"])
        assert client.ask("subscribe", channel=room, token=shown)["subscribe"]["data"] == ["hello"]
        about = {
            "user": "7",
            "client": client.connected["client"],
            "conn_info": {"name": "Ann"},
            "chan_info": {"role": "guest", "n": 12345678901234567890123},
        }
        assert heard(watcher, room, "join") == about
        assert listed(watcher, room)[about["client"]] == about
        shown = api(rooms).presence(cent.PresenceRequest(channel=room)).presence[about["client"]]
        assert (shown.chan_info, shown.conn_info) == (about["chan_info"], about["conn_info"])
        client.ask("publish", channel=room, data=1)
        assert watcher.publication(room)["info"] == about
        client.ask("publish", channel=f"{room}-other", data=1)
        # A new token says something else, or nothing any more.
        assert "sub_refresh" in client.ask("sub_refresh", channel=room, token=to(room, b64info="AP8="))
        assert listed(watcher, room)[about["client"]]["chan_info"] == "AP8="
        assert "sub_refresh" in client.ask("sub_refresh", channel=room, token=to(room))
        assert "chan_info" not in listed(watcher, room)[about["client"]]
        assert "sub_refresh" in client.ask("sub_refresh", channel=room, token=to(room, info=2))
        client.ask("unsubscribe", channel=room)
        assert heard(watcher, room, "leave")["chan_info"] == 2
        assert "subscribe" in client.ask("subscribe", channel=room, token=to(room))
        assert "chan_info" not in heard(watcher, room, "join")
    history = api(rooms).history(cent.HistoryRequest(channel=f"{room}-other", limit=-1)).publications
    assert history[0].info.conn_info == {"name": "Ann"} and history[0].info.chan_info is None


def test_the_sdks_see_what_a_client_is_in_a_channel(rooms, room):
    async def known_token():
        return token("7", subs={room: {"info": {"n": 1}}})

    with NodeSdk(rooms, token=token("8")) as node:
        node.wait_for("connected")
        node.do("subscribe", channel=room, options={"token": to(room, sub="8", info=[8])})
        node.wait_for("subscribed")
        with PythonSdk(rooms, get_token=known_token) as python:
            own = python.wait_for("connected").client
            python.wait_for("server subscribed")
            node.do("presence", channel=room)
            clients = node.wait_for("presence", skip=("join",))["clients"]
            assert clients[own]["chanInfo"] == {"n": 1}
            assert sorted(str(it["chanInfo"]) for it in clients.values()) == ["[8]", "{'n': 1}"]
            found = python.run(python.client.presence(room)).clients
            assert sorted(str(it.chan_info) for it in found.values()) == ["[8]", "{'n': 1}"]
            python.run(python.client.publish(room, "said"))
            published = node.wait_for("publication", data="said")["info"]
            assert (published["client"], published["chanInfo"]) == (own, {"n": 1})


def test_channels_that_the_server_gives_have_their_info(rooms, room, user):
    subs = {room: {"info": {"from": "token"}}, f"{room}-plain": {}}
    with watch(rooms, room) as watcher, RawCentrifuge(rooms, token=token(user, subs=subs)) as client:
        name = client.connected["client"]
        assert heard(watcher, room, "join")["chan_info"] == {"from": "token"}
        give(rooms, user, f"{room}-b", info={"from": "api"})
        client.push(f"{room}-b", "subscribe")
        shown = api(rooms).presence(cent.PresenceRequest(channel=f"{room}-b")).presence
        assert shown[name].chan_info == {"from": "api"}
        shown = api(rooms).presence(cent.PresenceRequest(channel=f"{room}-plain")).presence
        assert shown[name].chan_info is None
        client.ask("publish", channel=f"{room}-b", data=1)
        assert client.publication(f"{room}-b")["info"]["chan_info"] == {"from": "api"}


def test_a_hook_says_what_a_client_is_in_its_channel(serve, backend):
    hooks = backend(
        connect={"result": {"user": "7", "subs": {"room:own": {"info": "owner"}}}},
        subscribe=lambda asked: {"result": {"info": {"in": asked["channel"]}, "data": 1}},
    )
    server = serve(hooks.config("connect", "subscribe") + RULES)
    with RawCentrifuge(server) as client:
        assert client.ask("subscribe", channel="room:a")["subscribe"]["data"] == 1
        name = client.connected["client"]
        for channel, info in [("room:a", {"in": "room:a"}), ("room:own", "owner")]:
            client.ask("publish", channel=channel, data=1)
            published = client.publication(channel)
            assert published["info"] == {"user": "7", "client": name, "chan_info": info}
    hooks.answers["subscribe"] = {"result": {"info": "x" * INFO_MAX}}
    with RawCentrifuge(server) as client:
        assert client.ask("subscribe", channel="room:b")["error"]["code"] == 100


def test_info_is_bounded_for_a_channel_and_for_a_connection(rooms, room, user):
    long = "x" * (INFO_MAX - 2)
    with RawCentrifuge(rooms, token=token("7")) as client:
        reply = client.ask("subscribe", channel=room, token=to(room, info=long + "x"))
        assert reply["error"]["code"] == 103
        for n in range(16):
            name = f"{room}-{n}"
            assert "subscribe" in client.ask("subscribe", channel=name, token=to(name, info=long))
        more = f"{room}-more"
        assert client.ask("subscribe", channel=more, token=to(more, info=1))["error"]["code"] == 106
        assert "subscribe" in client.ask("subscribe", channel=more, token=to(more))
        reply = client.ask("sub_refresh", channel=more, token=to(more, info=1))
        assert reply["error"]["code"] == 106
        assert "sub_refresh" in client.ask("sub_refresh", channel=f"{room}-3", token=to(f"{room}-3", info=long))
        client.ask("unsubscribe", channel=f"{room}-3")
        assert "sub_refresh" in client.ask("sub_refresh", channel=more, token=to(more, info=1))
    with RawCentrifuge(rooms, token=token(user)) as client:
        for n in range(16):
            give(rooms, user, f"{room}-{n}", info=long)
            client.push(f"{room}-{n}", "subscribe")
        with pytest.raises(cent.CentApiResponseError) as raised:
            give(rooms, user, f"{room}-more", info=1)
        assert raised.value.code == 106
        with pytest.raises(cent.CentApiResponseError) as raised:
            give(rooms, user, f"{room}-more", info=long + "x")
        assert raised.value.code == 107


def test_a_list_of_clients_is_bounded_whatever_their_info(rooms, room):
    """What has room is listed, each of them whole."""
    long = "x" * 2_500
    clients = []
    try:
        for n in range(64):
            subs = {room: {"info": f"{n}{long}"}}
            clients.append(RawCentrifuge(rooms, token=token(f"u{n}", subs=subs, info=long)))
        found = listed(clients[0], room)
        assert 10 <= len(found) <= 13 and all(it["chan_info"].endswith(long) for it in found.values())
        stats = clients[0].ask("presence_stats", channel=room)["presence_stats"]
        assert stats == {"num_clients": 64, "num_users": 64}
    finally:
        for client in clients:
            client.close()


def test_what_others_are_told_of_a_client_changes_by_the_api(rooms, room, user):
    with watch(rooms, room) as watcher:
        clients = [RawCentrifuge(rooms, token=token(user, channels=[room], info=1)) for _ in range(4)]
        try:
            for _ in clients:
                assert heard(watcher, room, "join")["conn_info"] == 1
            first = clients[0].connected["client"]
            api(rooms).refresh(cent.RefreshRequest(user=user, expire_at=int(time.time()) + 900))
            request = {"user": user, "client": first, "info": {"n": 2}}
            assert rooms.request("POST", "/api/refresh", json.dumps(request).encode())[0] == 200

            def infos():
                found = [it for it in listed(watcher, room).values() if it["user"] == user]
                return sorted(str(it["conn_info"]) for it in found)

            wait_until("it has changed", lambda: infos() == ["1", "1", "1", "{'n': 2}"])
            other = {"user": user, "b64info": "AP8="}
            assert rooms.request("POST", "/api/refresh", json.dumps(other).encode())[0] == 200
            assert infos() == ["AP8="] * 4
            clients[1].ask("publish", channel=room, data=1)
            assert watcher.publication(room)["info"]["conn_info"] == "AP8="
        finally:
            for client in clients:
                client.close()


def test_a_refresh_hook_changes_what_others_are_told(serve, backend):
    hooks = backend(refresh={"result": {"info": {"n": 2}}})
    server = serve(hooks.config("refresh") + RULES.replace('"hook"', '"granted"'), token_secret=SECRET)
    shown = token("7", seconds=2, info=1, channels=["room:a"])

    def told():
        (found,) = api(server).presence(cent.PresenceRequest(channel="room:a")).presence.values()
        return found.conn_info

    with V1(server, f"/sub/room:a?token={shown}"):
        assert told() == 1
        hooks.wait_for("refresh")
        wait_until("it has changed", lambda: told() == {"n": 2})
