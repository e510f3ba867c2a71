"""Nodes that share channels through NATS: whatever reaches one of them reaches the clients of all."""

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.nats import Nats
from support.ports import free_port
from support.raw_websocket import CLOSE, TEXT, RawWebSocket, frame
from support.server import ROOT, Server, flags, run_to_end
from support.tokens import SECRET, token
from support.waiting import wait_until
from support.ways import WAYS

_prefixes = itertools.count(1)


@pytest.fixture(scope="module")
def nats(tmp_path_factory):
    """One server of NATS for the tests that do not hurt it."""
    servers = Nats(tmp_path_factory.mktemp("nats"))
    yield servers
    servers.stop()


def keys_of(nats, **keys):
    """The keys of the nodes of one cluster, which has streams of its own."""
    return {
        "engine": "nats",
        "engine_servers": nats.urls,
        "engine_prefix": f"t{next(_prefixes)}",
        "engine_partitions": 2,
        "engine_replicas": 1,
        "engine_storage": "memory",
        "offset_skip_max": 0,
        **keys,
    }


def is_ready(node):
    return node.request("GET", "/ready")[0] == 200


def start_nodes(start, plane, shards, count, keys):
    nodes = [start(plane, shards, **keys) for _ in range(count)]
    for node in nodes:
        wait_until("a node is ready", lambda node=node: is_ready(node))
    return nodes


@pytest.fixture
def nodes(start, plane, shards, nats):
    """Two nodes of one cluster."""
    return start_nodes(start, plane, shards, 2, keys_of(nats))


@pytest.mark.parametrize("way", WAYS)
def test_a_publication_reaches_the_clients_of_all_nodes(nodes, way):
    first, second = nodes
    with WAYS[way](first, "a", "earliest") as here, WAYS[way](second, "a", "earliest") as there:
        sent = [f"message {n}" for n in range(20)]
        for n, text in enumerate(sent):
            nodes[n % 2].publish("a", text)
        assert here.take(20) == there.take(20) == sent
        assert here.position == there.position


@pytest.mark.parametrize("way", WAYS)
def test_a_client_goes_on_at_another_node(nodes, way):
    first, second = nodes
    with WAYS[way](first, "a", "earliest") as line:
        first.publish("a", "1")
        assert line.take(1) == ["1"]
        position = line.position
    positions = first.publish_all("a", ["2", "3", "4"])
    with WAYS[way](second, "a", position) as line:
        assert line.take(3) == ["2", "3", "4"]
        assert line.gaps == [] and line.position == positions[-1]
        second.publish("a", "5")
        assert line.take(1) == ["5"]


def test_all_nodes_have_one_order(nodes):
    first, second = nodes
    with WAYS["v1"](first, "a") as here, WAYS["v1"](second, "a") as there:
        for n in range(5):
            first.publish_all("a", [f"first {n} {k}" for k in range(100)])
            second.publish_all("a", [f"second {n} {k}" for k in range(100)])
        seen = [here.take(1_000), there.take(1_000)]
        assert seen[0] == seen[1]
        assert len(set(seen[0])) == 1_000


def test_a_history_is_that_of_all_nodes(nodes):
    first, second = nodes
    first.publish_all("a", ["1", "2"])
    second.publish("a", "3")
    status, _, answer = second.request("GET", "/pub/a", headers={"Accept": "application/json"})
    assert (status, json.loads(answer)["messages"]) == (200, 3)
    with WAYS["event_stream"](second, "a", "earliest") as line:
        assert line.take(3) == ["1", "2", "3"]
    assert first.request("GET", "/pub/nobody")[0] == 404


def test_a_deleted_channel_ends_on_all_nodes(nodes):
    first, second = nodes
    second.publish("a", "1")
    with RawWebSocket(first, "/sub/a") as here, RawWebSocket(second, "/sub/a") as there:
        first.wait_for_subscribers("a", 2)
        second.wait_for_subscribers("a", 2)
        first.delete("a")
        here.expect_close(1000)
        there.expect_close(1000)
    assert first.request("DELETE", "/pub/nobody")[0] == 404
    with WAYS["event_stream"](second, "a", "earliest") as line:
        second.publish("a", "2")
        assert line.take(1) == ["2"]


def test_what_is_published_twice_under_one_key_is_published_once(nodes):
    def publish(node, key):
        body = json.dumps({"channel": "a", "data": {"n": 1}, "idempotency_key": key}).encode()
        status, _, answer = node.request("POST", "/api/publish", body)
        assert status == 200, answer
        return json.loads(answer)["result"]

    first, second = nodes
    assert publish(first, "order-7") == publish(second, "order-7")
    assert publish(first, "order-7") != publish(second, "order-8")
    status, _, answer = first.request("GET", "/pub/a", headers={"Accept": "application/json"})
    assert (status, json.loads(answer)["messages"]) == (200, 2)


def test_versions_and_histories_without_their_channels_are_refused_in_words(nodes):
    publish = {"channel": "a", "data": 1, "version": 7}
    for path, command in [("publish", publish), ("history_remove", {"channel": "a"})]:
        _, _, answer = nodes[0].request("POST", f"/api/{path}", json.dumps(command).encode())
        error = json.loads(answer)["error"]
        assert error["code"] == 108 and 'engine = "memory"' in error["message"], error


def test_a_node_that_dies_loses_nothing_for_its_clients(start, plane, nats, tmp_path):
    keys = keys_of(nats)
    dying = Server(tmp_path, plane=plane, **keys)
    (other,) = start_nodes(start, plane, 1, 1, keys)
    wait_until("the node is ready", lambda: is_ready(dying))
    try:
        with WAYS["v1"](dying, "a") as line:
            dying.publish("a", "1")
            assert line.take(1) == ["1"]
            position = line.position
        dying.publish("a", "2")
    finally:
        dying.kill()
    other.publish("a", "3")
    with WAYS["v1"](other, "a", position) as line:
        assert line.take(2) == ["2", "3"]
        assert line.gaps == []


@pytest.fixture
def own_nats(tmp_path):
    """A server of NATS that a test may hurt."""
    (tmp_path / "nats").mkdir()
    servers = Nats(tmp_path / "nats")
    yield servers
    servers.stop()


def test_while_nats_is_away_clients_stay_and_publishers_are_told(start, plane, shards, own_nats):
    first, second = start_nodes(start, plane, shards, 2, keys_of(own_nats, engine_storage="file"))
    with WAYS["v1"](first, "a") as line:
        first.publish("a", "before")
        assert line.take(1) == ["before"]
        own_nats.servers[0].kill()
        wait_until("the nodes know", lambda: not is_ready(first) and not is_ready(second))
        status, headers, answer = first.request("POST", "/pub/a", b"refused")
        error = json.loads(answer)["error"]
        assert (status, error["code"], headers["Retry-After"]) == (503, "engine_unavailable", "1")
        assert "try again" in error["message"]
        assert first.request("GET", "/health")[0] == 200
        own_nats.servers[0].start()
        wait_until("the nodes are back", lambda: is_ready(first) and is_ready(second))
        second.publish("a", "after")
        assert line.take(1) == ["after"] and line.gaps == []


def test_a_plain_client_that_cannot_publish_is_told_by_its_end(start, plane, own_nats):
    (node,) = start_nodes(start, plane, 1, 1, keys_of(own_nats))
    with RawWebSocket(node, "/sub/demo:a") as client:
        client.send(frame(TEXT, b"1")).expect(TEXT, b"1")
        own_nats.servers[0].kill()
        wait_until("the node knows", lambda: not is_ready(node))
        client.send(frame(TEXT, b"2")).expect_close(1013)


def test_a_node_that_starts_before_nats_serves_when_it_is_there(start, plane, own_nats):
    own_nats.servers[0].kill()
    node = start(plane, 1, **keys_of(own_nats))
    assert not is_ready(node)
    with ThreadPoolExecutor() as threads:
        # It is answered when the node knows where the channel stands.
        opening = threads.submit(WAYS["event_stream"], node, "a")
        time.sleep(0.5)
        own_nats.servers[0].start()
        wait_until("the node is ready", lambda: is_ready(node))
        with opening.result() as line:
            node.publish("a", "1")
            assert line.take(1) == ["1"]


def test_a_frozen_nats_server_is_noticed_and_nothing_is_lost(start, plane, own_nats):
    keys = keys_of(own_nats)
    first, second = start_nodes(start, plane, 1, 2, keys)
    with WAYS["v1"](second, "a") as line:
        own_nats.servers[0].freeze()
        time.sleep(0.5)
        own_nats.servers[0].thaw()
        wait_until("the nodes are ready", lambda: is_ready(first) and is_ready(second))
        first.publish("a", "1")
        assert line.take(1) == ["1"]


SHORT_HISTORY = "[namespace.default]\nhistory_publications = 7\n"


def test_streams_are_checked_and_made_by_a_command(nats, namespaces):
    words = flags(keys_of(nats))
    check, create = [*words, "engine", "check"], [*words, "engine", "create"]
    before = run_to_end(*check)
    assert before.returncode == 69 and before.stdout.count("missing") == len(lines(before))
    made = run_to_end(*create)
    assert made.returncode == 0 and all(line.endswith(": made") for line in lines(made))
    after = run_to_end(*check)
    assert after.returncode == 0 and all(line.endswith(": good") for line in lines(after))
    assert run_to_end(*create).stdout == after.stdout
    differs = run_to_end(f"--config={namespaces(SHORT_HISTORY)}", *check)
    assert differs.returncode == 69
    assert "max_msgs_per_subject is 1025 and must be 8" in differs.stdout


def lines(process):
    found = process.stdout.splitlines()
    assert found, process.stderr
    return found


def test_a_node_whose_streams_are_others_is_not_ready_and_says_why(start, plane, nats, namespaces):
    keys = keys_of(nats)
    start_nodes(start, plane, 1, 1, keys)
    other = start(plane, 1, config=namespaces(SHORT_HISTORY), **keys)
    wait_until("it says why", lambda: "max_msgs_per_subject is" in other.output())
    assert not is_ready(other)
    assert other.request("POST", "/pub/a", b"x")[0] == 503


def test_an_engine_that_cannot_be_reached_is_named():
    words = ["--engine=nats", "--engine-servers=nats://127.0.0.1:1"]
    ended = run_to_end(*words, "engine", "check")
    assert ended.returncode == 69 and "engine_servers" in ended.stderr
    ended = run_to_end("engine", "check")
    assert ended.returncode == 69 and 'engine = "nats"' in ended.stderr


def test_the_metrics_say_how_the_engine_does(nodes):
    nodes[0].publish("a", "1")
    _, _, answer = nodes[0].request("GET", "/metrics")
    text = answer.decode()
    assert "switchboard_engine_ready 1" in text
    assert "switchboard_engine_stored_total 1" in text
    assert "switchboard_engine_acknowledged_seconds_count 1" in text
    documented = re.findall(r"^\| `(switchboard_engine_\w+)`", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE)
    assert len(documented) > 10 and all(f"# TYPE {name} " in text for name in documented), text


def call(node, method, **params):
    """A call of Centrifugo's API: its result."""
    status, _, answer = node.request("POST", f"/api/{method}", json.dumps(params).encode())
    assert status == 200, answer
    return json.loads(answer)["result"]


def wait_until_they_know_each_other(*nodes):
    for node in nodes:
        wait_until("all nodes know each other", lambda node=node: len(call(node, "info")["nodes"]) == len(nodes))


def test_what_is_asked_of_one_node_is_asked_of_all(nodes):
    first, second = nodes
    wait_until_they_know_each_other(first, second)
    with RawWebSocket(first, "/sub/a"), RawWebSocket(second, "/sub/a"), RawWebSocket(second, "/sub/b"):
        for node in nodes:
            node.wait_for_subscribers("a", 2)
            node.wait_for_subscribers("b", 1)
            channels = call(node, "channels")["channels"]
            assert {name: of["num_clients"] for name, of in channels.items()} == {"a": 2, "b": 1}
        headers = {"Accept": "application/json", "Switchboard-Scope": "node"}
        _, _, alone = first.request("GET", "/pub/a", headers=headers)
        assert json.loads(alone)["subscribers"] == 1


def test_a_user_is_listed_and_disconnected_on_all_nodes(start, plane, shards, nats):
    keys = keys_of(nats, token_secret=SECRET)
    first, second = start_nodes(start, plane, shards, 2, keys)
    wait_until_they_know_each_other(first, second)
    bearer = [f"Authorization: Bearer {token(sub='u')}"]
    with (
        RawWebSocket(first, "/sub/a", headers=bearer) as here,
        RawWebSocket(second, "/sub/a", headers=bearer) as there,
    ):
        second.wait_for_subscribers("a", 2)
        listed = json.loads(first.request("GET", "/users/u")[2])
        assert (listed["connections"], listed["listed"], len(listed["list"])) == (2, 2, 2)
        assert json.loads(second.request("DELETE", "/users/u")[2]) == {"disconnected": 2}
        assert here.read_frame()[1] == there.read_frame()[1] == CLOSE


def test_a_node_that_does_not_answer_is_named(start, plane, nats):
    keys = keys_of(nats)
    first = start(plane, 1, engine_node_name="one", **keys)
    second = start(plane, 1, engine_node_name="two", **keys)
    wait_until_they_know_each_other(first, second)
    second.process.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert call(first, "channels")["silent_nodes"] == ["two"]
        assert time.monotonic() - began < 5
        wait_until("it is taken for dead", lambda: "silent_nodes" not in call(first, "channels"))
    finally:
        second.process.send_signal(signal.SIGCONT)
    wait_until_they_know_each_other(first, second)


def test_a_node_with_another_configuration_is_no_part_of_the_cluster(start, plane, nats):
    keys = keys_of(nats)
    (first,) = start_nodes(start, plane, 1, 1, keys)
    other = start(plane, 1, engine_node_name="other", **{**keys, "engine_buckets": 8})
    wait_until("it is named", lambda: "node other " in first.output())
    assert "it is no part of the cluster" in first.output()
    assert len(call(first, "info")["nodes"]) == len(call(other, "info")["nodes"]) == 1


class Balancer:
    """HAProxy in front of two nodes, as the document configures it. Clients take it for a server."""

    BACKEND = re.search(r"```haproxy\n(.*?)```", (ROOT / "docs/cluster.md").read_text(), re.DOTALL)[1]

    def __init__(self, folder, nodes):
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        backend = self.BACKEND
        for (public, internal), node in zip([(8100, 8101), (8110, 8111)], nodes, strict=True):
            assert f":{public} port {internal}" in backend, backend
            backend = backend.replace(f":{public} port {internal}", f":{node.port} port {node.internal_port}")
        config = folder / "haproxy.cfg"
        config.write_text(
            "defaults\n    mode http\n    timeout connect 2s\n    timeout client 60s\n    timeout server 60s\n"
            f"    timeout tunnel 60s\nfrontend public\n    bind {self.host}\n    default_backend switchboard\n{backend}"
        )
        program = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
        self.process = subprocess.Popen([program, "-db", "-f", str(config)], stdin=subprocess.DEVNULL)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def test_behind_haproxy_clients_go_on_at_the_node_that_is_left(start, plane, nats, tmp_path):
    keys = keys_of(nats)
    dying = Server(tmp_path, plane=plane, **keys)
    (staying,) = start_nodes(start, plane, 1, 1, keys)
    wait_until("the node is ready", lambda: is_ready(dying))
    balancer = Balancer(tmp_path, [dying, staying])
    try:
        lines = []

        def open_one(since=None):
            with contextlib.suppress(OSError, AssertionError):
                lines.append(WAYS["v1"](balancer, "a", since))
            return bool(lines)

        wait_until("the balancer serves", open_one)
        lines.extend(WAYS["v1"](balancer, "a") for _ in range(3))
        staying.publish("a", "1")
        assert all(line.take(1) == ["1"] for line in lines)
        assert dying.counter("websockets_open") > 0 and staying.counter("websockets_open") > 0
        positions = [line.position for line in lines]
        dying.kill()
        staying.publish("a", "2")
        for line in lines:
            line.close()
        for position in positions:
            lines.clear()
            wait_until("another node serves", lambda position=position: open_one(position))
            with lines[0] as line:
                assert line.take(1) == ["2"] and line.gaps == []
    finally:
        balancer.stop()
        dying.kill()
