"""Pages of other origins: allowed by configuration, and then in every way to listen."""

import pytest

from support.event_stream import EventStream
from support.raw_http import RawConnection, ask, get, upgrade

PAGE = "https://app.example.org"
STRANGER = "https://evil.example"
EXPOSED = {"ETag", "Last-Modified", "Retry-After", "Switchboard-Channel", "Switchboard-Event", "Switchboard-Gap"}


@pytest.fixture(scope="module")
def guarded(start_shared, plane):
    return start_shared(plane, allowed_origins=[PAGE])


@pytest.fixture(scope="module")
def public(start_shared, plane):
    return start_shared(plane, allowed_origins=["*"])


def names(text):
    return {name.strip() for name in text.split(",")}


def assert_allowed(answer, origin):
    """A cache must not give the answer for one origin to another, unless it is the same for all."""
    allowed = answer.header("Access-Control-Allow-Origin")
    if origin == "*":
        assert allowed == "*", answer
    else:
        assert allowed == origin and "Origin" in names(answer.header("Vary")), answer
    assert answer.header("Access-Control-Allow-Credentials") is None


@pytest.mark.parametrize("since", ["", "&since=earliest", "&since=abcd1234-5"])
def test_polls(guarded, channel, since):
    """News, nothing and gaps alike: a page must be able to read the validators of each."""
    guarded.publish(channel, "x")
    for more in ([], ["Accept: application/json"]):
        request = get(guarded, f"/sub/{channel}?poll=1{since}", f"Origin: {PAGE}", *more)
        answer = ask(guarded, request)
        assert answer.status in (200, 304)
        assert_allowed(answer, PAGE)
        assert names(answer.header("Access-Control-Expose-Headers")) >= EXPOSED


def test_event_stream(guarded, channel):
    with EventStream(guarded, f"/sub/{channel}", f"Origin: {PAGE}") as stream:
        assert_allowed(stream.head, PAGE)


def test_no_origin_no_headers(guarded, channel):
    answer = ask(guarded, get(guarded, f"/sub/{channel}?poll=1"))
    assert answer.status == 304 and answer.header("Access-Control-Allow-Origin") is None


@pytest.mark.parametrize("origin", [STRANGER, "null", f"{PAGE}.evil.example", "https://app.example.org:444"])
def test_strangers(guarded, channel, origin):
    """Refused as for WebSocket: otherwise a page could hold lines open in another's name."""
    header = f"Origin: {origin}"
    requests = [
        get(guarded, f"/sub/{channel}", header),
        get(guarded, f"/sub/{channel}?poll=1", header),
        get(guarded, f"/sub/{channel}", header, "Accept: text/event-stream"),
        get(guarded, f"/sub/{channel}", header, method="OPTIONS"),
        upgrade(guarded, f"/sub/{channel}", header),
    ]
    for request in requests:
        answer = ask(guarded, request)
        assert answer.status == 403, answer
        assert b"allowed_origins" in answer.body
        assert answer.header("Access-Control-Allow-Origin") is None


@pytest.mark.parametrize("way", ["", "?poll=1"])
def test_embeds_from_other_sites(guarded, public, channel, way):
    """An image or a script of another site has no Origin; it could only hold lines open."""
    embed = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"]
    guarded.publish(channel, "x")
    answer = ask(guarded, get(guarded, f"/sub/{channel}{way}", *embed))
    assert answer.status == 403 and b"allowed_origins" in answer.body, answer
    typed = ["Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate"]
    path = f"/sub/{channel}?poll=1&since=earliest"
    assert ask(guarded, get(guarded, path, *typed)).status == 200
    public.publish(channel, "x")
    assert ask(public, get(public, path, *embed)).status == 200


def test_own_origin(guarded, channel):
    own = f"http://{guarded.host}"
    assert ask(guarded, get(guarded, f"/sub/{channel}?poll=1", f"Origin: {own}")).status == 304
    assert ask(guarded, upgrade(guarded, f"/sub/{channel}", f"Origin: {own}")).status == 101


def test_every_origin(public, channel):
    for origin in (STRANGER, PAGE, "http://localhost:3000", "null"):
        answer = ask(public, get(public, f"/sub/{channel}?poll=1", f"Origin: {origin}"))
        assert answer.status == 304
        assert_allowed(answer, "*")
        assert ask(public, upgrade(public, f"/sub/{channel}", f"Origin: {origin}")).status == 101


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_preflight(guarded, channel, version):
    """What a browser asks before it sends If-None-Match to another origin."""
    asks = [
        f"Origin: {PAGE}",
        "Access-Control-Request-Method: GET",
        "Access-Control-Request-Headers: if-none-match,if-modified-since",
    ]
    with RawConnection(guarded) as connection:
        path = f"/sub/{channel},other"
        connection.send(get(guarded, path, *asks, method="OPTIONS", version=version))
        answer = connection.read_answer()
        assert answer.status == 204 and answer.body == b""
        assert answer.header("Content-Length") is None, "RFC 9110 section 8.6"
        assert_allowed(answer, PAGE)
        assert "GET" in names(answer.header("Access-Control-Allow-Methods"))
        allowed = names(answer.header("Access-Control-Allow-Headers").lower())
        assert allowed >= {"if-none-match", "if-modified-since", "last-event-id", "cache-control"}
        assert "authorization" in allowed
        assert int(answer.header("Access-Control-Max-Age")) == 86_400
        if version == "HTTP/1.1":
            assert connection.send(get(guarded, "/health")).read_answer().status == 200
        else:
            connection.expect_end()


def test_preflight_without_an_origin(guarded, channel):
    """Not a browser's; a plain OPTIONS says what there is."""
    answer = ask(guarded, get(guarded, f"/sub/{channel}", method="OPTIONS"))
    assert answer.status == 204 and answer.header("Access-Control-Allow-Origin") is None


APPS = [
    "file://",
    "ionic://",
    "capacitor://localhost",
    "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
    "safari-web-extension://0A1B2C3D-0000-4000-8000-00000000ABCD",
]


def test_apps_and_extensions(start, plane, channel):
    """Their origins have no host, or schemes and capitals that no web page has."""
    server = start(plane, allowed_origins=APPS)
    for origin in APPS:
        answer = ask(server, get(server, f"/sub/{channel}?poll=1", f"Origin: {origin}"))
        assert answer.status == 304
        assert_allowed(answer, origin)
        assert ask(server, upgrade(server, f"/sub/{channel}", f"Origin: {origin}")).status == 101
    for origin in ("file://other", "ionic://localhost", "capacitor://localhost:80", "null"):
        assert ask(server, upgrade(server, f"/sub/{channel}", f"Origin: {origin}")).status == 403


def test_star_stands_alone(start, plane):
    with pytest.raises(AssertionError, match="64"):
        start(plane, allowed_origins=["*", PAGE])
