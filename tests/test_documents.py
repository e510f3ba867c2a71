"""README and docs: their links lead somewhere, and what the README shows works as it is written."""

import os
import re
import subprocess
import sys
import urllib.parse

import pytest
from selenium.webdriver.support.ui import WebDriverWait

from support.documents import CODE, PAGES, blocks_of
from support.server import ROOT, Server, run_to_end


def blocks(page, language):
    return [text for _, text in blocks_of(page, language)]


def anchors(page):
    """The names that headings get as targets of links."""
    headings = re.findall(r"^#+ (.*)$", CODE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", CODE.sub("", page.read_text())):
        if target.startswith("https://"):
            continue
        path, _, anchor = urllib.parse.unquote(target).partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists() and linked.is_relative_to(ROOT), target
        assert not anchor or anchor in anchors(linked), target


@pytest.mark.parametrize("page", ["README.md", "docs/configuration.md"])
def test_example_configuration(tmp_path, page):
    (example,) = blocks(page, "toml")
    file = tmp_path / "switchboard.toml"
    file.write_text(example)
    done = run_to_end("--check-config", "--config", str(file))
    assert done.returncode == 0, done.stderr
    assert "history_ttl_ms = 86400000\n" in done.stdout


@pytest.fixture
def server(tmp_path):
    """A server with the README's example as its configuration."""
    file = tmp_path / "switchboard.toml"
    file.write_text(blocks("README.md", "toml")[0])
    server = Server(tmp_path, plane="epoll", cores=1, config=file)
    yield server
    server.stop()


def code_for(code, server):
    """The code with the addresses of the server under test."""
    internal = f"127.0.0.1:{server.internal_port}"
    return code.replace("localhost:8000", server.host).replace("127.0.0.1:8001", internal)


ENVIRONMENT = {**os.environ, "NO_PROXY": "*", "no_proxy": "*", "PYTHONUTF8": "1"}


def test_curl_commands(server, tmp_path):
    """Each of them succeeds, in the order in which they are written."""
    (tmp_path / "picture.webp").write_bytes(b"RIFF\x00\xff")
    server.publish("chat:lobby", "or the channel is unknown")
    publish, listen = (block for block in blocks("README.md", "sh") if block.startswith("curl"))
    options = "curl --fail-with-body --silent --show-error --max-time 3 "
    script = "set -eo pipefail\n" + code_for(publish, server).replace("curl ", options)
    # Two of them wait for messages: curl ends them.
    script += "set +e\n" + code_for(listen, server).replace("curl ", options)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60,
    )
    assert done.returncode == 0, done
    assert "active subscribers: 0" in done.stdout and '"channel":"news"' in done.stdout, done
    assert "HTTP/1.1 200 OK" in done.stdout and done.stdout.rstrip().endswith("]"), done


def test_python_client(server):
    (code,) = blocks("README.md", "python")
    done = subprocess.run(
        [sys.executable, "-c", code_for(code, server)],
        env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60,
    )
    assert done.stdout == "Hello\n", done


def test_browser_client(server, browser):
    (code,) = blocks("README.md", "js")
    browser.get(server.url("/health"))
    browser.execute_script("window.logged = []; console.log = (...words) => logged.push(words.join(' '))")
    script = "const s = document.createElement('script'); s.textContent = arguments[0];"
    browser.execute_script(script + "document.head.append(s)", code_for(code, server))
    server.wait_for_subscribers("news", 1)
    server.publish("news", "grüße")
    server.delete("news")
    expected = ["grüße", "1000 "]

    def logged():
        return browser.execute_script("return window.logged")

    WebDriverWait(browser, 20, 0.05).until(lambda _: [line[:5] for line in logged()] == expected, f"{logged()}")
