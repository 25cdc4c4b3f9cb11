#!/usr/bin/python3
"""Runs the benchmarks with tiny sizes, so that they keep working. Asserts nothing about speed."""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.environ["ARKSHARE_BIN"]
SIZE = "1MiB"


def run(*args):
    done = subprocess.run([sys.executable, os.path.join(HERE, "run.py"), "--bin", BIN, "--size", SIZE,
                           "--rounds", "1", "--patience", "0", "--smoke", *args],
                          stdout=subprocess.PIPE, text=True, timeout=200, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.returncode
    return done.stdout


def main():
    if not os.path.exists(os.path.join(BIN, "arkshare-bench-raw-tcp")):
        print("SKIP: the benchmarks are not built (ARKSHARE_BENCH)")
        return 77
    shown = run("one", "wire", "hash")
    for row in ("arkshare, copy", "arkshare, move", "raw TCP", "arkshare's wire",
                "arkshare's hasher"):
        (line,) = [line for line in shown.splitlines()
                   if line.startswith(row) and " MiB/s" not in line and "CPU-s" not in line][:1]
        assert "—" not in line.split("noisy")[0], line
    shown = run("hostile")
    if "SKIP hostile" not in shown:  # Not all of the packages that it needs are installed.
        for attack in ("watch: ", "false-index: ", "windows: "):
            (line,) = [line for line in shown.splitlines() if line.startswith(attack)][-1:]
            assert "→" in line, line
    shown = run("web")
    if "SKIP web" not in shown:  # Chromium or python3-selenium is not installed.
        (line,) = [line for line in shown.splitlines() if line.startswith("20 small files dropped")]
        assert "—" not in line, line
    return 0


if __name__ == "__main__":
    sys.exit(main())
