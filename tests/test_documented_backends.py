"""The backends in `docs/backends.md`, run as they stand there with the configuration there, but for ports."""

import json
import os
import re
import subprocess
import sys
import time

import httpx
import pytest

from support.ports import free_port
from support.raw_http import RawConnection, get, upgrade
from support.raw_websocket import CLOSE, PING, TEXT, RawWebSocket, frame
from support.server import ROOT
from support.v1 import PROTOCOL

DOCUMENT = (ROOT / "docs/backends.md").read_text()
BLOCKS = dict(re.findall(r"```(toml|python|js)\n(.*?)```", DOCUMENT, re.DOTALL))
ALICE, BOB = "Cookie: session=session-of-alice", "Cookie: x=y; session=session-of-bob"
READY_S = 30


def test_every_block_is_run():
    assert re.findall(r"```(\w+)\n", DOCUMENT) == ["toml", "python", "js"]


@pytest.fixture(params=["python", "node"])
def port(request, tmp_path):
    """A backend that runs, by its port."""
    port = free_port()
    if request.param == "python":
        (tmp_path / "backend.py").write_text(BLOCKS["python"])
        command = [sys.executable, "-m", "uvicorn", "backend:app", "--port", str(port), "--log-level", "warning"]
    else:
        (tmp_path / "backend.mjs").write_text(BLOCKS["js"].replace("9000", str(port)))
        command = ["node", "backend.mjs"]
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log, env={**os.environ})
    try:
        deadline = time.monotonic() + READY_S
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)
                break
            except httpx.TransportError:
                assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def server(start, plane, shards, namespaces, port):
    return start(plane, shards, config=namespaces(BLOCKS["toml"].replace("9000", str(port))))


def v1(server, path, *headers):
    client = RawWebSocket(server, path, headers=[f"Sec-WebSocket-Protocol: {PROTOCOL}", *headers])
    assert message(client)[0][0].startswith("start: ")
    return client


def message(client):
    """The next message: its lines, and its payload."""
    while True:
        _, opcode, payload = client.read_frame()
        if opcode == TEXT:
            head, _, rest = payload.decode().partition("\n\n")
            return head.split("\n"), rest
        assert opcode == PING, (opcode, payload)


def ask(client, head, payload="{}"):
    client.send(frame(TEXT, f"{head}\n\n{payload}".encode()))
    while (answer := message(client))[0][0].startswith("position: "):
        pass
    return answer


def test_rooms_have_members_and_the_backend_knows_who_is_online(server, port):
    with RawConnection(server) as connection:
        assert connection.send(get(server, "/sub/room:attic", BOB)).read_answer().status == 403
        answer = connection.send(get(server, "/sub/room:kitchen?poll=1", BOB)).read_answer()
        assert answer.status == 304, answer
    with RawWebSocket(server, "/sub/room:kitchen") as stranger:
        _, opcode, payload = stranger.read_frame()
        assert (opcode, payload) == (CLOSE, (4501).to_bytes(2, "big") + b"log in first")
    with v1(server, "/sub/room:kitchen", BOB) as bob, v1(server, "/sub/room:kitchen,room:attic", ALICE) as alice:
        said = ask(alice, "publish: 1\nchannel: room:kitchen", '{"say": " hi "}')
        assert said[0][0] == "published: 1"
        assert json.loads(message(bob)[1]) == {"from": "Alice", "say": "hi"}
        assert ask(bob, "publish: 2", '{"say": " "}')[0] == ["error: 2", "code: 400", "reason: say something"]
        deadline = time.monotonic() + READY_S
        while (online := json.loads(ask(bob, "request: 3\nmethod: online")[1])) != ["alice", "bob"]:
            assert time.monotonic() < deadline, online
        assert ask(bob, "request: 4\nmethod: x")[0] == ["error: 4", "code: 404", "reason: this backend answers online"]
    # It is the server's word that counts.
    unsigned = httpx.post(f"http://127.0.0.1:{port}/refresh", json={"user": "alice"}, trust_env=False)
    assert unsigned.status_code == 403
    with RawConnection(server) as connection:
        assert connection.send(upgrade(server, "/sub/room:kitchen", ALICE)).read_answer().status == 101
