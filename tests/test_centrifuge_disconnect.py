"""Connections that a backend ends by the API of Centrifugo, with a code of its own."""

import cent
import pytest

from support.centrifuge import NodeSdk, PythonSdk, RawCentrifuge
from support.centrifuge_streams import opened
from support.event_stream import EventStream
from support.raw_websocket import RawWebSocket
from support.tokens import SECRET, token
from support.v1 import V1
from test_centrifuge_given_channels import api, give


@pytest.fixture(scope="module")
def rooms(start_shared, plane, shards, namespaces):
    """A server for the tests that leave it as it was."""
    return start_shared(plane, shards, config=namespaces(""), token_secret=SECRET)


def disconnect(server, user, code=None, reason="", **fields):
    how = None if code is None else cent.Disconnect(code=code, reason=reason)
    api(server).disconnect(cent.DisconnectRequest(user=user, disconnect=how, **fields))


def test_clients_are_told_the_code_of_the_backend(rooms, user):
    for code, reason in [(4_000, "come back"), (4_999, ""), (3_503, "x"), (3_000, "y" * 123)]:
        clients = [RawCentrifuge(rooms, token=token(user)) for _ in range(4)]
        disconnect(rooms, user, code, reason)
        for client in clients:
            assert client.close_of() == (code, reason)
    with RawCentrifuge(rooms, token=token(user)) as client:
        disconnect(rooms, user)
        assert client.close_of() == (3_503, "force disconnect")
    with RawCentrifuge(rooms, token=token(user)) as client:
        # A reason that reads as JSON would mean more to an SDK.
        disconnect(rooms, user, 4_500, '{"reconnect":true}')
        assert client.close_of() == (4_500, 'reason: {"reconnect":true}')


def test_codes_that_clients_do_not_know_are_refused(rooms, user):
    for code in (0, 999, 1_000, 3_002, 3_510, 5_000, 65_535):
        with pytest.raises(cent.CentApiResponseError) as raised:
            disconnect(rooms, user, code)
        assert raised.value.code == 107, code
    for reason in ("y" * 124, "a\nb"):
        with pytest.raises(cent.CentApiResponseError) as raised:
            disconnect(rooms, user, 4_000, reason)
        assert raised.value.code == 107


def test_the_sdks_obey_the_code(rooms, user):
    async def known_token():
        return token(user)

    with NodeSdk(rooms, token=token(user)) as node, PythonSdk(rooms, get_token=known_token) as python:
        node.wait_for("connected")
        python.wait_for("connected")
        disconnect(rooms, user, 4_400, "come back")
        node.wait_for("connected")
        python.wait_for("connected")
        disconnect(rooms, user, 4_600, "gone for good")
        node.wait_for("disconnected", code=4_600, reason="gone for good")
        assert python.wait_for("disconnected").code == 4_600


def test_one_connection_ends_and_those_of_a_whitelist_stay(rooms, user):
    clients = [RawCentrifuge(rooms, token=token(user)) for _ in range(3)]
    names = [client.connected["client"] for client in clients]
    try:
        disconnect(rooms, user, 4_001, client=names[0])
        assert clients[0].close_of()[0] == 4_001
        disconnect(rooms, "somebody", 4_001, client=names[1])
        disconnect(rooms, user, 4_001, client=names[1], whitelist=[names[1]])
        disconnect(rooms, user, 4_002, whitelist=[names[1]])
        assert clients[2].close_of()[0] == 4_002
        assert clients[1].ask("ping")["ping"] == {}
    finally:
        for client in clients:
            client.close()


def test_an_anonymous_client_is_found_by_its_name(rooms):
    with RawCentrifuge(rooms) as client, RawCentrifuge(rooms) as other, RawCentrifuge(rooms) as third:
        disconnect(rooms, "", 4_001, "one", client=client.connected["client"])
        disconnect(rooms, "somebody", 4_001, client=other.connected["client"])
        disconnect(rooms, "", client=third.connected["client"])
        assert client.close_of() == (4_001, "one")
        assert third.close_of() == (3_503, "force disconnect")
        # All without a name are no user.
        disconnect(rooms, "")
        assert other.ask("ping")["ping"] == {}


@pytest.mark.parametrize("transport", ["http_stream", "sse"])
def test_a_session_names_its_connection(rooms, user, transport):
    with (
        opened(rooms, transport, token=token(user)) as stream,
        opened(rooms, transport, token=token(user)) as other,
        RawCentrifuge(rooms, token=token(user)) as socket,
    ):
        session = stream.session
        give(rooms, user, "news", session=session)
        assert stream.push("news", "subscribe")
        disconnect(rooms, user, 4_001, session=session[:-4])
        disconnect(rooms, "somebody", 4_001, session=session)
        disconnect(rooms, user, 4_001, session=socket.connected["client"])
        disconnect(rooms, user, 4_002, "the session", session=session)
        assert stream.close_of() == (4_002, "the session")
        assert socket.ask("ping")["ping"] == {}
        disconnect(rooms, user, 4_003, client=other.connected["client"])
        assert other.close_of() == (4_003, "")


def test_other_ways_to_listen_keep_their_codes(rooms, user, channel):
    """Codes for applications mean the same for every WebSocket; Centrifugo's own are for its SDKs alone."""
    path = f"/sub/{channel}?token={token(user)}"
    for code, expected in [(None, 4_403), (3_503, 4_403), (4_100, 4_100)]:
        for way in (RawWebSocket, V1):
            with way(rooms, path) as socket, EventStream(rooms, path) as stream:
                stream.begin()
                rooms.wait_for_subscribers(channel, 2)
                disconnect(rooms, user, code, "bye")
                assert close_code(socket) == expected
                stream.expect_end()


def close_code(socket):
    while True:
        _, opcode, payload = socket.read_frame()
        if opcode == 8:
            return int.from_bytes(payload[:2], "big")
