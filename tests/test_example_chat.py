"""`examples/chat`: two people talk to each other, on whatever network, and see who is there."""

import os
import re
import subprocess
import sys
import urllib.request

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from support.blocking_proxy import BlockingProxy
from support.documents import blocks_of
from support.page import OUT
from support.ports import free_port
from support.server import ROOT, run_to_end
from support.waiting import wait_until

EXAMPLE = ROOT / "examples/chat"
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
WAIT_S = 30


@pytest.fixture
def backend_port():
    return free_port()


@pytest.fixture
def server(start, plane, namespaces, backend_port):
    """A server with the example's configuration, but for the backend's port."""
    config = (EXAMPLE / "switchboard.toml").read_text()
    origins = f'["http://localhost:{backend_port}", "http://127.0.0.1:{backend_port}"]'
    config = config.replace('["http://localhost:9000"]', origins).replace("127.0.0.1:9000", f"127.0.0.1:{backend_port}")
    assert "9000" not in config
    return start(plane, config=namespaces(config))


@pytest.fixture
def proxy(server):
    """Between the pages and the server."""
    with BlockingProxy(server) as proxy:
        yield proxy


@pytest.fixture
def backend(tmp_path, server, proxy, backend_port):
    """The example's backend, by its port."""
    addresses = {"CHAT_PUBLIC_URL": proxy.url(""), "CHAT_INTERNAL_URL": server.internal("")}
    command = ["-m", "uvicorn", "--app-dir", str(EXAMPLE), "backend:app", "--port", str(backend_port)]
    with open(tmp_path / "backend.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, *command],
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **addresses},
            stdout=log,
            stderr=log,
        )

    def answers():
        assert process.poll() is None, (tmp_path / "backend.log").read_text()
        try:
            with OPENER.open(f"http://127.0.0.1:{backend_port}/", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    wait_until("it answers", answers, 40)
    yield backend_port
    process.terminate()
    process.wait(15)
    assert "Traceback" not in (tmp_path / "backend.log").read_text()


class Person:
    """Somebody at a page of the chat. Pages of different hosts have different cookies."""

    def __init__(self, browser, backend, host, name):
        self.browser = browser
        self.window = browser.current_window_handle
        browser.get(f"http://{host}:{backend}/")
        self.wait("the form", lambda: self.element("login").is_displayed())
        self.screen_widths("login")
        self.element("name").send_keys(name + "\n")
        self.wait_state("open")

    def here(self):
        if self.browser.current_window_handle != self.window:
            self.browser.switch_to.window(self.window)
        return self

    def element(self, name):
        return self.browser.find_element(By.ID, name)

    def wait(self, what, condition):
        WebDriverWait(self.here().browser, WAIT_S, 0.05).until(
            lambda _: condition(), f"{what}: {self.messages()[-3:]}, {self.element('say-problem').text}"
        )

    def wait_state(self, state, way="websocket"):
        def is_so():
            found = self.element("state")
            return found.get_attribute("data-state") == state and found.get_attribute("data-way") == way

        self.wait(f"{state} by {way}", is_so)

    def say(self, text):
        self.here().element("text").send_keys(text + "\n")

    def texts(self, items, *parts):
        """The text of parts of each item."""
        script = """
            const [items, parts] = arguments;
            return [...document.querySelectorAll(items)].map((item) =>
              parts.map((part) => item.querySelector(part).textContent));
        """
        return [tuple(texts) for texts in self.here().browser.execute_script(script, items, parts)]

    def messages(self):
        return self.texts("#messages li", "b", ".text")

    def people(self):
        return [name for (name,) in self.texts("#people li", "span:last-child")]

    def screen_widths(self, name):
        """Nothing is wider than the screen, on a phone as on a desk."""
        for width, height in ((1_280, 800), (360, 740)):
            metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            self.here().browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            assert self.browser.execute_script("return document.documentElement.scrollWidth") <= width
            assert self.browser.execute_script("return document.documentElement.scrollHeight") <= height
            OUT.mkdir(exist_ok=True)
            for scheme in ("light", "dark"):
                features = [{"name": "prefers-color-scheme", "value": scheme}]
                self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
                self.browser.save_screenshot(str(OUT / f"chat-{name}-{width}-{scheme}.png"))
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        self.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture
def people(browser, backend):
    """Alice and Bob, each in a window."""
    window = browser.current_window_handle
    try:
        alice = Person(browser, backend, "127.0.0.1", "Alice")
        browser.switch_to.new_window("window")
        yield alice, Person(browser, backend, "localhost", "Bob")
    finally:
        if browser.current_window_handle == window:
            browser.switch_to.window(browser.window_handles[-1])
        if browser.current_window_handle != window:
            browser.close()
        browser.switch_to.window(window)
        browser.execute_cdp_cmd("Network.clearBrowserCookies", {})


def test_the_commands_name_what_there_is():
    """They are the README's: the configuration holds, and all that the backend imports is installed by them."""
    run, install, _ = (text for _, text in blocks_of("examples/chat/README.md", "sh"))
    config = run.split("--config ")[1].strip()
    done = run_to_end("--check-config", "--config", str(ROOT / config))
    assert done.returncode == 0, done.stderr
    installed = install.split("pip install ")[1].split("\n")[0].split()
    imports = re.findall(r"^(?:import|from) (\w+)", (EXAMPLE / "backend.py").read_text(), re.MULTILINE)
    names = {"jwt": "pyjwt", "pydantic": "fastapi"}
    assert {names.get(name, name) for name in imports} - set(sys.stdlib_module_names) <= set(installed)
    assert f"--app-dir {EXAMPLE.relative_to(ROOT)} backend:app --port 9000" in install


def test_two_people_talk(people, server, proxy):
    alice, bob = people
    said = [
        ("Alice", "Good morning! Is anybody there?"),
        ("Bob", "Yes, me."),
        ("Bob", "The train was late again, so I have only just come in \u2013 did I miss anything?"),
        ("Alice", "Nothing \U0001f642 " + "averylongwordwithoutanyplacetobreak" * 4),
        ("Alice", "<b>no markup</b> & https://example.org/a/rather/long/path?with=a&query=too#and-a-fragment"),
    ]
    for count, (name, text) in enumerate(said, 1):
        (alice if name == "Alice" else bob).say(text)
        for person in people:
            person.wait("all messages", lambda person=person, count=count: person.messages() == said[:count])
            person.wait("who is there", lambda person=person: person.people() == ["Alice", "Bob"])
    alice.screen_widths("messages")
    # What Bob misses, he gets when his connection is back.
    proxy.is_down = True
    proxy.cut()
    bob.wait("he is away", lambda: bob.element("state").get_attribute("data-state") == "waiting")
    alice.say("Are you still here?")  # by way of the backend: her connection is broken, too
    proxy.is_down = False
    for person in people:
        person.wait("the rest", lambda person=person: person.messages()[-1] == ("Alice", "Are you still here?"))
        person.wait_state("open")
        assert len(person.messages()) == 6
    bob.here().element("leave").click()
    alice.wait("he is gone", lambda: alice.people() == ["Alice"])
    assert bob.here().element("login").is_displayed()


@pytest.mark.parametrize("way", ["stream", "poll"])
def test_they_talk_where_websockets_are_blocked(people, proxy, way):
    alice, bob = people
    proxy.block("websocket", *(["stream"] if way == "poll" else []), rule="400 Bad Request")
    bob.here().browser.execute_script("localStorage.clear()")
    bob.browser.refresh()
    bob.wait_state("open", way)
    bob.say("it gets through")
    alice.wait("it came", lambda: alice.messages() == [("Bob", "it gets through")])
    alice.say("so does this")
    bob.wait("both", lambda: bob.messages() == [("Bob", "it gets through"), ("Alice", "so does this")])


def test_who_comes_later_sees_what_was_said(people):
    alice, bob = people
    for n in range(3):
        alice.say(f"number {n}")
        bob.wait("it came", lambda n=n: len(bob.messages()) == n + 1)
    bob.browser.refresh()
    bob.wait("all of it", lambda: bob.messages() == [("Alice", f"number {n}") for n in range(3)])


def test_nobody_speaks_as_somebody_else(people, server):
    """The name comes from the token, whatever a page sends; empty and long texts do not pass."""
    alice, bob = people
    script = """
        const done = arguments[arguments.length - 1];
        const { Switchboard } = await import("/switchboard.js");
        const { server, room } = await (await fetch("session")).json();
        const token = async () => (await fetch("token")).text();
        const client = new Switchboard(server, room, { token });
        client.on("state", async ({ state }) => {
          if (state !== "open") return;
          const answers = [];
          for (const text of [" ", "x".repeat(1001), "hello"]) {
            const sent = client.publish(JSON.stringify({ from: "Alice", text }));
            answers.push(await sent.then(() => "ok", ({ code }) => code));
          }
          client.close();
          done(answers);
        });
    """
    assert bob.here().browser.execute_async_script(f"(async () => {{ {script} }})(...arguments)") == [400, 400, "ok"]
    alice.wait("it came", lambda: alice.messages() == [("Bob", "hello")])
