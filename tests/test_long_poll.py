"""Long polls: held until a message or the time-out, then sent again with the validators."""

import time

import httpx
import pytest

from support.polling import Poller, items_of, modified_s, position_of
from support.positions import offset
from support.raw_http import RawConnection, get

SHORT = """
[namespace.short]
history_publications = 0
log_publications_max = 1
"""


@pytest.fixture
def server(everywhere):
    return everywhere


@pytest.fixture
def impatient(start_shared, plane):
    return start_shared(plane, long_poll_timeout_ms=300)


def test_waits_for_news(server, channel):
    with Poller(server, channel) as poller:
        poller.begin()
        server.wait_for_subscribers(channel, 1)
        poller.expect_silence(0.2)
        before = int(time.time())
        receipt = server.publish(channel, "grüße")
        answer = poller.finish()
        assert answer.status == 200 and answer.body == "grüße".encode(), answer
        assert position_of(answer) == receipt["position"]
        assert before <= modified_s(answer) <= int(time.time())
        assert answer.header("Cache-Control") == "no-store"
        assert not answer.closes()
        for absent in ("Switchboard-Channel", "Switchboard-Event", "Switchboard-Gap", "Vary"):
            assert answer.header(absent) is None, answer
        server.wait_for_subscribers(channel, 0)


def test_from_now_on_without_a_position(server, channel):
    server.publish(channel, "before")
    with Poller(server, channel) as poller:
        poller.begin()
        server.wait_for_subscribers(channel, 1)
        server.publish(channel, "after")
        assert poller.finish().body == b"after"


def test_nothing_is_lost_between_two_polls(server, channel):
    """The documented sequence: what is published between an answer and the next question waits."""
    with Poller(server, channel) as poller:
        poller.begin()
        server.wait_for_subscribers(channel, 1)
        server.publish(channel, "0")
        assert poller.finish().body == b"0"
        for n in range(1, 50):
            server.publish(channel, str(n))
            if n % 3 == 0:
                found = [poller.poll() for _ in range(3)]
                assert [answer.body for answer in found] == [str(m).encode() for m in range(n - 2, n + 1)]


def test_the_same_position_gets_the_same_answer(server, channel):
    """A poll whose answer was lost is simply asked again, also of another shard."""
    first, second, _ = server.publish_all(channel, ["one", "two", "three"])
    for _ in range(8):
        with Poller(server, channel, headers=[f'If-None-Match: "{first}"']) as poller:
            answer = poller.poll()
            assert (answer.body, poller.position) == (b"two", second)


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("text/plain; charset=iso-8859-1", b"a", "text/plain; charset=iso-8859-1"),
        ("application/json", b"{}", "application/json"),
        ("application/x-www-form-urlencoded", b"from curl -d", "text/plain; charset=utf-8"),
        ("application/octet-stream", b"\x00\xff", "application/octet-stream"),
        ("image/png", b"\x89PNG\r\n\x1a\n", "image/png"),
        ("text/plain", b"", "text/plain; charset=utf-8"),
        ("text/markdown", "grüß".encode(), "text/markdown; charset=utf-8"),
        ("text/csv; header=absent", b"a,b", "text/csv; header=absent; charset=utf-8"),
        ("text/plain", b"\xff", "text/plain"),
    ],
)
def test_kinds(server, channel, content_type, body, expected):
    server.publish(channel, body, content_type)
    with Poller(server, channel, "since=earliest") as poller:
        answer = poller.poll()
        assert (answer.status, answer.body) == (200, body)
        assert answer.header("Content-Type") == expected
        assert answer.header("Content-Length") == str(len(body))


def test_event_name(server, channel):
    server.publish(channel, "x", event="tick")
    server.publish(channel, "y", event="grüße, alle")
    with Poller(server, channel, "since=earliest") as poller:
        assert poller.poll().header("Switchboard-Event") == "tick"
        named = poller.poll().header("Switchboard-Event")
        assert named.isascii() and httpx.URL(f"http://x/?a={named}").params["a"] == "grüße, alle"


@pytest.mark.alone
def test_timeout(impatient, channel):
    """304 with the validators of where the client stands, and it can go on with them."""
    server = impatient
    position = server.publish(channel, "one")["position"]
    with Poller(server, channel) as poller:
        started = time.monotonic()
        answer = poller.poll()
        assert 0.25 < time.monotonic() - started < 3
        assert answer.status == 304 and answer.body == b"", answer
        assert poller.position == position
        assert modified_s(answer) <= time.time()
        assert answer.header("Cache-Control") == "no-store"
        assert poller.poll().status == 304, "on the same connection"
        server.publish(channel, "two")
        assert poller.poll().body == b"two"


def test_timeout_of_a_channel_that_never_was(impatient, channel):
    with Poller(impatient, channel) as poller:
        assert poller.poll().status == 304
        assert offset(poller.position) == 0
        impatient.publish(channel, "first")
        assert poller.poll().body == b"first"


def test_timeout_with_408(start, plane, channel):
    server = start(plane, long_poll_timeout_ms=200, long_poll_timeout_status=408)
    with Poller(server, channel) as poller:
        answer = poller.poll()
        assert answer.status == 408, answer
        assert position_of(answer) and modified_s(answer) <= time.time()
        assert answer.closes(), "RFC 9110 section 15.5.9"


def test_waits_for_many_channels_at_once_on_many_connections(server, channel):
    """A hundred wait, one publication answers all."""
    pollers = [Poller(server, channel).begin() for _ in range(100)]
    server.wait_for_subscribers(channel, 100)
    receipt = server.publish(channel, "to all of them")
    for poller in pollers:
        assert poller.finish().body == b"to all of them"
        assert poller.position == receipt["position"]
        poller.close()
    server.wait_for_subscribers(channel, 0)


def test_json(server, channel):
    sent = server.publish_all(channel, ["one", "zwölf", ""])
    binary = server.publish(channel, b"\x00\xff", "application/octet-stream", event="bytes")
    before = time.time() * 1_000
    with Poller(server, channel, "since=earliest", ["Accept: application/json"]) as poller:
        items = poller.poll_json()
        assert [item["position"] for item in items] == [*sent, binary["position"]]
        assert all(item["channel"] == channel for item in items)
        assert [item.get("data") for item in items] == ["one", "zwölf", "", None]
        assert (items[3]["b64"], items[3]["event"]) == ("AP8=", "bytes")
        assert items[3]["content_type"] == "application/octet-stream"
        assert "event" not in items[0]
        assert all(before - 60_000 < item["time"] <= before + 60_000 for item in items)
        assert poller.position == items[-1]["position"]
        poller.begin()
        server.wait_for_subscribers(channel, 1)
        server.publish(channel, '{"a": 1}', "application/json")
        (item,) = items_of(poller.finish())
        assert item["data"] == '{"a": 1}' and item["content_type"] == "application/json"


def test_json_is_bounded(server, channel):
    """About a mebibyte in one answer, the rest in the next, and nothing lost."""
    texts = [f"{n} " + "x" * 100_000 for n in range(25)]
    server.publish_all(channel, texts)
    found, answers = [], 0
    with Poller(server, channel, "since=earliest", ["Accept: application/json"]) as poller:
        while len(found) < len(texts):
            answer = poller.poll()
            assert len(answer.body) < 2 << 20
            found += [item["data"] for item in items_of(answer)]
            answers += 1
    assert found == texts
    assert answers >= 2


@pytest.mark.parametrize(
    ("accept", "is_json"),
    [
        ("application/json", True),
        ("text/html, application/json;q=0.9, */*;q=0.8", True),
        ("APPLICATION/JSON", True),
        ("application/json;q=0", False),
        ("application/json; q=0.000", False),
        ("*/*", False),
        ("application/jsonp", False),
    ],
)
def test_who_gets_json(server, channel, accept, is_json):
    server.publish(channel, "x")
    with Poller(server, channel, "since=earliest", [f"Accept: {accept}"]) as poller:
        answer = poller.poll()
        assert (answer.header("Content-Type") == "application/json") == is_json, answer


def test_pipelining(server, channel):
    """Polls in one packet are answered in order; a waiting one holds back the ones after it."""
    first, second, third = server.publish_all(channel, ["1", "2", "3"])
    paths = [f"/sub/{channel}?since={position}" for position in (first, second, third)]
    with RawConnection(server) as connection:
        connection.send(b"".join(get(server, path) for path in [*paths, "/health"]))
        assert [connection.read_answer().body for _ in range(2)] == [b"2", b"3"]
        connection.expect_silence(0.2)
        server.publish(channel, "4")
        assert [connection.read_answer().body for _ in range(2)] == [b"4", b"ok\n"]


def test_http_1_0(server, channel):
    server.publish(channel, "old but well")
    with RawConnection(server) as connection:
        connection.send(f"GET /sub/{channel}?since=earliest HTTP/1.0\r\n\r\n".encode())
        answer = connection.read_answer()
        assert answer.status == 200 and answer.body == b"old but well"
        assert answer.header("Transfer-Encoding") is None
        connection.expect_end()
    with RawConnection(server) as connection:
        request = f"GET /sub/{channel}?since=earliest HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        for _ in range(3):
            answer = connection.send(request.encode()).read_answer()
            assert answer.body == b"old but well"
            assert answer.header("Connection").lower() == "keep-alive"


def test_connection_close(server, channel):
    with Poller(server, channel, headers=["Connection: close"]) as poller:
        poller.begin()
        server.wait_for_subscribers(channel, 1)
        server.publish(channel, "the last answer")
        answer = poller.finish()
        assert answer.body == b"the last answer" and answer.closes()
        poller.expect_end()


def test_who_leaves_while_waiting(server, channel):
    pollers = [Poller(server, channel).begin() for _ in range(20)]
    server.wait_for_subscribers(channel, 20)
    for poller in pollers[:15]:
        poller.close()
    server.wait_for_subscribers(channel, 5)
    server.publish(channel, "to the pollers that stayed")
    for poller in pollers[15:]:
        assert poller.finish().body == b"to the pollers that stayed"
        poller.close()


def test_deleted_while_waiting(server, channel):
    server.publish(channel, "x")
    with Poller(server, channel) as poller:
        poller.begin()
        server.wait_for_subscribers(channel, 1)
        server.delete(channel)
        answer = poller.finish()
        assert answer.status == 410 and answer.body.endswith(b"\n"), answer


def test_stop_ends_waiting_polls(start, plane, shards, channel):
    server = start(plane, shards)
    pollers = [Poller(server, channel).begin() for _ in range(20)]
    server.wait_for_subscribers(channel, 20)
    server.stop()
    for poller in pollers:
        while poller.fill():
            pass
        poller.close()


@pytest.mark.parametrize("method", ["HEAD", "POST", "DELETE", "PUT"])
def test_other_methods(server, channel, method):
    with RawConnection(server) as connection:
        request = get(server, f"/sub/{channel}", "Content-Length: 0", method=method)
        answer = connection.send(request).read_answer(head_only=method == "HEAD")
        assert answer.status == 405
        assert answer.header("Allow") == "GET, OPTIONS"


def test_a_library_as_client(server, channel):
    """httpx keeps the connection and repeats the validators, as any HTTP client does."""
    sent = [f"message {n}" for n in range(30)]
    server.publish(channel, "before")
    with httpx.Client(base_url=server.url(""), trust_env=False, timeout=20) as client:
        answer = client.get(f"/sub/{channel}", params={"since": "latest"})
        assert answer.text == "before"
        server.publish_all(channel, sent)
        for text in sent:
            validators = {
                "If-None-Match": answer.headers["etag"],
                "If-Modified-Since": answer.headers["last-modified"],
            }
            answer = client.get(f"/sub/{channel}", headers=validators)
            assert (answer.status_code, answer.text) == (200, text)


@pytest.mark.parametrize("json", [False, True])
def test_a_burst_longer_than_what_is_kept(start, plane, shards, namespaces, json):
    """A waiting poller gets the first of it, and of the rest what is kept or a gap, exactly."""
    server = start(plane, shards, config=namespaces(SHORT))
    accept = ["Accept: application/json"] if json else []
    for turn in range(5):
        channel = f"short:{turn}"
        pollers = [Poller(server, channel, headers=accept).begin() for _ in range(8)]
        server.wait_for_subscribers(channel, 8)
        server.publish_all(channel, [str(n) for n in range(1, 9)])
        for poller in pollers:
            answer = poller.finish()
            gap = answer.header("Switchboard-Gap")
            if gap is not None:
                # One that still waited for its channel's home may have come too late for the first.
                missed = f"{channel}; reason=evicted; missed=1-{offset(poller.position)}"
                assert answer.status == 304 and gap == missed, answer
            elif json and "gap" in (first := items_of(answer)[0]):
                position = poller.position
                notice = {"channel": channel, "gap": "evicted", "missed": [1, offset(position)]}
                assert first == {**notice, "position": position}, answer
            elif json:
                assert first["data"] == "1", answer
            else:
                assert answer.status == 200 and answer.body == b"1", answer
            poller.close()


@pytest.mark.parametrize(
    "content_type, sandboxed",
    [("text/html", True), ("image/svg+xml", True), ("text/plain", False), ("image/png", False)],
)
def test_what_runs_scripts_is_put_into_a_sandbox(server, channel, content_type, sandboxed):
    """Opened in a browser it would be a page of this server's origin, which may publish."""
    server.publish(channel, "<script>1</script>", content_type)
    with Poller(server, channel, "since=latest") as poller:
        policy = poller.poll().header("Content-Security-Policy")
        assert policy == ("sandbox" if sandboxed else None)
