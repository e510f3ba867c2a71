#!/usr/bin/env python3
"""Measures what idle subscribed connections cost, and that one message reaches all of them.

usage: scripts/idle_memory.py [--plane io_uring|epoll] [--cores N] [--server PATH] COUNT...

For each COUNT: starts the server, opens COUNT WebSocket subscriptions of one channel from helper
processes, lets them settle, and prints one row: user memory of the server (growth of its resident
set and of its own dirty pages) and kernel memory (growth of the slab, both ends of each connection
together, since both are on this machine) for each connection, and the descriptors the server has
open. Then one message is published and must arrive everywhere exactly once, everybody leaves, and
the resident set is read again. It ends with an error when a message or a connection is missing.
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
    def __init__(self, port, count):
        self.processes = []
        source = 2
        while count > 0:
            share = min(count, CLIENTS_PER_PROCESS)
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, f"{HERE}/idle_clients.py", str(port), str(share), CHANNEL, f"127.0.0.{source}"],
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


def measure(arguments, count):
    server = Server(arguments.server, arguments.plane, arguments.cores)
    clients = None
    try:
        # The first connection makes what all share.
        warm = Clients(server.public, 100)
        warm.wait_for("ready")
        warm.leave()
        time.sleep(SETTLE_S)
        before = server.rss(), server.dirty(), slab()
        started = time.monotonic()
        clients = Clients(server.public, count)
        held = clients.wait_for("ready")
        connect_s = time.monotonic() - started
        time.sleep(SETTLE_S)
        after = server.rss(), server.dirty(), slab()
        rss, dirty, kernel = ((now - then) / count for now, then in zip(after, before))
        descriptors = server.descriptors()
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
        f"| {arguments.plane} | {count:,} | {rss:.0f} | {dirty:.0f} | {kernel:.0f} | {descriptors} "
        f"| {connect_s:.1f} | {reached_s:.2f} | {left:.0f} |",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plane", default="io_uring", choices=["io_uring", "epoll"])
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--server", default=os.path.join(HERE, "..", "target", "release", "switchboard"))
    parser.add_argument("counts", type=int, nargs="+", metavar="COUNT")
    arguments = parser.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    print(f"Descriptor limit of each process: {limit:,}. Memory in bytes for each connection.\n")
    print(
        "| plane | connections | user (RSS) | user (dirty) | kernel slab, both ends | descriptors open "
        "| connected in s | message to all in s | RSS left after, KiB |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for count in arguments.counts:
        measure(arguments, count)


if __name__ == "__main__":
    main()
