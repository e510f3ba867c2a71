"""Clients of Centrifuge whose network is cut again and again, and whose server dies: what they get all the same."""

import json
import math
import random
import time

import pytest

from support.centrifuge import PythonSdk
from support.centrifuge_crowd import ENDPOINTS, Crowd
from support.proxy import CuttingProxy
from support.server import Server

CLIENTS = 50
# Of all clients, transports and planes together.
ROUNDS = 1_000
PLANES = 2
CUT_AT_ONCE_MAX = 15


class Stream:
    """What was published: in each channel the numbers from 0 on."""

    def __init__(self, server, channels):
        self.server = server
        self.next = dict.fromkeys(channels, 0)

    def publish(self, channel, count):
        first = self.next[channel]
        self.next[channel] += count
        self.server.publish_all(channel, [json.dumps(number) for number in range(first, first + count)])

    def owed(self, clients):
        """How many publications so many clients get in all, who take the channels in turn."""
        lengths = list(self.next.values())
        return sum(lengths[number % len(lengths)] for number in range(clients))


@pytest.mark.parametrize("transport", ENDPOINTS)
def test_clients_whose_network_is_cut_again_and_again(start, plane, channel, transport):
    """Each goes on where it was, every time: nothing is lost or comes twice, and the order is kept."""
    rounds = math.ceil(ROUNDS / (PLANES * len(ENDPOINTS)))
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")  # pytest shows it where the test fails
    chance = random.Random(seed)
    names = [f"{channel}-{n}" for n in range(5)]
    server = start(plane, shards=2)
    stream = Stream(server, names)
    with CuttingProxy(server) as proxy, Crowd(proxy, transport, names, CLIENTS) as crowd:
        crowd.wait_until_all("listen", lambda counts: counts["listening"] == CLIENTS)
        deadline = time.monotonic() + 100
        while (recovered := crowd.counts()["recovered"]) < rounds:
            assert time.monotonic() < deadline, f"only {recovered} of {rounds} recoveries"
            for _ in range(chance.randint(1, 5)):
                stream.publish(chance.choice(names), chance.randint(1, 5))
            proxy.cut(with_reset=chance.random() < 0.5, count=chance.randint(1, CUT_AT_ONCE_MAX), chance=chance)
            time.sleep(chance.random() * 0.05)
        owed = stream.owed(CLIENTS)
        crowd.wait_until_all("have everything", lambda counts: counts["numbers"] >= owed)
        assert crowd.counts()["lost"] == 0
        for name, numbers in crowd.seen():
            assert numbers == list(range(stream.next[name])), name


@pytest.mark.parametrize("transport", ENDPOINTS)
def test_clients_whose_server_dies_hear_that_their_place_is_lost(start, plane, channel, transport, tmp_path):
    """The new server has other epochs. From then on everything comes once and in order."""
    names = [f"{channel}-{n}" for n in range(5)]
    first = Server(tmp_path, plane=plane, cores=2)
    with Crowd(first, transport, names, CLIENTS) as crowd:
        crowd.wait_until_all("listen", lambda counts: counts["listening"] == CLIENTS)
        old = Stream(first, names)
        for name in names:
            old.publish(name, 3)
        crowd.wait_until_all("have it", lambda counts: counts["numbers"] == old.owed(CLIENTS))
        first.kill()
        second = start(plane, shards=2, port=first.port)
        crowd.wait_until_all("are told", lambda counts: counts["lost"] == CLIENTS)
        new = Stream(second, names)
        for name in names:
            new.publish(name, 5)
        owed = old.owed(CLIENTS) + new.owed(CLIENTS)
        crowd.wait_until_all("have the rest", lambda counts: counts["numbers"] >= owed)
        assert crowd.counts()["recovered"] == 0
        assert all(numbers == [0, 1, 2, 0, 1, 2, 3, 4] for _, numbers in crowd.seen())


def test_the_python_sdk_hears_that_its_place_is_lost(start, plane, channel, tmp_path):
    first = Server(tmp_path, plane=plane, cores=1)
    with PythonSdk(first) as client:
        client.wait_for("connected")
        client.subscribe(channel)
        assert not client.wait_for("subscribed").was_recovering
        first.publish(channel, "1")
        assert client.wait_for("publication").pub.data == 1
        first.kill()
        second = start(plane, port=first.port)
        client.wait_for("connected")
        subscribed = client.wait_for("subscribed")
        assert subscribed.was_recovering and not subscribed.recovered
        second.publish(channel, "2")
        assert client.wait_for("publication").pub.data == 2
