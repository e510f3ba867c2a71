"""A WebSocket client that sends exactly the given frames, right or wrong."""

import os
import struct

from .raw_http import ACCEPT, RawConnection, Truncated, upgrade

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def mask_bytes(payload, key):
    """The payload under a masking key of four bytes."""
    if not payload:
        return b""
    stream = (key * (len(payload) // 4 + 1))[: len(payload)]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")
    return masked.to_bytes(len(payload), "big")


def header(opcode, length, fin=True, rsv=0, mask=True, form=None):
    """The first bytes of a frame without the key. `form` 7, 16 or 64 forces a length encoding."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    bit = 0x80 if mask else 0
    if form is None:
        form = 7 if length < 126 else 16 if length < 65_536 else 64
    if form == 7:
        return struct.pack(">BB", first, bit | length)
    if form == 16:
        return struct.pack(">BBH", first, bit | 126, length)
    return struct.pack(">BBQ", first, bit | 127, length)


def frame(opcode, payload=b"", fin=True, rsv=0, mask=True, key=None, form=None):
    """One whole frame of a client."""
    head = header(opcode, len(payload), fin, rsv, mask, form)
    if not mask:
        return head + payload
    key = os.urandom(4) if key is None else key
    return head + key + mask_bytes(payload, key)


def close_frame(code=None, reason=b""):
    return frame(CLOSE, b"" if code is None else struct.pack(">H", code) + reason)


class RawWebSocket(RawConnection):
    """A connection after its handshake."""

    def __init__(self, server, path, receive_buffer=None, headers=()):
        super().__init__(server, receive_buffer)
        answer = self.send(upgrade(server, path, *headers)).read_answer()
        assert answer.status == 101, answer
        assert answer.header("Sec-WebSocket-Accept") == ACCEPT, answer
        self.protocol = answer.header("Sec-WebSocket-Protocol")

    def read_frame(self):
        """FIN, opcode and payload of the next frame, which must be a proper one of a server."""
        first, second = self.read_exactly(2)
        assert first & 0x70 == 0, f"reserved bits in {first:#x}"
        assert second & 0x80 == 0, "the server masked a frame"
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack(">H", self.read_exactly(2))
            assert length > 125
        elif length == 127:
            (length,) = struct.unpack(">Q", self.read_exactly(8))
            assert length > 65_535
        return bool(first & 0x80), first & 0x0F, self.read_exactly(length)

    def expect(self, opcode, payload):
        """The next frame is exactly this one."""
        found = self.read_frame()
        assert found[:2] == (True, opcode), found
        assert found[2] == payload, f"{len(found[2])} bytes {found[2][:60]!r} for {payload[:60]!r}"

    def expect_close(self, code, ends=True):
        """The next frame is a Close with this code (`None`: without one), then the stream ends."""
        fin, opcode, payload = self.read_frame()
        assert fin and opcode == CLOSE, (opcode, payload[:60])
        if code is None:
            assert payload == b"", payload
        else:
            assert len(payload) >= 2, payload
            found, reason = struct.unpack(">H", payload[:2])[0], payload[2:].decode("utf-8")
            assert found == code, f"closed with {found} {reason!r}, expected {code}"
        if ends:
            self.expect_end()

    def expect_failed(self, *codes):
        """The server fails the connection with one of these codes and ends it."""
        fin, opcode, payload = self.read_frame()
        assert fin and opcode == CLOSE, (opcode, payload[:60])
        found = struct.unpack(">H", payload[:2])[0]
        assert found in codes, f"closed with {found} {payload[2:]!r}, expected one of {codes}"
        self.expect_end()

    def expect_alive(self):
        """It still answers a ping at once."""
        token = os.urandom(8)
        self.send(frame(PING, token)).expect(PONG, token)


class Bystander:
    """An innocent client on a subscription, to see that nothing happens to it."""

    def __init__(self, server, channel="bystander"):
        self.server = server
        self.channel = channel
        self.socket = RawWebSocket(server, f"/sub/{channel}")
        self.count = 0

    def check(self):
        """It gets a message that is published now."""
        self.count += 1
        message = f"still here {self.count}"
        self.server.publish(self.channel, message)
        # Where tests take their time it was silent for so long that the server asks whether it lives.
        while (found := self.socket.read_frame())[1] == PING:
            self.socket.send(frame(PONG, found[2]))
        assert found == (True, TEXT, message.encode()), found

    def close(self):
        self.socket.send(close_frame(1000)).expect_close(1000)
        self.socket.close()


__all__ = [
    "BINARY", "CLOSE", "CONTINUATION", "PING", "PONG", "TEXT", "Bystander", "RawWebSocket",
    "Truncated", "close_frame", "frame", "header", "mask_bytes",
]  # fmt: skip
