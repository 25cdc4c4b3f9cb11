#!/usr/bin/python3
"""Two replicas of the index, as a client in another language goes from one of them to the other.

Revisions that one replica tells are good at the other: at_least_revision, linearizable, and from_revision
of a watch. Skipped without etcd. tests/support/arkshare_test_client.py says what this needs. CTest runs it.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import unittest

SKIPPED = 77
if shutil.which("etcd") is None:
    print("SKIP: etcd-server is not installed")
    sys.exit(SKIPPED)

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import contract_peer as peers  # noqa: E402
from arkshare_test_client import FOLDER, WAIT, Program, Service, grpc  # noqa: E402
from arkshare.v1 import index_pb2  # noqa: E402

Code = grpc.StatusCode
FAR = 10**12  # no log has this many revisions
COMPLETE = ("snapshot_complete", "")


def free_port():
    """A port that no other program gets by asking for any."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        first = int(file.read().split()[0])
    while True:
        port = random.randrange(first // 2, first)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


class Etcd:
    """One node, without any wait: a replica begins to serve when it has found it."""

    def __init__(self):
        client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        self.endpoint = client.removeprefix("http://")
        self.log = open(os.path.join(FOLDER.name, "etcd.log"), "w", encoding="utf-8")
        self.process = subprocess.Popen(
            ["etcd", "--data-dir", os.path.join(FOLDER.name, "etcd"), "--name", "n",
             "--listen-client-urls", client, "--advertise-client-urls", client,
             "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
             "--initial-cluster", f"n={peer}"], stdout=self.log, stderr=self.log)

    def send(self, number):
        self.process.send_signal(number)

    def end(self):
        self.process.kill()
        self.process.wait(WAIT)
        self.log.close()


class ReplicaContractTest(unittest.TestCase):
    """Two replicas, for all tests."""

    @classmethod
    def setUpClass(cls):
        cls.etcd = Etcd()
        cls.addClassCleanup(cls.etcd.end)
        cls.indexes = []
        for _ in range(2):
            program = Program("arkshare-index", "--listen", "127.0.0.1:0", "--etcd",
                              cls.etcd.endpoint)
            cls.addClassCleanup(program.end)
            channel = grpc.insecure_channel(program.address)
            cls.addClassCleanup(channel.close)
            cls.indexes.append(Service(channel, index_pb2, "IndexService"))
        cls.one, cls.other = cls.indexes

    def join(self, name):
        """The stream at `one` of a peer that has announced a book."""
        peer = peers.Peer([(name, name.encode())])
        self.addCleanup(peer.stop)
        answer = self.one.Register(peer.register_request(), wait_for_ready=True, timeout=WAIT)
        self.assertTrue(answer.reachability.reachable and answer.replicated, answer)
        self.addCleanup(self.unregister, answer.session_token)
        stream = peers.Announcing(self.one, answer.session_token)
        self.addCleanup(stream.cancel)
        stream.wait_acknowledged(0)
        stream.send(first_sequence=1, statements=[{"present": peer.listing(1)}],
                    snapshot_complete=True, free_slots=4)
        stream.wait_acknowledged(1)
        self.assertGreater(stream.revision, 0)
        return peer, stream, answer

    def unregister(self, token):
        self.one.Unregister(index_pb2.UnregisterRequest(),
                            metadata=(("authorization", "Bearer " + token),))

    def watched(self, index, last, **request):
        """The kinds and names of the events of a watch up to the first of the kind and name `last`,
        its revision, and the boot_id."""
        messages = index.Watch(index_pb2.WatchRequest(books_only=True, **request), timeout=WAIT)
        self.addCleanup(messages.cancel)
        events, boot_id = [], b""
        for message in messages:
            boot_id = message.boot_id
            for event in (message, *message.more):
                kind = event.WhichOneof("event")
                book = getattr(event, kind) if kind.startswith("book_") else None
                events.append((kind, book.listing.name if book else ""))
                if events[-1] == last:
                    return events, event.revision, boot_id
        return self.fail(f"the watch has ended after {events}")

    def refused(self, call):
        with self.assertRaises(grpc.RpcError) as raised:
            call()
        code, info, details = peers.error_info(raised.exception)
        return code, info.reason, any("RetryInfo" in detail.type_url for detail in details)

    def test_an_answer_contains_the_revision_that_the_other_replica_told(self):
        for number in range(20):
            name = f"told {number}"
            peer, stream, registered = self.join(name)
            at_least = {"at_least_revision": stream.revision}
            found = self.other.Search(index_pb2.SearchRequest(name=name, **at_least))
            self.assertEqual([result.content for result in found.results],
                             [peer.listing(1).content])
            self.assertGreaterEqual(found.revision, stream.revision)
            books = self.other.ListBooks(index_pb2.ListBooksRequest(
                peer_id=registered.peer_id, **at_least))
            self.assertEqual([listing.name for listing in books.listings], [name])
            (known,) = self.other.ListPeers(index_pb2.ListPeersRequest(
                peer_id=registered.peer_id, **at_least)).peers
            self.assertEqual(known.book_count, 1)
            events, revision, boot_id = self.watched(self.other, COMPLETE, name=name, **at_least)
            self.assertEqual(events, [("book_listed", name), COMPLETE])
            self.assertGreaterEqual(revision, stream.revision)
            self.assertEqual(boot_id, registered.boot_id)

    def test_a_linearizable_search_needs_no_revision(self):
        for number in range(20):
            name = f"linear {number}"
            self.join(name)
            found = self.other.Search(index_pb2.SearchRequest(name=name, linearizable=True))
            self.assertEqual(len(found.results), 1)

    def test_a_revision_that_does_not_come_is_refused(self):
        _, _, registered = self.join("refused")
        for call in (
                lambda: self.one.Search(index_pb2.SearchRequest(
                    name="refused", at_least_revision=FAR)),
                lambda: self.one.ListPeers(index_pb2.ListPeersRequest(at_least_revision=FAR)),
                lambda: self.one.ListBooks(index_pb2.ListBooksRequest(
                    peer_id=registered.peer_id, at_least_revision=FAR)),
                lambda: list(self.one.Watch(index_pb2.WatchRequest(at_least_revision=FAR))),
                lambda: list(self.one.Watch(index_pb2.WatchRequest(
                    from_revision=FAR, from_boot_id=registered.boot_id)))):
            self.assertEqual(self.refused(call), (Code.UNAVAILABLE, "INDEX_BEHIND", True))

    def test_a_watch_goes_on_at_the_other_replica(self):
        # A replica keeps changes from its first watch on.
        self.watched(self.other, COMPLETE, name="no such book")
        peer, stream, _ = self.join("away")
        query = {"keywords": "away"}
        events, revision, boot_id = self.watched(self.one, COMPLETE, **query)
        self.assertEqual(events, [("book_listed", "away"), COMPLETE])
        # While the reader is on its way, the books change.
        stream.send(first_sequence=2, statements=[{"gone_listing_number": 1}])
        stream.send(first_sequence=3, statements=[{"present": {
            "listing_number": 2, "name": "far away", "content": peer.listing(1).content}}])
        stream.wait_acknowledged(3)
        last = ("book_listed", "far away")
        events, later, same = self.watched(self.other, last, from_revision=revision,
                                           from_boot_id=boot_id, **query)
        self.assertEqual(same, boot_id)
        # Those of from_revision itself can come again.
        self.assertEqual([event for event in events if event != ("book_listed", "away")],
                         [("resumed", ""), ("book_gone", "away"), last])
        self.assertGreater(later, revision)
        events, _, _ = self.watched(self.other, COMPLETE, from_revision=later,
                                    from_boot_id=b"of another index", **query)
        self.assertEqual(events, [last, COMPLETE])

    def test_a_replica_that_is_cut_off_reads_and_refuses_changes(self):
        _, stream, _ = self.join("cut off")
        self.etcd.send(signal.SIGSTOP)
        try:
            refused = None
            while refused is None:  # until it has found out
                try:
                    self.one.Search(index_pb2.SearchRequest(name="cut off", linearizable=True),
                                    timeout=WAIT)
                except grpc.RpcError as error:
                    refused = error
            self.assertEqual(peers.error_info(refused)[1].reason, "STORE_UNREACHABLE")
            found = self.one.Search(index_pb2.SearchRequest(
                name="cut off", at_least_revision=stream.revision))
            self.assertEqual(len(found.results), 1)
            code, reason, retry = self.refused(
                lambda: self.one.Register(peers.Peer([]).register_request(), timeout=WAIT))
            self.assertEqual((code, reason, retry), (Code.UNAVAILABLE, "STORE_UNREACHABLE", True))
        finally:
            self.etcd.send(signal.SIGCONT)
        while True:  # until it has found out
            try:
                self.one.Search(index_pb2.SearchRequest(name="cut off", linearizable=True),
                                wait_for_ready=True, timeout=WAIT)
                break
            except grpc.RpcError as error:
                self.assertEqual(peers.error_info(error)[1].reason, "STORE_UNREACHABLE")


if __name__ == "__main__":
    unittest.main()
