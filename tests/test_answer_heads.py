"""The head of every answer is bounded, however many channels, gaps and long names there are."""

import re
import urllib.parse

import pytest

from support.event_stream import EventStream
from support.polling import gaps_of
from support.raw_http import RawConnection, get, upgrade
from support.v1 import V1

HEAD_BYTES_MAX = 4_000


@pytest.fixture
def server(everywhere):
    return everywhere


def asked(server, request):
    """The answer and the length of its head."""
    with RawConnection(server) as connection:
        connection.send(request)
        head = connection.read_until(b"\r\n\r\n") + b"\r\n\r\n"
        connection.buffer[:0] = head
        return connection.read_answer(), len(head)


def read_gaps(answer):
    """The gaps that are told, and how many more there are."""
    text = answer.header("Switchboard-Gap") or ""
    told, found, more = text.partition("*; more=")
    told = [gap for gap in told.split(", ") if gap]
    return told, int(more) if found else 0


@pytest.mark.parametrize("count", [3, 110, 128])
@pytest.mark.parametrize("name", ["room:{:05}", "{}\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4"])
def test_after_a_restart(server, channel, count, name):
    """Every channel has a gap, and the answer says so in what a proxy takes."""
    names = [f"{channel}-{name.format(n)}" for n in range(count)]
    path = "/sub/" + ",".join(urllib.parse.quote(one) for one in names)
    if len(path) > 6_000:
        pytest.skip("such a request is too long")
    old = ",".join(f"aaaaaaaa-{n}" for n in range(count))
    answer, head_bytes = asked(server, get(server, path, f'If-None-Match: "{old}"'))
    assert answer.status == 304 and head_bytes <= HEAD_BYTES_MAX, head_bytes
    told, more = read_gaps(answer)
    assert told and len(told) + more == count, (told, more)
    assert told[0] == f"{urllib.parse.quote(names[0], safe=':')}; reason=epoch"

    # Where it stands now is understood, and there is no gap any more; in JSON all of them are told.
    tag = answer.header("ETag")
    answer, head_bytes = asked(server, get(server, path + "?poll=1", f"If-None-Match: {tag}"))
    assert answer.status == 304 and not gaps_of(answer) and head_bytes <= HEAD_BYTES_MAX
    headers = [f'If-None-Match: "{old}"', "Accept: application/json"]
    answer, head_bytes = asked(server, get(server, path, *headers))
    assert answer.status == 200 and head_bytes <= HEAD_BYTES_MAX
    assert answer.body.count(b'"gap":"epoch"') == count


def test_long_names_and_many_channels(server, channel):
    """A publication with the longest labels, in the last of many channels."""
    event, content_type = "\u00e4" * 60, "text/html; " + "x" * 244
    short = [f"{channel}-{n}" for n in range(127)]
    long = f"{channel}-" + "\u00e4" * ((255 - len(channel) - 1) // 2)
    quoted = urllib.parse.quote(long)
    server.publish(quoted, "the news", content_type, event)
    answer, head_bytes = asked(server, get(server, f"/sub/{quoted}?since=earliest"))
    assert answer.body == b"the news" and head_bytes <= HEAD_BYTES_MAX
    assert urllib.parse.unquote(answer.header("Switchboard-Event")) == event

    # With a gap in each: the labels, the gaps and the plain validator are too much together.
    path = f"/sub/{','.join(short)},{quoted}?gap=earliest"
    old = ",".join(["aaaaaaaa-1"] * 128)
    answer, head_bytes = asked(server, get(server, path, f'If-None-Match: "{old}"'))
    assert answer.body == b"the news" and head_bytes <= HEAD_BYTES_MAX
    told, more = read_gaps(answer)
    assert told and len(told) + more == 128
    assert urllib.parse.unquote(answer.header("Switchboard-Channel")) == long
    # The validator is the short one, read like the other: also changed, and as an id.
    tag = answer.header("ETag")
    assert re.fullmatch(r'"~[\w-]+"', tag), tag
    for header in (f"If-None-Match: {tag}", f"If-None-Match: W/{tag[:-1]}-gzip\""):
        answer, _ = asked(server, get(server, f"{path}&poll=1", header))
        assert answer.status == 304 and not gaps_of(answer)
    position = tag.strip('"')
    with V1(server, f"{path.partition('?')[0]}?since={position}") as line:
        assert line.begin() == [] and line.position.count(",") == 127
    with EventStream(server, path, f"Last-Event-ID: {position}") as stream:
        assert stream.begin()[0] == []


@pytest.mark.parametrize(
    "path", ["/", "/health", "/nothing", "/sub/%00", "/sub/" + "a" * 3_000, "/sub/x?poll=" + "y" * 3_000]
)
def test_other_answers(server, path):
    origin = "Origin: https://" + "a" * 3_000
    for request in (
        get(server, path),
        get(server, path, origin),
        get(server, path).replace(b"GET", b"OPTIONS", 1),
        upgrade(server, path, "Sec-WebSocket-Protocol: " + ",".join(["switchboard.v1"] * 100)),
    ):
        _, head_bytes = asked(server, request)
        assert head_bytes <= HEAD_BYTES_MAX, request
