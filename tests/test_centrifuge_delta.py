"""Deltas of the Centrifuge protocol (`delta: "fossil"`): clients that ask for them end up with what was published."""

import contextlib
import json
import random

import pytest
from centrifuge import DeltaType

from support.centrifuge import NodeSdk, PythonSdk, RawCentrifuge
from support.fossil import Chain
from support.proxy import CuttingProxy
from support.waiting import wait_until

NAMESPACES = """
[namespace.default]
delta = true

[namespace.brief]
delta = true
history_publications = 0

[namespace.plain]
history_publications = 100
"""
SEED = 7


@pytest.fixture(scope="module")
def server(start_shared, plane, shards, namespaces):
    return start_shared(plane, shards, config=namespaces(NAMESPACES))


class Documents:
    """A JSON document that changes, and all that it has been."""

    def __init__(self, seed=SEED, rows=30):
        self.random = random.Random(seed)
        self.document = {"title": "grüße 😀", "rows": [self.row() for _ in range(rows)]}

    def text(self):
        return "".join(self.random.choices('abcäö€😀"\\ {}[],:0123456789\n', k=self.random.randint(0, 12)))

    def row(self):
        return {"id": self.random.randint(0, 10**9), "name": self.text(), "is": self.random.random() < 0.5}

    def next(self):
        rows = self.document["rows"]
        for _ in range(self.random.randint(0, 3)):
            at = self.random.randrange(len(rows))
            match self.random.randrange(5):
                case 0:
                    rows[at] = self.row()
                case 1:
                    rows[at]["name"] = self.text()
                case 2:
                    rows.insert(at, self.row())
                case 3 if len(rows) > 10:
                    del rows[at]
                case 4:
                    self.random.shuffle(rows)
        if self.random.random() < 0.02:
            # Something that has nothing in common with it.
            return json.dumps(self.text())
        return json.dumps(self.document, ensure_ascii=self.random.random() < 0.1)


def publish(server, channel, documents, count):
    """Publishes versions of a document, some of them together; gives them as values."""
    texts = [documents.next() for _ in range(count)]
    rest = list(texts)
    while rest:
        size = documents.random.choice([1, 1, 2, 20])
        server.publish_all(channel, rest[:size])
        rest = rest[size:]
    return [json.loads(text) for text in texts]


def subscribe(client, channel, **fields):
    return client.ask("subscribe", channel=channel, delta="fossil", **fields)["subscribe"]


def values(client, channel, chain, count):
    return [json.loads(chain.next(client.publication(channel))) for _ in range(count)]


def test_the_first_publication_is_whole_and_others_are_what_has_changed(server, channel):
    with RawCentrifuge(server) as client, RawCentrifuge(server) as other:
        assert subscribe(client, channel)["delta"] is True
        assert "delta" not in other.ask("subscribe", channel=channel)["subscribe"]
        server.publish(channel, json.dumps({"rows": list(range(100)), "n": 1}, indent=1))
        server.publish(channel, json.dumps({"rows": list(range(100)), "n": 2}))
        server.publish(channel, "something else")
        chain = Chain()
        first = client.publication(channel)
        assert "delta" not in first and json.loads(chain.next(first))["n"] == 1
        second = client.publication(channel)
        assert second["delta"] is True and len(second["data"]) < 60
        assert json.loads(chain.next(second)) == {"rows": list(range(100)), "n": 2}
        third = client.publication(channel)
        assert "delta" not in third and third["data"] == '"something else"'
        # Whoever did not ask gets what is published.
        data = [other.publication(channel)["data"] for _ in range(3)]
        assert [it["n"] for it in data[:2]] == [1, 2] and data[2] == "something else"


def test_where_the_namespace_does_not_say_so_there_are_none(server, channel):
    with RawCentrifuge(server) as client:
        assert "delta" not in subscribe(client, f"plain:{channel}")
        server.publish(f"plain:{channel}", '{"a": 1}')
        assert client.publication(f"plain:{channel}")["data"] == {"a": 1}
        # Other forms are not known.
        assert "delta" not in client.ask("subscribe", channel=channel, delta="vcdiff")["subscribe"]


@pytest.mark.parametrize("namespace", ["", "brief:"])
def test_a_thousand_changes_of_a_document_with_clients_that_join_meanwhile(server, channel, namespace):
    name, documents = f"{namespace}{channel}", Documents()
    clients = []
    for _ in range(5):
        client = RawCentrifuge(server)
        subscribe(client, name)
        clients.append((client, Chain()))
        published = publish(server, name, documents, 200)
        for client, chain in clients:
            assert values(client, name, chain, 200) == published
    for client, chain in clients:
        assert chain.deltas > 100
        client.close()


@pytest.mark.parametrize("transport", ["websocket", "http_stream", "sse", None])
def test_the_sdks_end_up_with_what_was_published(server, channel, transport):
    documents = Documents(seed=8)
    options = {"delta": "fossil" if transport else DeltaType.FOSSIL}
    with contextlib.ExitStack() as stack:
        proxy = stack.enter_context(CuttingProxy(server))
        # The npm SDK by each of its transports, and the PyPI SDK.
        client = stack.enter_context(NodeSdk(proxy, transport) if transport else PythonSdk(proxy))
        client.wait_for("connected")
        before = publish(server, channel, documents, 10)
        client.subscribe(channel, **options)
        client.wait_for("subscribed")
        published = publish(server, channel, documents, 200)
        for _ in range(4):
            proxy.cut()
            # What is published meanwhile comes with the reply, or behind it.
            published += publish(server, channel, documents, 200)
            wait_until("it is back", lambda: server.subscribers(channel) == 1)
        assert before and data_of(client, len(published)) == published


def data_of(client, count):
    if isinstance(client, NodeSdk):
        return client.data(count)
    found = []
    while len(found) < count:
        event, context = client.events.get(timeout=20)
        if event == "publication":
            found.append(context.pub.data)
    return found


def test_what_was_missed_begins_a_chain_that_goes_on(server, channel):
    documents = Documents(seed=9)
    published = publish(server, channel, documents, 20)
    with RawCentrifuge(server) as client:
        result = subscribe(client, channel, recover=True, offset=0, epoch="")
        assert result["recovered"] is True and result["delta"] is True
        chain = Chain()
        missed = [json.loads(chain.next(publication)) for publication in result["publications"]]
        assert missed == published[: len(missed)] and len(missed) > 5
        published += publish(server, channel, documents, 20)
        assert values(client, channel, chain, 40 - len(missed)) == published[len(missed) :]
        # Nothing was missed: the next one is whole.
        client.ask("unsubscribe", channel=channel)
        position = server.publish(channel, '"x"')["position"].split("-")
        result = subscribe(client, channel, recover=True, offset=int(position[1]), epoch=position[0])
        assert result["recovered"] is True and "publications" not in result
        assert values(client, channel, Chain(), 0) == []
        more = publish(server, channel, documents, 3)
        assert values(client, channel, Chain(), 3) == more


def test_a_reader_that_is_slow_gets_each_change_where_it_was_cut(server, channel):
    documents = Documents(seed=10, rows=150)
    with RawCentrifuge(server, receive_buffer=4_096) as slow:
        subscribe(slow, channel)
        published = []
        for _ in range(30):
            published += publish(server, channel, documents, 10)
        assert values(slow, channel, Chain(), len(published)) == published


def test_a_connection_has_subscriptions_with_and_without(server, channel):
    names = [f"{channel}-{n}" for n in range(6)]
    with RawCentrifuge(server) as client:
        chains = {}
        for n, name in enumerate(names):
            if n % 2:
                subscribe(client, name)
                chains[name] = Chain()
            else:
                client.ask("subscribe", channel=name)
        documents = Documents(seed=11)
        for _ in range(20):
            for name in names:
                (value,) = publish(server, name, documents, 1)
                publication = client.publication(name)
                data = publication["data"]
                assert (json.loads(chains[name].next(publication)) if name in chains else data) == value
        assert all(chain.deltas > 10 for chain in chains.values())


def test_many_channels_with_a_subscriber_each(server, channel):
    clients = []
    for n in range(20):
        client = RawCentrifuge(server)
        subscribe(client, f"{channel}-{n}")
        clients.append((client, f"{channel}-{n}", Chain()))
    documents = Documents(seed=12)
    for _ in range(10):
        texts = [documents.next() for _ in clients]
        lines = "".join(
            json.dumps({"channel": name, "data": text}) + "\n"
            for (_, name, _), text in zip(clients, texts, strict=True)
        )
        server.request("POST", "/pub", lines.encode(), {"Content-Type": "application/x-ndjson"})
        for (client, name, chain), text in zip(clients, texts, strict=True):
            assert values(client, name, chain, 1) == [json.loads(text)]
    for client, _, _ in clients:
        client.close()


def test_a_pair_that_is_expensive_to_compare_is_published_like_others(server, channel):
    with RawCentrifuge(server) as client:
        subscribe(client, channel)
        chain = Chain()
        for letter in "abcd":
            text = json.dumps(("a" * 15 + letter) * 4_000)
            server.publish(channel, text)
            assert chain.next(client.publication(channel)) == text.encode()
        large = json.dumps("x" * 100_000)
        for _ in range(2):
            server.publish(channel, large)
            publication = client.publication(channel)
            assert "delta" not in publication and chain.next(publication) == large.encode()
