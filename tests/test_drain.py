"""Drains: SIGTERM sends clients elsewhere one after another, and none is cut off."""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import threading
import time

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from support.raw_http import RawConnection, get, upgrade
from support.raw_websocket import CLOSE, PING, RawWebSocket, close_frame
from support.server import Server
from support.waiting import wait_until

# Longer than any test may take: what ends such a drain is not the end of its time.
LONG_MS = 300_000


def status_of(server, path):
    """The status and the body of an answer of the internal API."""
    status, _, body = server.request("GET", path)
    return status, body.decode()


def drain(server):
    """Begins a drain; the time at which it began."""
    began = time.monotonic()
    server.terminate()
    wait_until("it drains", lambda: status_of(server, "/ready") == (503, '{"status":"draining"}'))
    return began


class Listener(threading.Thread):
    """A WebSocket that listens until it is closed, and notes when and how."""

    def __init__(self, server, channel):
        super().__init__(daemon=True)
        self.socket = RawWebSocket(server, f"/sub/{channel}")
        self.socket.socket.settimeout(60)
        self.messages = []
        self.closed_at = None
        self.end = None
        self.start()

    def run(self):
        while self.closed_at is None:
            _, opcode, payload = self.socket.read_frame()
            if opcode == CLOSE:
                self.end = (int.from_bytes(payload[:2], "big"), payload[2:].decode())
                self.closed_at = time.monotonic()
                self.socket.send(close_frame(1012))
            elif opcode != PING:
                self.messages.append(payload.decode())
        with contextlib.suppress(ConnectionError):
            self.socket.fill()
        self.socket.close()


def test_clients_go_one_after_another_and_get_everything_until_then(start, plane, shards):
    drain_ms = 5_000
    server = start(plane, shards, drain_ms=drain_ms)
    listeners = [Listener(server, "news") for _ in range(60)]
    server.wait_for_subscribers("news", len(listeners))
    began = drain(server)
    published = []
    while any(listener.is_alive() for listener in listeners):
        text = f"message {len(published)}"
        with contextlib.suppress(OSError):
            # The server may have ended behind its last client.
            server.publish("news", text)
        published.append(text)
        time.sleep(0.1)
        assert time.monotonic() - began < 60
    assert {listener.end for listener in listeners} == {(1012, "the server restarts: connect again")}
    assert server.process.wait(20) == 0
    for listener in listeners:
        assert listener.messages == published[: len(listener.messages)]
    after = sorted(listener.closed_at - began for listener in listeners)
    quarter = drain_ms / 4_000
    assert after[0] < 1.5 * quarter and after[-1] > 2.5 * quarter, after
    # In no half of a second more than half of them.
    assert all(late - early > 0.5 for early, late in zip(after, after[30:], strict=False)), after
    lasting = [listener.messages for listener in listeners if listener.closed_at - began > 2.5 * quarter]
    assert lasting and all(len(messages) > 5 for messages in lasting)


def test_it_is_alive_but_not_ready(start, plane, shards):
    server = start(plane, shards, drain_ms=LONG_MS)
    wait_until("it is ready", lambda: status_of(server, "/ready") == (200, '{"status":"ready"}'))
    assert json.loads(status_of(server, "/counters")[1])["phase"] == "serving"
    with RawConnection(server) as balancer, RawWebSocket(server, "/sub/news") as listener:
        assert balancer.send(get(server, "/health")).read_answer().status == 200
        server.wait_for_subscribers("news", 1)
        drain(server)
        assert status_of(server, "/health") == (200, '{"status":"ok"}')
        assert json.loads(status_of(server, "/counters")[1])["phase"] == "draining"
        metrics = status_of(server, "/metrics")[1]
        assert 'switchboard_phase{phase="draining"} 1' in metrics
        assert 'switchboard_phase{phase="serving"} 0' in metrics
        # A client that asks on a connection that it has is told to go.
        answer = balancer.send(get(server, "/health")).read_answer()
        assert (answer.status, answer.body, answer.closes()) == (503, b"draining\n", True)
        balancer.expect_end()
        assert server.publish("news", "still here")["subscribers"] == 1
        assert listener.read_frame()[2] == b"still here"


@pytest.mark.parametrize("clients", [0, 3])
def test_it_ends_behind_its_last_client(start, plane, shards, clients):
    server = start(plane, shards, drain_ms=LONG_MS)
    listeners = [RawWebSocket(server, "/sub/news") for _ in range(clients)]
    server.wait_for_subscribers("news", clients)
    # Backends that keep their connections do not hold it up.
    with socket.create_connection(("127.0.0.1", server.internal_port)):
        server.terminate()
        for listener in listeners:
            listener.close()
        assert server.process.wait(30) == 0


def held(server):
    """Stops the threads of the server, so that clients wait in the queues of its listeners."""
    os.kill(server.pid, signal.SIGSTOP)
    stat = pathlib.Path(f"/proc/{server.pid}/stat")
    wait_until("it is stopped", lambda: stat.read_text().rsplit(")", 1)[1].split()[0] == "T")


def test_clients_that_have_connected_are_served(start, plane, shards):
    """A client that was let into the queue before the signal gets an answer, and then its Close frame."""
    server = start(plane, shards, drain_ms=3_000)
    held(server)
    try:
        waiting = [RawConnection(server).send(upgrade(server, "/sub/news")) for _ in range(60)]
        asking = [RawConnection(server).send(get(server, "/sub/news?poll=1")) for _ in range(60)]
        server.terminate()
    finally:
        os.kill(server.pid, signal.SIGCONT)
    for connection in asking:
        assert connection.read_answer().status == 304
        connection.expect_end()
        connection.close()
    for connection in waiting:
        assert connection.read_answer().status == 101
    for connection in waiting:
        assert connection.read_exactly(2)[0] == 0x80 | CLOSE
        connection.close()
    assert server.process.wait(20) == 0


def test_nobody_who_connects_meanwhile_is_reset(start, plane, shards):
    """Clients come all the time: each is answered or cannot connect."""
    server = start(plane, shards, drain_ms=2_000)
    answered, refused, lost = [], threading.Event(), []

    def come_and_go():
        while not refused.is_set():
            try:
                connection = RawConnection(server)
            except ConnectionRefusedError:
                refused.set()
                return
            try:
                answered.append(connection.send(get(server, "/health")).read_answer().status)
            except Exception as error:
                lost.append(repr(error))
            connection.close()

    with RawWebSocket(server, "/sub/news"):
        crowd = [threading.Thread(target=come_and_go) for _ in range(4)]
        for one in crowd:
            one.start()
        wait_until("they come", lambda: len(answered) > 200)
        server.terminate()
        for one in crowd:
            one.join(60)
            assert not one.is_alive()
    assert not lost and refused.is_set(), lost[:5]
    assert set(answered) <= {200, 503}


def test_a_second_signal_ends_it_at_once(tmp_path, plane):
    server = Server(tmp_path, plane=plane, cores=1, drain_ms=LONG_MS)
    try:
        with RawWebSocket(server, "/sub/news"):
            drain(server)
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(30) == 128 + signal.SIGTERM
        assert "stopping at once" in server.output()
    finally:
        server.kill()


def test_ctrl_c_does_not_wait_for_clients(start, plane):
    server = start(plane, drain_ms=LONG_MS)
    with RawWebSocket(server, "/sub/news") as listener:
        server.process.send_signal(signal.SIGINT)
        listener.expect_close(1001, ends=False)
        listener.send(close_frame(1001)).expect_end()
        assert server.process.wait(30) == 0


def test_each_way_to_listen_is_told_when_to_come_back(start, plane):
    server = start(plane, drain_ms=2_000)
    with (
        RawConnection(server) as events,
        RawConnection(server) as poll,
        RawConnection(server) as idle,
        connect(f"ws://{server.host}/sub/news", subprotocols=["switchboard.v1"]) as v1,
    ):
        events.send(get(server, "/sub/news", "Accept: text/event-stream"))
        events.read_until(b"\n\n")
        poll.send(get(server, "/sub/news"))
        assert idle.send(get(server, "/health")).read_answer().status == 200
        server.wait_for_subscribers("news", 3)
        drain(server)
        answer = poll.read_answer()
        assert answer.status == 304 and answer.closes(), answer
        assert answer.header("ETag") and 1 <= int(answer.header("Retry-After")) <= 3
        poll.expect_end()
        end = events.read_until(b"0\r\n\r\n")
        retry_ms = re.search(rb"\r\nretry: (\d+)\n\n\r\n", end)
        assert retry_ms and 1_000 <= int(retry_ms[1]) <= 3_000, end
        events.expect_end()
        idle.expect_end()
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                v1.recv(timeout=30)
        assert closed.value.rcvd.code == 1012
    assert server.process.wait(20) == 0


def test_backends_publish_until_the_end(start, plane, shards):
    """A publishing stream has its receipts until the server stops, and is told that it restarts."""
    server = start(plane, shards, drain_ms=2_000)
    url = f"ws://127.0.0.1:{server.internal_port}/publish"
    with RawWebSocket(server, "/sub/news") as listener, connect(url, compression=None) as stream:
        server.wait_for_subscribers("news", 1)
        drain(server)
        for number in range(20):
            stream.send(json.dumps({"channel": "news", "data": f"{number}"}))
            assert "position" in json.loads(stream.recv(timeout=30)), number
        received = []
        while (found := listener.read_frame())[1] != CLOSE:
            received.append(found[2].decode())
        assert received == [str(number) for number in range(len(received))]
        assert int.from_bytes(found[2][:2], "big") == 1012
        listener.send(close_frame(1012))
        with pytest.raises(ConnectionClosed) as closed:
            stream.recv(timeout=30)
        assert closed.value.rcvd.code == 1012
    assert server.process.wait(20) == 0
