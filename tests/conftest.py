"""Fixtures: servers on both planes with one or two shards, each stopped and checked at the end."""

import itertools
import os

import pytest

from support.backend import Backend
from support.browser import open_browser
from support.server import BINARY, Server

PLANES = os.environ.get("SWITCHBOARD_TEST_PLANES", "epoll,io_uring").split(",")
CORES = len(os.sched_getaffinity(0))


def pytest_sessionstart(session):
    if not BINARY.exists():
        pytest.exit(f"{BINARY} is missing: build it, or name it in SWITCHBOARD_BIN", returncode=2)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Tests that share a server run in one process; all others run wherever there is time."""
    for item in items:
        if "start_shared" in item.fixturenames:
            params = item.callspec.params
            chosen = [f"{name}={params[name]}" for name in ("plane", "shards") if name in params]
            item.add_marker(pytest.mark.xdist_group(" ".join([item.path.stem, *chosen])))


@pytest.fixture(scope="session", params=PLANES)
def plane(request):
    """Both planes, one after the other."""
    return request.param


@pytest.fixture(scope="session", params=[1, 2], ids=["1shard", "2shards"])
def shards(request):
    """One shard, where everything is local, and two, where half of it is not."""
    if request.param > CORES:
        pytest.skip(f"this machine has {CORES} core(s)")
    return request.param


class Servers:
    """Starts servers and ends them all."""

    def __init__(self, folder):
        self.folder = folder
        self.started = []

    def __call__(self, plane, shards=1, **keys):
        # Offsets grow and need not be consecutive: with two shards, they are not.
        keys.setdefault("offset_skip_max", 3 * (shards - 1))
        server = Server(self.folder, plane=plane, cores=shards, **keys)
        self.started.append(server)
        return server

    def finish(self):
        # All are stopped before any failure is reported, so that none stays behind.
        failures = []
        for server in self.started:
            try:
                server.stop()
            except AssertionError as failure:
                failures.append(str(failure))
        assert not failures, "\n".join(failures)


@pytest.fixture
def start(tmp_path):
    """Starts a server for one test: `start("epoll", shards=2, echo=True)`."""
    servers = Servers(tmp_path)
    yield servers
    servers.finish()


@pytest.fixture(scope="module")
def start_shared(tmp_path_factory):
    """As `start`, for servers that all tests of a file share."""
    servers = Servers(tmp_path_factory.mktemp("shared"))
    yield servers
    servers.finish()


@pytest.fixture
def server(start, plane):
    """One server of its own for a test, with one shard, on each plane."""
    return start(plane)


@pytest.fixture(scope="module")
def shared(start_shared, plane):
    """One server for all tests of a file and plane, with `/echo`. They must leave it as it was."""
    # Without pings: clients that live as long as the file answer only when a test looks at them.
    return start_shared(plane, echo=True, ping_interval_ms=3_600_000)


@pytest.fixture(scope="module")
def everywhere(start_shared, plane, shards):
    """One server for all tests of a file, on each plane, with one shard and with two."""
    return start_shared(plane, shards)


_numbers = itertools.count(1)


@pytest.fixture
def channel():
    """A channel that no other test uses, for tests that share a server."""
    return f"c{next(_numbers)}"


@pytest.fixture
def room(channel):
    """The same in the namespace `room`."""
    return f"room:{channel}"


@pytest.fixture
def user(channel):
    """A user that no other test knows."""
    return f"user-{channel}"


@pytest.fixture
def serve(start, plane, shards, namespaces):
    """A server with this configuration file and these keys."""
    return lambda text="", **keys: start(plane, shards, config=namespaces(text), **keys)


@pytest.fixture
def backend():
    """Makes backends for hooks. They are stopped at the end, whatever they were doing."""
    made = []

    def make(**answers):
        made.append(Backend(**answers))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture(scope="session")
def namespaces(tmp_path_factory):
    """Writes namespaces into a configuration file: `start(plane, config=namespaces(text))`."""

    def write(text):
        file = tmp_path_factory.mktemp("config") / "switchboard.toml"
        file.write_text(text)
        return file

    return write


@pytest.fixture(scope="session")
def one_browser(tmp_path_factory):
    """One browser for all tests of this process: its start takes seconds of processor time."""
    driver = open_browser(tmp_path_factory.mktemp("chromium"))
    yield driver
    driver.quit()


@pytest.fixture
def browser(one_browser):
    """The browser, which a test may leave on any page."""
    yield one_browser
    one_browser.get("about:blank")
