"""HTTP answers, WebSocket frames and event streams, read strictly, with nothing but asyncio.

A client library for each would take most of the processor of a small machine; these readers take
what the server is meant to send and nothing else.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from dataclasses import dataclass

from .account import Broken

TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9
RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s
LINE_BYTES_MAX = 1 << 20


@dataclass
class Head:
    """The head of an answer."""

    status: int
    headers: dict[str, str]

    def header(self, name: str) -> str:
        if name not in self.headers:
            raise Broken(f"no {name} in an answer with {self.status}: {self.headers}")
        return self.headers[name]


class Wire:
    """One connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, host: str, port: int) -> Wire:
        return cls(*await asyncio.open_connection(host, port, limit=LINE_BYTES_MAX))

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def request(self, path: str, headers: dict[str, str]) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.send(f"GET {path} HTTP/1.1\r\nHost: soak\r\n{lines}\r\n".encode())

    async def head(self) -> Head:
        raw = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = raw[:-4].decode("ascii").split("\r\n")
        version, status, _ = first.split(" ", 2)
        if version != "HTTP/1.1":
            raise Broken(f"an answer that begins with {first!r}")
        headers: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(": ")
            if not colon or name.lower() in headers:
                raise Broken(f"a header line {line!r}")
            headers[name.lower()] = value
        return Head(int(status), headers)

    async def body(self, head: Head) -> bytes:
        return await self.reader.readexactly(int(head.header("content-length")))

    async def frame(self) -> tuple[int, bytes]:
        """The opcode and payload of a whole frame of a server."""
        first, second = await self.reader.readexactly(2)
        if first & 0xF0 != 0x80 or second & 0x80:
            raise Broken(f"a frame that begins with {first:#x} {second:#x}")
        length = second
        if second == 126:
            (length,) = struct.unpack(">H", await self.reader.readexactly(2))
        elif second == 127:
            (length,) = struct.unpack(">Q", await self.reader.readexactly(8))
        return first & 0x0F, await self.reader.readexactly(length)

    def send_frame(self, opcode: int, payload: bytes) -> None:
        key = os.urandom(4)
        masked = bytes(byte ^ key[n % 4] for n, byte in enumerate(payload))
        if len(payload) < 126:
            length = bytes([0x80 | len(payload)])
        else:
            length = b"\xfe" + struct.pack(">H", len(payload))
        self.send(bytes([0x80 | opcode]) + length + key + masked)

    async def chunk(self) -> bytes:
        """The data of the next chunk; the last one has none."""
        size = int((await self.reader.readuntil(b"\r\n")).decode("ascii"), 16)
        data = await self.reader.readexactly(size + 2)
        if not data.endswith(b"\r\n"):
            raise Broken(f"a chunk that ends with {data[-20:]!r}")
        return data[:-2]

    async def block(self) -> list[tuple[str, str]]:
        """The fields of an event stream up to the next empty line: one chunk."""
        raw = await self.chunk()
        if not raw:
            raise EOFError("the server ended the stream")
        if not raw.endswith(b"\n\n") or b"\n\n" in raw[:-2]:
            raise Broken(f"a chunk that is not one block: {raw[:200]!r}")
        fields = [line.partition(":") for line in raw[:-2].decode().split("\n")]
        if any(not colon for _, colon, _ in fields):
            raise Broken(f"a line of an event stream without a colon in {raw[:200]!r}")
        return [(name, value.removeprefix(" ")) for name, _, value in fields]

    def cut(self, with_reset: bool) -> None:
        """Ends at once, whatever is under way. With a reset the kernel throws away what it has."""
        if self.writer.transport.is_closing():
            return
        if with_reset:
            sock: socket.socket = self.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.writer.transport.abort()

    async def close(self) -> None:
        """Ends in order."""
        self.writer.close()
        await self.writer.wait_closed()
