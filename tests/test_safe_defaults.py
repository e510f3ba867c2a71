"""What a server that was told nothing lets strangers do: nothing."""

import pytest

from support.ports import free_port
from support.raw_http import RawConnection, upgrade
from support.raw_websocket import TEXT, RawWebSocket, frame
from support.server import run_to_end


def checked(*arguments):
    """The values in force, by key."""
    done = run_to_end("--check-config", *arguments)
    assert done.returncode == 0, done
    lines = [line.split(" # ")[0].split(" = ", 1) for line in done.stdout.splitlines()]
    return {line[0]: line[1] for line in lines if len(line) == 2 and not line[0].startswith("#")}


def test_the_default_is_this_machine():
    values = checked()
    assert "127.0.0.1:8000" in values["listen"], values["listen"]
    assert "0.0.0.0" not in values["listen"] and "[::]" not in values["listen"]
    assert values["internal_listen"] == '"127.0.0.1:8001"'
    assert values["demo"] == "true"


@pytest.mark.parametrize(
    ("arguments", "demo"),
    [
        (["--listen=127.0.0.1:1"], True),
        (["--listen=127.0.0.1:1,[::1]:1"], True),
        (["--listen=0.0.0.0:1"], False),
        (["--listen=[::]:1"], False),
        (["--listen=127.0.0.1:1,10.1.2.3:1"], False),
        (["--listen=0.0.0.0:1", "--demo"], True),
        (["--listen=127.0.0.1:1", "--demo=false"], False),
    ],
)
def test_demo_is_for_this_machine_unless_it_is_set(arguments, demo):
    assert checked(*arguments)["demo"] == str(demo).lower()


def start_on(start, plane, host, **keys):
    """A server that listens on this address of the machine."""
    port = free_port(host)
    return start(plane, port=port, listen=f"{host}:{port}", **keys)


def publishes(server):
    """Whether a client may publish in `demo`."""
    with RawWebSocket(server, "/sub/demo:lobby") as client:
        client.send(frame(TEXT, b"hello"))
        fin, opcode, payload = client.read_frame()
        assert (fin and (opcode, payload) == (TEXT, b"hello")) or opcode == 8, (opcode, payload)
        return opcode == TEXT


def test_strangers_may_not_publish(start, plane):
    """Where they can connect; the start-up line says who can, and what they may do."""
    here = start_on(start, plane, "127.0.0.1")
    assert publishes(here)
    assert "this machine only" in here.start_up_line() and "demo" in here.start_up_line()
    everywhere = start_on(start, plane, "0.0.0.0")
    assert not publishes(everywhere)
    assert "this machine only" not in everywhere.start_up_line()
    assert "demo" not in everywhere.start_up_line()
    told = start_on(start, plane, "0.0.0.0", demo=True)
    assert publishes(told) and "demo" in told.start_up_line()


def test_a_mixture_of_addresses_is_no_loopback(start, plane):
    port, other = free_port(), free_port("0.0.0.0")
    server = start(plane, port=port, listen=f"127.0.0.1:{port},0.0.0.0:{other}")
    assert not publishes(server)
    with RawConnection(server) as connection:
        answer = connection.send(upgrade(server, "/sub/demo:lobby")).read_answer()
        assert answer.status == 101, "everybody may listen there, as in any channel"

