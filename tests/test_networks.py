"""Networks that are not loopback: a line of its own, a slow one, one that breaks, a long one.

All but the last run in two network namespaces joined by a veth pair, which needs root and `ip`.
"""

import asyncio
import contextlib
import functools
import json
import os
import pathlib
import subprocess
import time

import pytest
from websockets.asyncio.client import ClientConnection, connect

from support.namespaces import SERVER_ADDRESS, Network, skip_without_namespaces
from support.server import ROOT

DELAY_PROXY = pathlib.Path(
    os.environ.get("SWITCHBOARD_DELAY_BIN", ROOT / "target/release/delay-proxy")
)

# Free, since the namespace is ours.
PORT = 8000
BATCH = 200


@pytest.fixture
def network():
    skip_without_namespaces()
    network = Network()
    yield network
    network.remove()


@pytest.fixture
def start_inside(network, start, plane):
    """Starts a server in its namespace, with keys."""

    def start_there(**keys):
        with network.server.inside():
            return start(plane, port=PORT, listen=f"0.0.0.0:{PORT}", **keys)

    return start_there


def counter(server, name: str) -> int:
    return json.loads(server.request("GET", "/counters")[2])["total"][name]


def publish(server, messages: list[str]) -> None:
    """Publishes in the server's own network, in batches."""
    for at in range(0, len(messages), BATCH):
        batch = messages[at : at + BATCH]
        lines = "\n".join(json.dumps({"channel": "news", "data": message}) for message in batch)
        headers = {"Content-Type": "application/x-ndjson"}
        status, _, body = server.request("POST", "/pub", lines.encode(), headers)
        assert status == 200 and len(body.splitlines()) == len(batch), (status, body[:300])
        assert b'"error"' not in body, body[:300]


def numbered(first: int, count: int, filler: int = 0) -> list[str]:
    return [f"{number} {'x' * filler}" for number in range(first, first + count)]


@contextlib.asynccontextmanager
async def listeners(host: str, count: int):
    """Some subscribers of the channel."""
    async with contextlib.AsyncExitStack() as stack:
        url = f"ws://{host}/sub/news"
        opened = [
            await stack.enter_async_context(
                connect(url, proxy=None, ping_interval=None, compression=None, max_queue=None)
            )
            for _ in range(count)
        ]
        yield opened


async def expect(websocket: ClientConnection, messages: list[str], within_s: float) -> None:
    """Exactly these come next, in this order."""
    async with asyncio.timeout(within_s):
        for at, message in enumerate(messages):
            received = await websocket.recv()
            assert received == message, f"{received[:20]!r} at {at} for {message[:20]!r}"


async def expect_nothing_more(websockets: list[ClientConnection], server_side) -> None:
    """What is published last comes next, so that nothing came twice."""
    await asyncio.to_thread(server_side, ["the last"])
    await asyncio.gather(*(expect(websocket, ["the last"], 10) for websocket in websockets))


async def fan_out(server_side, websockets, messages: list[str], within_s: float) -> float:
    """Publishes while everybody listens; how long it took until all had all."""
    began = time.monotonic()
    publishing = asyncio.to_thread(server_side, messages)
    receiving = [expect(websocket, messages, within_s) for websocket in websockets]
    await asyncio.gather(publishing, *receiving)
    return time.monotonic() - began


def publisher(network: Network, server):
    """What publishes from a thread of its own, inside of the server's namespace."""

    def publish_inside(messages: list[str]) -> None:
        with network.server.inside():
            publish(server, messages)

    return publish_inside


def run(scenario):
    return asyncio.run(asyncio.wait_for(scenario, 60))


def test_everybody_gets_everything_once_and_in_order(network, start_inside):
    server_side = publisher(network, start_inside())

    async def scenario():
        async with listeners(f"{SERVER_ADDRESS}:{PORT}", 20) as websockets:
            await fan_out(server_side, websockets, numbered(0, 2_000), 30)
            await expect_nothing_more(websockets, server_side)

    with network.client.inside():
        run(scenario())


def test_a_slow_line_is_waited_for(network, start_inside):
    """The line is slower than the publisher, and its queue overflows, so segments are lost."""
    rate_mbit, clients, messages = 20, 10, numbered(0, 400, 2_048)
    server = start_inside()
    network.shape(f"{rate_mbit}mbit")
    server_side = publisher(network, server)

    async def scenario():
        async with listeners(f"{SERVER_ADDRESS}:{PORT}", clients) as websockets:
            took = await fan_out(server_side, websockets, messages, 40)
            await expect_nothing_more(websockets, server_side)
        return took

    with network.client.inside():
        took = run(scenario())
    payload_bits = clients * sum(map(len, messages)) * 8
    assert took > payload_bits / (rate_mbit * 1e6), f"{took:.1f} s: the line was not slow"
    with network.server.inside():
        waited = counter(server, "sends_refused") + counter(server, "sends_short")
        assert waited > 0, "no socket was ever full"
        assert counter(server, "closed_slow") == 0


def test_a_line_that_breaks_for_two_seconds_loses_nothing(network, start_inside):
    server_side = publisher(network, start_inside())
    before, during, after = numbered(0, 300), numbered(300, 500), numbered(800, 200)

    async def break_for_two_seconds(websockets):
        network.cut()
        await asyncio.to_thread(server_side, during)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(websockets[0].recv(), 2)
        network.mend()

    async def scenario():
        async with listeners(f"{SERVER_ADDRESS}:{PORT}", 5) as websockets:
            await fan_out(server_side, websockets, before, 10)
            await break_for_two_seconds(websockets)
            publishing = asyncio.to_thread(server_side, after)
            receiving = [expect(websocket, during + after, 20) for websocket in websockets]
            await asyncio.gather(publishing, *receiving)
            await expect_nothing_more(websockets, server_side)

    with network.client.inside():
        run(scenario())


@pytest.mark.alone
def test_a_peer_that_vanished_is_noticed_and_its_place_is_freed(network, start_inside):
    """No FIN, no RST, nothing: only the missing answer to a ping tells."""
    server = start_inside(ping_interval_ms=1_000, pong_timeout_ms=500, close_timeout_ms=500)
    # After the ping, the pong's time and the close's, each of which is seen up to a second late.
    within_s = 1 + 0.5 + 0.5 + 3 + 1

    async def scenario():
        async with contextlib.AsyncExitStack() as stack:
            with network.server.inside():
                (near,) = await stack.enter_async_context(listeners(f"127.0.0.1:{PORT}", 1))
            await vanish()
            await expect_nothing_more([near], publisher(network, server))

    async def vanish():
        with network.client.inside():
            far = await connect(
                f"ws://{SERVER_ADDRESS}:{PORT}/sub/news", proxy=None, ping_interval=None
            )
        with network.server.inside():
            server.wait_for_subscribers("news", 2)
            network.cut()
            cut_at = time.monotonic()
            while counter(server, "connections_open") > 1:
                await asyncio.sleep(0.05)
                assert time.monotonic() - cut_at < within_s, "the place is still taken"
            assert counter(server, "closed_dead") == 1
            server.wait_for_subscribers("news", 1)
        far.transport.abort()

    run(scenario())


@pytest.fixture
def delayed(server):
    """A server behind a line of 50 ms that wavers and loses: where its far end is."""
    assert DELAY_PROXY.exists(), f"{DELAY_PROXY} is missing: cargo build -rp switchboard-delay"
    options = ["--delay-ms=50", "--jitter-ms=20", "--loss-percent=3", "--seed=1"]
    with subprocess.Popen(
        [DELAY_PROXY, "--listen=127.0.0.1:0", f"--to={server.host}", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as proxy:
        try:
            yield proxy.stdout.readline().split()[2]
        finally:
            proxy.kill()


def test_a_long_line_that_wavers_and_stalls(server, delayed):
    """Everything arrives once and in order, and never earlier than the network allows."""
    rounds = [numbered(at, 100) for at in range(0, 2_000, 100)]
    server_side = functools.partial(publish, server)

    async def scenario():
        async with listeners(delayed, 10) as websockets:
            took = [await fan_out(server_side, websockets, messages, 20) for messages in rounds]
            await expect_nothing_more(websockets, server_side)
        return took

    took = run(scenario())
    assert min(took) >= 0.03, f"{min(took):.3f} s for one way of 50 ms, 20 ms to either side"
    assert max(took) >= 0.15, f"no round stalled for a round trip: {max(took):.3f} s"
