"""`docs/identity.md`: its configuration, its token, and its clients."""

import subprocess
import sys

import pytest

from support.documents import blocks_of
from support.raw_http import RawConnection, upgrade
from test_documents import ENVIRONMENT, code_for, run_in_page, wait_for_lines

PAGE = "docs/identity.md"


def block(language):
    ((_, text),) = blocks_of(PAGE, language)
    return text


@pytest.fixture
def server(start, plane, namespaces):
    return start(plane, config=namespaces(block("toml")))


@pytest.fixture
def token():
    """What the example in Python prints."""
    done = subprocess.run(
        [sys.executable, "-c", block("python")], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_the_configuration_means_what_it_says(server, token):
    for path, status, status_with_token in [
        ("/sub/news", 101, 101),
        ("/sub/chat:a", 401, 101),
        ("/sub/room:kitchen", 401, 101),
        ("/sub/room:else", 401, 403),
        ("/sub/user:7", 401, 101),
        ("/sub/user:8", 401, 403),
    ]:
        for headers, expected in [([], status), ([f"Authorization: Bearer {token}"], status_with_token)]:
            with RawConnection(server) as connection:
                answer = connection.send(upgrade(server, path, *headers)).read_answer()
            assert answer.status == expected, (path, headers)


def test_the_command_listens_with_the_token(server, token):
    listening = subprocess.Popen(
        ["bash", "-c", code_for(block("sh"), server)],
        env={**ENVIRONMENT, "TOKEN": token}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        server.wait_for_subscribers("user:7", 1)
        server.publish("user:7", "for you")
        assert any(line == "data: for you\n" for line in listening.stdout)
    finally:
        listening.terminate()
        listening.wait(timeout=20)
        listening.stdout.close()


def test_the_page_listens_with_the_token(server, browser, token):
    browser.get(server.url("/health"))
    run_in_page(browser, f"window.token = '{token}';" + code_for(block("js"), server))
    server.wait_for_subscribers("room:kitchen", 1)
    wait_for_lines(browser, [""])
    server.publish("room:kitchen", "dinner")
    wait_for_lines(browser, ["", "dinner"])
