"""Event streams with libraries that hand on only what a chunk or a full buffer gives them."""

import threading
import time

import pytest
import requests
import sseclient

from support.waiting import wait_until

EVENT = "twenty bytes of news"
WITHIN_S = 0.2
TRIES = 5


def iter_lines(response):
    """`requests`, line by line: without chunks it waits for 512 bytes."""
    for line in response.iter_lines():
        if line.startswith(b"data: "):
            yield line.removeprefix(b"data: ").decode()


def sse_client(response):
    """`sseclient-py` over `requests`."""
    return (event.data for event in sseclient.SSEClient(response).events() if event.data)


class Reader(threading.Thread):
    """Reads events with a library, and notes when each came."""

    def __init__(self, server, channel, library):
        super().__init__(daemon=True)
        self.session = requests.Session()
        self.session.trust_env = False
        headers = {"Accept": "text/event-stream"}
        self.response = self.session.get(
            server.url(f"/sub/{channel}"), headers=headers, stream=True, timeout=20
        )
        assert self.response.status_code == 200, self.response
        self.events = library(self.response)
        self.found = []
        self.start()

    def run(self):
        for text in self.events:
            self.found.append((text, time.monotonic()))


@pytest.mark.alone
@pytest.mark.parametrize("library", [iter_lines, sse_client])
def test_a_short_event_arrives_at_once(everywhere, channel, library):
    """Of several tries one must be in time: the machine may be busy, a buffer always is."""
    reader = Reader(everywhere, channel, library)
    everywhere.wait_for_subscribers(channel, 1)
    taken = []
    for nth in range(1, TRIES + 1):
        published = time.monotonic()
        everywhere.publish(channel, EVENT)
        wait_until(f"event {nth}", lambda nth=nth: len(reader.found) >= nth, 10)
        text, at = reader.found[nth - 1]
        assert text == EVENT
        taken.append(at - published)
    assert min(taken) < WITHIN_S, taken
    everywhere.delete(channel)
    reader.join(10)
    assert not reader.is_alive(), "the stream has ended"
    assert len(reader.found) == TRIES
    reader.session.close()
