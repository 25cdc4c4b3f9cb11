#!/usr/bin/env python3
"""check_clang.py BUILD: lets clang read every source of BUILD, a build folder of ours, with all
warnings as errors and its analysis of locks (-Wthread-safety), and makes nothing.

Sources of libraries and programs are read one by one, so one that relies on what another includes
is found; those of tests are read together where BUILD compiles them together. Sources that see the
same libraries share a precompiled header of what many of them include from there, so the headers of
gRPC are parsed once and not for each source. (A source that forgets one of those headers is found
by the preset `edit`.) What has not changed since it was found good is not read again. --mistakes:
fails unless planted mistakes are found.
"""

import argparse
import collections
import dataclasses
import functools
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLANG = os.environ.get("ARKSHARE_CLANG", "clang++-14")
# Flags that GCC knows and clang does not.
GCC_ONLY = {"-Wno-restrict", "-Wno-maybe-uninitialized", "-Wno-subobject-linkage"}
# It changes the code that is made, not how a source is read, and a precompiled header has none.
CODE_ONLY = {"-fPIC"}
# A precompiled header and its readers must agree about threads, so all get the first one below. The
# other is what the header of GoogleTest finds out by itself.
OF_THREADS = {"-pthread", "-DGTEST_HAS_PTHREAD=1"}
# As many sources that include a header make it worth precompiling.
SHARED_BY = 5
OWN_HEADER = re.compile(r'^#include "(.+)"', re.MULTILINE)
SYSTEM_HEADER = re.compile(r"^#include <(.+)>", re.MULTILINE)


def flags_of(command):
    """The flags of a compiler's command that say how a source is read."""
    words = shlex.split(command)[1:]
    flags, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word in ("-o", "-c"):
            skip = True
        elif word not in GCC_ONLY | CODE_ONLY | OF_THREADS and not word.startswith(("-O", "-g")):
            flags.append(word)
    return ("-pthread", *flags)


def sources_of(entry, generated):
    """The files to read for one entry of compile_commands.json."""
    path = pathlib.Path(os.path.join(entry["directory"], entry["file"]))
    if not path.name.startswith("unity_"):
        return [] if str(path).startswith(generated) else [path]
    inside = [pathlib.Path(source) for source in OWN_HEADER.findall(path.read_text(encoding="utf-8"))]
    inside = [source for source in inside if not str(source).startswith(generated)]
    if any(source.name.endswith("_test.cc") for source in inside):
        return [path]
    return inside


@dataclasses.dataclass(frozen=True)
class Reading:
    """A source, and the flags that it is read with."""
    source: pathlib.Path
    flags: tuple

    def libraries(self):
        """The folders of the libraries that this source sees."""
        return tuple(sorted(folder for flag, folder in zip(self.flags, self.flags[1:])
                            if flag == "-isystem"))

    def library_headers(self):
        """The headers of libraries that this source includes, itself or by our own headers."""
        found, seen, unread = set(), set(), [self.source]
        while unread:
            text = text_of(unread.pop())
            found |= {f"<{name}>" for name in SYSTEM_HEADER.findall(text)}
            for name in OWN_HEADER.findall(text):
                if any(os.path.exists(os.path.join(folder, name)) for folder in self.libraries()):
                    found.add(f'"{name}"')
                elif name not in seen and (path := ROOT / name).exists():
                    seen.add(name)
                    unread.append(path)
        return found


@functools.cache
def text_of(path):
    return path.read_text(encoding="utf-8")


def readings(build):
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    generated = str(build / "proto")
    return [Reading(source, flags_of(entry["command"]))
            for entry in commands for source in sources_of(entry, generated)]


def write_if_new(path, text):
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def edge(rule, target, source, words, needs=""):
    command = " ".join(shlex.quote(word) for word in words).replace("$", "$$")
    source = str(source).replace(":", "$:").replace(" ", "$ ")
    return [f"build {target}: {rule} {source}{needs}", f"  run = {command}"]


def precompiled(out, number, group):
    """The edge of a group's precompiled header, and its name; nothing for a small group."""
    counts = collections.Counter(h for one in group for h in one.library_headers())
    headers = sorted(header for header, count in counts.items() if count >= SHARED_BY)
    if len(group) < SHARED_BY or not headers:
        return [], None
    header, target = out / f"libraries-{number}.h", f"libraries-{number}.pch"
    write_if_new(header, "".join(f"#include {name}\n" for name in headers))
    # A macro of a single test must not get into the header.
    flags = [flag for flag in group[0].flags
             if not flag.startswith("-D") or all(flag in one.flags for one in group)]
    words = [CLANG, *flags, "-x", "c++-header", "-fpch-instantiate-templates",
             "-MD", "-MF", f"{target}.d", "-MT", target, "-o", target, str(header)]
    return edge("read", target, header, words), target


def write_ninja(build, out):
    """A build file of ninja's, with an edge for each file to read; how many there are."""
    groups = collections.defaultdict(list)
    for one in readings(build):
        groups[one.libraries()].append(one)
    lines = ["rule read",
             "  command = $run && touch $out",
             "  depfile = $out.d",
             "  deps = gcc",
             "  description = clang reads $in"]
    count = 0
    for number, group in enumerate(groups.values()):
        edges, header = precompiled(out, number, group)
        lines += edges
        for one in group:
            stamp = f"{count}-{one.source.name}.good"
            count += 1
            words = [CLANG, *(["-include-pch", header] if header else []), *one.flags,
                     "-Wthread-safety", "-Werror", "-fsyntax-only",
                     "-MD", "-MF", f"{stamp}.d", "-MT", stamp, str(one.source)]
            lines += edge("read", stamp, one.source, words, f" | {header}" if header else "")
    write_if_new(out / "build.ninja", "\n".join(lines) + "\n")
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
