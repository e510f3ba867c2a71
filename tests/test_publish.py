"""The internal API as backends use it: with curl and with Python's own client."""

import json
import re
import subprocess

import pytest

from support.positions import offset
from support.raw_websocket import BINARY, TEXT, RawWebSocket, frame

POSITION = re.compile(r"[0-9a-z]{8}-[0-9]+")
JSON = {"Accept": "application/json"}


def curl(*arguments, stdin=None):
    """Status, headers with lower-case names, and body, as curl saw them."""
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--include", "--noproxy", "*", "--max-time", "20",
         "--header", "Expect:", *arguments],
        input=stdin, capture_output=True, check=True, timeout=30,
    )  # fmt: skip
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return int(lines[0].split()[1]), headers, body


def test_curl_without_anything(server):
    """The line of the manual: `curl -d hello .../pub/news`."""
    status, headers, body = curl("-d", "hello", server.internal("/pub/news"))
    assert status == 202, "nobody listens"
    assert headers["content-type"].startswith("text/plain")
    lines = dict(line.split(": ", 1) for line in body.decode().splitlines() if ": " in line)
    assert lines["active subscribers"] == "0", lines
    assert lines["queued messages"] == "1", lines
    assert "last requested" in lines and "last message id" in lines, lines

    with RawWebSocket(server, "/sub/news") as client:
        server.wait_for_subscribers("news", 1)
        status, _, body = curl("-d", "hello again", server.internal("/pub/news"))
        assert status == 201, body
        # curl -d says form-urlencoded; it is text all the same.
        client.expect(TEXT, b"hello again")


def test_put_is_post(server):
    with RawWebSocket(server, "/sub/news") as client:
        server.wait_for_subscribers("news", 1)
        status, _, _ = curl("-X", "PUT", "-d", "by put", server.internal("/pub/news"))
        assert status == 201
        client.expect(TEXT, b"by put")


@pytest.mark.parametrize("accept", ["application/json", "text/json"])
def test_answer_as_json(server, accept):
    """nchan's fields, and the position."""
    first = server.request("POST", "/pub/news", b"one", {"Accept": accept})
    second = server.request("POST", "/pub/news", b"two", {"Accept": accept})
    assert (first[0], second[0]) == (202, 202)
    assert "json" in first[1]["Content-Type"]
    one, two = json.loads(first[2]), json.loads(second[2])
    for receipt in (one, two):
        assert {"messages", "requested", "subscribers", "last_message_id", "position"} <= set(receipt)
        assert POSITION.fullmatch(receipt["position"]), receipt
    assert (one["messages"], two["messages"]) == (1, 2)
    assert one["position"].split("-")[0] == two["position"].split("-")[0], "one stream, one epoch"
    assert [p["position"].split("-")[1] for p in (one, two)] == ["1", "2"]


def test_kind_follows_content_type_and_bytes(server):
    """Text unless it says octet-stream or is not UTF-8."""
    cases = [
        ("text/plain", "grüße".encode(), TEXT),
        ("application/json", b'{"a":1}', TEXT),
        ("application/x-www-form-urlencoded", b"a=1", TEXT),
        ("application/octet-stream", b"plain ascii", BINARY),
        ("text/plain", b"\xff\xfe", BINARY),
        ("image/png", b"\x89PNG\r\n\x1a\n", BINARY),
    ]
    with RawWebSocket(server, "/sub/news") as client:
        server.wait_for_subscribers("news", 1)
        for content_type, body, opcode in cases:
            server.publish("news", body, content_type)
            client.expect(opcode, body)
        status, _, _ = server.request("POST", "/pub/news", b"no type at all")
        assert status == 201
        client.expect(TEXT, b"no type at all")


def test_empty_message(server):
    with RawWebSocket(server, "/sub/news") as client:
        server.wait_for_subscribers("news", 1)
        server.publish("news", b"")
        client.expect(TEXT, b"")


def test_exact_counts(start, plane, shards):
    """GET asks every shard, so its counts are exact wherever the subscribers are."""
    server = start(plane, shards)
    status, _, _ = server.request("GET", "/pub/news", headers=JSON)
    assert status == 404, "nobody has used it yet"
    clients = [RawWebSocket(server, "/sub/news") for _ in range(7)]
    assert server.subscribers("news") == 7, "the 101 is sent after the subscription is queued"
    server.publish("news", "hello")
    status, headers, body = server.request("GET", "/pub/news", headers=JSON)
    info = json.loads(body)
    assert status == 200 and "json" in headers["Content-Type"]
    assert (info["subscribers"], info["messages"]) == (7, 1), info
    assert POSITION.fullmatch(info["position"])
    for client in clients[:3]:
        client.close()
    server.wait_for_subscribers("news", 4)
    for client in clients[3:]:
        client.expect(TEXT, b"hello")
        client.close()
    server.wait_for_subscribers("news", 0)


def test_delete_ends_subscriptions_and_the_stream(start, plane, shards):
    server = start(plane, shards)
    before = server.publish("news", "old")["position"]
    clients = [RawWebSocket(server, "/sub/news") for _ in range(4)]
    other = RawWebSocket(server, "/sub/weather")
    status, _, body = server.request("DELETE", "/pub/news")
    assert status == 200, body
    for client in clients:
        client.expect_close(1000, ends=False)
        client.send(frame(8, b"\x03\xe8"))
        client.expect_end()
        client.close()
    other.send(frame(9, b"x")).expect(10, b"x")
    other.close()
    after = server.publish("news", "new")["position"]
    assert after.split("-")[0] != before.split("-")[0], "a new stream has a new epoch"
    assert offset(after) <= 4, "offsets begin again"


def test_delete_of_what_is_not_there(server):
    status, _, _ = server.request("DELETE", "/pub/nothing")
    assert status == 404


def test_batch(server):
    """Each line has its result; a bad one does not stop the others."""
    lines = [
        b'{"channel":"a","data":"one"}',
        b'{"channel":"b","b64":"AP8="}',
        b"this is no JSON",
        b'{"channel":"a"}',
        b'{"channel":"bad/name","data":"x"}',
        b'{"channel":"a","data":"two","content_type":"application/json"}',
    ]
    with RawWebSocket(server, "/sub/a") as a, RawWebSocket(server, "/sub/b") as b:
        server.wait_for_subscribers("a", 1)
        server.wait_for_subscribers("b", 1)
        status, headers, body = server.request(
            "POST", "/pub", b"\n".join(lines) + b"\n", {"Content-Type": "application/x-ndjson"}
        )
        assert status == 200, body
        assert "ndjson" in headers["Content-Type"], headers["Content-Type"]
        results = [json.loads(line) for line in body.splitlines()]
        assert len(results) == len(lines), results
        assert ["error" in result for result in results] == [False, False, True, True, True, False]
        assert all(POSITION.fullmatch(results[good]["position"]) for good in (0, 1, 5)), results
        a.expect(TEXT, b"one")
        a.expect(TEXT, b"two")
        b.expect(BINARY, b"\x00\xff")


def test_batch_by_curl(server):
    batch = "".join(json.dumps({"channel": "a", "data": str(n)}) + "\n" for n in range(100))
    with RawWebSocket(server, "/sub/a") as client:
        server.wait_for_subscribers("a", 1)
        status, _, body = curl(
            "--data-binary", "@-", "-H", "Content-Type: application/x-ndjson",
            server.internal("/pub"), stdin=batch.encode(),
        )  # fmt: skip
        assert status == 200 and len(body.splitlines()) == 100
        for n in range(100):
            client.expect(TEXT, str(n).encode())


def test_too_large(start, plane):
    server = start(plane, publish_bytes_max=1_000)
    assert server.request("POST", "/pub/news", b"x" * 1_000)[0] == 202
    status, _, body = server.request("POST", "/pub/news", b"x" * 1_001)
    assert status == 413
    error = json.loads(body)["error"]
    assert error["code"] and "1000" in error["message"].replace(",", "").replace("_", ""), error
    assert server.alive()


def test_channel_names(server):
    """Decision 7: 1 to 255 bytes of UTF-8, no control characters, no slash."""
    good = ["a", "a" * 255, "demo:lobby", "gr%C3%BC%C3%9Fe", "a%2Cb", "a%20b"]
    bad = ["", "a" * 256, "a%00b", "a%0Ab", "a%2Fb", "%FF", "a%7Fb", "%zz"]
    for name in good:
        status, _, body = server.request("POST", f"/pub/{name}", b"x")
        assert status == 202, (name, status, body)
    for name in bad:
        status, _, body = server.request("POST", f"/pub/{name}", b"x")
        assert status in ((404, 405, 400, 415) if name == "" else (400,)), (name, status, body)
        assert name == "" or json.loads(body)["error"]["message"], name
    with RawWebSocket(server, "/sub/a%2Cb") as client:
        server.wait_for_subscribers("a%2Cb", 1)
        server.publish("a%2Cb", "one channel with a comma in its name")
        client.expect(TEXT, b"one channel with a comma in its name")
