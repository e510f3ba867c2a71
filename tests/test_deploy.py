"""The configurations in `docs/deploy.md`, run by the real proxies, with each way to listen through them."""

import concurrent.futures
import json
import pathlib
import re
import subprocess

import httpx
import pytest
from selenium.webdriver.support.ui import WebDriverWait

from support.documents import blocks_of
from support.front import BLOCKS, FRONTS, HTTP2
from support.page import Page
from support.ports import free_port
from support.raw_http import RawConnection, get
from support.raw_websocket import PING, PONG, frame
from support.server import BINARY, ROOT, run_to_end
from support.v1 import V1
from support.waiting import wait_until

WAIT_S = 20


@pytest.fixture
def behind(start, plane, tmp_path):
    """Starts a server as the document configures it, on two addresses."""

    def start_one(port=None, more="", **keys):
        file = tmp_path / "switchboard.toml"
        file.write_text(BLOCKS["/etc/switchboard.toml"] + more)
        port = port or free_port()
        listen = [f"{address}:{port}" for address in ("127.0.0.1", "127.0.0.2")]
        return start(plane, port=port, listen=listen, config=file, **keys)

    return start_one


def http_client(front, **options):
    return httpx.Client(verify=front.context, trust_env=False, timeout=WAIT_S, **options)


def socket_of(front, path):
    """A WebSocket through the proxy, past the message that says where it starts."""
    socket = V1(front, path)
    assert socket.begin() == []
    return socket


def next_data(lines):
    """The data of the next event of a stream."""
    return next(line for line in lines if line.startswith("data: ")).removeprefix("data: ")


def test_every_configuration_is_run():
    assert set(BLOCKS) == {
        "/etc/switchboard.toml",
        "/etc/nginx/nginx.conf,",
        "/etc/nginx/conf.d/switchboard.conf",
        "/etc/haproxy/haproxy.cfg",
        "/etc/caddy/Caddyfile",
        "/etc/apache2/mods-available/mpm_event.conf",
        "/etc/apache2/sites-available/switchboard.conf",
        "/etc/systemd/system/switchboard.service",
        "Dockerfile",
    }
    assert len(blocks_of("docs/deploy.md")) == len(BLOCKS), "a block does not say which file it is"


@pytest.mark.parametrize("name", FRONTS)
def test_every_way_to_listen_through(behind, name):
    server = behind()
    with FRONTS[name](server) as front, http_client(front) as client:
        assert client.get(front.url("/health")).status_code == 200

        # A poll at once, then a long poll that waits for what is published while it is held.
        server.publish("news", "first")
        answer = client.get(front.url("/sub/news?poll=1&since=earliest"))
        assert (answer.status_code, answer.text) == (200, "first")
        validators = {"If-None-Match": answer.headers["ETag"]}
        assert client.get(front.url("/sub/news?poll=1"), headers=validators).status_code == 304
        with concurrent.futures.ThreadPoolExecutor() as pool:
            held = pool.submit(client.get, front.url("/sub/news"), headers=validators)
            server.wait_for_subscribers("news", 1)
            server.publish("news", "second")
            assert held.result(WAIT_S).text == "second"

        # A WebSocket and an event stream, each small event at once, with nothing after it.
        accept = {"Accept": "text/event-stream"}
        with (
            socket_of(front, "/sub/news") as socket,
            client.stream("GET", front.url("/sub/news"), headers=accept) as stream,
        ):
            server.wait_for_subscribers("news", 2)
            lines = stream.iter_lines()
            for text in ("third", "fourth"):
                server.publish("news", text)
                assert socket.payload() == text
                assert next_data(lines) == text
            before = socket.position
        server.publish("news", "missed")
        # What a browser's EventSource would send when it reconnects.
        accept["Last-Event-ID"] = before
        with client.stream("GET", front.url("/sub/news"), headers=accept) as stream:
            assert next_data(stream.iter_lines()) == "missed"


def peers_of(server, address):
    """How many connections to that address of the server there are."""
    wanted = "".join(f"{int(part):02X}" for part in reversed(address.split("."))) + f":{server.port:04X}"
    rows = [row.split() for row in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[2] == wanted and row[3] == "01" for row in rows)


@pytest.mark.parametrize("name", [name for name in FRONTS if name != "apache"])
def test_clients_are_spread_over_both_addresses(behind, name):
    server = behind()
    with FRONTS[name](server) as front:
        sockets = [socket_of(front, "/sub/news") for _ in range(16)]
        for address in ("127.0.0.1", "127.0.0.2"):
            assert peers_of(server, address) > 0, address
        for socket in sockets:
            socket.close()


@pytest.mark.parametrize("name", FRONTS)
def test_silent_clients_outlive_the_idle_timeouts(behind, name):
    """With timeouts of 2.5 s in the place of 90 s, and pings as much more often."""
    server = behind(ping_interval_ms=1_000, long_poll_timeout_ms=1_000)
    with FRONTS[name](server, short_timeouts=True) as front, http_client(front) as client:
        accept = {"Accept": "text/event-stream"}
        with (
            socket_of(front, "/sub/news") as socket,
            client.stream("GET", front.url("/sub/news"), headers=accept) as stream,
        ):
            lines = stream.iter_lines()
            # Comments and pings say that both are alive, each of them five times.
            for _ in range(5):
                fin, opcode, payload = socket.read_frame()
                assert (fin, opcode) == (True, PING), (opcode, payload)
                socket.send(frame(PONG, payload))
            comments = 0
            while comments < 5:
                comments += next(lines) == ":"
            for _ in range(3):
                assert client.get(front.url("/sub/news")).status_code == 304
            server.wait_for_subscribers("news", 2)
            server.publish("news", "still here")
            assert socket.payload() == "still here"
            assert next_data(lines) == "still here"


@pytest.mark.parametrize("name", FRONTS)
def test_clients_come_back_after_a_restart(behind, name):
    """The proxy refuses while the server is away, and sends clients to it as soon as it is back."""
    server = behind()
    with FRONTS[name](server) as front:
        with socket_of(front, "/sub/news"):
            server.stop()
            wait_until("the proxy says so", lambda: front.health() in (502, 503))
        again = behind(port=server.port)
        # Well within the 10 s for which nginx leaves a server out on its defaults.
        wait_until("the proxy has noticed", lambda: front.health() == 200, within_s=8)
        with socket_of(front, "/sub/news") as socket:
            again.publish("news", "back")
            assert socket.payload() == "back"


@pytest.mark.parametrize("name", FRONTS)
def test_clients_have_their_own_addresses(behind, name):
    """Whatever they claim to be."""
    server = behind(more="presence_list = true\n")
    with FRONTS[name](server) as front, RawConnection(front, source="127.0.0.9") as client:
        claim = "X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1"
        client.send(get(front, "/sub/news:one", "Accept: text/event-stream", *claim))
        client.read_until(b"\r\n\r\n")
        server.wait_for_subscribers("news:one", 1)
        (found,) = json.loads(server.request("GET", "/subscribers/news:one")[2])["list"]
        assert found["address"].rpartition(":")[0] == "127.0.0.9"


def logged(browser):
    return browser.execute_script("return window.logged")


def run_in_page(browser, code):
    """Runs code as a script of the page, in its global scope, and keeps what it logs."""
    browser.execute_script(
        """
        window.logged = [];
        console.log = (text) => logged.push(String(text));
        console.warn = (word, what) => logged.push(word + " " + JSON.stringify(what));
        const script = document.createElement("script");
        script.textContent = arguments[0];
        document.head.append(script);
        """,
        code,
    )


def wait_for_lines(browser, condition):
    WebDriverWait(browser, WAIT_S, 0.05).until(lambda _: condition(logged(browser)), f"{logged(browser)}")


@pytest.mark.parametrize("name", FRONTS)
def test_the_page_and_its_origin(behind, browser, name):
    """A browser's own idea of Host and Origin: the page listens to the host that it came from."""
    server = behind()
    with FRONTS[name](server) as front:
        page = Page(browser, front, "#news")
        page.wait_for_state("open")
        server.publish("news", "through a proxy")
        page.wait_for_message("through a proxy")
        assert page.complaints() == []
        browser.get("about:blank")


@pytest.mark.parametrize("name", HTTP2)
def test_more_than_six_event_streams_of_one_browser(behind, browser, name):
    server = behind()
    with FRONTS[name](server) as front:
        browser.get(front.url("/health"))
        code = """
        for (let i = 0; i < 8; i++)
          new EventSource(`/sub/news`).onmessage = ({ data }) => console.log(data);
        """
        run_in_page(browser, code)
        server.wait_for_subscribers("news", 8)
        server.publish("news", "to all")
        wait_for_lines(browser, lambda lines: lines == ["to all"] * 8)
        browser.get("about:blank")


@pytest.mark.parametrize("name", ["nginx", "haproxy", "apache"])
def test_an_event_stream_after_a_502(behind, browser, name):
    """An EventSource gives up for good after an error status; the documented client does not."""
    (code,) = [text for _, text in blocks_of("docs/transports.md") if text.startswith("// browser: event stream")]
    server = behind()
    with FRONTS[name](server) as front:
        browser.get(front.url("/health"))
        run_in_page(browser, code.replace("http://localhost:8000", front.url("")))
        server.wait_for_subscribers("news", 1)
        server.publish("news", "one")
        wait_for_lines(browser, lambda lines: lines == ["one"])
        server.stop()
        browser.execute_script("window.refused = new EventSource('/sub/news')")
        refused = "return window.refused.readyState === EventSource.CLOSED"
        wait_until("another stream gave up", lambda: browser.execute_script(refused))
        again = behind(port=server.port)
        again.wait_for_subscribers("news", 1)
        again.publish("news", "two")
        # The restart lost the stream that the position names, and the client learns of it.
        wait_for_lines(browser, lambda lines: len(lines) == 3 and lines[2] == "two")
        assert json.loads(logged(browser)[1].removeprefix("missed "))["reason"] == "epoch"
        browser.get("about:blank")


def test_the_server_of_the_document(behind):
    server = behind()
    done = run_to_end("--check-config", "--config", str(server.folder / "switchboard.toml"))
    assert done.returncode == 0 and "demo = false" in done.stdout, done
    for address in ("127.0.0.1", "127.0.0.2"):
        assert f"{address}:{server.port}" in server.start_up_line()


def test_the_unit_of_systemd(tmp_path):
    text = BLOCKS["/etc/systemd/system/switchboard.service"]
    (command,) = re.findall(r"^ExecStart=(\S+) --config /etc/switchboard.toml$", text, re.MULTILINE)
    unit = tmp_path / "switchboard.service"
    unit.write_text(text.replace(command, str(BINARY)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, timeout=30, check=False
    )
    complaints = [line for line in done.stderr.splitlines() if unit.name in line]
    assert done.returncode == 0 and not complaints, done
    # What the server needs for io_uring and for pinned threads is in the filter.
    found = subprocess.run(
        ["systemd-analyze", "syscall-filter", "@system-service", "@aio", "@resources"],
        capture_output=True, text=True, timeout=30, check=True,
    ).stdout.split()  # fmt: skip
    assert {"@aio", "@resources", "io_uring_setup", "sched_setaffinity"} <= set(found)


def test_the_command_of_the_container():
    text = BLOCKS["Dockerfile"]
    (flags,) = re.findall(r"^CMD (.*)$", text, re.MULTILINE)
    done = run_to_end("--check-config", *json.loads(flags))
    assert done.returncode == 0, done.stderr
    assert 'listen = ["0.0.0.0:8000"]' in done.stdout and "demo = false" in done.stdout
    manifest = (ROOT / "crates/server/Cargo.toml").read_text()
    assert 'name = "switchboard"' in manifest and "-p switchboard\n" in text
