"""One client attacks the index or a peer. An honest one measures before, during and after the attack."""

import contextlib
import dataclasses
import json
import os
import re
import subprocess
import threading
import time

import programs
from harness import MIB, Failed, Missing, check, figures_of, need
from hostile.phases import BEFORE, DURING, Phases
from report import Report, Target

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
PROTOS = ("types", "index", "file", "peer")
MODULES = ("grpc", "google.protobuf", "cryptography", "hpack")
LEASE_SECONDS = 5
LARGE_BOOK, SMALL_BOOK = "large book", "small book"
BOOKS_TO_TAKE = 100
# An attacker has a machine of its own: here it gets what the index, the peers and the client leave.
AS_ANOTHER_MACHINE = ("nice", "-n", "19")
INDEX, PEER = "index", "peer"
LONGEST_SECONDS = 150

# The wanted figures.
MOST_RATIO = 2  # p99 during the attack ÷ before
MOST_GROWN_MIB = 1.2 * 256  # the memory of a container of docker/compose.yaml, and a fifth
MOST_SECONDS_UNTIL_WELL = 5
MOST_REGISTER_MS = 2_000
MOST_LEDGER_MIB = 10  # 20,000 refusals, and SQLite's log
MOST_THREADS = 512


@dataclasses.dataclass
class Attack:
    """`asks` is the kind of call whose p99 is bounded; `shelf` the books that are listed beside."""
    name: str
    title: str
    target: str
    asks: str = None
    shelf: tuple = None
    registers: bool = False  # an honest registration is bounded as well
    controls: bool = False  # the owner's command must never fail, and threads are bounded
    fills_ledger: bool = False
    bounded: bool = True


ATTACKS = (
    Attack("watch", "1,000 watches that match nothing", INDEX, "search", (300_000, "short")),
    Attack("false-index", "an index that acknowledges too much", PEER),
    Attack("gzip-index", "compressed requests of 512 MiB", INDEX),
    Attack("gzip-peer", "the same", PEER),
    Attack("search", "16 searches for a letter", INDEX, "search", (100_000, "long")),
    Attack("tickets", "1,000 forged tickets a call", INDEX, "search"),
    Attack("bury", "good tickets of made-up sources", INDEX, "search"),
    Attack("sybil", "registrations of random keys", INDEX, "search", registers=True),
    Attack("starve", "ports that say nothing", INDEX, "search", registers=True),
    Attack("release", "releases of listings that never were", PEER, fills_ledger=True),
    Attack("calls", "5,000 calls that stay open", PEER, controls=True),
    Attack("settings", "calls beyond the limit", PEER, controls=True),
    Attack("unproven", "long names by unproven sessions", INDEX),
    Attack("windows", "80 downloads that take nothing", PEER, "download"),
    Attack("reset-index", "rapid resets", INDEX, bounded=False),
    Attack("reset-peer", "the same", PEER, bounded=False),
    Attack("headers-index", "endless headers", INDEX, bounded=False),
    Attack("headers-peer", "the same", PEER, bounded=False))
# One of each kind of scene.
SMOKE = ("watch", "false-index", "windows")


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
        subprocess.run([need("protoc"), f"-I{HERE}/../proto", f"--python_out={folder}",
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
        self.alive = True

    def python(self, program, *arguments, before=()):
        return self.stage.start([*before, programs.PYTHON, os.path.join(HERE, "hostile", program),
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
        honest = re.findall(r"\bid=(\d+)", "".join(p.process.whole_log() for p in (self.source, self.receiver)))
        lapsed = re.findall(r"lease_lapsed.*peer=(\d+)", self.network.index_process.whole_log())
        return sum(number in honest or number == self._shelf_id for number in lapsed)

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


def attacked(attack):
    """A contender: its sample's extra has all figures."""
    def contend(stage):
        scene = (FalseIndexScene if attack.name == "false-index" else WholeScene)(stage, attack)
        figures = {}

        def run():
            time.sleep(scene.sizes.before)
            resident, ledger = scene.target.reset_peak(), scene.ledger_bytes()
            begin = time.monotonic()
            scene.attacker.say("go")
            with threads_of(scene.target) as threads:
                done = figures_of(scene.attacker)
            end = time.monotonic()
            time.sleep(scene.sizes.after)
            alive = scene.target.popen.poll() is None
            client = scene.stop_client()
            phases = Phases(client["samples"], begin, end)
            figures.update({
                "attack": done, "alive": alive, "phases": phases,
                "grown MiB": (scene.target.peak() - resident) / MIB if alive else float("inf"),
                "threads": max(threads),
                "ledger MiB": (scene.ledger_bytes() - ledger) / MIB,
                "lapsed": scene.lapsed() + client["sessions lost"], "lost": client["lost"],
                "acknowledged": client["acknowledged"]})
        sample = stage.time(run, 0, limit=LONGEST_SECONDS)
        check(figures, "nothing was measured")
        sample.extra = figures
        return sample
    return contend


def targets_of(attack, found):
    """The wanted figures of one attack."""
    if not attack.bounded:
        return []
    phases, name = found["phases"], attack.name
    out = [Target(f"{name}: survives", float(found["alive"]), at_least=1),
           Target(f"{name}: {attack.target} grew MiB", found["grown MiB"], at_most=MOST_GROWN_MIB),
           Target(f"{name}: s until all is well", phases.seconds_until_well(),
                  at_most=MOST_SECONDS_UNTIL_WELL),
           Target(f"{name}: leases lapsed", found["lapsed"], at_most=0),
           Target(f"{name}: acknowledged and lost", found["lost"], at_most=0)]
    if attack.asks:
        out.append(Target(f"{name}: {attack.asks} p99, times", phases.ratio(attack.asks),
                          at_most=MOST_RATIO))
    if attack.registers:
        out.append(Target(f"{name}: Register, longest ms", phases.quantile("register", DURING, 1),
                          at_most=MOST_REGISTER_MS))
    if attack.controls:
        out.append(Target(f"{name}: owner's commands failed", phases.failed("status"), at_most=0))
        out.append(Target(f"{name}: threads", found["threads"], at_most=MOST_THREADS))
    if attack.fills_ledger:
        out.append(Target(f"{name}: ledger grew MiB", found["ledger MiB"], at_most=MOST_LEDGER_MIB))
    return out


# --- The table ---

KINDS = ("search", "connect", "beat", "register", "get", "download", "ping", "status")
HEAD = ("attack", "its calls", "an honest call, p99 ms", "others that take twice as long or fail",
        "grew MiB", "threads", "leases lapsed", "acknowledged, lost", "all well after s", "")


def _ms(value):
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def _of_kind(phases, kind):
    """The p99 before and during the attack, their ratio, and how many calls failed."""
    before, during = (phases.quantile(kind, phase, 0.99) for phase in (BEFORE, DURING))
    if before is None or during is None:
        return f"{kind}: —"
    failed = f", {phases.failed(kind)} failed" if phases.failed(kind) else ""
    return f"{kind} {_ms(before)} → {_ms(during)} (×{during / before:.1f}{failed})"


def _is_worse(phases, kind):
    return phases.failed(kind) > 0 or (phases.ratio(kind) or 0) > MOST_RATIO


def _verdict(attack, targets):
    if not attack.bounded:
        return "measured"
    missed = [target.text.split(": ")[1] for target in targets if target.verdict != "holds"]
    return "misses: " + ", ".join(missed) if missed else "holds"


def table(attacks, rows, targets):
    """(head, lines): a line an attack."""
    lines = []
    for attack, row in zip(attacks, rows):
        title = f"{attack.name}: {attack.title}"
        if not row.samples:
            lines.append([title, *[""] * (len(HEAD) - 2), row.missing.splitlines()[0]])
            continue
        found = row.samples[0].extra
        phases, asks = found["phases"], attack.asks or ("search" if attack.target == INDEX else "ping")
        ledger = f", its ledger {found['ledger MiB']:.1f}" if attack.fills_ledger else ""
        lines.append([
            title, ", ".join(f"{name} {value:,.0f}" for name, value in found["attack"].items()),
            _of_kind(phases, asks),
            "; ".join(_of_kind(phases, k) for k in KINDS if k != asks and _is_worse(phases, k)),
            f"{attack.target} {found['grown MiB']:,.0f}{ledger}" if found["alive"] else "died",
            str(found["threads"]), str(found["lapsed"]), f"{found['acknowledged']}, {found['lost']}",
            f"{phases.seconds_until_well():.1f}", _verdict(attack, targets[attack.name])])
    return HEAD, lines


def chosen(options):
    names = SMOKE if options.smoke else options.attacks or [attack.name for attack in ATTACKS]
    if unknown := set(names) - {attack.name for attack in ATTACKS}:
        raise Failed(f"no such attack: {', '.join(unknown)}")
    return [attack for attack in ATTACKS if attack.name in names]


def run(lab):
    make_stubs(lab)
    attacks = chosen(lab.options)
    rounds, lab.options.rounds = lab.options.rounds, 0
    try:
        rows = lab.measure([(attack.name, attacked(attack)) for attack in attacks])
    finally:
        lab.options.rounds = rounds
    targets = {attack.name: targets_of(attack, row.samples[0].extra) if row.samples else []
               for attack, row in zip(attacks, rows)}
    title = f"an honest client while another one attacks from {lab.options.attack_from}"
    return [Report("hostile", title, rows, attacks[0].name, [t for a in attacks for t in targets[a.name]],
                   table(attacks, rows, targets))]
