"""The clients in `docs/transports.md`, run as they stand there, with the server's address put in."""

import os
import re
import subprocess
import sys

import pytest
from selenium.webdriver.support.ui import WebDriverWait

from support.proxy import CuttingProxy
from support.server import ROOT
from support.waiting import wait_until

DOCUMENT = (ROOT / "docs/transports.md").read_text()
# A block of code whose first line, a comment, says where it runs and what it is.
BLOCKS = dict(
    re.findall(
        r"```(?:js|python|sh)\n(?://|#) ((?:browser|python|shell): [a-z ]+)\n(.*?)```", DOCUMENT, re.DOTALL
    )
)
BROWSER = [name for name in BLOCKS if name.startswith("browser")]
WAIT_S = 20


def code_for(name, server):
    """The code with the address of the server under test."""
    return BLOCKS[name].replace("localhost:8000", server.host)


@pytest.fixture
def server(start, plane, shards):
    return start(plane, shards, event_stream_retry_ms=100)


def test_every_block_is_run():
    """What has no test of its own is not in the document."""
    code = [block for block in re.findall(r"```(\w+)\n", DOCUMENT) if block != "json"]
    assert len(code) == len(BLOCKS) == 7, sorted(BLOCKS)


LOGS = """
window.logged = [];
console.log = (text) => logged.push(String(text));
console.warn = (word, what) => logged.push(word + " " + JSON.stringify(what));
"""


@pytest.mark.parametrize("name", BROWSER)
def test_in_a_browser(server, browser, name):
    """It hears what is said, is cut off, and goes on where it was."""
    with CuttingProxy(server) as proxy:
        browser.get(proxy.url("/health"))
        browser.execute_script(LOGS)
        # As a script of the page, in its global scope.
        script = "const s = document.createElement('script'); s.textContent = arguments[0];"
        browser.execute_script(script + "document.head.append(s)", code_for(name, proxy))

        def logged():
            return browser.execute_script("return window.logged")

        def wait_for(lines):
            WebDriverWait(browser, WAIT_S, 0.05).until(lambda _: logged() == lines, f"{logged()}")

        server.wait_for_subscribers("news", 1)
        server.publish("news", "one")
        wait_for(["one"])
        proxy.cut()
        server.publish("news", "two")
        wait_for(["one", "two"])
        server.publish("news", "grüße")
        wait_for(["one", "two", "grüße"])
        browser.get("about:blank")


@pytest.mark.parametrize("name", [name for name in BLOCKS if name.startswith("python")])
def test_in_python(server, name):
    with subprocess.Popen(
        [sys.executable, "-c", code_for(name, server)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_PROXY": "*", "PYTHONUTF8": "1"},
    ) as client:
        try:
            if "interval" in name:
                wait_until("it asks where the channel is", lambda: server.counter("polls_empty") > 0)
            else:
                server.wait_for_subscribers("news", 1)
            for text in ("one", "grüße"):
                server.publish("news", text)
                assert client.stdout.readline() == f"{text}\n"
        finally:
            client.kill()


def shell(code, seconds):
    return subprocess.run(
        ["bash", "-c", code],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        env={**os.environ, "NO_PROXY": "*", "no_proxy": "*"},
    )


def test_long_poll_in_a_shell(server):
    server.publish_all("news", ["one", "two", "three"])
    done = shell(code_for("shell: long poll", server), 20)
    assert done.stdout == "one\ntwo\nthree\n", done


@pytest.mark.parametrize("more", ["", "--http1.0 "])
def test_event_stream_in_a_shell(server, more):
    server.publish_all("news", ["one", "two"])
    code = code_for("shell: event stream", server).replace("curl ", f"curl --silent --max-time 2 {more}")
    done = shell(code, 20)
    lines = done.stdout.split("\n")
    assert [line for line in lines if line.startswith("data")] == ["data: one", "data: two"], done


@pytest.mark.parametrize("more", [[], ["--http1.0"]])
def test_curl_polls(server, more):
    """Whatever version curl speaks, the answer is whole and curl ends by itself."""
    server.publish("news", "hello")
    for query, expected in (("since=latest", "200hello"), ("poll=1", "304")):
        done = subprocess.run(
            ["curl", "--silent", "--noproxy", "*", "--max-time", "10", *more,
             "--write-out", "%{stderr}%{http_code}", server.url(f"/sub/news?{query}")],
            capture_output=True, text=True, check=True, timeout=20,
        )  # fmt: skip
        assert done.stderr + done.stdout == expected
