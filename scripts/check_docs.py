#!/usr/bin/env python3
"""check_docs.py --root DIR: fails when the documents promise what is not there.

- Every link of a document to a file or a heading leads there.
- Every path under docs/ that a file of the tree names exists.
- Every record in docs/decisions has its fields, is named by its date, and is in the index.
- docs/operator.md says what to do for each reason that docs/protocol.md lists, and names each option
  and metric of the programs.
- Names of code that docs/ shows in backticks occur in the code (not in superseded records).
- README.md has at most 120 lines.

check_docs.py --mistakes: plants mistakes in a small tree and fails unless each is found.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

import planted

README_LINES = 120
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
DOCS_PATH = re.compile(r"(?<![\w/.-])docs/[A-Za-z0-9_./-]*[A-Za-z0-9_]")
RECORD_NAME = re.compile(r"(\d{4}-\d\d-\d\d)-[a-z0-9-]+\.md")
STATUSES = ("accepted", "superseded", "rejected")
SECTIONS = ("Context", "Decision", "Alternatives", "Consequences")
OPTIONAL_SECTIONS = ("Measured",)
# The sources that define options and metrics, and how these look there.
DEFINED = {
    "clients/cli/main.cc": r'"(--[a-z][a-z-]+)"',
    "lib/options/options.cc": r'"(--[a-z][a-z-]+)"',
    "services/index/main.cc": r'"(--[a-z][a-z-]+)"',
    "services/peer/main.cc": r'"(--[a-z][a-z-]+)"',
    "services/index/metrics/metrics_page.cc": r'"((?:arkshare|process)_[a-z_]+)"',
}
# A class, a constant or a member of one, as a document shows it.
NAME = re.compile(r"`((?:k?[A-Z][a-z]\w*)(?:::\w+)*)(?:\([^`]*\))?`")
# Names that are not ours.
FOREIGN = {"Mutex", "Status", "StatusOr"}
CODE_SUFFIXES = (".h", ".cc", ".proto", ".py")
REASON = re.compile(r"`([A-Z][A-Z_]+)`")


def slug(heading):
    """The anchor that GitHub gives to a heading."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(text):
    found = {}
    for heading in re.findall(r"^#+ +(.*)$", FENCE.sub("", text), re.MULTILINE):
        anchor = slug(heading)
        count = found.get(anchor, 0)
        found[anchor] = count + 1
        if count:
            found[f"{anchor}-{count}"] = 1
    return set(found)


def check_links(path, root, texts):
    wrong = []
    for target in LINK.findall(CODE.sub("", FENCE.sub("", texts[path]))):
        if re.match(r"[a-z]+:", target):
            continue  # another site
        file, _, anchor = target.partition("#")
        to = (root / path).parent / file if file else root / path
        try:
            name = str(to.resolve().relative_to(root))
        except ValueError:
            name = None
        if name is None or not to.exists():
            wrong.append(f"{path} links to {target}, which does not exist")
        elif anchor and name in texts and anchor not in anchors(texts[name]):
            wrong.append(f"{path} links to {target}, and {name} has no such heading")
    return wrong


def check_record(path, text):
    wrong = []
    name = RECORD_NAME.fullmatch(path.rsplit("/", 1)[-1])
    if not name:
        return [f"{path} is not named YYYY-MM-DD-some-words.md"]
    if not re.match(r"# \S", text):
        wrong.append(f"{path} does not begin with its title")
    fields = re.search(r"^Date: (\S+)\. Status: (.+)\.$", text, re.MULTILINE)
    if not fields:
        wrong.append(f'{path} has no line "Date: {name[1]}. Status: accepted."')
    else:
        if fields[1] != name[1]:
            wrong.append(f"{path} says {fields[1]}, and its name says {name[1]}")
        if not fields[2].startswith(STATUSES):
            wrong.append(f"{path} has the status {fields[2]}, not one of {', '.join(STATUSES)}")
    sections = re.findall(r"^## (.*)$", text, re.MULTILINE)
    for section in SECTIONS:
        if sections.count(section) != 1:
            wrong.append(f"{path} must have the section {section} once")
    for section in sections:
        if section not in SECTIONS + OPTIONAL_SECTIONS:
            wrong.append(f"{path} has the section {section}, which a record does not have")
    for section, body in re.findall(r"^## ([^\n]*)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL):
        if not body.strip():
            wrong.append(f"{path} has an empty section {section}")
    return wrong


def check_decisions(texts):
    wrong = []
    index = texts.get("docs/decisions/README.md", "")
    records = [path for path in texts
               if path.startswith("docs/decisions/") and not path.endswith("/README.md")]
    rows = re.findall(r"^\| *(\d{4}-\d\d-\d\d) *\| *\[([^\]]+)\]\(([^)]+)\) *\| *([a-z ]+?) *\|",
                      index, re.MULTILINE)
    by_file = {file: (date, title, status) for date, title, file, status in rows}
    for path in records:
        wrong += check_record(path, texts[path])
        file = path.rsplit("/", 1)[-1]
        if file not in by_file:
            wrong.append(f"docs/decisions/README.md has no row with {file}")
            continue
        date, title, status = by_file[file]
        heading = texts[path].split("\n", 1)[0].removeprefix("# ")
        if title != heading or not file.startswith(date):
            wrong.append(f"the row of {file} has another date or title than the record")
        if f"Status: {status}" not in texts[path]:
            wrong.append(f"the row of {file} has another status than the record")
    return wrong


def check_reasons(texts):
    protocol, operator = (texts.get(f"docs/{name}.md", "") for name in ("protocol", "operator"))
    errors = re.search(r"^## Errors\n(.*?)^## ", protocol, re.MULTILINE | re.DOTALL)
    if not errors:
        return []
    rows = re.findall(r"^\| (`.*?) \|", errors[1], re.MULTILINE)
    explained = set(re.findall(r"^\| `([A-Z_]+)` \|", operator, re.MULTILINE))
    return [f"docs/operator.md does not say what to do for {reason}"
            for row in rows for reason in REASON.findall(row) if reason not in explained]


def check_defined(contents):
    """Options and metrics that docs/operator.md does not name."""
    operator = contents.get("docs/operator.md", "")
    named = set(re.findall(r"--[a-z][a-z-]+|[a-z]+_[a-z_]+", operator))
    return [f"docs/operator.md does not name {name} of {path}"
            for path, pattern in DEFINED.items()
            for name in dict.fromkeys(re.findall(pattern, contents.get(path, "")))
            if name not in named]


def check_names(contents):
    """Names of code in the documents that the code does not have."""
    words = set()
    for path, text in contents.items():
        if path.endswith(CODE_SUFFIXES) and path != "scripts/check_docs.py":
            words.update(re.findall(r"\w+", text))
    wrong = []
    for path, text in sorted(contents.items()):
        if not path.startswith("docs/") or "Status: superseded" in text:
            continue
        for name in dict.fromkeys(NAME.findall(FENCE.sub("", text))):
            missing = [part for part in name.split("::") if part not in words | FOREIGN]
            if missing:
                wrong.append(f"{path} names {name}, and the code has no {missing[0]}")
    return wrong


def check(root, files):
    """Returns the mistakes, a sentence each. `files` are paths relative to root."""
    contents = {}
    for path in files:
        try:
            contents[path] = (root / path).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
    texts = {path: text for path, text in contents.items() if path.endswith(".md")}
    wrong = []
    for path in sorted(texts):
        wrong += check_links(path, root, texts)
    for path, text in sorted(contents.items()):
        if path == "scripts/check_docs.py":
            continue  # names mistakes
        for named in DOCS_PATH.findall(text):
            if not (root / named).exists():
                wrong.append(f"{path} names {named}, which does not exist")
    wrong += check_decisions(texts)
    wrong += check_reasons(texts)
    wrong += check_defined(contents)
    wrong += check_names(contents)
    lines = texts.get("README.md", "").count("\n")
    if lines > README_LINES:
        wrong.append(f"README.md has {lines} lines, more than {README_LINES}")
    return wrong


def tracked(root):
    """The files of the tree, or of a checkout those that git knows or would add."""
    listed = subprocess.run(["git", "-C", root, "ls-files", "-z", "-co", "--exclude-standard"],
                            capture_output=True, check=False)
    if listed.returncode == 0:
        return [path for path in listed.stdout.decode().split("\0") if path]
    return [str(path.relative_to(root)) for path in sorted(root.rglob("*"))
            if path.is_file() and not path.relative_to(root).parts[0].startswith((".git", "build"))]


RECORD = """# Sockets are not shared
Date: 2026-11-23. Status: accepted.

## Context
c
## Decision
d
## Alternatives
a
## Consequences
c
"""
ROW = "| 2026-11-23 | [Sockets are not shared](2026-11-23-sockets.md) | accepted | one port each |\n"
SAMPLE = {
    "README.md": "# A\n\n[b](docs/protocol.md#with-grpcurl) [c](docs/decisions/README.md)\n",
    "docs/protocol.md": "# P\n## Errors\n\n| `DISK_FULL`, `BOOK_GONE` | X | wait |\n\n## With `grpcurl`\n",
    "docs/operator.md": "# O\n`--share`\n| `DISK_FULL` | make room |\n| `BOOK_GONE` | search again |\n",
    "docs/decisions/README.md": "# Decisions\n\n" + ROW,
    "docs/decisions/2026-11-23-sockets.md": RECORD,
    "services/peer/main.cc": 'Add("--share");',
    "lib/a.cc": "// See docs/decisions/2026-11-23-sockets.md.\n",
}


def run_sample(changes):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder).resolve()
        for path, text in {**SAMPLE, **changes}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
        return check(root, list({**SAMPLE, **changes}))


def check_mistakes():
    """Each planted mistake has to be found, and nothing else."""
    record, index = "docs/decisions/2026-11-23-sockets.md", "docs/decisions/README.md"
    cases = [
        ("a sound tree", {}, []),
        ("a link to no file", {"README.md": "[b](docs/none.md)\n"},
         ["README.md links to docs/none.md", "README.md names docs/none.md"]),
        ("a link out of the tree", {"README.md": "[b](../x.md)\n"}, ["README.md links to"]),
        ("a link to no heading", {"README.md": "[b](docs/protocol.md#nothing)\n"},
         ["no such heading"]),
        ("a comment that names no document", {"lib/a.cc": "// docs/none.md\n"}, ["lib/a.cc names"]),
        ("a record without a field", {record: RECORD.replace("Status: accepted.", "")},
         ["has no line", "another status"]),
        ("a record of another day", {record: RECORD.replace("23", "24", 1)}, ["its name says"]),
        ("a record without a section", {record: RECORD.replace("## Alternatives", "## Others")},
         ["must have the section Alternatives", "has the section Others"]),
        ("an empty section", {record: RECORD.replace("\nd\n", "\n")}, ["empty section Decision"]),
        ("a record that is not in the index", {index: "# Decisions\n"}, ["no row with"]),
        ("a row with another title", {index: ROW.replace("not", "never")},
         ["another date or title"]),
        ("a name that the code has", {"docs/x.md": "`Cat::Open(…)`, `DISK`\n", "lib/a.h": "Cat Open"},
         []),
        ("a name that the code does not have", {"docs/x.md": "`Cat::Open`\n", "lib/a.h": "Cat"},
         ["names Cat::Open, and the code has no Open"]),
        ("an option that is not documented", {"services/peer/main.cc": 'Add("--share-all");'},
         ["does not name --share-all"]),
        ("a reason without advice", {"docs/operator.md": "`--share`\n| `DISK_FULL` | make room |\n"},
         ["what to do for BOOK_GONE"]),
        ("a long README", {"README.md": "\n" * 121}, ["more than 120"]),
    ]
    return planted.report((name, expected, run_sample(changes))
                          for name, changes, expected in cases)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mistakes", action="store_true")
    parser.add_argument("--root", type=pathlib.Path)
    options = parser.parse_args()
    if options.mistakes:
        return check_mistakes()
    root = options.root.resolve()
    wrong = check(root, tracked(root))
    for sentence in wrong:
        print(sentence)
    print(f"{len(wrong)} mistakes in the documents")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
