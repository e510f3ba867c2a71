"""A full server: polite to newcomers, steady for those inside, and calm."""

import json
import time

import pytest

from support.raw_http import RawConnection, get, upgrade
from support.raw_websocket import TEXT, RawWebSocket

MAX = 20


@pytest.fixture
def full(start, plane):
    """A server that holds as many subscribers as it may."""
    server = start(plane, connections_max=MAX)
    # The connection that asked for health at the start must be gone, or it takes a place.
    wait_for_counter(server, "connections_open", 0)
    inside = [RawWebSocket(server, "/sub/news") for _ in range(MAX)]
    yield server, inside
    for client in inside:
        client.close()


def counter(server, name):
    return json.loads(server.request("GET", "/counters")[2])["total"][name]


def wait_for_counter(server, name, value, within_s=10):
    deadline = time.monotonic() + within_s
    while (found := counter(server, name)) != value:
        assert time.monotonic() < deadline, f"{name} is {found}, not {value}"
        time.sleep(0.02)


def knock(server, request):
    with RawConnection(server) as connection:
        answer = connection.send(request).read_answer()
        if answer.status == 503:
            connection.expect_end()
        return answer


def assert_served(server, clients, message):
    server.publish("news", message)
    for client in clients:
        client.expect(TEXT, message.encode())


def test_newcomers_are_refused_politely(full):
    server, inside = full
    for _ in range(30):
        answer = knock(server, upgrade(server, "/sub/news"))
        assert answer.status == 503 and answer.closes(), answer
        assert 1 <= int(answer.header("Retry-After")) <= 60
        assert answer.body.strip()
    assert knock(server, get(server, "/")).status == 503
    assert_served(server, inside, "still served")
    assert counter(server, "refused_full") == 31
    assert server.subscribers("news") == MAX


def test_places_that_become_free_are_given_away(full):
    server, inside = full
    assert knock(server, upgrade(server, "/sub/news")).status == 503
    for _ in range(5):
        inside.pop().close()
    server.wait_for_subscribers("news", MAX - 5)
    wait_for_counter(server, "connections_open", MAX - 5)
    inside += [RawWebSocket(server, "/sub/news") for _ in range(5)]
    assert knock(server, upgrade(server, "/sub/news")).status == 503
    assert_served(server, inside, "all twenty")


@pytest.mark.alone
def test_full_server_does_not_spin(full):
    """Not while it is full, and not while more knock than it has room to refuse."""
    server, inside = full
    waiting = [RawConnection(server) for _ in range(100)]
    time.sleep(0.5)
    before = server.cpu_seconds()
    time.sleep(2)
    used = server.cpu_seconds() - before
    for connection in waiting:
        connection.close()
    assert used < 0.3, f"{used} s of processor time in 2 s"
    assert_served(server, inside, "after the rush")


def test_silent_newcomers_do_not_hold_their_place(full):
    """More of them than there are places for refusals; they are cut, and then others are heard."""
    server, inside = full
    silent = [RawConnection(server) for _ in range(120)]
    time.sleep(4)
    assert knock(server, get(server, "/")).status == 503
    assert_served(server, inside, "undisturbed")
    for connection in silent:
        connection.close()
    for client in inside:
        client.close()
    inside.clear()
    server.wait_for_subscribers("news", 0)
    wait_for_counter(server, "connections_open", 0)
    with RawWebSocket(server, "/sub/news") as client:
        client.expect_alive()


@pytest.mark.alone
def test_idle_server_is_idle(start, plane, shards):
    server = start(plane, shards)
    clients = [RawWebSocket(server, "/sub/news") for _ in range(50)]
    time.sleep(0.3)
    before = server.cpu_seconds()
    time.sleep(2)
    used = server.cpu_seconds() - before
    for client in clients:
        client.close()
    assert used < 0.3, f"{used} s of processor time in 2 s"


def test_the_bound_holds_for_all_shards_together(start, plane):
    """The kernel deals connections unevenly; each shard refuses beyond its share."""
    server = start(plane, shards=2, connections_max=MAX)
    wait_for_counter(server, "connections_open", 0)
    inside = []
    for _ in range(400):
        connection = RawConnection(server)
        status = connection.send(upgrade(server, "/sub/news")).read_answer().status
        if status == 101:
            inside.append(connection)
        else:
            assert status == 503
            connection.close()
        if len(inside) == MAX:
            break
    assert len(inside) == MAX
    assert knock(server, upgrade(server, "/sub/news")).status == 503
    for connection in inside:
        connection.close()


def test_ping_and_dead_clients(start, plane):
    """Silent clients are pinged; who answers stays, who does not is gone."""
    server = start(plane, ping_interval_ms=1_000, pong_timeout_ms=1_000)
    with RawWebSocket(server, "/sub/news") as lively, RawWebSocket(server, "/sub/news") as dead:
        for _ in range(4):
            fin, opcode, payload = lively.read_frame()
            assert (fin, opcode) == (True, 9)
            lively.send(b"\x8a" + bytes([0x80 | len(payload)]) + bytes(4) + payload)
        server.wait_for_subscribers("news", 1)
        assert dead.read_frame()[1] == 9
        assert counter(server, "closed_dead") == 1
        lively.expect_alive()


def test_one_channel_list_for_each_connection(start, plane):
    server = start(plane, channels_per_connection_max=3)
    assert knock(server, upgrade(server, "/sub/a,b,c")).status == 101
    assert knock(server, upgrade(server, "/sub/a,b,c,d")).status == 400


def test_log_bytes_bound_memory(start, plane):
    """Many channels with history: all logs of a shard together stay under their budget."""
    server = start(plane, log_bytes_max=1 << 20, shard_log_bytes_max=4 << 20, publish_bytes_max=1 << 20)
    body = b"x" * 100_000

    def publish_to_many():
        for n in range(300):
            server.publish(f"c{n}", body)
        return server.resident_kib()

    # The allocator takes its share at first; then nothing may grow, whatever is published.
    publish_to_many()
    before = publish_to_many()
    for _ in range(3):
        after = publish_to_many()
    assert after - before < 8 * 1_024, "90 MB were published"
    # A gauge is brought up to date once a second.
    time.sleep(1.2)
    assert 2 << 20 < counter(server, "log_bytes") <= 4 << 20
