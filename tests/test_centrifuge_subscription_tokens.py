"""Tokens that let a Centrifuge client listen to one channel."""

import time

import pytest

from support.centrifuge import NodeSdk, PythonSdk, RawCentrifuge
from support.raw_http import RawConnection, get
from support.tokens import SECRET, token
from support.waiting import wait_until

RULES = """
[namespace.room]
subscribe = "granted"

[namespace.asked]
subscribe = "hook"

[namespace.shut]
subscribe = "nobody"

[namespace.named]
subscribe = "authenticated"
"""


@pytest.fixture(scope="module")
def rooms(start_shared, plane, shards, namespaces):
    """A server for the tests that leave it as it was."""
    rules = RULES.replace('subscribe = "hook"', 'subscribe = "granted"')
    return start_shared(plane, shards, config=namespaces(rules), token_secret=SECRET)


def to(channel, sub="7", seconds=600, **claims):
    """A token for a subscription."""
    return token(sub, seconds, channel=channel, **claims)


def subscribe(client, channel, shown, **fields):
    return client.ask("subscribe", channel=channel, token=shown, **fields)


def test_a_token_lets_its_client_listen_to_its_channel(rooms, room):
    with RawCentrifuge(rooms, token=token("7")) as client:
        name = client.connected["client"]
        assert client.ask("subscribe", channel=room)["error"]["code"] == 103
        result = subscribe(client, room, to(room))["subscribe"]
        assert result["expires"] and 590 <= result["ttl"] <= 600 and result["recoverable"]
        result = subscribe(client, f"{room}-c", to(f"{room}-c", client=name, expire_at=0))["subscribe"]
        assert "expires" not in result and "ttl" not in result
        assert "subscribe" in subscribe(client, f"{room}-e", to(f"{room}-e", seconds=None))
        # Where nobody may, and where a name is wanted that the client has, tokens change nothing.
        assert subscribe(client, "shut:a", to("shut:a"))["error"]["code"] == 103
        assert "subscribe" in subscribe(client, f"named:{room}", to(f"named:{room}"))
        rooms.publish(room, "1")
        assert client.publication(room)["data"] == 1
        assert client.ask("unsubscribe", channel=room)["unsubscribe"] == {}
        assert client.ask("subscribe", channel=room)["error"]["code"] == 103
    with RawCentrifuge(rooms) as client:
        assert "subscribe" in subscribe(client, room, to(room, sub=""))
        assert "subscribe" in subscribe(client, f"{room}-n", to(f"{room}-n", sub=None))
        assert subscribe(client, f"named:{room}", to(f"named:{room}", sub=""))["error"]["code"] == 103


def test_a_token_that_is_not_good_is_refused(rooms, room):
    with RawCentrifuge(rooms, token=token("7")) as client:
        other = to(room, key="another secret of thirty-two bytes!!")
        assert subscribe(client, room, other)["error"]["code"] == 103
        assert subscribe(client, room, "x")["error"]["code"] == 103
        assert subscribe(client, room, to(room, seconds=-5))["error"]["code"] == 109
        assert subscribe(client, room, to(room, nbf=time.time() + 99))["error"]["code"] == 103
        assert "subscribe" in subscribe(client, room, to(room))
    others = (to(f"{room}-x"), to(room, sub="8"), to(room, sub=None), to(room, client="0"))
    for wrong in (*others, token("7", channels=[room])):
        with RawCentrifuge(rooms, token=token("7")) as client:
            client.write(client.command("subscribe", channel=room, token=wrong))
            assert client.close_of() == (3500, "invalid token"), wrong


def test_a_token_of_a_subscription_is_none_of_a_connection(rooms, room):
    with RawCentrifuge(rooms, connect=False) as client:
        client.write(client.command("connect", token=to(room)))
        assert client.close_of() == (3500, "invalid token")
    with RawCentrifuge(rooms, token=token("7")) as client:
        client.write(client.command("refresh", token=to(room)))
        assert client.close_of() == (3500, "invalid token")
    with RawConnection(rooms) as connection:
        shown = get(rooms, f"/sub/named:{room}?poll=1", f"Authorization: Bearer {to(room)}")
        answer = connection.send(shown).read_answer()
        assert answer.status == 401 and b"channel" in answer.body


def test_a_new_token_prolongs_a_subscription(rooms, room):
    with RawCentrifuge(rooms, token=token("7")) as client:
        subscribe(client, room, to(room, seconds=60))
        renewed = client.ask("sub_refresh", channel=room, token=to(room, seconds=900))["sub_refresh"]
        assert renewed["expires"] and 890 <= renewed["ttl"] <= 900
        assert client.ask("sub_refresh", channel=room, token=to(room, expire_at=0))["sub_refresh"] == {}
        rooms.publish(room, "1")
        assert client.publication(room)["data"] == 1
        assert client.ask("sub_refresh", channel=f"{room}-x", token=to(f"{room}-x"))["error"]["code"] == 103
        client.ask("subscribe", channel=f"all:{room}")
        shown = to(f"all:{room}")
        assert client.ask("sub_refresh", channel=f"all:{room}", token=shown)["error"]["code"] == 107
        # A connection's new token says nothing of it.
        assert "refresh" in client.ask("refresh", token=token("7", 900))
        rooms.publish(room, "2")
        assert client.publication(room)["data"] == 2
    for wrong in (to(room, seconds=-5), to(f"{room}-x"), to(room, sub="8"), "x", "", token("7")):
        with RawCentrifuge(rooms, token=token("7")) as client:
            subscribe(client, room, to(room))
            client.write(client.command("sub_refresh", channel=room, token=wrong))
            assert client.close_of() == (3500, "invalid token"), wrong


def test_without_keys_tokens_are_not_looked_at(serve):
    server = serve()
    with RawCentrifuge(server) as client:
        assert "subscribe" in subscribe(client, "all:a", "x")
        assert client.ask("sub_refresh", channel="all:a", token=to("all:a"))["error"]["code"] == 108


def test_a_backend_is_not_asked_about_what_a_token_grants(serve, backend):
    hooks = backend(subscribe={"error": {"code": 1000, "message": "no"}})
    server = serve(hooks.config("subscribe") + RULES, token_secret=SECRET)
    with RawCentrifuge(server, token=token("7")) as client:
        assert "subscribe" in subscribe(client, "asked:a", to("asked:a"))
        assert client.ask("subscribe", channel="asked:b")["error"]["code"] == 1000
    assert [question["channel"] for _, question, _, _ in hooks.asked] == ["asked:b"]


def test_tokens_of_subscriptions_have_their_share_of_a_turn(rooms, room):
    """Many in one message are all checked, in their order."""
    names = [f"{room}-{n}" for n in range(100)]
    with RawCentrifuge(rooms, token=token("7")) as client:
        client.write(*(client.command("subscribe", channel=name, token=to(name)) for name in names))
        assert all("subscribe" in client.next() for _ in names)


def test_the_npm_sdk_renews_the_token_of_a_subscription(rooms, room):
    with NodeSdk(rooms, token=token("7")) as client:
        client.wait_for("connected")
        client.do("subscribe", channel=room, options={}, hasTokens=True)
        client.wait_for("subscription token", channel=room)
        client.do("subscription token", channel=room, token=to(room, seconds=-5))
        client.wait_for("subscription token", skip=("subscribing", "error"))
        client.do("subscription token", channel=room, token=to(room, seconds=5))
        client.wait_for("subscribed", skip=("subscribing", "error"), channel=room)
        client.wait_for("subscription token", channel=room)
        before = rooms.counter("tokens_verified")
        client.do("subscription token", channel=room, token=to(room))
        rooms.wait_for_subscribers(room, 1)
        while rooms.counter("tokens_verified") == before:
            time.sleep(0.02)
        rooms.publish(room, "1")
        client.wait_for("publication", data=1)


def test_the_python_sdk_shows_a_token_of_a_subscription(rooms, room):
    asked = []

    async def get_token(channel):
        asked.append(channel)
        return to(channel, seconds=2)

    with PythonSdk(rooms, token=token("7")) as client:
        client.wait_for("connected")
        client.subscribe(room, get_token=get_token)
        client.wait_for("subscribed")
        rooms.publish(room, "1")
        assert client.wait_for("publication").pub.data == 1
        wait_until("a new token is shown", lambda: len(asked) >= 3)
        rooms.publish(room, "2")
        assert client.wait_for("publication").pub.data == 2


def test_a_subscription_without_a_new_token_ends(serve):
    server = serve(RULES.replace('"hook"', '"granted"'), token_secret=SECRET, ping_interval_ms=120_000)
    soon = int(time.time()) + 1
    options = {"room:given": {"expire_at": soon}}
    with (
        RawCentrifuge(server, token=token("7")) as client,
        RawCentrifuge(server, token=token("8", subs=options)) as given,
    ):
        assert list(given.connected["subs"]) == ["room:given"]
        subscribe(client, "room:a", to("room:a", expire_at=soon))
        subscribe(client, "room:b", to("room:b"))
        # It has 25 s for a new one.
        client.socket.settimeout(60)
        assert client.push("room:a", "unsubscribe") == {"code": 2501, "reason": "expired"}
        assert time.time() >= soon + 25
        server.publish("room:b", "1")
        assert client.publication("room:b")["data"] == 1
        given.socket.settimeout(60)
        assert given.close_of() == (3006, "subscription expired")
