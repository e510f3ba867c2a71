"""`GET /metrics`: what Prometheus reads there is complete, and true."""

import json
import pathlib
import re
import time

import pytest
from prometheus_client.openmetrics import parser as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from support.raw_http import RawConnection
from support.raw_websocket import CLOSE, RawWebSocket
from support.server import ROOT
from support.waiting import wait_until

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"
# They change between two requests, by the second of them.
MOVING = {"turns", "sleeps", "wakeups_sent", "mailbox_messages", "bytes_received"}
# Each request may come to another shard.
OWN = {"internal_connections_open"}


def families(server, accept="*/*", **headers):
    """All families, read by Prometheus' own library, by name."""
    status, answered, body = server.request("GET", "/metrics", headers={"Accept": accept, **headers})
    assert status == 200, body
    text = body.decode()
    if answered["Content-Type"].startswith("application/openmetrics-text"):
        found = open_metrics.text_string_to_metric_families(text)
    else:
        assert answered["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        found = text_string_to_metric_families(text)
    return {family.name: family for family in found}


def samples(family):
    """The values by name and labels. The two forms write the same bound of a bucket differently."""
    return {
        (one.name, *sorted((k, float(v) if k == "le" else v) for k, v in one.labels.items())): one.value
        for one in family.samples
    }


def series_name(counter, kind, unit):
    """What the documentation says of names."""
    words = [word for word in counter.split("_") if word != unit]
    return "_".join(["switchboard", *words, *([unit] if unit else []), *(["total"] if kind == "counter" else [])])


@pytest.fixture(scope="module")
def asking(start_shared, plane, shards, namespaces):
    """A server with backends, which have metrics of their own. Nobody asks them."""
    hooks = [f'[hook.{name}]\nurl = "http://127.0.0.1:9/"\n' for name in ("connect", "message", "events")]
    return start_shared(plane, shards, config=namespaces("".join(hooks)))


@pytest.mark.parametrize("accept", ["*/*", OPEN_METRICS])
def test_every_series_has_a_type_and_a_help(asking, accept):
    found = families(asking, accept)
    assert len(found) > 45
    for family in found.values():
        assert family.type in ("counter", "gauge", "histogram"), family
        assert family.documentation.endswith("."), family
        assert family.samples, family
        labels = {label for sample in family.samples for label in sample.labels}
        assert labels <= {"shard", "version", "plane", "phase", "le", "hook", "answer", "reason"}, family
    text = asking.request("GET", "/metrics", headers={"Accept": accept})[2].decode()
    lines = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")]
    assert len(lines) == len(set(lines)) == len(found), "a family is told twice"
    if accept == OPEN_METRICS:
        assert found["switchboard_received_bytes"].unit == "bytes"
        assert found["process_cpu_seconds"].unit == "seconds"


def documented():
    """The series of docs/metrics.md, with their kinds and units."""
    row = re.compile(r"^\| `([a-z_]+)` \| (\w+) \| (\w*) \| (.*) \|$", re.MULTILINE)
    rows = row.findall((ROOT / "docs/metrics.md").read_text())
    return {name: (kind, unit, meaning) for name, kind, unit, meaning in rows}


def test_the_document_is_what_is_served(asking):
    found = {}
    for family in families(asking, OPEN_METRICS).values():
        name = family.name + ("_total" if family.type == "counter" else "")
        found[name] = (family.type, family.unit, family.documentation)
    # test_cluster.py looks at those of the engine.
    alone = {name: what for name, what in documented().items() if not name.startswith("switchboard_engine_")}
    assert found == alone


def names_in(expression):
    return set(re.findall(r"\b(?:switchboard|process)_[a-z_]+", expression))


def known(names):
    """Without what histograms add to their names."""
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names} <= set(documented())


def test_the_dashboard_shows_what_there_is():
    dashboard = json.loads((ROOT / "docs/grafana-dashboard.json").read_text())
    assert dashboard["title"] and dashboard["uid"] and dashboard["schemaVersion"] >= 36
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    assert set(variables) == {"datasource", "job", "instance"}
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) >= 10
    places = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & places, f"{panel['title']} covers another panel"
        places |= cells
        assert panel["title"] and panel["description"] and panel["fieldConfig"]["defaults"]["unit"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            assert names_in(target["expr"]) and known(names_in(target["expr"])), target["expr"]
            assert target["expr"].count("(") == target["expr"].count(")")
    for name in ("job", "instance"):
        assert known(names_in(variables[name]["definition"]))


def test_alerts_and_examples_name_what_there_is():
    (rules,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/metrics.md").read_text(), re.DOTALL)
    assert len(names_in(rules)) > 8 and known(names_in(rules))
    for page in [*(ROOT / "docs").glob("*.md"), ROOT / "README.md"]:
        series = r"\b(?:switchboard_[a-z_]+_(?:total|bytes|seconds|bucket)|process_[a-z]+_[a-z_]+)\b"
        for name in re.findall(series, page.read_text()):
            assert known({name}), (page.name, name)


def test_both_forms_say_the_same(everywhere):
    plain, opened = families(everywhere), families(everywhere, OPEN_METRICS)
    assert set(plain) == set(opened)
    for name, family in plain.items():
        other = opened[name]
        assert (family.type, family.documentation) == (other.type, other.documentation)
        assert set(samples(family)) == set(samples(other)), name


def still(shards):
    """The counters that nobody's request moves."""
    return [{name: value for name, value in shard.items() if name not in MOVING | OWN} for shard in shards]


def test_counters_are_those_of_the_counters(everywhere, channel):
    with RawWebSocket(everywhere, f"/sub/{channel}") as listener:
        everywhere.wait_for_subscribers(channel, 1)
        for number in range(5):
            everywhere.publish(channel, f"{number}")
            listener.expect(1, f"{number}".encode())
        # A shard tells some of its numbers every tenth of a second, so ask until nothing moves.
        for _ in range(100):
            before = json.loads(everywhere.request("GET", "/counters")[2])["shards"]
            found = families(everywhere)
            after = json.loads(everywhere.request("GET", "/counters")[2])["shards"]
            if still(before) == still(after):
                break
            time.sleep(0.05)
        else:
            raise AssertionError("the counters do not come to rest")
    values = {key: value for family in found.values() for key, value in samples(family).items()}
    for shard, (first, last) in enumerate(zip(before, after, strict=True)):
        for counter in first:
            unit = "bytes" if counter in ("bytes_received", "log_bytes") else None
            both = [series_name(counter, kind, unit) for kind in ("counter", "gauge")]
            given = [values[name, ("shard", str(shard))] for name in both if (name, ("shard", str(shard))) in values]
            assert len(given) == 1, counter
            assert counter in OWN or first[counter] <= given[0] <= last[counter], counter


def delays(server):
    """How many publications each shard has measured, and the sum of their times."""
    found = samples(families(server)["switchboard_publish_to_last_send_seconds"])
    name = "switchboard_publish_to_last_send_seconds"
    shards = {key[1][1] for key in found if key[0] == f"{name}_count"}
    return {
        int(shard): (found[f"{name}_count", ("shard", shard)], found[f"{name}_sum", ("shard", shard)])
        for shard in shards
    }


def subscribed_shards(server, channel):
    """The shards that have subscribers of the channel, by the names of their connections."""
    found = json.loads(server.request("GET", f"/subscribers/{channel}")[2])["list"]
    return {int(one["connection"].split("-")[0]) for one in found}


def test_each_publication_is_measured_once_a_shard(start, plane, shards, namespaces):
    server = start(plane, shards, config=namespaces("[namespace.default]\npresence_list = true\n"))
    server.publish("nobody", "x")
    # More than one slice of the fan-out takes in a turn, so that a channel is served in several.
    listeners = [RawWebSocket(server, "/sub/many") for _ in range(300)]
    listeners += [RawWebSocket(server, "/sub/one")]
    try:
        server.wait_for_subscribers("many", 300)
        server.wait_for_subscribers("one", 1)
        expected = dict.fromkeys(range(shards), 0)
        began = time.monotonic()
        for channel, times in (("many", 20), ("one", 5)):
            on = subscribed_shards(server, channel)
            for number in range(times):
                server.publish(channel, f"{number}")
            for shard in on:
                expected[shard] += times
        for number, listener in enumerate(listeners):
            for message in range(20 if number < 300 else 5):
                listener.expect(1, f"{message}".encode())
        took = time.monotonic() - began
        assert sum(expected.values()) >= 25
        wait_until("all are measured", lambda: {s: n for s, (n, _) in delays(server).items()} == expected)
        for count, total in delays(server).values():
            assert count == 0 or 0 < total <= took * count
    finally:
        for listener in listeners:
            listener.close()


def test_requests_are_measured(everywhere):
    before = families(everywhere)["switchboard_api_request_seconds"]
    after = families(everywhere)["switchboard_api_request_seconds"]
    name = ("switchboard_api_request_seconds_count",)
    assert samples(after)[name] == samples(before)[name] + 1


def test_the_process_is_described(everywhere, plane):
    found = families(everywhere)
    version = json.loads(everywhere.request("GET", "/counters")[2])["version"]
    build = ("switchboard_build_info", ("plane", plane), ("version", version))
    assert samples(found["switchboard_build_info"]) == {build: 1}
    process = pathlib.Path("/proc") / str(everywhere.process.pid)
    resident = int(re.search(r"VmRSS:\s+(\d+)", (process / "status").read_text())[1]) * 1024
    assert found["process_resident_memory_bytes"].samples[0].value == pytest.approx(resident, rel=0.2)
    assert found["process_open_fds"].samples[0].value == pytest.approx(
        len(list((process / "fd").iterdir())), abs=5
    )
    assert found["process_max_fds"].samples[0].value > 0
    assert found["process_cpu_seconds"].samples[0].value > 0
    assert time.time() - 600 < found["process_start_time_seconds"].samples[0].value <= time.time()


KEY = "correct-horse-battery-staple"
NEXT_KEY = "a-new-horse-with-a-new-battery"
METRICS_KEY = "only-for-the-monitoring"


def statuses(server, *requests, **headers):
    return [server.request(method, path, body, headers)[0] for method, path, body in requests]


EVERYTHING = [
    ("GET", "/metrics", None), ("GET", "/counters", None), ("GET", "/slow", None), ("GET", "/pub/a", None),
    ("POST", "/pub/a", b"x"), ("DELETE", "/pub/a", None), ("POST", "/metrics", b"x"), ("GET", "/publish", None),
]  # fmt: skip


def test_each_key_opens_what_it_is_for(start, plane):
    server = start(plane, api_key=f"{KEY},{NEXT_KEY}", metrics_key=METRICS_KEY)
    for way in (lambda key: {"X-API-Key": key}, lambda key: {"Authorization": f"Bearer {key}"}):
        for key in (KEY, NEXT_KEY):
            assert statuses(server, *EVERYTHING, **way(key)) == [200, 200, 200, 404, 202, 200, 405, 426], key
        # A request without access has no body.
        only_metrics = [200, 401, 401, 401, 401, 401, 413, 401]
        assert statuses(server, *EVERYTHING, **way(METRICS_KEY)) == only_metrics
        for key in ("", "wrong", KEY[:-1], f"{KEY},{NEXT_KEY}", METRICS_KEY + "x"):
            assert set(statuses(server, *EVERYTHING, **way(key))) == {401}, key
    assert set(statuses(server, *EVERYTHING)) == {401}
    server.start_up_line()
    assert statuses(server, ("GET", "/health", None), ("GET", "/ready", None)) == [200, 200]
    for key in (KEY, NEXT_KEY, METRICS_KEY):
        assert key not in server.output(), "a secret in the log"


def test_a_key_in_the_file_may_have_a_comma(start, plane, namespaces):
    server = start(plane, config=namespaces(f'api_key = ["{KEY},{NEXT_KEY}"]'))
    ask = ("GET", "/metrics", None)
    assert statuses(server, ask, **{"X-API-Key": f"{KEY},{NEXT_KEY}"}) == [200]
    assert statuses(server, ask, **{"X-API-Key": KEY}) == [401]


def ready(server):
    """The status of `/ready`, or None where nothing answers."""
    try:
        with RawConnection(Internal(server)) as connection:
            request = f"GET /ready HTTP/1.1\r\nHost: 127.0.0.1:{server.internal_port}\r\n\r\n"
            return connection.send(request.encode()).read_answer().status
    except (OSError, AssertionError):
        return None


class Internal:
    """Lets a raw connection go to the internal API."""

    def __init__(self, server):
        self.port = server.internal_port


def test_a_server_that_stops_is_not_ready(start, plane, shards):
    server = start(plane, shards)
    wait_until("all shards run", lambda: ready(server) == 200)
    # It does not answer the Close frame, so that the stop takes its time.
    with RawWebSocket(server, "/sub/a") as listener:
        server.wait_for_subscribers("a", 1)
        server.terminate()
        assert listener.read_frame()[1] == CLOSE
        assert server.process.poll() is None
        assert ready(server) in (503, None)


def test_metrics_are_answered_while_the_public_side_is_full(start, plane):
    server = start(plane, connections_max=2)
    with RawWebSocket(server, "/sub/a"), RawWebSocket(server, "/sub/b"):
        with RawConnection(server) as third:
            request = f"GET /sub/c HTTP/1.1\r\nHost: {server.host}\r\n\r\n"
            assert third.send(request.encode()).read_answer().status == 503
        found = families(server)
        assert samples(found["switchboard_refused_full"])["switchboard_refused_full_total", ("shard", "0")] == 1
