"""A peer with a large library, and its page: by a program's calls, and in a browser."""

import contextlib
import http.client
import json
import os
import shutil
import statistics
import sys
import time
import urllib.request

import programs
from harness import Missing, check

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "web"))
import browser  # noqa: E402
import fixture  # noqa: E402
import samples  # noqa: E402

SERVICE = "/arkshare.v1.PeerService/"
# Notes when the first row of a list was there, and when all of them were.
MARKS = """
window.marks = {};
const watch = setInterval(() => {
  const row = document.querySelector('.rows .row:not([hidden])');
  if (row) marks.first ??= performance.now();
  const count = document.querySelector('ark-table')?.order?.keys.length ?? 0;
  if (count >= %d) { marks.all = performance.now(); clearInterval(watch); }
}, 5);
"""


def need_browser():
    for program in (browser.CHROMIUM, browser.DRIVER):
        if not shutil.which(program):
            raise Missing(f"{program} is not installed")
    if browser.webdriver is None:
        raise Missing("python3-selenium is not installed")


class PeerWithPage:
    """An index and a peer that shares `count` small books, all listed."""

    def __init__(self, stage, count):
        self.stage, self.count = stage, count
        self.books = stage.new_folder("books")
        for number in range(count):
            shelf = os.path.join(self.books, f"shelf {number // 1000:03}")
            os.makedirs(shelf, exist_ok=True)
            with open(os.path.join(shelf, f"book {number:06}.txt"), "w", encoding="ascii") as file:
                file.write(f"{number:06}" * 20)
        # The browser is not in a namespace of the lab.
        arkshare = programs.Arkshare(stage, namespace=None)
        self.cli = [arkshare.cli, "--peer"]
        self.peer = arkshare.peer(self.books, namespace=None)
        self.process = self.peer.process
        self.cli.append(self.peer.control)
        self.wait_for(lambda: self.status()["book_count"] == count and self.status()["online"])
        self.wait_for(lambda: self.listed(f"shelf 000/book {0:06}.txt"))

    def run(self, *args):
        command = self.stage.start([*self.cli, "--json", *args], None, pipe=True)
        output = command.popen.stdout.read()
        code = command.popen.wait()
        return [json.loads(line) for line in output.splitlines()] if code == 0 else []

    def status(self):
        (status,) = self.run("status")
        return status

    def listed(self, name):
        return bool(self.run("search", "--name", name))

    def wait_for(self, condition, seconds=150):
        end = time.monotonic() + seconds
        while not condition():
            check(time.monotonic() < end, "the peer did not get ready")
            time.sleep(0.2)

    def open_url(self):
        (opened,) = self.run("web", "--print")
        return opened["url"]

    def sign_in(self):
        """Returns the calls of a program that is signed in."""
        url, code = self.open_url().split("#/open=")
        request = urllib.request.Request(f"{url}session", data=json.dumps({"code": code}).encode(),
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return Calls(url.removeprefix("http://").rstrip("/"), json.load(answer)["token"])


class PeerOfRows(fixture.FakePeer):
    """The tests' fixture with a library of `count` books, which no disk here has to hold. Its messages are
    made before they are asked for, so what is measured is the browser."""

    def __init__(self, count, built):
        super().__init__()
        self.count = count
        self.messages = [json.dumps({"library": samples.library(fixture.PAGE_SIZE, first)}).encode()
                         for first in range(0, count, fixture.PAGE_SIZE)]
        self.server = fixture.Fixture(self, built if built.is_dir() else fixture.PAGE)

    def status_now(self):
        return {**self.status, "bookCount": str(self.count), "bookBytes": str(84 << 30)}

    def watch_own(self):
        yield {"bootId": self.boot_id, "status": self.status_now()}
        yield from self.messages
        yield {"snapshotComplete": True}
        yield from self.follow(self.own_watchers)

    def open_url(self):
        return self.server.open_url

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Calls:
    """Calls of one session over connections that stay open."""

    def __init__(self, address, token):
        self.address, self.headers = address, {"Authorization": f"Bearer {token}"}
        self.connection = http.client.HTTPConnection(address, timeout=60)
        self.connection.connect()

    def rest(self):
        """Lets go of the connection, which the peer ends after a minute without calls."""
        self.connection.close()

    def call(self, name, body=None):
        self.connection.request("POST", SERVICE + name, json.dumps(body or {}), {
            **self.headers, "Content-Type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read()
        check(answer.status == 200, f"{name}: {text!r}")
        return json.loads(text)

    def open_stream(self, name, body):
        """Begins a stream, and reads the first bytes of it. Close it to end it."""
        message = json.dumps(body).encode()
        stream = http.client.HTTPConnection(self.address, timeout=60)
        stream.request("POST", SERVICE + name, b"\0" + len(message).to_bytes(4, "big") + message, {
            **self.headers, "Content-Type": "application/connect+json"})
        answer = stream.getresponse()
        check(answer.status == 200, f"{name}: {answer.status}")
        answer.read1()
        return stream

    def put(self, name, path):
        connection = http.client.HTTPConnection(self.address, timeout=120)
        with contextlib.closing(connection), open(path, "rb") as file:
            connection.request("PUT", f"/books/{name}", file, {
                **self.headers, "Content-Length": str(os.path.getsize(path))})
            answer = connection.getresponse()
            text = answer.read()
            check(answer.status == 201, f"PUT: {text!r}")


class Page:
    """The page in a browser that is signed in."""

    def __init__(self, driver, scene):
        self.driver, self.scene = driver, scene
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": MARKS % scene.count})
        driver.execute_cdp_cmd("Performance.enable", {})
        self.url = scene.open_url()
        driver.get(self.url)
        browser.until_text(driver, "online", ".peer", 60)

    def js(self, script, *args):
        return self.driver.execute_script(script, *args)

    def wait(self, script, what, seconds=60):
        return browser.until(lambda: self.js(script), what, seconds)

    def load(self, view):
        """Loads the whole page again, at this view."""
        self.driver.get("about:blank")
        self.driver.get(f"{self.url.split('#')[0]}#/{view}")

    def go(self, view):
        self.js("location.hash = arguments[0]", f"#/{view}")
        self.wait(f"return document.querySelector('[aria-current]')?.hash === '#/{view.split('?')[0]}'", view)

    def metric(self, name):
        metrics = self.driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        return next(metric["value"] for metric in metrics if metric["name"] == name)

    def first_paint(self):
        return self.wait("return performance.getEntriesByName('first-contentful-paint')[0]?.startTime",
                         "the first paint")

    def cost(self):
        """Bytes and requests of the page's own files."""
        return self.js("""const files = [...performance.getEntriesByType('navigation'),
            ...performance.getEntriesByType('resource')].filter((one) => !/arkshare\\.v1|session$/.test(one.name));
            return [files.reduce((sum, one) => sum + one.encodedBodySize, 0), files.length]""")

    def drop(self, path):
        data = {"items": [], "files": [path], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.driver.execute_cdp_cmd("Input.dispatchDragEvent", {
                "type": kind, "x": 300, "y": 300, "data": data})

    def press(self, text):
        self.wait(f"""const found = Array.from(document.querySelectorAll('dialog[open] button')).find((b) =>
            b.textContent.startsWith('{text}'));
            found?.click();
            return found !== undefined""", text)


@contextlib.contextmanager
def opened(scene):
    """The page in a new browser, which has nothing in its cache."""
    with browser.browser() as driver:
        yield Page(driver, scene)


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def median_ms(times):
    return statistics.median(times) * 1000
