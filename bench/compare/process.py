"""Processes: started on one core, watched through /proc, ended."""

import contextlib
import itertools
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Iterable

READY_WITHIN_S = 15.0
STOPPED_WITHIN_S = 10.0
LOOK_S = 0.02
TCP_LISTEN = "0A"


class Failure(Exception):
    """Why a run came to nothing."""


def clean_environment() -> dict[str, str]:
    """The environment without variables that Switchboard would read as its configuration."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SWITCHBOARD_")}


def on_cores(cores: int | str, command: list[str]) -> list[str]:
    """`cores` is one of them, or a list such as `0-1`."""
    return ["taskset", "--cpu-list", str(cores), *command]


class Process:
    """A server process with its output in a file."""

    def __init__(self, command: list[str], folder: pathlib.Path):
        self.log = folder / "server.log"
        with self.log.open("wb") as log:
            # In a session of its own, so that Ctrl-C reaches the measuring and not the measured.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                env=clean_environment(),
                start_new_session=True,
            )
        self.pid = self._process.pid

    def wait_until_listening(self, port: int) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while not is_listening(self.pid, port):
            if self._process.poll() is not None:
                raise Failure(f"the server ended with {self._process.returncode}: {self.last_words()}")
            if time.monotonic() > deadline:
                raise Failure(f"the server did not listen within {READY_WITHIN_S:g} s: {self.last_words()}")
            time.sleep(LOOK_S)

    def last_words(self) -> str:
        """The end of its output, for an error message."""
        text = self.log.read_text(errors="replace").strip()
        return text[-400:] or "it said nothing"

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def is_listening(pid: int, port: int) -> bool:
    """Whether anything listens on the port, in the network namespace of the process."""
    try:
        with open(f"/proc/{pid}/net/tcp") as table:
            return listens(table, port)
    except OSError:
        return False


def listens(table: Iterable[str], port: int) -> bool:
    """Whether the lines of /proc/net/tcp have a listener on the port. Listeners come first: the rest,
    which may be long, is not read."""
    for line in itertools.islice(table, 1, None):
        fields = line.split()
        if fields[3] != TCP_LISTEN:
            return False
        if int(fields[1].rsplit(":", 1)[1], 16) == port:
            return True
    return False


def only_child(pid: int) -> int:
    """The one child of a process: the worker of a master."""
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if len(children) == 1:
            return int(children[0])
        time.sleep(LOOK_S)
    raise Failure(f"process {pid} has no single worker")


def cpu_seconds(pid: int) -> float:
    """CPU of all threads of a process so far, user and system."""
    total_ns = 0
    # A thread may end meanwhile, and so may the process.
    with contextlib.suppress(OSError):
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                total_ns += int((task / "schedstat").read_text().split()[0])
    return total_ns / 1e9


def rss_max_bytes(pid: int) -> int:
    """The largest resident set of a process so far; 0 when it is gone."""
    with contextlib.suppress(OSError):
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0
