"""An HTTP client that sends exactly the bytes it is given and reads answers strictly."""

import socket

TIMEOUT_S = 10


class Answer:
    """One answer, with its headers in order."""

    def __init__(self, version, status, reason, headers, body):
        self.version = version
        self.status = status
        self.reason = reason
        self.headers = headers
        self.body = body

    def header(self, name):
        """The value of a header that is there once at most; `None` when it is not there."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(found) <= 1, f"{name} is there {len(found)} times"
        return found[0] if found else None

    def closes(self):
        """Whether the answer says that the connection ends."""
        return "close" in [part.strip() for part in (self.header("Connection") or "").lower().split(",")]

    def __repr__(self):
        return f"{self.version} {self.status} {self.reason} {self.headers} {self.body[:200]!r}"


class Truncated(AssertionError):
    """The connection ended inside an answer, or before one."""


class RawConnection:
    """A plain socket with a buffer."""

    def __init__(self, server, receive_buffer=None, source=None):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer is not None:
            # Before connecting, or the window is larger already.
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source is not None:
            self.socket.bind((source, 0))
        self.socket.settimeout(TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect(("127.0.0.1", server.port))
        # A proxy in front of a server speaks TLS.
        if context := getattr(server, "context", None):
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.server = server
        self.buffer = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)
        return self

    def end(self):
        """Ends the sending side only."""
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def fill(self):
        """Reads more; false at the end of the stream. A reset is not an orderly end: it raises."""
        data = self.socket.recv(65_536)
        self.buffer += data
        return bool(data)

    def read_until(self, end):
        """What comes before `end`, which is taken too. Each byte is searched once, however it comes."""
        searched = 0
        while (at := self.buffer.find(end, searched)) < 0:
            searched = max(0, len(self.buffer) - len(end) + 1)
            if not self.fill():
                raise Truncated(f"the connection ended after {bytes(self.buffer[-200:])!r}")
        return self._take(at, at + len(end))

    def read_exactly(self, count):
        while len(self.buffer) < count:
            if not self.fill():
                raise Truncated(f"the connection ended after {len(self.buffer)} of {count} bytes")
        return self._take(count, count)

    def _take(self, wanted, until):
        found = bytes(self.buffer[:wanted])
        del self.buffer[:until]
        return found

    def read_answer(self, head_only=False):
        """One whole answer. Its body is as long as Content-Length says; 101, 204 and 304 have none."""
        lines = self.read_until(b"\r\n\r\n").decode("ascii").split("\r\n")
        version, status, reason = lines[0].split(" ", 2)
        assert version in ("HTTP/1.0", "HTTP/1.1"), lines[0]
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            assert colon and name.strip() == name and name, f"header line {line!r}"
            headers.append((name, value.strip()))
        answer = Answer(version, int(status), reason, headers, b"")
        if answer.status in (101, 204, 304) or head_only:
            return answer
        length = answer.header("Content-Length")
        assert length is not None and length.isdigit(), answer
        answer.body = self.read_exactly(int(length))
        return answer

    def expect_end(self):
        """Nothing more comes, and the stream ends in order."""
        assert not self.buffer, f"more than one answer: {self.buffer!r}"
        assert not self.fill(), f"more than one answer: {self.buffer!r}"

    def expect_silence(self, seconds):
        """Nothing comes for a while, and the stream stays open."""
        assert not self.buffer, self.buffer
        self.socket.settimeout(seconds)
        try:
            data = self.socket.recv(65_536)
        except TimeoutError:
            return
        finally:
            self.socket.settimeout(TIMEOUT_S)
        raise AssertionError(f"expected silence, got {data!r}")


def ask(server, request):
    """Sends one request on a connection of its own and gives the answer."""
    with RawConnection(server) as connection:
        return connection.send(request).read_answer()


def get(server, path, *headers, version="HTTP/1.1", method="GET"):
    """A plain request as bytes."""
    lines = [f"{method} {path} {version}", f"Host: {server.host}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # of KEY, from RFC 6455 section 1.3

HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}


def upgrade(server, path, *more, version="HTTP/1.1", **changed):
    """A handshake as bytes. `changed` replaces a header (`_` for `-`), or leaves it out if `None`."""
    headers = dict(HANDSHAKE)
    for name, value in changed.items():
        full = next(known for known in HANDSHAKE if known.replace("-", "_").lower() == name)
        headers[full] = value
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return get(server, path, *lines, *more, version=version)
