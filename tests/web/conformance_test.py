#!/usr/bin/python3
"""The bridge of lib/http passes the conformance suite of the Connect protocol, as far as it speaks it: unary
calls and server streams, JSON, HTTP/1.1, no compression. See tests/web/conformance.

The suite's own cases run, without one thing: an answer has no metadata but that of the protocol, because the
bridge passes on none. A program behind it could otherwise set headers that bind the browser.

Skipped where there is no Go, or the suite cannot be had: it comes with its Go module.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SERVER = pathlib.Path(os.environ["ARKSHARE_BIN"]) / "connect_conformance_server"
MODULE = "connectrpc.com/conformance@v1.0.7"
SUM = "h1:9Sqx8vEeRJyKoIAiYdEuABrlPKRoNxVHSbJ0CVil7xg="
SUITES = "internal/app/connectconformance/testsuites/data"
SKIPPED = 77
LEAST_CASES = 60


def skip(why):
    print(f"SKIPPED: {why}")
    sys.exit(SKIPPED)


def get_suite():
    """Returns the program go, its environment, and the folder of the suite's module."""
    go = shutil.which("go", path=f"{os.environ.get('PATH', '')}:/usr/local/go/bin:/usr/lib/go/bin")
    if go is None:
        skip("not installed: go (apt-get install golang-go)")
    environment = {**os.environ, "HOME": os.environ.get("HOME") or str(SERVER.parent), "GOTOOLCHAIN": "local",
                   "GOFLAGS": "-mod=readonly", "CGO_ENABLED": "0"}
    got = subprocess.run([go, "mod", "download", "-json", MODULE], cwd="/", env=environment, text=True,
                         capture_output=True, timeout=120)
    answer = json.loads(got.stdout or "{}")
    if "Dir" not in answer:
        skip(f"the module {MODULE} cannot be had here: {answer.get('Error', got.stderr.strip())}")
    assert answer["Sum"] == SUM, f"{MODULE} is another one: {answer['Sum']}"
    return go, environment, pathlib.Path(answer["Dir"])


def build_runner(go, environment, module, folder):
    program = folder / "connectconformance"
    built = subprocess.run([go, "build", "-o", str(program), "./cmd/connectconformance"], cwd=module,
                           env=environment, text=True, capture_output=True, timeout=900)
    if built.returncode != 0:
        skip(f"the suite cannot be built here: {built.stderr.strip()[-500:]}")
    return program


def without_metadata(text):
    """The cases of a file, whose answers have no headers and trailers of their own."""
    lines, inside = [], None
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        if inside is not None and (indent > inside or (indent == inside and line.lstrip().startswith("-"))):
            continue
        inside = indent if re.fullmatch(r"\s*response(Headers|Trailers):", line) else None
        if inside is None:
            lines.append(line)
    return "\n".join(lines) + "\n"


def main():
    if not SERVER.exists():
        skip(f"the server was not built; run `go mod download {MODULE}`, then cmake again")
    go, environment, module = get_suite()
    with tempfile.TemporaryDirectory(prefix="arkshare-conformance-") as name:
        folder = pathlib.Path(name)
        runner = build_runner(go, environment, module, folder)
        cases = []
        for path in sorted((module / SUITES).glob("*.yaml")):
            (folder / path.name).write_text(without_metadata(path.read_text()))
            cases.append(f"--test-file={folder / path.name}")
        done = subprocess.run([str(runner), "--mode=server", f"--conf={HERE / 'conformance/config.yaml'}", *cases,
                               "--", str(SERVER)], text=True, capture_output=True, timeout=300)
    print(done.stdout + done.stderr)
    count = re.search(r"^Total cases: (\d+)$", done.stdout + done.stderr, re.MULTILINE)
    if count is None or int(count[1]) < LEAST_CASES:
        print(f"fewer than {LEAST_CASES} cases ran")
        return 1
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
