"""A Centrifuge client without a WebSocket, whose every byte is checked: a stream, and requests with commands."""

import json
from urllib.parse import quote

from .centrifuge import RawCentrifuge
from .raw_http import RawConnection

PATHS = {"http_stream": "/connection/http_stream", "sse": "/connection/sse"}
EMULATION = "/emulation"


def post(server, path, body, *headers, content_type="application/json", version="HTTP/1.1"):
    """A request with a body, as bytes."""
    body = body if isinstance(body, bytes) else body.encode()
    lines = [f"POST {path} {version}", f"Host: {server.host}", *headers, f"Content-Length: {len(body)}"]
    lines += [f"Content-Type: {content_type}"] if content_type else []
    return "\r\n".join([*lines, "", ""]).encode() + body


class RawStream(RawConnection):
    """A stream, and beside it connections on which its commands are posted."""

    command, ask, reply, next = (
        RawCentrifuge.command,
        RawCentrifuge.ask,
        RawCentrifuge.reply,
        RawCentrifuge.next,
    )
    push, publication = RawCentrifuge.push, RawCentrifuge.publication

    def __init__(
        self, server, way="http_stream", *headers, version="HTTP/1.1", receive_buffer=None, first=None, **fields
    ):
        super().__init__(server, receive_buffer)
        self.way, self.headers = way, headers
        self.number, self.waiting, self.control = 0, [], None
        self.is_chunked = version == "HTTP/1.1"
        first = first or json.dumps(self.command("connect", **fields))
        if way == "sse":
            path = f"{PATHS[way]}?cf_connect={quote(first)}"
            lines = [f"GET {path} {version}", f"Host: {server.host}", "Accept: text/event-stream", *headers]
            self.send("\r\n".join([*lines, "", ""]).encode())
        else:
            self.send(post(server, PATHS[way], first, *headers, version=version))
        self.head = self.read_answer(head_only=True)
        assert self.head.status == 200, (self.head, self.buffer)
        kind = {"http_stream": "application/json", "sse": "text/event-stream; charset=utf-8"}[way]
        assert self.head.header("Content-Type") == kind, self.head
        assert self.head.header("Cache-Control") == "no-store", self.head
        assert self.head.header("X-Accel-Buffering") == "no" and self.head.closes(), self.head
        assert self.head.header("Transfer-Encoding") == ("chunked" if self.is_chunked else None), self.head
        if way == "sse":
            assert self._piece(b"\r\n") == b"\r\n"

    def begin(self):
        """The result of `connect`."""
        self.connected = self.reply(1)["connect"]
        return self.connected

    @property
    def session(self):
        return self.connected["session"]

    def close(self):
        super().close()
        if self.control:
            self.control.close()

    def _piece(self, end):
        """What comes at once: a chunk, which must end with this, or all up to this."""
        if not self.is_chunked:
            return self.read_until(end) + end
        size = self.read_until(b"\r\n")
        assert size and set(size) <= set(b"0123456789abcdef"), size
        data = self.read_exactly(int(size, 16))
        assert self.read_exactly(2) == b"\r\n" and data.endswith(end), (size, data[-20:])
        return data

    def _read(self):
        end = {"http_stream": b"\n", "sse": b"\n\n"}[self.way]
        piece = self._piece(end)[: -len(end)]
        if self.way == "sse":
            assert piece.startswith(b"data: "), piece[:20]
            piece = piece.removeprefix(b"data: ")
        assert b"\n" not in piece and b"\r" not in piece, piece
        return json.loads(piece)

    def post(self, *commands, session=None, headers=None):
        """Posts commands in one request; gives the answer."""
        texts = [each if isinstance(each, str) else json.dumps(each) for each in commands]
        session = self.session if session is None else session
        body = json.dumps({"session": session, "node": self.connected["node"], "data": "\n".join(texts)})
        if self.control is None:
            self.control = RawConnection(self.server)
        headers = self.headers if headers is None else headers
        return self.control.send(post(self.server, EMULATION, body, *headers)).read_answer()

    def write(self, *commands):
        answer = self.post(*commands)
        assert (answer.status, answer.body) == (204, b""), answer

    def close_of(self):
        """The code and the reason with which the stream ends; what comes before does not matter."""
        while "disconnect" not in (message := self._read()).get("push", {}):
            pass
        assert list(message["push"]) == ["disconnect"], message
        if self.is_chunked:
            assert self.read_exactly(5) == b"0\r\n\r\n"
        self.expect_end()
        return message["push"]["disconnect"]["code"], message["push"]["disconnect"]["reason"]


def opened(server, way="http_stream", *headers, **fields):
    """A stream that has begun."""
    stream = RawStream(server, way, *headers, **fields)
    stream.begin()
    return stream
