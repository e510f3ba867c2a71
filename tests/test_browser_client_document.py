"""`docs/browser-client.md` and the client's README: what they show works as it stands there."""

import re

import pytest
from selenium.webdriver.support.ui import WebDriverWait

from support.blocking_proxy import CLIENT, BlockingProxy
from support.documents import blocks_of
from support.server import ROOT
from support.tokens import SECRET, token

PAGE = "docs/browser-client.md"
BLOCKS = [text for _, text in blocks_of(PAGE, "js")]
LOGS = "window.logged = []; console.log = console.warn = (...words) => logged.push(words.join(' '))"


def run_as_module(browser, proxy, code):
    """Runs code as a module of a page, with the address of the server and of the client put in."""
    browser.get(proxy.url("/page"))
    browser.execute_script(LOGS)
    code = re.sub(r'from ".*"', 'from "/switchboard.js"', code)
    code = re.sub(r"http://localhost:8000|https://push\.example\.org", proxy.url(""), code)
    browser.execute_script(
        """
        const script = document.createElement("script");
        script.type = "module";
        script.textContent = arguments[0];
        document.head.append(script);
        """,
        code,
    )


@pytest.mark.parametrize("page", [PAGE, "clients/js/README.md"])
def test_listening(start, plane, browser, page):
    server = start(plane)
    code = blocks_of(page, "js")[0][1]
    with BlockingProxy(server) as proxy:
        run_as_module(browser, proxy, code)
        server.wait_for_subscribers("news", 1)
        server.publish("sport", "one")
        wait_for_first_lines(browser, ["connecting websocket", "open websocket", "sport one"])
        browser.get("about:blank")


def wait_for_first_lines(browser, lines):
    """The first lines begin with these words."""

    def logged():
        return browser.execute_script("return window.logged")

    WebDriverWait(browser, 20, 0.05).until(lambda _: len(logged()) >= len(lines))
    assert all(found.startswith(line) for found, line in zip(logged(), lines, strict=False)), logged()


def test_tokens_and_publishing(start, plane, browser, namespaces):
    config = namespaces('[namespace.room]\nsubscribe = "authenticated"\npublish = "authenticated"\n')
    server = start(plane, config=config, token_secret=SECRET)
    with BlockingProxy(server) as proxy:
        proxy.pages["/token"] = ("text/plain", lambda: token("7").encode())
        run_as_module(browser, proxy, BLOCKS[1])
        # The receipt may come before the message or after it.
        WebDriverWait(browser, 20, 0.05).until(
            lambda _: "dinner is ready" in (lines := browser.execute_script("return window.logged")) and len(lines) == 2
        )
        browser.get("about:blank")


def test_the_table_has_every_option_with_its_default():
    text = (ROOT / PAGE).read_text()
    rows = dict(re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| ([^|]*) \|", text.split("## Options")[1], re.MULTILINE))
    documented = {name for row in rows for name in re.findall(r"\w+", row)}
    source = CLIENT.read_text()
    assert documented == set(re.findall(r"@property \{.*?\} \[(\w+)\]", source))
    for name, value in re.findall(r"(\w+Ms): ([\d_]+)", source):
        (defaults,) = [default for row, default in rows.items() if f"`{name}`" in row]
        assert f"{int(value):,}" in defaults, name
