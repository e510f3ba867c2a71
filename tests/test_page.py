"""The page at `GET /` in a real browser, as a person uses it."""

import shlex
import subprocess

from support.page import Page


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
    page.wait_for_message("to a")
    page.wait_for_message("to b")
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
    page.wait_for_state("closed")
    assert "1008" in page.text("close") and "not allowed" in page.text("close")


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
