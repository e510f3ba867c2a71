"""Listeners that expect the PROXY protocol, with real proxies and with what is none."""

import json
import os
import socket
import struct
import subprocess
import types

import pytest

from support.ports import free_port
from support.raw_http import RawConnection, get, upgrade
from support.server import run_to_end
from support.waiting import wait_until

LISTED = "[namespace.room]\npresence_list = true\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LINE = b"PROXY TCP4 192.0.2.1 127.0.0.1 12345 80\r\n"


def binary(command, family, addresses, more=b""):
    """A header of version 2."""
    return SIGNATURE + struct.pack(">BBH", command, family, len(addresses) + len(more)) + addresses + more


IPV4 = socket.inet_aton("192.0.2.1") + socket.inet_aton("127.0.0.1") + struct.pack(">HH", 12345, 80)
IPV6 = socket.inet_pton(socket.AF_INET6, "2001:db8::1") * 2 + struct.pack(">HH", 12345, 80)


@pytest.fixture
def behind(start, plane, namespaces):
    """Starts a server that expects the PROXY protocol at a second port, from 127.0.0.1; gives both."""

    def start_one(shards=1, **keys):
        port = free_port()
        server = start(
            plane,
            shards,
            config=namespaces(LISTED),
            proxy_protocol_listen=f"127.0.0.1:{port}",
            **{"trusted_proxies": "127.0.0.1", **keys},
        )
        return server, types.SimpleNamespace(port=port, host=f"127.0.0.1:{port}")

    return start_one


def addresses(server):
    status, _, body = server.request("GET", "/subscribers/room:one")
    assert status == 200, body
    return [entry["address"] for entry in json.loads(body)["list"]]


def seen(server, proxied, header, *headers):
    """The address that the server sees behind this header."""
    with RawConnection(proxied) as connection:
        request = get(proxied, "/sub/room:one", "Accept: text/event-stream", *headers)
        connection.send(header + request).read_until(b"\r\n\r\n")
        server.wait_for_subscribers("room:one", 1)
        (address,) = addresses(server)
    server.wait_for_subscribers("room:one", 0)
    return address


def test_the_client_is_who_the_header_names(behind):
    server, proxied = behind()
    for header, expected in [
        (LINE, "192.0.2.1:12345"),
        (b"PROXY TCP6 2001:db8::1 ::1 12345 80\r\n", "[2001:db8::1]:12345"),
        (binary(0x21, 0x11, IPV4), "192.0.2.1:12345"),
        (binary(0x21, 0x11, IPV4, b"\x04\x00\x03abc"), "192.0.2.1:12345"),
        (binary(0x21, 0x21, IPV6), "[2001:db8::1]:12345"),
    ]:
        assert seen(server, proxied, header) == expected, header


def test_a_proxy_that_speaks_for_itself_is_shown_itself(behind):
    server, proxied = behind()
    local = [b"PROXY UNKNOWN\r\n", binary(0x20, 0, b""), binary(0x20, 0x11, IPV4), binary(0x21, 0, b"")]
    for header in local:
        assert seen(server, proxied, header).startswith("127.0.0.1:"), header
        # It is trusted, and may name a client in its request.
        assert seen(server, proxied, header, "X-Forwarded-For: 192.0.2.7") == "192.0.2.7:0"


def test_what_the_client_behind_the_header_says_is_not_believed(behind):
    server, proxied = behind(trusted_proxies="127.0.0.1,10.0.0.0/8")
    claim = "X-Forwarded-For: 192.0.2.7"
    assert seen(server, proxied, LINE, claim) == "192.0.2.1:12345"
    # Unless it is a trusted proxy, too.
    assert seen(server, proxied, LINE.replace(b"192.0.2.1", b"10.0.0.9"), claim) == "192.0.2.7:0"


@pytest.mark.parametrize("header", [LINE, binary(0x21, 0x11, IPV4)], ids=["line", "binary"])
def test_a_header_may_come_in_pieces(behind, header):
    _, proxied = behind()
    with RawConnection(proxied) as connection:
        for byte in header + get(proxied, "/health"):
            connection.send(bytes([byte]))
        assert connection.read_answer().status == 200
        # It is there once, before the first request.
        assert connection.send(get(proxied, "/health")).read_answer().status == 200
        assert connection.send(header + b"\r\n\r\n").read_answer().status == 400


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PROXY TCP4 192.0.2.1\r\n",
        b"PROXY TCP4 300.0.2.1 127.0.0.1 1 2\r\n",
        b"PROXY UNKNOWN " + b"x" * 200,
        b"proxy TCP4 192.0.2.1 127.0.0.1 1 2\r\n",
        binary(0x31, 0x11, IPV4),
        binary(0x21, 0x12, IPV4),
        binary(0x21, 0x21, IPV4),
        SIGNATURE + b"\x21\x11\xff\xff",
        b"\0" * 20,
    ],
)
def test_what_is_no_header_ends_the_connection(behind, garbage):
    server, proxied = behind()
    with RawConnection(proxied) as connection, pytest.raises(ConnectionResetError):
        connection.send(garbage).fill()
    assert server.counter("refused_proxy") == 1
    assert server.alive()


def test_only_trusted_proxies_may_connect(behind):
    server, proxied = behind()

    def is_reset():
        try:
            with RawConnection(proxied, source="127.0.0.2") as connection:
                return not connection.send(LINE + get(proxied, "/health")).fill()
        except ConnectionError:
            return True

    assert is_reset()
    assert server.counter("refused_proxy") == 1
    assert seen(server, proxied, LINE) == "192.0.2.1:12345"


@pytest.mark.parametrize("begun", [b"", LINE[:20], LINE, binary(0x21, 0x11, IPV4)[:20]])
def test_the_header_and_the_request_share_a_deadline(behind, begun):
    server, proxied = behind(handshake_timeout_ms=1_000)
    with RawConnection(proxied) as connection:
        connection.send(begun)
        while connection.fill():
            pass
    assert server.counter("timed_out_head") == 1


def test_other_listeners_do_not_look_for_it(behind):
    server, _ = behind()
    for header in (LINE, binary(0x21, 0x11, IPV4)):
        with RawConnection(server) as connection:
            assert connection.send(header + get(server, "/health")).read_answer().status == 400


def test_clients_are_counted_by_the_address_in_the_header(behind, shards):
    server, proxied = behind(shards, connections_per_address_max=2)
    inside = []
    for _ in range(2):
        connection = RawConnection(proxied)
        assert connection.send(LINE + upgrade(proxied, "/sub/news")).read_answer().status == 101
        inside.append(connection)
    for _ in range(5):
        with RawConnection(proxied) as connection:
            answer = connection.send(LINE + get(proxied, "/health")).read_answer()
            assert answer.status == 429 and answer.closes(), answer
            connection.expect_end()
    assert server.counter("refused_address") == 5
    with RawConnection(proxied) as connection:
        other = LINE.replace(b"192.0.2.1", b"192.0.2.2")
        assert connection.send(other + get(proxied, "/health")).read_answer().status == 200
    inside.pop().close()
    server.wait_for_subscribers("news", 1)
    with RawConnection(proxied) as connection:
        assert connection.send(LINE + get(proxied, "/health")).read_answer().status == 200
    inside.pop().close()


def test_a_full_server_refuses_behind_the_header(behind):
    server, proxied = behind(connections_max=1)
    wait_until("an empty server", lambda: server.counter("connections_open") == 0)
    with RawConnection(proxied) as inside, RawConnection(proxied) as late:
        assert inside.send(LINE + upgrade(proxied, "/sub/news")).read_answer().status == 101
        assert late.send(LINE + get(proxied, "/health")).read_answer().status == 503


HAPROXY = """
global
    maxconn 100
defaults
    mode tcp
    timeout connect 5s
    timeout client 90s
    timeout server 90s
listen switchboard
    bind 127.0.0.1:{port}
    server first {upstream} {option}
"""

NGINX = """
daemon off;
pid {folder}/pid;
{load}
events {{ worker_connections 100; }}
stream {{
    server {{
        listen 127.0.0.1:{port};
        proxy_pass {upstream};
        proxy_protocol on;
    }}
}}
"""
STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"


@pytest.fixture
def front(tmp_path):
    """Starts a real proxy, and gives where it listens."""
    started = []

    def start_one(name, proxied):
        port = free_port()
        kind, _, option = name.partition(" ")
        values = {"port": port, "upstream": proxied.host, "folder": tmp_path, "option": option}
        file = tmp_path / "proxy.conf"
        if kind == "haproxy":
            file.write_text(HAPROXY.format(**values))
            command = ["haproxy", "-db", "-f", str(file)]
        else:
            has_module = os.path.exists(STREAM_MODULE)
            file.write_text(NGINX.format(load=f"load_module {STREAM_MODULE};" if has_module else "", **values))
            command = ["nginx", "-e", "stderr", "-p", str(tmp_path), "-c", str(file)]
        with open(tmp_path / "proxy.log", "wb") as log:
            env = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"}
            process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        started.append(process)

        def is_ready():
            assert process.poll() is None, (tmp_path / "proxy.log").read_text()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_until("the proxy", is_ready)
        return types.SimpleNamespace(port=port, host=f"127.0.0.1:{port}")

    yield start_one
    for process in started:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize("name", ["haproxy send-proxy", "haproxy send-proxy-v2", "nginx"])
def test_real_proxies(behind, front, name):
    if name == "nginx":
        built = subprocess.run(["/usr/sbin/nginx", "-V"], capture_output=True, text=True, check=True).stderr
        if "--with-stream=dynamic" in built and not os.path.exists(STREAM_MODULE):
            pytest.skip("nginx has no stream module here")
    server, proxied = behind()
    through = front(name, proxied)
    with RawConnection(through, source="127.0.0.9") as client:
        client.send(get(through, "/sub/room:one", "Accept: text/event-stream", "X-Forwarded-For: 192.0.2.7"))
        client.read_until(b"\r\n\r\n")
        server.wait_for_subscribers("room:one", 1)
        host, port = client.socket.getsockname()
        assert addresses(server) == [f"{host}:{port}"]
        server.publish("room:one", "through the proxy")
        assert client.read_until(b"data: through the proxy") is not None


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--proxy-protocol-listen=127.0.0.1:7000"], "trusted_proxies"),
        (["--proxy-protocol-listen=127.0.0.1:8000", "--trusted-proxies=127.0.0.1"], "covers 127.0.0.1:8000 twice"),
        (["--proxy-protocol-listen=127.0.0.1:8001", "--trusted-proxies=127.0.0.1"], "internal_listen"),
    ],
)
def test_contradictions_are_refused(flags, sentence):
    done = run_to_end("--check-config", *flags)
    assert done.returncode == 64 and sentence in done.stderr, done.stderr


def test_the_start_up_line_says_so(behind):
    server, proxied = behind()
    assert f"http://{proxied.host} (PROXY protocol)" in server.start_up_line()
