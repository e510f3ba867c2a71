"""Several channels on one line: one position names them all, and each resumes where it was."""

import random
import time

import pytest

from support.event_stream import EventStream
from support.polling import Poller, gaps_of, items_of
from support.positions import at, missed, offset, split
from support.raw_http import ask, get, upgrade
from support.v1 import V1
from support.ways import WAYS

SHORT = "[namespace.short]\nhistory_publications = 3\n"
WITH_COMMA = "%C3%BC%2C%20%25:x"  # `ü, %:x`


@pytest.fixture(scope="module")
def server(start_shared, plane, shards, namespaces):
    return start_shared(plane, shards, config=namespaces(SHORT))


@pytest.fixture
def three(channel):
    """Three channels, with two shards seldom all of one home."""
    return [f"{channel}-{n}" for n in range(3)]


@pytest.mark.parametrize("way", WAYS)
def test_everything_of_all_of_them_once(server, three, way):
    sent = [[f"{n} of {name}" for n in range(8)] for name in three]
    lasts = [server.publish_all(name, texts)[-1] for name, texts in zip(three, sent, strict=True)]
    with WAYS[way](server, ",".join(three), "earliest") as line:
        found = line.take(24)
        assert sorted(found) == sorted(text for texts in sent for text in texts)
        for name, texts in zip(three, sent, strict=True):
            assert [text for text in found if text.endswith(name)] == texts, "in order in each"
        assert line.position == ",".join(lasts)
        lasts[1] = server.publish(three[1], "news")["position"]
        assert line.take(1) == ["news"]
        assert line.position == ",".join(lasts)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", range(3))
def test_resume_at_random_places(server, three, way, seed):
    rng = random.Random(seed)
    sent = {name: [] for name in three}
    received, position = [], "earliest"
    for _ in range(12):
        for _ in range(rng.randrange(1, 6)):
            name = rng.choice(three)
            sent[name].append(f"{len(sent[name])} of {name}")
            server.publish(name, sent[name][-1])
        owed = sum(len(texts) for texts in sent.values()) - len(received)
        taken = owed if way == "json_poll" else rng.randint(1, owed)
        with WAYS[way](server, ",".join(three), position) as line:
            received += line.take(taken)
            assert line.gaps == []
            position = line.position
    with WAYS[way](server, ",".join(three), position) as line:
        received += line.take(sum(len(texts) for texts in sent.values()) - len(received))
    for name in three:
        assert [text for text in received if text.endswith(name)] == sent[name]


def test_polls_give_the_oldest_first(server, three):
    """So that one position names all that was delivered."""
    order = [2, 0, 1, 0, 2, 1, 1, 0, 2]
    for n, which in enumerate(order):
        server.publish(three[which], str(n))
        time.sleep(0.005)
    with Poller(server, ",".join(three), "since=earliest") as poller:
        for n, which in enumerate(order):
            answer = poller.poll()
            assert answer.body == str(n).encode()
            assert answer.header("Switchboard-Channel") == three[which]
    with Poller(server, ",".join(three), "since=earliest", ["Accept: application/json"]) as poller:
        items = poller.poll_json()
        assert [item["data"] for item in items] == [str(n) for n in range(9)]
        assert [item["channel"] for item in items] == [three[which] for which in order]


def test_how_each_way_names_the_channel(server, channel):
    """Percent-encoded in headers, as it is in JSON."""
    name, encoded = "ü, %:x", WITH_COMMA
    path = f"{channel},{encoded}"
    with V1(server, f"/sub/{path}") as line, EventStream(server, f"/sub/{path}") as stream:
        line.begin()
        stream.begin()
        server.publish(encoded, "x")
        message = line.read()
        assert (message.channel, message.fields["channel"]) == (name, encoded)
        # An event stream has no place for it; the position tells which one moved on.
        before = [number for _, number in split(stream.position)]
        stream.expect("x")
        after = [number for _, number in split(stream.position)]
        assert after[0] == before[0] and after[1] > before[1]
    with Poller(server, path, "since=latest") as poller:
        assert poller.poll().header("Switchboard-Channel") == encoded
    with Poller(server, path, "since=latest", ["Accept: application/json"]) as poller:
        assert poller.poll_json()[0]["channel"] == name


def test_a_position_for_each(server, three):
    sent = [server.publish_all(name, ["1", "2"]) for name in three]
    path = ",".join(three)
    since = f"{sent[0][0]},latest,earliest"
    with V1(server, f"/sub/{path}?since={since}") as line:
        line.begin()
        found = [line.read() for _ in range(4)]
        by_channel = [[m.payload for m in found if m.channel == name] for name in three]
        assert by_channel == [["2"], ["2"], ["1", "2"]]
        assert line.position == ",".join(last for _, last in sent)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_positions_of_another_number_of_channels_are_lost(server, three, count):
    """A page that has kept a position asks for one channel more: it is told that it has gaps."""
    path = f"{','.join(three)}?since={','.join(['abcd1234-0'] * count)}"
    gaps = [(name, "epoch", None) for name in three]
    with V1(server, f"/sub/{path}") as line:
        assert line.begin() == gaps
    with EventStream(server, f"/sub/{path}") as stream:
        assert stream.begin()[0] == gaps
    for query in ("", "&poll=1"):
        answer = ask(server, get(server, f"/sub/{path}{query}"))
        assert answer.status == 304 and gaps_of(answer) == gaps, answer


@pytest.mark.parametrize("way", WAYS)
def test_gaps_of_some(server, channel, way):
    """One notice for each channel concerned; the others go on where they were."""
    names = [f"short:{channel}-{n}" for n in range(3)]
    sent = [server.publish_all(name, [f"{name} {n}" for n in range(10)]) for name in names]
    future = at(sent[2][9], offset(sent[2][9]) + 100)
    since = f"{sent[0][0]},{sent[1][7]},{future}"
    with WAYS[way](server, ",".join(names), since) as line:
        assert line.take(2) == [f"{names[1]} 8", f"{names[1]} 9"]
        evicted = (names[0], "evicted", missed(sent[0][0], sent[0][9]))
        assert line.gaps == [evicted, (names[2], "future", None)]
        assert line.position == ",".join(positions[9] for positions in sent)


def test_gaps_in_headers_name_channels_safely(server):
    """A name with a comma must not look like a second gap."""
    path = f"{WITH_COMMA},plain"
    with Poller(server, path, "since=abcd1234-5&poll=1".replace("-5", "-5,abcd1234-6")) as poller:
        answer = poller.poll()
        assert gaps_of(answer) == [(WITH_COMMA, "epoch", None), ("plain", "epoch", None)]


def test_as_many_as_are_allowed(server, channel):
    """128 channels, every way; the answers stay whole however long their heads are."""
    names = [f"{channel}-{n}" for n in range(128)]
    for way in WAYS.values():
        server.publish(names[77], "x")
        with way(server, ",".join(names), "latest") as line:
            assert line.take(1) == ["x"]
            numbers = [number for _, number in split(line.position)]
            assert numbers[77] >= 1 and sum(numbers) == numbers[77]
        # The whole list fits a request again.
        assert len(line.position) < 128 * 12


@pytest.mark.parametrize("count", [129, 1_000, 5_000])
def test_more_than_are_allowed(server, count):
    path = "/sub/" + ",".join(f"{n:x}" for n in range(count))
    for request in (get(server, path), get(server, path + "?poll=1"), upgrade(server, path)):
        assert ask(server, request).status in ((400,) if count == 129 else (400, 414, 431))
    assert server.alive()


@pytest.mark.parametrize("way", WAYS)
def test_publications_while_it_resumes(server, three, way):
    """A line begins while its channels are published to: nothing is lost at the seam."""
    for name in three:
        server.publish_all(name, [f"{n} of {name}" for n in range(50)])
    with WAYS[way](server, ",".join(three), "earliest") as line:
        for name in three:
            server.publish_all(name, [f"{n} of {name}" for n in range(50, 60)])
        found = line.take(180)
    for name in three:
        assert [t for t in found if t.endswith(name)] == [f"{n} of {name}" for n in range(60)]


def test_one_deletion_ends_the_whole_line(server, three):
    """As with WebSocket: its one position could not name what is left."""
    for name in three:
        server.publish(name, "x")
    with Poller(server, ",".join(three)) as poller, EventStream(server, f"/sub/{','.join(three)}") as stream:
        poller.begin()
        stream.begin()
        server.wait_for_subscribers(three[1], 2)
        server.delete(three[1])
        assert poller.finish().status == 410
        stream.expect_end()


def test_items_carry_positions_of_all(server, three):
    """Each item of a JSON answer can be resumed from."""
    sent = [server.publish_all(name, [f"{n} of {name}" for n in range(3)]) for name in three]
    path = ",".join(three)
    with Poller(server, path, "since=earliest", ["Accept: application/json"]) as poller:
        items = items_of(poller.poll())
    for n, item in enumerate(items[:-1]):
        query = f"since={item['position']}"
        with Poller(server, path, query, ["Accept: application/json"]) as poller:
            assert [i["data"] for i in items_of(poller.poll())] == [i["data"] for i in items[n + 1 :]]
    assert items[0]["position"].split(",")[0] in (at(sent[0][0], 0), sent[0][0])
