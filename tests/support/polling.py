"""Polls, long and by interval, as the documentation of nchan has a client do them.

GET; take `Last-Modified` and `Etag` of the answer; repeat with them as `If-Modified-Since` and
`If-None-Match`.
"""

import json
from email.utils import parsedate_to_datetime

from .positions import split
from .raw_http import RawConnection, get


class Poller(RawConnection):
    """One connection that is kept, and the validators of the last answer."""

    def __init__(self, server, channels, query="", headers=(), receive_buffer=None):
        super().__init__(server, receive_buffer)
        self.path = f"/sub/{channels}{'?' + query if query else ''}"
        self.headers = list(headers)
        self.validators = []
        self.position = None

    def begin(self):
        """Sends the next request and does not wait for its answer."""
        return self.send(get(self.server, self.path, *self.validators, *self.headers))

    def finish(self):
        """Reads the answer and keeps its validators."""
        answer = self.read_answer()
        if answer.status in (200, 304):
            self.position = position_of(answer)
            self.validators = [
                f"If-None-Match: {answer.header('ETag')}",
                f"If-Modified-Since: {answer.header('Last-Modified')}",
            ]
        return answer

    def poll(self):
        return self.begin().finish()

    def poll_json(self, expect=200):
        """The items of a JSON answer."""
        answer = self.poll()
        assert answer.status == expect, answer
        return items_of(answer)


def position_of(answer):
    """The position in the entity tag, which must be a strong one."""
    tag = answer.header("ETag")
    assert tag and tag[0] == tag[-1] == '"', answer
    split(tag[1:-1])
    return tag[1:-1]


def items_of(answer):
    assert answer.header("Content-Type") == "application/json", answer
    items = json.loads(answer.body)
    assert isinstance(items, list) and items, answer
    return items


def modified_s(answer):
    """`Last-Modified` in Unix seconds."""
    text = answer.header("Last-Modified")
    assert text and text.endswith(" GMT"), answer
    return int(parsedate_to_datetime(text).timestamp())


def gaps_of(answer):
    """`Switchboard-Gap` as (channel, reason, missed) of each."""
    text = answer.header("Switchboard-Gap")
    if text is None:
        return []
    return [_gap(part) for part in text.split(", ")]


def _gap(text):
    channel, *rest = text.split("; ")
    fields = dict(part.split("=", 1) for part in rest)
    assert set(fields) in ({"reason"}, {"reason", "missed"}), text
    missed = fields.get("missed")
    return channel, fields["reason"], missed and tuple(int(end) for end in missed.split("-"))
