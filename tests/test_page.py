"""The page at `GET /` in a real browser, as a person uses it."""

import shlex
import subprocess

from support.page import Page, refusal_of
from support.proxy import CuttingProxy


def test_listens_at_once_and_hears_a_backend(server, browser):
    page = Page(browser, server)
    page.wait_for_state("open")
    assert "demo:lobby" in page.text("state")
    # The line that the page tells people to run is the one that is run.
    command = shlex.split(page.text("curl").replace("\\\n", " "))
    assert command[0] == "curl"
    subprocess.run([*command, "--silent", "--noproxy", "*"], check=True, timeout=20)
    page.wait_for_message("Hello, everyone")
    assert page.text("count") == "1"
    assert page.text("bytes") == "15 B"
    assert "yours" not in page.messages()[0], "times of other clocks are not compared"
    assert page.complaints() == []
    page.screenshot("page-hears-a-backend")


def test_subscribes_to_a_channel_and_publishes(server, browser):
    page = Page(browser, server)
    page.wait_for_state("open")
    page.write("channel", "demo:grüße und mehr")
    page.click("subscribe")
    page.wait("the new channel", lambda: "demo:grüße und mehr" in page.text("state"))
    page.wait_for_state("open")
    server.wait_for_subscribers("demo:gr%C3%BC%C3%9Fe%20und%20mehr", 1)
    server.wait_for_subscribers("demo:lobby", 0)
    page.write("message", "from the page <b>itself</b>")
    page.click("publish")
    page.wait_for_message("from the page <b>itself</b>", "yours", "ms")
    assert page.text("latency").endswith("ms")
    page.screenshot("page-publishes")
    server.publish("demo:gr%C3%BC%C3%9Fe%20und%20mehr", b"\x00\xff", "application/octet-stream")
    page.wait_for_message("binary", "00 ff")
    assert page.complaints() == []


def test_several_channels(server, browser):
    page = Page(browser, server, "#demo:a,demo:b")
    page.wait_for_state("open")
    server.publish("demo:a", "to a")
    server.publish("demo:b", "to b")
    page.wait_for_message("demo:a", "to a")
    page.wait_for_message("demo:b", "to b")
    assert not page.element("publish").is_enabled()
    assert page.text("hint")


def test_pause_clear_and_leave(server, browser):
    page = Page(browser, server)
    page.wait_for_state("open")
    server.publish("demo:lobby", "shown")
    page.wait_for_message("shown")
    page.click("pause")
    server.publish("demo:lobby", "only counted")
    page.wait("the count", lambda: page.text("count") == "2")
    assert len(page.messages()) == 1
    page.click("pause")
    page.click("clear")
    assert page.messages() == []
    page.click("leave")
    page.wait_for_state("closed")
    server.wait_for_subscribers("demo:lobby", 0)
    assert not page.element("publish").is_enabled()


def test_publishing_where_it_is_not_allowed(server, browser):
    page = Page(browser, server, "#news")
    page.wait_for_state("open")
    page.write("message", "let me")
    page.click("publish")
    page.wait_for_message("news", "not sent: clients may not publish in namespace default")
    page.wait_for_state("open")


def test_rows_say_their_channel(server, browser):
    """Also those of a channel that is not listened to any more."""
    page = Page(browser, server)
    page.wait_for_state("open")
    server.publish("demo:lobby", "before")
    page.wait_for_message("demo:lobby", "before")
    page.write("channel", "demo:\u00fc, other")
    page.click("subscribe")
    server.wait_for_subscribers("demo:%C3%BC", 1)
    server.publish("demo:%C3%BC", b"\x00\xff", "application/octet-stream")
    server.publish("other", "after")
    page.wait_for_message("demo:\u00fc", "binary", "00 ff")
    page.wait_for_message("other", "after")
    assert any("demo:lobby" in message and "before" in message for message in page.messages())
    page.screenshot("page-several-channels")


def test_misses_nothing_when_the_connection_breaks(server, browser):
    with CuttingProxy(server) as proxy:
        page = Page(browser, proxy, "#news")
        page.wait_for_state("open")
        server.publish("news", "one")
        page.wait_for_message("one")
        proxy.cut()
        server.publish("news", "two")
        page.wait_for_message("two")
        assert len(page.messages()) == 2


def test_tells_of_a_gap(start, plane, browser, namespaces):
    """A row of its own, which does not count as a message."""
    config = namespaces("[namespace.short]\nhistory_publications = 1\nlog_publications_max = 1\n")
    server = start(plane, config=config)
    with CuttingProxy(server) as proxy:
        page = Page(browser, proxy, "#short:x")
        page.wait_for_state("open")
        server.publish("short:x", "one")
        page.wait_for_message("one")
        page.browser.execute_script("Math.random = () => 1")  # long enough to publish meanwhile
        proxy.cut()
        server.publish_all("short:x", ["two", "three", "four"])
        page.wait_for_message("short:x", "missed 2-")
        assert page.text("count") == "1"


def test_a_refused_channel(start, plane, browser):
    """The page shows the server's sentence, and does not ask again and again."""
    server = start(plane, strict_namespaces=True)
    page = Page(browser, server, "#nowhere:x")
    page.wait("the refusal", lambda: page.text("state") == "refused")
    page.wait_for_state("closed")
    status, sentence = refusal_of(server, "nowhere:x")
    assert status == 404 and sentence
    assert "Refused with 404 at" in page.text("close") and sentence in page.text("close")
    page.screenshot("page-refused")
    # Another channel is tried at once.
    page.write("channel", "demo:lobby")
    page.click("subscribe")
    page.wait_for_state("open")
    assert page.text("close") == ""


def test_the_documentation_is_there(server, browser):
    page = Page(browser, server)
    page.wait_for_state("open")
    browser.find_element("css selector", "a[href='#docs']").click()
    page.wait("the view", lambda: page.element("view-docs").is_displayed())
    assert "switchboard.v1" in page.text("view-docs") and "Last-Event-ID" in page.text("view-docs")
    assert page.element("tab-docs").get_attribute("aria-selected") == "true"
    page.screenshot("page-docs")
    page.click("tab-connection")
    assert page.element("state").get_attribute("data-state") == "open"
    assert page.complaints() == []


def test_says_that_the_server_stops_and_comes_back(start, plane, browser):
    first = start(plane)
    page = Page(browser, first)
    page.wait_for_state("open")
    page.keep_what_it_says("state", "close")
    first.stop()
    page.wait_for_state("waiting")
    found = [close for state, close in page.said() if "connecting again in" in state]
    assert found and "1001" in found[0] and "stopping" in found[0]
    page.screenshot("page-server-stopped")
    again = start(plane, port=first.port)
    page.wait_for_state("open")
    again.publish("demo:lobby", "back again")
    page.wait_for_message("back again")


def test_a_thousand_messages_quickly(server, browser):
    """The page stays alive, counts all, and shows the newest first."""
    page = Page(browser, server)
    page.wait_for_state("open")
    lines = "".join(f'{{"channel":"demo:lobby","data":"message {n}"}}\n' for n in range(1_000))
    headers = {"Content-Type": "application/x-ndjson"}
    assert server.request("POST", "/pub", lines.encode(), headers)[0] == 200
    page.wait("the count", lambda: page.text("count") == "1,000")
    page.wait("the newest first", lambda: "message 999" in page.messages()[0])
    assert len(page.messages()) == 500
    page.screenshot("page-a-thousand-messages")
