"""A proxy that knows the ways to listen apart: it lets one through, refuses it, hangs, or holds back what comes."""

import contextlib
import pathlib
import socket
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLIENT = ROOT / "clients/js/switchboard.js"
PAGE = b"""<!doctype html><title>Switchboard</title>
<script type="module">import { Switchboard } from "/switchboard.js"; window.Switchboard = Switchboard</script>"""
WAYS = ["websocket", "stream", "poll"]


def way_of(head):
    """Which way to listen the head of a request asks for."""
    lines = head.lower()
    if b"\r\nupgrade: websocket" in lines:
        return "websocket"
    if b"\r\naccept: text/event-stream" in lines:
        return "stream"
    return "poll"


class BlockingProxy:
    """`host` and `port` are as a server's. It serves the client and an empty page, so that their origin is its own.

    `rules` says for each way what becomes of its requests: "pass"; "hang", where no answer comes; "hold", where what
    the server answers never comes through; or a status, perhaps with further header lines.
    """

    def __init__(self, server):
        self.target = ("127.0.0.1", server.port)
        self.rules = dict.fromkeys(WAYS, "pass")
        self.pages = {"/page": ("text/html", PAGE), "/switchboard.js": ("text/javascript", CLIENT.read_bytes())}
        # The heads of requests to listen, by the way.
        self.heads = {way: [] for way in WAYS}
        # Whether it ends whatever comes; whether it carries nothing, as a network that is gone without a word.
        self.is_down = False
        self.is_frozen = False
        self.lock = threading.Lock()
        self.open = set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, path):
        return f"http://{self.host}{path}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Closing alone would not wake the thread that accepts.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()

    def block(self, *ways, rule="hang"):
        """From now on; what is open stays."""
        self.rules.update(dict.fromkeys(ways, rule))

    def cut(self):
        """Ends every connection that there is now, in the middle of whatever it carries."""
        with self.lock:
            ends, self.open = self.open, set()
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        return len(ends)

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with self.lock:
            self.open.add(client)
        try:
            self._answer(client)
        except OSError:
            pass  # one side is gone, or it was cut
        finally:
            with self.lock:
                self.open.discard(client)
            client.close()

    def _answer(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            data = client.recv(4_096)
            if not data or self.is_down:
                return
            head += data
        head, _, rest = head.partition(b"\r\n\r\n")
        path = head.split(b" ")[1].decode().partition("?")[0]
        if not path.startswith("/sub/"):
            self._serve_page(client, path)
            return
        way = way_of(head)
        self.heads[way].append(head.decode())
        rule = self.rules[way]
        if rule == "hang":
            client.recv(1)  # until the client gives up
        elif rule in ("pass", "hold"):
            self._carry(client, head, rest, way, rule)
        else:
            answer = f"HTTP/1.1 {rule}\r\nContent-Length: 8\r\nConnection: close\r\n\r\nblocked\n"
            client.sendall(answer.encode())

    def _serve_page(self, client, path):
        content_type, content = self.pages.get(path, ("text/plain", b""))
        content = content() if callable(content) else content
        status = "200 OK" if path in self.pages and content is not None else "404 Not Found"
        head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(content or b'')}\r\n"
        client.sendall(f"{head}Cache-Control: no-store\r\nConnection: close\r\n\r\n".encode() + (content or b""))

    def _carry(self, client, head, rest, way, rule):
        # One request for each connection, so that each is looked at.
        lines = head.split(b"\r\n")
        if way != "websocket":
            lines = [line for line in lines if not line.lower().startswith(b"connection:")] + [b"Connection: close"]
        upstream = socket.create_connection(self.target, timeout=10)
        upstream.settimeout(None)
        with self.lock:
            self.open.add(upstream)
        upstream.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + rest)
        sink = None if rule == "hold" else client
        back = threading.Thread(target=self._pump, args=(upstream, sink), daemon=True)
        back.start()
        self._pump(client, upstream)
        back.join()
        with self.lock:
            self.open.discard(upstream)
        upstream.close()

    def _pump(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(4_096):
                if sink is not None and not self.is_frozen:
                    sink.sendall(data)
            if sink is not None:
                sink.shutdown(socket.SHUT_WR)
        # A side that ended without order ends the other one, too.
        with contextlib.suppress(OSError):
            source.shutdown(socket.SHUT_RDWR)
