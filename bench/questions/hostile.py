"""One client attacks the index or a peer. An honest one measures before, during and after the attack."""

import dataclasses
import time

from harness import MIB, Failed, check, figures_of
from hostile.phases import BEFORE, DURING, Phases
from hostile.scene import INDEX, PEER, FalseIndexScene, WholeScene, make_stubs, threads_of
from report import Report, Target

# The longest that an attack may take with all that comes before and after it.
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
    Attack("gzip-peer", "the same at a peer", PEER),
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
    Attack("reset-peer", "the same at a peer", PEER, bounded=False),
    Attack("headers-index", "endless headers", INDEX, bounded=False),
    Attack("headers-peer", "the same at a peer", PEER, bounded=False))
# One of each kind of scene.
SMOKE = ("watch", "false-index", "windows")


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


def targets_of(attack, row):
    """The wanted figures of one attack."""
    name = attack.name
    if not attack.bounded:
        return []
    if not row.samples:
        return [Target(f"{name}: is measured", None, at_least=1)]
    found = row.samples[0].extra
    phases = found["phases"]
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
# The calls in the table: one of the attacked program, and one of the other program, which shows how much
# of a delay comes from the machine that they share.
SHOWN = {INDEX: ("search", "ping"), PEER: ("ping", "search")}
HEAD = ("attack", "its calls", "an honest call, p99 ms", "at the program that is not attacked",
        "others that take twice as long or fail", "grew MiB", "threads", "leases lapsed", "acknowledged, lost", "all well after s", "")


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


def line_of(attack, row, targets):
    """The cells of an attack."""
    title = f"{attack.name}: {attack.title}"
    if not row.samples:
        return [title, *[""] * (len(HEAD) - 2), row.missing.splitlines()[0]]
    found = row.samples[0].extra
    phases, (asks, elsewhere) = found["phases"], SHOWN[attack.target]
    asks = attack.asks or asks
    ledger = f", its ledger {found['ledger MiB']:.1f}" if attack.fills_ledger else ""
    return [
        title, ", ".join(f"{name} {value:,.0f}" for name, value in found["attack"].items()),
        _of_kind(phases, asks), _of_kind(phases, elsewhere),
        "; ".join(_of_kind(phases, kind) for kind in KINDS
                  if kind not in (asks, elsewhere) and _is_worse(phases, kind)),
        f"{attack.target} {found['grown MiB']:,.0f}{ledger}" if found["alive"] else "died",
        str(found["threads"]), str(found["lapsed"]), f"{found['acknowledged']}, {found['lost']}",
        f"{phases.seconds_until_well():.1f}",
        _verdict(attack, targets) + (", noisy" if row.noisy else "")]


def chosen(options):
    names = SMOKE if options.smoke else options.attacks or [attack.name for attack in ATTACKS]
    if unknown := set(names) - {attack.name for attack in ATTACKS}:
        raise Failed(f"no such attack: {', '.join(unknown)}")
    return [attack for attack in ATTACKS if attack.name in names]


def run(lab):
    make_stubs(lab)
    attacks = chosen(lab.options)
    rows, lines, targets = [], [], []
    rounds, lab.options.rounds = lab.options.rounds, 0
    try:
        for attack in attacks:
            rows += lab.measure([(attack.name, attacked(attack))])
            wanted = targets_of(attack, rows[-1])
            targets += wanted
            lines.append(line_of(attack, rows[-1], wanted))
            # A run takes minutes: each attack is told at once.
            lab.say("    " + "; ".join(filter(None, lines[-1][1:])))
    finally:
        lab.options.rounds = rounds
    title = f"an honest client while another one attacks from {lab.options.attack_from}"
    return [Report("hostile", title, rows, attacks[0].name, targets, (HEAD, lines))]
