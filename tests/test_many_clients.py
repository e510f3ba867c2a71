"""Many clients at once that come and go: nobody gets what is another's (row 24).

Connections that end leave their places to others at once. Whatever is still under way for the old
one must not reach the new one.
"""

import collections
import threading

import pytest

from support.raw_http import RawConnection, get, upgrade
from support.raw_websocket import BINARY, TEXT, RawWebSocket, close_frame, frame

pytestmark = pytest.mark.alone

THREADS = 8


def in_parallel(work):
    """Runs `work(n)` on several threads and gives what they counted, all together."""
    counts = collections.Counter()
    lock = threading.Lock()

    def run(n):
        try:
            found = work(n)
        except (AssertionError, OSError) as error:
            found = {f"{type(error).__name__}: {error}"[:120]: 1}
        with lock:
            counts.update(found)

    threads = [threading.Thread(target=run, args=[n]) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counts


@pytest.fixture
def server(start, plane, shards):
    return start(plane, shards, echo=True)


def test_row_24_every_request_gets_its_own_answer(server):
    """Connections that the server ends and such that the client ends, in quick turns."""
    cases = [
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n", 400),
        (upgrade(server, "/sub/news"), 101),
        (get(server, "/nothing", "Connection: close"), 404),
        (get(server, "/health"), 200),
    ]
    rounds = 600

    def work(_):
        found = collections.Counter()
        for _ in range(rounds):
            for request, status in cases:
                try:
                    with RawConnection(server) as connection:
                        answer = connection.send(request).read_answer()
                    found[f"{status} as expected" if answer.status == status else repr(answer)] += 1
                except (AssertionError, OSError) as error:
                    found[f"{error!r} for {status}"] += 1
        return found

    expected = {f"{status} as expected": rounds * THREADS for _, status in cases}
    assert in_parallel(work) == expected


def test_row_24_every_echo_is_ones_own(server):
    def work(n):
        for turn in range(40):
            with RawWebSocket(server, "/echo") as client:
                for at in range(20):
                    message = f"{n}-{turn}-{at}-".encode() * (1 + at * 37 % 200)
                    client.send(frame(BINARY, message)).expect(BINARY, message)
                if turn % 2:
                    client.send(close_frame(1000)).expect_close(1000)
        return {"done": 1}

    assert in_parallel(work) == {"done": THREADS}


def test_row_24_every_message_is_of_ones_own_channel(server):
    """While subscriptions churn, with publications to all channels under way."""
    stop = threading.Event()

    def publish():
        count = 0
        while not stop.is_set():
            count += 1
            lines = [f'{{"channel":"c{n}","data":"c{n} {count}"}}' for n in range(THREADS)]
            headers = {"Content-Type": "application/x-ndjson"}
            server.request("POST", "/pub", "\n".join(lines).encode(), headers)

    publisher = threading.Thread(target=publish)
    publisher.start()

    def work(n):
        for _ in range(25):
            with RawWebSocket(server, f"/sub/c{n}") as client:
                last = None
                for _ in range(15):
                    fin, opcode, payload = client.read_frame()
                    assert (fin, opcode) == (True, TEXT)
                    channel, number = payload.decode().split()
                    assert channel == f"c{n}", f"{channel} at a subscriber of c{n}"
                    assert last is None or int(number) == last + 1, f"{number} after {last}"
                    last = int(number)
        return {"done": 1}

    try:
        assert in_parallel(work) == {"done": THREADS}
    finally:
        stop.set()
        publisher.join()
