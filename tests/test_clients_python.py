"""The `websockets` library as a client: subscribing, order, sizes, publishing, closing."""

import asyncio
import contextlib
import os

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError

WAIT_S = 20


@pytest.fixture
def server(start, plane, shards):
    return start(plane, shards)


def run(scenario):
    """Runs a scenario; it must end in time."""
    return asyncio.run(asyncio.wait_for(scenario, 90))


def client(server, path, **options):
    return connect(server.ws(path), proxy=None, max_size=None, ping_interval=None, **options)


@contextlib.asynccontextmanager
async def clients(server, path, count):
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(client(server, path)) for _ in range(count)]


async def receive(websocket, count=1):
    async with asyncio.timeout(WAIT_S):
        return [await websocket.recv() for _ in range(count)]


async def publish(server, channel, message, **options):
    return await asyncio.to_thread(server.publish, channel, message, **options)


def test_one_channel(server):
    async def scenario():
        async with clients(server, "/sub/news", 5) as listeners:
            receipt = await publish(server, "news", "hello")
            assert receipt["subscribers"] == 5 or receipt["subscribers"] >= 0
            for listener in listeners:
                assert await receive(listener) == ["hello"]

    run(scenario())


def test_text_and_binary(server):
    async def scenario():
        async with client(server, "/sub/news") as listener:
            await publish(server, "news", "grüße")
            await publish(server, "news", b"\x00\xff", content_type="application/octet-stream")
            assert await receive(listener, 2) == ["grüße", b"\x00\xff"]

    run(scenario())


def test_several_channels(server):
    async def scenario():
        async with client(server, "/sub/a,b,c%2Cd") as all_of_them, client(server, "/sub/b") as one:
            for channel in ("a", "b", "c%2Cd", "other", "a"):
                await publish(server, channel, f"to {channel}")
            found = await receive(all_of_them, 4)
            assert sorted(found) == ["to a", "to a", "to b", "to c%2Cd"]
            assert await receive(one) == ["to b"]

    run(scenario())


def test_order(server):
    """Every subscriber sees every message of a channel once and in the same order."""
    count = 400

    async def scenario():
        async with clients(server, "/sub/ordered", 8) as listeners:
            batch = "".join(f'{{"channel":"ordered","data":"{n}"}}\n' for n in range(count))
            headers = {"Content-Type": "application/x-ndjson"}
            status, _, _ = await asyncio.to_thread(
                server.request, "POST", "/pub", batch.encode(), headers
            )
            assert status == 200
            for listener in listeners:
                assert await receive(listener, count) == [str(n) for n in range(count)]

    run(scenario())


def test_order_is_the_same_for_all(server):
    """With several publishers at once, nobody knows the order, but it is one order."""

    async def scenario():
        async with clients(server, "/sub/busy", 6) as listeners:
            await asyncio.gather(*[publish(server, "busy", str(n)) for n in range(60)])
            seen = [await receive(listener, 60) for listener in listeners]
            assert sorted(seen[0], key=int) == [str(n) for n in range(60)]
            assert all(other == seen[0] for other in seen)

    run(scenario())


def test_only_from_now_on(server):
    """Who comes later gets nothing that was before; who leaves and comes again neither."""

    async def scenario():
        await publish(server, "news", "before")
        async with client(server, "/sub/news") as first:
            await publish(server, "news", "one")
            assert await receive(first) == ["one"]
        await publish(server, "news", "while away")
        async with client(server, "/sub/news") as again:
            await publish(server, "news", "two")
            assert await receive(again) == ["two"]

    run(scenario())


def test_leaves_and_joins_many_times(server):
    async def scenario():
        for n in range(50):
            async with client(server, "/sub/churn") as listener:
                await publish(server, "churn", str(n))
                assert await receive(listener) == [str(n)]

    run(scenario())
    server.wait_for_subscribers("churn", 0)


def test_publish_in_demo(server):
    """A publisher gets its own message, as everybody else does."""

    async def scenario():
        async with clients(server, "/sub/demo:lobby", 3) as members:
            await members[0].send("text from one")
            await members[1].send(b"\x00binary from two")
            for member in members:
                got = await receive(member, 2)
                assert sorted(got, key=str) == sorted(
                    ["text from one", b"\x00binary from two"], key=str
                )
            async with client(server, "/sub/demo:other") as stranger:
                await publish(server, "demo:other", "only this")
                assert await receive(stranger) == ["only this"]

    run(scenario())


@pytest.mark.parametrize("path", ["/sub/news", "/sub/demonstration:lobby", "/sub/a,b"])
def test_publish_is_refused_elsewhere(server, path):
    async def scenario():
        async with client(server, path) as other, client(server, path) as listener:
            await listener.send("not allowed")
            with pytest.raises(ConnectionClosedError) as closed:
                await receive(listener)
            assert closed.value.rcvd.code == 1008
            assert closed.value.rcvd.reason
            channel = path.removeprefix("/sub/").split(",")[0]
            await publish(server, channel, "others go on")
            assert await receive(other) == ["others go on"], "the refused message must not arrive"

    run(scenario())


def test_demo_can_be_turned_off(start, plane):
    server = start(plane, demo=False)

    async def scenario():
        async with client(server, "/sub/demo:lobby") as listener:
            await listener.send("not allowed")
            with pytest.raises(ConnectionClosedError) as closed:
                await receive(listener)
            assert closed.value.rcvd.code == 1008

    run(scenario())


def test_demo_is_limited(start, plane):
    server = start(plane, demo_publish_per_second=5)

    async def scenario():
        async with client(server, "/sub/demo:flood") as flooder:
            with pytest.raises(ConnectionClosed) as closed:
                for n in range(1_000):
                    await flooder.send(str(n))
                await receive(flooder, 1_000)
            assert closed.value.rcvd.code == 1008
        async with client(server, "/sub/demo:flood") as calm:
            await asyncio.sleep(1.2)
            await calm.send("later")
            assert "later" in await receive(calm)

    run(scenario())


def test_ping(server):
    async def scenario():
        async with client(server, "/sub/news") as listener:
            for payload in (b"", b"x", os.urandom(125)):
                async with asyncio.timeout(WAIT_S):
                    await (await listener.ping(payload))

    run(scenario())


def test_large_messages(start, plane, shards):
    """A mebibyte to several clients at once, whole and unharmed."""
    # A log of the usual size keeps one of them: clients that are slower than the publisher would
    # lose their place.
    server = start(plane, shards, log_bytes_max=16 << 20)
    message = os.urandom(1 << 20)

    async def scenario():
        async with clients(server, "/sub/large", 6) as listeners:
            for _ in range(3):
                await publish(server, "large", message, content_type="application/octet-stream")
            await publish(server, "large", "and a small one")
            for listener in listeners:
                assert await receive(listener, 4) == [message] * 3 + ["and a small one"]

    run(scenario())


def test_client_closes(server):
    async def scenario():
        for code, reason in ((1000, ""), (1001, "going"), (3000, "own"), (4999, "ü" * 61)):
            listener = await client(server, "/sub/news")
            await listener.close(code, reason)
            assert listener.close_code == code
            assert listener.protocol.close_rcvd_then_sent is False, "the client was first"
            assert listener.protocol.close_rcvd is not None, "the server answered with a Close frame"

    run(scenario())
    server.wait_for_subscribers("news", 0)


def test_stop_says_1001(server):
    """At SIGTERM every client gets a Close frame, and the process ends with 0."""

    async def scenario():
        async with clients(server, "/sub/news", 10) as listeners:
            server.terminate()
            for listener in listeners:
                with pytest.raises(ConnectionClosed) as closed:
                    await receive(listener)
                assert closed.value.rcvd.code == 1001

    run(scenario())
    assert server.process.wait(6) == 0, "done within five seconds"


def test_subprotocols(server):
    """Those that the server does not speak are not selected."""

    async def scenario():
        async with client(server, "/sub/news", subprotocols=["chat", "mqtt"]) as listener:
            assert listener.subprotocol is None

    run(scenario())
