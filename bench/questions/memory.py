"""The memory that a holding costs the index, and how long keyword searches take inside of it."""

from harness import figures_of
from report import Report, Target, extra

RESIDENT = "bytes a holding"
KINDS = ("one_word", "two_words", "word_and_prefix", "common_word")
CATALOGS = (("ten holders a name", 10, 110), ("one holder a name", 1, 180))


def catalog(holders):
    def contend(stage):
        names = 100_000 if stage.lab.options.quick else 1_000_000
        found = {}

        def fill():
            found.update(figures_of(stage.start(
                [stage.lab.program("arkshare-bench-index-memory"), str(names), str(holders),
                 "1000"], pipe=True)))
        sample = stage.time(fill, 0)
        sample.extra = {RESIDENT: found["resident_bytes_per_holding"],
                        "of malloc": found["allocated_bytes_per_holding"]}
        for kind in KINDS:
            for part in ("p50", "p99"):
                sample.extra[f"{kind} {part} ms"] = found[f"{kind}_{part}_us"] / 1000
        return sample
    return contend


def run(lab):
    rows = lab.measure([(name, catalog(holders)) for name, holders, _ in CATALOGS])
    targets = [Target(f"{name}: {RESIDENT}", extra(rows, name, RESIDENT), at_most=most)
               for name, _, most in CATALOGS]
    first = CATALOGS[0][0]
    for kind in KINDS:
        for part, most in (("p50", 0.2), ("p99", 3)):
            label = f"{kind} {part} ms"
            targets.append(Target(f"{first}: {label}", extra(rows, first, label), at_most=most))
    return [Report("memory", "the index's catalog of a million names", rows, first, targets)]
