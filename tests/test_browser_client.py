"""The browser client, `clients/js`: whatever the network lets through, it misses nothing in silence."""

import random
import time

import pytest

from support.backend import Backend
from support.blocking_proxy import WAYS, BlockingProxy
from support.browser_client import WAIT_S, BrowserClient
from support.tokens import SECRET, token


@pytest.fixture
def server(start, plane):
    # No client may count on consecutive offsets.
    return start(plane, offset_skip_max=3)


@pytest.fixture
def proxy(server):
    with BlockingProxy(server) as proxy:
        yield proxy


@pytest.mark.parametrize("way", WAYS)
def test_what_arrives(server, proxy, browser, channel, way):
    """Text, binary, names of events and of channels, in each way."""
    names = [f"{channel}:ä,b", f"{channel}-b"]
    with BrowserClient(browser, proxy, names, ways=[way]) as client:
        client.wait_open(way)
        sent = [
            server.publish(f"{channel}%3A%C3%A4%2Cb", "grüße\n\n\u2028zwei"),
            server.publish(names[1], '{"a": 1}', "application/json", event="preis é"),
            server.publish(names[1], b"\x00\xff\n\n\x00", "application/octet-stream"),
            server.publish(names[1], ""),
        ]
        client.wait("all four", lambda: len(client.messages()) == 4)
        one, two, three, four = client.seen("messages")
        assert (one["channel"], one["data"]) == (names[0], "grüße\n\n\u2028zwei")
        assert (two["channel"], two["data"], two["event"]) == (names[1], '{"a": 1}', "preis é")
        assert way == "stream" or two["contentType"] == "application/json"
        assert (three["channel"], three["data"]) == (names[1], [0, 255, 10, 10, 0])
        assert (four["channel"], four["data"]) == (names[1], "")
        for position, message in zip(sent, client.seen("messages"), strict=True):
            assert position["position"] in message["position"].split(",")
        assert client.gaps() == []


@pytest.mark.parametrize("way", WAYS)
def test_a_quiet_channel(server, proxy, browser, channel, way):
    """Where nothing happens nothing is asked, and it stays open longer than a way may take to open."""
    with BrowserClient(browser, proxy, channel, ways=[way], openMs=700) as client:
        client.wait_open(way)
        time.sleep(2)
        assert client.ways() == [way] and client.count("waiting") == 0
        assert len(proxy.heads[way]) == (2 if way == "poll" else 1)


@pytest.mark.parametrize("way", WAYS)
def test_a_network_that_breaks_again_and_again(start, plane, shards, browser, channel, way):
    """All once and in order, by each way and beyond it."""
    count = 400
    server = start(plane, shards)
    with BlockingProxy(server) as proxy, BrowserClient(browser, proxy, channel, ways=[way]) as client:
        client.wait_open(way)
        cuts = 0
        for n in range(0, count, 10):
            server.publish_all(channel, [f"{m} ".ljust(300, "x") for m in range(n, n + 10)])
            if n % 50 == 20:
                cuts += proxy.cut() > 0
            time.sleep(0.03)
        client.wait("the last", lambda: len(client.messages()) >= count)
        assert [int(text.split()[0]) for text in client.messages()] == list(range(count))
        assert client.gaps() == [] and cuts >= 2
        assert way == "poll" or len(client.ways()) >= 3


def publish_until(server, channel, sent, condition):
    """Publishes until the condition holds, and appends what it published to `sent`."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        sent.append(str(len(sent)))
        server.publish(channel, sent[-1])
        time.sleep(0.02)
    return sent


@pytest.mark.parametrize("refusal", ["400 Bad Request", "hang"])
def test_each_way_is_blocked_in_turn(server, proxy, browser, channel, refusal):
    """It falls from way to way and climbs back, while messages come all the time."""
    with BrowserClient(browser, proxy, channel, betterMs=700) as client:
        client.wait_open("websocket")

        def is_open(way):
            state = client.state()
            return state["state"] == "open" and state["way"] == way

        sent = []
        for blocked, way in [(["websocket"], "stream"), (["websocket", "stream"], "poll"), ([], "websocket")]:
            proxy.block(*WAYS, rule="pass")
            proxy.block(*blocked, rule=refusal)
            if blocked:
                proxy.cut()
            publish_until(server, channel, sent, lambda way=way: is_open(way))
        client.wait("all", lambda: len(client.messages()) >= len(sent))
        assert client.messages() == sent
        assert client.gaps() == []
        assert client.ways()[-1] == "websocket" and {"stream", "poll"} <= set(client.ways())


def test_whatever_the_network_does(start, plane, shards, browser, channel):
    """Cut, blocked, frozen and free again at random: each channel's messages come once and in order."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")  # pytest shows it where the test fails
    chance = random.Random(seed)
    names = [f"{channel}-{n}" for n in range(3)]
    sent = {name: [] for name in names}
    rules = ["pass", "pass", "400 Bad Request", "503 Service Unavailable", "hang", "hold"]
    options = {"openMs": 500, "betterMs": 200, "silenceMs": 30_000}
    server = start(plane, shards)
    with BlockingProxy(server) as proxy, BrowserClient(browser, proxy, names, **options) as client:
        client.wait_open("websocket")
        end = time.monotonic() + 12
        while time.monotonic() < end:
            name = chance.choice(names)
            texts = [f"{name} {len(sent[name]) + n}" for n in range(chance.randint(1, 5))]
            server.publish_all(name, texts)
            sent[name] += texts
            if chance.random() < 0.1:
                proxy.rules = {way: chance.choice(rules) for way in WAYS}
            if chance.random() < 0.1:
                proxy.cut()
            time.sleep(chance.random() * 0.1)
        proxy.block(*WAYS, rule="pass")
        client.wait_open("websocket")
        client.wait("all", lambda: len(client.seen("messages")) >= sum(map(len, sent.values())))
        found = client.seen("messages")
        for name in names:
            assert [one["data"] for one in found if one["channel"] == name] == sent[name]
        assert client.gaps() == [] and len(client.ways()) > 3


@pytest.mark.parametrize(
    "websocket, stream, way",
    [
        ("400 Bad Request", "pass", "stream"),
        ("hang", "pass", "stream"),
        ("hold", "hold", "poll"),
        ("200 OK", "200 OK", "poll"),
        ("403 Forbidden", "407 Proxy Authentication Required", "poll"),
        ("hang", "hang", "poll"),
    ],
)
def test_ways_that_do_not_open(server, proxy, browser, channel, websocket, stream, way):
    """The next one is tried at once, and the page that comes after it begins with the one that worked."""
    proxy.rules.update(websocket=websocket, stream=stream)
    with BrowserClient(browser, proxy, channel) as client:
        client.wait_open(way)
        assert client.count("waiting") == 0 and len(proxy.heads["websocket"]) == 1
        server.publish(channel, "one")
        client.wait_messages(["one"])
        browser.execute_script(
            """
            client.close();
            window.client = new Switchboard(location.origin, arguments[0]);
            client.on("message", (message) => seen.messages.push(message));
            """,
            channel,
        )
        client.wait_state("open")
        assert client.state()["way"] == way and len(proxy.heads["websocket"]) == 1
        server.publish(channel, "two")
        client.wait_messages(["one", "two"])


def test_a_stream_that_falls_silent(start, plane, browser, channel):
    """A connection that died without a word is noticed by the missing comments of the server."""
    quick = start(plane, ping_interval_ms=1_000)
    options = {"ways": ["stream"], "silenceMs": 4_000}
    with BlockingProxy(quick) as proxy, BrowserClient(browser, proxy, channel, **options) as client:
        client.wait_open("stream")
        time.sleep(5)  # longer than it waits: the comments keep it open
        assert client.ways() == ["stream"]
        proxy.is_frozen = True
        quick.publish(channel, "while nothing came through")
        client.wait("it gives up", lambda: client.count("waiting") == 1)
        proxy.is_frozen = False
        client.wait_messages(["while nothing came through"])


def test_a_busy_server_is_given_time(server, proxy, browser, channel):
    """It waits for as long as the server says, and on the same way."""
    with BrowserClient(browser, proxy, channel, ways=["stream", "poll"]) as client:
        client.wait_open("stream")
        proxy.block("stream", rule="503 Service Unavailable\r\nRetry-After: 2")
        proxy.cut()
        client.wait("it is told", lambda: client.state()["state"] == "waiting" and client.state().get("code") == 503)
        asked = len(proxy.heads["stream"])
        browser.execute_script("document.dispatchEvent(new Event('visibilitychange'))")
        proxy.block("stream", rule="pass")
        time.sleep(1.5)
        assert len(proxy.heads["stream"]) == asked and proxy.heads["poll"] == []
        client.wait_open("stream", 2)
        server.publish(channel, "at last")
        client.wait_messages(["at last"])


def test_gaps(start, plane, namespaces, browser, channel):
    """What is lost is told: the channel was deleted, or keeps no more than two messages."""
    config = namespaces("[namespace.short]\nhistory_publications = 2\nlog_publications_max = 2\n")
    server = start(plane, config=config, offset_skip_max=3)
    name = f"short:{channel}"
    with BlockingProxy(server) as proxy:
        for way in WAYS:
            with BrowserClient(browser, proxy, name, ways=[way], gap="earliest") as client:
                client.wait_open(way)
                server.publish(name, "before")
                client.wait_messages(["before"])
                proxy.is_down = True
                proxy.cut()
                positions = server.publish_all(name, [str(n) for n in range(5)])
                proxy.is_down = False
                client.wait_messages(["before", "3", "4"])
                (gap,) = client.gaps()
                assert (gap["channel"], gap["reason"]) == (name, "evicted")
                offsets = [int(position.split("-")[1]) for position in positions]
                assert gap["missed"][0] <= offsets[0] and offsets[2] <= gap["missed"][1] < offsets[3]
                server.delete(name)
                client.wait("the second gap", lambda client=client: len(client.gaps()) == 2)
                assert client.gaps()[1]["reason"] == "epoch" and client.gaps()[1].get("missed") is None
                client.wait_state("open")
                server.publish(name, "after")
                client.wait_messages(["before", "3", "4", "after"])


def test_a_server_that_starts_again(start, plane, browser, channel):
    """It comes back to the way it had, and tells that the stream is another one."""
    first = start(plane)
    with BlockingProxy(first) as proxy, BrowserClient(browser, proxy, channel) as client:
        client.wait_open("websocket")
        first.publish(channel, "one")
        client.wait_messages(["one"])
        proxy.is_down = True
        first.stop()
        client.wait("pauses", lambda: client.count("waiting") >= 2)
        second = start(plane, port=first.port)
        proxy.is_down = False
        client.wait("the gap", lambda: [gap["reason"] for gap in client.gaps()] == ["epoch"])
        client.wait_state("open")
        second.publish(channel, "two")
        client.wait_messages(["one", "two"])


def test_close_is_final(server, proxy, browser, channel):
    with BrowserClient(browser, proxy, channel) as client:
        client.wait_open("websocket")
        browser.execute_script("client.on('message', () => client.close())")
        server.publish_all(channel, ["one", "two", "three"])
        client.wait_state("closed")
        server.wait_for_subscribers(channel, 0)
        asked = {way: len(heads) for way, heads in proxy.heads.items()}
        browser.execute_script("dispatchEvent(new Event('online'))")
        browser.execute_script("document.dispatchEvent(new Event('visibilitychange'))")
        time.sleep(1)  # longer than any pause
        assert client.messages() == ["one"] and client.seen("states")[-1]["state"] == "closed"
        assert {way: len(heads) for way, heads in proxy.heads.items()} == asked
        assert client.call("publish", "x")["code"] == 0
        # Another one goes on where it was.
        position = browser.execute_script("return client.position")
    with BrowserClient(browser, proxy, channel, since=position) as client:
        client.wait_messages(["two", "three"])


def test_a_fault_of_the_page_costs_no_message(server, proxy, browser, channel):
    with BrowserClient(browser, proxy, channel) as client:
        client.wait_open("websocket")
        browser.execute_script("client.on('message', () => { throw new Error('of the page') })")
        server.publish_all(channel, ["one", "two"])
        client.wait_messages(["one", "two"])
        assert client.ways() == ["websocket"]


def test_a_machine_that_slept(server, proxy, browser, channel):
    """Nobody told it that its connection died meanwhile; its clock did."""
    with BrowserClient(browser, proxy, channel) as client:
        client.wait_open("websocket")
        proxy.is_frozen = True
        server.publish(channel, "while it slept")
        browser.execute_script("const now = Date.now; Date.now = () => now() + 600_000")
        proxy.is_frozen = False
        client.wait_messages(["while it slept"])
        assert client.ways() == ["websocket"] * 2 and client.count("waiting") == 0


def test_the_network_goes_and_comes_back(server, proxy, browser, channel):
    """The browser says so, and it does not wait out its pauses."""
    with BrowserClient(browser, proxy, channel, backoffMs=3_600_000, backoffMaxMs=3_600_000) as client:
        client.wait_open("websocket")
        proxy.is_down = True
        browser.execute_script("dispatchEvent(new Event('offline'))")
        assert client.wait_state("waiting")["reason"] == "offline"
        server.publish(channel, "while it was away")
        proxy.is_down = False
        browser.execute_script("dispatchEvent(new Event('online'))")
        client.wait_messages(["while it was away"])
        client.wait_open("websocket", 2)


@pytest.fixture
def secured(start, plane, namespaces):
    """A server where users have channels, and a backend answers what they ask."""
    backend = Backend(message=lambda asked: {"result": {"data": [asked["user"], asked["data"]]}})
    chat = '[namespace.chat]\nsubscribe = "authenticated"\npublish = "granted"\n'
    config = namespaces(chat + backend.config("message"))
    yield start(plane, config=config, token_secret=SECRET, token_expiry_spread_ms=0)
    backend.stop()


def give(proxy, make):
    """From now on a page gets what this makes when it asks for a token."""
    proxy.pages["/token"] = ("text/plain", make)


@pytest.fixture
def tokens(secured):
    """A proxy whose page gets tokens at `/token`; what it gives out is the test's."""
    with BlockingProxy(secured) as proxy:
        give(proxy, lambda: token("7", publish=["chat:*"]).encode())
        yield proxy


def test_what_a_page_sends(secured, tokens, browser, channel):
    """It is answered, or refused in words, or nobody knows."""
    name, other = f"chat:{channel}", f"chat:{channel}-other"
    with BrowserClient(browser, tokens, [name, other], token=True) as client:
        client.wait_open("websocket")
        receipt = client.call("publish", "grüße\n\n", {"channel": name, "event": "preis é", "contentType": "text/x"})
        client.wait_messages(["grüße\n\n"])
        (message,) = client.seen("messages")
        assert receipt["value"] in message["position"].split(",")
        assert (message["channel"], message["event"], message["contentType"]) == (name, "preis é", "text/x")
        browser.execute_script("client.publish(new Uint8Array([0, 255, 10, 10]), { channel: arguments[0] })", other)
        client.wait_messages(["grüße\n\n", [0, 255, 10, 10]])
        assert client.seen("messages")[1]["channel"] == other
        assert client.call("request", "echo", '{"a": 1}') == {"value": '["7", {"a": 1}]'}
        refused = client.call("publish", "which one?")
        assert refused["code"] == 400 and not refused["isSent"] and "channel" in refused["message"]
        # Nobody can say whether this one was published.
        tokens.is_frozen = True
        browser.execute_script(
            "client.publish('x', { channel: arguments[0] }).catch(({ isSent }) => { window.lost = isSent })", name
        )
        tokens.cut()
        client.wait("it says so", lambda: browser.execute_script("return window.lost") is True)
        tokens.is_frozen = False
        client.wait_open("websocket", 2)
        tokens.block("websocket", rule="400 Bad Request")
        tokens.cut()
        client.wait_open("stream", 3)
        refused = client.call("publish", "x", {"channel": name})
        assert refused["code"] == 0 and not refused["isSent"]


@pytest.mark.parametrize("way", WAYS)
def test_a_token_is_renewed_before_its_end(secured, tokens, browser, channel, way):
    """Nobody notices: it stays open and misses nothing."""
    give(tokens, lambda: token("7", 10).encode())
    name, sent = f"chat:{channel}", []
    # As early as it may, so that a busy machine has two seconds for it.
    before = "Math.random = () => 0"
    with BrowserClient(browser, tokens, name, token=True, before=before, ways=[way]) as client:
        client.wait_open(way)
        first = time.monotonic()
        publish_until(secured, name, sent, lambda: time.monotonic() > first + 12)
        client.wait_messages(sent)
        assert client.count("waiting") == 0, client.seen("states")
        assert client.gaps() == []
        assert 2 <= client.seen("tokens") <= 4
        assert way == "stream" or client.ways() == [way]


@pytest.mark.parametrize("way", WAYS)
def test_a_token_that_ends_too_early(secured, tokens, browser, channel, way):
    """The clock of the page may be wrong: then the server says that it is over, and it gets another."""
    give(tokens, lambda: token("7", 2, key=SECRET).encode())
    name, sent = f"chat:{channel}", []
    with BrowserClient(browser, tokens, name, token=True, ways=[way]) as client:
        client.wait_open(way)
        browser.execute_script("Date.now = () => 0")
        publish_until(secured, name, sent, lambda: client.seen("tokens") >= 3)
        client.wait("all", lambda: len(client.messages()) >= len(sent))
        assert client.messages() == sent and client.gaps() == []


@pytest.mark.parametrize(
    "claims, code",
    [({"sub": "7", "seconds": -10}, 401), ({"sub": None}, 403), (None, 401)],
    ids=["expired", "no user", "no token"],
)
def test_who_may_not_listen_is_told(secured, tokens, browser, channel, claims, code):
    """The status and the words come from the last of the ways, since a WebSocket hides them. Then it stops."""
    if claims is not None:
        give(tokens, lambda: token(**claims).encode())
    with BrowserClient(browser, tokens, f"chat:{channel}", token=claims is not None) as client:
        state = client.wait_state("closed")
        assert state["code"] == code and len(state["reason"]) > 20, state
        asked = sum(len(heads) for heads in tokens.heads.values())
        time.sleep(1)  # longer than any pause
        assert sum(len(heads) for heads in tokens.heads.values()) == asked <= 9


def test_a_page_that_is_logged_out(secured, tokens, browser, channel):
    """Without a token it asks nobody but the page, until there is one."""
    give(tokens, lambda: None)
    with BrowserClient(browser, tokens, f"chat:{channel}", token=True) as client:
        client.wait("it tries", lambda: client.seen("tokens") >= 3)
        assert "logged out" in client.seen("states")[-1]["reason"]
        assert not any(tokens.heads.values())
        give(tokens, lambda: token("7").encode())
        client.wait_open("websocket")


def test_a_backend_that_fails_later(secured, tokens, browser, channel):
    """The old token is used to its end: a backend that is away costs no connection."""
    give(tokens, lambda: token("7", 12).encode())
    name = f"chat:{channel}"
    with BrowserClient(browser, tokens, name, token=True) as client:
        client.wait_open("websocket")
        give(tokens, lambda: None)
        client.wait("it has asked for another", lambda: client.seen("tokens") >= 2)
        tokens.cut()
        client.wait_open("websocket", 2)
        secured.publish(name, "it still listens")
        client.wait_messages(["it still listens"])
        client.wait("the token ends", lambda: "no token" in client.seen("states")[-1]["reason"])
        give(tokens, lambda: token("7").encode())
        secured.publish(name, "and again")
        client.wait_messages(["it still listens", "and again"])


def test_a_backend_that_sends_a_page_away(start, plane, namespaces, browser, channel):
    """A code of its own from 4500 on is final, as in Centrifugo."""
    backend = Backend(connect={"disconnect": {"code": 4501, "reason": "log in first"}})
    server = start(plane, config=namespaces(backend.config("connect")))
    with BlockingProxy(server) as proxy, BrowserClient(browser, proxy, channel) as client:
        state = client.wait_state("closed")
        assert (state["code"], state["reason"]) == (4501, "log in first")
    backend.stop()


def test_a_user_who_is_put_out(secured, tokens, browser, channel):
    with BrowserClient(browser, tokens, f"chat:{channel}", token=True) as client:
        client.wait_open("websocket")
        assert secured.request("DELETE", "/users/7")[0] == 200
        assert client.wait_state("closed")["code"] == 4403


@pytest.mark.parametrize("way", WAYS)
def test_a_server_of_another_origin(start, plane, browser, channel, way):
    with BlockingProxy(start(plane)) as page:
        server = start(plane, allowed_origins=f"http://{page.host}", token_secret=SECRET)
        give(page, lambda: token("7").encode())
        with (
            BlockingProxy(server) as proxy,
            BrowserClient(browser, page, channel, server=proxy, token=True, ways=[way]) as client,
        ):
            client.wait_open(way)
            server.publish(channel, "one")
            client.wait_messages(["one"])
            proxy.cut()
            server.publish(channel, "two")
            client.wait_messages(["one", "two"])
        # The token is where no log has it: never in the URL.
        place = "switchboard.v1, bearer.ey" if way == "websocket" else "authorization: bearer ey"
        shown = [head.lower() for head in proxy.heads[way] if not head.startswith("OPTIONS")]
        assert len(shown) >= 2 and all(place in head and "token" not in head.split("\r\n")[0] for head in shown)
