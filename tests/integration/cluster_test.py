#!/usr/bin/python3
"""An index and five peers as people run them: real processes, real folders, arkshare-cli as the driver.

What happens by itself (a book listed, a peer gone) is awaited on a Watch stream of the index.
tests/support/arkshare_test_client.py says what this needs. CTest runs it.
"""

import collections
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import unittest
from concurrent import futures

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from arkshare_test_client import BIN, FOLDER, WAIT, Program, Service, grpc  # noqa: E402
from arkshare.v1 import index_pb2, types_pb2  # noqa: E402

LEASE = 3  # seconds
Answer = collections.namedtuple("Answer", "code out err")


def run(*args, stdin=""):
    done = subprocess.run([os.path.join(BIN, args[0]), *args[1:]], input=stdin, text=True,
                          capture_output=True, timeout=WAIT * 3)
    return Answer(done.returncode, done.stdout, done.stderr)


def eventually(wanted):
    """Asks until it is true, or for WAIT seconds."""
    end = time.monotonic() + WAIT
    while not wanted() and time.monotonic() < end:
        time.sleep(0.02)
    return wanted()


class Peer:
    def __init__(self, index, folder, *options):
        self.folder, self.options, self.index = folder, options, index
        self.control = f"unix:{folder}.sock"
        os.makedirs(folder, exist_ok=True)
        self.start()

    def start(self):
        self.program = Program("arkshare-peer", "--index", self.index, "--share", self.folder,
                               "--control", self.control, *self.options)

    def cli(self, *args, stdin=""):
        return run("arkshare-cli", "--peer", self.control, *args, stdin=stdin)

    def write(self, name, data):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def read(self, name):
        with open(os.path.join(self.folder, name), "rb") as file:
            return file.read()

    def has(self, name):
        return os.path.exists(os.path.join(self.folder, name))

    def status(self):
        return json.loads(self.cli("--json", "status").out)

    def items(self):
        return {item["name"]: item
                for item in map(json.loads, self.cli("--json", "ls").out.splitlines())}


class Watch:
    """The live table: what the index shows, as a Watch stream says it."""

    def __init__(self, index):
        self.books, self.peers = set(), set()  # (peer id, name); peer id
        self.call = index.Watch(index_pb2.WatchRequest(), timeout=WAIT * 3)
        self.events = (event for message in self.call for event in [message, *message.more])

    def until(self, wanted):
        while not wanted(self):
            event = next(self.events)  # ends with DEADLINE_EXCEEDED when it never comes
            kind = event.WhichOneof("event")
            what = getattr(event, kind)
            if kind == "book_listed":
                self.books.add((what.peer_id, what.listing.name))
            elif kind == "book_gone":
                self.books.discard((what.peer_id, what.listing.name))
            elif kind == "book_moved":
                self.books.discard((what.from_peer_id, what.old_listing.name))
                self.books.add((what.to_peer_id, what.new_listing.name))
            elif kind == "peer_listed":
                # An entry that is not listed says that the peer is there, and its books are hidden.
                (self.peers.add if what.peer.listed else self.peers.discard)(what.peer.peer_id)
            elif kind == "peer_gone":
                self.peers.discard(what.peer_id)
                self.books = {book for book in self.books if book[0] != what.peer_id}
        return self

    def shows(self, peer_id, name):
        return self.until(lambda w: (peer_id, name) in w.books)

    def misses(self, peer_id, name):
        return self.until(lambda w: (peer_id, name) not in w.books)


class ClusterTest(unittest.TestCase):
    count = 5
    options = {}

    def setUp(self):
        self.folder = os.path.join(FOLDER.name, self._testMethodName)
        os.mkdir(self.folder, 0o700)
        # A port of its own that a restarted index can take again.
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        self.start_index()
        self.addCleanup(lambda: self.index_program.end())
        self.channel = grpc.insecure_channel(self.address)
        self.addCleanup(self.channel.close)
        self.index = Service(self.channel, index_pb2, "IndexService")
        self.peers = {}

    def start_index(self):
        self.index_program = Program("arkshare-index", "--listen", self.address, "--lease",
                                     f"{LEASE}s")

    def add(self, number, books=(), *options):
        """Starts peer `number`, which must be the next free number, and waits until it is listed."""
        peer = self.peers[number] = Peer.__new__(Peer)
        folder = f"{self.folder}/peer{number}"
        os.makedirs(folder)
        for name, data in dict(books).items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)
        peer.__init__(self.address, folder, *options)
        self.addCleanup(lambda: peer.program.end())
        watch = self.watch()
        watch.until(lambda w: number in w.peers and all((number, n) in w.books for n in dict(books)))
        return peer

    def watch(self):
        watch = Watch(self.index)
        self.addCleanup(watch.call.cancel)
        return watch

    def holders(self, **query):
        found = self.index.Search(index_pb2.SearchRequest(**query), timeout=WAIT).results
        return sorted(holder.peer_id for result in found for holder in result.holders)

    def test_books_move_between_five_peers(self):
        books = {n: {f"{n}{k}": os.urandom(1 + k * 300_000) for k in range(5)} for n in range(1, 6)}
        peers = {n: self.add(n, books[n]) for n in books}
        where = {name: n for n, of in books.items() for name in of}
        data = {name: bytes_ for of in books.values() for name, bytes_ in of.items()}
        for receiver, name in ((2, "14"), (3, "14"), (1, "14"), (5, "10"), (5, "21"), (4, "52"),
                               (2, "44"), (4, "44"), (3, "31")):
            answer = peers[receiver].cli("get", name)
            if where[name] == receiver:
                self.assertIn("file already in your folder", answer.out + answer.err)
            else:
                self.assertEqual(answer.code, 0, answer)
            where[name] = receiver
        for name, holder in where.items():
            self.assertEqual(self.holders(name=name), [holder], name)
            for n, peer in peers.items():
                self.assertEqual(peer.has(name), n == holder, name)
            self.assertEqual(peers[holder].read(name), data[name])
        # A source may still read a hidden copy that it has not sent whole.
        folders = [peer.folder for peer in peers.values()]
        eventually(lambda: run("arkshare-audit", *folders, "--settled").code == 0)
        for peer in peers.values():
            self.assertEqual(peer.cli("limbo").code, 0)
            self.assertEqual(os.listdir(peer.folder + "/.arkshare/released"), [])
            self.assertEqual(os.listdir(peer.folder + "/.arkshare/staging"), [])
        audit = run("arkshare-audit", *folders, "--settled")
        self.assertEqual(audit.code, 0, audit.out)
        listed = run("arkshare-cli", "--index", self.address, "--json", "browse", "5").out
        self.assertEqual({json.loads(line)["name"] for line in listed.splitlines()},
                         {name for name, holder in where.items() if holder == 5})

    def test_the_three_cases_of_the_menu(self):
        self.add(1, {"195": b"x" * 2_000_000})
        two = self.add(2, {"164": b"own"})
        calls = []

        class Counting(grpc.GenericRpcHandler):
            def service(self, details):
                calls.append(details.method)

        fake = grpc.server(futures.ThreadPoolExecutor(1), handlers=(Counting(),))
        fake_address = f"127.0.0.1:{fake.add_insecure_port('127.0.0.1:0')}"
        fake.start()
        own = two.cli("--index", fake_address, stdin="1\n164\n")
        self.assertIn("file already in your folder", own.out)
        self.assertEqual(calls, [])  # the index was not called
        other = two.cli("--index", fake_address, stdin="1\n195\n")
        self.assertEqual(calls, ["/arkshare.v1.IndexService/Search"])  # it would have been seen
        self.assertNotIn("book found", other.out)
        fake.stop(0)

        menu = two.cli(stdin="1\n195\ny\n1\n234\n2\n3\n")
        self.assertEqual(menu.code, 0, menu)
        for words in ("registered successfully with id 2", "['164']", "[(1, '127.0.0.1', ",
                      "book found in peer 1 want to download (y for yes)", "receiving data...",
                      "received the data", "['164', '195']", "book 234 not found",
                      "--- Connection with Server closed ---"):
            self.assertIn(words, menu.out)
        self.assertEqual(two.program.process.wait(WAIT), 0)
        self.assertEqual(self.holders(name="195"), [])  # its new owner has left
        self.assertTrue(two.has("195"))
        self.assertFalse(self.peers[1].has("195"))

    def test_own_books_need_no_index(self):
        one = self.add(1, {"164": b"own"})
        self.index_program.send(signal.SIGSTOP)
        try:
            answer = one.cli("get", "164")
            self.assertIn("file already in your folder", answer.out + answer.err)
        finally:
            self.index_program.send(signal.SIGCONT)

    def test_killed_stopped_and_restarted(self):
        one, two = self.add(1, {"11": b"a" * 100_000}), self.add(2, {"22": b"b"})
        watch = self.watch().shows(1, "11").shows(2, "22")
        one.program.end(signal.SIGKILL)
        begin = time.monotonic()
        watch.until(lambda w: 1 not in w.peers)
        # By its connection's end: the session itself would last for a lease. Not a speed, an order.
        self.assertLess(time.monotonic() - begin, LEASE)
        self.assertEqual(self.holders(name="11"), [])
        hashes = os.stat(one.folder + "/11")
        one.start()  # the same folder, the stale control socket, another port
        watch.shows(1, "11")
        self.assertEqual(os.stat(one.folder + "/11").st_mtime_ns, hashes.st_mtime_ns)
        self.assertEqual(one.status()["peer_id"], 1)

        two.program.send(signal.SIGSTOP)  # silence
        watch.until(lambda w: 2 not in w.peers)
        self.assertEqual(self.holders(name="22"), [])
        two.program.send(signal.SIGCONT)
        watch.shows(2, "22")

        self.index_program.end(signal.SIGKILL)
        self.start_index()
        watch = self.watch().shows(1, "11").shows(2, "22")  # whole again, without anyone's help
        self.assertEqual(two.cli("get", "11").code, 0)
        watch.shows(2, "11").misses(1, "11")

        two.program.end()  # SIGTERM: says good-bye
        self.assertEqual([p.peer_id for p in
                          self.index.ListPeers(index_pb2.ListPeersRequest(), timeout=WAIT).peers], [1])

    def test_what_people_do_by_hand(self):
        one = self.add(1, {"kept": b"kept", "old": b"old", "gone": b"gone"})
        watch = self.watch().shows(1, "old")
        one.write("new", b"n" * 50_000)
        watch.shows(1, "new")
        one.write("sub/folder/deep", b"deep")
        watch.shows(1, "sub/folder/deep")
        os.rename(one.folder + "/old", one.folder + "/renamed")
        watch.shows(1, "renamed").misses(1, "old")
        os.rename(one.folder + "/sub", one.folder + "/moved")
        watch.shows(1, "moved/folder/deep").misses(1, "sub/folder/deep")
        os.remove(one.folder + "/gone")
        watch.misses(1, "gone")
        one.write("kept", b"changed")
        root = hashlib.sha256(b"changed").digest()
        content = types_pb2.ContentId(root=root, size_bytes=7)
        watch.until(lambda w: self.holders(content=content) == [1] or
                    w.books.discard((1, "kept")))  # the next event
        self.assertEqual(one.cli("unshare", "kept").code, 0)
        watch.misses(1, "kept")
        one.program.end(signal.SIGKILL)
        one.start()
        watch.until(lambda w: 1 not in w.peers or (1, "new") not in w.books).shows(1, "new")
        self.assertEqual(self.holders(name="kept"), [])
        self.assertIn("unshared", one.items()["kept"]["unshared_reason"])
        self.assertEqual(one.cli("share", one.folder + "/kept").code, 0)
        watch.shows(1, "kept")
        outside = os.path.join(self.folder, "outside")
        with open(outside, "wb") as file:
            file.write(b"from outside")
        self.assertEqual(one.cli("share", outside).code, 0)
        watch.shows(1, "outside")
        self.assertTrue(os.path.exists(outside))

    def test_names_that_must_not_pass(self):
        one = self.add(1, {"good": b"good"})
        two = self.add(2)
        secret = os.path.join(self.folder, "secret")
        with open(secret, "wb") as file:
            file.write(b"not yours")
        os.symlink(secret, one.folder + "/link")
        os.symlink(self.folder, one.folder + "/way out")
        os.link(one.folder + "/good", one.folder + "/hard link")
        for name in ("new\nline", "right\u202eleft", "back\\slash", "x" * 255):
            one.write(name, b"named " + name.encode())
        one.write(os.fsdecode(b"not utf-8 \xff"), b"bytes")
        os.mkfifo(one.folder + "/fifo")
        one.write("last", b"last")
        self.watch().shows(1, "last").shows(1, "x" * 255).shows(1, "hard link")
        shown = self.index.ListBooks(index_pb2.ListBooksRequest(peer_id=1), timeout=WAIT).listings
        self.assertEqual({book.name for book in shown}, {"good", "hard link", "last", "x" * 255})
        def reasons():
            return {name: item["unshared_reason"] for name, item in one.items().items()
                    if item["unshared_reason"]}
        # Two links, three names, one non-name, the fifo.
        eventually(lambda: len(reasons()) == 7)
        unshared = reasons()
        self.assertEqual(len(unshared), 7, unshared)
        self.assertIn("symbolic link", unshared["link"])

        for name in ("../secret", "/etc/passwd", "a//b", ".hidden", "tab\there", "x" * 2000):
            answer = two.cli("get", name)
            self.assertEqual(answer.code, 2, (name, answer))
            self.assertIn("cannot name a book", answer.err)
        self.assertEqual(two.cli("get", "good", "--as", "../outside").code, 2)
        # A hard-linked file is lent.
        self.assertEqual(two.cli("get", "good").code, 0)
        self.assertTrue(one.has("good"))
        self.assertEqual(two.read("good"), b"good")

    def test_two_contents_under_one_name(self):
        self.add(1, {"twin": b"first", "other": b"o"})
        self.add(2, {"twin": b"second"})
        three = self.add(3, {"other": b"mine"})
        answer = three.cli("get", "twin")
        self.assertEqual(answer.code, 1, answer)
        self.assertIn("--from", answer.err)
        self.assertEqual(three.cli("get", "twin", "--from", "2").code, 0)
        self.assertEqual(three.read("twin"), b"second")
        # The name is here already, with another content.
        root = hashlib.sha256(b"o").hexdigest()
        taken = three.cli("get", "other", "--root", root)
        self.assertEqual(taken.code, 1, taken)
        self.assertIn("--as", taken.err)
        self.assertEqual(three.read("other"), b"mine")
        self.assertEqual(three.cli("get", "other", "--root", root, "--as", "other 2").code, 0)
        self.assertEqual(three.read("other 2"), b"o")
        self.assertEqual(three.cli("get", "no peer has it").code, 3)
        self.assertEqual(three.cli("get", "twin", "--from", "77", "--as", "t").code, 3)

    def test_lenders_lose_nothing(self):
        lender = self.add(1, {"lent": b"l" * 3_000_000}, "--policy", "copy")
        mover = self.add(2, {"lent": b"l" * 3_000_000, "mine": b"m"})
        three = self.add(3)
        self.assertEqual(three.cli("get", "lent").code, 0)
        self.assertEqual(self.holders(name="lent"), [1, 2, 3] if self.watch().shows(3, "lent") else [])
        self.assertTrue(lender.has("lent") and mover.has("lent"))
        self.assertEqual(three.cli("get", "mine", "--copy").code, 0)
        self.assertTrue(mover.has("mine"))

    def test_books_of_every_size(self):
        one = self.add(1, {"empty": b"", "sub/one byte": b"1", "Bücher/é": b"accents"})
        two = self.add(2)
        for name in ("empty", "sub/one byte", "Bücher/é"):
            self.assertEqual(two.cli("get", name).code, 0)
            self.assertTrue(two.has(name))
            self.assertFalse(one.has(name))
            self.assertEqual(self.holders(name=name), [2])

    def test_a_full_disk(self):
        if os.geteuid() != 0 or subprocess.run(["mount", "-V"], capture_output=True).returncode:
            self.skipTest("SKIP: only root can mount a small disk")
        one = self.add(1, {"large": os.urandom(6 << 20), "small": b"small"})
        small_disk = f"{self.folder}/peer2"
        os.mkdir(small_disk)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", small_disk],
                          capture_output=True).returncode:
            self.skipTest("SKIP: no tmpfs may be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", small_disk])
        two = Peer(self.address, small_disk)
        self.addCleanup(lambda: two.program.end())
        answer = two.cli("get", "large")
        self.assertEqual(answer.code, 1, answer)
        self.assertIn("room", answer.err)
        self.assertEqual(self.holders(name="large"), [1])
        self.assertEqual(len(one.read("large")), 6 << 20)
        self.assertEqual(two.cli("get", "small").code, 0)
        self.assertEqual(two.read("small"), b"small")

    def test_starts_that_cannot_succeed(self):
        one = self.add(1, {"a": b"a", "b": b"b", "c": b"c"})
        peer = ["arkshare-peer", "--index", self.address, "--control", f"unix:{self.folder}/x.sock"]
        for args, words in (
                (peer + ["--share", self.folder + "/nowhere"], "--share"),
                (peer + ["--share", one.folder], "another peer"),
                (peer + ["--share", __file__], "folder"),
                (["arkshare-index", "--listen", self.address], "another program listens there"),
                (["arkshare-index", "--listen", "0.0.0.0:0"], "--insecure"),
                (["arkshare-index", "--listen", "nonsense"], "nonsense"),
                (["arkshare-index", "--lease", "soon"], "soon")):
            answer = run(*args)
            self.assertIn(answer.code, (1, 2), (args, answer))
            self.assertIn(words, answer.err, args)
            self.assertEqual(answer.out, "")
        other = f"{self.folder}/other"
        os.mkdir(other)
        taken = run(*peer, "--share", other, "--listen", one.program.address)
        self.assertEqual(taken.code, 1)
        self.assertIn("another program listens there", taken.err)
        absent = run("arkshare-cli", "--peer", f"unix:{self.folder}/absent.sock", "status")
        self.assertEqual(absent.code, 4, absent)
        self.assertEqual(run("arkshare-cli", "no-such-command").code, 2)

        one.program.end()
        one.options = ("--max-books", "2")
        one.start()
        self.watch().until(lambda w: 1 in w.peers and len(w.books) == 2)
        reasons = [item["unshared_reason"] for item in one.items().values()]
        self.assertEqual(sum("--max-books" in reason for reason in reasons), 1, reasons)

    def test_the_first_of_two_with_one_key(self):
        one = self.add(1, {"a": b"a"})
        twin = f"{self.folder}/twin"
        os.makedirs(twin + "/.arkshare", 0o700)
        with open(one.folder + "/.arkshare/key", "rb") as old, \
                open(twin + "/.arkshare/key", "wb") as new:
            new.write(old.read())
        newer = Peer(self.address, twin)
        self.addCleanup(lambda: newer.program.end())
        self.assertTrue(eventually(
            lambda: "remove .arkshare from the copy" in newer.status().get("trouble", "")))
        self.assertFalse(newer.status().get("online"))
        self.assertTrue(one.status()["online"])
        self.assertTrue(self.holders(name="a"))
        # The first one stops, and the other takes its place by itself.
        one.program.end()
        self.assertTrue(eventually(lambda: newer.status().get("online")))
        self.assertEqual(newer.status()["peer_id"], 1)


class TlsTest(unittest.TestCase):
    def test_a_book_moves_under_mutual_tls(self):
        folder = os.path.join(FOLDER.name, "tls")
        os.mkdir(folder, 0o700)

        def openssl(*args):
            subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=folder)

        for ca in ("ca", "other"):
            openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={ca}",
                    "-keyout", f"{ca}.key", "-out", f"{ca}.pem")
            openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=node", "-keyout",
                    f"{ca}-node.key", "-out", "node.csr")
            openssl("x509", "-req", "-in", "node.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key",
                    "-CAcreateserial", "-days", "2", "-out", f"{ca}-node.pem")

        def tls(ca):
            return ("--tls-cert", f"{folder}/{ca}-node.pem", "--tls-key", f"{folder}/{ca}-node.key",
                    "--tls-ca", f"{folder}/{ca}.pem")

        index = Program("arkshare-index", "--listen", "127.0.0.1:0", *tls("ca"))
        self.addCleanup(index.end)
        peers = []
        for n in (1, 2):
            os.mkdir(f"{folder}/peer{n}")
            with open(f"{folder}/peer{n}/book{n}", "wb") as file:
                file.write(os.urandom(1_500_000))
            peers.append(Peer(index.address, f"{folder}/peer{n}", *tls("ca")))
            self.addCleanup(peers[-1].program.end)
        client = ("arkshare-cli", "--peer", peers[1].control, "--index", index.address)
        end = time.monotonic() + WAIT
        while run(*client, *tls("ca"), "search", "--name", "book1").code and time.monotonic() < end:
            pass  # until peer 1 is listed
        answer = run(*client, *tls("ca"), "get", "book1")
        self.assertEqual(answer.code, 0, answer)
        self.assertTrue(peers[1].has("book1"))
        self.assertFalse(peers[0].has("book1"))
        for stranger in ((), tls("other")):
            refused = run("arkshare-cli", "--index", index.address, *stranger, "peers")
            self.assertEqual(refused.code, 4, refused)


if __name__ == "__main__":
    unittest.main(verbosity=2)
