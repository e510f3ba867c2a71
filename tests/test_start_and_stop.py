"""Starts that must fail clearly or succeed for certain, and stops that nothing may hold up."""

import contextlib
import os
import signal
import socket
import subprocess
import time

import pytest

from support.ports import free_port
from support.raw_websocket import TEXT, RawWebSocket
from support.server import BINARY, Server, clean_environment, flags, run_to_end

UNAVAILABLE = 69


def limited(descriptors):
    """A wrapper that gives the program so few descriptors."""
    return ["prlimit", f"--nofile={descriptors}:{descriptors}"]


def start_program(plane, stderr, public=None, internal=None, **keys):
    public = public or free_port()
    # The public port is not bound yet, so it may be found again.
    internal = internal or next(port for port in iter(free_port, None) if port != public)
    chosen = {
        "listen": f"127.0.0.1:{public}", "internal_listen": f"127.0.0.1:{internal}",
        "plane": plane, "cores": 1, **keys,
    }  # fmt: skip
    process = subprocess.Popen(
        [str(BINARY), *flags(chosen)],
        env=clean_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
    )  # fmt: skip
    process.port, process.internal_port = public, internal
    return process


class Attached(Server):
    """A server that a test started itself."""

    def __init__(self, process):
        self.process, self.port, self.internal_port = process, process.port, process.internal_port
        self.terminating = False
        assert self._wait_until_ready(), f"ended with {process.returncode}"

    def output(self):
        return ""


def full_pipe():
    """Both ends of a pipe that takes nothing more."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    return reader, writer


def closed_pipe():
    reader, writer = os.pipe()
    os.close(reader)
    return None, writer


def full_device():
    return None, os.open("/dev/full", os.O_WRONLY)


@pytest.mark.parametrize("stderr", [full_pipe, closed_pipe, full_device])
def test_standard_error_holds_nothing_up(plane, stderr):
    """Neither the service nor the stop, although every connection is logged."""
    reader, writer = stderr()
    process = start_program(plane, writer, log="trace")
    os.close(writer)
    try:
        server = Attached(process)
        for _ in range(50):
            client = RawWebSocket(server, "/sub/news")
            server.publish("news", "hello")
            client.expect(TEXT, b"hello")
            client.close()
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 3
    finally:
        process.kill()
        process.wait()
        if reader is not None:
            os.close(reader)


@pytest.mark.parametrize("stderr", [full_pipe, closed_pipe, full_device])
def test_a_failed_start_ends_whatever_standard_error_is(plane, stderr):
    reader, writer = stderr()
    with contextlib.closing(holder := held_port()):
        process = start_program(plane, writer, public=holder.getsockname()[1])
        os.close(writer)
        try:
            assert process.wait(10) == UNAVAILABLE
        finally:
            process.kill()
            process.wait()
            if reader is not None:
                os.close(reader)


def held_port():
    return socket.create_server(("127.0.0.1", 0))


@pytest.mark.parametrize("argument", ["--help", "--check-config", "--version", "--wrong"])
def test_output_that_nobody_takes(argument):
    """`| true` is no error, and never a panic."""
    for out in (closed_pipe, full_device):
        _, writer = out()
        done = subprocess.run(
            [str(BINARY), argument], env=clean_environment(), stdout=writer, stderr=writer,
            stdin=subprocess.DEVNULL, check=False, timeout=20,
        )  # fmt: skip
        os.close(writer)
        assert done.returncode in ((64,) if argument == "--wrong" else (0, 74)), done


def test_of_two_that_start_together_one_serves(plane):
    """Their internal ports differ, so that only the public one can tell."""
    for _ in range(10):
        port = free_port()
        both = [start_program(plane, subprocess.PIPE, public=port) for _ in range(2)]
        try:
            deadline = time.monotonic() + 10
            while all(process.poll() is None for process in both):
                assert time.monotonic() < deadline, "both run"
                time.sleep(0.01)
            lost, won = sorted(both, key=lambda process: process.poll() is None)
            assert lost.returncode == UNAVAILABLE
            assert b"another program listens there" in lost.stderr.read()
            Attached(won).stop()
        finally:
            for process in both:
                process.kill()
                process.wait()
                process.stderr.close()


def test_restart_right_after_a_kill(plane):
    ports = {"public": free_port(), "internal": free_port()}
    process = start_program(plane, subprocess.DEVNULL, **ports)
    try:
        for _ in range(5):
            server = Attached(process)
            client = RawWebSocket(server, "/sub/news")
            process.send_signal(signal.SIGKILL)
            again = start_program(plane, subprocess.DEVNULL, **ports)
            process.wait()
            process = again
            client.close()
        Attached(process).stop()
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("descriptors", [12, 16, 20, 24, 32, 48, 64, 100, 150, 200, 300, 1024])
def test_few_descriptors_are_refused_or_suffice(start, plane, descriptors):
    """It says what is missing, or every shard serves: never a part of them."""
    addresses = [f"--listen=127.0.0.1:{free_port()}", f"--internal-listen=127.0.0.1:{free_port()}"]
    checked = run_to_end(
        "--check-config", f"--plane={plane}", "--cores=2", *addresses, wrapper=limited(descriptors)
    )
    assert checked.returncode == 0, checked.stderr
    if "cannot start: only" in checked.stdout or "# plane: none" in checked.stdout:
        done = run_to_end(
            f"--plane={plane}", "--cores=2", *addresses, wrapper=limited(descriptors)
        )
        assert done.returncode == UNAVAILABLE, done
        assert "ulimit -Hn" in done.stderr or "io_uring cannot run" in done.stderr, done.stderr
        assert "listening on" not in done.stderr and descriptors < 512
        return
    server = start(plane, 2, wrapper=limited(descriptors))
    assert descriptors > 64
    clients = [RawWebSocket(server, f"/sub/c{number}") for number in range(16)]
    for number, client in enumerate(clients):
        server.publish(f"c{number}", "hello")
        client.expect(TEXT, b"hello")
        client.close()


def test_few_descriptors_are_warned_of(start):
    server = start("epoll", wrapper=limited(700))
    assert "ulimit -n" in server.output() and "WARN" in server.output(), server.output()
