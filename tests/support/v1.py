"""A strict client of the subprotocol `switchboard.v1`."""

from dataclasses import dataclass
from urllib.parse import unquote

from .positions import split
from .raw_websocket import BINARY, PING, PONG, TEXT, RawWebSocket, frame

PROTOCOL = "switchboard.v1"
# What may follow the first line of each kind of message, in this order.
FOLLOWING = {
    "position": ["channel", "content-type", "event"],
    "start": [],
    "gap": ["channel", "reason", "missed"],
}


@dataclass
class Message:
    """One message: what it is, the position to resume from, its header, its payload."""

    kind: str
    position: str
    fields: dict[str, str]
    payload: str | bytes

    @property
    def channel(self):
        return unquote(self.fields["channel"]) if "channel" in self.fields else None

    @property
    def event(self):
        return unquote(self.fields["event"]) if "event" in self.fields else None

    @property
    def gap(self):
        assert self.kind == "gap", self
        missed = self.fields.get("missed")
        ends = missed and tuple(int(end) for end in missed.split("-"))
        return self.channel, self.fields["reason"], ends


def parse(raw, binary):
    """A message as its frame has it."""
    header, empty_line, payload = raw.partition(b"\n\n")
    assert empty_line, f"no empty line: {raw[:100]!r}"
    lines = [line.partition(": ") for line in header.decode("ascii").split("\n")]
    assert all(colon and name and value for name, colon, value in lines), header
    kind, _, position = lines[0]
    split(position)
    names = [name for name, _, _ in lines[1:]]
    assert names == [name for name in FOLLOWING[kind] if name in names], header
    if kind != "position":
        assert not payload and not binary, raw
    if kind == "gap":
        assert names[:2] == ["channel", "reason"], header
    fields = {name: value for name, _, value in lines[1:]}
    return Message(kind, position, fields, payload if binary else payload.decode("utf-8"))


class V1(RawWebSocket):
    """A line that knows where it stands."""

    def __init__(self, server, path, receive_buffer=None, headers=()):
        protocol = f"Sec-WebSocket-Protocol: {PROTOCOL}"
        super().__init__(server, path, receive_buffer, [protocol, *headers])
        assert self.protocol == PROTOCOL
        self.position = None

    def read(self):
        """The next message. Pings are answered."""
        while True:
            fin, opcode, payload = self.read_frame()
            if opcode != PING:
                break
            self.send(frame(PONG, payload))
        assert fin and opcode in (TEXT, BINARY), (opcode, payload[:100])
        message = parse(payload, opcode == BINARY)
        self.position = message.position
        return message

    def begin(self):
        """The gaps that are announced before the start."""
        gaps = []
        while (message := self.read()).kind == "gap":
            gaps.append(message.gap)
        assert message.kind == "start", message
        return gaps

    def payload(self):
        message = self.read()
        assert message.kind == "position", message
        return message.payload

    def expect_news(self, *payloads):
        for payload in payloads:
            found = self.payload()
            assert found == payload, f"{found[:60]!r} for {payload[:60]!r}"
        return self
