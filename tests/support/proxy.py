"""A TCP proxy between clients and a server that cuts connections on demand."""

import contextlib
import random
import socket
import struct
import threading

RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s


class CuttingProxy:
    """Carries bytes both ways. `host` and `port` are as a server's, so clients can be sent to it."""

    def __init__(self, server):
        self.target = ("127.0.0.1", server.port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        # Whether it ends whatever comes.
        self.is_down = False
        self.lock = threading.Lock()
        self.pairs: list[tuple[socket.socket, socket.socket]] = []
        # Bytes carried to the server and to clients.
        self.to_server = self.to_clients = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Closing alone would not wake the thread that accepts.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()

    def url(self, path):
        return f"http://{self.host}{path}"

    def cut(self, with_reset=False, count=None, chance=random):
        """Ends every connection that there is now, or so many by chance, on both sides, in the middle of whatever
        it carries."""
        with self.lock:
            chance.shuffle(self.pairs)
            pairs, self.pairs = self.pairs[:count], self.pairs[len(self.pairs[:count]) :]
        for pair in pairs:
            for end in pair:
                if with_reset:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                with contextlib.suppress(OSError):  # that side has ended already
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
        return len(pairs)

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.is_down:
                client.close()
                continue
            try:
                upstream = socket.create_connection(self.target, timeout=10)
            except OSError:
                client.close()
                continue
            upstream.settimeout(None)
            with self.lock:
                self.pairs.append((client, upstream))
            for source, sink in ((client, upstream), (upstream, client)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source, sink):
        try:
            while data := source.recv(1_024):
                sink.sendall(data)
                if sink.getpeername() == self.target:
                    self.to_server += len(data)
                else:
                    self.to_clients += len(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one side is gone, or it was cut
