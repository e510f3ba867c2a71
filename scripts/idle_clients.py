#!/usr/bin/env python3
"""Opens many WebSocket subscriptions to a server on this machine and holds them.

usage: idle_clients.py PORT COUNT CHANNEL SOURCE_IP

Plain sockets, because a client library would need more memory than the server under test. Each
process stays below its descriptor limit; start several, each with its own loopback source address,
for more. Prints `ready COUNT` when all are subscribed. On a line `expect TEXT` at standard input it
waits until every connection got exactly one message with that text and prints `got COUNT`; at the
end of standard input it leaves.
"""

import os
import resource
import select
import socket
import sys
import time

IP_BIND_ADDRESS_NO_PORT = 24  # the port is chosen at connect: one local port serves many targets
HANDSHAKE_BATCH = 50
PATIENCE_S = 120


def connect(port, source):
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    sock.bind((source, 0))
    sock.connect(("127.0.0.1", port))
    return sock


def upgrade(socks, channel):
    request = (
        f"GET /sub/{channel} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()
    for sock in socks:
        sock.sendall(request)
    for sock in socks:
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            part = sock.recv(512)
            if not part:
                sys.exit(f"closed during the handshake: {answer!r}")
            answer += part
        if not answer.startswith(b"HTTP/1.1 101 "):
            sys.exit(f"refused: {answer!r}")


def open_all(port, count, channel, source):
    socks = []
    while len(socks) < count:
        batch = [connect(port, source) for _ in range(min(HANDSHAKE_BATCH, count - len(socks)))]
        upgrade(batch, channel)
        socks += batch
    return socks


def frame_of(text):
    payload = text.encode()
    assert len(payload) < 126
    return bytes([0x81, len(payload)]) + payload


def take_frames(sock, data):
    """Splits off whole frames; pings are answered with a masked pong, the others are kept."""
    kept = b""
    while len(data) >= 2 and len(data) >= 2 + data[1]:
        frame, data = data[: 2 + data[1]], data[2 + data[1] :]
        if frame == b"\x89\x00":
            sock.sendall(b"\x8a\x80\x00\x00\x00\x00")
        else:
            kept += frame
    return kept, data


def serve(socks):
    """Answers pings and reports messages until standard input ends."""
    poll = select.epoll()
    by_fd = {sock.fileno(): sock for sock in socks}
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    poll.register(0, select.EPOLLIN)
    got, partial = {}, {}
    expected = None
    deadline = None
    while True:
        for fd, _ in poll.poll(0.2):
            if fd == 0:
                line = sys.stdin.readline()
                if not line:
                    return
                expected = frame_of(line.split(" ", 1)[1].rstrip("\n"))
                deadline = time.monotonic() + PATIENCE_S
                continue
            data = by_fd[fd].recv(65536)
            if not data:
                sys.exit("the server closed a connection")
            kept, rest = take_frames(by_fd[fd], partial.pop(fd, b"") + data)
            if kept:
                got[fd] = got.get(fd, b"") + kept
            if rest:
                partial[fd] = rest
        if expected is not None and len(got) == len(socks):
            wrong = [data for data in got.values() if data != expected]
            if wrong:
                sys.exit(f"something else arrived: {wrong[0]!r}")
            print(f"got {len(got)}", flush=True)
            got, expected = {}, None
        if expected is not None and time.monotonic() > deadline:
            sys.exit(f"only {len(got)} of {len(socks)} got the message")


def main():
    port, count, channel, source = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if count + 16 > hard:
        sys.exit(f"{count} connections need a descriptor limit above {hard}: start several")
    socks = open_all(port, count, channel, source)
    print(f"ready {len(socks)}", flush=True)
    serve(socks)
    os._exit(0)  # the kernel closes them faster than the interpreter


if __name__ == "__main__":
    main()
