"""`override` of a subscription: what a backend says of it in place of its namespace."""

import json
import time

import cent
import pytest

from support.centrifuge import NodeSdk, PythonSdk, RawCentrifuge
from support.tokens import SECRET, token
from test_centrifuge_given_channels import api, give, take_away

RULES = """
[namespace.room]
subscribe = "granted"
presence = "anyone"
history = "anyone"
publish = "anyone"
presence_list = true
join_leave = true
join_leave_per_second = 0

[namespace.quiet]
subscribe = "granted"
presence = "nobody"
join_leave_per_second = 0

[namespace.asked]
subscribe = "hook"
presence = "anyone"
presence_list = true
"""


@pytest.fixture(scope="module")
def rooms(start_shared, plane, shards, namespaces):
    """A server for the tests that leave it as it was."""
    rules = RULES.replace('"hook"', '"granted"')
    keys = {"token_secret": SECRET, "channels_per_connection_max": 8}
    return start_shared(plane, shards, config=namespaces(rules), **keys)


@pytest.fixture
def quiet(channel):
    return f"quiet:{channel}"


def override(**values):
    return {name: {"value": value} for name, value in values.items()}


def to(channel, sub="7", seconds=600, **claims):
    return token(sub, seconds, channel=channel, **claims)


def subscribe(client, channel, sub="7", asks=None, **values):
    shown = to(channel, sub=sub, seconds=None, override=override(**values))
    return client.ask("subscribe", channel=channel, token=shown, **(asks or {}))["subscribe"]


def listed(client, channel):
    return list(client.ask("presence", channel=channel)["presence"]["presence"])


def until_join_of(client, channel, other):
    """What comes up to the join of a client."""
    found = []
    while not (found and found[-1] == ("join", other.connected["client"])):
        push = client.next()["push"]
        assert push.pop("channel") == channel
        ((kind, what),) = push.items()
        found.append((kind, what["info"]["client"]))
    return found


def test_a_client_that_is_hidden_listens_like_others(rooms, room, user):
    with (
        RawCentrifuge(rooms, token=token("7")) as seen,
        RawCentrifuge(rooms, token=token("7")) as hidden,
        RawCentrifuge(rooms, token=token(user)) as given,
    ):
        subscribe(seen, room)
        subscribe(hidden, room, presence=False)
        name = seen.connected["client"]
        assert listed(seen, room) == [name] and listed(hidden, room) == [name]
        options = cent.ChannelOptionsOverride(presence=cent.BoolValue(value=False))
        give(rooms, user, room, override=options)
        given.push(room, "subscribe")
        assert listed(given, room) == [name]
        stats = seen.ask("presence_stats", channel=room)["presence_stats"]
        assert stats == {"num_clients": 1, "num_users": 1}
        assert list(api(rooms).presence(cent.PresenceRequest(channel=room)).presence) == [name]
        numbers = api(rooms).presence_stats(cent.PresenceStatsRequest(channel=room))
        assert (numbers.num_clients, numbers.num_users) == (1, 1)
        # Whoever runs the server sees all of them.
        everybody = json.loads(rooms.request("GET", f"/subscribers/{room}")[2])
        assert everybody["subscribers"] == 3 and len(everybody["list"]) == 3
        rooms.publish(room, "1")
        assert all(client.publication(room)["data"] == 1 for client in (seen, hidden, given))
        hidden.ask("unsubscribe", channel=room)
        take_away(rooms, user, room)
        given.push(room, "unsubscribe")
        stats = seen.ask("presence_stats", channel=room)["presence_stats"]
        assert stats["num_clients"] == 1
        # What was said of the one before does not count for the next.
        subscribe(hidden, room)
        assert sorted(listed(seen, room)) == sorted([name, hidden.connected["client"]])


def test_joins_are_told_or_not_as_a_backend_says(rooms, room, quiet):
    with RawCentrifuge(rooms, token=token("7")) as hears:
        subscribe(hears, room, asks={"join_leave": True})
        until_join_of(hears, room, hears)
        silent, loud = (RawCentrifuge(rooms, token=token("7")) for _ in range(2))
        # Whoever is silent may hear of others.
        subscribe(silent, room, join_leave=False, asks={"join_leave": True})
        subscribe(loud, room)
        assert until_join_of(hears, room, loud) == [("join", loud.connected["client"])]
        assert until_join_of(silent, room, loud)[-1] == ("join", loud.connected["client"])
        silent.close()
        loud.close()
        left = hears.push(room, "leave")["info"]["client"]
        assert left == loud.connected["client"]
    # A namespace without joins, where nobody may hear of them: a backend says who does.
    with RawCentrifuge(rooms, token=token("7")) as hears, RawCentrifuge(rooms, token=token("7")) as loud:
        subscribe(hears, quiet, force_push_join_leave=True)
        subscribe(loud, quiet, join_leave=True, asks={"join_leave": True})
        assert until_join_of(hears, quiet, loud) == [("join", loud.connected["client"])]
        loud.ask("unsubscribe", channel=quiet)
        assert hears.push(quiet, "leave")["info"]["client"] == loud.connected["client"]
        # Nothing of it has come to those who may not hear.
        assert not loud.waiting and loud.ask("ping")["ping"] == {} and not loud.waiting
        # A new token of the connection leaves it as it is.
        assert "refresh" in hears.ask("refresh", token=token("7", 900))
        subscribe(loud, quiet, join_leave=True)
        assert until_join_of(hears, quiet, loud) == [("join", loud.connected["client"])]


def test_joins_are_pushed_in_channels_that_the_server_gives(rooms, room, user):
    forced = override(force_push_join_leave=True)
    subs = {room: {"override": forced}, f"{room}-plain": {}}
    with NodeSdk(rooms, token=token(user, subs=subs)) as node:
        own = node.wait_for("connected")["client"]
        seen = {node.wait_for("server subscribed")["channel"] for _ in range(2)}
        assert seen == set(subs)
        node.wait_for("server join", channel=room, info={"user": user, "client": own})
        with RawCentrifuge(rooms, token=token("8", channels=[room, f"{room}-plain"])) as other:
            about = {"user": "8", "client": other.connected["client"]}
            node.wait_for("server join", channel=room, info=about)
        node.wait_for("server leave", channel=room, info=about)
        rooms.publish(f"{room}-plain", "1")
        node.wait_for("server publication", channel=f"{room}-plain")
    with RawCentrifuge(rooms, token=token(f"{user}-b")) as client:
        options = cent.ChannelOptionsOverride(force_push_join_leave=cent.BoolValue(value=True))
        give(rooms, f"{user}-b", room, override=options)
        client.push(room, "subscribe")
        with RawCentrifuge(rooms, token=token("8", channels=[room])) as other:
            until_join_of(client, room, other)
        take_away(rooms, f"{user}-b", room)
        while "unsubscribe" not in (push := client.next()["push"]):
            assert "leave" in push


def test_joins_count_as_a_channel_of_a_connection(rooms, room, user):
    forced = override(force_push_join_leave=True)
    names = [f"{room}-{n}" for n in range(4)]
    subs = {name: {"override": forced} for name in names}
    with RawCentrifuge(rooms, token=token(user, subs=subs)) as client:
        assert sorted(client.connected["subs"]) == names
        reply = client.ask("subscribe", channel=f"{room}-x", token=to(f"{room}-x", sub=user))
        assert reply["error"]["code"] == 106
        client.ask("unsubscribe", channel=names[0])
        options = cent.ChannelOptionsOverride(force_push_join_leave=cent.BoolValue(value=True))
        give(rooms, user, f"{room}-y", override=options)
        while client.next()["push"]["channel"] != f"{room}-y":
            pass
        client.ask("unsubscribe", channel=names[1])
        assert "subscribe" in client.ask("subscribe", channel=f"{room}-x", token=to(f"{room}-x", sub=user))
        shown = to(f"{room}-z", sub=user, override=forced)
        assert client.ask("subscribe", channel=f"{room}-z", token=shown)["error"]["code"] == 106
        with pytest.raises(cent.CentApiResponseError) as raised:
            give(rooms, user, f"{room}-z", override=options)
        assert raised.value.code == 106
    subs[f"{room}-4"] = {}
    with RawCentrifuge(rooms, connect=False) as client:
        client.write(client.command("connect", token=token(user, subs=subs)))
        assert client.close_of() == (3505, "channel limit")


def test_a_subscription_that_is_not_recovered_begins_anew(rooms, room, user):
    no = {"force_recovery": False, "force_positioning": False}
    with RawCentrifuge(rooms, token=token("7")) as client:
        plain = subscribe(client, room, **no)
        assert plain == {}
        rooms.publish(room, "1")
        assert client.publication(room)["data"] == 1
        client.ask("unsubscribe", channel=room)
        positioned = subscribe(client, room, force_recovery=False)
        assert "recoverable" not in positioned and positioned["positioned"] and positioned["epoch"]
        client.ask("unsubscribe", channel=room)
        # Whoever asks for it has it, as in every channel.
        asked = subscribe(client, room, asks={"recoverable": True}, **no)
        assert asked["recoverable"] and asked["positioned"] and asked["offset"] == positioned["offset"]
        client.ask("unsubscribe", channel=room)
        rooms.publish(room, "2")
        place = {"recover": True, "offset": asked["offset"], "epoch": asked["epoch"]}
        again = subscribe(client, room, asks=place, **no)
        assert again["recovered"] and [it["data"] for it in again["publications"]] == [2]
    subs = {room: {"override": override(**no)}, f"{room}-b": {}}
    with RawCentrifuge(rooms, token=token(user, subs=subs)) as client:
        assert client.connected["subs"][room] == {}
        assert client.connected["subs"][f"{room}-b"]["recoverable"]
    with RawCentrifuge(rooms, token=token(user, subs=subs), subs={room: place}) as client:
        assert client.connected["subs"][room] == {}
        false = cent.BoolValue(value=False)
        options = cent.ChannelOptionsOverride(force_recovery=false, force_positioning=false)
        give(rooms, user, f"{room}-c", override=options)
        assert client.push(f"{room}-c", "subscribe") == {}


def test_the_sdks_come_back_without_what_they_missed(rooms, room, user):
    no = override(force_recovery=False, force_positioning=False)

    async def known_token():
        return token(user, subs={f"{room}-own": {"override": no}})

    with NodeSdk(rooms, token=token("7")) as node, PythonSdk(rooms, get_token=known_token) as python:
        node.wait_for("connected")
        node.subscribe(room, token=to(room, override=no))
        node.wait_for("subscribed", recoverable=False, positioned=False)
        python.wait_for("connected")
        python.wait_for("server subscribed")
        rooms.publish(room, "1")
        node.wait_for("publication", data=1)
        rooms.publish(f"{room}-own", "1")
        assert python.wait_for("server publication").pub.data == 1
        node.do("disconnect")
        node.wait_for("disconnected", skip=("connecting", "subscribing", "unsubscribed"))
        rooms.publish(room, "2")
        node.do("connect")
        node.wait_for("connected")
        node.wait_for("subscribed", wasRecovering=False)
        rooms.publish(room, "3")
        node.wait_for("publication", data=3)


def test_what_is_lost_is_not_told_to_those_without_positions(serve):
    rules = """
[namespace.tick]
subscribe = "granted"
slow_policy = "skip"
log_publications_max = 20
history_publications = 20
"""
    server = serve(rules, token_secret=SECRET)
    no = {"force_recovery": False, "force_positioning": False}
    count, ends = 300, {}
    for values in (no, {}):
        with RawCentrifuge(server, token=token("7"), receive_buffer=4_096) as client:
            subscribe(client, "tick:a", **values)
            for _ in range(0, count, 10):
                server.publish_all("tick:a", ["x" * 10_000] * 10)
            server.publish("tick:a", "last")
            got = []
            while "pub" in (push := client.next()["push"]) and push["pub"]["data"] != "last":
                got.append(push)
            assert len(got) < count, "nothing was lost"
            ends[bool(values)] = "went on" if "pub" in push else push["unsubscribe"]["code"]
    assert ends == {True: "went on", False: 2500}


def test_a_hook_says_what_a_subscription_is_like_and_when_it_ends(serve, backend):
    hooks = backend(
        subscribe=lambda asked: {
            "result": {
                "override": override(presence=False, force_recovery=False, force_positioning=False),
                "expire_at": int(time.time()) + (60 if asked["channel"] == "asked:long" else -1),
            }
        }
    )
    server = serve(hooks.config("subscribe") + RULES, token_secret=SECRET)
    with RawCentrifuge(server, token=token("7")) as client:
        assert client.ask("subscribe", channel="asked:over")["error"]["code"] == 110
        begun = client.ask("subscribe", channel="asked:long")["subscribe"]
        assert begun["expires"] and 58 <= begun["ttl"] <= 60 and "recoverable" not in begun
        assert listed(client, "asked:long") == []
        # A token prolongs it.
        reply = client.ask("sub_refresh", channel="asked:long", token=to("asked:long", seconds=900))
        assert 890 <= reply["sub_refresh"]["ttl"] <= 900


@pytest.mark.alone
def test_a_subscription_that_a_hook_has_granted_ends(serve, backend):
    hooks = backend(subscribe=lambda _: {"result": {"expire_at": int(time.time()) + 2}})
    server = serve(hooks.config("subscribe") + RULES, token_secret=SECRET)
    with RawCentrifuge(server) as client:
        begun = client.ask("subscribe", channel="asked:a")["subscribe"]
        assert begun["expires"] and begun["ttl"] <= 2
        since = time.monotonic()
        client.socket.settimeout(60)
        while "unsubscribe" not in (push := client.next().get("push", {})):
            client.write("{}")
        assert push["unsubscribe"]["code"] == 2501 and 25 <= time.monotonic() - since <= 32
        # It asks again, and so is the backend.
        assert "subscribe" in client.ask("subscribe", channel="asked:a")
    assert len(hooks.questions("subscribe")) == 2
