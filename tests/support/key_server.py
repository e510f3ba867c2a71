"""A backend over HTTP that answers what a test tells it to, and remembers what it was asked."""

import http.server
import threading


class KeyServer:
    """Answers every request with `status` and `body`, which a test may change, after a `with`."""

    def __init__(self, body=b"", status=200, tls=None):
        self.body, self.status, self.headers = body, status, {}
        self.requests = []
        backend = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                length = int(self.headers.get("content-length") or 0)
                backend.requests.append((self.path, dict(self.headers), self.rfile.read(length)))
                self.send_response(backend.status)
                for name, value in backend.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(backend.body)))
                self.end_headers()
                self.wfile.write(backend.body)

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.scheme = "https" if tls else "http"
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)

    def url(self, path="/"):
        return f"{self.scheme}://localhost:{self.server.server_port}{path}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
