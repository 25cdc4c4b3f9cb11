"""The programs of one attack: an index, peers with books, an honest client, and the attacker."""

import contextlib
import dataclasses
import json
import os
import re
import subprocess
import threading

import programs
from harness import MIB, Missing, need

HERE = os.path.dirname(os.path.abspath(__file__))
PROTO_FOLDER = os.path.join(HERE, "..", "..", "proto")
PROTOS = ("types", "index", "file", "peer")
MODULES = ("grpc", "google.protobuf", "cryptography", "hpack")
LEASE_SECONDS = 5
LARGE_BOOK, SMALL_BOOK = "large book", "small book"
BOOKS_TO_TAKE = 100
# An attacker has a machine of its own: here it gets what the index, the peers and the client leave.
AS_ANOTHER_MACHINE = ("nice", "-n", "19")
INDEX, PEER = "index", "peer"


@dataclasses.dataclass
class Sizes:
    """Seconds of the phases, and by how much everything is smaller."""
    before: float
    attack: float
    after: float
    divisor: int = 1


def sizes(options):
    if options.smoke:
        return Sizes(1, 1, 1, 1000)
    return Sizes(2, 3, 4, 10) if options.quick else Sizes(5, 10, 10)


def make_stubs(lab):
    """Python's messages for the protos, in a folder of the lab."""
    for module in MODULES:
        if subprocess.run([programs.PYTHON, "-c", f"import {module}"], capture_output=True,
                          check=False).returncode != 0:
            raise Missing(f"Python's {module} is not installed: run scripts/setup bench")
    folder = os.path.join(lab.folder, "stubs")
    if not os.path.isdir(folder):
        os.mkdir(folder)
        subprocess.run([need("protoc"), f"-I{PROTO_FOLDER}", f"--python_out={folder}",
                        *(f"arkshare/v1/{name}.proto" for name in PROTOS)], check=True)
    return folder


class Scene:
    """An index, a source and a receiver, and an honest client of both."""

    def __init__(self, stage, attack):
        self.stage, self.attack, self.sizes = stage, attack, sizes(stage.lab.options)
        self._environment = dict(os.environ, ARKSHARE_BENCH_STUBS=make_stubs(stage.lab),
                                 PYTHONDONTWRITEBYTECODE="1")
        self.settings = {"cli": stage.lab.program("arkshare-cli"), "small book": SMALL_BOOK,
                         "books to take": [f"honest source {n:03}" for n in range(BOOKS_TO_TAKE)]}
        self.share = stage.new_folder("share")

    def python(self, program, *arguments, before=()):
        return self.stage.start([*before, programs.PYTHON, os.path.join(HERE, program),
                                 *map(str, arguments)], pipe=True, env=self._environment)

    def fill_share(self):
        for name in self.settings["books to take"]:
            with open(os.path.join(self.share, name), "wb") as file:
                file.write(name.encode() * 100)
        with open(os.path.join(self.share, SMALL_BOOK), "wb") as file:
            file.write(b"s" * 2000)
        with open(os.path.join(self.share, LARGE_BOOK), "wb") as file:
            file.truncate(64 * MIB)

    def start_client(self):
        path = self.stage.path("settings.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.settings, file)
        self._client = self.python("honest.py", path, self.stage.path("samples.json"))
        self._client.read_line("ready")

    def stop_client(self):
        self._client.say("stop")
        self._client.wait()
        with open(self.stage.path("samples.json"), encoding="utf-8") as file:
            return json.load(file)


class WholeScene(Scene):
    """The index and two peers, one of which takes books of the other, and perhaps a full shelf."""

    def __init__(self, stage, attack):
        super().__init__(stage, attack)
        self.network = programs.Arkshare(stage, index_options=("--lease", f"{LEASE_SECONDS}s"))
        self.fill_share()
        self.source = self.network.peer(self.share, "--policy", "move")
        self.receiver = self.network.peer(stage.new_folder("got"))
        self.network.wait_for_books(BOOKS_TO_TAKE + 2)
        self._shelf_id = None
        if attack.shelf is not None:
            count, style = attack.shelf
            self._shelf_id = self.python(
                "shelf.py", self.network.index, max(1000, count // self.sizes.divisor),
                style).read_line("ready ")
        self.settings |= {"index": self.network.index, "peer": self.source.address,
                          "control": self.source.control, "receiver": self.receiver.control,
                          "receiver folder": self.receiver.folder}
        self.start_client()
        self.target = (self.network.index_process if attack.target == INDEX
                       else self.source.process)
        small = ["--small"] if self.sizes.divisor > 1 else []
        self.attacker = self.python(
            "attacker.py", attack.name, "--index", self.network.index, "--target",
            self.network.index if attack.target == INDEX else self.source.address, "--source",
            stage.lab.options.attack_from, "--seconds", self.sizes.attack, "--large-book", LARGE_BOOK,
            *small, before=AS_ANOTHER_MACHINE)
        self.attacker.read_line("ready")

    def lapsed(self):
        """How many leases of honest peers the index has ended; the attackers' own do not count."""
        honest = {self._shelf_id}
        for peer in (self.source, self.receiver):
            honest.update(re.findall(r"registered id=(\d+)", peer.process.whole_log()))
        lapsed = re.findall(r"lease_lapsed peer=(\d+)", self.network.index_process.whole_log())
        return sum(number in honest for number in lapsed)

    def ledger_bytes(self):
        folder = os.path.join(self.share, ".arkshare")
        return sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder)
                   if name.startswith("ledger"))


class FalseIndexScene(Scene):
    """A peer with an index that lies to it."""

    def __init__(self, stage, attack):
        super().__init__(stage, attack)
        self.attacker = self.python("false_index.py", self.sizes.attack)
        address = self.attacker.read_line("serving address=")
        self.fill_share()
        self.source = programs.Arkshare(stage, index=address).peer(self.share)
        self.settings |= {"peer": self.source.address, "control": self.source.control}
        self.start_client()
        self.target = self.source.process

    def lapsed(self):
        return 0

    def ledger_bytes(self):
        return 0


@contextlib.contextmanager
def threads_of(process):
    """A list to which the number of the process's threads is added ten times a second."""
    counts, over = [0], threading.Event()

    def count():
        while not over.wait(0.1):
            with contextlib.suppress(OSError):
                counts.append(len(os.listdir(f"/proc/{process.pid}/task")))
    thread = threading.Thread(target=count)
    thread.start()
    try:
        yield counts
    finally:
        over.set()
        thread.join()
