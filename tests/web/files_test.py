#!/usr/bin/python3
"""Checks the files of the web page without a browser: what they must not contain, their sizes, and
that words and errors are complete."""

import gzip
import pathlib
import re
import sys

from fixture import BUILT_OVERVIEW, BUILT_PAGE, PAGE

ROOT = PAGE.parents[3]
# With gzip: what a browser loads of a page, and the sources.
LIMIT_BUILT, LIMIT_ALL = 45_000, 80_000
LIMIT_FILE_LINES = 400
FORBIDDEN = {
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment":
        "text must not become HTML",
    r"\beval\(|new Function\(|set(?:Timeout|Interval)\(\s*['\"`]": "text must not become code",
    r"\bstyle\s*=\s*[\"']|setAttribute\(\s*['\"]style|\bon[a-z]+\s*=\s*[\"']":
        "styles and handlers in attributes break the policy of the page",
    r"https?://(?!www\.w3\.org/2000/svg)|\bwss?://|['\"]//": "the page asks no other host",
    r"document\.cookie": "the page has no cookie",
}


def page_files():
    return sorted(path for path in PAGE.rglob("*") if path.is_file())


def check_forbidden(name, text):
    return [f"{name}: {found[0]!r}: {why}" for pattern, why in FORBIDDEN.items()
            for found in [re.search(pattern, text)] if found]


def check_files():
    wrong, total = [], 0
    for path in page_files():
        name = str(path.relative_to(PAGE))
        text = path.read_text(encoding="utf-8")
        total += gzip_size(path)
        wrong += check_forbidden(name, text)
        if not re.fullmatch(r"[a-z0-9_/-]+\.(?:html|css|js|svg)", name):
            wrong.append(f"{name}: the server does not embed such a name")
        if text.count("\n") > LIMIT_FILE_LINES:
            wrong.append(f"{name}: more than {LIMIT_FILE_LINES} lines")
        for number, line in enumerate(text.split("\n"), 1):
            if path.suffix == ".js" and len(line) > 100:
                wrong.append(f"{name}:{number}: longer than 100 columns")
    print(f"{len(page_files())} files, {total} bytes with gzip")
    if total > LIMIT_ALL:
        wrong.append(f"the files have {total} bytes with gzip, more than {LIMIT_ALL}")
    return wrong


def gzip_size(path):
    return len(gzip.compress(path.read_bytes(), 9))


def check_built():
    """The pages as the programs carry them are small, and say nothing that their sources must not."""
    wrong = []
    for page, start in ((BUILT_PAGE, "index.html"), (BUILT_OVERVIEW, "overview.html")):
        if not page.is_dir():
            print(f"SKIPPED: {page} is not there: it is built with esbuild (scripts/setup build installs it)")
            continue
        total = sum(gzip_size(path) for path in page.iterdir())
        print(f"{page.name}: {len(list(page.iterdir()))} files, {total} bytes with gzip")
        if total > LIMIT_BUILT:
            wrong.append(f"{page.name} has {total} bytes with gzip, more than {LIMIT_BUILT}")
        loaded = re.findall(r'(?:src|href)="([^"]+)"', (page / start).read_text())
        wrong += [f"{page.name}: {start} loads {name}, which is not there"
                  for name in loaded if not (page / name).is_file()]
        for path in page.glob("*.js"):
            text = path.read_text(encoding="utf-8")
            wrong += check_forbidden(f"{page.name}/{path.name}", text)
            if re.search(r"\bimport\s*[({'\"]", text):
                wrong.append(f"{page.name}/{path.name} still imports something")
    return wrong


def check_imports():
    wrong = []
    for path in page_files():
        for target in re.findall(r"(?:^import .*?from |^} from |import\()'(\.[^'`$]+)'", path.read_text(),
                                 re.MULTILINE):
            if path.suffix == ".js" and not (path.parent / target).resolve().is_file():
                wrong.append(f"{path.relative_to(PAGE)} imports {target}, which does not exist")
    return wrong


def check_reasons():
    """Every reason of docs/protocol.md has a sentence in the page."""
    protocol = (ROOT / "docs/protocol.md").read_text()
    section = re.search(r"^## Errors\n(.*?)^## ", protocol, re.MULTILINE | re.DOTALL)[1]
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    reasons = {reason for row in rows for reason in re.findall(r"`([A-Z][A-Z_]+)`", row)}
    known = set(re.findall(r"^  ([A-Z_]+):", (PAGE / "errors.js").read_text(), re.MULTILINE))
    return [f"errors.js has no sentence for {reason}" for reason in sorted(reasons - known)] or (
        [] if len(reasons) > 40 else ["docs/protocol.md has no table of errors that can be read"])


def check_words():
    """The words that the modules use are there, and those that are there are used."""
    source = "".join(path.read_text() for path in page_files()
                     if path.suffix == ".js" and path.parent.name != "lang")
    english = (PAGE / "lang/en.js").read_text()
    english = english[english.index("export default"):]
    top = re.sub(r"\{[^{}$]*\}", "{}", re.sub(r"`[^`]*`|'[^']*'", "''", english))
    defined = set(re.findall(r"\b([a-zA-Z]+):\s", top))
    used = set(re.findall(r"\bt\.(\w+)", source))
    # t[view], t[group]: by the names of views and of groups of transfers.
    named = {"search", "library", "transfers", "group", "wishes", "limbo", "history", "settings",
             "coming", "waiting", "failed", "done"}
    return [f"lang/en.js has no {word}" for word in sorted(used - defined)] + \
        [f"nothing uses {word} of lang/en.js" for word in sorted(defined - used - named)]


def check_html():
    try:
        import html5lib
    except ImportError:
        print("SKIPPED: the HTML is not parsed: python3-html5lib is not installed")
        return []
    wrong = []
    for path in PAGE.glob("*.html"):
        parser = html5lib.HTMLParser(strict=True)
        try:
            parser.parse(path.read_bytes())
        except html5lib.html5parser.ParseError as error:
            wrong.append(f"{path.name}: {error}")
    return wrong


def check_mistakes():
    """Each planted mistake has to be found."""
    samples = ["node.innerHTML = x", "<p style=\"color:red\">", "fetch('https://example.org')",
               "setTimeout('f()', 1)", "<a onclick='f()'>", "document.cookie"]
    return [f"not found: {sample}" for sample in samples if not check_forbidden("sample", sample)]


def main():
    wrong = (check_mistakes() + check_files() + check_built() + check_imports() + check_reasons() + check_words() +
             check_html())
    for sentence in wrong:
        print(sentence)
    print(f"{len(wrong)} mistakes in the files of the page")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
