#!/usr/bin/python3
"""The page with real programs: an index, a peer with the page, one that gives away and one that lends.

First what an owner does, then what must not get in or out: foreign hosts, hostile pages, used codes,
and books that are programs.
"""

import contextlib
import http.server
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.request

import browser
from browser import text_of, until, until_text, violations

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
browser.require()
from arkshare_test_client import BIN, FOLDER, Program  # noqa: E402

LEASE = "3s"
# A book that tells the recorder the token of the page, if its script runs where it can read it.
SCRIPT = """<script>document.title = 'ran'; new Image().src = 'http://127.0.0.1:%d/seen?' +
  localStorage.getItem('arkshare-token');</script>"""
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10">%s</svg>'


class Recorder(http.server.BaseHTTPRequestHandler):
    """Records what reaches another port of this machine."""

    seen = []

    def do_GET(self):
        self.seen.append(self.path)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args):
        pass


class Peer:
    def __init__(self, index, name, books, *options):
        self.index, self.options = index, options
        self.folder = pathlib.Path(FOLDER.name) / name
        self.folder.mkdir(exist_ok=True)
        self.control = f"unix:{self.folder}.sock"
        for book, data in books.items():
            self.write(book, data)
        self.start()

    def start(self):
        self.program = Program("arkshare-peer", "--index", self.index, "--share", str(self.folder),
                               "--control", self.control, *self.options)

    def write(self, name, data):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(data)

    def has(self, name):
        return (self.folder / name).exists()

    def cli(self, *args):
        done = subprocess.run([os.path.join(BIN, "arkshare-cli"), "--peer", self.control, *args],
                              text=True, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def open_url(self):
        return json.loads(self.cli("--json", "web", "--print"))["url"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class RealPeersTest(unittest.TestCase):
    """Programs and a browser that all tests share; each test has books of its own."""

    arguments = ()

    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.address = f"127.0.0.1:{free_port()}"
        cls.start_index()
        cls.stack.callback(lambda: cls.index.end())
        recorder = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
        threading.Thread(target=recorder.serve_forever, daemon=True).start()
        cls.stack.callback(recorder.server_close)
        cls.stack.callback(recorder.shutdown)
        script = SCRIPT % recorder.server_address[1]
        number = cls.__name__
        cls.giver = Peer(cls.address, f"{number}-giver", {
            "moved.txt": "m" * 5000, "seen.txt": "s" * 5000, "kept.txt": "k" * 5000})
        cls.lender = Peer(cls.address, f"{number}-lender", {"lent.txt": "l" * 5000}, "--policy", "copy")
        cls.owner = Peer(cls.address, f"{number}-owner", {
            "own.txt": "o", "draw.svg": SVG % script, "page.html": script}, "--web", f"127.0.0.1:{free_port()}")
        for peer in (cls.giver, cls.lender, cls.owner):
            cls.stack.callback(lambda peer=peer: peer.program.end())
        cls.driver = cls.stack.enter_context(browser.browser(arguments=cls.arguments))
        until(lambda: len(cls.owner.cli("--json", "peers").splitlines()) == 3, "all peers are listed")

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    @classmethod
    def start_index(cls):
        cls.index = Program("arkshare-index", "--listen", cls.address, "--lease", LEASE)

    def setUp(self):
        self.url = self.open()

    def open(self):
        url = self.owner.open_url()
        self.driver.get("about:blank")
        self.driver.get(url)
        until_text(self.driver, "online", ".peer")
        return url.split("#")[0]

    def tearDown(self):
        self.assertEqual(violations(self.driver), [])

    def js(self, script, *args):
        return self.driver.execute_script(script, *args)

    def go(self, view):
        self.driver.get(f"{self.url}#/{view}")

    def row(self, name):
        return until(lambda: self.js("""return Array.from(document.querySelectorAll('.rows .row'))
            .find((r) => !r.hidden && r.querySelector('.c-name').textContent === arguments[0])""",
                                     name), f"a row {name}")

    def button(self, text):
        until(lambda: self.js("""const found = Array.from((document.querySelector('dialog[open]') ??
            document).querySelectorAll('button')).find((b) => b.textContent.startsWith(arguments[0]) &&
              b.checkVisibility() && !b.disabled);
            found?.click();
            return found !== undefined""", text), f"a button {text}")


class OverviewTest(unittest.TestCase):
    """The page of an index: it looks, and changes nothing."""

    def test_peers_books_and_moves_are_seen(self):
        with contextlib.ExitStack() as stack:
            index = Program("arkshare-index", "--listen", "127.0.0.1:0", "--web", "127.0.0.1:0")
            stack.callback(index.end)
            url = "http://" + next(line.split("=", 1)[1] for line in index.lines
                                   if line.startswith("page address="))
            giver = Peer(index.address, "overview-giver", {"a/first.txt": "1" * 100, "second.txt": "2"})
            taker = Peer(index.address, "overview-taker", {})
            stack.callback(giver.program.end)
            stack.callback(taker.program.end)
            driver = stack.enter_context(browser.browser())
            driver.get(url)
            until_text(driver, "2 peers · 2 books", ".summary")
            taker.cli("get", "second.txt")
            until_text(driver, "second.txt", ".now")
            driver.find_element("css selector", "#search").send_keys("first")
            until_text(driver, "a/first.txt", ".rows")
            self.assertEqual(driver.execute_script(
                "return Array.from(document.querySelectorAll('.bar button:not([hidden])'), "
                "(b) => b.textContent)"), ["Select all"])
            self.assertEqual(violations(driver), [])


class OwnerTest(RealPeersTest):
    def test_a_book_that_is_got_moves_and_one_of_a_lender_is_copied(self):
        self.go("search?q=moved")
        self.row("moved.txt").click()
        self.button("Get: moves 1")
        until(lambda: self.owner.has("moved.txt") and not self.giver.has("moved.txt"), "it moved")
        self.go("search?q=lent")
        self.row("lent.txt").click()
        self.button("Get: copies 1")
        until(lambda: self.owner.has("lent.txt"), "it came")
        self.assertTrue(self.lender.has("lent.txt"))
        self.go("transfers")
        until_text(self.driver, "moved to you", ".rows")
        until_text(self.driver, "copied", ".rows")
        self.go("library")
        self.row("moved.txt")
        self.row("lent.txt")

    def test_a_row_tells_that_another_peer_took_its_book(self):
        self.go("search?q=seen")
        self.row("seen.txt")
        until_text(self.driver, "moves to you", ".rows .c-effect")
        until_text(self.driver, "● live", ".live")
        self.lender.cli("get", "seen.txt")
        # It is with a lender now: the row is in its place, and says that the book would be copied.
        until_text(self.driver, "copy", ".rows .c-effect")
        self.row("seen.txt")

    def test_limits_are_set(self):
        self.go("settings")
        field = until(lambda: self.js("return document.querySelectorAll('.page form input')[1]"), "a field")
        until(lambda: field.get_attribute("value") == "0", "the present limit")
        field.clear()
        field.send_keys("20 MiB/s\n")
        until(lambda: json.loads(self.owner.cli("--json", "status"))["upload_limit"] == 20 << 20, "the limit")

    def test_a_dropped_file_is_shared(self):
        self.go("library")
        until(lambda: self.js("return document.querySelector('.shade') !== null"), "it listens")
        with tempfile.TemporaryDirectory() as folder:
            book = pathlib.Path(folder) / "dropped é.txt"
            book.write_text("dropped")
            data = {"items": [], "files": [str(book)], "dragOperationsMask": 1}
            for kind in ("dragEnter", "dragOver", "drop"):
                self.driver.execute_cdp_cmd("Input.dispatchDragEvent", {
                    "type": kind, "x": 300, "y": 300, "data": data})
            self.button("Add")
            until_text(self.driver, "1 file is shared now.", ".toasts")
        self.row("dropped é.txt")
        self.assertEqual((self.owner.folder / "dropped é.txt").read_text(), "dropped")

    def test_an_index_that_is_away_is_told_and_comes_back(self):
        self.go("library")
        self.row("own.txt")
        type(self).index.end()
        until_text(self.driver, "Your own books are here.", ".banner", 60)
        self.row("own.txt")
        self.start_index()
        until(lambda: self.js("return document.querySelector('.banner').hidden"), "it is back", 60)
        self.go("search?q=kept")
        self.row("kept.txt")

    def test_a_killed_peer_is_told_and_after_its_restart_the_owner_signs_in_again(self):
        self.go("library")
        self.row("own.txt")
        self.owner.program.end(signal.SIGKILL)
        until_text(self.driver, "Your peer does not answer (since ", ".banner")
        self.row("own.txt")
        self.owner.start()
        until_text(self.driver, "arkshare-cli web", "body", 60)
        self.open()


class Hostile(http.server.BaseHTTPRequestHandler):
    """A page of another origin, which tries what it can with the peer's port."""

    def do_GET(self):
        body = f"""<!doctype html><title>hostile</title><body><script>
const peer = 'http://127.0.0.1:{self.server.peer_port}', out = window.results = {{}};
const record = (name) => (value) => {{ out[name] = String(value); }};
const call = (options) => fetch(peer + '/arkshare.v1.PeerService/GetStatus', {{method: 'POST', body: '{{}}',
  ...options}});
call({{headers: {{'Content-Type': 'application/json'}}}}).then(record('json'), record('json'));
call({{mode: 'no-cors', headers: {{'Content-Type': 'text/plain'}}}}).then((r) => record('plain')(r.status),
  record('plain'));
fetch(peer + '/', {{mode: 'cors'}}).then(record('page'), record('page'));
for (const [tag, name] of [['script', '/main.js'], ['img', '/icon.svg']]) {{
  const node = document.createElement(tag);
  node.onload = () => record(tag)('loaded');
  node.onerror = () => record(tag)('refused');
  node.src = peer + name;
  document.body.append(node);
}}
const frame = document.createElement('iframe');
frame.onload = () => {{ try {{ record('frame')(frame.contentDocument?.title ?? 'no document'); }}
  catch (e) {{ record('frame')('no access'); }} }};
frame.src = peer + '/';
document.body.append(frame);
</script>""".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class HostileTest(RealPeersTest):
    # Another name for this machine, as an attacker's name server would give.
    arguments = ("--host-resolver-rules=MAP evil.test 127.0.0.1",)

    @property
    def port(self):
        return int(self.url.rstrip("/").rsplit(":", 1)[1])

    def test_a_foreign_name_is_refused_with_what_to_do(self):
        self.driver.get(f"http://evil.test:{self.port}/")
        until_text(self.driver, "--web-host")
        self.assertEqual(self.js("return document.scripts.length"), 0)
        self.open()

    def test_a_page_of_another_origin_gets_nothing(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
        server.peer_port = self.port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.driver.get(f"http://127.0.0.1:{server.server_address[1]}/")
        results = until(lambda: self.js("return Object.keys(results).length === 6 && results"), "all tries")
        self.assertIn("TypeError", results["json"])
        self.assertIn("TypeError", results["plain"])
        self.assertIn("TypeError", results["page"])
        self.assertEqual([results["script"], results["img"]], ["refused", "refused"])
        self.assertNotEqual(results["frame"], "arkshare")
        self.js("window.violations = []")
        self.open()

    def test_there_is_no_cookie(self):
        self.assertEqual(self.driver.get_cookies(), [])

    def test_a_code_that_is_used_twice_ends_both_sessions(self):
        url = self.owner.open_url()
        self.driver.get("about:blank")
        self.driver.get(url)
        until_text(self.driver, "online", ".peer")
        self.assertNotIn("open=", self.driver.current_url)
        # Another program has read the address.
        request = urllib.request.Request(f"{self.url}session", method="POST", headers={
            "Content-Type": "application/json"}, data=json.dumps({"code": url.split("open=")[1]}).encode())
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=20)
        self.assertEqual(refused.exception.code, 403)
        until_text(self.driver, "was used twice", "main", 60)
        self.open()

    def test_a_book_that_is_a_program_does_not_run(self):
        """Opened by its address in the tab of the page itself: the strongest place for a script."""
        for name in ("draw.svg", "page.html"):
            path = self.driver.execute_async_script("""const done = arguments[1];
                fetch('/arkshare.v1.PeerService/OpenBook', {method: 'POST', headers: {
                  'Content-Type': 'application/json',
                  Authorization: `Bearer ${localStorage.getItem('arkshare-token')}`},
                  body: JSON.stringify({name: arguments[0]})}).then((r) => r.json()).then(
                  (body) => done(body.path ?? JSON.stringify(body)))""", name)
            self.assertTrue(path.startswith("/content/"), path)
            self.driver.get(self.url.rstrip("/") + path)
            self.assertNotEqual(self.driver.title, "ran", name)
        self.open()
        self.assertEqual(Recorder.seen, [])


if __name__ == "__main__":
    sys.exit(0 if unittest.main(exit=False, verbosity=2).result.wasSuccessful() else 1)
