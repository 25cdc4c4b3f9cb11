#!/usr/bin/python3
"""docker/compose.yaml as people run it, and with docker/compose.keys.yaml or docker/compose.etcd.yaml on
top of it: builds the image, starts the stack, and looks at it from outside.

Needs a running Docker engine, and docker compose or docker-compose; without them it is skipped (77), and
with REQUIRE_DOCKER=1 it fails instead. Everything has a project name of its own and is removed at the
end; the images arkshare-test and arkshare-etcd-test stay, so that the next build finds their layers.
"""

import errno
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
import grpcurl_commands  # noqa: E402

PROJECT = f"arkshare-test-{os.getpid()}"
IMAGE = f"arkshare-test:{os.getpid()}"  # Another checkout may be tested at the same time.
KEPT_IMAGE = "arkshare-test:latest"
ETCD_IMAGE = "arkshare-etcd-test:latest"
BASE = "debian:bookworm-slim"
OWN_BASE = "arkshare-base:bookworm"
PEERS = [f"peer{n}" for n in range(1, 6)]
INDEXES = ["index", "index2"]
ETCDS = ["etcd1", "etcd2", "etcd3"]
LEASE = 10  # seconds; the index's default
SOON = 40  # seconds for what should take a few


def run(*command, check=True, timeout=120, **options):
    done = subprocess.run(command, text=True, capture_output=True, timeout=timeout,
                          stdin=None if "input" in options else subprocess.DEVNULL, **options)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def docker(*args, **options):
    return run("docker", *args, **options).stdout.strip()


def skip(why):
    if os.environ.get("REQUIRE_DOCKER") == "1":
        sys.exit(f"FAILED: {why}")
    print(f"SKIP: {why}")
    sys.exit(77)


def succeeds(*command, timeout=60):
    try:
        return run(*command, check=False, timeout=timeout).returncode == 0
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False


def find_compose():
    if not succeeds("docker", "version"):
        skip("no Docker engine answers")
    for command in (["docker", "compose"], ["docker-compose"]):
        if succeeds(*command, "version"):
            return command
    return skip("neither docker compose nor docker-compose is installed")


def find_base():
    """Returns the base image: Debian's where it can be pulled, otherwise one that docker/make-base makes."""
    for base in (BASE, OWN_BASE):
        if succeeds("docker", "image", "inspect", base):
            return base
    if succeeds("docker", "pull", BASE, timeout=120):
        return BASE
    made = run(os.path.join(ROOT, "docker", "make-base"), OWN_BASE, check=False, timeout=600)
    if made.returncode:
        skip(f"{BASE} cannot be pulled, nor its like be made: {made.stderr.strip()}")
    return OWN_BASE


def eventually(what, predicate, seconds=SOON):
    """Waits until the predicate returns something true, and returns that."""
    end = time.monotonic() + seconds
    while not (value := predicate()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.1)
    return value


def free_web_ports():
    """Ports for the web pages of the five peers. A page is published under its own port."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(5)]
    ports = {f"ARKSHARE_WEB{n}": str(one.getsockname()[1]) for n, one in enumerate(sockets, 1)}
    for one in sockets:
        one.close()
    return ports


class Stack:
    """The containers by the names of their services."""

    def __init__(self, compose, base, project, *files):
        self.label = f"label=com.docker.compose.project={project}"
        self.command = [*compose, "-p", project]
        for file in (f"{ROOT}/docker/compose.yaml", *files):
            self.command += ["-f", file]
        self.env = {**os.environ, "ARKSHARE_BASE": base, "ARKSHARE_IMAGE": IMAGE,
                    "ARKSHARE_INDEX_PORT": "0", "ARKSHARE_INDEX2_PORT": "0", "ETCD_IMAGE": ETCD_IMAGE,
                    "SECCOMP": HERE, **free_web_ports()}

    def compose(self, *args, **options):
        return run(*self.command, *args, env=self.env, **options)

    def start(self):
        self.compose("up", "-d", timeout=300)
        shown = docker("ps", "--filter", self.label, "--format",
                       '{{.Label "com.docker.compose.service"}} {{.ID}}')
        self.ids = dict(line.split() for line in shown.splitlines())

    def remove(self):
        self.compose("down", "-v", "--remove-orphans", check=False, timeout=300)

    def left(self):
        """Lists the containers, volumes and networks that are still there."""
        return [docker(*kind, "-q", "--filter", self.label) for kind in (
            ("ps", "-a"), ("volume", "ls"), ("network", "ls"))]

    def inspect(self, service, what):
        return json.loads(docker("inspect", "--format", f"{{{{json {what}}}}}", self.ids[service]))

    def exec(self, service, *command, **options):
        return run("docker", "exec", "-i", self.ids[service], *command, **options)

    def cli(self, service, *args, check=True):
        """The objects that arkshare-cli prints."""
        done = self.exec(service, "arkshare-cli", "--json", *args, check=check)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def healthy(self, service):
        return self.inspect(service, ".State.Health.Status") == "healthy"

    def network(self, service):
        """Its network's name, and its address there."""
        (name, settings), = self.inspect(service, ".NetworkSettings.Networks").items()
        return name, settings["IPAddress"]

    def crash(self, service):
        """Ends it as a crash would, not as a request to stop the container."""
        pid = self.inspect(service, ".State.Pid")
        docker("run", "--rm", "--pid=host", IMAGE, "sh", "-c", f"kill -KILL {pid}")

    def disk(self, peer):
        """The books in its volume: name -> SHA-256."""
        lines = self.exec(peer, "sh", "-c", "cd /books && sha256sum -- *", check=False).stdout
        return {name: digest for digest, name in (line.split(None, 1) for line in lines.splitlines())}

    def ask_index(self, *args):
        return self.cli("index", "--index", "127.0.0.1:50051", *args, check=False)

    def listed(self, peer):
        """The books that the index lists of it."""
        return {book["name"] for book in self.ask_index("browse", peer.removeprefix("peer"))}

    def holders(self, book):
        found = self.ask_index("search", "--name", book)
        return sorted(f"peer{holder['peer_id']}" for result in found for holder in result["holders"])

    def table(self, index="index"):
        """Returns what the index lists: {(peer, book)}."""
        shown = self.exec(index, "sh", "-c", "for n in 1 2 3 4 5; do echo peer$n;"
                          " arkshare-cli --index 127.0.0.1:50051 --json browse $n; done", check=False)
        pairs, peer = set(), None
        for line in shown.stdout.splitlines():
            if line in PEERS:
                peer = line
            else:
                pairs.add((peer, json.loads(line)["name"]))
        return pairs


class DockerTest(unittest.TestCase):
    """The tests run in the order of their names, on one stack; each leaves it whole."""

    @classmethod
    def setUpClass(cls):
        cls.stack = stack
        cls.addClassCleanup(stack.remove)
        stack.start()
        assert sorted(stack.ids) == ["index", *PEERS], stack.ids
        for service in stack.ids:
            eventually(f"{service} is healthy", lambda: stack.healthy(service))
        cls.books = {}  # name -> SHA-256
        for peer in PEERS:
            cls.books.update(stack.disk(peer))

    def tearDown(self):
        self.assert_whole()

    def assert_whole(self):
        """Every book is on one disk, unharmed, and the index lists it there and nowhere else."""
        disks = {}

        def agree():
            disks.update({peer: self.stack.disk(peer) for peer in PEERS})
            return self.stack.table() == {(peer, book) for peer in PEERS for book in disks[peer]}
        eventually("disks and index agree", agree)
        self.assertEqual(sum(len(disk) for disk in disks.values()), len(self.books))
        self.assertEqual({k: v for disk in disks.values() for k, v in disk.items()}, self.books)

    def a_book(self, peer):
        return sorted(self.stack.disk(peer))[0]

    def get(self, receiver, book):
        self.stack.exec(receiver, "arkshare-cli", "get", book)
        self.assert_only_at(receiver, book)

    def assert_only_at(self, peer, book):
        self.assertEqual([p for p in PEERS if book in self.stack.disk(p)], [peer])
        self.assertEqual(self.stack.holders(book), [peer])

    def test_01_every_peer_has_five_sample_books(self):
        sizes = set()
        for peer in PEERS:
            books = self.stack.disk(peer)
            self.assertEqual(len(books), 5, peer)
            self.assertTrue(all(re.fullmatch("[1-9][0-9][0-9]", book) for book in books), books)
            listing = self.stack.exec(peer, "sh", "-c", "stat -c %s /books/*").stdout
            sizes.update(int(size) for size in listing.split())
        self.assertLessEqual(max(sizes), 1 << 20)
        self.assertGreater(len(sizes), 20)  # They are random.
        self.assertEqual(len(self.books), 25)  # No name twice.

    def test_02_containers_may_do_little(self):
        for service in self.stack.ids:
            host = self.stack.inspect(service, ".HostConfig")
            self.assertEqual(host["CapDrop"], ["ALL"])
            self.assertIn("no-new-privileges:true", host["SecurityOpt"])
            self.assertTrue(host["ReadonlyRootfs"])
            self.assertGreater(host["Memory"], 0)
            self.assertEqual(host["RestartPolicy"]["Name"], "on-failure")
            tried = self.stack.exec(service, "sh", "-c", "id -u; touch /x", check=False)
            self.assertEqual(tried.stdout, "10001\n")
            self.assertIn("Read-only file system", tried.stderr)
        control = self.stack.exec("peer1", "stat", "-c", "%u %a", "/run/arkshare").stdout
        self.assertEqual(control, "10001 700\n")

    def test_03_the_image_is_small_and_has_no_compiler(self):
        size = int(docker("image", "inspect", "--format", "{{.Size}}", IMAGE))
        self.assertLess(size, 130e6)
        tools = self.stack.exec("index", "sh", "-c", "command -v cc gcc g++ c++ cpp as ld make cmake",
                                check=False)
        self.assertEqual(tools.stdout, "")

    def test_04_the_grpcurl_commands_of_the_document(self):
        missing = grpcurl_commands.missing_tool()
        if missing and os.environ.get("REQUIRE_DOCKER") != "1":
            self.skipTest(f"{missing} is not installed")
        port = docker("port", self.stack.ids["index"], "50051/tcp")

        def read(book):
            return subprocess.run(["docker", "exec", self.stack.ids["peer1"], "cat", f"/books/{book}"],
                                  check=True, capture_output=True).stdout
        with tempfile.TemporaryDirectory() as folder:
            outcomes = grpcurl_commands.run(port, folder)
            grpcurl_commands.check(self, outcomes, peers=5, read_book=read)

    def test_05_the_menu_moves_a_book(self):
        book = self.a_book("peer1")
        menu = self.stack.compose("exec", "-T", "peer5", "arkshare-cli", input=f"1\n{book}\ny\n")
        self.assertIn("registered successfully with id 5", menu.stdout)
        self.assertIn("received the data", menu.stdout)
        self.assert_only_at("peer5", book)

    def test_06_without_openat2(self):
        # Its number is 437 everywhere; -100 is AT_FDCWD.
        call = 'my ($path, $how) = ("/", pack("Q3")); print syscall(437, -100, $path, $how, 24), " ", $!+0'
        for peer, error in (("peer3", errno.EPERM), ("peer4", errno.ENOSYS)):
            self.assertEqual(self.stack.exec(peer, "perl", "-e", call).stdout, f"-1 {error}", peer)
        for source, receiver in (("peer3", "peer4"), ("peer4", "peer1"), ("peer1", "peer3")):
            self.get(receiver, self.a_book(source))

    def test_07_a_killed_peer_comes_back_with_its_books(self):
        books = self.stack.listed("peer2")
        self.assertEqual(len(books), 5)
        docker("kill", "-s", "KILL", self.stack.ids["peer2"])
        for book in books:  # At once, which is long before its lease lapses.
            eventually(f"{book} is gone", lambda: self.stack.holders(book) == [], LEASE / 2)
        docker("start", self.stack.ids["peer2"])
        for book in books:
            eventually(f"{book} is back", lambda: self.stack.holders(book) == ["peer2"])

    def test_08_a_crashed_index_is_whole_again_by_itself(self):
        self.stack.crash("index")
        eventually("the index runs again", lambda: self.stack.inspect("index", ".State.Running") and
                   self.stack.inspect("index", ".RestartCount") == 1)
        eventually("every peer is back", lambda: {p for p, _ in self.stack.table()} == set(PEERS))

    def test_09_a_peer_is_cut_off_in_the_middle_of_a_move(self):
        self.stack.exec("peer1", "sh", "-c", "head -c 20000000 /dev/urandom >/books/large")
        self.books["large"] = self.stack.disk("peer1")["large"]
        eventually("the book is listed", lambda: self.stack.holders("large") == ["peer1"])
        self.stack.exec("peer1", "arkshare-cli", "limits", "--upload", "1MiB")
        docker("exec", "-d", self.stack.ids["peer5"], "arkshare-cli", "get", "large")
        eventually("bytes arrive", lambda: any(
            t["name"] == "large" and int(t["bytes_done"]) > 0 for t in self.stack.cli("peer5", "transfers")))
        network, address = self.stack.network("peer1")
        docker("network", "disconnect", network, self.stack.ids["peer1"])
        # Another container gets its address, so that it comes back with another one.
        guest = docker("run", "-d", "--rm", "--network", network, IMAGE, "sleep", "1000")
        self.addCleanup(docker, "rm", "-f", guest)
        self.assertNotIn("large", self.stack.disk("peer5"))  # In the middle, indeed.
        eventually("the index notices", lambda: self.stack.holders("large") == [], LEASE * 2)
        docker("network", "connect", "--alias", "peer1", network, self.stack.ids["peer1"])
        self.assertNotEqual(self.stack.network("peer1")[1], address)
        eventually("the peer is back", lambda: self.stack.listed("peer1"))
        self.stack.exec("peer1", "arkshare-cli", "limits", "--upload", "0")

        def moved():
            # The move may have failed for good; then it is asked for again, as a person would.
            if "large" not in self.stack.disk("peer5"):
                self.stack.exec("peer5", "arkshare-cli", "get", "large", check=False)
            return self.stack.holders("large") == ["peer5"]
        eventually("the book has moved", moved)
        self.assert_only_at("peer5", "large")
        for peer in ("peer1", "peer5"):
            hidden = self.stack.exec(peer, "sh", "-c", "ls -A /books/.arkshare/released").stdout
            self.assertEqual(hidden, "", peer)

    def test_10_a_stopped_peer_unregisters(self):
        docker("stop", self.stack.ids["peer4"])
        numbers = [peer["peer_id"] for peer in self.stack.ask_index("peers")]
        self.assertEqual(numbers, [1, 2, 3, 5])
        self.assertEqual(self.stack.inspect("peer4", ".State.ExitCode"), 0)
        docker("start", self.stack.ids["peer4"])
        eventually("it is back", lambda: self.stack.listed("peer4"))

    def test_11_a_peer_that_was_told_to_quit_stays_away(self):
        self.stack.exec("peer3", "arkshare-cli", "quit", check=False)
        eventually("it has ended", lambda: not self.stack.inspect("peer3", ".State.Running"))
        state = self.stack.inspect("peer3", ".State")
        self.assertEqual((state["Status"], state["ExitCode"]), ("exited", 0))
        self.assertEqual(self.stack.inspect("peer3", ".RestartCount"), 0)
        docker("start", self.stack.ids["peer3"])
        eventually("it is back", lambda: self.stack.listed("peer3"))

    def test_12_volumes_outlive_containers(self):
        self.stack.compose("down")
        self.stack.start()
        eventually("every peer is back", lambda: {p for p, _ in self.stack.table()} == set(PEERS))


class GroupTest(unittest.TestCase):
    """A group in containers: the index has a key, and only members get in. In the order of the names."""

    NAMES = {"peer1": "ada", "peer2": "bob", "peer3": "carol", "peer4": "dan", "peer5": "eve"}

    @classmethod
    def setUpClass(cls):
        cls.stack = group_stack
        cls.addClassCleanup(group_stack.remove)
        cls.start()

    @classmethod
    def start(cls):
        cls.stack.start()
        assert sorted(set(cls.stack.ids) - {"invite"}) == ["index", *PEERS], cls.stack.ids
        for service in ["index", *PEERS]:
            eventually(f"{service} is healthy", lambda: cls.stack.healthy(service))
        eventually("all peers are listed", lambda: len(cls.stack.cli("peer5", "peers", check=False)) == 5)

    def members(self, *command):
        return self.stack.exec("index", "arkshare-index", "members", *command, "--home", "/state/group").stdout

    def test_01_the_peers_have_joined_by_one_invitation(self):
        self.assertEqual(sorted(line.split()[2] for line in self.members().splitlines()),
                         sorted(self.NAMES.values()))
        invitations = self.stack.exec("index", "arkshare-index", "invitations", "--home", "/state/group").stdout
        self.assertIn("  used  5/5  ", invitations)
        shown = self.stack.exec("peer5", "arkshare-cli", "peers").stdout
        for peer, name in self.NAMES.items():
            self.assertIn(f"{peer.removeprefix('peer')} ({name})", shown)

    def test_02_a_book_moves(self):
        book = sorted(self.stack.disk("peer1"))[0]
        digest = self.stack.disk("peer1")[book]
        got = self.stack.exec("peer5", "arkshare-cli", "get", book).stdout
        self.assertIn("from peer 1 (ada)", got)
        self.assertEqual(self.stack.disk("peer5")[book], digest)
        self.assertNotIn(book, self.stack.disk("peer1"))

    def test_03_a_stranger_is_not_let_in(self):
        network, _ = self.stack.network("index")
        for address in ("index:50051", "peer1:50052"):
            tried = run("docker", "run", "--rm", "--network", network, IMAGE, "arkshare-cli", "health", address,
                        check=False)
            self.assertEqual(tried.returncode, 4, tried)
            self.assertIn("it belongs to a group", tried.stderr)

    def test_04_the_secrets_are_in_their_files_only(self):
        word = self.stack.exec("peer1", "cat", "/invitation/word").stdout.strip()
        self.assertTrue(word.startswith("ark1"), word)
        for service in self.stack.ids:
            shown = json.dumps(self.stack.inspect(service, ".")) + docker("logs", self.stack.ids[service])
            self.assertNotIn(word, shown, service)
        mode = self.stack.exec("index", "stat", "-c", "%a", "/state/group", "/state/group/key").stdout
        self.assertEqual(mode, "700\n600\n")

    def test_05_no_peer_joins_again_after_a_restart(self):
        before = self.members()
        self.stack.compose("down")
        self.start()
        self.assertEqual(self.members(), before)

    def test_06_a_removed_member_is_out(self):
        self.members("remove", "dan")
        eventually("it is gone", lambda: len(self.stack.cli("peer5", "peers")) == 4)
        refused = self.stack.exec("peer4", "arkshare-cli", "peers", check=False)
        self.assertNotEqual(refused.returncode, 0, refused)
        self.assertEqual(self.stack.exec("peer5", "arkshare-cli", "ping", "1").returncode, 0)


class EtcdTest(unittest.TestCase):
    """Two replicas of the index on three nodes of etcd. In the order of the names."""

    @classmethod
    def setUpClass(cls):
        cls.stack = etcd_stack
        cls.addClassCleanup(etcd_stack.remove)
        cls.stack.start()
        assert sorted(cls.stack.ids) == sorted([*ETCDS, *INDEXES, *PEERS]), cls.stack.ids
        for service in cls.stack.ids:
            eventually(f"{service} is healthy", lambda: cls.stack.healthy(service))
        cls.books = {(peer, book) for peer in PEERS for book in cls.stack.disk(peer)}

    def assert_whole(self):
        """Both indexes list every book at its peer, and nowhere else."""
        for index in INDEXES:
            eventually(f"{index} lists all", lambda: self.stack.table(index) == self.books)

    def crash_and_await(self, service):
        before = self.stack.inspect(service, ".RestartCount")
        self.stack.crash(service)
        eventually(f"{service} runs again", lambda: self.stack.inspect(service, ".State.Running") and
                   self.stack.inspect(service, ".RestartCount") == before + 1)

    def await_health(self, service):
        eventually(f"{service} is healthy again", lambda: self.stack.healthy(service))

    def test_01_both_indexes_are_live_and_list_all_books(self):
        self.assertEqual(len(self.books), 25)
        self.assert_whole()
        for index in INDEXES:
            (health,) = self.stack.cli(index, "health", "127.0.0.1:50051")
            self.assertEqual(health["replica"]["store"], "live", health)
            self.assertGreater(health["replica"]["revision"], 0)

    def test_02_containers_may_do_little(self):
        for service in [*ETCDS, "index2"]:
            host = self.stack.inspect(service, ".HostConfig")
            self.assertEqual(host["CapDrop"], ["ALL"])
            self.assertIn("no-new-privileges:true", host["SecurityOpt"])
            self.assertTrue(host["ReadonlyRootfs"])
            self.assertGreater(host["Memory"], 0)
            self.assertEqual(self.stack.exec(service, "id", "-u").stdout, "10001\n")

    def test_03_each_node_of_etcd_crashes(self):
        for service in ETCDS:
            self.crash_and_await(service)
            self.await_health(service)
            self.assert_whole()

    def test_04_each_index_crashes_and_the_other_one_misses_nothing(self):
        for service, other in (INDEXES, reversed(INDEXES)):
            self.stack.crash(service)
            # Looked at from the first moment until the crashed one lists all books again.
            eventually(f"{service} is whole again", lambda: self.assertEqual(
                self.stack.table(other), self.books) or self.stack.table(service) == self.books)
            self.await_health(service)
            self.assertGreater(self.stack.inspect(service, ".RestartCount"), 0)

    def test_05_each_peer_crashes(self):
        for service in PEERS:
            self.crash_and_await(service)
            self.assert_whole()
            self.await_health(service)

    def test_06_books_move_after_all_of_that(self):
        for receiver, source in (("peer1", "peer5"), ("peer3", "peer2")):
            book = sorted(self.stack.disk(source))[0]
            self.stack.exec(receiver, "arkshare-cli", "get", book)
            self.books.remove((source, book))
            self.books.add((receiver, book))
            self.assert_whole()
            self.assertIn(book, self.stack.disk(receiver))


class OperatorTest(unittest.TestCase):
    """"Run it for your group" of docs/operator.md in a clean container, as a reader types it."""

    # A program that serves goes on in the background, and the reader waits until it says so.
    SERVES = """
{{ {line}
}} >out.{n} 2>&1 &
until grep -q "^serving address=" out.{n}; do kill -0 $! || {{ cat out.{n}; exit 1; }}; sleep 0.1; done"""

    def script(self):
        with open(f"{ROOT}/docs/operator.md", encoding="utf-8") as document:
            section = re.search(r"^## Run it for your group\n(.*?)^## ", document.read(), re.M | re.S).group(1)
        lines = "".join(re.findall(r"^```\n(.*?)^```$", section, re.M | re.S)).splitlines()
        script = ["set -eu", "mkdir -p ~/books", "printf 'the book' >~/books/195", "WORD="]
        for n, line in enumerate(lines):
            self.assertRegex(line, r"^(arkshare-(index|peer|cli)|grpcurl) ")
            if line.startswith("grpcurl ") and not shutil.which("grpcurl", path=grpcurl_commands.PATH):
                continue
            # The word of the invitation is the one thing that a reader cannot type as it is there.
            line = line.replace("ark1…", '"$WORD"')
            if "--listen" in line or line.startswith("arkshare-peer "):
                script.append(self.SERVES.format(line=line, n=n))
                if line.startswith("arkshare-peer "):
                    script.append('until arkshare-cli status | grep -q "^online *yes"; do sleep 0.1; done')
            else:
                script.append(f"echo '# {line}'\n{line} >out.{n}\ncat out.{n}")
                if " invite " in line:
                    script.append(f"WORD=$(cat out.{n})")
        # The row of the table about removing.
        return "\n".join([*script, "arkshare-index members --home ~/ark",
                          "arkshare-index members remove ada --home ~/ark",
                          "! arkshare-cli peers >last 2>&1", "cat last"])

    def test_word_for_word(self):
        name, grpcurl = f"{PROJECT}-operator", shutil.which("grpcurl", path=grpcurl_commands.PATH)
        self.addCleanup(docker, "rm", "-f", name, check=False)
        tried = run("docker", "run", "--name", name, "--add-host", "ark.example:127.0.0.1",
                    "-e", "HOME=/tmp", "-w", "/tmp",
                    *(["-v", f"{grpcurl}:/usr/local/bin/grpcurl:ro"] if grpcurl else []), IMAGE, "bash", "-c",
                    self.script(), check=False)
        self.assertEqual(tried.returncode, 0, tried)
        for shown in ("full  ada\n", "1 (ada)", "ca.pem", "removed from it"):
            self.assertIn(shown, tried.stdout + tried.stderr)
        if grpcurl:
            self.assertIn("arkshare.v1.IndexService\n", tried.stdout)


class LastTest(unittest.TestCase):
    def test_nothing_is_left(self):
        for used in (stack, group_stack, etcd_stack):
            self.assertEqual(used.left(), ["", "", ""])


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # unittest lets only that one through.
    command, base = find_compose(), find_base()
    stack = Stack(command, base, PROJECT, f"{HERE}/refuse-openat2.yaml")
    group_stack = Stack(command, base, f"{PROJECT}-keys", f"{ROOT}/docker/compose.keys.yaml")
    etcd_stack = Stack(command, base, f"{PROJECT}-etcd", f"{ROOT}/docker/compose.etcd.yaml")
    print("Building the image", flush=True)
    # By hand, because what compose starts for it would outlive an interrupted test.
    docker("build", "-f", f"{ROOT}/docker/Dockerfile", "-t", IMAGE, "--build-arg",
           f"BASE={stack.env['ARKSHARE_BASE']}", ROOT, timeout=3600)
    try:
        stack.compose("build", timeout=3600)  # The same again, from the cache.
        etcd_stack.compose("build", "etcd1", timeout=600)
        unittest.main(verbosity=2)
    finally:
        stack.remove()
        group_stack.remove()
        etcd_stack.remove()
        docker("tag", IMAGE, KEPT_IMAGE, check=False)
        docker("rmi", IMAGE, check=False)
