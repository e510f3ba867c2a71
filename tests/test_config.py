"""The command line, the environment and the file, as an operator meets them."""

import signal
import subprocess
import time

import pytest

from support.ports import free_port
from support.raw_websocket import RawWebSocket, close_frame
from support.server import BINARY, Server, clean_environment, run_to_end


def loopback():
    """Listeners for a program that is expected to end before it opens them, or at once after."""
    return [f"--listen=127.0.0.1:{free_port()}", f"--internal-listen=127.0.0.1:{free_port()}"]


def value_in_force(output, key):
    """The value of a key in `--check-config` and where it came from."""
    for line in output.splitlines():
        if line.startswith(f"{key} = "):
            value, _, origin = line.removeprefix(f"{key} = ").rpartition(" # ")
            return value, origin
    raise AssertionError(f"{key} is not in:\n{output}")


def test_help():
    done = run_to_end("--help")
    assert done.returncode == 0 and done.stderr == ""
    for word in ("--listen", "--internal-listen", "--connections-max", "--plane", "8000", "curl"):
        assert word in done.stdout, word
    short = run_to_end("-h")
    assert short.returncode == 0 and len(short.stdout) < len(done.stdout)


def test_version():
    done = run_to_end("--version")
    assert (done.returncode, done.stderr) == (0, "")
    name, version = done.stdout.split()
    assert name == "switchboard" and len(version.split(".")) == 3


def test_a_closed_pipe_is_no_error():
    """`switchboard --check-config | head -1`"""
    command = f'"{BINARY}" --check-config | head -n 1; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(
        ["bash", "-c", command], env=clean_environment(), capture_output=True, check=False, timeout=20
    )
    assert b"panicked" not in done.stderr
    assert done.returncode in (0, 128 + signal.SIGPIPE), done


def test_check_config_is_a_configuration(tmp_path):
    """What it prints can be used as the file, and then says the same values."""
    first = run_to_end("--check-config", "--ping-interval-ms=30000", "--demo=false")
    assert first.returncode == 0, first.stderr
    file = tmp_path / "switchboard.toml"
    file.write_text(first.stdout)
    second = run_to_end("--check-config", "--config", str(file))
    assert second.returncode == 0, second.stderr
    assert value_in_force(second.stdout, "ping_interval_ms") == ("30000", f"file {file}")
    for key in ("demo", "message_bytes_max", "listen", "plane", "log"):
        ours, theirs = (value_in_force(done.stdout, key)[0] for done in (first, second))
        assert ours == theirs, key


def test_check_config_says_what_follows():
    done = run_to_end("--check-config", "--connections-max=1000")
    for word in ("connections: 1000", "memory at full load", "shards", "plane"):
        assert word in done.stdout, word


def test_flag_over_environment_over_file_over_default(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text("ping_interval_ms = 11000\n")
    variable = {"SWITCHBOARD_PING_INTERVAL_MS": "12000"}
    steps = [
        ((), {}, "25000", "default"),
        (("--config", str(file)), {}, "11000", f"file {file}"),
        (("--config", str(file)), variable, "12000", "environment SWITCHBOARD_PING_INTERVAL_MS"),
        (
            ("--config", str(file), "--ping-interval-ms", "13000"),
            variable,
            "13000",
            "flag --ping-interval-ms",
        ),
        ((), {"SWITCHBOARD_CONFIG": str(file)}, "11000", f"file {file}"),
    ]
    for arguments, environment, value, origin in steps:
        done = run_to_end("--check-config", *arguments, env=environment)
        assert done.returncode == 0, done.stderr
        assert value_in_force(done.stdout, "ping_interval_ms") == (value, origin)


@pytest.mark.parametrize(
    ("file", "environment", "flags", "words"),
    [
        ("pign_interval_ms = 1", {}, [], ["pign_interval_ms", "ping_interval_ms"]),
        ("", {"SWITCHBOARD_LISTN": "x"}, [], ["SWITCHBOARD_LISTN", "SWITCHBOARD_LISTEN"]),
        ("", {}, ["--conections-max=5"], ["--conections-max", "--connections-max"]),
        ("[namespace.news]\npublsh = true", {}, [], ["publsh", "publish"]),
        ("[namespaces.news]\npublish = true", {}, [], ["namespaces", "namespace"]),
    ],
)
def test_unknown_keys_are_refused_with_the_nearest(tmp_path, file, environment, flags, words):
    path = tmp_path / "a.toml"
    path.write_text(file + "\n")
    done = run_to_end("--config", str(path), *flags, *loopback(), env=environment)
    assert done.returncode == 64, done
    for word in words:
        assert word in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--ping-interval-ms=fast"], ["ping_interval_ms", "fast", "whole number"]),
        (["--ping-interval-ms=5"], ["ping_interval_ms", "5", "1000", "3600000"]),
        (["--plane=kqueue"], ["plane", "kqueue", "auto", "io_uring", "epoll"]),
        (["--io-uring-descriptors=fixed"], ["io_uring_descriptors", "fixed", "direct", "process"]),
        (["--cores=0"], ["cores", "0", "1"]),
        (["--cores=1000"], ["cores", "1000", "cores"]),
        (["--listen=nowhere"], ["listen", "nowhere"]),
        (["--listen=127.0.0.1:99999"], ["listen", "99999"]),
        (["--demo=perhaps"], ["demo", "perhaps", "true", "false"]),
        (["--allowed-origins=https://*.example.org"], ["allowed_origins", "*"]),
        (["--allowed-origins=https://example.org/"], ["allowed_origins", "slash"]),
        (["--message-bytes-max=10000000"], ["message_bytes_max", "log_bytes_max"]),
        (["--close-timeout-ms=9000"], ["close_timeout_ms", "stop_timeout_ms"]),
        (["--pin=0", "--cores=1"], ["pin", "cores"]),
        (["--log=a=b=c"], ["log"]),
    ],
)
def test_bad_values(flags, words):
    """The message names the key, its value and what would be right."""
    listeners = [] if any(flag.startswith("--listen") for flag in flags) else loopback()
    done = run_to_end(*flags, *listeners)
    assert done.returncode == 64, done
    assert done.stdout == ""
    for word in words:
        assert word in done.stderr, done.stderr
    assert "panicked" not in done.stderr


def test_everything_wrong_is_told_at_once():
    done = run_to_end("--ping-interval-ms=5", "--plane=kqueue", "--demo=perhaps")
    assert done.returncode == 64
    for key in ("ping_interval_ms", "plane", "demo"):
        assert key in done.stderr, done.stderr


@pytest.mark.parametrize("text", ["ping_interval_ms = ", "= 5", "a = [", "\x00"])
def test_broken_file(tmp_path, text):
    path = tmp_path / "broken.toml"
    path.write_text(text)
    done = run_to_end("--config", str(path))
    assert done.returncode == 64 and "TOML" in done.stderr, done


def test_missing_file():
    done = run_to_end("--config", "/nonexistent/switchboard.toml")
    assert done.returncode == 64 and "/nonexistent/switchboard.toml" in done.stderr, done


@pytest.mark.parametrize("address", ["0.0.0.0", "10.1.2.3", "[::]"])
def test_internal_api_beyond_loopback_needs_a_key(address):
    listen = f"--internal-listen={address}:{free_port()}"
    done = run_to_end(listen, f"--listen=127.0.0.1:{free_port()}")
    assert done.returncode == 64, done
    assert "internal_listen" in done.stderr and "api_key" in done.stderr, done.stderr
    secret = "a-long-enough-secret"
    checked = run_to_end(listen, f"--api-key={secret}", "--check-config")
    assert checked.returncode == 0, checked.stderr
    assert secret not in checked.stdout + checked.stderr


def test_second_server_on_the_same_port(start, plane):
    """SO_REUSEPORT would let it take half of the clients silently."""
    server = start(plane)
    other = f"127.0.0.1:{free_port()}"
    listeners = [
        (server.host, other, "listen", server.port),
        (other, f"127.0.0.1:{server.internal_port}", "internal_listen", server.internal_port),
        (f"0.0.0.0:{server.port}", other, "listen", server.port),
    ]
    for public, internal, key, port in listeners:
        done = run_to_end(
            f"--plane={plane}", "--cores=1", f"--listen={public}", f"--internal-listen={internal}"
        )
        assert done.returncode == 69, done
        assert key in done.stderr and str(port) in done.stderr, done.stderr
        assert "another program" in done.stderr, done.stderr
    assert server.alive()


def test_restart_on_the_same_port(tmp_path, plane):
    """At once, with connections that the old one closed still in TIME_WAIT."""
    keys = {"plane": plane, "cores": 1}
    first = Server(tmp_path, **keys)
    try:
        client = RawWebSocket(first, "/sub/news")
        first.terminate()
        client.expect_close(1001, ends=False)
        client.send(close_frame(1001)).expect_end()
        client.close()
        first.stop()
        again = Server(tmp_path, port=first.port, **keys)
    finally:
        first.kill()
    again.stop()


def test_port_0_is_told(tmp_path):
    """Each listener gets a port, and the start-up line says which."""
    log = tmp_path / "log"
    with open(log, "wb") as out:
        process = subprocess.Popen(
            [str(BINARY), "--listen=127.0.0.1:0", "--internal-listen=127.0.0.1:0", "--plane=epoll"],
            env=clean_environment(), stderr=out, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        wait_for_line(log, "listening on http://127.0.0.1:", process)
        line = next(found for found in log.read_text().splitlines() if "listening on" in found)
        ports = [int(part.split(":")[-1].rstrip(";,")) for part in line.split() if "127.0.0.1:" in part]
        assert len(ports) == 2 and all(port > 0 for port in ports), line
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(10)
    assert code == 0, "SIGINT stops it in order"


def wait_for_line(log, text, process):
    deadline = time.monotonic() + 10
    while text not in log.read_text(errors="replace"):
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)


def test_warning_about_demo(start):
    assert "demo" in start("epoll").start_up_line()
    assert "demo" not in start("epoll", demo=False).start_up_line()


def test_log_level(start):
    quiet = start("epoll", log="error")
    assert quiet.output() == ""


HOOKS = """
[hook.connect]
url = "http://127.0.0.1:9/connect"
headers = ["Cookie"]
static_headers = { Authorization = "Bearer hush-hush" }
secret = "never-shown-to-anybody"

[hook.events]
url = "https://backend.example/events"
events = ["occupied", "vacated"]
"""


def test_backends_are_shown_without_their_secrets(tmp_path):
    file = tmp_path / "hooks.toml"
    file.write_text(HOOKS)
    done = run_to_end("--check-config", "--config", str(file))
    assert done.returncode == 0, done.stderr
    for line in (
        "[hook.connect]",
        'url = "http://127.0.0.1:9/connect"',
        'headers = ["cookie"]',
        "# static_headers is set and not shown",
        "# secret is set and not shown",
        "[hook.events]",
        'events = ["occupied", "vacated"]',
    ):
        assert line in done.stdout.splitlines(), line
    assert "hush-hush" not in done.stdout and "never-shown" not in done.stdout
    again = tmp_path / "again.toml"
    again.write_text(done.stdout)
    assert run_to_end("--check-config", "--config", str(again)).returncode == 0


@pytest.mark.parametrize(
    "written, said",
    [
        ('[hook.conect]\nurl = "http://a/"', "did you mean [hook.connect]?"),
        ('[hook.connect]\nurl = "a"', "hook.connect.url"),
        ('[hook.connect]\nurl = "http://a/"\nsecret = "too short"', "hook.connect.secret = (hidden)"),
        ('[hook.publish]\nurl = "http://a/"\nheaders = ["cookie"]', "is not kept"),
        ('[namespace.a]\nsubscribe = "hook"', "[hook.subscribe]"),
        ('[namespace.a]\npublish = "hook"', "[hook.publish]"),
        ('[namespace.a]\nhistory = "hook"', "`subscribe` and `publish`"),
        ('token_jwks = "http://id.example/keys"', "must be https"),
    ],
)
def test_what_is_wrong_with_backends(tmp_path, written, said):
    file = tmp_path / "wrong.toml"
    file.write_text(written)
    done = run_to_end("--config", str(file), *loopback())
    assert done.returncode == 64 and said in done.stderr, done
    assert "too short" not in done.stderr
