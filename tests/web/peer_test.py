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
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.request

import browser
from browser import text_of, until, until_text, violations

browser.require()
from peers import BIN, Peer, Program, free_port  # noqa: E402

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

    def choose(self, label, value):
        self.js("""const select = Array.from(document.querySelectorAll('label')).find((l) =>
            l.textContent.startsWith(arguments[0])).querySelector('select');
            select.value = arguments[1];
            select.dispatchEvent(new Event('change'))""", label, value)

    def wish(self, words, action):
        self.go("wishes")
        field = until(lambda: self.js("return document.querySelector('form.toolbar input[type=text]')"),
                      "a field")
        self.choose("When it is found", action)
        field.send_keys(f"{words}\n")
        self.row(words)

    def late_peer(self, name, books):
        peer = Peer(self.address, f"{type(self).__name__}-{name}", books)
        self.addCleanup(peer.program.end)
        return peer

    def test_a_wish_is_told_and_fetched_when_a_peer_with_the_book_joins(self):
        self.wish("late solaris", "COPY")
        self.go("search?q=late persuasion")
        until_text(self.driver, "No peer has a book with “late persuasion”.", "ark-table")
        self.button("Wish for this")
        self.go("wishes")
        self.row("late persuasion")
        self.late_peer("late", {"Late Solaris.txt": "solaris" * 700, "late persuasion.txt": "p" * 900})
        until_text(self.driver, "1 found, 1 got: Late Solaris.txt", ".rows")
        until_text(self.driver, "1 found: late persuasion.txt", ".rows")
        until(lambda: self.owner.has("Late Solaris.txt"), "the copy is here")
        self.assertFalse(self.owner.has("late persuasion.txt"))
        self.row("late persuasion").click()
        self.button("Show")
        self.row("late persuasion.txt")
        until_text(self.driver, "moves to you", ".rows .c-effect")
        self.go("wishes")
        self.row("late persuasion").click()
        self.button("Remove")
        until(lambda: "late persuasion" not in text_of(self.driver, ".rows"), "the row is gone")
        self.assertNotIn("late persuasion", self.owner.cli("wish", "list"))

    def test_a_wish_is_kept_when_the_peer_is_killed_and_the_index_is_another_one(self):
        self.wish("kept promise", "TELL")
        self.owner.program.end(signal.SIGKILL)
        type(self).index.end()
        self.start_index()
        self.owner.start()
        self.open()
        self.go("wishes")
        self.row("kept promise")
        until(lambda: "not watched" not in text_of(self.driver, ".rows"), "the index is watched")
        self.late_peer("promise", {"The Kept Promise.txt": "promise"})
        until_text(self.driver, "1 found: The Kept Promise.txt", ".rows")

    def test_what_goes_out_is_seen_at_the_source(self):
        self.owner.share("outgoing.bin", "out" * (2 << 20))
        self.owner.cli("limits", "--upload", "256KiB/s")
        taker = threading.Thread(target=self.lender.cli, args=("get", "outgoing.bin"))
        taker.start()
        self.addCleanup(taker.join)
        self.addCleanup(self.owner.cli, "limits", "--upload", "0")
        self.go("transfers")
        until_text(self.driver, "outgoing.bin", ".second .rows")
        until_text(self.driver, "127.0.0.1", ".second .rows")
        until(lambda: "↑ 0" not in text_of(self.driver, ".rates"), "the rate")
        self.owner.cli("limits", "--upload", "0")
        until_text(self.driver, "Going out 0", ".second")
        until(lambda: not self.owner.has("outgoing.bin"), "it has moved")
        self.go("history")
        self.row("outgoing.bin")
        until_text(self.driver, "gave", ".rows")

    def test_a_cancelled_download_is_fetched_when_the_owner_retries(self):
        self.giver.share("retried.bin", "again" * (1 << 20))
        self.owner.cli("limits", "--download", "128KiB/s")
        self.addCleanup(self.owner.cli, "limits", "--download", "0")
        self.go("search?q=retried")
        self.row("retried.bin").click()
        self.button("Get: moves 1")
        until_text(self.driver, "on its way", ".rows")
        self.go("transfers")
        self.row("retried.bin").click()
        self.button("Cancel")
        self.button("Cancel downloads")
        until_text(self.driver, "The download was cancelled.", ".rows")
        self.owner.cli("limits", "--download", "0")
        self.row("retried.bin").click()
        self.button("Retry")
        until(lambda: self.owner.has("retried.bin") and not self.giver.has("retried.bin"), "it moved")
        until_text(self.driver, "retried.bin\nmoved to you", ".rows")
        until(lambda: "cancelled" not in text_of(self.driver, ".rows"), "the failed one has left")
        self.go("history")
        self.row("retried.bin")
        until_text(self.driver, "got", ".rows")

    def test_the_browser_goes_back_to_the_search(self):
        self.go("search?q=kept")
        self.row("kept.txt")
        self.go("library")
        self.row("own.txt")
        self.driver.back()
        self.row("kept.txt")
        self.assertEqual(self.js("return document.getElementById('search').value"), "kept")
        self.driver.forward()
        self.row("own.txt")

    def test_a_book_in_limbo_is_taken_back_when_its_receiver_is_gone(self):
        self.owner.share("lost.txt", "lost" * 2000)
        taker = Peer(self.address, f"{type(self).__name__}-taker", {}, failpoints="receiver.released=kill")
        self.addCleanup(taker.program.end)
        taker.run("get", "lost.txt")
        taker.program.process.wait()
        self.assertFalse(self.owner.has("lost.txt"))
        self.go("limbo")
        self.row("lost.txt").click()
        self.button("Take back")
        self.button("Take back")
        until(lambda: self.owner.has("lost.txt"), "it is back")
        until(lambda: "lost.txt" not in text_of(self.driver, ".rows"), "limbo has it no more")
        self.go("library")
        self.row("lost.txt")

    def test_the_page_reads_one_stream_and_does_not_poll(self):
        self.go("library")
        self.row("own.txt")
        self.owner.share("streamed.txt", "streamed")
        self.row("streamed.txt")
        self.assertEqual(self.js("""return performance.getEntriesByType('resource').map(
            (one) => one.name.split('/').pop()).filter((name) => /^(List|Get|Watch)[A-Z]/.test(name))"""), [])

    def test_an_index_that_is_away_is_told_and_comes_back(self):
        self.go("library")
        self.row("own.txt")
        type(self).index.end()
        until_text(self.driver, "Your own books are here.", ".banner", 60)
        self.row("own.txt")
        self.go("search?q=kept")
        until_text(self.driver, "cannot reach the index", "ark-table")
        self.start_index()
        until(lambda: self.js("return document.querySelector('.banner').hidden"), "it is back", 60)
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

    def path_of(self, name):
        """The address of a book, as the page gets it."""
        path = self.driver.execute_async_script("""const done = arguments[1];
            fetch('/arkshare.v1.PeerService/OpenBook', {method: 'POST', headers: {
              'Content-Type': 'application/json',
              Authorization: `Bearer ${localStorage.getItem('arkshare-token')}`},
              body: JSON.stringify({name: arguments[0]})}).then((r) => r.json()).then(
              (body) => done(body.path ?? JSON.stringify(body)))""", name)
        self.assertTrue(path.startswith("/content/"), path)
        return path

    def test_a_book_that_is_a_program_does_not_run(self):
        """Opened by its address in the tab of the page itself: the strongest place for a script."""
        for name in ("draw.svg", "page.html"):
            path = self.path_of(name)
            for origin in (f"http://127.0.0.1:{self.port}", f"http://localhost:{self.port}"):
                self.driver.get(origin + path)
                self.assertNotEqual(self.driver.title, "ran", f"{name} at {origin}")
            self.open()
        self.assertEqual(Recorder.seen, [])

    def test_the_page_and_its_books_are_two_origins(self):
        self.go("library")
        self.row("own.txt").click()
        page = self.driver.current_window_handle
        self.button("Open")
        until(lambda: len(self.driver.window_handles) == 2, "a tab with the book")
        self.driver.switch_to.window(next(h for h in self.driver.window_handles if h != page))
        try:
            until(lambda: self.driver.current_url.startswith(f"http://localhost:{self.port}/content/"), "the book")
            until(lambda: "<pre" in self.driver.page_source, "its text")
        finally:
            self.driver.close()
            self.driver.switch_to.window(page)
        self.driver.get(f"http://127.0.0.1:{self.port}{self.path_of('own.txt')}")
        until_text(self.driver, "Books are read at another name than the page")
        # The name for books leads to the page, with the code.
        self.driver.get(self.owner.open_url().replace("127.0.0.1", "localhost"))
        until_text(self.driver, "online", ".peer")
        self.assertTrue(self.driver.current_url.startswith(self.url), self.driver.current_url)


# Run as another user: tries to get at secrets, and prints what came of it.
SNOOP = """
import glob, json, socket, sys
file, control, key, process = sys.argv[1:]

def attempt(what):
    try:
        what()
        return 'done'
    except OSError as error:
        return type(error).__name__

lines = []
for path in glob.glob('/proc/[0-9]*/cmdline'):
    try:
        lines.append(open(path, errors='replace').read())
    except OSError:
        pass
print(json.dumps({'lines': lines, 'file': attempt(lambda: open(file).read()),
  'key': attempt(lambda: open(key, 'rb').read()),
  'control': attempt(lambda: socket.socket(socket.AF_UNIX).connect(control)),
  'memory': attempt(lambda: open(f'/proc/{process}/mem', 'rb')),
  'environment': attempt(lambda: open(f'/proc/{process}/environ', 'rb').read())}))
"""
NOBODY = 65534


@unittest.skipUnless(os.geteuid() == 0, "only root can act as another user")
class OtherUserTest(unittest.TestCase):
    """Another user of the machine, to whom all folders are open that may be."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="arkshare-other-user-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        os.chmod(self.folder, 0o755)
        index = Program("arkshare-index", "--listen", "127.0.0.1:0")
        self.addCleanup(index.end)
        (self.folder / "control").mkdir(mode=0o700)  # the peer takes no other
        self.control = f"{self.folder}/control/socket"
        (self.folder / "books").mkdir(mode=0o755)
        self.peer = Program("arkshare-peer", "--index", index.address, "--share", str(self.folder / "books"),
                            "--control", f"unix:{self.control}", "--web", "127.0.0.1:0")
        self.addCleanup(self.peer.end)
        # A browser that tells which file it is to open, and waits.
        self.told, self.go_on = self.folder / "told", self.folder / "go-on"
        os.mkfifo(self.told)
        os.mkfifo(self.go_on)
        browser_file = self.folder / "xdg-open"
        browser_file.write_text(f'#!/bin/sh\necho "$1" >{self.told}\nread -r _ <{self.go_on}\n')
        browser_file.chmod(0o755)

    def post(self, path, body, token=""):
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(self.url + path, method="POST", headers=headers,
                                         data=json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def test_neither_code_nor_token_can_be_read(self):
        cli = subprocess.Popen([os.path.join(BIN, "arkshare-cli"), "--peer", f"unix:{self.control}", "web"],
                               text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={
                                   **os.environ, "DISPLAY": ":0", "PATH": f"{self.folder}:{os.environ['PATH']}"})
        try:
            self.url, code = cli.stdout.readline().strip().split("#/open=")
            file = self.told.read_text().strip()
            self.assertIn(code, pathlib.Path(file).read_text())
            self.assertEqual(os.stat(file).st_mode & 0o777, 0o600)
            done = subprocess.run(["/usr/bin/python3", "-c", SNOOP, file, self.control, str(
                self.folder / "books/.arkshare/key"), str(self.peer.process.pid)], user=NOBODY, group=NOBODY,
                extra_groups=[], cwd="/", text=True, capture_output=True, timeout=60, check=True)
            found = json.loads(done.stdout)
            lines = found.pop("lines")
            self.assertEqual(found, dict.fromkeys(
                ("file", "key", "control", "memory", "environment"), "PermissionError"))
            self.assertTrue([line for line in lines if file in line], "the browser's command line is seen")
            self.assertEqual([line for line in lines if code in line], [])
            status, answer = self.post("session", {"code": code})
            self.assertEqual(status, 200)
            token = answer["token"]
            self.assertEqual(self.post("arkshare.v1.PeerService/GetStatus", {}, token)[0], 200)
        finally:
            with open(self.go_on, "w") as go_on:
                go_on.write("\n")
            cli.wait(20)
            cli.stdout.close()
        self.assertEqual(cli.returncode, 0)
        self.assertFalse(os.path.exists(file), "the file is removed after the sign-in")
        # The port is open to all; without the token it says nothing.
        for guess in ("", "A" * 43, token[::-1]):
            self.assertEqual(self.post("arkshare.v1.PeerService/GetStatus", {}, guess)[0], 401)
        log = self.peer.read_log()
        self.assertNotIn(code, log)
        self.assertNotIn(token, log)


if __name__ == "__main__":
    sys.exit(0 if unittest.main(exit=False, verbosity=2).result.wasSuccessful() else 1)
