#!/usr/bin/env python3
"""check_style.py --root DIR [PATH...]: fails on words and beginnings that docs/style.md rules out.

Looks at comments, string literals and documents; in documents not at text in backticks. PATHs are
files and folders below DIR; without them it looks at the whole tree. Where such a word is right,
ALLOWED has the exact line.

check_style.py --mistakes: plants mistakes in a small tree and fails unless each is found.
"""

import argparse
import io
import pathlib
import re
import subprocess
import sys
import tempfile
import tokenize

import planted

WORDS = {
    r"stands?": "is, is stored, comes before",
    r"nobody": "the actor's name, or no peer",
    r"somebody": "the actor's name",
    r"whoever": "the actor's name",
    r"anew": "again",
    r"yields?": "returns",
    r"dear(?:er|est)?": "expensive",
    r"so (?:many|long)(?! that\b| as\b)": "that many, this long",
}
BANNED = re.compile(r"(?<![\w-])(?:" + "|".join(f"({word})" for word in WORDS) + r")(?![\w-])",
                    re.IGNORECASE)
BEGINNING = re.compile(r"(?:Who|What|Whoever|Of)\b(?![^.]*\?)")
# A mark of a list or a quotation, and of emphasis.
MARKS = re.compile(r"(?:[-*>] +|\d+\. +)?[*_\"]*")

# Lines in which such a word is right: path -> the lines, without the space around them.
ALLOWED = {
    "docs/decisions/2026-11-26-a-writer-yields-seldom.md": [
        "# A writer yields the processor only every 128 statements",
        "The writer gives way to waiting readers every 32 statements through `FairSharedMutex::GiveWay`,"
        " which does not yield. It yields the processor every 128.",
        "Yield every 32: see Measured. Never yield: a search waits for the rest of the writer's slice.",
        "On a machine with six busy threads, a yield every 32 statements left 20,000 books a second.",
    ],
    "docs/decisions/README.md": [
        "| 2026-11-26 | [A writer yields the processor only every 128 statements]"
        "(2026-11-26-a-writer-yields-seldom.md) | accepted |"
        " and lets waiting readers in every 32 without a yield |",
    ],
    "docs/architecture.md": [
        "Readers share the catalog's lock and release it after about a tenth of a millisecond. A writer"
        " lets waiting readers go first after every 32 statements, so a search waits for no more than"
        " those. The writer yields the processor after every 128. One thread reads long Announce messages"
        " from the wire, folds names and hashes words; another one applies them. Both let threads that"
        " wake up to search go first.",
    ],
}
# They name what they look for.
EXCEPT = {"scripts/check_style.py"}


class Prose:
    """The lines of prose in a file: (number, text, whether a comment or paragraph begins)."""

    def __init__(self):
        self.lines = []

    def add(self, number, text, begins):
        self.lines.append((number, text, begins))

    def add_comment(self, number, text, continues):
        """`continues`: the line before has a comment that goes on here."""
        text = text.strip()
        after = self.lines[-1][1] if continues and self.lines else ""
        self.add(number, text, bool(text) and not after)


def read_cpp(text):
    """Comments and literals of C++ or proto."""
    prose = Prose()
    token = re.compile(r"\b\d[\w'.]*|" r'//[^\n]*|/\*.*?\*/|R"(\w*)\((.*?)\)\1"|"(?:[^"\\\n]|\\.)*"|'
                       r"'(?:[^'\\\n]|\\.)*'|\n", re.DOTALL)
    number, commented = 1, 0  # the last line that had a comment
    for found in token.finditer(text):
        piece = found[0]
        if piece[0].isdigit():
            continue  # 1'000 is no literal of characters
        if piece == "\n":
            number += 1
        elif piece.startswith("//"):
            prose.add_comment(number, piece.lstrip("/"), commented == number - 1)
            commented = number
        elif piece.startswith("/*"):
            for offset, line in enumerate(piece[2:-2].split("\n")):
                prose.add_comment(number + offset, line.strip(" *"), offset > 0)
            number += piece.count("\n")
            commented = number
        elif piece[0] != "'":
            for offset, line in enumerate(piece.split("\n")):
                prose.add(number + offset, line, False)
            number += piece.count("\n")
    return prose.lines


def read_python(text):
    prose = Prose()
    commented = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        number = token.start[0]
        if token.type == tokenize.COMMENT:
            prose.add_comment(number, token.string.lstrip("#!"), commented == number - 1)
            commented = number
        elif token.type == tokenize.STRING:
            is_docstring = '"""' in token.string
            for offset, line in enumerate(token.string.split("\n")):
                line = line.strip().removeprefix('"""')
                prose.add(number + offset, line, is_docstring and offset == 0)
    return prose.lines


def read_script(text):
    """Shell, CMake, YAML, Dockerfiles: whole lines; where a comment begins."""
    prose = Prose()
    commented = -1
    for number, line in enumerate(text.split("\n"), 1):
        comment = re.search(r"(?:^|\s)#+(?!!)(.*)", line)
        if not comment:
            prose.add(number, line, False)
            continue
        prose.add(number, line[:comment.start()], False)
        begins = comment[1].strip() != "" and commented != number - 1
        prose.add(number, comment[1].strip(), begins)
        commented = number
    return prose.lines


def read_markdown(text):
    prose = Prose()
    fenced, before = False, ""
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
            before = ""
            continue
        if fenced:
            continue
        is_item = re.match(r"\s*(?:[-*>]|\d+\.) ", line) is not None
        begins = not line.startswith(("#", "|")) and (not before.strip() or is_item)
        prose.add(number, re.sub(r"`[^`]*`", "``", line.strip()), begins)
        before = line
    return prose.lines


def reader_of(path, text):
    """How to read a file; None for one without prose."""
    name = path.rsplit("/", 1)[-1]
    suffix = name.rsplit(".", 1)[-1] if "." in name else ""
    if suffix in ("h", "cc", "proto"):
        return read_cpp
    if suffix == "md":
        return read_markdown
    first = text.split("\n", 1)[0]
    if suffix == "py" or (first.startswith("#!") and "python" in first):
        return read_python
    if (suffix in ("cmake", "sh", "yaml", "yml", "supp") or name in ("CMakeLists.txt", "Dockerfile") or
            first.startswith("#!")):
        return read_script
    return None


def check_file(path, text):
    """What is wrong in a file, a sentence each, and which allowed lines it uses."""
    reader = reader_of(path, text)
    wrong, used = [], set()
    if reader is None:
        return wrong, used
    lines = text.split("\n")
    allowed = ALLOWED.get(path, [])
    for number, prose, begins in reader(text):
        line = lines[number - 1].strip()
        found = []
        for match in BANNED.finditer(prose):
            better = list(WORDS.values())[match.lastindex - 1]
            found.append(f'"{match[0]}" (write: {better})')
        beginning = BEGINNING.match(MARKS.sub("", prose, count=1)) if begins else None
        if beginning:
            found.append(f'begins with "{beginning[0]}" (name the subject)')
        if not found:
            continue
        if line in allowed:
            used.add(line)
            continue
        wrong += [f"{path}:{number}: {what}: {line}" for what in found]
    return wrong, used


def check(root, paths):
    wrong = []
    for path in paths:
        if path in EXCEPT:
            continue
        try:
            text = (root / path).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
        found, used = check_file(path, text)
        wrong += found
        wrong += [f"{path}: ALLOWED has a line that is not needed: {line}"
                  for line in ALLOWED.get(path, []) if line not in used]
    return wrong


def tracked(root, below):
    """The files of the tree: those that git knows or would add."""
    listed = subprocess.run(["git", "-C", root, "ls-files", "-z", "-co", "--exclude-standard", "--",
                             *below], capture_output=True, check=False)
    if listed.returncode == 0:
        return sorted(path for path in listed.stdout.decode().split("\0") if path)
    found = [path for top in below or ["."] for path in [root / top, *(root / top).rglob("*")]]
    names = [str(path.relative_to(root)) for path in found if path.is_file()]
    return sorted(name for name in names if not name.startswith((".git/", "build/")))


def run_sample(path, text):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / path).write_text(text, encoding="utf-8")
        return check(root, tracked(root, []))


def check_mistakes():
    """Each planted mistake has to be found, and nothing else."""
    cases = [
        ("sound C++", "a.h", "// Returns a standard book; understands \"none\".\nint yield();\n"
         "std::this_thread::yield();  // stand-alone words\n", []),
        ("a word in a comment", "a.h", "int x;  // it stands here\n", ['"stands"']),
        ("a word in a literal", "a.cc", 'f("there is nobody");\n', ['"nobody"']),
        ("a word in a raw literal", "a.cc", 'R"(\n-- anew\n)"\n', ['a.cc:2: "anew"']),
        ("a word in code", "a.cc", "int stands = nobody;\n", []),
        ("a number with separators", "a.cc", "f(10'000);  // it's so long\n", ['"so long"']),
        ("a capital", "a.proto", "// Somebody asks.\n", ['"Somebody"']),
        ("a phrase", "a.h", "// Waits for so long.\n", ['"so long"']),
        ("the same phrase where it is right", "a.h", "// So long that it ends.\n", []),
        ("a comment that begins with Who", "a.h", "// Who asks gets it.\n", ['begins with "Who"']),
        ("its second line", "a.h", "// A question of\n// What it is.\n", []),
        ("a second paragraph", "a.h", "// A book.\n//\n// Of many, some.\n", ['begins with "Of"']),
        ("a comment after code", "a.h", "int x;  // What it is.\n", ['begins with "What"']),
        ("a question", "a.h", "// What is it?\n", []),
        ("a block comment", "a.h", "/* Whoever reads. */\n", ['"Whoever"', 'begins with "Whoever"']),
        ("Python", "a.py", '"""Who reads."""\nx = "anew"  # yields it\nnobody = 1\n',
         ['begins with "Who"', '"anew"', '"yields"']),
        ("a shell script", "a", "#!/usr/bin/env bash\n# Of it\ndie 'nobody'\n",
         ['begins with "Of"', '"nobody"']),
        ("CMake", "CMakeLists.txt", "# It stands.\n", ['"stands"']),
        ("a first line", "a.cmake", "# What it is.\n", ['begins with "What"']),
        ("a document", "a.md", "It yields.\n\n- Who is it.\n\n`stands`\n\n```\nanew\n```\n",
         ['"yields"', 'begins with "Who"']),
        ("a heading and a table", "a.md", "# What is new\n\n| What | Of |\n|---|---|\n", []),
        ("a file without prose", "a.json", '{"x": "nobody"}\n', []),
    ]
    return planted.report((name, expected, run_sample(path, text))
                          for name, path, text, expected in cases)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mistakes", action="store_true")
    parser.add_argument("--root", type=pathlib.Path)
    parser.add_argument("paths", nargs="*")
    options = parser.parse_args()
    if options.mistakes:
        return check_mistakes()
    root = options.root.resolve()
    wrong = check(root, tracked(root, options.paths))
    for sentence in wrong:
        print(sentence)
    print(f"{len(wrong)} lines break the rules of docs/style.md")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
