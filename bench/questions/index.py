"""The index under load: thousands of peers, a kill and a restart, watchers, and moves of books."""

import databases
from databases import PER_SECOND
from harness import check, figures_of
from report import Report, Target, extra

TITLE = "an index under load"
SEARCH = "Search by exact name"
LONGEST_SECONDS = 1200


def run_load(stage, mode, *options):
    """A sample of one mode of arkshare-bench-index-load; what it tells is the sample's extra."""
    told = {}

    def run():
        told.update(figures_of(stage.start(
            [stage.lab.program("arkshare-bench-index-load"), mode, "--program",
             stage.lab.program("arkshare-index"), *options], pipe=True)))
    sample = stage.time(run, 0, limit=LONGEST_SECONDS)
    check(told, f"{mode} has told nothing")
    sample.extra = told
    return sample


def load(mode, *options):
    return lambda stage: run_load(stage, mode, "--state", stage.path("peers"), *options)


def search(stage):
    """As the databases are asked; the question `search` has more of it."""
    told = {}

    def ask():
        told.update(figures_of(stage.start(
            [stage.lab.program("arkshare-bench-index-search"), str(databases.NAMES),
             str(databases.HOLDERS), "1000"], pipe=True)))
    sample = stage.time(ask, 0)
    sample.extra = {PER_SECOND: told["search_per_second"]}
    return sample


def run(lab):
    peers = 500 if lab.options.quick else 10_000
    seconds = "20s" if lab.options.quick else "600s"
    watching = "5s" if lab.options.quick else "40s"
    rounds, lab.options.rounds = lab.options.rounds, 0
    try:
        rows = lab.measure([
            ("peers", load("peers", "--peers", str(peers), "--time", seconds)),
            ("rebirth", load("rebirth", "--peers", str(peers))),
            ("watch", load("watch", "--time", watching)),
            ("owner", load("owner")),
            (SEARCH, search),
            ("redis-server, GET", databases.redis(("GET", "key:__rand_int__"),
                                                  ("SET", "key:__rand_int__", "holder"))),
            ("redis-server, SMOVE one by one",
             databases.redis(("SMOVE", "source", "receiver", "book"))),
            ("PostgreSQL, holders by exact name", databases.postgres)])
    finally:
        lab.options.rounds = rounds

    def told(row, name):
        return extra(rows, row, name) if any(r.name == row and r.samples for r in rows) else None
    return [Report("index", f"{TITLE}, {peers:,} peers with 100 books each", rows, "rebirth", [
        Target("resident, MiB", told("peers", "index resident, most MiB"), at_most=500),
        Target("CPU for beats, % of a core", told("peers", "index CPU for beats, % of a core"),
               at_most=35),
        Target("silent peers gone too early", told("peers", "silent peers gone too early"),
               at_most=0),
        Target("gone after the lease, longest ms",
               told("peers", "gone after the lease, longest ms"), at_most=1000),
        Target("searchable again after a kill, s", told("rebirth", "searchable again after s"),
               at_most=10),
        Target("peers confused about their number",
               told("rebirth", "peers confused about their number"), at_most=0),
        Target("from a change to its watchers, p99 ms",
               told("watch", "from a change to its watchers, p99 ms"), at_most=50),
        Target("watchers that have seen everything, once",
               told("watch", "watchers that have seen everything, once"), at_least=100),
        Target("a watcher that does not read is cut off with WATCH_LAGGED",
               told("watch", "a watcher that does not read is cut off with WATCH_LAGGED"), at_least=1),
        Target("growth for a watcher that does not read, MiB",
               told("watch", "index has grown by MiB"), at_most=8),
        Target("moves by 100, books a second",
               told("owner", "moves by 100, books a second"), at_least=25_000),
        Target("single moves a second", told("owner", "single moves, books a second"),
               at_least=4_000)])]
