"""README and docs: their links lead somewhere, and what the README shows works as it is written."""

import os
import re
import shlex
import subprocess
import sys
import urllib.parse
from types import SimpleNamespace

import pytest
from selenium.webdriver.support.ui import WebDriverWait

from support.documents import CODE, PAGES, blocks_of
from support.ports import free_port
from support.proxy import CuttingProxy
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


@pytest.mark.parametrize(
    "page, at, line",
    [
        ("README.md", 0, "history_ttl_ms = 86400000"),
        ("docs/configuration.md", 0, "history_ttl_ms = 86400000"),
        ("docs/configuration.md", 1, 'events = ["occupied", "vacated"]'),
    ],
)
def test_example_configuration(tmp_path, page, at, line):
    file = tmp_path / "switchboard.toml"
    file.write_text(blocks(page, "toml")[at])
    done = run_to_end("--check-config", "--config", str(file))
    assert done.returncode == 0, done.stderr
    assert line in done.stdout.splitlines()


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


def shell(code, folder=None):
    return subprocess.run(
        ["bash", "-c", code],
        cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_curl_commands(server, tmp_path):
    """Each of them succeeds, in the order in which they are written."""
    (tmp_path / "picture.webp").write_bytes(b"RIFF\x00\xff")
    server.publish("chat:lobby", "or the channel is unknown")
    publish, listen = (block for block in blocks("README.md", "sh") if block.startswith("curl"))
    options = "curl --fail-with-body --silent --show-error --max-time 3 "
    script = "set -eo pipefail\n" + code_for(publish, server).replace("curl ", options)
    # Two of them wait for messages: curl ends them.
    script += "set +e\n" + code_for(listen, server).replace("curl ", options)
    done = shell(script, tmp_path)
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


def run_in_page(browser, code):
    """Runs code as a script of the page and keeps what it logs."""
    browser.execute_script(
        """
        window.logged = [];
        console.log = console.warn = (...words) => logged.push(words.join(" "));
        const script = document.createElement("script");
        script.textContent = arguments[0];
        document.head.append(script);
        """,
        code,
    )


def wait_for_lines(browser, lines):
    def logged():
        return browser.execute_script("return window.logged")

    WebDriverWait(browser, 20, 0.05).until(lambda _: logged() == lines, f"{logged()}")


def test_browser_client(start, plane, browser):
    """On a page of another origin, as the README has it, with a connection that breaks."""
    port = free_port()
    # The page comes from the server itself and listens through a proxy, whose origin is another one.
    server = start(plane, port=port, allowed_origins=f"http://127.0.0.1:{port}", event_stream_retry_ms=100)
    (code,) = blocks("README.md", "js")
    with CuttingProxy(server) as proxy:
        browser.get(server.url("/health"))
        run_in_page(browser, code_for(code, proxy_as_server(proxy, server)))
        server.wait_for_subscribers("news", 1)
        server.publish("news", "grüße")
        wait_for_lines(browser, ["grüße"])
        proxy.cut()
        server.publish("news", "while it was away")
        server.publish("news", "and then")
        wait_for_lines(browser, ["grüße", "while it was away", "and then"])
        browser.get("about:blank")


def proxy_as_server(proxy, server):
    """What `code_for` needs to know of a server, with the proxy's address for clients."""
    return SimpleNamespace(host=proxy.host, internal_port=server.internal_port)


def test_a_page_of_an_unknown_origin(start, plane, browser):
    """The browser says 1006, and the documented command says why."""
    server = start(plane)
    with CuttingProxy(server) as proxy:
        browser.get(proxy.url("/health"))
        code = "new WebSocket(URL).onclose = (close) => console.log(close.code, close.reason)"
        run_in_page(browser, code.replace("URL", repr(server.ws("/sub/news"))))
        wait_for_lines(browser, ["1006 "])
        browser.get("about:blank")
    (command,) = blocks("docs/close-codes.md", "sh")
    done = shell(code_for(command, server))
    assert done.stdout.startswith("HTTP/1.1 403 ") and "allowed_origins" in done.stdout, done
    # What the document advises, in the words of the README.
    (advice,) = [block for block in blocks("README.md", "sh") if "--allowed-origins" in block]
    flags = advice.split(" -- ", 1)[1].split()
    checked = run_to_end("--check-config", *flags)
    assert 'allowed_origins = ["http://localhost:3000"]' in checked.stdout, checked
    allowing = start(plane, allowed_origins=flags[1])
    done = shell(code_for(command, allowing))
    assert done.stdout.startswith("HTTP/1.1 304 "), done


def test_commands_of_contributors():
    """They take too long to run here; what they name exists."""
    (commands,) = blocks("CONTRIBUTING.md", "sh")
    steps = re.search(r"^STEPS=\((.*)\)$", (ROOT / "scripts/test.sh").read_text(), re.MULTILINE)[1].split()
    for line in commands.splitlines():
        words = [word for word in shlex.split(line, comments=True) if not re.match(r"SIM_\w+=", word)]
        if words[0] == "scripts/test.sh":
            assert set(words[1:]) <= set(steps), line
        elif words[0] == "cargo":
            assert (ROOT / "crates" / words[words.index("-p") + 1].removeprefix("switchboard-")).is_dir(), line
        else:
            assert words[0] == ".venv/bin/python", line
            assert all((ROOT / word).exists() for word in words if word.startswith("tests")), line


# Where each block of code in a document is run: here, or in the file that is named.
RUN = {
    "README.md": {"sh": 5, "js": 1, "python": 1, "toml": 1},
    "CONTRIBUTING.md": {"sh": 1},
    "clients/js/README.md": {"js": 1},  # test_browser_client_document.py
    "docs/backends.md": {"js": 1, "python": 1, "toml": 1},  # test_documented_backends.py
    "docs/centrifuge.md": {"js": 2},  # test_centrifuge.py, test_centrifuge_streams.py
    "docs/browser-client.md": {"js": 2},  # test_browser_client_document.py
    "docs/close-codes.md": {"sh": 1},
    "docs/configuration.md": {"toml": 2},
    "docs/identity.md": {"sh": 1, "js": 1, "python": 1, "toml": 1},  # test_identity_document.py
    "examples/chat/README.md": {"sh": 3},  # test_example_chat.py
    "examples/chat-centrifuge/README.md": {"sh": 3},  # test_example_chat_centrifuge.py
    "docs/from-centrifugo.md": {"toml": 1},  # test_migration_documents.py
    "docs/from-nchan.md": {"toml": 1},
    "docs/internal-api.md": {"sh": 24, "js": 1, "python": 1},  # test_internal_api_document.py
    "docs/transports.md": {"js": 3, "python": 2, "sh": 2},  # test_documented_clients.py
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_code_goes_untested(page):
    """A new block needs a test, and then a number above."""
    name = str(page.relative_to(ROOT))
    if name == "docs/deploy.md":
        return  # test_deploy.py counts its own
    found = [language for language, _ in blocks_of(page)]
    known = RUN.get(name, {})
    counted = {one: found.count(one) for one in ("sh", "js", "python", "toml") if one in found}
    assert counted == known, "add a test for the new block, and count it"
