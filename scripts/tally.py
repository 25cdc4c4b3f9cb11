#!/usr/bin/env python3
"""Sums up JUnit files of ctest: prints "PASSED FAILED SKIPPED", in test cases.

A GoogleTest program counts as its cases, any other test as one. What was skipped is named on stderr.
Of a test that is in several files the last result counts; if the first was another, it is named too.
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
    last = {}
    for file in sys.argv[1:]:
        for test in ElementTree.parse(file).getroot().iter("testcase"):
            name = test.get("name")
            if name in last and test.get("status") != "fail":
                print(f"FLAKY {name}: failed beside others, passed by itself", file=sys.stderr)
            last[name] = test
    print(*(sum(column) for column in zip((0, 0, 0), *map(tally, last.values()))))


if __name__ == "__main__":
    main()
