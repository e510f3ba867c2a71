"""Who is let in: limits per address and on accepts, and room for those who ask."""

import time

import pytest

from support.raw_http import RawConnection, Truncated, get, upgrade
from support.raw_websocket import PING, TEXT, frame
from support.server import run_to_end
from support.waiting import wait_until

STRANGER, GUEST = "127.0.0.2", "127.0.0.3"


def empty(server):
    """Waits until the connection that asked for health at the start is gone."""
    wait_until("an empty server", lambda: server.counter("connections_open") == 0)
    return server


def ask_from(server, source, request=None):
    """The answer to one request from this address, which must end the connection if it refuses."""
    with RawConnection(server, source=source) as connection:
        answer = connection.send(request or get(server, "/health")).read_answer()
        if answer.status in (429, 503):
            assert answer.closes() and 1 <= int(answer.header("Retry-After")) <= 60, answer
            connection.expect_end()
        return answer


def listen_from(server, source, *headers):
    """A WebSocket from this address."""
    connection = RawConnection(server, source=source)
    answer = connection.send(upgrade(server, "/sub/news", *headers)).read_answer()
    assert answer.status == 101, answer
    return connection


def close_all(connections):
    for connection in connections:
        connection.close()


def test_one_address_has_its_share_on_all_shards_together(start, plane, shards):
    server = empty(start(plane, shards, connections_per_address_max=5))
    inside = [listen_from(server, STRANGER) for _ in range(5)]
    waits = set()
    for number in range(1, 21):
        answer = ask_from(server, STRANGER)
        assert answer.status == 429 and b"connections_per_address_max" in answer.body, answer
        waits.add(answer.header("Retry-After"))
        assert server.counter("refused_address") == number
    assert len(waits) > 1, "they would all come back together"
    assert server.counter("refused_full") == server.counter("refused_request") == 0
    # Others are served, and what it has works on.
    others = [listen_from(server, GUEST) for _ in range(5)]
    server.publish("news", "to all")
    assert server.subscribers("news") == 10
    # One that goes makes room for one.
    inside.pop().close()
    server.wait_for_subscribers("news", 9)
    inside.append(listen_from(server, STRANGER))
    assert ask_from(server, STRANGER).status == 429
    close_all(inside + others)


def test_all_that_an_address_had_is_given_back(start, plane, shards):
    """However its connections end, and whatever they were."""
    server = empty(start(plane, shards, connections_per_address_max=4, handshake_timeout_ms=1_000))
    for _ in range(3):
        refused = RawConnection(server, source=STRANGER)
        mixed = [
            listen_from(server, STRANGER),
            RawConnection(server, source=STRANGER).send(get(server, "/sub/news")),
            RawConnection(server, source=STRANGER).send(b"GET / HT"),
            RawConnection(server, source=STRANGER),
        ]
        wait_until("all of them", lambda: server.counter("connections_open") == 5)
        close_all([refused, *mixed])
        wait_until("their ends", lambda: server.counter("connections_open") == 0)
    close_all([listen_from(server, STRANGER) for _ in range(4)])


def test_clients_behind_a_proxy_are_counted_by_their_own_address(start, plane, shards):
    """And the proxy's own address is not."""
    server = empty(start(plane, shards, connections_per_address_max=3, trusted_proxies="127.0.0.1"))
    proxy = "127.0.0.1"
    inside = [listen_from(server, proxy, "X-Forwarded-For: 192.0.2.1") for _ in range(3)]
    refused = upgrade(server, "/sub/news", "X-Forwarded-For: 9.9.9.9, 192.0.2.1")
    assert ask_from(server, proxy, refused).status == 429
    inside += [listen_from(server, proxy, "X-Forwarded-For: 192.0.2.2") for _ in range(3)]
    # A network of IPv6 is one client.
    inside += [listen_from(server, proxy, f"X-Forwarded-For: 2001:db8::{n}") for n in range(1, 4)]
    refused = upgrade(server, "/sub/news", "X-Forwarded-For: 2001:db8::9")
    assert ask_from(server, proxy, refused).status == 429
    inside.append(listen_from(server, proxy, "X-Forwarded-For: 2001:db8:0:1::1"))
    # Without a header it is the proxy itself.
    inside += [listen_from(server, proxy) for _ in range(5)]
    assert server.counter("refused_address") == 2
    close_all(inside)


def test_a_connection_of_a_proxy_counts_for_the_client_of_its_last_request(start, plane):
    server = empty(start(plane, connections_per_address_max=1, trusted_proxies="127.0.0.1"))
    first, second = RawConnection(server), RawConnection(server)

    def ask(connection, client):
        request = get(server, "/health", f"X-Forwarded-For: 192.0.2.{client}")
        return connection.send(request).read_answer().status

    for client in (1, 2, 1, 1, 3):
        assert ask(first, client) == 200
    # The first counts for 3, so 1 is free and 3 is not.
    assert ask(second, 1) == 200
    assert ask(second, 3) == 429
    second.expect_end()
    # What was refused counts for nobody.
    wait_until("its end", lambda: server.counter("connections_open") == 1)
    assert ask(first, 1) == 200
    close_all([first, second])


def is_served(server, source=STRANGER):
    """Whether a request is answered with 200; a connection may be reset before it is even used."""
    try:
        return ask_from(server, source).status == 200
    except (Truncated, OSError):
        return False


def test_accepts_over_the_rate_are_closed(start, plane, shards):
    server = start(plane, shards, accepts_per_second=20)
    with listen_from(server, GUEST) as inside:
        wait_until("a refusal", lambda: not is_served(server))
        assert server.counter("refused_rate") >= 1
        assert server.counter("refused_full") == server.counter("refused_request") == 0
        # What is open is left alone.
        inside.send(frame(PING, b"here"))
        assert inside.read_exactly(6) == b"\x8a\x04here"
        wait_until("a token", lambda: is_served(server))


@pytest.mark.parametrize("source", [STRANGER, GUEST], ids=["same address", "another"])
def test_silent_connections_make_room(start, plane, source):
    """Those that send nothing, and those that send half a request, keep nobody out."""
    server = empty(start(plane, connections_max=20))
    subscribers = [listen_from(server, GUEST) for _ in range(5)]
    silent = [RawConnection(server, source=STRANGER) for _ in range(15)]
    for half in silent[::2]:
        half.send(b"GET / HTTP/1.1\r\nHo")
    # They have a second before they must go.
    wait_until("room", lambda: ask_from(server, source).status == 200)
    inside = [listen_from(server, source) for _ in range(15)]
    assert server.counter("refused_silent") == 15
    for connection in silent:
        connection.expect_end()
    # Those who have asked are left alone, and the next is refused.
    assert server.subscribers("news") == 20
    assert ask_from(server, source).status == 503
    close_all(subscribers + silent + inside)


def test_an_address_beyond_its_share_takes_no_slots_of_others(start, plane):
    """Its connections wait to be told so, a few at a time, and leave the others to others."""
    server = empty(start(plane, connections_max=300, connections_per_address_max=5))
    flood = [RawConnection(server, source=STRANGER) for _ in range(250)]
    # 5 that are in, 64 that wait, and the one that asks here.
    wait_until("all of them", lambda: server.counter("connections_accepted") >= 250)
    assert server.counter("connections_open") <= 5 + 64
    assert server.counter("refused_silent") >= 150
    assert ask_from(server, GUEST).status == 200
    # Those that wait hear why, if they ask in time.
    with RawConnection(server, source=STRANGER) as late:
        assert late.send(get(server, "/health")).read_answer().status == 429
    close_all(flood)


def test_a_drip_of_bytes_does_not_keep_a_place(start, plane):
    server = empty(start(plane, connections_max=1))
    with RawConnection(server, source=STRANGER) as slow:

        def is_served():
            slow.send(b"G")
            return ask_from(server, GUEST).status == 200

        wait_until("room", is_served, within_s=5)
        assert server.counter("refused_silent") == 1


def test_a_flood_of_silent_connections_displaces_its_own_first(start, plane):
    """One that has said half of its request is older than all of the flood, and stays."""
    server = empty(start(plane, connections_max=10))
    slow = RawConnection(server, source=GUEST).send(b"GET /health HTTP/1.1\r\n")
    wait_until("its half", lambda: server.counter("connections_open") == 1)
    flood = []

    def has_displaced():
        flood.append(RawConnection(server, source=STRANGER))
        return server.counter("refused_silent") >= 12

    wait_until("the flood", has_displaced)
    assert slow.send(b"Host: a\r\n\r\n").read_answer().status == 200
    close_all([slow, *flood])


def test_a_burst_of_clients_on_a_full_server_is_answered(start, plane):
    """Nobody who has just come must make room: the request may be on its way."""
    server = empty(start(plane, connections_max=5))
    for _ in range(20):
        burst = [RawConnection(server) for _ in range(10)]
        for connection in burst:
            connection.send(get(server, "/health"))
        statuses = [connection.read_answer().status for connection in burst]
        assert statuses.count(200) >= 5 and set(statuses) <= {200, 503}, statuses
        close_all(burst)
        empty(server)
    assert server.counter("refused_silent") == 0


def poll_from(server, source, channels="news"):
    return ask_from_open(server, source, get(server, f"/sub/{channels}?poll=1"))


def ask_from_open(server, source, request):
    """The answer to one request, which leaves the connection open."""
    with RawConnection(server, source=source) as connection:
        return connection.send(request).read_answer()


def test_joins_of_an_address_are_limited_over_all_its_connections(start, plane, shards):
    """Connecting anew does not help, and several channels count one by one."""
    server = start(plane, shards, joins_per_second_per_address=2, allowed_origins="https://a.example")
    answers = [poll_from(server, STRANGER) for _ in range(2)]
    assert [answer.status for answer in answers] == [304, 304]

    def is_refused():
        answer = poll_from(server, STRANGER)
        return answer.status == 429 and b"joins_per_second_per_address" in answer.body

    wait_until("a refusal", is_refused)
    origin = "Origin: https://a.example"
    for request in (
        get(server, "/sub/news", "Accept: text/event-stream", origin),
        upgrade(server, "/sub/news", origin),
    ):
        # The first may find a token that has come meanwhile.
        wait_until("a refusal", lambda request=request: refused_with_cors(server, request))
    assert server.counter("refused_joins") >= 3
    # Another address has its own, and pays for what it took at once.
    assert poll_from(server, GUEST, "a,b,c,d,e,f").status == 304
    began = time.monotonic()
    wait_until("a token", lambda: poll_from(server, GUEST).status == 304)
    assert time.monotonic() - began > 1.5, "four were owed, of which two come in a second"
    # What is no request to listen is free.
    assert [ask_from(server, STRANGER).status for _ in range(10)] == [200] * 10


def refused_with_cors(server, request):
    with RawConnection(server, source=STRANGER) as connection:
        head = connection.send(request).read_until(b"\r\n\r\n").lower()
    assert b"access-control-allow-origin: https://a.example" in head or b" 101 " in head, head
    return b" 429 " in head


def publish_until_closed(server, source):
    """How many messages a client got through before it was closed with 1008."""
    with RawConnection(server, source=source) as client:
        answer = client.send(upgrade(server, "/sub/demo:lobby")).read_answer()
        assert answer.status == 101, answer
        for sent in range(10_000):
            client.send(frame(TEXT, b"x"))
            first, length = client.read_exactly(2)
            body = client.read_exactly(length)
            if first == 0x88:
                assert body[:2] == b"\x03\xf0" and b"publishes_per_second_per_address" in body, body
                return sent
    raise AssertionError("never closed")


def test_publications_of_an_address_are_limited_over_all_its_connections(start, plane, shards):
    server = start(plane, shards, publishes_per_second_per_address=5, demo_publish_per_second=0)
    began = time.monotonic()
    sent = sum(publish_until_closed(server, STRANGER) for _ in range(5))
    assert 5 <= sent <= 5 + 5 * (time.monotonic() - began) + 1
    assert server.counter("refused_publishes") == 5
    assert publish_until_closed(server, GUEST) >= 5


def shown(*arguments):
    """The value in force of `connections_per_address_max`, and how many connections there may be."""
    done = run_to_end("--check-config", *arguments)
    assert done.returncode == 0, done.stderr
    values = [line.split(" ")[2] for line in done.stdout.splitlines() if line.startswith("connections_per")]
    return int(values[0])


def test_strangers_have_a_quarter_by_default():
    """Where they can connect at all: on a loopback address nobody is a stranger."""
    limits = ("--connections-max=1000",)
    assert shown(*limits) == 0
    assert shown(*limits, "--listen=127.0.0.1:8000,0.0.0.0:8002") == 250
    assert shown(*limits, "--trusted-proxies=127.0.0.1") == 250
    assert shown(*limits, "--listen=0.0.0.0:8000", "--connections-per-address-max=0") == 0
    assert shown(*limits, "--connections-per-address-max=7") == 7


@pytest.mark.alone
def test_refused_addresses_are_said_in_the_log_once_a_second(start, plane):
    server = empty(start(plane, connections_per_address_max=1))
    with listen_from(server, STRANGER):
        began = time.monotonic()
        while time.monotonic() - began < 1.5:
            assert ask_from(server, STRANGER).status == 429
    sentence = "connections_per_address_max"
    wait_until("a line", lambda: sentence in server.output())
    lines = [line for line in server.output().splitlines() if sentence in line]
    assert 1 <= len(lines) <= 4 and all(" WARN " in line for line in lines), lines
