"""The `ws` library of Node as a client: the same as in Python, in short."""

import base64
import json
import os
import pathlib
import queue
import subprocess
import threading

import pytest

NODE = pathlib.Path(__file__).parent / "node"
WAIT_S = 20


class NodeClient:
    """A client in a Node process of its own."""

    def __init__(self, server, path, protocols=()):
        self.process = subprocess.Popen(
            ["node", "client.mjs", server.ws(path), json.dumps(list(protocols))],
            cwd=NODE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.events = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.events.put(json.loads(line))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def do(self, what, **arguments):
        self.process.stdin.write(json.dumps({"do": what, **arguments}).encode() + b"\n")
        self.process.stdin.flush()

    def expect(self, event, **fields):
        """The next event is this one; gives all of it."""
        found = self.events.get(timeout=WAIT_S)
        assert found["event"] == event, found
        for name, value in fields.items():
            assert found[name] == value, f"{name}: {str(found[name])[:80]}"
        return found


@pytest.fixture
def server(start, plane):
    return start(plane)


def b64(data):
    return base64.b64encode(data).decode()


def test_subscribe(server):
    large = os.urandom(1 << 20)
    with NodeClient(server, "/sub/news") as one, NodeClient(server, "/sub/news,weather") as two:
        for client in (one, two):
            client.expect("open", protocol="")
        server.publish("news", "grüße")
        server.publish("news", large, "application/octet-stream")
        for client in (one, two):
            client.expect("message", text="grüße")
            client.expect("message", base64=b64(large))
        server.publish("weather", "rain")
        two.expect("message", text="rain")
        one.do("ping", base64=b64(b"are you there"))
        one.expect("pong", base64=b64(b"are you there"))
        one.do("close", code=3333, reason="done")
        one.expect("close", code=3333)
        server.wait_for_subscribers("news", 1)


def test_publish_in_demo_only(server):
    with NodeClient(server, "/sub/demo:lobby") as member:
        member.expect("open")
        member.do("send", text="hello")
        member.expect("message", text="hello")
        member.do("send", base64=b64(b"\x00\xff"))
        member.expect("message", base64=b64(b"\x00\xff"))
    with NodeClient(server, "/sub/news") as listener:
        listener.expect("open")
        listener.do("send", text="hello")
        assert listener.expect("close", code=1008)["reason"]


def test_stop_and_delete(server):
    with NodeClient(server, "/sub/gone") as deleted, NodeClient(server, "/sub/news") as stopped:
        deleted.expect("open")
        stopped.expect("open")
        assert server.request("DELETE", "/pub/gone")[0] == 200
        deleted.expect("close", code=1000)
        server.terminate()
        stopped.expect("close", code=1001)
        assert server.process.wait(6) == 0


def test_offered_subprotocols_fail_as_documented(server):
    """None is selected, and a client that offered some then fails by itself, as browsers do."""
    with NodeClient(server, "/sub/news", ["chat"]) as client:
        client.expect("error", message="Server sent no subprotocol")


def test_refused(server):
    with NodeClient(server, "/nothing") as client:
        client.expect("refused", status=404)
