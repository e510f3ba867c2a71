"""Limits of users, whatever their addresses and connections."""

import pytest

from support.raw_http import RawConnection, get, upgrade
from support.raw_websocket import TEXT, RawWebSocket, frame
from support.tokens import SECRET, token
from support.v1 import PROTOCOL
from support.waiting import wait_until

ADDRESSES = ["127.0.0.2", "127.0.0.3", "127.0.0.4"]


def bearer(sub, **claims):
    return f"Authorization: Bearer {token(sub, **claims)}"


def ask(server, request, source="127.0.0.1"):
    """The connection and its answer; an answer that refuses says when to come back."""
    connection = RawConnection(server, source=source)
    answer = connection.send(request).read_answer()
    if answer.status == 429:
        assert 1 <= int(answer.header("Retry-After")) <= 60, answer
    return connection, answer


def listen(server, sub, source="127.0.0.1"):
    connection, answer = ask(server, upgrade(server, "/sub/news", bearer(sub)), source)
    return connection, answer.status


def test_a_user_has_its_share_on_all_shards_and_addresses_together(start, plane, shards):
    server = start(plane, shards, token_secret=SECRET, connections_per_user_max=3)
    inside = [listen(server, "7", source) for source in ADDRESSES]
    assert [status for _, status in inside] == [101] * 3
    for refused, source in enumerate(ADDRESSES * 2, 1):
        _, answer = ask(server, upgrade(server, "/sub/news", bearer("7")), source)
        assert answer.status == 429 and b"connections_per_user_max" in answer.body, answer
        assert server.counter("refused_user") == refused
    # In every way, and before anything is opened.
    for headers in (["Accept: text/event-stream"], []):
        _, answer = ask(server, get(server, "/sub/news?poll=1", bearer("7"), *headers))
        assert answer.status == 429
    assert server.counter("websockets_open") == 3 and server.counter("polls_held") == 0
    # Others are let in, and so are those whom no token names.
    others = [listen(server, sub) for sub in ("8", "8", None, None, None, None)]
    others += [listen(server, f"{n}") for n in range(20, 40)]
    assert {status for _, status in others} == {101}
    # One that goes makes room for one, however it goes.
    inside.pop()[0].close()
    server.wait_for_subscribers("news", 28)
    inside.append(listen(server, "7"))
    assert inside[-1][1] == 101 and listen(server, "7")[1] == 429
    assert server.counter("refused_address") == 0


def test_polls_count_while_they_listen(start, plane, shards):
    server = start(plane, shards, token_secret=SECRET, connections_per_user_max=1)
    for _ in range(20):
        _, answer = ask(server, get(server, "/sub/news?poll=1", bearer("7")))
        assert answer.status == 304
    held = RawConnection(server).send(get(server, "/sub/news", bearer("7")))
    wait_until("the poll", lambda: server.counter("polls_held") == 1)
    assert listen(server, "7")[1] == 429
    server.publish("news", "an answer")
    assert held.read_answer().status == 200
    assert listen(server, "7")[1] == 101


def test_a_new_token_takes_no_second_place(start, plane):
    server = start(plane, token_secret=SECRET, connections_per_user_max=1)
    offer = f"Sec-WebSocket-Protocol: {PROTOCOL}"
    with RawWebSocket(server, "/sub/news", headers=[offer, bearer("7")]) as client:
        client.read_frame()
        refresh = b"refresh: 1\n\n" + token("7").encode()
        client.send(frame(TEXT, refresh))
        assert client.read_frame()[2].startswith(b"refreshed: 1\n")
        assert listen(server, "7")[1] == 429
        # Who had no name may not become a user that has its share.
        with RawWebSocket(server, "/sub/news", headers=[offer]) as nameless:
            nameless.read_frame()
            nameless.send(frame(TEXT, refresh))
            answer = nameless.read_frame()[2]
            assert answer.startswith(b"error: 1\ncode: 429\n"), answer


def test_publications_of_a_user_are_limited_over_all_its_connections(start, plane, shards, namespaces):
    config = namespaces('[namespace.open]\npublish = "anyone"\n')
    keys = {"token_secret": SECRET, "publishes_per_second_per_user": 5}
    server = start(plane, shards, config=config, **keys)

    def publish_until_refused(sub):
        with RawWebSocket(server, "/sub/open:a", headers=[bearer(sub)]) as client:
            for count in range(200):
                client.send(frame(TEXT, b"x"))
                found = client.read_frame()
                if found[1] != TEXT:
                    assert found[2][:2] == (1_008).to_bytes(2, "big") and b"per_user" in found[2]
                    return count
        pytest.fail("nothing was refused")

    assert publish_until_refused("7") >= 5
    assert server.counter("refused_publishes") == 1
    # Connecting anew does not help, and another user has its own.
    assert publish_until_refused("7") <= 5
    assert publish_until_refused("8") >= 5


def test_joins_of_a_user_are_limited_over_all_its_connections(start, plane, shards):
    keys = {"token_secret": SECRET, "joins_per_second_per_user": 2}
    server = start(plane, shards, **keys)

    def poll(sub, source="127.0.0.1"):
        return ask(server, get(server, "/sub/news?poll=1", bearer(sub)), source)[1]

    assert [poll("7", source).status for source in ADDRESSES[:2]] == [304, 304]

    def is_refused():
        answer = poll("7", ADDRESSES[2])
        return answer.status == 429 and b"joins_per_second_per_user" in answer.body

    wait_until("a refusal", is_refused)
    assert server.counter("refused_joins") >= 1
    assert poll("8").status == 304
    wait_until("a token", lambda: poll("7").status == 304)
