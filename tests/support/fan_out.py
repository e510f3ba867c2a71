"""A stand-in for the engine between nodes: what is published at one address is published at all servers."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# The publication that a fault happens to.
NTH = 10


class Listener(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """Publishers end their connections by a reset."""


class FanOut:
    """Has an address for each server, with a server's internal API: publications there go to all of them, one after
    another; everything else goes to that server. `fault` says what becomes of the tenth publication at one server:
    `(nth, "lose")`, `(nth, "repeat")`, or `(nth, "swap")`, where the next one comes before it."""

    def __init__(self, servers, fault=(None, None)):
        self.servers = servers
        self.fault = fault
        # Publications at each address.
        self.received = [0] * len(servers)
        self.held = None
        self.lock = threading.Lock()
        self.listeners = [Listener(("127.0.0.1", 0), self._handler(nth)) for nth in range(len(servers))]
        for listener in self.listeners:
            threading.Thread(target=listener.serve_forever, args=[0.05], daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for listener in self.listeners:
            listener.shutdown()
            listener.server_close()

    def urls(self, path):
        """The same path at each address."""
        return [f"http://{self.host(nth)}{path}" for nth in range(len(self.listeners))]

    def host(self, nth):
        return f"127.0.0.1:{self.listeners[nth].server_port}"

    def _publish(self, nth, path, body, headers):
        """Publishes at all servers; what the one of this address answers."""
        with self.lock:
            self.received[nth] += 1
            is_nth = sum(self.received) == NTH
            answers = [self._post(one, is_nth, (path, body, headers)) for one in range(len(self.servers))]
            return answers[nth]

    def _post(self, nth, is_nth, publication):
        at, fault = self.fault
        publications = [publication]
        if at == nth and is_nth:
            publications = {"lose": [], "repeat": [publication] * 2, "swap": []}[fault]
            self.held = publication if fault == "swap" else None
        elif at == nth and self.held:
            publications, self.held = [publication, self.held], None
        try:
            answers = [self.servers[nth].request("POST", *publication) for publication in publications]
        except OSError:
            return 503, {}, b"the server is gone"
        return answers[0] if answers else (201, {}, b"{}")

    def _handler(self, own):
        fan_out = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body of an answer are two writes.
            disable_nagle_algorithm = True

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                kind = self.headers.get("Content-Type", "text/plain")
                self._answer(*fan_out._publish(own, self.path, body, {"Content-Type": kind}))

            def do_GET(self):
                self._answer(*fan_out.servers[own].request("GET", self.path))

            def _answer(self, status, _, body):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler
