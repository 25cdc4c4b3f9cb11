#!/usr/bin/env python3
"""check_clang.py BUILD: lets clang read every source of BUILD, a build folder of ours, with all
warnings as errors and its analysis of locks (-Wthread-safety), and makes nothing.

Sources of libraries and programs are read one by one, so one that relies on what another includes
is found; those of tests are read together where BUILD compiles them together. What has not changed
since it was found good is not read again. --mistakes: fails unless planted mistakes are found.
"""

import argparse
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

CLANG = os.environ.get("ARKSHARE_CLANG", "clang++-14")
# Flags that GCC knows and clang does not.
GCC_ONLY = {"-Wno-restrict", "-Wno-maybe-uninitialized", "-Wno-subobject-linkage"}
UNITY = re.compile(r'^#include "(.+)"', re.MULTILINE)


def flags_of(command):
    """The flags of a compiler's command that say how a source is read."""
    words = shlex.split(command)[1:]
    flags, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word in ("-o", "-c"):
            skip = True
        elif word not in GCC_ONLY and not word.startswith(("-O", "-g")):
            flags.append(word)
    return flags


def sources_of(entry, generated):
    """The files to read for one entry of compile_commands.json."""
    path = pathlib.Path(os.path.join(entry["directory"], entry["file"]))
    if not path.name.startswith("unity_"):
        return [] if str(path).startswith(generated) else [path]
    inside = [pathlib.Path(source) for source in UNITY.findall(path.read_text(encoding="utf-8"))]
    inside = [source for source in inside if not str(source).startswith(generated)]
    if any(source.name.endswith("_test.cc") for source in inside):
        return [path]
    return inside


def write_ninja(build, out):
    """A build file of ninja's, with an edge for each file to read; how many there are."""
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    generated = str(build / "proto")
    count = 0
    lines = ["rule read",
             "  command = $run && touch $out",
             "  depfile = $out.d",
             "  deps = gcc",
             "  description = clang reads $in"]
    for entry in commands:
        for source in sources_of(entry, generated):
            stamp = f"{count}-{source.name}.good"
            count += 1
            words = [CLANG, *flags_of(entry["command"]), "-Wthread-safety", "-Werror",
                     "-fsyntax-only", "-MD", "-MF", f"{out / stamp}.d", "-MT", stamp, str(source)]
            command = " ".join(shlex.quote(word) for word in words).replace("$", "$$")
            lines += [f"build {stamp}: read {str(source).replace(':', '$:').replace(' ', '$ ')}",
                      f"  run = {command}"]
    text = "\n".join(lines) + "\n"
    file = out / "build.ninja"
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")
    return count


def check(build):
    out = build / "clang"
    out.mkdir(exist_ok=True)
    count = write_ninja(build, out)
    done = subprocess.run(["ninja", "-C", str(out), "-k", "0"], check=False)
    print(f"clang has read {count} sources")
    return done.returncode if count else 1


GOOD = "#include <utility>\nint Twice(int n) { return 2 * n; }\n"
UNGUARDED = """class __attribute__((capability("mutex"))) Mutex {};
Mutex mutex;
int guarded __attribute__((guarded_by(mutex)));
int Read() { return guarded; }
"""
UNUSED = "void Nothing() { int unused; }\n"


def check_mistakes():
    failed = 0
    for name, text, good in (("a sound source", GOOD, True),
                             ("a guarded field is read without its lock", UNGUARDED, False),
                             ("a warning", UNUSED, False)):
        with tempfile.TemporaryDirectory() as folder:
            build = pathlib.Path(folder)
            (build / "a.cc").write_text(text, encoding="utf-8")
            (build / "compile_commands.json").write_text(json.dumps([{
                "directory": folder, "file": "a.cc",
                "command": "g++ -std=c++20 -Wall -Wno-restrict -O2 -o a.o -c a.cc"}]),
                encoding="utf-8")
            found_good = check(build) == 0
        failed += found_good != good
        print(f"{'ok' if found_good == good else 'WRONG'}: {name}")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mistakes", action="store_true")
    parser.add_argument("build", nargs="?", type=pathlib.Path)
    options = parser.parse_args()
    return check_mistakes() if options.mistakes else check(options.build.resolve())


if __name__ == "__main__":
    sys.exit(main())
