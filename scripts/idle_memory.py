#!/usr/bin/env python3
"""Measures what idle subscribed connections cost, and that one message reaches all of them.

usage: scripts/idle_memory.py [--plane io_uring|epoll] [--cores N] [--churn CLIENTS] [--channels N]
                              [--own] [--way websocket|v1|centrifuge|http-stream|event-stream|long-poll]
                              [--identity user|rights]
                              [--all] COUNT...

For each COUNT: starts the server, opens COUNT WebSockets (with --way those that speak `switchboard.v1`
or the protocol of Centrifuge, event streams, or held polls) that listen to one channel (with --channels
to so many, with --own each to a channel of its own) from helper processes, lets them settle, and prints
one row: user memory of the server (growth of its resident set and of its own dirty pages) and kernel
memory (growth of the slab, both ends of each connection together, since both are on this machine; as
root also its largest caches) for each connection, and the descriptors the server has open. With --churn
so many clients more come to the same channel and go again, by the load tool, and the growth of the
resident set is read. Then one message of 128 bytes is published (with --own one in each channel) and
must arrive everywhere exactly once, the growth of the resident set is read for what that takes,
everybody leaves, and it is read again.

With --way http-stream each connection is one of a Centrifuge SDK without a WebSocket.

With --identity each connection shows a token of a user of its own (16 bytes, with an end), and
with `rights` one that also grants it two channels and the right to publish, and says who it is.

It ends with an error when a message or a connection is missing. --all measures every kind of
connection in turn, those with a channel of their own with one shard and with two.
"""

import argparse
import dataclasses
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENTS_PER_PROCESS = 15_000
SETTLE_S = 3.0
LINES_PER_BATCH = 100
# A payload of 128 bytes.
MESSAGE = "one for all ".ljust(128, "x")
CHANNEL = "memory:test"
WARM = "memory:warm"
TOKEN_SECRET = "measures the memory of identities"
CHURN_RATE = 8_000
CACHES_SHOWN = 6


def kib(path, field):
    with open(path) as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1])
    raise SystemExit(f"{path} has no {field}")


class Server:
    def __init__(self, path, plane, cores, identity, way):
        flags = ["--listen", "127.0.0.1:0", "--internal-listen", "127.0.0.1:0"]
        # Held polls must outlast the measurement.
        flags += ["--long-poll-timeout-ms", "600000"]
        if way == "http-stream":
            # Nobody answers its pings.
            flags += ["--ping-interval-ms", "600000"]
        if identity:
            flags += ["--token-secret", TOKEN_SECRET]
        self.process = subprocess.Popen(
            [path, *flags, "--plane", plane, "--cores", str(cores)],
            stderr=subprocess.PIPE,
            text=True,
            # The server refuses variables of its prefix that it does not know, such as SWITCHBOARD_BIN.
            env={name: value for name, value in os.environ.items() if not name.startswith("SWITCHBOARD_")},
        )
        line = self.process.stderr.readline()
        while "listening on" not in line:
            if not line:
                raise SystemExit(f"{path} did not start")
            line = self.process.stderr.readline()
        self.public, self.internal = (int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", line)[:2])

    @property
    def pid(self):
        return self.process.pid

    def rss(self):
        return kib(f"/proc/{self.pid}/status", "VmRSS") * 1024

    def dirty(self):
        return kib(f"/proc/{self.pid}/smaps_rollup", "Private_Dirty") * 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def publish(self, text, channels):
        url = f"http://127.0.0.1:{self.internal}/pub"
        for start in range(0, len(channels), LINES_PER_BATCH):
            lines = (json.dumps({"channel": name, "data": text}) for name in channels[start:][:LINES_PER_BATCH])
            request = urllib.request.Request(url, data="\n".join(lines).encode())
            request.add_header("Content-Type", "application/x-ndjson")
            urllib.request.urlopen(request, timeout=60).read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of connection."""

    way: str = "websocket"
    channels: int = 1
    own: bool = False
    cores: int = 1
    identity: str = ""

    def names(self):
        """What each listens to; `{i}` is its number."""
        if self.own:
            return f"{CHANNEL}-{{i}}"
        return ",".join([CHANNEL, *(f"{CHANNEL}-{n}" for n in range(1, self.channels))])

    def published(self, count):
        """Where a message reaches everybody once."""
        return [f"{CHANNEL}-{n}" for n in range(count)] if self.own else [CHANNEL]

    def __str__(self):
        channels = "own channel" if self.own else f"{self.channels} shared channel{'s'[: self.channels - 1]}"
        identity = {"": "", "user": ", with a user", "rights": ", with a user and rights"}[self.identity]
        return f"{self.way}, {channels}{identity}"


EVERY_KIND = [
    Kind(),
    Kind(identity="user"),
    Kind(identity="rights"),
    Kind(channels=3),
    Kind(own=True),
    Kind(own=True, cores=2),
    Kind(way="v1"),
    Kind(way="v1", identity="user"),
    Kind(way="centrifuge"),
    Kind(way="centrifuge", identity="user"),
    Kind(way="event-stream"),
    Kind(way="event-stream", own=True),
    Kind(way="long-poll"),
    Kind(way="long-poll", own=True),
    Kind(way="http-stream"),
]


class Clients:
    def __init__(self, port, count, kind, channels=None):
        self.processes = []
        channels = channels or kind.names()
        source = 2
        first = 0
        while count > 0:
            share = min(count, CLIENTS_PER_PROCESS)
            self.processes.append(
                subprocess.Popen(
                    [
                        sys.executable, f"{HERE}/idle_clients.py", str(port), str(share), channels,
                        f"127.0.0.{source}", kind.way, str(first), kind.identity or "none", TOKEN_SECRET,
                    ],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            count -= share
            first += share
            source += 1

    def wait_for(self, word):
        total = 0
        for process in self.processes:
            line = process.stdout.readline().split()
            if not line or line[0] != word:
                raise SystemExit("a client process failed")
            total += int(line[1])
        return total

    def expect(self, text):
        for process in self.processes:
            process.stdin.write(f"expect {text}\n")
            process.stdin.flush()

    def leave(self):
        for process in self.processes:
            process.stdin.close()
        for process in self.processes:
            process.wait(timeout=60)


def slab():
    return kib("/proc/meminfo", "Slab") * 1024


def slab_caches():
    """Bytes in use by each of the kernel's caches; empty without root."""
    caches = {}
    try:
        with open("/proc/slabinfo") as file:
            for line in list(file)[2:]:
                name, active, _, size = line.split()[:4]
                caches[name] = int(active) * int(size)
    except PermissionError:
        pass
    return caches


def largest(after, before, count):
    """The caches that grew most, in bytes for each connection."""
    grown = {name: (after[name] - before.get(name, 0)) / count for name in after}
    most = sorted(grown, key=grown.get, reverse=True)[:CACHES_SHOWN]
    return ", ".join(f"{name} {grown[name]:.0f}" for name in most if grown[name] >= 1)


def churn(arguments, server, clients):
    """Lets clients come to the channel and go again, until so many have been there."""
    subprocess.run(
        [
            arguments.load, "churn", f"ws://127.0.0.1:{server.public}/sub/{CHANNEL}",
            "--rate", str(CHURN_RATE), "--duration", f"{clients / CHURN_RATE:.0f}s",
            "--plane", "epoll", "--quiet",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(SETTLE_S)


def measure(arguments, kind, count):
    server = Server(arguments.server, arguments.plane, kind.cores, kind.identity, kind.way)
    clients = None
    churned = "-"
    try:
        # The first connections and the first batch make what all share.
        warm = Clients(server.public, 100, kind, WARM)
        warm.wait_for("ready")
        warm.expect(MESSAGE)
        server.publish(MESSAGE, [f"{WARM}-{n}" for n in range(LINES_PER_BATCH)] + [WARM])
        warm.wait_for("got")
        warm.leave()
        time.sleep(SETTLE_S)
        before, caches_before = (server.rss(), server.dirty(), slab()), slab_caches()
        started = time.monotonic()
        clients = Clients(server.public, count, kind)
        held = clients.wait_for("ready")
        connect_s = time.monotonic() - started
        time.sleep(SETTLE_S)
        after, caches = (server.rss(), server.dirty(), slab()), slab_caches()
        rss, dirty, kernel = ((now - then) / count for now, then in zip(after, before, strict=True))
        descriptors = server.descriptors()
        if arguments.churn:
            churn(arguments, server, arguments.churn)
            churned = f"{(server.rss() - after[0]) / 1024:+.0f}"
        unpublished = server.rss()
        clients.expect(MESSAGE)
        started = time.monotonic()
        server.publish(MESSAGE, kind.published(count))
        got = clients.wait_for("got")
        reached_s = time.monotonic() - started
        time.sleep(SETTLE_S)
        published = (server.rss() - unpublished) / count
        clients.leave()
        clients = None
        time.sleep(SETTLE_S)
        left = (server.rss() - before[0]) / 1024
    finally:
        if clients is not None:
            for process in clients.processes:
                process.kill()
        code = server.stop()
    if held != count or got != count or code != 0:
        raise SystemExit(f"held {held}, reached {got} of {count}, exit code {code}")
    print(
        f"| {kind} | {arguments.plane} | {kind.cores} | {count:,} | {rss:.0f} | {dirty:.0f} "
        f"| {published:+.0f} | {kernel:.0f} "
        f"| {descriptors} | {connect_s:.1f} | {reached_s:.2f} | {churned} | {left:+.0f} "
        f"| {largest(caches, caches_before, count)} |",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plane", default="io_uring", choices=["io_uring", "epoll"])
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--channels", type=int, default=1, metavar="N")
    parser.add_argument("--own", action="store_true")
    ways = ["websocket", "v1", "centrifuge", "http-stream", "event-stream", "long-poll"]
    parser.add_argument("--way", default="websocket", choices=ways)
    parser.add_argument("--identity", default="", choices=["user", "rights"])
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--churn", type=int, default=0, metavar="CLIENTS")
    parser.add_argument("--server", default=os.path.join(HERE, "..", "target", "release", "switchboard"))
    parser.add_argument("--load", default=os.path.join(HERE, "..", "target", "release", "switchboard-load"))
    parser.add_argument("counts", type=int, nargs="+", metavar="COUNT")
    arguments = parser.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    print(f"Descriptor limit of each process: {limit:,}. Memory in bytes for each connection.\n")
    print(
        "| kind | plane | shards | connections | user (RSS) | user (dirty) | a message later "
        "| kernel slab, both ends "
        "| descriptors open | connected in s | message to all in s | RSS after churn, KiB "
        "| RSS left after, KiB | slab by cache |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    one = Kind(arguments.way, arguments.channels, arguments.own, arguments.cores, arguments.identity)
    for kind in EVERY_KIND if arguments.all else [one]:
        for count in arguments.counts:
            measure(arguments, kind, count)


if __name__ == "__main__":
    main()
