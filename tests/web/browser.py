"""A headless Chromium for the tests of the web page."""

import contextlib
import os
import pathlib
import shutil
import sys
import time

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
except ImportError:
    webdriver = None

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
SKIPPED = 77
# Violations of the policy are errors of the page.
WATCH_POLICY = """
window.violations = [];
addEventListener('securitypolicyviolation', (e) => violations.push(e.violatedDirective + ' ' + e.blockedURI));
addEventListener('error', (e) => violations.push(String(e.message)));
addEventListener('unhandledrejection', (e) => violations.push(String(e.reason?.stack ?? e.reason)));
"""


def require():
    """Ends the test as skipped where there is no browser."""
    missing = [name for name in (CHROMIUM, DRIVER) if not shutil.which(name)]
    if webdriver is None:
        missing.append("python3-selenium")
    if missing:
        print(f"SKIPPED: not installed: {', '.join(missing)} (scripts/setup test installs them)")
        sys.exit(SKIPPED)


@contextlib.contextmanager
def browser(width=1280, height=800, arguments=()):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                     "--disable-background-networking", "--disable-component-update",
                     f"--window-size={width},{height}", *arguments):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Service(DRIVER), options=options)
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH_POLICY})
    try:
        yield driver
    finally:
        driver.quit()


def set_size(driver, width, height):
    """The size of the page itself: a window has a smallest width."""
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})


def until(condition, what, seconds=20):
    """Waits for an event of the page, which has no other way to tell."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"did not happen within {seconds} s: {what}")
        time.sleep(0.02)


def until_text(driver, text, selector="body", seconds=20):
    until(lambda: text in text_of(driver, selector), f'"{text}" in {selector}', seconds)


def text_of(driver, selector):
    return driver.execute_script(
        "return Array.from(document.querySelectorAll(arguments[0]), (n) => n.innerText).join('\\n')",
        selector)


def violations(driver):
    return driver.execute_script("return window.violations ?? []")


def screenshots():
    """The folder for pictures of the page, in the build folder."""
    folder = pathlib.Path(os.environ.get("ARKSHARE_BIN", "/tmp/arkshare-web/bin")).parent / "web"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
