"""From rows to tables: medians, spread, ratios, what must hold, and the README's part."""

import dataclasses
import datetime
import os
import platform
import re
import statistics

from harness import MIB

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


@dataclasses.dataclass
class Target:
    """A figure and what must hold of it; `value` is None when it could not be measured."""
    text: str
    value: float
    at_least: float = None
    at_most: float = None

    @property
    def verdict(self):
        if self.value is None:
            return "—"
        if not self.wanted:
            return ""
        high_enough = self.at_least is None or self.value >= self.at_least
        low_enough = self.at_most is None or self.value <= self.at_most
        return "holds" if high_enough and low_enough else "misses"

    @property
    def wanted(self):
        parts = [] if self.at_least is None else [f"≥ {self.at_least:g}"]
        return " and ".join(parts + ([] if self.at_most is None else [f"≤ {self.at_most:g}"]))


@dataclasses.dataclass
class Report:
    """The answer to one question. `reference` is the row that the others are compared with.

    `table`, (head, lines), replaces the columns of times and the list of targets."""
    name: str
    title: str
    rows: list
    reference: str
    targets: list = dataclasses.field(default_factory=list)
    table: tuple = None


def row_of(rows, name):
    return next(row for row in rows if row.name == name)


def time_ratio(rows, name, other):
    """How many times as long as `other` `name` takes: the median over the rounds, each paired."""
    pairs = list(zip(row_of(rows, name).samples, row_of(rows, other).samples))
    return statistics.median(a.seconds / b.seconds for a, b in pairs) if pairs else None


def speed_ratio(rows, name, other):
    """How many times as fast as `other` `name` is."""
    return time_ratio(rows, other, name)


def extra(rows, name, label):
    return row_of(rows, name).median(lambda s: s.extra[label])


def _number(value, digits=2):
    return "—" if value is None else f"{value:,.{digits}f}"


def _cells(row, report):
    samples = row.samples
    if not samples:
        return [row.name] + ["—"] * 6 + [row.missing.splitlines()[0] if row.missing else ""]
    digits = 2 if row.seconds >= 0.1 else 4
    spread = "" if len(samples) == 1 else (
        f"{min(s.seconds for s in samples):.{digits}f}–{max(s.seconds for s in samples):.{digits}f}")
    rate = row.median(lambda s: s.mib_per_second) if samples[0].bytes else None
    notes = [f"{label} {_number(row.median(lambda s, l=label: s.extra[l]))}"
             for label in samples[0].extra]
    if row.noisy:
        notes.append(f"noisy: others used {max(s.noise for s in samples):.0%}")
    return [row.name, _number(row.seconds, digits), spread, str(len(samples)), _number(rate, 0 if
            rate is None or rate >= 100 else 1), _number(row.median(lambda s: s.cpu)),
            _number(time_ratio(report.rows, row.name, report.reference)), "; ".join(notes)]


def markdown(report):
    if report.table is not None:
        head, lines = report.table
        return "\n".join([f"### {report.name}: {report.title}", "", "| " + " | ".join(head) + " |",
                          "|---" * len(head) + "|",
                          *("| " + " | ".join(line) + " |" for line in lines)]) + "\n"
    head = ["", "s", "spread", "runs", "MiB/s", "CPU s", "time ÷ " + report.reference, "notes"]
    lines = [f"### {report.name}: {report.title}", "", "| " + " | ".join(head) + " |",
             "|---|---:|---|---:|---:|---:|---:|---|"]
    for row in report.rows:
        lines.append("| " + " | ".join(_cells(row, report)) + " |")
    if report.targets:
        lines += ["", "| wanted | | measured | |", "|---|---|---:|---|"]
    for target in report.targets:
        lines.append(f"| {target.text} | {target.wanted} | {_number(target.value)} "
                     f"| {target.verdict} |")
    return "\n".join(lines) + "\n"


def on_terminal(report):
    """The same table, aligned with blanks."""
    out, table = [], []

    def flush():
        widths = [max(map(len, column)) for column in zip(*table)]
        for cells in table:
            out.append("  ".join(cell.ljust(w) for cell, w in zip(cells, widths)).rstrip())
        table.clear()

    for line in markdown(report).splitlines() + [""]:
        if line.startswith("|---"):
            continue
        if line.startswith("|"):
            table.append([cell.strip() for cell in line.strip("|").split("|")])
            continue
        if table:
            flush()
        out.append(line.lstrip("# "))
    return "\n".join(out)


def machine(lab):
    """One line about what the figures were measured on."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    with open("/proc/meminfo", encoding="ascii") as file:
        memory = int(file.readline().split()[1]) * 1024
    return (f"{datetime.date.today()}, {os.cpu_count()} × {model[1] if model else platform.machine()}, "
            f"{memory / MIB / 1024:.0f} GiB, Linux {platform.release().split('-')[0]}, "
            f"congestion control {lab.congestion_control}.")


def write_readme(path, where, reports):
    """Replaces the blocks of these questions between the two marker lines, and keeps the others."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    before, rest = text.split(BEGIN + "\n", 1)
    old, after = rest.split(END, 1)
    blocks = dict(re.findall(r"^### (\w+):(.*?)(?=^### |\Z)", old, re.MULTILINE | re.DOTALL))
    for report in reports:
        table = markdown(report).split(":", 1)[1]
        blocks[report.name] = f"{table}\nMeasured {where}\n\n"
    body = "".join(f"### {name}:{block}" for name, block in blocks.items())
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}\n{body}{END}{after}")
