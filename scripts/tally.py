#!/usr/bin/env python3
"""Sums up a JUnit file of ctest: prints "PASSED FAILED SKIPPED", in test cases.

A GoogleTest program counts as its cases, any other test as one. What was skipped is named on stderr.
"""

import re
import sys
import xml.etree.ElementTree as ElementTree

SKIPPED_CASE = re.compile(r"^(\S+?):\d+: Skipped\n((?:(?!\[).+\n)*)\n*\[  SKIPPED \] (\S+)", re.MULTILINE)


def cases(output, kind):
    """How many cases GoogleTest's own summary calls PASSED, FAILED or SKIPPED."""
    found = re.findall(rf"^\[  {kind:<8}\] (\d+) tests?[.,]", output, re.MULTILINE)
    return sum(int(count) for count in found)


def tally(test):
    name, status = test.get("name"), test.get("status")
    output = (test.findtext("system-out") or "").replace("\r", "")
    if status in ("notrun", "disabled"):
        skip = test.find("skipped")
        reason = skip.get("message", "") if skip is not None else ""
        if not reason.startswith("SKIP") and status == "notrun":
            print(f"FAILED {name}: {reason or 'did not run'}", file=sys.stderr)
            return 0, 1, 0
        shown = re.search(r"^SKIP.*", output, re.MULTILINE)
        print(f"SKIP {name}: {shown.group(0) if shown else reason}", file=sys.stderr)
        return 0, 0, 1
    for _, why, case in SKIPPED_CASE.findall(output):
        print(f"SKIP {name} {case}: {' '.join(why.split())}", file=sys.stderr)
    passed, failed, skipped = (cases(output, kind) for kind in ("PASSED", "FAILED", "SKIPPED"))
    if status == "fail":
        return passed, max(failed, 1), skipped
    return max(passed, 0 if skipped else 1), failed, skipped


def main():
    tests = ElementTree.parse(sys.argv[1]).getroot().iter("testcase")
    print(*(sum(column) for column in zip((0, 0, 0), *map(tally, tests))))


if __name__ == "__main__":
    main()
