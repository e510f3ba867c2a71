"""`docs/internal-api.md`: each example works, and nothing that the server has is missing there."""

import contextlib
import json
import os
import re
import subprocess
import sys

import pytest

from support.raw_websocket import RawWebSocket
from support.server import ROOT
from support.tokens import SECRET, token
from support.waiting import wait_until

DOCUMENT = (ROOT / "docs/internal-api.md").read_text()
# A command whose first line, a comment, is its name, and the answer to it.
EXAMPLE = re.compile(r"^```sh\n# (.*?)\n(.*?)^```\n\n^```http\n(.*?)^```$", re.DOTALL | re.MULTILINE)
EXAMPLES = {name: (command, answer) for name, command, answer in EXAMPLE.findall(DOCUMENT)}

KEY = "correct-horse-battery-staple"
NAMESPACES = "[namespace.chat]\npresence_list = true\n"

# What differs from one server to the next.
VARYING = [
    (re.compile(r"\b[0-9a-z]{8}-\d+\b"), "POSITION"),
    (re.compile(r"\b\d+-\d+-\d+\b"), "CONNECTION"),
    (re.compile(r"\b\d+\.\d+\.\d+\.\d+:\d+\b"), "ADDRESS"),
    (re.compile(r"^[0-9a-z]{8}$"), "EPOCH"),
    (re.compile(r"^(io_uring|epoll)$"), "PLANE"),
    (re.compile(r"^\d+\.\d+\.\d+$"), "VERSION"),
]
# Numbers that do not.
EXACT = {"status", "subscribers", "listed", "connections", "disconnected"}


@pytest.fixture(scope="module")
def guarded(start_shared, plane):
    return start_shared(plane, api_key=KEY)


@pytest.fixture(scope="module")
def api(start_shared, plane, namespaces):
    return start_shared(plane, config=namespaces(NAMESPACES), token_secret=SECRET)


def masked(text):
    for pattern, word in VARYING:
        text = pattern.sub(word, text)
    return text


def shape(value, key=None):
    """A value without what differs."""
    if isinstance(value, dict):
        return {key: shape(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner, key) for inner in value]
    if isinstance(value, str):
        return masked(value)
    return value if key in EXACT else type(value).__name__


def assert_same(expected, found):
    """`...` in an object of the document stands for the rest."""
    if isinstance(expected, dict) and "..." in expected:
        assert isinstance(found, dict)
        rest = {key: value for key, value in expected.items() if key != "..."}
        assert rest == {key: found.get(key) for key in rest}
        assert len(found) > len(rest)
    elif isinstance(expected, dict):
        assert isinstance(found, dict) and list(expected) == list(found)
        for key, value in expected.items():
            assert_same(value, found[key])
    elif isinstance(expected, list):
        assert isinstance(found, list) and len(expected) == len(found), found
        for one, other in zip(expected, found, strict=True):
            assert_same(one, other)
    else:
        assert expected == found


def read(answer):
    """Status line, headers with lower-case names, and body."""
    head, _, body = answer.replace("\r\n", "\n").partition("\n\n")
    if head.startswith("HTTP/1.1 100 "):
        return read(body)
    line, *lines = head.splitlines()
    return line, {n.lower(): v for n, v in (line.split(": ", 1) for line in lines)}, body


def compare(expected, found):
    """The status, the headers that the document names, and the body where it shows one."""
    (line, headers, body), (found_line, found_headers, found_body) = read(expected), read(found)
    assert found_line == line, found
    for name, value in headers.items():
        assert found_headers.get(name) == value, (name, found)
    if not body.strip():
        return
    kind = headers["content-type"]
    lines, found_lines = body.splitlines(), found_body.splitlines()
    assert len(lines) == len(found_lines), found
    for one, other in zip(lines, found_lines, strict=True):
        if "json" in kind:
            assert_same(shape(json.loads(one)), shape(json.loads(other)))
        else:
            digits = re.compile(r"-?\b\d+\b")
            assert digits.sub("N", masked(one)) == digits.sub("N", masked(other)), found


@contextlib.contextmanager
def subscriber(server, channel):
    with RawWebSocket(server, f"/sub/{channel}"):
        server.wait_for_subscribers(channel, 1)
        yield


@contextlib.contextmanager
def slow_client(server):
    with RawWebSocket(server, "/sub/news", receive_buffer=4_096):
        server.wait_for_subscribers("news", 1)
        for _ in range(4):
            server.publish("news", "x" * 1_000_000)
        wait_until("a slow client", lambda: json.loads(server.request("GET", "/slow")[2])["clients"])
        yield
    wait_until("no slow client", lambda: not json.loads(server.request("GET", "/slow")[2])["clients"])
    server.delete("news")


@contextlib.contextmanager
def published(server, channel):
    server.publish(channel, "something")
    yield


@contextlib.contextmanager
def user(server, sub):
    header = f"Authorization: Bearer {token(sub=sub)}"
    with RawWebSocket(server, "/sub/news", headers=[header]):
        server.wait_for_subscribers("news", 1)
        yield


# What there must be before an example is run.
BEFORE = {
    "an event, to a subscriber, answered in JSON": lambda server: subscriber(server, "sport"),
    "the connections of a user": lambda server: user(server, "7"),
    "end the connections of a user": lambda server: user(server, "7"),
    "who listens": lambda server: subscriber(server, "chat:lobby"),
    "who cannot keep up": slow_client,
    "what a channel keeps": lambda server: published(server, "news"),
    "the end of a channel": lambda server: published(server, "sport"),
}


def test_every_example_is_run():
    assert len(EXAMPLES) == DOCUMENT.count("```sh\n") == DOCUMENT.count("```http\n")
    assert not set(BEFORE) - set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(guarded, api, name):
    command, answer = EXAMPLES[name]
    server = guarded if name.startswith("with ") else api
    curl = "curl --silent --show-error --max-time 20 --noproxy '*' "
    command = command.replace("curl ", curl).replace("127.0.0.1:8001", f"127.0.0.1:{server.internal_port}")
    with BEFORE[name](server) if name in BEFORE else contextlib.nullcontext():
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            env={**os.environ, "KEY": KEY}, capture_output=True, check=False, timeout=60,
        )  # fmt: skip
    assert done.returncode == 0, done
    compare(answer, done.stdout.decode())


def rows(heading):
    """The cells of the table under a heading."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", DOCUMENT, re.DOTALL | re.MULTILINE)[1]
    lines = [line for line in section.splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_route_and_method(api):
    methods = {}
    for path, names, _ in rows("Routes"):
        example = re.sub("{[a-z]+}", "news", path.strip("`"))
        methods.setdefault(example, set()).update(names.split(", "))
    for path, names in methods.items():
        status, headers, _ = api.request("OPTIONS", path)
        allowed = set(headers["Allow"].split(",")) - {"OPTIONS"}
        assert status == 204 and allowed - {"HEAD"} == names, (path, allowed)
        assert ("HEAD" in allowed) == ("GET" in names), path
    sentence = json.loads(api.request("GET", "/nowhere")[2])["error"]["message"]
    named = {re.sub("{[a-z]+}", "news", path) for path in re.findall(r"/[a-z]+(?:/{[a-z]+}|\.json)?", sentence)}
    assert named == set(methods)


def test_every_error_code():
    folders = ("crates/api/src", "crates/control/src", "crates/shard/src/session/api")
    source = "\n".join(file.read_text() for name in folders for file in (ROOT / name).glob("*.rs"))
    made = r'(?:bad_request|ApiError::new|Self::new)\(\s*(?:\d+,\s*)?"([a-z_]+)"'
    found = set(re.findall(made, source)) | set(re.findall(r'^const \w+: &str = "(unsupp\w+)"', source, re.M))
    found |= set(re.findall(r'^ +(?:[\d |]+|_) => "([a-z_]+)",$', source, re.M))
    # Nobody sees it: the shards answer these requests.
    found -= {"misrouted"}
    assert len(found) > 30, found
    assert {code for row in rows("Errors") for code in re.findall(r"`([a-z_]+)`", row[1])} == found


def client(language):
    """The example of a backend in this language, for a server."""
    code = re.search(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)[1]
    assert DOCUMENT.count(f"```{language}\n") == 1
    return code


@pytest.mark.parametrize("language", ["python", "js"])
def test_publishing_stream(guarded, tmp_path, language):
    """The document's own backends."""
    code = client(language).replace("127.0.0.1:8001", f"127.0.0.1:{guarded.internal_port}")
    with RawWebSocket(guarded, "/sub/news") as listener:
        if language == "python":
            command = [sys.executable, "-c", code]
        else:
            file = ROOT / "tests/node" / f"{tmp_path.name}.mjs"
            command = ["node", str(file)]
            file.write_text(code)
        try:
            done = subprocess.run(
                command, env={**os.environ, "KEY": KEY}, capture_output=True, check=False, timeout=60
            )
        finally:
            if language == "js":
                file.unlink()
        assert done.returncode == 0, done
        positions = done.stdout.decode().split()
        assert len(positions) == 3 and positions == sorted(positions), positions
        for number in range(3):
            listener.expect(1, f"number {number}".encode())
