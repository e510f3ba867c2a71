#!/usr/bin/env python3
"""Opens many subscriptions to a server on this machine and holds them.

usage: idle_clients.py PORT COUNT CHANNEL SOURCE_IP WAY FIRST IDENTITY SECRET

WAY is `websocket`, `v1` (a WebSocket with `switchboard.v1`), `centrifuge` (one that connects and subscribes by
commands, with the token in them), `http-stream` (the same without a WebSocket), `event-stream` or `long-poll`.
`{i}` in CHANNEL is the number of the connection, from FIRST on. IDENTITY is `none`, `user` (a token of a user of its
own, signed with SECRET) or `rights` (one that also grants channels and says who it is).

Plain sockets, because a client library would need more memory than the server under test. Each
process stays below its descriptor limit; start several, each with its own loopback source address,
for more. Prints `ready COUNT` when all are subscribed. On a line `expect TEXT` at standard input it
waits until every connection got exactly one message with that text and prints `got COUNT`; at the
end of standard input it leaves.
"""

import base64
import hashlib
import hmac
import json
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


UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
HEADERS = {
    "websocket": UPGRADE,
    "v1": f"{UPGRADE}Sec-WebSocket-Protocol: switchboard.v1\r\n",
    "centrifuge": UPGRADE,
    "event-stream": "Accept: text/event-stream\r\n",
    "long-poll": "",
}


WEBSOCKETS = ("websocket", "v1", "centrifuge")


def token(number, identity, secret):
    """What shows who a connection is."""
    if identity == "none":
        return ""
    claims = {"sub": f"user-{number:011}", "exp": int(time.time()) + 36_000}
    if identity == "rights":
        claims |= {"channels": [f"room:{number}", "news:*"], "publish": [f"room:{number}"]}
        claims["info"] = {"name": f"User {number}"}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": "HS256"}, claims)]
    signature = hmac.new(secret.encode(), b".".join(parts), hashlib.sha256).digest()
    signed = b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")])
    return signed.decode()


def receive(sock, answer):
    """What came so far, and the next piece."""
    part = sock.recv(512)
    if not part:
        sys.exit(f"closed at once: {answer!r}")
    return answer + part


def subscribe(socks, channels, way, tokens):
    for sock, channel, shown in zip(socks, channels, tokens, strict=True):
        if way == "http-stream":
            body = commands(channel.split(","), shown)
            head = f"POST /connection/http_stream HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}"
            sock.sendall(f"{head}\r\n\r\n".encode() + body)
            continue
        path = "/connection/websocket" if way == "centrifuge" else f"/sub/{channel}"
        who = f"Authorization: Bearer {shown}\r\n" if shown and way != "centrifuge" else ""
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{HEADERS[way]}{who}\r\n".encode())
    if way == "long-poll":
        return  # held: there is no answer yet
    if way == "http-stream":
        for sock, channel in zip(socks, channels, strict=True):
            read_lines(sock, 1 + len(channel.split(",")))
        return
    answers = [read_head(sock, way) for sock in socks]
    if way == "v1":
        # It says where the client begins.
        for sock, answer in zip(socks, answers, strict=True):
            read_frames(sock, answer, 1, b"start: ")
    elif way == "centrifuge":
        for sock, channel, shown in zip(socks, channels, tokens, strict=True):
            sock.sendall(masked(commands(channel.split(","), shown)))
        for sock, channel in zip(socks, channels, strict=True):
            read_frames(sock, b"", 1 + len(channel.split(",")), b'{"id":')


def read_head(sock, way):
    """The answer to the request. Returns what came behind it."""
    answer = b""
    # A stream says at once where it begins.
    end = b"\n\n\r\n" if way == "event-stream" else b"\r\n\r\n"
    while end not in answer:
        answer = receive(sock, answer)
    if not answer.startswith(b"HTTP/1.1 200 " if way == "event-stream" else b"HTTP/1.1 101 "):
        sys.exit(f"refused: {answer!r}")
    return answer.partition(end)[2]


def read_lines(sock, count):
    """The head of the answer, and so many lines of it."""
    answer = b""
    while answer.count(b"}\n") < count:
        answer = receive(sock, answer)
    if not answer.startswith(b"HTTP/1.1 200 ") or b'"error"' in answer:
        sys.exit(f"refused: {answer!r}")


def read_frames(sock, data, count, begin):
    """So many messages, each of which must begin like that."""
    while count:
        if len(data) < (length := frame_bytes(data)):
            data = receive(sock, data)
            continue
        payload = payload_of(data[:length])
        if not payload.startswith(begin) or b'"error"' in payload:
            sys.exit(f"refused: {payload!r}")
        data, count = data[length:], count - 1


def commands(channels, token):
    """What a client of Centrifuge begins with, as it may stand in one message."""
    connect = {"id": 1, "connect": {"token": token} if token else {}}
    return "\n".join(
        json.dumps(command)
        for command in [connect, *({"id": n, "subscribe": {"channel": c}} for n, c in enumerate(channels, 2))]
    ).encode()


def masked(payload):
    """A text message as clients send it, masked with zeroes."""
    if len(payload) < 126:
        length = bytes([0x80 | len(payload)])
    else:
        length = b"\xfe" + len(payload).to_bytes(2, "big")
    return b"\x81" + length + bytes(4) + payload


def open_all(port, count, channel, source, way, first, identity, secret):
    socks = []
    while len(socks) < count:
        batch = [connect(port, source) for _ in range(min(HANDSHAKE_BATCH, count - len(socks)))]
        numbers = range(first + len(socks), first + len(socks) + len(batch))
        tokens = [token(number, identity, secret) for number in numbers]
        subscribe(batch, [channel.replace("{i}", str(i)) for i in numbers], way, tokens)
        socks += batch
    return socks


def frame_bytes(data):
    """The length of the frame that begins here, or of more than there is."""
    if len(data) < 2:
        return 2
    if data[1] < 126:
        return 2 + data[1]
    return 4 + int.from_bytes(data[2:4], "big") if len(data) >= 4 else 4


def payload_of(frame):
    return frame[2 if frame[1] < 126 else 4 :]


def take_frames(sock, data, way):
    """Splits off whole frames; pings are answered, of the others the messages in them are kept."""
    kept = b""
    while len(data) >= (length := frame_bytes(data)):
        frame, data = data[:length], data[length:]
        if frame == b"\x89\x00":
            sock.sendall(b"\x8a\x80\x00\x00\x00\x00")
        elif way == "centrifuge" and payload_of(frame) == b"{}":
            sock.sendall(masked(b"{}"))
        else:
            kept += message_in(payload_of(frame), way)
    return kept, data


def message_in(payload, way):
    """What was published, without what the dialect puts around it."""
    if way == "v1":
        return payload.partition(b"\n\n")[2]
    if way == "centrifuge":
        return json.loads(payload)["push"]["pub"]["data"].encode()
    return payload


def take_text(text, data):
    """Keeps the text once it is there; what is around it is of HTTP."""
    found = data.count(text)
    return text * found, b"" if found else data


def serve(socks, way):
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
                expected = line.split(" ", 1)[1].rstrip("\n").encode()
                deadline = time.monotonic() + PATIENCE_S
                continue
            data = by_fd[fd].recv(65536)
            if not data:
                sys.exit("the server closed a connection")
            data = partial.pop(fd, b"") + data
            if way in WEBSOCKETS:
                kept, rest = take_frames(by_fd[fd], data, way)
            elif expected is None:
                continue  # a comment that keeps it alive
            else:
                kept, rest = take_text(expected, data)
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
    port, count, channel, source, way, first, identity, secret = sys.argv[1:9]
    port, count, first = int(port), int(count), int(first)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if count + 16 > hard:
        sys.exit(f"{count} connections need a descriptor limit above {hard}: start several")
    socks = open_all(port, count, channel, source, way, first, identity, secret)
    print(f"ready {len(socks)}", flush=True)
    serve(socks, way)
    os._exit(0)  # the kernel closes them faster than the interpreter


if __name__ == "__main__":
    main()
