"""The browser's own `EventSource` and `WebSocket`: they reconnect by themselves and miss nothing."""

import json
import time

import pytest
from selenium.webdriver.support.ui import WebDriverWait

from support.proxy import CuttingProxy

WAIT_S = 30
RETRY_MS = 100

LISTEN = """
window.found = []; window.opened = 0; window.failed = 0;
window.source = new EventSource(arguments[0]);
source.onopen = () => { opened += 1; };
source.onerror = () => { failed += 1; };
source.onmessage = (event) => found.push([event.lastEventId, event.data]);
for (const name of ["gap", "binary", "tick"]) {
  source.addEventListener(name, (event) => found.push([event.lastEventId, name, event.data]));
}
"""


@pytest.fixture
def server(start, plane, shards):
    return start(plane, shards, event_stream_retry_ms=RETRY_MS)


class Source:
    """An `EventSource` in a page of the server's own origin."""

    def __init__(self, browser, origin, path):
        self.browser = browser
        browser.get(origin.url("/health"))
        browser.execute_script(LISTEN, path)
        self.wait("it opens", lambda: self.opened() == 1)

    def wait(self, what, condition):
        WebDriverWait(self.browser, WAIT_S, poll_frequency=0.05).until(
            lambda _: condition(), f"{what}; found {self.found()[-3:]}, opened {self.opened()}"
        )

    def found(self):
        return self.browser.execute_script("return window.found")

    def opened(self):
        return self.browser.execute_script("return window.opened")

    def close(self):
        self.browser.execute_script("source.close()")


def test_what_arrives(server, browser, channel):
    source = Source(browser, server, f"/sub/{channel}")
    first = server.publish(channel, "one\ntwo\r\nthree")["position"]
    server.publish(channel, b"\x00\xff", "application/octet-stream")
    last = server.publish(channel, "", event="tick")["position"]
    server.publish(channel, "grüße")
    source.wait("all four", lambda: len(source.found()) == 4)
    found = source.found()
    assert found[0] == [first, "one\ntwo\nthree"]
    assert found[1][1:] == ["binary", "AP8="]
    assert found[2] == [last, "tick", ""]
    assert found[3][1] == "grüße"
    source.close()
    server.wait_for_subscribers(channel, 0)


@pytest.mark.parametrize("with_reset", [False, True], ids=["end", "reset"])
def test_cut_lines(server, browser, channel, with_reset):
    """Cut again and again, in the middle of anything: all once, in order."""
    count = 400
    with CuttingProxy(server) as proxy:
        source = Source(browser, proxy, f"/sub/{channel}?since=earliest")
        cuts, sent = 0, []
        for n in range(0, count, 10):
            sent += server.publish_all(channel, [f"{m} ".ljust(300, "x") for m in range(n, n + 10)])
            if n % 50 == 20:
                cuts += proxy.cut(with_reset) > 0
            time.sleep(0.03)
        source.wait("the last", lambda: len(source.found()) >= count)
        found = source.found()
        source.close()
    assert [int(text.split()[0]) for _, text in found] == list(range(count))
    assert [position for position, _ in found] == sent
    assert cuts >= 5 and browser.execute_script("return window.failed") >= 5


def test_cut_before_the_first_event(server, browser, channel):
    """The position at the beginning is remembered although no event fires for it."""
    with CuttingProxy(server) as proxy:
        source = Source(browser, proxy, f"/sub/{channel}")
        server.wait_for_subscribers(channel, 1)
        time.sleep(0.2)  # until the page has read what the stream began with
        proxy.cut()
        server.publish(channel, "while it was away")
        source.wait("it is back", lambda: len(source.found()) == 1)
        assert source.found()[0][1] == "while it was away"
        source.close()


def test_deletion_is_a_gap(server, browser, channel):
    """The server ends the stream; the page reconnects and learns that the old one is lost."""
    server.publish(channel, "before")
    source = Source(browser, server, f"/sub/{channel}?since=earliest")
    source.wait("the first", lambda: len(source.found()) == 1)
    server.delete(channel)
    source.wait("the gap", lambda: len(source.found()) == 2)
    position, event, data = source.found()[1]
    notice = json.loads(data)
    assert event == "gap" and notice["channel"] == channel and notice["reason"] == "epoch"
    assert notice["position"] == position and "missed" not in notice
    server.publish(channel, "after")
    source.wait("the news", lambda: len(source.found()) == 3)
    assert source.found()[2][1] == "after"
    source.close()


def test_several_channels(server, browser, channel):
    """One position for both, through a cut."""
    with CuttingProxy(server) as proxy:
        source = Source(browser, proxy, f"/sub/{channel}-a,{channel}-b")
        for n in range(20):
            server.publish(f"{channel}-{'ab'[n % 2]}", str(n))
            if n == 10:
                source.wait("eleven", lambda: len(source.found()) == 11)
                proxy.cut()
        source.wait("all", lambda: len(source.found()) >= 20)
        assert sorted(int(text) for _, text in source.found()) == list(range(20))
        source.close()


RESUME = """
window.found = []; window.lines = 0; window.position = null;
window.listen = () => {
  const since = position ? "?since=" + position : "";
  window.line = new WebSocket(arguments[0] + since, "switchboard.v1");
  lines += 1;
  line.binaryType = "arraybuffer";
  line.onmessage = ({ data }) => {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : new Uint8Array(data);
    let end = 0;
    while (bytes[end] !== 10 || bytes[end + 1] !== 10) end += 1;
    const [kind, at] = new TextDecoder().decode(bytes.slice(0, end)).split("\\n")[0].split(": ");
    position = at;
    if (kind !== "start") found.push([kind, new TextDecoder().decode(bytes.slice(end + 2))]);
  };
  line.onclose = () => setTimeout(listen, 50);
};
listen();
"""


def test_websocket_resumes(server, browser, channel):
    """`switchboard.v1` in a page, cut as the others."""
    count = 200
    with CuttingProxy(server) as proxy:
        browser.get(proxy.url("/health"))
        browser.execute_script(RESUME, f"ws://{proxy.host}/sub/{channel}")
        server.wait_for_subscribers(channel, 1)
        for n in range(0, count, 10):
            server.publish_all(channel, [str(m) for m in range(n, n + 10)])
            if n % 50 == 20:
                proxy.cut()
            time.sleep(0.03)

        def found():
            return browser.execute_script("return window.found")

        WebDriverWait(browser, WAIT_S, 0.05).until(lambda _: len(found()) >= count)
        assert found() == [["position", str(n)] for n in range(count)]
        assert browser.execute_script("return window.lines") >= 4
        browser.execute_script("line.onclose = null; line.close()")
