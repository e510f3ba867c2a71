"""A client learns exactly what it cannot have, on every transport that has notices."""

import pytest

from support.event_stream import EventStream
from support.polling import Poller, gaps_of, items_of
from support.positions import at, missed, offset, other_epoch
from support.raw_http import RawConnection, get, upgrade
from support.raw_websocket import TEXT, RawWebSocket
from support.v1 import PROTOCOL, V1
from support.waiting import wait_until
from support.ways import SDK_WAYS, WAYS

# The last three publications are kept.
SHORT = """
[namespace.short]
history_publications = 3
[namespace.lossy]
history_publications = 3
lossy_plain = true
[namespace.none]
history_publications = 0
"""


@pytest.fixture(scope="module")
def server(start_shared, plane, shards, namespaces):
    return start_shared(plane, shards, config=namespaces(SHORT))


@pytest.fixture
def name(channel):
    return f"short:{channel}"


def filled(server, name, count=10):
    """Publishes `0` to `count - 1`, and gives their positions."""
    return server.publish_all(name, [str(n) for n in range(count)])


@pytest.mark.parametrize("way", WAYS)
def test_evicted(server, name, way):
    """The exact offsets that are missing, and then from now on."""
    sent = filled(server, name)
    with WAYS[way](server, name, sent[1]) as line:
        if way.endswith("poll"):
            assert line.step() == []
        assert line.gaps == [(name, "evicted", missed(sent[1], sent[9]))]
        assert line.position == sent[9]
        server.publish(name, "10")
        assert line.take(1) == ["10"]
        assert len(line.gaps) == 1, "it is announced once"


@pytest.mark.parametrize("way", WAYS)
def test_evicted_and_then_the_earliest(server, name, way):
    sent = filled(server, name)
    with WAYS[way](server, name, sent[1], gap="earliest") as line:
        assert line.take(3) == ["7", "8", "9"]
        assert line.gaps == [(name, "evicted", missed(sent[1], sent[6]))]
        assert line.position == sent[9]


@pytest.mark.parametrize("way", WAYS)
def test_just_kept_is_no_gap(server, name, way):
    sent = filled(server, name)
    with WAYS[way](server, name, sent[6]) as line:
        assert line.take(3) == ["7", "8", "9"] and line.gaps == []
    with WAYS[way](server, name, sent[5], gap="earliest") as line:
        assert line.take(3) == ["7", "8", "9"]
        assert line.gaps == [(name, "evicted", missed(sent[5], sent[6]))]


@pytest.mark.parametrize("way", SDK_WAYS)
def test_sdks_hear_that_something_is_missing(server, name, way):
    sent = filled(server, name)
    with SDK_WAYS[way](server, name, sent[6]) as line:
        assert line.take(3) == ["7", "8", "9"] and line.gaps == []
    for lose in (lambda _: sent[1], lambda last: at(last, offset(last) + 1), other_epoch):
        with SDK_WAYS[way](server, name, lose(sent[-1])) as line:
            assert line.gaps == [(name, None, None)] and line.position == sent[-1]
            sent.append(server.publish(name, "next")["position"])
            assert line.take(1) == ["next"] and line.position == sent[-1]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("gap", ["now", "earliest"])
def test_future(server, name, way, gap):
    """An offset that has not been given yet is a mistake, not a reservation."""
    sent = filled(server, name)
    with WAYS[way](server, name, at(sent[9], offset(sent[9]) + 1), gap=gap) as line:
        if gap == "earliest":
            assert line.take(3) == ["7", "8", "9"]
        elif way.endswith("poll"):
            assert line.step() == []
        assert line.gaps == [(name, "future", None)]
        assert line.position == sent[9]
        server.publish(name, "10")
        assert line.take(1) == ["10"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("deleted", [False, True], ids=["unknown", "deleted"])
def test_epoch(server, name, way, deleted):
    """The stream that the position names is not there any more."""
    position, *_ = filled(server, name)
    lost = position if deleted else other_epoch(position)
    if deleted:
        server.delete(name)
    new = server.publish(name, "of the new stream" if deleted else "10")["position"]
    with WAYS[way](server, name, lost) as line:
        if way.endswith("poll"):
            assert line.step() == []
        assert line.gaps == [(name, "epoch", None)]
        assert line.position == new
        server.publish(name, "next")
        assert line.take(1) == ["next"]
    with WAYS[way](server, name, lost, gap="earliest") as line:
        assert line.take(2)[1] == "next" if deleted else line.take(3)[2] == "next"
        assert line.gaps == [(name, "epoch", None)]


@pytest.mark.parametrize("way", WAYS)
def test_epoch_of_a_channel_that_never_was(server, name, way):
    with WAYS[way](server, name, "abcd1234-17") as line:
        if way.endswith("poll"):
            assert line.step() == []
        assert line.gaps == [(name, "epoch", None)]
        server.publish(name, "first")
        assert line.take(1) == ["first"]


@pytest.mark.parametrize("way", WAYS)
def test_without_history(server, channel, way):
    """A client that was away learns what is missing."""
    name = f"none:{channel}"
    first, second = server.publish_all(name, ["0", "1"])
    with WAYS[way](server, name, first) as line:
        if way.endswith("poll"):
            assert line.step() == []
        assert line.gaps == [(name, "evicted", missed(first, second))]

def test_without_history_those_who_are_there_get_everything(server, channel):
    name = f"none:{channel}"
    position = server.publish(name, "0")["position"]
    lines = [WAYS[way](server, name, position) for way in ("v1", "event_stream")]
    with Poller(server, name, f"since={position}") as poller:
        poller.begin()
        server.wait_for_subscribers(name, 3)
        server.publish(name, "1")
        answer = poller.finish()
        assert answer.body == b"1" and gaps_of(answer) == []
    for line in lines:
        assert line.take(1) == ["1"] and line.gaps == []
        line.close()


def test_long_poll_tells_at_once(server, name):
    """It is answered instead of held, so that the client knows before the next news."""
    sent = filled(server, name)
    with Poller(server, name, f"since={sent[0]}") as poller:
        answer = poller.poll()
        assert answer.status == 304
        assert gaps_of(answer) == [(name, "evicted", missed(sent[0], sent[9]))]
        poller.begin().expect_silence(0.2)
        server.publish(name, "10")
        answer = poller.finish()
        assert answer.body == b"10" and gaps_of(answer) == []


def test_json_poll_tells_at_once(server, name):
    sent = filled(server, name)
    for more in ("", "&poll=1"):
        query = f"since={sent[0]}{more}"
        with Poller(server, name, query, ["Accept: application/json"]) as poller:
            (notice,) = items_of(poller.poll())
            expected = {"channel": name, "gap": "evicted", "position": sent[9]}
            assert notice == {**expected, "missed": [*missed(sent[0], sent[9])]}
            assert poller.position == sent[9]
    query = f"since={sent[0]}&gap=earliest"
    with Poller(server, name, query, ["Accept: application/json"]) as poller:
        notice, *items = items_of(poller.poll())
        assert notice["missed"] == [*missed(sent[0], sent[6])]
        assert [item["data"] for item in items] == ["7", "8", "9"]


def test_raw(server, channel):
    """A client without notices is closed, unless its namespace lets it miss something."""
    first, *_ = filled(server, f"short:{channel}")
    with RawWebSocket(server, f"/sub/short:{channel}?since={first}") as line:
        line.expect_close(4010, ends=False)
    first, *_ = filled(server, f"lossy:{channel}")
    with RawWebSocket(server, f"/sub/lossy:{channel}?since={first}") as line:
        server.publish(f"lossy:{channel}", "10")
        line.expect(TEXT, b"10")
    with RawWebSocket(server, f"/sub/lossy:{channel}?since={first}&gap=earliest") as line:
        for n in (8, 9, 10):
            line.expect(TEXT, str(n).encode())


def test_if_modified_since_before_what_was_evicted(server, name):
    """nchan's clients without an Etag learn that something is gone, though not which offsets."""
    filled(server, name)
    header = "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT"
    with Poller(server, name, "poll=1", [header]) as poller:
        answer = poller.poll()
        assert answer.status == 304 and gaps_of(answer) == [(name, "evicted", None)]
    with Poller(server, name, "poll=1&gap=earliest", [header]) as poller:
        answer = poller.poll()
        assert answer.body == b"7" and gaps_of(answer) == [(name, "evicted", None)]


CHANNELS_MAX = 128
UNREADING = 150


def many(channel):
    return [f"{channel}-{n:03}" for n in range(CHANNELS_MAX)]


@pytest.mark.parametrize("way", ["v1", "event_stream"])
def test_each_of_many_gaps_has_a_notice(server, channel, way):
    """Each has the position to resume from if it is the last that arrives; those after it come again."""
    names = many(channel)
    old = ",".join(f"aaaaaaaa-{n}" for n in range(CHANNELS_MAX))
    path = f"/sub/{','.join(names)}?since={old}"
    gaps = [(name, "epoch", None) for name in names]
    if way == "v1":
        with V1(server, path) as line:
            assert line.begin() == gaps
            server.publish(names[5], "news")
            assert line.payload() == "news"
    else:
        with EventStream(server, path, receive_buffer=4_096) as stream:
            assert [stream.read_block().gap for _ in range(80)] == gaps[:80]
            position = stream.position
        with EventStream(server, f"/sub/{','.join(names)}", f"Last-Event-ID: {position}") as stream:
            assert stream.begin()[0] == gaps[80:]
            server.publish(names[5], "news")
            stream.expect("news")


@pytest.mark.alone
@pytest.mark.parametrize("way", ["v1", "event_stream"])
def test_notices_wait_for_room(start, plane, channel, way):
    """All of one client have 200 to 400 KB, and it does not read them."""
    server = start(plane)
    path = f"/sub/{','.join(many(channel))}?since=17"
    if way == "v1":
        request = upgrade(server, path, f"Sec-WebSocket-Protocol: {PROTOCOL}")
    else:
        request = get(server, path, "Accept: text/event-stream")
    with RawConnection(server) as first:
        first.send(request)
        first.read_until(b"\r\n\r\n")
    before = server.resident_kib()
    clients = [RawConnection(server, receive_buffer=2_048).send(request) for _ in range(UNREADING)]
    opened = "handshakes" if way == "v1" else "event_streams_opened"
    wait_until("all listen", lambda: server.counter(opened) == UNREADING + 1)
    wait_until("they are held back", lambda: server.counter("connections_blocked") == UNREADING)
    grown = server.resident_kib() - before
    assert grown < UNREADING * 96, f"{grown} KiB for {UNREADING} clients"
    for client in clients:
        client.close()
