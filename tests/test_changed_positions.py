"""Positions as proxies, caches and libraries send them back: changed, in lists, under other names."""

import time

import pytest

from support.event_stream import EventStream
from support.polling import gaps_of
from support.positions import other_epoch
from support.raw_http import ask, get
from support.v1 import V1

NAMES = ["last_event_id", "lastEventId", "lastEventID", "Last-Event-ID", "last-event-id"]


@pytest.fixture
def server(everywhere):
    return everywhere


def poll(server, channel, *headers, query="poll=1"):
    return ask(server, get(server, f"/sub/{channel}?{query}", *headers))


@pytest.mark.parametrize(
    "form",
    [
        '"{}"', 'W/"{}"', 'w/"{}"', '"{}-gzip"', '"{}--gzip"', 'W/"{}-br"', '"{};gzip"', '"{}"-gzip', "{}",
        '"other", "{}"', '"{}", "other"', 'W/"a-1", W/"{}-gzip", "b"', '  "{}"  ',
    ],
)  # fmt: skip
def test_validators_that_were_changed(server, channel, form):
    """Apache's deflate, Jetty, weak ones of caches that compress, lists (RFC 9110 13.1.2)."""
    first, second = server.publish_all(channel, ["one", "two"])
    answer = poll(server, channel, f"If-None-Match: {form.format(first)}")
    assert (answer.status, answer.body) == (200, b"two"), answer
    answer = poll(server, channel, f"If-None-Match: {form.format(second)}")
    assert answer.status == 304 and answer.header("ETag") == f'"{second}"', answer
    several = f"{channel},{channel}-b"
    other = server.publish(f"{channel}-b", "three")["position"]
    answer = poll(server, several, f"If-None-Match: {form.format(f'{second},{other}')}")
    assert answer.status == 304 and not gaps_of(answer), answer


@pytest.mark.parametrize(
    "value", ["", "*", '""', '"x"', "x", '"', 'W/"', '"5d8c72a5edda8d6a:3239"', '"abcd1234-1x"', "\xff"]
)
def test_foreign_validators_count_as_absent(server, channel, value):
    first, second = server.publish_all(channel, ["one", "two"])
    header = f"If-None-Match: {value}"
    assert poll(server, channel, header).header("ETag") == f'"{second}"'
    assert poll(server, channel, header, query="since=earliest").body == b"one"
    assert poll(server, channel, header, query=f"since={first}").body == b"two"
    modified = "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT"
    assert poll(server, channel, header, modified).body == b"one"
    twice = poll(server, channel, header, f'If-None-Match: "{first}"')
    assert twice.body == b"two", "another line has ours"


@pytest.mark.parametrize("name", NAMES)
def test_names_of_a_position(server, channel, name):
    """event-source-polyfill says where it is in the query, whatever else the URL says."""
    first, second, third = server.publish_all(channel, ["one", "two", "three"])
    lost = other_epoch(third)
    for query, expected, gaps in (
        (f"{name}={first}", ["two", "three"], []),
        (f"since=earliest&{name}={second}", ["three"], []),
        (f"{name}={second}&since=earliest", ["three"], []),
        (f"since=latest&{name}={first}", ["two", "three"], []),
        (f"since={first}&{name}={second}", ["three"], []),
        (f"since={second}&{name}={first}", ["three"], []),
        (f"since={lost}&{name}={second}", ["three"], []),
        (f"{name}=&since={second}", ["three"], []),
        (f"{name}={first}&{name}={second}", ["three"], []),
        (f"since={first}&{name}={lost}&gap=earliest", ["one", "two", "three"], [(channel, "epoch", None)]),
        (f"since=earliest&{name}=17&gap=earliest", ["one", "two", "three"], [(channel, "epoch", None)]),
    ):
        with EventStream(server, f"/sub/{channel}?{query}") as stream:
            assert stream.begin()[0] == gaps, query
            stream.expect(*expected)
        with V1(server, f"/sub/{channel}?{query}") as line:
            assert line.begin() == gaps, query
            assert [line.payload() for _ in expected] == expected
        answer = poll(server, channel, query=query)
        assert (answer.status, gaps_of(answer), answer.body.decode()) == (200, gaps, expected[0])


def test_the_header_of_another_server(server, channel):
    """A gap, once: from then on the client has a position of ours."""
    position = server.publish(channel, "old")["position"]
    headers = ["Last-Event-ID: 1472717586:0"]
    with EventStream(server, f"/sub/{channel}", *headers) as stream:
        assert stream.begin()[0] == [(channel, "epoch", None)]
        assert stream.position == position
    with EventStream(server, f"/sub/{channel}", f"Last-Event-ID: {stream.position}") as stream:
        assert stream.begin()[0] == []


def test_a_kept_position_and_a_channel_more(server, channel):
    """The page asks for another channel than the one whose position it has kept."""
    position = server.publish(channel, "old")["position"]
    path = f"/sub/{channel},{channel}-b?since={position}"
    both = [(channel, "epoch", None), (f"{channel}-b", "epoch", None)]
    with V1(server, path) as line:
        assert line.begin() == both
    started = time.monotonic()
    answer = ask(server, get(server, path))
    assert (answer.status, gaps_of(answer)) == (304, both) and time.monotonic() - started < 5
