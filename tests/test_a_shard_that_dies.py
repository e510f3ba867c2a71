"""A shard that breaks while the server runs: half of the service would be worse than none.

The real program is used as it is. `strace` attaches to the thread of one shard and makes the kernel
refuse every second call by which its plane asks for events, which is what a broken plane looks like.
(Not each of them: the runtime that hosts the shard waits by the same call.)
"""

import contextlib
import pathlib
import shutil
import subprocess

import pytest

from support.raw_http import RawConnection, get
from support.server import Server
from support.waiting import wait_until

CALLS = {"epoll": "epoll_wait", "io_uring": "io_uring_enter"}

# Exit codes: 71 (the system refuses something, sysexits) or the abort of a plane that cannot go on.
CODES = (71, -6)


def thread_of(server, name):
    """The id of one of the server's threads."""
    for task in pathlib.Path(f"/proc/{server.pid}/task").iterdir():
        if (task / "comm").read_text().strip() == name:
            return task.name
    raise AssertionError(f"no thread is named {name}")


def knock(server):
    """Gives the shards something to do."""
    with contextlib.suppress(OSError), RawConnection(server) as connection:
        connection.send(get(server, "/health"))


@pytest.mark.parametrize("dies", [0, 1])
def test_it_ends_the_server_with_its_reason(tmp_path, plane, shards, dies):
    if dies >= shards:
        pytest.skip("there is no such shard")
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    server = Server(tmp_path, plane=plane, cores=shards)
    server.start_up_line()  # Said when all shards run; one of them may answer before.
    call = CALLS[plane]
    command = [
        *("strace", "-qq", "-o", str(tmp_path / "trace"), "-p", thread_of(server, f"shard-{dies}")),
        *("-e", f"trace={call}", "-e", f"inject={call}:error=EBADF:when=2+2"),
    ]
    tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:

        def has_ended():
            if tracer.poll() and "not permitted" in (words := tracer.stderr.read()):
                pytest.skip(f"this process may not trace another: {words.strip()}")
            knock(server)
            return server.process.poll() is not None

        wait_until("the end of the server", has_ended)
        code, output = server.process.returncode, server.output()
        assert code in CODES, (code, output)
        assert "Bad file descriptor" in output.splitlines()[-1], output
    finally:
        server.kill()
        tracer.wait()
        tracer.stderr.close()
