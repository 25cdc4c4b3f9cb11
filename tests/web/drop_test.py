#!/usr/bin/python3
"""Files that are dropped on the page of a real peer: many, a large one, names that are taken, a full disk,
and a tab that is closed in the middle.

ARKSHARE_DROP_FILES and ARKSHARE_DROP_BYTES give the number of small files and the size of the large one, in
place of numbers that take seconds.
"""

import contextlib
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import browser
from browser import text_of, until, until_text, violations

browser.require()
from peers import FOLDER, Peer, Program, free_port  # noqa: E402

FILES = int(os.environ.get("ARKSHARE_DROP_FILES", "1000"))
BYTES = int(os.environ.get("ARKSHARE_DROP_BYTES", str(128 << 20)))
CHUNK = 1 << 20


def hash_of(path):
    found = hashlib.sha256()
    with open(path, "rb") as file:
        for part in iter(lambda: file.read(CHUNK), b""):
            found.update(part)
    return found.digest()


class DropTest(unittest.TestCase):
    """One index and one browser for all; each test has a peer of its own."""

    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.index = Program("arkshare-index", "--listen", "127.0.0.1:0")
        cls.stack.callback(cls.index.end)
        cls.driver = cls.stack.enter_context(browser.browser())

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def setUp(self):
        sources = tempfile.TemporaryDirectory(prefix="dropped-", dir=FOLDER.name)
        self.addCleanup(sources.cleanup)
        self.sources = pathlib.Path(sources.name)

    def tearDown(self):
        self.assertEqual(violations(self.driver), [])

    def open(self, books=None):
        """Starts the peer, and opens its library."""
        self.owner = Peer(self.index.address, self.id().rsplit(".", 1)[1], books or {}, "--web",
                          f"127.0.0.1:{free_port()}")
        self.addCleanup(self.owner.program.end)
        self.open_page()

    def open_page(self):
        url = self.owner.open_url()
        self.driver.get("about:blank")
        self.driver.get(url)
        until_text(self.driver, "online", ".peer")
        self.driver.get(f"{url.split('#')[0]}#/library")
        until(lambda: self.js("return document.querySelector('.shade') !== null"), "the page takes drops")
        until(lambda: self.js("return document.querySelector('.summary')?.innerText.includes(' free')"),
              "the page knows the room on the disk")

    def js(self, script, *args):
        return self.driver.execute_script(script, *args)

    def source(self, name, data):
        path = self.sources / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(data)
        return path

    def drop(self, *paths):
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.driver.execute_cdp_cmd("Input.dispatchDragEvent", {
                "type": kind, "x": 300, "y": 300, "data": data})

    def button(self, text, seconds=20):
        until(lambda: self.js("""const found = Array.from(document.querySelectorAll('dialog[open] button'))
            .find((b) => b.textContent === arguments[0]);
            found?.click();
            return found !== undefined""", text), f"a button {text}", seconds)

    def staged(self):
        return os.listdir(self.owner.folder / ".arkshare/staging")

    def books(self):
        """The names of the files in the shared folder, with what is not shared."""
        return {str(path.relative_to(self.owner.folder)) for path in self.owner.folder.rglob("*")
                if path.is_file() and ".arkshare" not in path.parts}

    def see_row(self, name):
        until(lambda: name in text_of(self.driver, ".rows"), f"a row {name}")

    def test_many_small_files_at_once(self):
        self.open()
        for number in range(FILES):
            self.source(f"shelf/{number % 7}/book {number:05}.txt", f"book {number}")
        self.drop(self.sources / "shelf")
        until_text(self.driver, f"Add {FILES:,} files", "dialog", 60)
        self.button("Add")
        until_text(self.driver, f"{FILES:,} files are shared now.", ".toasts", 30 + FILES // 20)
        self.assertEqual(len(self.books()), FILES)
        last = f"shelf/{(FILES - 1) % 7}/book {FILES - 1:05}.txt"
        self.assertEqual((self.owner.folder / last).read_text(), f"book {FILES - 1}")
        until_text(self.driver, f"{FILES:,} books", ".summary", 60)
        self.assertEqual(self.staged(), [])

    def test_a_large_file(self):
        self.open()
        path = self.sources / "large.bin"
        with open(path, "wb") as file:  # sparse: all zeros but here and there
            for at in (0, BYTES // 2, BYTES - 8):
                file.seek(at)
                file.write(b"here %3d" % (at % 1000))
        self.drop(path)
        self.button("Add")
        until_text(self.driver, "1 file is shared now.", ".toasts", 120 + BYTES // (20 << 20))
        self.see_row("large.bin")
        self.assertEqual(os.path.getsize(self.owner.folder / "large.bin"), BYTES)
        self.assertEqual(hash_of(self.owner.folder / "large.bin"), hash_of(path))
        self.assertEqual(self.staged(), [])

    def test_names_that_are_taken(self):
        self.open({"taken.txt": "the owner's"})
        self.see_row("taken.txt")
        self.drop(self.source("taken.txt", "another"), self.source("free.txt", "free"),
                  self.source("late.txt", "late"))
        until_text(self.driver, "Add 2 files", "dialog")
        until_text(self.driver, "1 name is taken", "dialog")
        # While the owner reads the question, another program takes a name that was free.
        self.owner.write("late.txt", "of another program")
        self.button("Add")
        until_text(self.driver, "1 file is shared now.", ".toasts")
        until_text(self.driver, "late.txt", "dialog[open]")
        until_text(self.driver, "there is already a ", "dialog[open]")
        self.button("Close")
        self.assertEqual({name: (self.owner.folder / name).read_text() for name in self.books()}, {
            "taken.txt": "the owner's", "free.txt": "free", "late.txt": "of another program"})
        self.assertEqual(self.staged(), [])

    def test_a_full_disk(self):
        if os.geteuid() != 0:
            self.skipTest("SKIP: only root can mount a small disk")
        disk = pathlib.Path(FOLDER.name) / self.id().rsplit(".", 1)[1]
        disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)],
                          capture_output=True).returncode:
            self.skipTest("SKIP: no tmpfs may be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", str(disk)])
        self.open()
        self.drop(self.source("too large.bin", "x" * (9 << 20)))
        until_text(self.driver, "Not enough room", "dialog")
        self.button("Cancel")
        book = self.source("book.bin", "x" * (2 << 20))
        self.drop(book)
        until_text(self.driver, "Add 1 file", "dialog")
        # While the owner reads the question, another program fills the disk.
        filler = disk / ".filler"
        with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        self.button("Add")
        until_text(self.driver, "the disk of the shared folder has no room for the 2097152 bytes of book.bin",
                   "dialog[open]")
        self.button("Close")
        self.assertEqual((self.books(), self.staged()), ({".filler"}, []))
        # The page has heard of it, and does not ask in vain.
        until_text(self.driver, "0 B free", ".summary")
        self.drop(book)
        until_text(self.driver, "Not enough room: 2.0 MiB are missing.", "dialog")
        self.button("Cancel")
        filler.unlink()
        until(lambda: "0 B free" not in text_of(self.driver, ".summary"), "the page hears of the room")
        self.drop(book)
        self.button("Add")
        until_text(self.driver, "1 file is shared now.", ".toasts")
        self.assertEqual(self.books(), {"book.bin"})

    def test_a_tab_that_is_closed_leaves_nothing(self):
        self.open()
        other = self.driver.current_window_handle
        self.driver.switch_to.new_window("tab")
        self.open_page()
        # So slow that nothing can end by itself.
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {
            "offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 64 << 10})
        paths = [self.source(f"closed {number}.bin", "c" * (32 << 20)) for number in range(5)]
        self.drop(*paths)
        self.button("Add")
        until(lambda: len(self.staged()) == 3, "three are on their way")
        self.driver.close()
        self.driver.switch_to.window(other)
        until(lambda: self.staged() == [], "what has come is removed")
        self.assertEqual(self.books(), set())
        # Their names are free.
        self.open_page()
        self.drop(*paths)
        self.button("Add")
        until_text(self.driver, "5 files are shared now.", ".toasts", 60)
        self.assertEqual(len(self.books()), 5)


if __name__ == "__main__":
    sys.exit(0 if unittest.main(exit=False, verbosity=2).result.wasSuccessful() else 1)
