"""`examples/chat-centrifuge`: two people talk to each other, and see who is there."""

import json
import os
import shutil
import subprocess
import urllib.request

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from support.centrifuge import NODE, PATH, RawCentrifuge
from support.documents import blocks_of
from support.page import OUT
from support.ports import free_port
from support.proxy import CuttingProxy
from support.server import ROOT, run_to_end
from support.tokens import token
from support.waiting import wait_until

EXAMPLE = ROOT / "examples/chat-centrifuge"
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
WAIT_S = 30


@pytest.fixture
def backend_port():
    return free_port()


@pytest.fixture
def server(start, plane, shards, namespaces, backend_port):
    """A server with the example's configuration, but for the backend's port."""
    config = (EXAMPLE / "switchboard.toml").read_text()
    origins = f'["http://localhost:{backend_port}", "http://127.0.0.1:{backend_port}"]'
    config = config.replace('["http://localhost:9000"]', origins)
    assert "9000" not in config
    return start(plane, shards, config=namespaces(config))


@pytest.fixture
def proxy(server):
    """Between the pages and the server."""
    with CuttingProxy(server) as proxy:
        yield proxy


@pytest.fixture
def backend(tmp_path, proxy, backend_port):
    """The example's backend, by its port, with the SDK that the tests have."""
    folder = tmp_path / "example"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("node_modules"))
    (folder / "node_modules").symlink_to(NODE / "node_modules")
    environment = {"CHAT_PORT": str(backend_port), "CHAT_SWITCHBOARD": f"ws://{proxy.host}{PATH}"}
    with open(tmp_path / "backend.log", "wb") as log:
        process = subprocess.Popen(
            ["node", "backend.mjs"], cwd=folder, env={**os.environ, **environment}, stdout=log, stderr=log
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
    said = (tmp_path / "backend.log").read_text().splitlines()
    assert len(said) == 1 and str(backend_port) in said[0], said


class Person:
    """Somebody at a page of the chat. Pages of different hosts have different cookies."""

    def __init__(self, browser, backend, host, name):
        self.browser = browser
        self.window = browser.current_window_handle
        self.address = f"http://{host}:{backend}/"
        browser.get(self.address)
        self.wait("the form", lambda: self.element("login").is_displayed())
        self.screen_widths("login")
        self.element("name").send_keys(name + "\n")
        self.wait_state("connected")

    def here(self):
        if self.browser.current_window_handle != self.window:
            self.browser.switch_to.window(self.window)
        return self

    def element(self, name):
        return self.browser.find_element(By.ID, name)

    def wait(self, what, condition):
        WebDriverWait(self.here().browser, WAIT_S, 0.05).until(
            lambda _: condition(), f"{what}: {self.messages()[-3:]}, {self.people()}, {self.notes()}"
        )

    def wait_state(self, state):
        self.wait(state, lambda: self.element("state").get_attribute("data-state") == state)

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
        return self.texts("#messages li:not(.note)", "b", ".text")

    def notes(self):
        script = "return [...document.querySelectorAll('#messages .note')].map((note) => note.textContent)"
        return self.here().browser.execute_script(script)

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
                self.browser.save_screenshot(str(OUT / f"chat-centrifuge-{name}-{width}-{scheme}.png"))
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
        for other in [other for other in browser.window_handles if other != window]:
            browser.switch_to.window(other)
            browser.close()
        browser.switch_to.window(window)
        browser.execute_cdp_cmd("Network.clearBrowserCookies", {})


def test_the_commands_name_what_there_is():
    """They are the README's: the configuration holds, and the SDK is the one that the tests have."""
    run, install, _ = (text for _, text in blocks_of("examples/chat-centrifuge/README.md", "sh"))
    config = run.split("--config ")[1].strip()
    done = run_to_end("--check-config", "--config", str(ROOT / config))
    assert done.returncode == 0, done.stderr
    folder = install.split("--prefix ")[1].split("\n")[0]
    assert ROOT / folder == EXAMPLE and f"node {folder}/backend.mjs" in install
    wanted = json.loads((EXAMPLE / "package.json").read_text())["dependencies"]
    tested = json.loads((NODE / "package.json").read_text())["dependencies"]
    assert wanted == {name: tested[name] for name in wanted}


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
    assert alice.notes() == ["Bob has come"]
    alice.screen_widths("messages")
    # What they miss while the network is down, they get when it is back.
    proxy.is_down = True
    proxy.cut()
    for person in people:
        person.wait_state("connecting")
    shown = token("carol", key="change this to 32 random bytes or more", info={"name": "Carol"})
    with RawCentrifuge(server, token=shown) as carol:
        carol.ask("subscribe", channel="chat:lobby")
        assert "publish" in carol.ask("publish", channel="chat:lobby", data={"text": "Where are you?"})
    proxy.is_down = False
    for person in people:
        person.wait_state("connected")
        person.wait("who is there", lambda person=person: person.people() == ["Alice", "Bob"])
    bob.say("I am back")
    said += [("Carol", "Where are you?"), ("Bob", "I am back")]
    for person in people:
        person.wait("the rest", lambda person=person: person.messages() == said)
    bob.here().element("leave").click()
    alice.wait("he is gone", lambda: alice.people() == ["Alice"])
    assert alice.notes()[-1] == "Bob has gone"
    bob.wait("the form", lambda: bob.element("login").is_displayed())


def test_somebody_with_two_windows_is_here_until_both_are_closed(people):
    alice, bob = people
    bob.here().browser.switch_to.new_window("window")
    bob.browser.get(bob.address)
    second = bob.browser.current_window_handle
    people = 'return [...document.querySelectorAll("#people li")].length'
    WebDriverWait(bob.browser, WAIT_S).until(lambda browser: browser.execute_script(people) == 2)
    bob.here().browser.close()
    bob.window = second
    bob.browser.switch_to.window(second)
    bob.say("still here")
    alice.wait("it came", lambda: alice.messages() == [("Bob", "still here")])
    assert alice.people() == ["Alice", "Bob"] and alice.notes() == ["Bob has come"]
    bob.here().browser.get("about:blank")
    alice.wait("he is gone", lambda: alice.people() == ["Alice"])
    assert alice.notes()[-1] == "Bob has gone"


def test_who_comes_later_sees_what_was_said(people):
    alice, bob = people
    for n in range(3):
        alice.say(f"number {n}")
        bob.wait("it came", lambda n=n: len(bob.messages()) == n + 1)
    bob.here().browser.refresh()
    bob.wait("all of it", lambda: bob.messages() == [("Alice", f"number {n}") for n in range(3)])
    bob.wait("who is there", lambda: bob.people() == ["Alice", "Bob"])


def test_nobody_speaks_as_somebody_else(people):
    """The name comes from the token, whatever a page sends; what is no message is not shown."""
    alice, bob = people
    script = """
        const done = arguments[arguments.length - 1];
        const { server, room } = await (await fetch("session")).json();
        const getToken = async () => (await (await fetch("token")).json()).token;
        const client = new Centrifuge(server, { getToken });
        client.connect();
        const forged = { text: "<i>hello</i>", from: "Alice", info: { user: "Alice" }, time: "x" };
        for (const data of [null, 7, [], { text: 7 }, forged]) await client.publish(room, data);
        client.disconnect();
        done(true);
    """
    assert bob.here().browser.execute_async_script(f"(async () => {{ {script} }})(...arguments)")
    alice.wait("it came", lambda: alice.messages() == [("Bob", "<i>hello</i>")])
