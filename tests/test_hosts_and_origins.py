"""For which hosts the server answers, and which web pages may listen."""

import pytest

from support.raw_http import RawConnection, ask, get, upgrade
from support.server import run_to_end

LISTED = "push.example.org", "[2001:db8::1]", "only.example.org:8443", "tls.example.org:443"
GOOD = "https://good.example", "http://good.example:8080", "capacitor://localhost"


@pytest.fixture(scope="module")
def server(start_shared, plane):
    return start_shared(plane, allowed_hosts=list(LISTED), allowed_origins=list(GOOD))


def for_host(server, request, host):
    """The same request for another host."""
    return request.replace(f"Host: {server.host}\r\n".encode(), f"Host: {host}\r\n".encode())


def ways(server, *headers):
    """A request of each way to listen, each of which is answered at once."""
    return [
        upgrade(server, "/sub/news", *headers),
        get(server, "/sub/news", "Accept: text/event-stream", *headers),
        get(server, "/sub/news?poll=1", *headers),
    ]


def status(server, request):
    with RawConnection(server) as connection:
        head = connection.send(request).read_until(b"\r\n")
    return int(head.split()[1])


@pytest.mark.parametrize(
    "host",
    [
        "push.example.org", "PUSH.example.ORG", "push.example.org:8000", "push.example.org:",
        "[2001:db8::1]", "[2001:db8::1]:8000", "only.example.org:8443", "tls.example.org",
        "tls.example.org:443", "localhost", "LOCALHOST:1", "127.0.0.1:80", "127.9.9.9", "[::1]:8000",
    ],
)  # fmt: skip
def test_listed_hosts_and_loopback_are_answered_for(server, host):
    for request in ways(server):
        assert status(server, for_host(server, request, host)) in (101, 200, 304)
    assert status(server, for_host(server, get(server, "/"), host)) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "push.example.org.evil.example", "evilpush.example.org", "a.push.example.org",
        "push.example.org.", "only.example.org", "only.example.org:8444", "tls.example.org:8443",
        "[2001:db8::2]", "localhost.evil.example", "127.0.0.1.evil.example", "128.0.0.1", "0.0.0.0",
    ],
)  # fmt: skip
def test_other_hosts_are_misdirected(server, host):
    """As a page's request is whose name an attacker's name server points here."""
    own = f"Origin: http://{host}"
    for request in [*ways(server, own), get(server, "/"), get(server, "/nothing")]:
        answer = ask(server, for_host(server, request, host))
        assert answer.status == 421 and b"allowed_hosts" in answer.body, (request, answer)
    # A load balancer may name it as it likes.
    assert status(server, for_host(server, get(server, "/health"), host)) == 200


def test_the_authority_of_an_absolute_target_is_the_host(server):
    for host, expected in [("push.example.org", 200), ("evil.example", 421)]:
        request = get(server, f"http://{host}/")
        assert status(server, for_host(server, request, host)) == expected
    # And one that differs from the Host header is refused as before.
    request = get(server, "http://push.example.org/")
    assert status(server, for_host(server, request, "evil.example")) == 400


def test_a_request_without_a_host_is_no_browsers(server):
    assert status(server, b"GET / HTTP/1.0\r\n\r\n") == 200


def test_without_a_list_every_host_is_answered_for(start, plane):
    server = start(plane)
    assert status(server, for_host(server, get(server, "/"), "any.example")) == 200


@pytest.mark.parametrize("host", ["https://a.example", "a.example/", "a b", "u@a.example", "a:99999"])
def test_what_is_no_host_is_refused(host):
    done = run_to_end("--check-config", f"--allowed-hosts={host}")
    assert done.returncode == 64 and "must be hosts such as" in done.stderr, done.stderr


@pytest.mark.parametrize("origin", [*GOOD, None])
def test_listed_origins_may_listen(server, origin):
    headers = [] if origin is None else [f"Origin: {origin}"]
    for request in ways(server, *headers):
        assert status(server, request) in (101, 200, 304), request


@pytest.mark.parametrize(
    "origin",
    [
        "https://good.example.evil.example", "https://evilgood.example", "https://evil.good.example",
        "https://good.example:444", "https://good.example:443", "https://good.example:", "http://good.example",
        "http://good.example:8081", "https://good.example:8080", "HTTPS://good.example",
        "https://GOOD.example", "https://good.example.", "https://good.example/", "https://good.example@evil.example",
        "https://evil@good.example", "https://good.example, https://evil.example", "https://good.example#",
        "good.example", "//good.example", "null", "*", "file://", "https://good", "https://good.exampl",
        "capacitor://localhost.evil.example", "https://good.example\x00", "https://good.example%00",
    ],
)  # fmt: skip
def test_no_other_origin_may_listen(server, origin):
    for request in ways(server, f"Origin: {origin}"):
        # A NUL is no part of a header value.
        assert status(server, request) == (400 if "\x00" in origin else 403), request


def test_the_servers_own_origin_is_its_host_and_port(server):
    own = server.host
    for origin, expected in [
        (f"http://{own}", True),
        (f"https://{own}", True),
        (f"http://127.0.0.1:{server.port + 1}", False),
        ("http://127.0.0.1", False),
        (f"http://{own}.evil.example", False),
        (f"http://evil.example@{own}", False),
        (f"http://{own}@evil.example", False),
        (f"http://{own}/", False),
        (f"http://localhost:{server.port}", False),
    ]:
        for request in ways(server, f"Origin: {origin}"):
            assert (status(server, request) in (101, 200, 304)) == expected, request


def test_two_origins_are_none(server):
    for request in ways(server, f"Origin: {GOOD[0]}", f"Origin: {GOOD[0]}"):
        assert status(server, request) == 400


@pytest.mark.parametrize("mode", ["no-cors", "navigate"])
def test_pages_of_other_sites_cannot_listen_without_an_origin(server, mode):
    """As an image or a script, in a frame, or by a link."""
    headers = [f"Sec-Fetch-Mode: {mode}", "Sec-Fetch-Site: cross-site"]
    for request in ways(server, *headers):
        assert status(server, request) == 403, request
    # The page itself may be linked to, and what is typed in is nobody else's.
    assert status(server, get(server, "/", *headers)) == 200
    for site in ("none", "same-origin"):
        for request in ways(server, f"Sec-Fetch-Mode: {mode}", f"Sec-Fetch-Site: {site}"):
            assert status(server, request) in (101, 200, 304), request


def test_with_every_origin_allowed_links_are_too(start, plane):
    server = start(plane, allowed_origins="*")
    headers = ["Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: cross-site"]
    for request in ways(server, *headers):
        assert status(server, request) in (101, 200, 304), request
