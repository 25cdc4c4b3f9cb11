"""Searches by exact name beside empty calls on the same server, and while a peer announces."""

from harness import figures_of
from report import Report, Target, extra

RATE = "searches ÷ empty calls"
READY = "answers that are ready ÷ empty calls"
P99 = "p99 at half load ÷ that of empty calls"
BUSY = "p99 while a peer announces ÷ when none does"
BOOKS = "books announced a second"
CATALOGS = (("100 k names, 10 holders each", 100_000), ("1 M names, 10 holders each", 1_000_000))


def index(names):
    def contend(stage):
        found = {}

        def ask():
            found.update(figures_of(stage.start(
                [stage.lab.program("arkshare-bench-index-search"), str(names), "10", "1000"],
                pipe=True)))
        sample = stage.time(ask, 0)
        sample.extra = {"searches a second": found["search_per_second"],
                        "empty calls a second": found["empty_per_second"],
                        RATE: found["search_to_empty"],
                        READY: found["ready_answer_to_empty"], P99: found["search_p99_to_empty"],
                        BOOKS: found["announced_per_second"],
                        BUSY: found["announcing_p99_to_quiet"]}
        return sample
    return contend


def run(lab):
    catalogs = CATALOGS[:1] if lab.options.quick else CATALOGS
    rows = lab.measure([(name, index(names)) for name, names in catalogs])
    targets = []
    for name, _ in catalogs:
        targets += [Target(f"{name}: {RATE}", extra(rows, name, RATE), at_least=0.9),
                    Target(f"{name}: {P99}", extra(rows, name, P99), at_most=3),
                    Target(f"{name}: {BOOKS}", extra(rows, name, BOOKS), at_least=400_000),
                    Target(f"{name}: {BUSY}", extra(rows, name, BUSY), at_most=2)]
    return [Report("search", "an index of 1 M and of 10 M holdings, server and clients on this machine",
                   rows, catalogs[0][0], targets)]
