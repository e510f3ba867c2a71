"""The browser client `clients/js/switchboard.js` in a page."""

import json

from selenium.webdriver.support.ui import WebDriverWait

WAIT_S = 30
# Short, so that tests do not wait for what people would not notice.
QUICK = {"openMs": 1_500, "backoffMs": 100, "backoffMaxMs": 400, "betterMs": 3_600_000}

START = """
const [origin, channels, options, withToken] = arguments;
const done = arguments[arguments.length - 1];
const seen = (window.seen = { messages: [], gaps: [], states: [], tokens: 0 });
async function start() {
  while (!window.Switchboard) await new Promise((resolve) => setTimeout(resolve, 10));
  localStorage.removeItem(`switchboard ${origin}`);
  if (withToken) {
    options.token = async () => {
      seen.tokens += 1;
      const response = await fetch("/token");
      if (!response.ok) throw new Error("logged out");
      return response.text();
    };
  }
  window.client = new Switchboard(origin, channels, options);
  client.on("message", (message) => {
    if (typeof message.data !== "string") message = { ...message, data: [...message.data], isBinary: true };
    seen.messages.push(message);
  });
  client.on("gap", (gap) => seen.gaps.push(gap));
  client.on("state", (state) => seen.states.push(state));
}
start().then(() => done(null), (error) => done(String(error)));
"""
CALL = """
const [method, ...words] = arguments;
const done = words.pop();
const failed = ({ message, code, isSent }) => done({ message, code, isSent });
client[method](...words).then((value) => done({ value }), failed);
"""


class BrowserClient:
    """The client, started in a page that comes from `origin`, and listening to the server at `server`."""

    def __init__(self, browser, origin, channels, server=None, token=False, before="", **options):
        self.browser = browser
        browser.get(origin.url("/page"))
        browser.execute_script(before)
        channels = [channels] if isinstance(channels, str) else channels
        arguments = (server or origin).url(""), channels, {**QUICK, **options}, token
        assert browser.execute_async_script(START, *arguments) is None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.browser.execute_script("window.client.close()")

    def seen(self, what):
        return self.browser.execute_script("return window.seen[arguments[0]]", what)

    def messages(self):
        return [message["data"] for message in self.seen("messages")]

    def gaps(self):
        return self.seen("gaps")

    def state(self):
        return self.browser.execute_script("return window.client.state")

    def ways(self):
        """The ways that it was open on, one after the other."""
        return [state["way"] for state in self.seen("states") if state["state"] == "open"]

    def count(self, state):
        return sum(found["state"] == state for found in self.seen("states"))

    def call(self, method, *words):
        """What one of its methods gives, or why it fails."""
        return self.browser.execute_async_script(CALL, method, *words)

    def wait(self, what, condition, within_s=WAIT_S):
        def words():
            states = json.dumps(self.seen("states")[-6:])
            return f"{what}; it says {states}, gaps {self.gaps()[-3:]}, {self.messages()[-3:]}"

        try:
            WebDriverWait(self.browser, within_s, 0.05).until(lambda _: condition())
        except Exception as error:
            raise AssertionError(words()) from error

    def wait_open(self, way, times=1):
        """Until it has been open so often, the last time on this way, and is."""
        self.wait(
            f"open on {way}",
            lambda: len(self.ways()) >= times and (s := self.state())["state"] == "open" and s["way"] == way,
        )

    def wait_messages(self, expected):
        self.wait(f"{expected}", lambda: self.messages() == expected)

    def wait_state(self, state):
        self.wait(state, lambda: self.state()["state"] == state)
        return self.state()
