#!/usr/bin/env python3
"""Publishers that misbehave, for `publish_fairness.sh`: publish_attackers.py KIND HOST:PORT

  stuck   30 connections to the internal API that are never finished: a third has sent half of a head, a
          third half of a body of 1 MiB, and a third has asked and published until the server takes no more,
          and reads no answer. What the server ends begins anew.
  batch   a batch of 16 MiB, 10,000 lines to 1,000 channels without subscribers, every second.
  null    the same batches to a program that only reads them, on the core that stands in place of HOST:PORT:
          what they cost the machine, whoever takes them.

Says `attacking` when it is, and at SIGTERM what it did, as JSON.
"""

import asyncio
import collections
import http.client
import json
import multiprocessing
import os
import signal
import socket
import sys
import time

STUCK = 30
# Before one that the server ended begins anew.
PAUSE_S = 1.0
# When no more was taken for so long, those that do not read are stuck.
STILL_S = 0.5
BODY_BYTES = 1 << 20
BATCH_BYTES = 16 << 20
BATCH_LINES = 10_000
BATCH_CHANNELS = 1_000
BATCH_EVERY_S = 1.0
NDJSON = {"Content-Type": "application/x-ndjson"}

# What is counted of those that do not read.
ASKED = "requests sent by them"

Did = collections.Counter[str]
Loop = asyncio.AbstractEventLoop


async def hang(address: tuple[str, int], number: int, did: Did) -> None:
    """One connection after another that is never finished."""
    name, way = WAYS[number % len(WAYS)]
    loop = asyncio.get_running_loop()
    host = "{}:{}".format(*address)
    while True:
        try:
            with socket.socket() as sock:
                sock.setblocking(False)
                # The kernel takes little of an answer that is not read.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                await loop.sock_connect(sock, address)
                did[name] += 1
                await way(loop, sock, host, did)
        except OSError:
            pass
        did["ended by the server"] += 1
        await asyncio.sleep(PAUSE_S)


async def half_a_head(loop: Loop, sock: socket.socket, host: str, _: Did) -> None:
    await loop.sock_sendall(sock, f"POST /pub/stuck HTTP/1.1\r\nHost: {host}\r\n".encode())
    await until_closed(loop, sock)


async def half_a_body(loop: Loop, sock: socket.socket, host: str, _: Did) -> None:
    head = f"POST /pub/stuck HTTP/1.1\r\nHost: {host}\r\nContent-Length: {BODY_BYTES}\r\n\r\n"
    await loop.sock_sendall(sock, head.encode() + bytes(BODY_BYTES // 2))
    await until_closed(loop, sock)


async def no_reading(loop: Loop, sock: socket.socket, host: str, did: Did) -> None:
    """Large answers, which fill what the kernel takes, with publications among them."""
    ask = f"GET /counters HTTP/1.1\r\nHost: {host}\r\n\r\n"
    publish = f"POST /pub/stuck HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\n\r\nx"
    while True:
        await loop.sock_sendall(sock, (9 * ask + publish).encode())
        did[ASKED] += 10


async def until_closed(loop: Loop, sock: socket.socket) -> None:
    while await loop.sock_recv(sock, 4096):
        pass


WAYS = (("half heads", half_a_head), ("half bodies", half_a_body), ("without reading", no_reading))


async def stuck(address: tuple[str, int], did: Did) -> None:
    every = [asyncio.create_task(hang(address, number, did)) for number in range(STUCK)]
    asked = -1
    while sum(did[name] for name, _ in WAYS) < STUCK or did[ASKED] > asked:
        asked = did[ASKED]
        await asyncio.sleep(STILL_S)
    print("attacking", flush=True)
    await asyncio.gather(*every)


def batch_body() -> bytes:
    """As much as a batch may be, in lines of the same length."""

    def line(number: int, data: str) -> str:
        return json.dumps({"channel": f"batch-{number % BATCH_CHANNELS:03}", "data": data}) + "\n"

    data = "x" * (BATCH_BYTES // BATCH_LINES - len(line(0, "")))
    return "".join(line(number, data) for number in range(BATCH_LINES)).encode()


def batches(address: tuple[str, int], did: Did) -> None:
    body = batch_body()
    due = time.monotonic()
    print("attacking", flush=True)
    while True:
        connection = http.client.HTTPConnection(*address)
        try:
            while True:
                time.sleep(max(0.0, due - time.monotonic()))
                begun = time.monotonic()
                due = max(due + BATCH_EVERY_S, begun)
                connection.request("POST", "/pub", body, NDJSON)
                answer = connection.getresponse()
                answer.read()
                did[f"batches answered with {answer.status}"] += 1
                took_ms = int((time.monotonic() - begun) * 1e3)
                did["ms for the slowest"] = max(did["ms for the slowest"], took_ms)
        except (OSError, http.client.HTTPException):
            did["batches without an answer"] += 1
            time.sleep(PAUSE_S)
        finally:
            connection.close()


def read_batches(listener: socket.socket, core: int) -> None:
    """A server that reads requests, and answers each without looking at it."""
    os.sched_setaffinity(0, {core})
    while True:
        sock, _ = listener.accept()
        with sock, sock.makefile("rb") as requests:
            while head := list(iter(requests.readline, b"\r\n")):
                length = next(line for line in head if line.lower().startswith(b"content-length:"))
                left = int(length.split(b":")[1])
                while left and (part := requests.read1(min(left, 0x10000))):
                    left -= len(part)
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def attack(kind: str, target: str, did: Did) -> None:
    host, _, port = target.rpartition(":")
    if kind == "null":
        with socket.create_server(("127.0.0.1", 0)) as listener:
            reader = multiprocessing.Process(target=read_batches, args=(listener, int(target)), daemon=True)
            reader.start()
            batches(listener.getsockname(), did)
    elif kind == "stuck":
        asyncio.run(stuck((host, int(port)), did))
    else:
        batches((host, int(port)), did)


def main() -> None:
    if len(sys.argv) != 3 or sys.argv[1] not in ("stuck", "batch", "null"):
        sys.exit(__doc__)
    did: Did = collections.Counter()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        attack(sys.argv[1], sys.argv[2], did)
    finally:
        print(json.dumps(did), flush=True)


if __name__ == "__main__":
    main()
