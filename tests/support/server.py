"""One real server process: started on free ports, watched, stopped."""

import json
import os
import pathlib
import signal
import subprocess
import time
import urllib.error
import urllib.request

from .ports import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("SWITCHBOARD_BIN", ROOT / "target/release/switchboard"))

# Tests talk to this machine only, whatever proxy the environment names.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

# A start on another port is tried only for this: the port was taken between the look and the bind.
UNAVAILABLE = 69
STARTS_MAX = 5
READY_WITHIN_S = 15
STOPPED_WITHIN_S = 15


def clean_environment():
    """The environment of this process without keys of a server: a test says them all itself."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SWITCHBOARD_")}


def flags(keys):
    """Keys of the configuration as flags: `connections_max=20` is `--connections-max=20`."""
    found = []
    for key, value in keys.items():
        flag = "--" + key.replace("_", "-")
        for one in value if isinstance(value, list) else [value]:
            text = str(one).lower() if isinstance(one, bool) else str(one)
            found.append(f"{flag}={text}")
    return found


def run_to_end(*arguments, env=None, wrapper=(), timeout=20):
    """Runs the program where it is expected to end by itself."""
    return subprocess.run(
        [*wrapper, str(BINARY), *arguments],
        env={**clean_environment(), **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


class Server:
    """A running server. `stop()` checks that it ends as it should; every test must reach it."""

    def __init__(self, folder, wrapper=(), env=None, port=None, **keys):
        self.folder = folder
        self.process = None
        self.terminating = False
        for attempt in range(STARTS_MAX):
            self.port = port or free_port()
            # The first is not bound yet, so it may be found again.
            self.internal_port = next(p for p in iter(free_port, None) if p != self.port)
            self.log = folder / f"server-{self.port}.log"
            chosen = {
                "listen": f"127.0.0.1:{self.port}",
                "internal_listen": f"127.0.0.1:{self.internal_port}",
                # Tests whose clients are still there at the end do not wait for them.
                "drain_ms": 0,
                **keys,
            }
            with open(self.log, "wb") as log:
                self.process = subprocess.Popen(
                    [*wrapper, str(BINARY), *flags(chosen)],
                    env={**clean_environment(), **(env or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            if self._wait_until_ready():
                return
            clash = (
                self.process.returncode == UNAVAILABLE
                and "another program listens there" in self.output()
            )
            if port or not clash or attempt + 1 == STARTS_MAX:
                raise AssertionError(
                    f"the server ended with {self.process.returncode} at start:\n{self.output()}"
                )

    def _wait_until_ready(self):
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                return False
            try:
                with _opener.open(self.url("/health"), timeout=2):
                    return True
            except (urllib.error.URLError, OSError):
                time.sleep(0.02)
        self.kill()
        raise AssertionError(f"the server was not ready in {READY_WITHIN_S} s:\n{self.output()}")

    # Where it is.

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def ws(self, path):
        return f"ws://127.0.0.1:{self.port}{path}"

    def internal(self, path):
        return f"http://127.0.0.1:{self.internal_port}{path}"

    # What backends do.

    def request(self, method, path, body=None, headers=None):
        """A request to the internal API: status, headers, body."""
        request = urllib.request.Request(
            self.internal(path), data=body, method=method, headers=headers or {}
        )
        try:
            with _opener.open(request, timeout=20) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def publish(self, channel, message, content_type="text/plain", event=None):
        """Publishes and gives the receipt."""
        body = message.encode() if isinstance(message, str) else message
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        if event is not None:
            headers["X-EventSource-Event"] = event.encode().decode("latin-1")
        status, _, answer = self.request("POST", f"/pub/{channel}", body, headers)
        assert status in (201, 202), (status, answer)
        return json.loads(answer)

    def publish_all(self, channel, messages):
        """Publishes texts in one request and gives their positions."""
        lines = "".join(json.dumps({"channel": channel, "data": text}) + "\n" for text in messages)
        headers = {"Content-Type": "application/x-ndjson"}
        status, _, answer = self.request("POST", "/pub", lines.encode(), headers)
        assert status == 200, (status, answer)
        return [json.loads(line)["position"] for line in answer.splitlines()]

    def delete(self, channel):
        """Ends a channel and its stream."""
        status, _, answer = self.request("DELETE", f"/pub/{channel}")
        assert status == 200, (status, answer)

    def counter(self, name):
        """A counter of all shards together."""
        return json.loads(self.request("GET", "/counters")[2])["total"][name]

    def subscribers(self, channel):
        """The exact number of subscribers of a channel; 0 when nobody knows it."""
        headers = {"Accept": "application/json"}
        status, _, answer = self.request("GET", f"/pub/{channel}", headers=headers)
        if status == 404:
            return 0
        assert status == 200, (status, answer)
        return json.loads(answer)["subscribers"]

    def wait_for_subscribers(self, channel, count, within_s=10):
        """Waits until exactly that many listen."""
        deadline = time.monotonic() + within_s
        while (found := self.subscribers(channel)) != count:
            assert time.monotonic() < deadline, f"{channel} has {found} subscribers, not {count}"
            time.sleep(0.02)

    # How it does.

    @property
    def pid(self):
        return self.process.pid

    def output(self):
        """Everything it wrote to standard output and standard error so far."""
        return self.log.read_text(errors="replace")

    def start_up_line(self):
        """The one line that says what runs. It comes when all listeners are open, so wait for it."""
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            lines = [line for line in self.output().splitlines() if "listening on" in line]
            if lines:
                assert len(lines) == 1, self.output()
                return lines[0]
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.02)

    def alive(self):
        """Whether it still runs and answers."""
        if self.process.poll() is not None:
            return False
        with _opener.open(self.url("/health"), timeout=5) as answer:
            return answer.status == 200

    def _status_kib(self, field):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1])
        raise AssertionError(f"no {field}")

    def resident_kib(self):
        """Physical memory of the process now. It grows in steps of 2 MiB where pages are huge."""
        return self._status_kib("VmRSS")

    def peak_kib(self):
        """The most physical memory that the process ever had."""
        return self._status_kib("VmHWM")

    def cpu_seconds(self):
        """Processor time of the process so far, user and system."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        """Number of open descriptors."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    # How it ends.

    def terminate(self):
        """Asks it to stop and does not wait."""
        # Once: a second signal ends it at once, which is no orderly stop.
        if not self.terminating:
            self.terminating = True
            self.process.send_signal(signal.SIGTERM)

    def kill(self):
        """Ends it at once; for teardown only."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def stop(self):
        """Stops it; it must end in time, with exit code 0 and without a panic."""
        if self.process.poll() is None:
            self.terminate()
        try:
            code = self.process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"still running {STOPPED_WITHIN_S} s after SIGTERM:\n{self.output()}"
            ) from None
        output = self.output()
        assert code == 0, f"exit code {code}:\n{output}"
        assert "panicked" not in output, output
