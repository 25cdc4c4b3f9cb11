#!/usr/bin/python3
"""Answers the questions of bench/README.md. scripts/bench builds what it needs and calls it."""

import argparse
import contextlib
import importlib
import os
import signal
import sys

import net
import report
from harness import GIB, KIB, MIB, Failed, Lab, Missing

QUESTIONS = ("one", "wire", "hash", "small", "swarm", "far", "holders", "limit", "index",
             "memory", "search", "replicas", "trust", "nat", "web", "hostile")
HERE = os.path.dirname(os.path.abspath(__file__))


def size(text):
    for suffix, unit in (("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if text.endswith(suffix):
            return int(text[:-3]) * unit
    return int(text)


def parse():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("questions", nargs="*", metavar="QUESTION", default=[],
                        help="of " + ", ".join(QUESTIONS) + "; all when none is named")
    parser.add_argument("--bin", default=os.path.join(HERE, "..", "build", "bench", "bin"),
                        help="the folder of the programs")
    parser.add_argument("--rounds", type=int, default=3, help="runs that count; one more warms up")
    parser.add_argument("--size", type=size, default=GIB,
                        help="of the large book, as 256MiB; swarm takes a quarter, far a sixteenth")
    parser.add_argument("--count", type=int, default=1000, help="of the small books")
    parser.add_argument("--rows", type=int, default=1_000_000, help="web: of its largest library")
    parser.add_argument("--patience", type=int, default=2, help="repetitions of a noisy run")
    parser.add_argument("--seconds", type=float, default=600,
                        help="after which a question begins no more rounds")
    parser.add_argument("--congestion-control", default="cubic", help="of everybody's TCP")
    parser.add_argument("--quick", action="store_true", help="one round, a quarter of the sizes")
    parser.add_argument("--large", action="store_true", help="one: with four times the size too")
    parser.add_argument("--write", action="store_true", help="put the tables into bench/README.md")
    parser.add_argument("--smoke", action="store_true", help="one: arkshare and raw TCP alone")
    parser.add_argument("--attacks", type=lambda text: text.split(","), metavar="NAME,…",
                        help="hostile: only these")
    parser.add_argument("--attack-from", default="127.0.0.2", metavar="IP",
                        help="hostile: the attackers' address; 127.0.0.1 is the honest client's")
    options = parser.parse_args()
    if unknown := set(options.questions) - set(QUESTIONS):
        parser.error(f"no such question: {', '.join(unknown)}")
    if options.quick:
        options.rounds, options.size, options.count = 1, options.size // 4, options.count // 4
        options.rows //= 10
    return options


def answer(question, lab):
    module = importlib.import_module(f"questions.{question}")
    lab.say(f"\n{question}:")
    large = lab.options.size
    try:
        return module.run(lab)
    except (Missing, Failed) as error:
        lab.say(f"SKIP {question}: {error}")
        return []
    finally:
        lab.options.size = large
        lab.forget_books()


def main():
    options = parse()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda n, _: sys.exit(128 + n))
    reports = []
    with contextlib.ExitStack() as cleanup:
        lab = Lab(options, cleanup)
        # An impatient second Ctrl-C must not interrupt the cleaning up.
        cleanup.callback(signal.signal, signal.SIGINT, signal.SIG_IGN)
        net.use_loopback(lab)
        where = report.machine(lab)
        for question in options.questions or QUESTIONS:
            answered = answer(question, lab)
            for one in answered:
                lab.say("\n" + report.on_terminal(one))
            reports += answered
    print(where)
    if options.write:
        report.write_readme(os.path.join(HERE, "README.md"), where, reports)
    noisy = [f"{r.name}: {row.name}" for r in reports for row in r.rows if row.noisy]
    if noisy:
        print("Others used the machine too much, do not trust these: " + "; ".join(noisy))
    wanted = [t for r in reports for t in r.targets if t.wanted]
    print(f"{sum(t.verdict == 'holds' for t in wanted)} of {len(wanted)} targets hold")
    return 0 if reports else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
