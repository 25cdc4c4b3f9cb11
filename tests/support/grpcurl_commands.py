"""The grpcurl commands of docs/protocol.md: reads them, runs them as they are, checks their output.

    outcomes = run(index="127.0.0.1:50051", folder=an_empty_folder)
    check(test_case, outcomes, peers=5, read_book=lambda name: the bytes of peer 1's book)
"""

import collections
import json
import os
import re
import shutil
import subprocess

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
# scripts/test builds grpcurl there.
PATH = os.path.join(ROOT, "build", "tools") + os.pathsep + os.environ["PATH"]
LIMIT = 120  # seconds for all commands; Watch ends itself after two

Outcome = collections.namedtuple("Outcome", "command code out err")
Outcomes = collections.namedtuple("Outcomes", "commands book_name book")


def missing_tool():
    """The first program that the commands need and that is not installed, or None."""
    return next((tool for tool in ("grpcurl", "jq", "bash") if not shutil.which(tool, path=PATH)), None)


def commands(group=False):
    """In order, as the document says for plaintext or for a group. A command that continues on the next
    line after a | counts as one."""
    with open(os.path.join(ROOT, "docs", "protocol.md"), encoding="utf-8") as document:
        section = re.search(r"^## With grpcurl\n(.*?)^## ", document.read(), re.M | re.S).group(1)
    text = "\n".join(re.findall(r"^```\n(.*?)^```$", section, re.M | re.S))
    if group:
        text = text.replace("-plaintext", re.search(
            r"put `([^`]+)` in the place of `-plaintext`", section).group(1))
    return [line for line in re.sub(r"\|\n\s*", "| ", text).splitlines() if line]


def run(index, folder, group=False):
    """Runs them in one shell in `folder`, with INDEX in its environment as a user would set it. In a
    group, the folder has the files of arkshare-cli tls."""
    script, lines = [], commands(group)
    for n, command in enumerate(lines):
        script.append(f"{{ {command}\n}} >out.{n} 2>err.{n}; echo $? >code.{n}")
    script.append('printf %s "$BOOK" >book_name')
    subprocess.run(["bash", "-c", "\n".join(script)], cwd=folder, timeout=LIMIT, check=True,
                   env={**os.environ, "PATH": PATH, "INDEX": index}, stdin=subprocess.DEVNULL)

    def read(name, mode="r"):
        with open(os.path.join(folder, name), mode) as file:
            return file.read()
    return Outcomes([Outcome(command, int(read(f"code.{n}")), read(f"out.{n}"), read(f"err.{n}"))
                     for n, command in enumerate(lines)], read("book_name"), read("book", "rb"))


def check(test, outcomes, peers, read_book):
    def is_list(o):
        for service in ("arkshare.v1.IndexService", "grpc.health.v1.Health"):
            test.assertIn(service, o.out.splitlines())

    def is_description(o):
        test.assertIn("rpc Search (", o.out)
        test.assertIn(".arkshare.v1.SearchRequest", o.out)

    def is_page_of_peers(o):
        page = json.loads(o.out)
        test.assertEqual(len(page["peers"]), 3)
        test.assertTrue(page["next_page_token"])

    def is_all_peers(o):
        test.assertEqual([peer["peer_id"] for peer in json.loads(o.out)["peers"]],
                         list(range(1, peers + 1)))

    def is_found(o):
        results = json.loads(o.out)["results"]
        test.assertEqual([result["name"] for result in results], [outcomes.book_name])
        test.assertEqual([holder["peer_id"] for holder in results[0]["holders"]], [1])

    def is_watch(o):
        test.assertNotEqual(o.code, 0)  # It was ended, and says so.
        test.assertIn("DeadlineExceeded", o.err)
        test.assertEqual(o.out.count('"peer_listed"'), peers)

    def is_download(o):
        test.assertEqual(outcomes.book, read_book(outcomes.book_name))

    # The check of a command, chosen by the first pattern that fits it.
    expected = [(r"\$INDEX list$", is_list), (r"\$INDEX describe ", is_description),
                (r'"page_size": 3', is_page_of_peers), (r"^grpcurl .*/ListPeers$", is_all_peers),
                (r"^grpcurl .*/Search$", is_found), (r"/Watch$", is_watch),
                (r"/Download\b.*>book$", is_download)]
    seen = set()
    for outcome in outcomes.commands:
        with test.subTest(command=outcome.command):
            verify = next((v for pattern, v in expected if re.search(pattern, outcome.command)), None)
            if verify is not is_watch:
                test.assertEqual((outcome.code, outcome.err), (0, ""))
            if verify:
                verify(outcome)
                seen.add(verify)
    test.assertEqual(seen, {verify for _, verify in expected}, "a kind of command is missing in the document")
