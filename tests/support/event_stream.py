"""A strict reader of event streams: every byte must be one that the server is meant to send."""

import base64
import json
from dataclasses import dataclass, field

from .raw_http import RawConnection, get


@dataclass
class Block:
    """What stands between two empty lines."""

    id: str | None = None
    event: str | None = None
    data: list[str] = field(default_factory=list)
    retry_ms: int | None = None
    is_comment: bool = False

    @property
    def is_event(self):
        """Whether a browser fires an event for it."""
        return bool(self.data)

    @property
    def text(self):
        return "\n".join(self.data)

    @property
    def payload(self):
        """What was published: bytes if it was binary."""
        return base64.b64decode(self.text, validate=True) if self.event == "binary" else self.text

    @property
    def gap(self):
        """The notice of a gap as (channel, reason, missed)."""
        assert self.event == "gap", self
        notice = json.loads(self.text)
        assert set(notice) | {"missed"} == {"channel", "reason", "missed", "position"}, notice
        assert notice["position"] == self.id, self
        missed = notice.get("missed")
        return notice["channel"], notice["reason"], missed and tuple(missed)


def parse_block(lines):
    """A block of an event stream, field by field. Nothing that a browser would ignore may be there."""
    block = Block()
    for line in lines.split("\n"):
        name, colon, value = line.partition(":")
        assert colon, f"a line without a colon: {line!r}"
        value = value.removeprefix(" ")
        if name == "":
            block.is_comment = True
        elif name == "id":
            assert block.id is None and value and "\0" not in value, line
            block.id = value
        elif name == "event":
            assert block.event is None and value, line
            block.event = value
        elif name == "data":
            block.data.append(value)
        elif name == "retry":
            assert value.isascii() and value.isdigit(), line
            block.retry_ms = int(value)
        else:
            raise AssertionError(f"an unknown field: {line!r}")
    assert not block.is_event or block.id, f"an event without a position: {block}"
    return block


class Chunks:
    """The chunks of a body (RFC 9112 section 7.1). Each must hold whole blocks of an event stream."""

    def __init__(self):
        self.raw = bytearray()
        self.left = None  # of the chunk that has begun; `None` before its size line
        self.last_two = b""
        self.ended = False
        self.count = 0

    def take(self, data):
        """The data of what came in, as far as it goes."""
        self.raw += data
        found = bytearray()
        while self.raw and self._step(found):
            assert not self.ended or not self.raw, f"bytes behind the end: {self.raw!r}"
        return found

    def _step(self, found):
        if self.left is None:
            return self._size_line()
        part = self.raw[: self.left]
        found += part
        self.last_two = (self.last_two + part)[-2:]
        self.left -= len(part)
        del self.raw[: len(part)]
        if self.left > 0 or len(self.raw) < 2:
            return False
        assert self.raw[:2] == b"\r\n", f"a chunk that does not end where it says: {self.raw[:20]!r}"
        # The last chunk has no data.
        self.ended = not self.last_two
        assert self.ended or self.last_two == b"\n\n", f"a block in two chunks: {self.last_two!r}"
        del self.raw[:2]
        self.left, self.last_two = None, b""
        self.count += 1
        return True

    def _size_line(self):
        line, end, _ = self.raw.partition(b"\r\n")
        if not end:
            return False
        assert line and set(line) <= set(b"0123456789abcdef"), f"a size line {line!r}"
        self.left = int(line, 16)
        del self.raw[: len(line) + 2]
        return True


class EventStream(RawConnection):
    """A subscription. The position that a browser would remember is kept in `position`."""

    def __init__(self, server, path, *headers, version="HTTP/1.1", receive_buffer=None):
        super().__init__(server, receive_buffer)
        self.chunks = None
        self.send(get(server, path, "Accept: text/event-stream", *headers, version=version))
        self.head = self.read_answer(head_only=True)
        assert self.head.status == 200, (self.head, self.buffer)
        assert self.head.header("Content-Type") == "text/event-stream; charset=utf-8", self.head
        is_chunked = self.head.header("Transfer-Encoding") == "chunked"
        assert is_chunked == (version == "HTTP/1.1"), self.head
        if is_chunked:
            self.chunks = Chunks()
            self.buffer = self.chunks.take(self.buffer)
        self.position = None

    def fill(self):
        if self.chunks is None:
            return super().fill()
        data = self.socket.recv(65_536)
        self.buffer += self.chunks.take(data)
        return bool(data)

    def expect_end(self):
        """Nothing more is said, and the stream ends in order."""
        while self.fill():
            pass
        assert not self.buffer, f"more than the end: {self.buffer!r}"
        assert self.chunks is None or self.chunks.ended, "no last chunk"

    def read_block(self):
        raw = self.read_until(b"\n\n")
        assert b"\r" not in raw, raw
        block = parse_block(raw.decode("utf-8"))
        self.position = block.id or self.position
        return block

    def begin(self):
        """Everything up to where the stream begins: the gaps, and the retry hint."""
        gaps, retry_ms = [], None
        while True:
            block = self.read_block()
            retry_ms = block.retry_ms if block.retry_ms is not None else retry_ms
            if block.is_event:
                gaps.append(block.gap)
            elif block.id:
                return gaps, retry_ms

    def event(self):
        """The next event, past keep-alive comments."""
        while not (block := self.read_block()).is_event:
            assert block.is_comment, block
        return block

    def expect(self, *payloads):
        for payload in payloads:
            found = self.event().payload
            assert found == payload, f"{found[:60]!r} for {payload[:60]!r}"
        return self
