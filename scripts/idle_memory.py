#!/usr/bin/env python3
"""Measures what idle subscribed connections cost, and that one message reaches all of them.

usage: scripts/idle_memory.py [--plane io_uring|epoll] [--cores N] [--churn CLIENTS] [--channels N] COUNT...

For each COUNT: starts the server, opens COUNT WebSockets that listen to one channel (with
--channels to so many) from helper processes, lets them settle, and prints one row: user memory of
the server (growth of its resident set and of its own dirty pages) and kernel memory (growth of the
slab, both ends of each connection together, since both are on this machine; as root also its
largest caches) for each connection, and the descriptors the server has open. With --churn so many
clients more come to the same channel and go again, by the load tool, and the growth of the resident
set is read. Then one message is published and must arrive everywhere exactly once, everybody
leaves, and the resident set is read again. It ends with an error when a message or a connection is
missing.
"""

import argparse
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
CHANNEL = "memory:test"
CHURN_RATE = 8_000
CACHES_SHOWN = 6


def kib(path, field):
    with open(path) as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1])
    raise SystemExit(f"{path} has no {field}")


class Server:
    def __init__(self, path, plane, cores):
        flags = ["--listen", "127.0.0.1:0", "--internal-listen", "127.0.0.1:0"]
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

    def publish(self, text):
        url = f"http://127.0.0.1:{self.internal}/pub/{CHANNEL}"
        urllib.request.urlopen(urllib.request.Request(url, data=text.encode()), timeout=60).read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


class Clients:
    def __init__(self, port, count, channel_count):
        self.processes = []
        channels = ",".join([CHANNEL, *(f"{CHANNEL}-{n}" for n in range(1, channel_count))])
        source = 2
        while count > 0:
            share = min(count, CLIENTS_PER_PROCESS)
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, f"{HERE}/idle_clients.py", str(port), str(share), channels, f"127.0.0.{source}"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            count -= share
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


def measure(arguments, count):
    server = Server(arguments.server, arguments.plane, arguments.cores)
    clients = None
    churned = "-"
    try:
        # The first connection makes what all share.
        warm = Clients(server.public, 100, arguments.channels)
        warm.wait_for("ready")
        warm.leave()
        time.sleep(SETTLE_S)
        before, caches_before = (server.rss(), server.dirty(), slab()), slab_caches()
        started = time.monotonic()
        clients = Clients(server.public, count, arguments.channels)
        held = clients.wait_for("ready")
        connect_s = time.monotonic() - started
        time.sleep(SETTLE_S)
        after, caches = (server.rss(), server.dirty(), slab()), slab_caches()
        rss, dirty, kernel = ((now - then) / count for now, then in zip(after, before, strict=True))
        descriptors = server.descriptors()
        if arguments.churn:
            churn(arguments, server, arguments.churn)
            churned = f"{(server.rss() - after[0]) / 1024:+.0f}"
        clients.expect("one for all")
        started = time.monotonic()
        server.publish("one for all")
        got = clients.wait_for("got")
        reached_s = time.monotonic() - started
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
        f"| {arguments.plane} | {arguments.cores} | {count:,} | {rss:.0f} | {dirty:.0f} | {kernel:.0f} "
        f"| {descriptors} | {connect_s:.1f} | {reached_s:.2f} | {churned} | {left:+.0f} "
        f"| {largest(caches, caches_before, count)} |",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plane", default="io_uring", choices=["io_uring", "epoll"])
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--channels", type=int, default=1, metavar="N")
    parser.add_argument("--churn", type=int, default=0, metavar="CLIENTS")
    parser.add_argument("--server", default=os.path.join(HERE, "..", "target", "release", "switchboard"))
    parser.add_argument("--load", default=os.path.join(HERE, "..", "target", "release", "switchboard-load"))
    parser.add_argument("counts", type=int, nargs="+", metavar="COUNT")
    arguments = parser.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    print(f"Descriptor limit of each process: {limit:,}. Memory in bytes for each connection.\n")
    print(
        "| plane | shards | connections | user (RSS) | user (dirty) | kernel slab, both ends "
        "| descriptors open | connected in s | message to all in s | RSS after churn, KiB "
        "| RSS left after, KiB | slab by cache |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for count in arguments.counts:
        measure(arguments, count)


if __name__ == "__main__":
    main()
