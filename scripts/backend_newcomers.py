#!/usr/bin/env python3
"""Clients that disturb a backend, and the backend, for `backend_failures.sh`: backend_newcomers.py KIND
PUBLIC BACKEND, both HOST:PORT.

The clients: 20 times a second one wants to listen to a channel that the backend is asked about, and leaves
after two seconds; ten others stay and ask the backend something 10 times a second. What the backend does
when the server asks it:

  healthy  answers at once
  hang     takes every question and never answers
  dead     nobody listens at its address
  garbage  answers with what is no answer
  flood    answers without end, as fast as it is read

Says `attacking` when all of it is at work, and at SIGTERM what was done, as JSON.
"""

import asyncio
import base64
import collections
import contextlib
import itertools
import json
import os
import signal
import socket
import sys

NEWCOMERS_PER_S = 20
STAY_S = 2.0
ASKING = 10
ASKS_PER_S = 10
GARBAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<garbage>"
HEALTHY = b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"result":{}}'
ENDLESS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UNREAD_BYTES = 256 << 10
CHUNK = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"

Did = collections.Counter[str]
Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter


async def answer(kind: str, did: Did, reader: Reader, writer: Writer) -> None:
    """The backend's side of a connection."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.lower().split(b"\r\n")
            length = next(line for line in lines if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.split(b":")[1]))
            did["questions"] += 1
            if kind == "hang":
                await reader.read()
                return
            if kind == "flood":
                # The kernel would take four megabytes that nobody reads, and their copying would take from
                # the processors that the server and its clients have here.
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNREAD_BYTES)
                writer.write(ENDLESS)
                while True:
                    writer.write(CHUNK)
                    await writer.drain()
            writer.write(GARBAGE if kind == "garbage" else HEALTHY)
            await writer.drain()


async def upgrade(public: tuple[str, int], path: str, did: Did, *headers: str) -> tuple[Reader, Writer] | None:
    """A WebSocket, where the server lets one in."""
    reader, writer = await asyncio.open_connection(*public)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET {path} HTTP/1.1", "Host: localhost", "Connection: Upgrade", "Upgrade: websocket",
        "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", *headers,
    ]  # fmt: skip
    writer.write("\r\n".join([*lines, "", ""]).encode())
    head = await reader.readuntil(b"\r\n\r\n")
    did[f"newcomers told {head.split()[1].decode()}"] += 1
    if b" 101 " in head:
        return reader, writer
    writer.close()
    return None


async def newcomer(public: tuple[str, int], number: int, did: Did) -> None:
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        if opened := await upgrade(public, f"/sub/asked:{number}", did):
            await asyncio.sleep(STAY_S)
            opened[1].close()


def text_frame(text: bytes) -> bytes:
    """A client's frame; a key of zeros masks nothing."""
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


async def asker(public: tuple[str, int], number: int, did: Did) -> None:
    opened = await upgrade(public, f"/sub/open:{number}", did, "Sec-WebSocket-Protocol: switchboard.v1")
    assert opened, "a channel that needs no backend is open"
    reader, writer = opened

    async def read() -> None:
        while True:
            _, length = await reader.readexactly(2)
            words = (await reader.readexactly(length)).split(b":", 1)
            if words[0] in (b"answer", b"error"):
                did["messages answered" if words[0] == b"answer" else "messages refused"] += 1

    reading = asyncio.create_task(read())
    for count in itertools.count():
        if reading.done():
            did["askers that were closed"] += 1
            return
        writer.write(text_frame(b"request: %d\n\n1" % count))
        await asyncio.sleep(1 / ASKS_PER_S)


async def main(kind: str, public: tuple[str, int], backend: tuple[str, int]) -> None:
    did: Did = collections.Counter()
    if kind != "dead":
        await asyncio.start_server(lambda reader, writer: answer(kind, did, reader, writer), *backend)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    tasks = {asyncio.create_task(asker(public, number, did)) for number in range(ASKING)}
    print("attacking", flush=True)
    for number in itertools.count():
        if stop.is_set():
            break
        task = asyncio.create_task(newcomer(public, number, did))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        await asyncio.sleep(1 / NEWCOMERS_PER_S)
    for task in tasks:
        task.cancel()
    print(json.dumps(dict(sorted(did.items()))), flush=True)


def address(text: str) -> tuple[str, int]:
    host, port = text.rsplit(":", 1)
    return host, int(port)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], address(sys.argv[2]), address(sys.argv[3])))
