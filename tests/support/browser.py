"""A real browser: headless Chromium, in a closed network."""

import shutil

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

# It must not look for updates, nor for anything else outside.
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--no-proxy-server", "--window-size=1280,900",
    # Pictures that move all the time take the processor from everything else.
    "--force-prefers-reduced-motion",
]  # fmt: skip


def open_browser(folder):
    """A browser with a profile of its own in the folder. The caller quits it."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in FLAGS:
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={folder}")
    # Tests of proxies use a certificate that nobody signed.
    options.accept_insecure_certs = True
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
