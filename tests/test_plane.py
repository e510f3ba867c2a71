"""Which plane runs where, and that epoll needs nothing of io_uring."""

import signal
import subprocess
import sys

import pytest

from conftest import PLANES
from support import seccomp
from support.raw_websocket import TEXT, RawWebSocket
from support.server import run_to_end

needs_io_uring = pytest.mark.skipif("io_uring" not in PLANES, reason="only epoll is to be tested")

IO_URING_SETUP = "import ctypes; print(ctypes.CDLL(None, use_errno=True).syscall(425, 0, 0))"


def serves(server):
    """Subscribes, publishes and gets it, on every shard."""
    clients = [RawWebSocket(server, "/sub/news") for _ in range(8)]
    assert server.subscribers("news") == 8
    server.publish("news", "hello")
    for client in clients:
        client.expect(TEXT, b"hello")
        client.expect_alive()
        client.close()


def test_the_sandbox_itself():
    """Without this the tests below could pass for nothing."""
    command = [sys.executable, "-c", IO_URING_SETUP]
    killed = subprocess.run([*seccomp.wrapper("kill"), *command], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGSYS
    refused = subprocess.run([*seccomp.wrapper("eperm"), *command], capture_output=True, check=False)
    assert refused.stdout.strip() == b"-1"


def test_epoll_makes_no_io_uring_call(start, shards):
    """It would be killed at the first one."""
    server = start("epoll", shards, wrapper=seccomp.wrapper("kill"))
    assert "plane epoll (as configured)" in server.start_up_line()
    serves(server)


def test_auto_falls_back_and_says_why(start, shards):
    server = start("auto", shards, wrapper=seccomp.wrapper("eperm"))
    line = server.start_up_line()
    assert "plane epoll" in line and "io_uring" in line, line
    assert "seccomp" in line or "EPERM" in line or "not permitted" in line, line
    serves(server)


def test_io_uring_where_it_is_forbidden():
    """Only `auto` falls back; with `io_uring` the server says why it cannot run."""
    done = run_to_end(
        "--plane=io_uring", "--listen=127.0.0.1:0", "--internal-listen=127.0.0.1:0",
        wrapper=seccomp.wrapper("eperm"),
    )  # fmt: skip
    assert done.returncode == 69, done
    assert "io_uring cannot run here" in done.stderr, done.stderr
    assert "panicked" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3, done.stderr


@needs_io_uring
def test_io_uring(start, shards):
    server = start("io_uring", shards)
    assert "plane io_uring with " in server.start_up_line()
    assert "the self-test saw that a closed direct descriptor is" in server.start_up_line()
    serves(server)


@needs_io_uring
def test_io_uring_with_process_descriptors(start, shards):
    """As on kernels that release closed direct descriptors late."""
    server = start("io_uring", shards, io_uring_descriptors="process")
    assert "plane io_uring with process descriptors (as configured)" in server.start_up_line()
    serves(server)
    server.wait_for_subscribers("news", 0)
    before = server.descriptors()
    clients = [RawWebSocket(server, "/sub/news") for _ in range(50)]
    # The connection that asked for the subscribers may have been one of those before.
    assert server.descriptors() >= before + 49
    for client in clients:
        client.close()
    server.wait_for_subscribers("news", 0)
    assert server.descriptors() <= before + 2


@needs_io_uring
def test_process_descriptors_bound_the_connections(start):
    """`--check-config` knows it before the first client does."""
    for flags, bound in [((), False), (("--io-uring-descriptors=process",), True)]:
        done = run_to_end("--check-config", "--plane=io_uring", *flags)
        if "direct descriptors" in done.stdout or bound:
            assert ("ulimit -n" in done.stdout.split("What follows")[1]) == bound, done.stdout


@needs_io_uring
def test_auto_takes_io_uring(start):
    server = start("auto")
    assert "plane io_uring" in server.start_up_line()
    serves(server)


@needs_io_uring
def test_check_config_knows_the_plane():
    done = run_to_end("--check-config", wrapper=seccomp.wrapper("eperm"))
    assert done.returncode == 0, done.stderr
    planes = [line for line in done.stdout.splitlines() if line.startswith("# plane:")]
    assert len(planes) == 1 and "epoll" in planes[0] and "cannot run here" in planes[0], planes


@needs_io_uring
def test_direct_descriptors(start):
    """On io_uring a connection takes no descriptor of the process."""
    server = start("io_uring")
    if "with direct descriptors" not in server.start_up_line():
        pytest.skip(server.start_up_line())
    before = server.descriptors()
    clients = [RawWebSocket(server, "/sub/news") for _ in range(50)]
    assert server.descriptors() < before + 10
    for client in clients:
        client.close()


def test_descriptors_are_given_back(start, plane):
    server = start(plane)
    for _ in range(2):
        RawWebSocket(server, "/sub/news").close()
    before = server.descriptors()
    for _ in range(300):
        RawWebSocket(server, "/sub/news").close()
    server.wait_for_subscribers("news", 0)
    assert server.descriptors() <= before + 2
