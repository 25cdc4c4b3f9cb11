#!/usr/bin/env python3
"""check_layers.py --root DIR LAYERS: fails when an #include goes where no link leads.

LAYERS is what CMake wrote of its targets, a line each: KIND|NAME|FOLDER|SOURCES|LINKS. A header
belongs to the library of its folder. A file may include the headers of its own folder, and those of
the libraries that its target links, directly or through others. Libraries may not link in a circle,
and every folder under services/ has one library, and one test program named after it.

check_layers.py --mistakes: plants mistakes in a small tree and fails unless each is found.
"""

import argparse
import os
import pathlib
import re
import sys
import tempfile

import planted

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


class Target:
    def __init__(self, kind, name, folder, sources, links):
        self.kind, self.name, self.folder = kind, name, folder
        self.sources = [source for source in re.split(r"[ ,;]", sources) if source.endswith(".cc")]
        self.links = links.split()


def read_layers(text, root):
    targets = []
    for line in text.splitlines():
        if line:
            kind, name, folder, sources, links = line.split("|")
            targets.append(Target(kind, name, os.path.relpath(folder, root), sources, links))
    return targets


def folder_of(target, source):
    return os.path.normpath(os.path.join(target.folder, os.path.dirname(source)))


def find_cycle(libraries):
    """The names of libraries that link each other in a circle, or None."""
    state, path = {}, []

    def visit(name):
        state[name] = "open"
        path.append(name)
        for link in libraries[name].links:
            if link not in libraries:
                continue
            if state.get(link) == "open":
                return path[path.index(link):] + [link]
            if link not in state:
                cycle = visit(link)
                if cycle:
                    return cycle
        path.pop()
        state[name] = "done"
        return None

    for name in libraries:
        if name not in state:
            cycle = visit(name)
            if cycle:
                return cycle
    return None


def links_of(target, libraries):
    """The libraries that `target` links, directly or through others."""
    found, open_links = set(), list(target.links)
    while open_links:
        link = open_links.pop()
        if link in libraries and link not in found:
            found.add(link)
            open_links += libraries[link].links
    return found


def check(text, root):
    """Returns the mistakes, a sentence each."""
    targets = read_layers(text, root)
    libraries = {target.name: target for target in targets if target.kind == "library"}
    wrong = []
    cycle = find_cycle(libraries)
    if cycle:
        wrong.append("libraries link each other in a circle: " + " -> ".join(cycle))

    # One library owns the headers of a folder. Where a folder has several, the one that has the
    # source beside the header does.
    owners = {}
    for library in libraries.values():
        for source in library.sources:
            owners.setdefault(folder_of(library, source), []).append(library)
    owners = {folder: list(dict.fromkeys(found)) for folder, found in owners.items()}

    def owner_of(header):
        folder, name = os.path.split(header)
        found = owners.get(folder, [])
        beside = [library for library in found
                  if any(os.path.normpath(os.path.join(library.folder, source)) == header[:-2] + ".cc"
                         for source in library.sources)]
        return (beside or found or [None])[0]

    def includes(path):
        return INCLUDE.findall((root / path).read_text(encoding="utf-8"))

    def check_file(path, target, own_folders, allowed):
        for header in includes(path):
            if os.path.dirname(header) in own_folders or not (root / header).is_file():
                continue  # generated headers are reached only by links
            owner = owner_of(header)
            if owner is None:
                wrong.append(f"{path} includes {header}, which belongs to no library")
            elif owner.name != target.name and owner.name not in allowed:
                wrong.append(f"{path} includes {header} of {owner.name}, "
                             f"which {target.name} does not link")

    for target in targets:
        allowed = links_of(target, libraries)
        own_folders = {folder_of(target, source) for source in target.sources}
        files = [os.path.normpath(os.path.join(target.folder, source)) for source in target.sources]
        if target.kind == "library":
            for folder in own_folders:
                files += [str(header.relative_to(root)) for header in sorted((root / folder).glob("*.h"))
                          if owner_of(str(header.relative_to(root))) is target]
        for path in files:
            check_file(path, target, own_folders, allowed)

    # services/peer/disk has arkshare_peer_disk, and peer_disk_test where there are tests.
    names = {target.name for target in targets}
    services = root / "services"
    for folder in sorted(services.glob("*/*/")) if services.is_dir() else []:
        if folder.name in ("testing", "__pycache__"):
            continue
        stem = f"{folder.parent.name}_{folder.name}"
        for name in (f"arkshare_{stem}", f"{stem}_test"):
            if name not in names:
                wrong.append(f"{folder.relative_to(root)} has no target {name}")
    return wrong


SAMPLE = {
    "services/peer/disk/ledger.h": "",
    "services/peer/disk/ledger.cc": '#include "services/peer/disk/ledger.h"\n',
    "services/peer/disk/ledger_test.cc": '#include "services/peer/disk/ledger.h"\n',
    "services/peer/serve/upload.h": '#include "services/peer/disk/ledger.h"\n',
    "services/peer/serve/upload.cc": '#include "services/peer/serve/upload.h"\n',
    "services/peer/serve/upload_test.cc": '#include "services/peer/serve/upload.h"\n',
}
SAMPLE_LAYERS = [
    "library|arkshare_peer_disk|{0}/services/peer/disk|ledger.cc|absl::strings",
    "library|arkshare_peer_serve|{0}/services/peer/serve|upload.cc|arkshare_peer_disk",
    "program|peer_disk_test|{0}/services/peer/disk|ledger_test.cc|arkshare_peer_disk",
    "program|peer_serve_test|{0}/services/peer/serve|upload_test.cc|arkshare_peer_serve",
]


def run_sample(files, layers):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for path, text in {**SAMPLE, **files}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
        return check("\n".join(layers).format(root), root)


def check_mistakes():
    """Each planted mistake has to be found, and nothing else."""
    upwards = {"services/peer/disk/ledger.cc": '#include "services/peer/serve/upload.h"\n'}
    in_header = {"services/peer/disk/ledger.h": '#include "services/peer/serve/upload.h"\n'}
    in_test = {"services/peer/disk/ledger_test.cc": '#include "services/peer/serve/upload.h"\n'}
    cycle = SAMPLE_LAYERS[:]
    cycle[0] = cycle[0].replace("absl::strings", "arkshare_peer_serve")
    cases = [
        ("a sound tree", {}, SAMPLE_LAYERS, []),
        ("an include upwards", upwards, SAMPLE_LAYERS, ["ledger.cc includes"]),
        ("an include upwards in a header", in_header, SAMPLE_LAYERS, ["ledger.h includes"]),
        ("an include of a test that its links do not cover", in_test, SAMPLE_LAYERS,
         ["ledger_test.cc includes"]),
        ("a circle of links", {}, cycle, ["in a circle"]),
        ("a folder without a test program", {}, SAMPLE_LAYERS[:3], ["no target peer_serve_test"]),
    ]
    return planted.report((name, expected, run_sample(files, layers))
                          for name, files, layers, expected in cases)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mistakes", action="store_true")
    parser.add_argument("--root", type=pathlib.Path)
    parser.add_argument("layers", nargs="?", type=pathlib.Path)
    options = parser.parse_args()
    if options.mistakes:
        return check_mistakes()
    wrong = check(options.layers.read_text(encoding="utf-8"), options.root.resolve())
    for sentence in wrong:
        print(sentence)
    print(f"{len(wrong)} includes or links are wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
