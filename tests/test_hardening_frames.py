"""Wrong frames, by the rows of the table of known attacks (docs of the project name them).

Each gets the exact close code, the server lives, and another client notices nothing.
"""

import os
import socket
import struct
import time

import pytest

from support.raw_websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Bystander,
    RawWebSocket,
    close_frame,
    frame,
    header,
    mask_bytes,
)

PROTOCOL, INVALID_PAYLOAD, TOO_BIG = 1002, 1007, 1009
ECHO_MAX = 16 << 20
SUBSCRIBER_MAX = 65_536
KEY = b"\x01\x02\x03\x04"


@pytest.fixture(scope="module")
def bystander(shared):
    watcher = Bystander(shared)
    yield watcher
    watcher.close()


@pytest.fixture(autouse=True)
def undisturbed(shared, bystander):
    """After each test the bystander still gets what is published, and new clients are served."""
    yield
    bystander.check()
    assert shared.alive()


def fails(server, path, data, code):
    """These bytes end the connection with this code."""
    with RawWebSocket(server, path) as client:
        client.send(data)
        client.expect_failed(code)


PATHS = ["/echo", "/sub/demo:frames"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, CLOSE], ids=["text", "binary", "ping", "close"])
@pytest.mark.parametrize("length", [2**63, 2**63 + 1, 2**64 - 1, 2**64 - 9])
def test_row_01_length_with_the_top_bit(shared, path, opcode, length):
    fails(shared, path, header(opcode, length, form=64) + KEY, PROTOCOL)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("length", [2**63 - 1, 2**62, 2**32, 2**31])
def test_row_01_length_beyond_the_limit(shared, path, length):
    fails(shared, path, header(BINARY, length, form=64) + KEY, TOO_BIG)
    fails(shared, path, header(PING, length, form=64) + KEY, PROTOCOL)


@pytest.mark.parametrize(
    ("path", "limit"), [("/echo", ECHO_MAX), ("/sub/demo:frames", SUBSCRIBER_MAX)]
)
def test_row_01_the_limit_itself(shared, path, limit):
    message = os.urandom(limit)
    with RawWebSocket(shared, path) as client:
        client.send(frame(BINARY, message))
        client.expect(BINARY, message)
    # The header alone decides, not a byte of payload is awaited.
    fails(shared, path, header(BINARY, limit + 1) + KEY, TOO_BIG)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("form", "length"), [(16, 0), (16, 1), (16, 125), (64, 0), (64, 125), (64, 126), (64, 65_535)]
)
def test_row_02_length_not_in_its_shortest_form(shared, path, form, length):
    fails(shared, path, frame(BINARY, bytes(length), form=form), PROTOCOL)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, PONG, CLOSE])
def test_row_17_not_masked(shared, path, opcode):
    fails(shared, path, frame(opcode, b"\x03\xe8", mask=False), PROTOCOL)
    # It is known from the second byte.
    fails(shared, path, header(opcode, 2, mask=False), PROTOCOL)


@pytest.mark.parametrize("key", [bytes(4), b"\xff" * 4, b"\x00\x00\x00\x01"])
def test_row_17_odd_keys(shared, key):
    with RawWebSocket(shared, "/echo") as client:
        for length in (0, 1, 3, 4, 5, 125, 126, 1_000):
            message = os.urandom(length)
            client.send(frame(BINARY, message, key=key)).expect(BINARY, message)


def test_row_17_unmasking_at_every_alignment_and_length(shared):
    with RawWebSocket(shared, "/echo") as client:
        noise = os.urandom(400)
        for shift in range(64):
            # The ping in front moves all frames behind it in the receive buffer.
            messages = [noise[shift : shift + length] for length in range(301)]
            client.send(
                frame(PING, noise[:shift]) + b"".join(frame(BINARY, message) for message in messages)
            )
            client.expect(PONG, noise[:shift])
            for message in messages:
                client.expect(BINARY, message)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE], ids=["ping", "pong", "close"])
def test_row_18_control_frames(shared, path, opcode):
    body = b"\x03\xe8"
    fails(shared, path, frame(opcode, body, fin=False), PROTOCOL)
    for length in (126, 127, 65_535, 65_536):
        fails(shared, path, header(opcode, length) + KEY, PROTOCOL)
    for rsv in range(1, 8):
        fails(shared, path, frame(opcode, body, rsv=rsv), PROTOCOL)


@pytest.mark.parametrize("path", PATHS)
def test_row_18_reserved_bits_and_opcodes(shared, path):
    for rsv in range(1, 8):
        fails(shared, path, frame(TEXT, b"x", rsv=rsv), PROTOCOL)
        fails(shared, path, frame(TEXT, b"x", fin=False) + frame(CONTINUATION, b"x", rsv=rsv), PROTOCOL)
    for opcode in (*range(3, 8), *range(11, 16)):
        for fin in (True, False):
            fails(shared, path, frame(opcode, b"x", fin=fin), PROTOCOL)


@pytest.mark.parametrize("path", PATHS)
def test_row_18_fragments_out_of_order(shared, path):
    fails(shared, path, frame(CONTINUATION, b"x"), PROTOCOL)
    fails(shared, path, frame(CONTINUATION, b"x", fin=False), PROTOCOL)
    fails(shared, path, frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), PROTOCOL)
    fails(shared, path, frame(TEXT, b"x", fin=False) + frame(BINARY, b"y", fin=False), PROTOCOL)


def test_row_18_control_frames_between_fragments(shared):
    with RawWebSocket(shared, "/echo") as client:
        client.send(
            frame(TEXT, b"a", fin=False) + frame(PING, b"1") + frame(CONTINUATION, b"b", fin=False)
            + frame(PONG, b"2") + frame(PING, b"3") + frame(CONTINUATION, b"c")
        )  # fmt: skip
        client.expect(PONG, b"1")
        client.expect(PONG, b"3")
        client.expect(TEXT, b"abc")


@pytest.mark.parametrize("path", PATHS)
def test_row_19_close_codes(shared, path):
    for code in (1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4999):
        with RawWebSocket(shared, path) as client:
            client.send(close_frame(code, b"bye")).expect_close(code)
    with RawWebSocket(shared, path) as client:
        client.send(close_frame()).expect_close(None)
    for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535):
        fails(shared, path, close_frame(code), PROTOCOL)
    fails(shared, path, frame(CLOSE, b"\x03"), PROTOCOL)


@pytest.mark.parametrize("path", PATHS)
def test_row_19_close_reason(shared, path):
    with RawWebSocket(shared, path) as client:
        client.send(close_frame(1000, ("ü" * 61).encode())).expect_close(1000)
    for reason in (b"\xff", b"ok\xc3", b"\xed\xa0\x80"):
        fails(shared, path, close_frame(1000, reason), INVALID_PAYLOAD)


@pytest.mark.parametrize("path", PATHS)
def test_row_19_data_after_close_is_ignored(shared, path):
    with RawWebSocket(shared, path) as client:
        client.send(close_frame(1000) + frame(TEXT, b"too late") + frame(PING, b"too late"))
        client.expect_close(1000)


@pytest.mark.alone
@pytest.mark.parametrize("reads", [True, False])
def test_row_19_our_close_is_never_answered(start, plane, reads):
    """The connection ends all the same, soon after the close timeout."""
    server = start(plane, close_timeout_ms=500)
    with RawWebSocket(server, "/sub/news") as client:
        client.send(frame(TEXT, b"publishing is not allowed here"))
        if reads:
            client.expect_close(1008, ends=False)
        started = time.monotonic()
        try:
            while client.fill():
                pass
        except ConnectionResetError:
            pass
        assert time.monotonic() - started < 4
    server.wait_for_subscribers("news", 0)


BAD_UTF8 = {
    "lone continuation": b"\x80",
    "overlong slash": b"\xc0\xaf",
    "overlong NUL": b"\xe0\x80\x80",
    "overlong four": b"\xf0\x80\x80\xaf",
    "surrogate": b"\xed\xa0\x80",
    "last surrogate": b"\xed\xbf\xbf",
    "beyond the last": b"\xf4\x90\x80\x80",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "never a byte": b"\xfe",
    "cut off": "€".encode()[:2] + b"x",
}


@pytest.mark.parametrize("bad", BAD_UTF8.values(), ids=BAD_UTF8.keys())
def test_row_20_invalid_text(shared, bad):
    text = "grüße ".encode() + bad + b" more"
    fails(shared, "/echo", frame(TEXT, text), INVALID_PAYLOAD)
    fails(shared, "/sub/demo:utf8", frame(TEXT, text), INVALID_PAYLOAD)
    for at in range(len(text) + 1):
        first, rest = text[:at], text[at:]
        fragments = frame(TEXT, first, fin=False) + frame(CONTINUATION, rest)
        fails(shared, "/echo", fragments, INVALID_PAYLOAD)


@pytest.mark.parametrize("bad", BAD_UTF8.values(), ids=BAD_UTF8.keys())
def test_row_20_fails_at_the_first_wrong_byte(shared, bad):
    """In the middle of a message and of a frame, without waiting for their ends."""
    fails(shared, "/echo", frame(TEXT, b"ok", fin=False) + frame(CONTINUATION, bad, fin=False), 1007)
    with RawWebSocket(shared, "/echo") as client:
        client.send(header(TEXT, 10_000) + KEY + mask_bytes(b"good" + bad, KEY))
        client.expect_failed(INVALID_PAYLOAD)


def test_row_20_incomplete_at_the_end(shared):
    for text in ("€".encode()[:2], "😀".encode()[:3], b"x\xc3"):
        fails(shared, "/echo", frame(TEXT, text), INVALID_PAYLOAD)
        fails(shared, "/echo", frame(TEXT, text, fin=False) + frame(CONTINUATION), INVALID_PAYLOAD)


def test_row_20_good_text_in_every_split(shared):
    text = "aé€😀\U0010ffff\ud7ff\ue000".encode()
    with RawWebSocket(shared, "/echo") as client:
        for at in range(len(text) + 1):
            client.send(frame(TEXT, text[:at], fin=False) + frame(CONTINUATION, text[at:]))
            client.expect(TEXT, text)


def test_row_05_one_byte_in_each_segment(shared):
    """The same answer as in one piece, for every byte of every kind of frame."""
    data = frame(TEXT, "ä€".encode(), fin=False) + frame(PING, b"p") + frame(CONTINUATION, b"c")
    data += frame(BINARY, bytes(300)) + close_frame(1000, b"bye")
    with RawWebSocket(shared, "/echo") as client:
        for at in range(len(data)):
            client.send(data[at : at + 1])
            time.sleep(0.0005)
        client.expect(PONG, b"p")
        client.expect(TEXT, "ä€c".encode())
        client.expect(BINARY, bytes(300))
        client.expect_close(1000)


def test_reset_in_the_middle(shared):
    """Connections that vanish with a reset, at any point of a frame."""
    whole = frame(BINARY, bytes(1_000))
    for at in range(0, len(whole), 50):
        client = RawWebSocket(shared, "/echo")
        client.send(whole[:at])
        linger = struct.pack("ii", 1, 0)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        client.close()
