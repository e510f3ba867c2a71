"""Whose a request is that a proxy passed on."""

import json

import pytest

from support.raw_http import RawConnection, get, upgrade
from support.server import run_to_end

# What subscribers may be listed by: their addresses are shown there.
LISTED = "[namespace.room]\npresence_list = true\n"
PROXY = "127.0.0.1"


@pytest.fixture
def behind(start, plane, namespaces):
    """Starts a server behind a trusted proxy at 127.0.0.1, which a test plays."""

    def start_one(**keys):
        return start(plane, config=namespaces(LISTED), trusted_proxies=[f"{PROXY},127.1.0.0/16"], **keys)

    return start_one


def addresses(server, channel):
    """The addresses of those who listen, without their ports."""
    status, _, body = server.request("GET", f"/subscribers/{channel}")
    assert status == 200, body
    return sorted(entry["address"].rpartition(":")[0] for entry in json.loads(body)["list"])


def listen(server, channel, *headers, source=PROXY):
    """An event stream, on a connection that stays open."""
    connection = RawConnection(server, source=source)
    connection.send(get(server, f"/sub/{channel}", "Accept: text/event-stream", *headers))
    connection.read_until(b"\r\n\r\n")
    return connection


def seen(server, *headers, source=PROXY):
    """The address that the server sees in a request with these headers."""
    with listen(server, "room:one", *headers, source=source):
        server.wait_for_subscribers("room:one", 1)
        (address,) = addresses(server, "room:one")
    server.wait_for_subscribers("room:one", 0)
    return address


def test_the_client_is_the_first_untrusted_hop_from_the_right(behind):
    server = behind()
    for headers, expected in [
        ((), PROXY),
        (["X-Forwarded-For: 192.0.2.1"], "192.0.2.1"),
        (["X-Forwarded-For: 1.2.3.4, 192.0.2.1, 127.1.2.3"], "192.0.2.1"),
        (["X-Forwarded-For: 1.2.3.4", "x-forwarded-for: 192.0.2.1:99", "X-Forwarded-For: 127.1.2.3"], "192.0.2.1"),
        (["X-Forwarded-For: [2001:db8::1]:99"], "[2001:db8::1]"),
        (["X-Forwarded-For: 2001:db8::1"], "[2001:db8::1]"),
        (["X-Forwarded-For: 192.0.2.1, garbage, 127.1.2.3"], "127.1.2.3"),
        (["X-Forwarded-For: garbage"], PROXY),
        (["Forwarded: for=192.0.2.1"], PROXY),
    ]:
        assert seen(server, *headers) == expected, headers


def test_only_the_header_of_the_configuration_is_read(behind):
    server = behind(forwarded_header="forwarded")
    for headers, expected in [
        (["X-Forwarded-For: 192.0.2.1"], PROXY),
        (["X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.2"], "192.0.2.2"),
        (['Forwarded: for=1.2.3.4, For="[2001:db8::1]:99";proto=https, for=127.1.2.3'], "[2001:db8::1]"),
        # A client's open quote does not hide what its proxy appends.
        (['Forwarded: for=", for=192.0.2.1'], "192.0.2.1"),
        (["Forwarded: for=unknown"], PROXY),
    ]:
        assert seen(server, *headers) == expected, headers


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded"])
def test_strangers_are_not_believed(behind, header):
    server = behind(forwarded_header=header)
    for line in ("X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1", "X-Forwarded-For: 127.0.0.1"):
        assert seen(server, line, source="127.0.0.2") == "127.0.0.2"


def test_without_trusted_proxies_nobody_is_believed(start, plane, namespaces):
    server = start(plane, config=namespaces(LISTED))
    assert seen(server, "X-Forwarded-For: 192.0.2.1") == PROXY


def test_each_request_of_a_proxys_connection_has_its_own_client(behind):
    """A proxy uses one connection for one client after another."""
    server = behind()
    with RawConnection(server) as upstream:
        for header, expected in [
            ("X-Forwarded-For: 192.0.2.1", "192.0.2.1"),
            ("X-Forwarded-For: 192.0.2.2", "192.0.2.2"),
            ("X-Nothing: of a client", PROXY),
            ("X-Forwarded-For: 192.0.2.1", "192.0.2.1"),
        ]:
            upstream.send(get(server, "/sub/room:polls", header))
            server.wait_for_subscribers("room:polls", 1)
            assert addresses(server, "room:polls") == [expected]
            server.publish("room:polls", expected)
            assert upstream.read_answer().body == expected.encode()
        # And it ends as a WebSocket.
        upstream.send(upgrade(server, "/sub/room:polls", "X-Forwarded-For: 192.0.2.3"))
        assert upstream.read_answer().status == 101
        assert addresses(server, "room:polls") == ["192.0.2.3"]


@pytest.mark.parametrize(
    ("flag", "sentence"),
    [
        ("--trusted-proxies=10.0.0.0/33", "networks or addresses such as 10.0.0.0/8"),
        ("--trusted-proxies=proxy.example.org", "networks or addresses such as 10.0.0.0/8"),
        ("--trusted-proxies=10.0.0.1/8", "write 10.0.0.0/8"),
        ("--forwarded-header=x-real-ip", "must be one of: x-forwarded-for, forwarded"),
    ],
)
def test_what_is_no_network_is_refused(flag, sentence):
    done = run_to_end("--check-config", flag)
    assert done.returncode == 64 and sentence in done.stderr, done.stderr


def test_networks_and_addresses_are_shown_as_networks():
    done = run_to_end("--check-config", "--trusted-proxies=10.0.0.0/8,192.0.2.7,fd00::/8")
    assert 'trusted_proxies = ["10.0.0.0/8", "192.0.2.7/32", "fd00::/8"]' in done.stdout, done.stderr
