"""python3 -m cluster_soak.bench --switchboard PROGRAM --nats PROGRAM [--seconds N] [--replicas N] [--storage S]

Called by `scripts/cluster_bench.sh`: what a publication costs in time when nodes share channels. All processes and this
client are on one machine, so they take time from each other.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import pathlib
import statistics
import sys
import tempfile
import time

from soak.listeners import HANDSHAKE
from soak.wire import TEXT, Wire

from .processes import Node, start_cluster

RATE = 200
BATCH = 1_000
BATCHES_IN_FLIGHT = 4
MISSED = 100
RESUMES = 300
CHANNELS = 100_000
CHANNELS_EACH = 100
PAYLOAD = "x" * 180


async def post(wire: Wire, path: str, body: str, content_type: str) -> bytes:
    """A request on a kept-alive connection: the body of its answer."""
    wire.send(
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\nAccept: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    head = await wire.head()
    answer = await wire.body(head)
    assert head.status in (200, 201), (head.status, answer)
    return answer


async def listen(node: Node, channel: str, since: str | None = None) -> Wire:
    """A subscriber of `switchboard.v1` that has begun."""
    wire = await Wire.open("127.0.0.1", node.port)
    query = f"?since={since}" if since else ""
    wire.request(f"/sub/{channel}{query}", HANDSHAKE)
    head = await wire.head()
    assert head.status == 101, head
    opcode, payload = await wire.frame()
    assert opcode == TEXT and payload.startswith(b"start"), payload
    return wire


async def publication(wire: Wire) -> tuple[str, str]:
    """The position and the text of the next one."""
    while True:
        opcode, payload = await wire.frame()
        if opcode == TEXT:
            header, _, text = payload.partition(b"\n\n")
            kind, position = header.decode().split("\n")[0].split(": ")
            assert kind == "position", header
            return position, text.decode()


def shown(times_s: list[float]) -> str:
    """Median, 99th percentile and largest, in milliseconds."""
    ordered = sorted(times_s)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"p50 {statistics.median(ordered) * 1e3:.2f} ms, p99 {p99 * 1e3:.2f} ms, max {ordered[-1] * 1e3:.1f} ms"


async def latency(here: Node, there: Node, seconds: float) -> None:
    """Publications at one node, one after the other, to a subscriber of another."""
    subscriber = await listen(there, "latency")
    publisher = await Wire.open("127.0.0.1", here.internal_port)
    acknowledged, delivered = [], []
    for number in range(int(seconds * RATE)):
        began = time.monotonic()
        asked = asyncio.create_task(post(publisher, "/pub/latency", f"{number} {PAYLOAD}", "text/plain"))
        _, text = await publication(subscriber)
        delivered.append(time.monotonic() - began)
        await asked
        acknowledged.append(time.monotonic() - began)
        assert text.startswith(f"{number} "), text
        await asyncio.sleep(max(0.0, 1 / RATE - (time.monotonic() - began)))
    print(f"publication of 200 B to a client of another node: {shown(delivered)}")
    print(f"the same until its publisher has the receipt: {shown(acknowledged)}")


async def throughput(nodes: list[Node], seconds: float) -> None:
    """Batches at all nodes, to channels in all streams."""
    count, until = 0, time.monotonic() + seconds

    async def publish(node: Node, seed: int) -> None:
        nonlocal count
        wire = await Wire.open("127.0.0.1", node.internal_port)
        lines = [json.dumps({"channel": f"t{(seed + n) % 997}", "data": PAYLOAD}) for n in range(BATCH)]
        while time.monotonic() < until:
            answer = await post(wire, "/pub", "\n".join(lines), "application/x-ndjson")
            refused = [line for line in answer.splitlines() if b'"error"' in line]
            assert not refused, (len(refused), refused[0])
            count += BATCH

    began = time.monotonic()
    tasks = [publish(node, 37 * n) for n, node in enumerate(nodes * BATCHES_IN_FLIGHT)]
    await asyncio.gather(*tasks)
    per_second = count / (time.monotonic() - began)
    print(f"acknowledged publications of 200 B, in batches at {len(nodes)} nodes: {per_second:,.0f} a second")


async def resume(here: Node, there: Node) -> None:
    """Clients that come to another node with 100 publications missed."""
    publisher = await Wire.open("127.0.0.1", here.internal_port)
    lines = "\n".join(json.dumps({"channel": "resume", "data": f"{n} {PAYLOAD}"}) for n in range(MISSED + 1))
    answers = (await post(publisher, "/pub", lines, "application/x-ndjson")).splitlines()
    first = json.loads(answers[0])["position"]
    for what, node in [("that follows the channel", here), ("that does not, the first time", there)]:
        keeper = await listen(node, "resume") if node is here else None
        times = []
        for _ in range(RESUMES if node is here else 1):
            began = time.monotonic()
            wire = await listen(node, "resume", first)
            for _ in range(MISSED):
                await publication(wire)
            times.append(time.monotonic() - began)
            wire.cut(with_reset=False)
        print(f"resume after {MISSED} missed, at a node {what}: {shown(times)}")
        if keeper:
            keeper.cut(with_reset=False)


async def channels(node: Node) -> None:
    """What a node takes for channels that its clients listen to."""
    before_kib, wires = node.resident_kib(), []
    began = time.monotonic()
    for first in range(0, CHANNELS, CHANNELS_EACH):
        names = ",".join(f"m{number}" for number in range(first, first + CHANNELS_EACH))
        wires.append(await listen(node, names))
    took_s = time.monotonic() - began
    grown_mib = (node.resident_kib() - before_kib) / 1024
    for wire in wires:
        wire.cut(with_reset=False)
    count = len(wires)
    print(f"{CHANNELS:,} channels of {count:,} clients: {grown_mib:.1f} MiB more resident, joined in {took_s:.1f} s")


async def run(options: argparse.Namespace, folder: pathlib.Path) -> None:
    storage = [f"--engine-replicas={options.replicas}", f"--engine-storage={options.storage}", *options.option]
    nats, nodes = start_cluster(options.switchboard, options.nats, storage, folder)
    try:
        for node in nodes:
            await node.wait_until_ready()
        print(f"3 NATS servers, {options.replicas} replicas ({options.storage}), 3 nodes, all on this machine")
        await latency(nodes[0], nodes[1], options.seconds)
        await throughput(nodes, options.seconds)
        await resume(nodes[0], nodes[2])
        await channels(nodes[1])
    finally:
        for process in [*nodes, *nats]:
            process.kill()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--switchboard", required=True)
    parser.add_argument("--nats", required=True)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--replicas", type=int, default=3)
    parser.add_argument("--storage", default="file")
    parser.add_argument("--option", action="append", default=[])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(options, pathlib.Path(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
