"""The API of Centrifugo, as its own client libraries and raw requests see it."""

import asyncio
import base64
import concurrent.futures
import http.client
import json
import pathlib
import subprocess

import cent
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from support.tokens import SECRET, token
from support.waiting import wait_until

NODE = pathlib.Path(__file__).parent / "node"
KEY = "correct-horse-battery-staple"


def call(server, method, body, headers=None):
    """A call with a body of JSON or bytes: the status, and the JSON of the answer if it is one."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, answered, text = server.request("POST", f"/api/{method}", data, headers or {})
    is_json = answered.get("Content-Type") == "application/json"
    return status, json.loads(text) if is_json else text


def result(server, method, body):
    status, answer = call(server, method, body)
    assert status == 200 and set(answer) == {"result"}, answer
    return answer["result"]


def error_code(server, method, body):
    status, answer = call(server, method, body)
    assert status == 200 and set(answer) == {"error"}, answer
    assert set(answer["error"]) == {"code", "message"}
    return answer["error"]["code"]


def head(server, channel):
    """The offset of the last publication of a channel, and how many it keeps."""
    headers = {"Accept": "application/json"}
    _, _, body = server.request("GET", f"/pub/{channel}", headers=headers)
    info = json.loads(body)
    return int(info["position"].split("-")[1]), info["messages"]


@pytest.fixture(scope="module")
def keyed(start_shared, plane, shards, tmp_path_factory):
    """A server with a key, a namespace without a history, and no other than these."""
    file = tmp_path_factory.mktemp("config") / "switchboard.toml"
    file.write_text(
        "strict_namespaces = true\n"
        "[namespace.now]\nhistory_publications = 0\n"
        "[namespace.chat]\npresence_list = true\n"
    )
    return start_shared(plane, shards, config=file, api_key=KEY, token_secret=SECRET)


def client(server):
    return cent.Client(server.internal("/api"), KEY)


def test_the_key_is_shown_in_three_ways(keyed):
    body = {"channel": "news", "data": 1}
    for headers in ({"X-API-Key": KEY}, {"Authorization": f"apikey {KEY}"}):
        assert call(keyed, "publish", body, headers)[0] == 200
    assert call(keyed, f"publish?api_key={KEY}", body)[0] == 200
    for path, headers in (
        ("publish", {}),
        ("publish", {"X-API-Key": KEY + "x"}),
        ("publish", {"Authorization": "apikey wrong"}),
        ("publish?api_key=wrong", {}),
        ("info", {}),
        ("nothing", {}),
    ):
        data = json.dumps(body).encode()
        status, answered, text = keyed.request("POST", f"/api/{path}", data, headers)
        assert (status, text) == (401, b""), path
        assert answered["Content-Length"] == "0"
    with pytest.raises(cent.CentUnauthorizedError):
        cent.Client(keyed.internal("/api"), "wrong").publish(cent.PublishRequest(channel="a", data=1))
    assert KEY not in keyed.output()


def test_cent_publishes(keyed):
    ours = client(keyed)

    def publish(channel, data, **rest):
        return ours.publish(cent.PublishRequest(channel=channel, data=data, **rest))

    first = publish("news", {"a": 1}, tags={"a": "b"})
    second = publish("news", {"a": 2}, idempotency_key="cent")
    assert second.offset > first.offset and first.epoch == second.epoch and len(first.epoch) == 8
    assert publish("news", {"a": 2}, idempotency_key="cent") == second
    kept_nowhere = publish("now:x", {}, skip_history=True)
    assert not kept_nowhere.offset and not kept_nowhere.epoch
    with pytest.raises(cent.CentApiResponseError) as raised:
        publish("nowhere:x", {})
    assert raised.value.code == 102
    answer = ours.broadcast(
        cent.BroadcastRequest(channels=["news", "chat:a", "nowhere:x"], data={"a": 3})
    )
    assert answer.responses[0].result.offset > second.offset
    assert answer.responses[1].result.offset > 0
    assert answer.responses[2].error.code == 102
    requests = [
        cent.PublishRequest(channel="news", data={"n": 1}),
        cent.BroadcastRequest(channels=["news", "chat:b"], data={"n": 2}),
        cent.PublishRequest(channel="now:x", data={}),
        cent.PublishRequest(channel="news", data={"n": 3}),
    ]
    for parallel in (False, True):
        batch = cent.BatchRequest(requests=requests, parallel=parallel)
        replies = ours.batch(batch).replies
        assert replies[0].offset < replies[3].offset and not replies[2].offset
        assert len(replies[1].responses) == 2


def test_the_asynchronous_cent_publishes(keyed):
    async def publish():
        ours = cent.AsyncClient(keyed.internal("/api"), KEY)
        request = cent.PublishRequest(channel="chat:async", data={}, idempotency_key="k")
        try:
            return await asyncio.gather(*(ours.publish(request) for _ in range(50)))
        finally:
            await ours.close()

    answers = asyncio.run(publish())
    assert len({(answer.offset, answer.epoch) for answer in answers}) == 1


def test_subscribers_get_the_data_as_it_was_written(everywhere, channel):
    with connect(everywhere.ws(f"/sub/{channel}")) as listener:
        everywhere.wait_for_subscribers(channel, 1)
        for data in (b'{"a" : 1.50}', b'"text"', b"null", b"9007199254740993", b"-1e400", b"[]"):
            body = b'{"channel":"' + channel.encode() + b'","data": ' + data + b" }"
            assert call(everywhere, "publish", body)[0] == 200
            assert listener.recv(timeout=10) == data.decode()
        binary = base64.b64encode(b"\xff\x00").decode()
        result(everywhere, "publish", {"channel": channel, "data": 1, "b64data": binary})
        assert listener.recv(timeout=10) == b"\xff\x00"


def test_errors_are_told_in_the_body_or_as_a_status(keyed):
    key = {"X-API-Key": KEY}
    transport = {**key, "X-Centrifugo-Error-Mode": "transport"}
    for body, code, status in (
        ({"channel": "nowhere:x", "data": 1}, 102, 404),
        ({"data": 1}, 107, 400),
        ({"channel": "news"}, 107, 400),
        ({"channel": "news", "data": 1, "skip_history": True}, 108, 400),
    ):
        answered = call(keyed, "publish", body, key)
        assert answered[0] == 200 and answered[1]["error"]["code"] == code
        answered = call(keyed, "publish", body, transport)
        assert answered[0] == status and set(answered[1]) == {"code", "message"}
        assert answered[1]["code"] == code
        # In a batch, errors stay in their places.
        answered = call(keyed, "batch", {"commands": [{"publish": body}]}, transport)
        assert answered[0] == 200 and answered[1]["replies"][0]["error"]["code"] == code


def test_broken_deep_and_oversized_bodies(everywhere, channel):
    for method in ("publish", "broadcast", "batch"):
        for body in (b"", b"{", b"[]", b"null", b'{"channel":5,"channels":5,"commands":5}', b"\xff"):
            status, text = call(everywhere, method, body)
            assert status == 400 and isinstance(text, bytes) and text.endswith(b"\n"), (method, body)
    for value in (-1, 1.5, 2**64, "1"):
        assert call(everywhere, "publish", {"channel": channel, "data": 1, "version": value})[0] == 400
    deep = b"[" * 100_000 + b"]" * 100_000
    body = b'{"channel":"' + channel.encode() + b'","data":' + deep + b"}"
    assert call(everywhere, "publish", body)[0] == 200
    body = b'{"commands":[{"publish":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}]}"
    assert error_in_batch(call(everywhere, "batch", body)) == 107
    large = {"channel": channel, "data": "x" * ((1 << 20) + 1)}
    assert error_code(everywhere, "publish", large) == 107
    fits = {"channel": channel, "data": "x" * ((1 << 20) - 2)}
    assert result(everywhere, "publish", fits)["offset"] > 0
    connection = http.client.HTTPConnection("127.0.0.1", everywhere.internal_port, timeout=20)
    connection.putrequest("POST", "/api/publish")
    connection.putheader("Content-Length", str((16 << 20) + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def error_in_batch(answered):
    assert answered[0] == 200, answered
    return answered[1]["replies"][0]["error"]["code"]


def test_versions_drop_what_is_not_newer(everywhere, channel):
    def publish(version, epoch=""):
        body = {"channel": channel, "data": 1, "version": version, "version_epoch": epoch}
        return result(everywhere, "publish", body)["offset"]

    first = publish(2**53 + 1)
    assert publish(2**53) == first and publish(2**53 + 1) == first
    second = publish(2**64 - 1)
    assert second > first and publish(2**64 - 1) == second
    third = publish(1, "another")
    assert third > second and publish(1, "another") == third
    assert head(everywhere, channel) == (third, 3)


def test_a_key_publishes_once_from_many_connections(everywhere, channel):
    def publish(number):
        connection = http.client.HTTPConnection("127.0.0.1", everywhere.internal_port, timeout=20)
        answers = []
        for round_ in range(10):
            body = {"channel": f"{channel}-{round_ % 3}", "data": number, "idempotency_key": "one"}
            connection.request("POST", "/api/publish", json.dumps(body))
            answers.append(json.loads(connection.getresponse().read())["result"]["offset"])
        connection.close()
        return answers

    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(publish, range(16)))
    assert all(answer == answers[0] for answer in answers)
    for number in range(3):
        offset, messages = head(everywhere, f"{channel}-{number}")
        assert messages == 1 and offset == answers[0][number]
    # The key of a channel says nothing of others.
    other = {"channel": channel, "data": 1, "idempotency_key": "one"}
    assert result(everywhere, "publish", other) == result(everywhere, "publish", other)
    assert head(everywhere, channel)[1] == 1


def test_large_broadcasts_and_batches_are_answered_in_order(everywhere, channel):
    names = [f"{channel}-{number}" for number in range(2_000)]
    names[1_500] = "a/b"
    responses = result(everywhere, "broadcast", {"channels": names, "data": "x"})["responses"]
    assert len(responses) == 2_000 and responses[1_500]["error"]["code"] == 107
    assert all("offset" in it["result"] for it in responses if "result" in it)
    commands = [{"publish": {"channel": channel, "data": n}} for n in range(1_000)]
    status, answer = call(everywhere, "batch", {"commands": commands})
    offsets = [reply["publish"]["offset"] for reply in answer["replies"]]
    assert status == 200 and offsets == sorted(set(offsets)) and len(offsets) == 1_000
    # Others than publications, and more than 256 KiB, are read off the shards.
    commands = [{"publish": {"channel": channel, "data": "x" * 300_000}}, {"nothing": {}}]
    status, answer = call(everywhere, "batch", {"commands": commands})
    assert answer["replies"][0]["publish"]["offset"] > offsets[-1]
    assert answer["replies"][1]["error"]["code"] == 104


def test_what_is_no_method_is_not_found(everywhere):
    for path in ("/api/nothing", "/api/", "/api", "/api/publish/x"):
        assert everywhere.request("POST", path, b"{}")[0] == 404, path
    status, headers, _ = everywhere.request("GET", "/api/publish")
    assert status == 405 and "POST" in headers["Allow"]
    gzip = {"Content-Encoding": "gzip"}
    assert everywhere.request("POST", "/api/publish", b"{}", gzip)[0] == 415


def listen(server, channel, sub, **claims):
    bearer = {"Authorization": f"Bearer {token(sub=sub, **claims)}"}
    return connect(server.ws(f"/sub/{channel}"), additional_headers=bearer)


def closed_with(listener):
    with pytest.raises(ConnectionClosed) as raised:
        listener.recv(timeout=10)
    return raised.value.rcvd.code


def test_cent_reads_a_history_and_removes_it(keyed, channel):
    ours = client(keyed)
    name = f"chat:{channel}-history"
    for number in range(5):
        ours.publish(cent.PublishRequest(channel=name, data={"n": number}, tags={"t": "v"}))

    def history(**asked):
        return ours.history(cent.HistoryRequest(channel=name, **asked))

    everything = history(limit=-1)
    assert [it.data["n"] for it in everything.publications] == [0, 1, 2, 3, 4]
    assert everything.publications[0].tags == {"t": "v"}
    assert everything.offset == everything.publications[-1].offset
    assert history().publications == [] and history().offset == everything.offset
    third = everything.publications[2]
    since = cent.StreamPosition(offset=third.offset, epoch=everything.epoch)
    assert [it.data["n"] for it in history(limit=1, since=since).publications] == [3]
    reverse = history(limit=-1, since=since, reverse=True)
    assert [it.data["n"] for it in reverse.publications] == [1, 0]
    for wrong in (
        cent.StreamPosition(offset=third.offset, epoch="another"),
        cent.StreamPosition(offset=everything.offset + 1, epoch=everything.epoch),
    ):
        with pytest.raises(cent.CentApiResponseError) as raised:
            history(limit=-1, since=wrong)
        assert raised.value.code == 112

    with connect(keyed.ws(f"/sub/{name}")) as listener:
        wait_until("a listener", lambda: ours.presence_stats(stats_of(name)).num_clients == 1)
        ours.history_remove(cent.HistoryRemoveRequest(channel=name))
        removed = history(limit=-1)
        assert removed.publications == [] and removed.epoch == everything.epoch
        assert removed.offset == everything.offset
        ours.publish(cent.PublishRequest(channel=name, data="after"))
        assert listener.recv(timeout=10) == '"after"'
    assert [it.data for it in history(limit=-1).publications] == ["after"]


def stats_of(name):
    return cent.PresenceStatsRequest(channel=name)


def test_cent_sees_and_ends_the_connections_of_a_user(keyed, channel):
    ours = client(keyed)
    name = f"chat:{channel}-users"
    with (
        listen(keyed, name, "7", info={"name": "x"}) as first,
        listen(keyed, name, "7") as second,
        listen(keyed, name, "8"),
    ):
        wait_until("listeners", lambda: ours.presence_stats(stats_of(name)).num_clients == 3)
        assert ours.presence_stats(stats_of(name)).num_users == 2
        presence = ours.presence(cent.PresenceRequest(channel=name)).presence
        assert sorted(it.user for it in presence.values()) == ["7", "7", "8"]
        assert [it.conn_info for it in presence.values() if it.conn_info] == [{"name": "x"}]
        channels = ours.channels(cent.ChannelsRequest(pattern="chat:*-users")).channels
        assert channels[name].num_clients == 3
        assert ours.channels(cent.ChannelsRequest(pattern="nothing*")).channels == {}
        # These numbers are counted each second.
        wait_until("users", lambda: ours.info(cent.InfoRequest()).nodes[0].num_users >= 2)
        wait_until("subscriptions", lambda: ours.info(cent.InfoRequest()).nodes[0].num_subs >= 3)
        node = ours.info(cent.InfoRequest()).nodes[0]
        assert node.num_clients >= 3 and node.name == "switchboard" and node.num_channels > 0
        assert node.process.rss > 1_000_000 and node.process.cpu > 0

        with_info = next(key for key, it in presence.items() if it.conn_info)
        ours.disconnect(cent.DisconnectRequest(user="7", whitelist=[with_info]))
        assert closed_with(second) == 4403
        ours.refresh(cent.RefreshRequest(user="7", client=with_info, expired=True))
        assert closed_with(first) == 4401
        wait_until("one listener", lambda: ours.presence_stats(stats_of(name)).num_clients == 1)


def test_what_this_server_lacks_is_not_available(keyed):
    ours = client(keyed)
    for ask in (
        lambda: ours.presence(cent.PresenceRequest(channel="news")),
        lambda: ours.history(cent.HistoryRequest(channel="now:a")),
    ):
        with pytest.raises(cent.CentApiResponseError) as raised:
            ask()
        assert raised.value.code == 108


def test_a_batch_may_have_any_commands(keyed, channel):
    ours = client(keyed)
    name = f"chat:{channel}-batch"
    requests = [
        cent.PublishRequest(channel=name, data=1),
        cent.HistoryRequest(channel=name, limit=-1),
        cent.PresenceStatsRequest(channel=name),
        cent.InfoRequest(),
        cent.BroadcastRequest(channels=[name], data=2),
    ]
    replies = ours.batch(cent.BatchRequest(requests=requests)).replies
    assert [it.data for it in replies[1].publications] == [1]
    assert replies[2].num_clients == 0 and len(replies[3].nodes) == 1
    assert replies[4].responses[0].result.offset > replies[0].offset


def test_the_library_for_node_publishes(keyed, channel):
    name = f"chat:{channel}-node"
    done = subprocess.run(
        ["node", "cent.mjs", keyed.internal("/api"), KEY, name],
        cwd=NODE, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["published"]["offset"] > 0 and len(told["published"]["epoch"]) == 8
    assert told["broadcast"]["responses"][0]["result"]["offset"] > told["published"]["offset"]
    assert told["refused"]
