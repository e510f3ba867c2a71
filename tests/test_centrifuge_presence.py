"""Who listens to a channel, as clients of the Centrifuge SDKs ask."""

import time

import pytest

from support.centrifuge import NodeSdk, PythonSdk, RawCentrifuge
from support.event_stream import EventStream
from support.raw_websocket import RawWebSocket
from support.tokens import SECRET, token
from support.v1 import V1
from support.waiting import wait_until

ROOMS = """
[namespace.room]
presence_list = true
[namespace.quiet]
[namespace.known]
presence = "authenticated"
presence_list = true
[namespace.secret]
presence = "nobody"
presence_list = true
"""

# What is listed in an answer, and found in a second over time (`shard/src/subscribe/present.rs`,
# `shard/src/core/presence_queries.rs`).
LISTED_BYTES = 64 << 10
BYTES_PER_S = 8 << 20


@pytest.fixture(scope="module")
def rooms(start_shared, plane, shards, namespaces):
    """One server for the tests that leave it as it was."""
    return start_shared(plane, shards, config=namespaces(ROOMS), token_secret=SECRET)


def listed(client, channel):
    return client.ask("presence", channel=channel)["presence"]["presence"]


def numbers(client, channel):
    stats = client.ask("presence_stats", channel=channel)["presence_stats"]
    return stats["num_clients"], stats["num_users"]


def test_the_npm_sdk_knows_who_is_there(rooms, room):
    with NodeSdk(rooms, token=token("7", info={"name": "Ann"})) as client, RawCentrifuge(rooms) as other:
        own = client.wait_for("connected")["client"]
        client.subscribe(room)
        client.wait_for("subscribed")
        other.ask("subscribe", channel=room)
        stranger = other.connected["client"]
        client.do("presence", channel=room)
        expected = {
            own: {"user": "7", "client": own, "connInfo": {"name": "Ann"}},
            stranger: {"user": "", "client": stranger},
        }
        clients = client.wait_for("presence")["clients"]
        # The SDK also has them as they came.
        assert {name: {**about, **expected[name]} for name, about in clients.items()} == clients
        assert set(clients) == set(expected)
        client.do("presenceStats", channel=room)
        client.wait_for("presenceStats", numClients=2, numUsers=2)


def test_the_python_sdk_knows_who_is_there(rooms, room):
    async def known_token():
        return token("7", info={"name": "Ann"})

    with PythonSdk(rooms, get_token=known_token) as client, RawCentrifuge(rooms) as other:
        own = client.wait_for("connected").client
        subscription = client.subscribe(room)
        client.wait_for("subscribed")
        other.ask("subscribe", channel=room)
        clients = client.run(subscription.presence()).clients
        assert set(clients) == {own, other.connected["client"]}
        assert (clients[own].user, clients[own].conn_info) == ("7", {"name": "Ann"})
        stats = client.run(subscription.presence_stats())
        assert (stats.num_clients, stats.num_users) == (2, 2)


def test_all_ways_to_listen_are_there_and_whoever_asks_need_not_be(rooms, room):
    lines = [RawWebSocket(rooms, f"/sub/{room}"), V1(rooms, f"/sub/{room}")]
    lines += [EventStream(rooms, f"/sub/{room}?token={token('8')}") for _ in range(2)]
    rooms.wait_for_subscribers(room, 4)
    with RawCentrifuge(rooms) as client:
        found = listed(client, room)
        assert sorted(entry["user"] for entry in found.values()) == ["", "", "8", "8"]
        assert all(entry["client"] == name for name, entry in found.items())
        assert numbers(client, room) == (4, 2)
        for line in lines:
            line.close()
        rooms.wait_for_subscribers(room, 0)
        assert listed(client, room) == {} and numbers(client, room) == (0, 0)
        assert listed(client, f"{room}-never") == {}


def test_a_client_that_has_subscribed_is_there_at_once(rooms, room):
    """On whichever shard, and is not when it has left."""
    with RawCentrifuge(rooms) as client:
        for n in range(40):
            with RawCentrifuge(rooms) as other:
                other.ask("subscribe", channel=f"{room}-{n}")
                expected = {other.connected["client"]}
                assert set(listed(client, f"{room}-{n}")) == set(listed(other, f"{room}-{n}")) == expected
                other.ask("unsubscribe", channel=f"{room}-{n}")
                assert listed(client, f"{room}-{n}") == {}


def test_who_reads_the_history_does_not_listen(rooms, room):
    with RawCentrifuge(rooms) as client, RawCentrifuge(rooms) as reader:
        for n in range(20):
            reader.write(reader.command("history", channel=f"{room}-{n}", limit=1))
            assert listed(client, f"{room}-{n}") == {}


def test_commands_behind_a_question_wait_for_its_answer_and_publications_do_not(rooms, room):
    with RawCentrifuge(rooms) as client:
        client.ask("subscribe", channel=room)
        for n in range(50):
            first = client.number + 1
            names = ["presence", "presence_stats", "unsubscribe", "presence", "subscribe", "presence"]
            client.write(*(client.command(name, channel=room) for name in names))
            rooms.publish(room, str(n))
            replies = [client.reply(first + at) for at in range(len(names))]
            assert [list(reply)[1] for reply in replies] == names
            counts = [len(reply["presence"]["presence"]) for reply in replies if "presence" in reply]
            assert counts == [1, 0, 1] and replies[1]["presence_stats"] == {"num_clients": 1, "num_users": 1}
        found = [message["push"]["pub"]["data"] for message in client.waiting]
        client.waiting.clear()
        assert found == sorted(found), "none comes twice"


def test_presence_has_its_rights(rooms, channel):
    with RawCentrifuge(rooms) as stranger, RawCentrifuge(rooms, token=token("7")) as client:
        for method in ("presence", "presence_stats"):

            def code(asking, name, method=method):
                reply = asking.ask(method, channel=name)
                return reply["error"]["code"] if "error" in reply else None

            assert code(client, f"quiet:{channel}") == code(client, channel) == 108
            assert code(stranger, f"known:{channel}") == 103 and code(client, f"known:{channel}") is None
            assert code(client, f"secret:{channel}") == 103
            assert code(client, "a/b") == code(client, "") == 107
        assert client.ask("ping")["ping"] == {}


def test_a_channel_without_a_namespace_is_unknown(start, plane, namespaces):
    server = start(plane, config=namespaces(ROOMS), token_secret=SECRET, strict_namespaces=True)
    with RawCentrifuge(server) as client:
        assert client.ask("presence", channel="other:a")["error"]["code"] == 102


def test_a_new_token_changes_who_is_there(rooms, room):
    with RawCentrifuge(rooms, token=token("7")) as client:
        client.ask("subscribe", channel=room)
        client.ask("refresh", token=token("7", info=[1, "\n"]))
        (found,) = listed(client, room).values()
        assert found["conn_info"] == [1, "\n"]


# Bounds.


@pytest.fixture
def crowd(rooms, room):
    """Many clients in a room, whose list would be much more than an answer has."""
    shown = token("7", info={"about": "x" * 400})
    clients = [RawWebSocket(rooms, f"/sub/{room}?token={shown}") for _ in range(300)]
    rooms.wait_for_subscribers(room, len(clients))
    yield len(clients)
    for client in clients:
        client.close()


def test_a_list_is_bounded_and_the_number_is_not(rooms, room, crowd):
    with RawCentrifuge(rooms) as client:
        client.write(client.command("presence", channel=room))
        _, _, text = client.read_frame()
        assert LISTED_BYTES * 0.9 < len(text) < LISTED_BYTES + 100
        assert 100 < text.count(b'"user"') < crowd
        assert numbers(client, room) == (crowd, 1)


def test_whoever_asks_as_fast_as_it_can_takes_a_bounded_time(rooms, room, crowd):
    """Whatever the machine does, and all others are served meanwhile."""
    with RawCentrifuge(rooms) as stranger, RawCentrifuge(rooms) as client:
        client.ask("subscribe", channel=f"{room}-other")
        began, before = time.monotonic(), rooms.counter("presence_queries")
        commands = [stranger.command("presence", channel=room) for _ in range(400)]
        stranger.write(*commands)
        for n in range(100):
            rooms.publish(f"{room}-other", str(n))
            assert client.publication(f"{room}-other")["data"] == n
            assert set(listed(client, f"{room}-other")) == {client.connected["client"]}
        answered = rooms.counter("presence_queries") - before - 200
        took_s = time.monotonic() - began
        # Each shard finds its part of an answer.
        most = (took_s * BYTES_PER_S + 4 * LISTED_BYTES) / LISTED_BYTES * 2
        assert answered <= most, (answered, took_s)
        # It reads nothing, so it is not answered for ever.
        stranger.reply(commands[3]["id"])


def test_clients_that_leave_while_they_ask_leave_nothing_behind(rooms, room, crowd):
    with RawCentrifuge(rooms) as client:
        for _ in range(60):
            leaving = RawCentrifuge(rooms)
            leaving.write(*(leaving.command("presence", channel=room) for _ in range(9)))
            leaving.close()
        assert numbers(client, room) == (crowd, 1)
    wait_until("they are gone", lambda: rooms.subscribers(room) == crowd)


def test_questions_count_as_channels_of_their_address(start, plane, namespaces):
    server = start(plane, config=namespaces(ROOMS), token_secret=SECRET, joins_per_second_per_address=20)
    with RawCentrifuge(server) as client:
        replies = [client.ask("presence", channel="room:a") for _ in range(40)]
        codes = {reply["error"]["code"] for reply in replies if "error" in reply}
        assert codes == {111} and "presence" in replies[0]
        assert server.counter("refused_joins") > 0
