"""What a refusal leaves behind: a line for the operator, and an answer that no browser runs."""

import re
import time

import pytest

from support.raw_http import RawConnection, ask, get, upgrade
from support.waiting import wait_until

STRANGER = "https://evil.example"
FULL = "the server is full"


def lines(server, text):
    return [line for line in server.output().splitlines() if text in line]


def requests_refused(server):
    """The numbers in the lines that say the server is full."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", server.output())
    return [int(count) for count in re.findall(rf"{FULL}.*requests=(\d+)", plain)]


def test_an_origin_that_is_refused_is_logged(start, plane):
    """Browsers do not show a page why its WebSocket failed; the log does, to those who look."""
    server = start(plane, log="debug", echo=True)
    requests = [
        upgrade(server, "/sub/news", f"Origin: {STRANGER}"),
        upgrade(server, "/echo", f"Origin: {STRANGER}"),
        get(server, "/sub/news?poll=1", f"Origin: {STRANGER}"),
        get(server, "/sub/news", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"),
    ]
    for count, request in enumerate(requests, 1):
        assert ask(server, request).status == 403
        wait_until(f"{count} lines", lambda n=count: len(lines(server, "allowed_origins")) == n)
    assert sum(STRANGER in line for line in lines(server, "allowed_origins")) == 3


def test_an_origin_cannot_write_into_the_log(start, plane):
    server = start(plane, log="debug")
    hostile = "http://a\x1b[31m\u2028INFO listening" + "y" * 5_000
    request = get(server, "/sub/news", "Origin: " + hostile.encode().decode("latin-1"))
    assert ask(server, request.replace(b"\x1b", b"\x9b")).status == 403
    wait_until("a line", lambda: lines(server, "allowed_origins"))
    (line,) = lines(server, "allowed_origins")
    assert len(line) < 1_000 and "\u2028" not in line and "\x9b" not in line, line


def test_origins_are_not_logged_by_default(start, plane):
    server = start(plane)
    assert ask(server, upgrade(server, "/sub/news", f"Origin: {STRANGER}")).status == 403
    assert not lines(server, "allowed_origins")


@pytest.mark.alone
def test_a_full_server_says_so_once_a_second(start, plane, shards):
    """However many it refuses, by however many shards, and every one of them is counted."""
    server = start(plane, shards, connections_max=shards)
    wait_until("an empty server", lambda: server.counter("connections_open") == 0)
    inside = []
    while len(inside) < shards:
        connection = RawConnection(server)
        if connection.send(upgrade(server, "/sub/news")).read_answer().status == 101:
            inside.append(connection)
        else:
            connection.close()
    began = time.monotonic()
    while time.monotonic() - began < 2.5:
        assert ask(server, get(server, "/")).status == 503
    refused = server.counter("refused_full")
    wait_until(f"{refused} in the log", lambda: sum(requests_refused(server)) == refused)
    took = time.monotonic() - began
    assert 2 <= len(requests_refused(server)) <= took + 2, (requests_refused(server), took)
    assert all(" WARN " in line for line in lines(server, FULL)), lines(server, FULL)
    for connection in inside:
        connection.close()


def test_no_answer_is_taken_for_another_type(shared):
    """An error names what the client sent, so a browser must not sniff a document in it."""
    script = "%3Cscript%3Ealert(1)%3C/script%3E"
    requests = [
        get(shared, f"/{script}"),
        get(shared, f"/sub/{script}"),
        get(shared, "/sub/news?gap=<script>"),
        get(shared, "/", method="DELETE"),
        get(shared, "/health"),
        get(shared, "/echo"),
        get(shared, "/health", "Content-Length: 1") + b"x",
        b"GET / HTTP/1.1\r\n\r\n",
    ]
    for request in requests:
        answer = ask(shared, request)
        assert answer.header("X-Content-Type-Options") == "nosniff", (request, answer)
    for path in (f"/pub/{script}", f"/{script}", "/health", "/counters", "/pub/a/b"):
        _, headers, _ = shared.request("GET", path)
        assert headers["X-Content-Type-Options"] == "nosniff", path
