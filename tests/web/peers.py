"""Real peers for the tests of the web page. Importing it ends the process as arkshare_test_client does."""

import json
import os
import pathlib
import socket
import subprocess
import sys

from browser import until

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from arkshare_test_client import BIN, FOLDER, Program  # noqa: E402


class Peer:
    def __init__(self, index, name, books, *options, failpoints=""):
        self.index, self.options, self.failpoints = index, options, failpoints
        self.folder = pathlib.Path(FOLDER.name) / name
        self.folder.mkdir(exist_ok=True)
        self.control = f"unix:{self.folder}.sock"
        for book, data in books.items():
            self.write(book, data)
        self.start()

    def start(self):
        self.program = Program("arkshare-peer", "--index", self.index, "--share", str(self.folder),
                               "--control", self.control, *self.options,
                               env={**os.environ, "ARKSHARE_FAILPOINTS": self.failpoints})

    def write(self, name, data):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(data)

    def share(self, name, data):
        """A book is here, and the index lists it."""
        self.write(name, data)
        until(lambda: self.run("search", "--name", name).returncode == 0, f"the index lists {name}")

    def has(self, name):
        return (self.folder / name).exists()

    def run(self, *args):
        return subprocess.run([os.path.join(BIN, "arkshare-cli"), "--peer", self.control, *args],
                              text=True, capture_output=True, timeout=60)

    def cli(self, *args):
        done = self.run(*args)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def open_url(self):
        return json.loads(self.cli("--json", "web", "--print"))["url"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
