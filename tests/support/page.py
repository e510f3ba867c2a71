"""The page at `GET /` in a browser, by what stands on it."""

import pathlib

from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from .raw_http import ask, get

OUT = pathlib.Path(__file__).resolve().parents[1] / "out"
WAIT_S = 20


def refusal_of(server, channel):
    """Status and sentence with which a server refuses a channel."""
    answer = ask(server, get(server, f"/sub/{channel}?poll=1"))
    return answer.status, answer.body.decode().strip()


class Page:
    """The page, freshly opened."""

    def __init__(self, browser, server, fragment=""):
        self.browser = browser
        browser.get("about:blank")  # or only the fragment would change
        browser.get_log("browser")
        browser.get(server.url("/" + fragment))

    def element(self, name):
        return self.browser.find_element(By.ID, name)

    def text(self, name):
        return self.element(name).text

    def keep_what_it_says(self, *names):
        """Notes the texts of these elements whenever they change: a look from here may come too late."""
        self.browser.execute_script(
            """
            const elements = [...arguments].map((name) => document.getElementById(name));
            window.said = [];
            new MutationObserver(() => said.push(elements.map((one) => one.innerText)))
              .observe(document.body, { subtree: true, childList: true, characterData: true });
            """,
            *names,
        )

    def said(self):
        """All that it said since, oldest first."""
        return self.browser.execute_script("return window.said")

    def write(self, name, text):
        self.element(name).clear()
        self.element(name).send_keys(text)

    def click(self, name):
        self.element(name).click()

    def wait(self, what, condition):
        WebDriverWait(self.browser, WAIT_S, poll_frequency=0.05).until(
            lambda _: condition(), f"{what}; the page says: {self.text('state')!r}"
        )

    def wait_for_state(self, state):
        self.wait(
            f"state {state}", lambda: self.element("state").get_attribute("data-state") == state
        )

    def messages(self):
        # In one go: a question for each of hundreds would take seconds.
        script = "return [...document.querySelectorAll('#messages li')].map((li) => li.innerText)"
        return self.browser.execute_script(script)

    def wait_for_message(self, *parts):
        self.wait(
            f"message {parts}",
            lambda: any(all(part in message for part in parts) for message in self.messages()),
        )

    def complaints(self):
        """What the browser's console says, such as violations of the page's own policy."""
        return [entry["message"] for entry in self.browser.get_log("browser")]

    def screenshot(self, name):
        OUT.mkdir(exist_ok=True)
        self.browser.save_screenshot(str(OUT / f"{name}.png"))
