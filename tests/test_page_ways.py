"""The second view of the page, `#four-ways`: four clients, one picture, honest numbers."""

import re
import time

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from support.page import Page, refusal_of
from support.proxy import CuttingProxy

WAYS = ["interval", "long", "stream", "websocket"]
HELD = ["stream", "websocket"]


class Ways(Page):
    """The page with its second view open."""

    def __init__(self, browser, server, fragment="#four-ways"):
        super().__init__(browser, server, fragment)

    def field(self, way, name):
        return self.browser.find_element(
            By.CSS_SELECTOR, f".way[data-way={way}] [data-is={name}]"
        ).text

    def number(self, way, name):
        """A number as the page shows it: bytes, requests, or milliseconds."""
        text = self.field(way, name)
        unit = {"kB": 1e3, "MB": 1e6}.get(text.split()[-1], 1)
        return float(re.match(r"[0-9,.]+", text)[0].replace(",", "")) * unit

    def news(self, way):
        return self.all_news()[WAYS.index(way)]

    def all_news(self):
        # In one go: each question costs the browser as much as a picture.
        script = "return arguments[0].map((w) => +document.querySelector(`.way[data-way=${w}]`).dataset.messages || 0)"
        return self.browser.execute_script(script, WAYS)

    def wait_for_news(self, count):
        self.wait(f"{count} news", lambda: min(self.all_news()) >= count)

    def say(self, count):
        """Publishes by the button, as quickly as the page lets one."""
        for _ in range(count):
            self.wait("the button", self.element("say").is_enabled)
            self.click("say")

    def settle(self):
        """Stops the automatic news and waits until all ways have the same, and nothing more comes."""
        self.click("automatic")
        news, before = self.all_news(), None
        while news != before or len(set(news)) > 1:
            time.sleep(1.5)  # longer than between two interval polls: what was under way has come
            news, before = self.all_news(), news


def test_four_ways_side_by_side(server, browser):
    page = Ways(browser, server)
    page.wait_for_news(1)  # by itself
    page.say(8)
    page.wait_for_news(9)
    page.settle()
    count = page.news("interval")
    time.sleep(2.5)  # the interval poll goes on asking
    page.wait("empty answers", lambda: page.number("interval", "empty") >= 3)
    assert page.all_news() == [count] * 4, "nothing lost, nothing twice"
    for way in HELD:
        assert (page.number(way, "requests"), page.number(way, "empty")) == (1, 0)
    assert page.number("long", "requests") >= count
    assert page.number("websocket", "cost") <= page.number("stream", "cost"), "both carry a position"
    for way in HELD:
        assert page.number(way, "cost") < page.number("long", "cost")
        assert page.number(way, "cost") < page.number("interval", "cost")
        assert page.number(way, "age") < page.number("interval", "age")
    assert page.complaints() == []
    page.screenshot("page-four-ways")


@pytest.fixture
def moving(browser):
    """A user that does not mind animations."""
    motion = {"name": "prefers-reduced-motion", "value": "no-preference"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [motion]})
    yield
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_tabs(server, browser, moving):
    page = Ways(browser, server, "")
    assert not browser.execute_script("return matchMedia('(prefers-reduced-motion: reduce)').matches")
    page.wait_for_state("open")
    assert page.element("view-connection").is_displayed() and not page.element("view-ways").is_displayed()
    page.click("tab-ways")
    assert page.element("view-ways").is_displayed() and not page.element("view-connection").is_displayed()
    assert page.browser.current_url.endswith("/#four-ways")
    assert page.element("tab-ways").get_attribute("aria-selected") == "true"
    page.wait_for_news(1)
    page.element("tab-ways").send_keys(Keys.ARROW_LEFT)
    assert page.element("view-connection").is_displayed()
    assert page.browser.current_url.endswith("/#demo:lobby")
    assert page.browser.switch_to.active_element.get_attribute("id") == "tab-connection"
    assert page.element("state").get_attribute("data-state") == "open", "its connection was open all the time"
    assert page.complaints() == []


def test_the_connection_opens_when_it_is_looked_at(server, browser):
    page = Ways(browser, server)
    page.wait_for_news(1)
    assert server.subscribers("demo:lobby") == 0
    page.click("tab-connection")
    page.wait_for_state("open")
    server.wait_for_subscribers("demo:lobby", 1)


def test_nobody_looks_nobody_waits(server, browser):
    """Behind the other tab all four stop; back again, they go on where they were."""
    page = Ways(browser, server)
    page.wait_for_news(2)
    page.settle()
    page.click("tab-connection")
    page.wait_for_state("open")
    page.wait("its sockets are closed", lambda: server.counter("websockets_open") == 1)
    page.click("tab-ways")
    count = page.news("websocket")
    page.say(3)
    page.wait_for_news(count + 3)
    assert set(page.all_news()) == {count + 3}
    assert page.complaints() == []


def test_interval(server, browser):
    page = Ways(browser, server)
    page.wait_for_news(1)
    page.settle()
    page.element("interval").send_keys("5")
    time.sleep(1.5)
    before = page.number("interval", "requests")
    time.sleep(3)
    assert page.number("interval", "requests") <= before + 1


def test_reset_counters(server, browser):
    page = Ways(browser, server)
    page.wait_for_news(2)
    page.click("automatic")
    page.click("again")
    page.wait("nothing", lambda: not any(page.all_news()))
    assert page.number("websocket", "requests") == 0 and page.field("websocket", "age") == "\u2013"
    page.say(2)
    page.wait_for_news(2)
    assert page.number("websocket", "requests") == 0, "its connection is the one from before"


def test_where_pages_may_not_publish(start, plane, browser):
    """It says so, and what waiting alone costs is still counted."""
    server = start(plane, demo=False)
    page = Ways(browser, server)
    page.wait("the words", lambda: "may not publish" in page.text("ways-state"))
    assert not page.element("say").is_enabled()
    page.wait("it asks on", lambda: page.number("interval", "requests") >= 3)
    assert page.field("websocket", "cost") == "\u2013"


def test_a_refused_channel(start, plane, browser):
    """Each way says so in the server's words, and none asks again."""
    server = start(plane, strict_namespaces=True, demo=False)
    page = Ways(browser, server)
    status, sentence = refusal_of(server, "demo:ways")
    words = f"Refused with {status}: {sentence}"

    def notes():
        script = "return [...document.querySelectorAll('.way .what p')].map((p) => p.textContent)"
        # The channel is another one each time.
        return [re.sub(r"demo:ways-[0-9-]+", "demo:ways", note) for note in browser.execute_script(script)]

    page.wait("the sentence in every row", lambda: notes() == [words] * 4)
    page.wait("the state", lambda: "The server refuses" in page.text("ways-state"))
    # The page shows its counts now and then.
    page.wait("the request", lambda: page.number("interval", "requests") == 1)
    time.sleep(2.5)  # longer than any of them waits before it tries again
    assert page.number("interval", "requests") == 1
    assert notes() == [words] * 4
    page.screenshot("page-ways-refused")


def test_bytes_are_those_of_the_wire(server, browser):
    """What the page counts as received is what a proxy sees; what it counts as sent is a part of it."""
    with CuttingProxy(server) as proxy:
        page = Ways(browser, proxy)
        page.wait_for_news(1)
        page.settle()

        def totals():
            time.sleep(0.4)  # until the page has shown what it has
            counted = [sum(page.number(way, name) for way in WAYS) for name in ("sent", "received")]
            return *counted, proxy.to_server, proxy.to_clients

        before, count = totals(), page.news("websocket")
        page.say(20)
        page.wait_for_news(count + 20)
        sent, received, to_server, to_clients = (
            after - then for after, then in zip(totals(), before, strict=True)
        )
    # The page's own publications use a connection of their own in both directions: some 60 B each.
    assert 0.93 * to_clients < received + 20 * 60 < 1.07 * to_clients, (received, to_clients)
    assert 0.4 * to_server < sent < to_server, (sent, to_server)


def test_server_stops_and_comes_back(start, plane, browser):
    first = start(plane)
    page = Ways(browser, first)
    page.wait_for_news(1)
    first.stop()
    page.wait("the words", lambda: "broken" in page.text("ways-state"))
    start(plane, port=first.port)
    count = page.news("websocket")
    page.wait("the connection", lambda: "Listening" in page.text("ways-state"))
    page.wait_for_news(count + 1)


@pytest.mark.parametrize("view", ["four-ways", "demo:a,demo:b", "docs"])
def test_screens(shared, browser, view):
    """Nothing is wider than the screen, on whatever device."""
    page = Ways(browser, shared, f"#{view}")
    if view == "four-ways":
        page.wait_for_news(1)
    try:
        for width in (320, 360, 389, 480, 769, 800, 830, 1_280):
            browser.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
            )
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width
            page.screenshot(f"page-{view[:4]}-{width}")
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
