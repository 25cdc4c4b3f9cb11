#!/usr/bin/python3
"""Drives arkshare-index and arkshare-peer from another language, by the contracts only.

Registers, announces, searches, watches; takes books from the C++ peer and gives books to it; checks every
signed byte and every error against the comments in proto/arkshare/v1.
tests/support/arkshare_test_client.py says what this needs. CTest runs it.
"""

import os
import random
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import contract_peer as peers  # noqa: E402
from arkshare_test_client import (FOLDER, GENERATED, PROTOC, Program, Service, grpc,  # noqa: E402
                                  verify)
from arkshare.v1 import file_pb2, index_pb2, peer_pb2, types_pb2  # noqa: E402
from google.protobuf import descriptor_pb2  # noqa: E402

Code = grpc.StatusCode

# No Debian package has these protos: health and reflection, as far as they are used here.
HEALTH_PROTO = """
syntax = "proto3";
package grpc.health.v1;
message HealthCheckRequest { string service = 1; }
message HealthCheckResponse { int32 status = 1; }
"""
REFLECTION_PROTO = """
syntax = "proto3";
package grpc.reflection.v1alpha;
message ServerReflectionRequest {
  string host = 1;
  oneof message_request {
    string file_by_filename = 3;
    string file_containing_symbol = 4;
    string list_services = 7;
  }
}
message ServerReflectionResponse {
  FileDescriptorResponse file_descriptor_response = 4;
  ListServiceResponse list_services_response = 6;
  ErrorResponse error_response = 7;
}
message FileDescriptorResponse { repeated bytes file_descriptor_proto = 1; }
message ListServiceResponse { repeated ServiceResponse service = 1; }
message ServiceResponse { string name = 1; }
message ErrorResponse { int32 error_code = 1; string error_message = 2; }
"""
for _name, _text in (("health", HEALTH_PROTO), ("reflection", REFLECTION_PROTO)):
    with open(os.path.join(GENERATED, _name + ".proto"), "w", encoding="utf-8") as _file:
        _file.write(_text)
    subprocess.run([PROTOC, "-I" + GENERATED, "--python_out=" + GENERATED, _name + ".proto"],
                   check=True)
import health_pb2  # noqa: E402
import reflection_pb2  # noqa: E402


def random_bytes(size, seed):
    return random.Random(seed).randbytes(size)


def eventually(predicate):
    """The first true value. For states of other programs that no event tells us of."""
    deadline = time.monotonic() + peers.PATIENCE
    while True:
        value = predicate()
        if value or time.monotonic() >= deadline:
            return value
        time.sleep(0.01)


class ContractTest(unittest.TestCase):
    """One index and one C++ peer with books, for all tests."""

    @classmethod
    def setUpClass(cls):
        cls.books = os.path.join(FOLDER.name, "books")
        os.mkdir(cls.books)
        cls.contents = {"empty": b"", "one byte": b"x", "piece": random_bytes(peers.MIB, 1),
                        "several pieces": random_bytes(3 * peers.MIB + 12345, 2),
                        "leaves": random_bytes(7, 3), "Élan Vital – a study": b"accents"}
        for name, data in cls.contents.items():
            with open(os.path.join(cls.books, name), "wb") as file:
                file.write(data)
        control = f"unix:{FOLDER.name}/control.sock"
        cls.index_program = Program("arkshare-index", "--listen", "127.0.0.1:0", "--lease", "30s")
        cls.peer_program = Program("arkshare-peer", "--index", cls.index_program.address, "--listen",
                                   "127.0.0.1:0", "--share", cls.books, "--control", control)
        cls.channels = {name: grpc.insecure_channel(address) for name, address in (
            ("index", cls.index_program.address), ("peer", cls.peer_program.address),
            ("control", control))}
        cls.index = Service(cls.channels["index"], index_pb2, "IndexService")
        cls.peer = Service(cls.channels["peer"], file_pb2, "FileService")
        cls.control = Service(cls.channels["control"], peer_pb2, "PeerService")
        status = eventually(lambda: cls._online())
        assert status, "the peer does not get online"
        cls.peer_key = status.public_key
        cls.peer_id = status.peer_id
        cls.python_peers = []

    @classmethod
    def _online(cls):
        status = cls.control.GetStatus(peer_pb2.GetStatusRequest())
        listed = cls.index.ListPeers(index_pb2.ListPeersRequest()).peers
        ready = (status.online and not status.pending_files and listed and
                 listed[0].book_count == len(cls.contents))
        return status if ready else None

    @classmethod
    def tearDownClass(cls):
        for peer in cls.python_peers:
            peer.stop()
        for channel in cls.channels.values():
            channel.close()
        for program in (cls.peer_program, cls.index_program):
            assert program.end() == 0, program.read_log()

    # --- Helpers ---

    def make_peer(self, books=()):
        peer = peers.Peer(list(books))
        self.python_peers.append(peer)
        return peer

    def join(self, books=()):
        """A Python peer that is registered and has announced its books: (peer, token, stream)."""
        peer = self.make_peer(books)
        answer = self.index.Register(peer.register_request())
        self.assertTrue(answer.reachability.reachable, answer)
        self.addCleanup(self.unregister, answer.session_token)
        stream = peers.Announcing(self.index, answer.session_token)
        self.addCleanup(stream.cancel)
        stream.wait_acknowledged(0)
        statements = [{"present": peer.listing(number)} for number in peer.books]
        stream.send(first_sequence=1, statements=statements, snapshot_complete=True, free_slots=4)
        stream.wait_acknowledged(len(statements))
        return peer, answer.session_token, stream

    def unregister(self, token):
        self.index.Unregister(index_pb2.UnregisterRequest(), metadata=self.bearer(token))

    @staticmethod
    def bearer(token):
        return (("authorization", "Bearer " + token),)

    def content(self, data):
        return types_pb2.ContentId(root=peers.manifest(data)[0], size_bytes=len(data))

    def search(self, **query):
        return self.index.Search(index_pb2.SearchRequest(**query)).results

    def holders(self, data):
        return [holder.peer_id for result in self.search(content=self.content(data))
                for holder in result.holders]

    def assert_fails(self, code, reason, call):
        with self.assertRaises(grpc.RpcError) as raised:
            call()
        got, info, details = peers.error_info(raised.exception)
        self.assertEqual((got, info.reason), (code, reason), raised.exception.details())
        return info, details

    # --- Every port ---

    def reflect(self, channel, **request):
        call = channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString)
        (response,) = call(iter([reflection_pb2.ServerReflectionRequest(**request)]))
        return response

    def test_reflection_describes_the_protos(self):
        for name, module in (("index", index_pb2), ("peer", file_pb2), ("control", peer_pb2)):
            (service,) = module.DESCRIPTOR.services_by_name.values()
            channel = self.channels[name]
            listed = self.reflect(channel, list_services="").list_services_response.service
            self.assertIn(service.full_name, [s.name for s in listed])
            self.assertIn("grpc.health.v1.Health", [s.name for s in listed])
            described = self.reflect(channel, file_containing_symbol=service.full_name)
            files = [descriptor_pb2.FileDescriptorProto.FromString(f)
                     for f in described.file_descriptor_response.file_descriptor_proto]
            expected = descriptor_pb2.FileDescriptorProto()
            module.DESCRIPTOR.CopyToProto(expected)
            (found,) = [f for f in files if f.name == expected.name]
            self.assertEqual(found.message_type, expected.message_type)
            self.assertEqual(found.service, expected.service)

    def test_health(self):
        for name, service in (("index", "arkshare.v1.IndexService"),
                              ("peer", "arkshare.v1.FileService"),
                              ("control", "arkshare.v1.PeerService")):
            check = self.channels[name].unary_unary(
                "/grpc.health.v1.Health/Check",
                request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
                response_deserializer=health_pb2.HealthCheckResponse.FromString)
            for asked in ("", service):
                self.assertEqual(check(health_pb2.HealthCheckRequest(service=asked)).status, 1)
            with self.assertRaises(grpc.RpcError) as raised:
                check(health_pb2.HealthCheckRequest(service="arkshare.v1.NoService"))
            self.assertEqual(raised.exception.code(), Code.NOT_FOUND)

    def test_the_public_ports_have_no_control(self):
        control = Service(self.channels["peer"], peer_pb2, "PeerService")
        with self.assertRaises(grpc.RpcError) as raised:
            control.Shutdown(peer_pb2.ShutdownRequest())
        self.assertEqual(raised.exception.code(), Code.UNIMPLEMENTED)

    # --- Register ---

    def test_register_refuses_what_cannot_be(self):
        peer = self.make_peer()
        for fields in ({"public_key": b"short"}, {"port": 0}, {"port": 65536},
                       {"registration_id": b""}, {"policy": types_pb2.SHARE_POLICY_UNSPECIFIED},
                       {"advertised_address": "no port"}):
            with self.subTest(fields):
                self.assert_fails(Code.INVALID_ARGUMENT, "INVALID_FIELD",
                                  lambda: self.index.Register(peer.register_request(**fields)))
        for address in ("0.0.0.0:80", "169.254.169.254:80", "224.0.0.1:80", "[::]:80"):
            with self.subTest(address):
                request = peer.register_request(advertised_address=address)
                self.assert_fails(Code.INVALID_ARGUMENT, "ADDRESS_NOT_ALLOWED",
                                  lambda: self.index.Register(request))

    def test_an_unreachable_peer_is_not_listed(self):
        peer = self.make_peer([("unreachable", b"unreachable book")])
        # Another peer's port, a port without a server, and a Ping for another registration.
        for fields, reason in (({"port": int(self.peer_program.address.split(":")[1])},
                                "KEY_MISMATCH"),
                               ({"port": 1}, "PORT_UNREACHABLE"),
                               ({"registration_id": os.urandom(16)}, None)):
            with self.subTest(fields):
                answer = self.index.Register(peer.register_request(**fields))
                self.assertFalse(answer.reachability.reachable)
                self.assertTrue(answer.reachability.message)
                if reason:
                    self.assertEqual(answer.reachability.reason, reason)
                stream = peers.Announcing(self.index, answer.session_token)
                stream.send(first_sequence=1, statements=[{"present": peer.listing(1)}],
                            snapshot_complete=True)
                stream.wait_acknowledged(1)
                self.assertEqual(self.holders(b"unreachable book"), [])
                stream.cancel()
                self.unregister(answer.session_token)

    def test_register_gives_the_number_that_is_asked_for(self):
        peer = self.make_peer()
        answer = self.index.Register(peer.register_request(requested_peer_id=4711))
        self.assertEqual(answer.peer_id, 4711)
        self.assertEqual(answer.address, "127.0.0.1:%d" % peer.port)
        self.assertEqual(answer.lease.seconds, 30)
        self.assertEqual(len(answer.boot_id), 16)
        other = self.make_peer()
        second = self.index.Register(other.register_request(requested_peer_id=4711))
        self.assertNotEqual(second.peer_id, 4711)
        self.unregister(answer.session_token)
        self.unregister(answer.session_token)  # idempotent, though the token is unknown now
        self.unregister(second.session_token)

    def test_the_newest_session_of_a_key_wins(self):
        peer, token, stream = self.join([("superseded", b"superseded book")])
        again = self.index.Register(peer.register_request())
        code, info, _ = peers.error_info(stream.wait_end())
        self.assertEqual((code, info.reason), (Code.ABORTED, "SESSION_SUPERSEDED"))
        self.assertEqual(self.holders(b"superseded book"), [])
        self.assert_fails(Code.ABORTED, "SESSION_SUPERSEDED",
                          lambda: self.index.UpdateOwner(
                              index_pb2.UpdateOwnerRequest(items=[{}]),
                              metadata=self.bearer(token)))
        self.unregister(again.session_token)

    def test_nobody_registers_in_anothers_name(self):
        thief = self.make_peer()
        request = thief.register_request(public_key=self.peer_key)
        self.assert_fails(Code.ALREADY_EXISTS, "KEY_IN_USE", lambda: self.index.Register(request))
        # Not even by the address of the real one: it did not begin this registration.
        request.port = int(self.peer_program.address.split(":")[1])
        self.assert_fails(Code.ALREADY_EXISTS, "KEY_IN_USE", lambda: self.index.Register(request))
        self.assertTrue(self.control.GetStatus(peer_pb2.GetStatusRequest()).online)

    def test_sessions_are_asked_for(self):
        for metadata in ((), self.bearer("nonsense"), (("authorization", "Basic x"),)):
            for call in (lambda m: self.index.UpdateOwner(
                             index_pb2.UpdateOwnerRequest(items=[{}]), metadata=m),
                         lambda m: next(self.index.Announce(iter([]), metadata=m))):
                self.assert_fails(Code.UNAUTHENTICATED, "SESSION_UNKNOWN", lambda: call(metadata))
        self.unregister("nonsense")  # a session that has ended already is no error

    # --- Announce, Search, Watch ---

    def test_a_peers_life(self):
        book, second = b"a python book", b"another python book"
        peer, token, stream = self.join([("a book of python", book)])
        (result,) = self.search(name="a book of python")
        self.assertEqual(result.content, peer.content(book))
        (holder,) = result.holders
        self.assertEqual(result.holder_count, 1)
        self.assertEqual(holder.public_key, peer.key.public)
        self.assertEqual(holder.address, "127.0.0.1:%d" % peer.port)
        self.assertEqual((holder.listing_number, holder.policy, holder.free_slots),
                         (1, types_pb2.SHARE_POLICY_MOVE, 4))
        for words in ("PYTHON a", "pyth", "boo python"):
            self.assertEqual([r.name for r in self.search(keywords=words)], ["a book of python"])
        self.assertEqual(list(self.search(keywords="python cobra")), [])
        listed = self.index.ListBooks(index_pb2.ListBooksRequest(peer_id=holder.peer_id)).listings
        self.assertEqual(list(listed), [peer.listing(1)])
        (known,) = self.index.ListPeers(
            index_pb2.ListPeersRequest(public_key=peer.key.public)).peers
        self.assertEqual((known.peer_id, known.book_count, known.listed),
                         (holder.peer_id, 1, True))

        # A change, a repetition of it, and gone, which is final.
        peer.books[2] = ("another", second)
        stream.send(first_sequence=2, statements=[{"present": peer.listing(2)}])
        stream.wait_acknowledged(2)
        self.assertEqual(self.holders(second), [holder.peer_id])
        stream.send(first_sequence=1, statements=[{"present": peer.listing(1)},
                                                  {"present": peer.listing(2)},
                                                  {"gone_listing_number": 1}])
        stream.wait_acknowledged(3)
        self.assertEqual(self.holders(book), [])
        stream.send(first_sequence=4, statements=[{"present": peer.listing(1)}])
        stream.wait_acknowledged(4)
        self.assertEqual(self.holders(book), [])

        # A broken stream hides at once; the next one goes on where it was.
        stream.cancel()
        self.assertEqual(eventually(lambda: self.holders(second) == []), True)
        following = peers.Announcing(self.index, token)
        following.wait_acknowledged(4)
        self.assertEqual(following.acknowledged, [4])
        self.assertEqual(self.holders(second), [holder.peer_id])
        # A second stream takes the first one's place.
        replacing = peers.Announcing(self.index, token)
        replacing.wait_acknowledged(4)
        code, info, _ = peers.error_info(following.wait_end())
        self.assertEqual((code, info.reason), (Code.ABORTED, "STREAM_REPLACED"))
        # A new session states everything again.
        answer = self.index.Register(peer.register_request())
        self.assertEqual(answer.peer_id, holder.peer_id)
        anew = peers.Announcing(self.index, answer.session_token)
        anew.wait_acknowledged(0)
        self.assertEqual(self.holders(second), [])
        anew.send(first_sequence=1, statements=[{"present": peer.listing(2)}],
                  snapshot_complete=True)
        anew.wait_acknowledged(1)
        self.assertEqual(self.holders(second), [holder.peer_id])
        self.unregister(answer.session_token)
        self.assertEqual(self.holders(second), [])
        self.assertIsNone(anew.wait_end(), "a good end")

    def test_statements_that_break_the_rules_end_the_stream(self):
        peer = self.make_peer([("fine", b"fine")])
        listing = peer.listing(1)
        cases = [("SEQUENCE_GAP", Code.FAILED_PRECONDITION, 3, {"present": listing})]
        for name in ("../x", "/etc/passwd", "a/../b", ".hidden", "a\\b", "a\x07b", "a\u202eb", "",
                     "x" * 300, "x/" * 600 + "x", ".arkshare/key"):
            bad = types_pb2.Listing()
            bad.CopyFrom(listing)
            bad.name = name
            cases.append(("INVALID_NAME", Code.INVALID_ARGUMENT, 1, {"present": bad}))
        for field, value in (("listing_number", 0), ("content", types_pb2.ContentId(root=b"x"))):
            bad = types_pb2.Listing()
            bad.CopyFrom(listing)
            if field == "content":
                bad.content.CopyFrom(value)
            else:
                setattr(bad, field, value)
            cases.append(("INVALID_FIELD", Code.INVALID_ARGUMENT, 1, {"present": bad}))
        cases.append(("INVALID_FIELD", Code.INVALID_ARGUMENT, 1, {}))
        for reason, code, sequence, statement in cases:
            with self.subTest(statement):
                token = self.index.Register(peer.register_request()).session_token
                stream = peers.Announcing(self.index, token)
                stream.wait_acknowledged(0)
                stream.send(first_sequence=sequence, statements=[statement])
                got, info, _ = peers.error_info(stream.wait_end())
                self.assertEqual((got, info.reason), (code, reason))
                self.unregister(token)

    def test_search(self):
        (result,) = self.search(name="several pieces")
        data = self.contents["several pieces"]
        self.assertEqual(result.content, self.content(data))
        self.assertEqual([h.peer_id for h in result.holders], [self.peer_id])
        self.assertEqual([r.name for r in self.search(keywords="elan vit")],
                         ["Élan Vital – a study"])
        self.assertEqual([r.name for r in self.search(content=self.content(b""))], ["empty"])
        self.assertEqual(list(self.search(name="no peer has it")), [])
        for query in ({}, {"name": ""}, {"keywords": ""}, {"keywords": " –"}):
            self.assert_fails(Code.INVALID_ARGUMENT, "QUERY_EMPTY", lambda: self.search(**query))
        for name in ("../x", "a\x00b"):
            self.assert_fails(Code.INVALID_ARGUMENT, "INVALID_NAME",
                              lambda: self.search(name=name))
        self.assert_fails(Code.INVALID_ARGUMENT, "INVALID_FIELD",
                          lambda: self.search(content=types_pb2.ContentId(root=b"x")))
        self.assert_fails(Code.INVALID_ARGUMENT, "INVALID_FIELD",
                          lambda: self.search(name="x", page_size=-1))
        self.assert_fails(Code.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID",
                          lambda: self.search(name="x", page_token="nonsense"))

    def test_pages(self):
        self.join([("page %03d of many" % i, b"page %d" % i) for i in range(25)])
        request = index_pb2.SearchRequest(keywords="page many", page_size=10)
        names = []
        sizes = []
        while True:
            response = self.index.Search(request)
            names += [result.name for result in response.results]
            sizes.append(len(response.results))
            if not response.next_page_token:
                break
            request.page_token = response.next_page_token
        self.assertEqual(sizes, [10, 10, 5])
        # All are equally good: in order of name on each page.
        self.assertEqual(sorted(names), ["page %03d of many" % i for i in range(25)])
        for first in range(0, 25, 10):
            self.assertEqual(names[first:first + 10], sorted(names[first:first + 10]))
        # The token of one query is none of another.
        other = index_pb2.SearchRequest(keywords="page", page_token=request.page_token)
        self.assert_fails(Code.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID",
                          lambda: self.index.Search(other))
        self.assert_fails(Code.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID", lambda: self.index.ListPeers(
            index_pb2.ListPeersRequest(page_token="forged")))
        listed = []
        browse = index_pb2.ListBooksRequest(peer_id=self.peer_id, page_size=4)
        while True:
            response = self.index.ListBooks(browse)
            listed += [listing.name for listing in response.listings]
            if not response.next_page_token:
                break
            browse.page_token = response.next_page_token
        self.assertEqual(listed, sorted(listed))
        self.assertEqual(set(listed), {b for b in os.listdir(self.books) if b[0] != "."})

    def test_unknown_peers(self):
        self.assert_fails(Code.NOT_FOUND, "PEER_UNKNOWN", lambda: self.index.ListBooks(
            index_pb2.ListBooksRequest(peer_id=99999)))
        self.assertEqual(len(self.index.ListPeers(
            index_pb2.ListPeersRequest(peer_id=99999)).peers), 0)
        self.assert_fails(Code.NOT_FOUND, "PEER_UNKNOWN", lambda: list(self.control.Fetch(
            peer_pb2.FetchRequest(name="no peer has it", from_peer_id=99999))))
        self.assert_fails(Code.NOT_FOUND, "BOOK_NOT_FOUND", lambda: list(self.control.Fetch(
            peer_pb2.FetchRequest(name="no peer has it"))))

    def watch(self, **query):
        """The events of a watch, one by one; it ends with the test."""
        messages = self.index.Watch(index_pb2.WatchRequest(**query))
        self.addCleanup(messages.cancel)
        for message in messages:
            yield message
            yield from message.more

    def test_watch(self):
        watch = self.watch(keywords="watched")
        seen = []
        for event in watch:
            seen.append(event.WhichOneof("event"))
            if seen[-1] == "snapshot_complete":
                break
        self.assertIn("peer_listed", seen)
        self.assertNotIn("book_listed", seen)
        _, token, stream = self.join([("watched", b"watched book"), ("not so", b"x1")])
        revision = event.revision
        events = []
        for event in watch:
            self.assertGreater(event.revision, revision)
            revision = event.revision
            kind = event.WhichOneof("event")
            if kind == "book_listed":
                self.assertEqual(event.book_listed.listing.name, "watched")
                stream.send(first_sequence=3, statements=[{"gone_listing_number": 1}])
            if kind == "book_gone":
                self.assertEqual(event.book_gone.listing.name, "watched")
                self.unregister(token)
            events.append(kind)
            if kind == "peer_gone":
                break
        self.assertEqual([e for e in events if e.startswith("book")],
                         ["book_listed", "book_gone"])

    def watched(self, last, **request):
        """The kinds and names of the events of a watch up to one of a book with the name `last`,
        and the last message that has a boot_id."""
        events, boot_id = [], b""
        for event in self.watch(**request):
            boot_id = event.boot_id or boot_id
            kind = event.WhichOneof("event")
            book = getattr(event, kind) if kind.startswith("book_") else None
            events.append((kind, book.listing.name if book else ""))
            if events[-1] == last:
                return events, event.revision, boot_id

    def test_a_watch_goes_on_from_a_revision(self):
        query = {"keywords": "resumable", "books_only": True}
        done = ("snapshot_complete", "")
        _, _, stream = self.join([("resumable one", b"resumable book 1")])
        listed = ("book_listed", "resumable one")
        events, revision, boot_id = self.watched(done, **query)
        self.assertEqual(events, [listed, done])

        # While it is away, the books change.
        second = self.make_peer([("resumable two", b"resumable book 2")])
        stream.send(first_sequence=2, statements=[{"gone_listing_number": 1}])
        stream.wait_acknowledged(2)
        stream.send(first_sequence=3, statements=[{"present": {
            "listing_number": 2, "name": "resumable two",
            "content": second.listing(1).content}}])
        stream.wait_acknowledged(3)
        last = ("book_listed", "resumable two")
        events, later, _ = self.watched(last, from_revision=revision, from_boot_id=boot_id, **query)
        # Those of from_revision itself can come again.
        self.assertEqual([event for event in events if event != listed],
                         [("resumed", ""), ("book_gone", "resumable one"), last])
        self.assertGreater(later, revision)

        # Another index has begun, or the reader does not know of which one it was: everything comes.
        for other in (b"another boot id.", b""):
            events, _, _ = self.watched(done, from_revision=revision, from_boot_id=other, **query)
            self.assertEqual(events, [last, done])

        stream.send(first_sequence=4, statements=[{"gone_listing_number": 2}])
        gone = ("book_gone", "resumable two")
        events, _, _ = self.watched(gone, from_revision=later, from_boot_id=boot_id, **query)
        self.assertEqual([event for event in events if event != last], [("resumed", ""), gone])

    def test_without_replicas_revisions_are_those_of_watches(self):
        _, _, stream = self.join([("revised", b"revised book")])
        self.assertEqual(stream.revision, 0)
        found = self.index.Search(index_pb2.SearchRequest(name="revised", at_least_revision=0))
        self.assertEqual((len(found.results), found.revision), (1, 0))
        _, revision, _ = self.watched(("snapshot_complete", ""), name="revised", books_only=True)
        self.assertGreater(revision, 0)

    def test_a_message_of_a_watch_has_many_events(self):
        books = [(f"together {i}", f"book {i}".encode()) for i in range(300)]
        self.join(books)
        watch = self.index.Watch(index_pb2.WatchRequest(keywords="together"))
        self.addCleanup(watch.cancel)
        sizes, names, complete = [], [], False
        while not complete:
            message = next(watch)
            self.assertEqual(len(message.boot_id), 16)
            sizes.append(1 + len(message.more))
            for event in [message, *message.more]:
                if event is not message:
                    self.assertEqual((event.boot_id, len(event.more)), (b"", 0))
                if event.WhichOneof("event") == "book_listed":
                    names.append(event.book_listed.listing.name)
                complete = complete or event.WhichOneof("event") == "snapshot_complete"
        self.assertEqual(sorted(names), sorted(name for name, _ in books))
        self.assertTrue(1 < max(sizes) <= 1001, sizes)

    # --- FileService ---

    def download(self, data, offset=0, limit=0):
        responses = self.peer.Download(file_pb2.DownloadRequest(
            content=self.content(data), read_offset=offset, read_limit=limit))
        got, header = b"", None
        for response in responses:
            if response.HasField("header"):
                self.assertIsNone(header)
                header = response.header
            elif response.HasField("chunk"):
                self.assertEqual(response.chunk.offset, offset + len(got))
                self.assertTrue(1 <= len(response.chunk.data) <= peers.MIB)
                got += response.chunk.data
        self.assertEqual((header.range_offset, header.range_length), (offset, len(got)))
        self.assertEqual(header.content, self.content(data))
        return got

    def test_ping(self):
        nonce = os.urandom(16)
        pong = self.peer.Ping(file_pb2.PingRequest(nonce=nonce))
        self.assertEqual((pong.nonce, pong.public_key, len(pong.boot_id)),
                         (nonce, self.peer_key, 16))
        self.assertTrue(verify(pong.public_key,
                                        peers.ping_bytes(nonce, pong.boot_id, b""),
                                        pong.signature))
        for size in (0, 15, 65):
            self.assert_fails(Code.INVALID_ARGUMENT, "INVALID_FIELD", lambda: self.peer.Ping(
                file_pb2.PingRequest(nonce=bytes(size))))
        self.assert_fails(Code.PERMISSION_DENIED, "REGISTRATION_UNKNOWN", lambda: self.peer.Ping(
            file_pb2.PingRequest(nonce=nonce, registration_id=os.urandom(16))))

    def test_manifest_and_ranges(self):
        for name, data in self.contents.items():
            with self.subTest(name):
                root, pieces = peers.manifest(data)
                answer = self.peer.GetManifest(
                    file_pb2.GetManifestRequest(content=self.content(data)))
                self.assertEqual(answer.piece_hashes, b"".join(pieces))
                self.assertEqual(answer.piece_length_bytes, peers.piece_length(len(data)))
                self.assertEqual(answer.content.root, root)
                self.assertEqual(self.download(data), data)
                for offset, limit in ((0, 1), (len(data) // 2, 0), (len(data) // 3, 12345),
                                      (len(data), 0), (len(data), 10), (0, 1 << 63)):
                    end = min(len(data), offset + limit) if limit else len(data)
                    self.assertEqual(self.download(data, offset, limit), data[offset:end])
                for offset in (len(data) + 1, (1 << 64) - 1):
                    self.assert_fails(Code.OUT_OF_RANGE, "OFFSET_OUT_OF_RANGE",
                                      lambda: self.download(data, offset))

    def test_what_a_peer_does_not_have(self):
        for call in (lambda c: self.peer.GetManifest(file_pb2.GetManifestRequest(content=c)),
                     lambda c: list(self.peer.Download(file_pb2.DownloadRequest(content=c)))):
            self.assert_fails(Code.NOT_FOUND, "BOOK_GONE",
                              lambda: call(self.content(b"no such book")))
            # The root without the size is not the book.
            other = self.content(self.contents["piece"])
            other.size_bytes += 1
            self.assert_fails(Code.NOT_FOUND, "BOOK_GONE", lambda: call(other))
            for content in (types_pb2.ContentId(), types_pb2.ContentId(root=bytes(31))):
                self.assert_fails(Code.INVALID_ARGUMENT, "INVALID_FIELD", lambda: call(content))

    def test_many_small_books_in_one_stream(self):
        books = [data for data in self.contents.values() if len(data) <= peers.MIB]
        contents = [self.content(data) for data in books]
        contents.insert(1, self.content(b"no such book"))
        whole, errors, ended = {}, {}, []
        for message in self.peer.DownloadMany(file_pb2.DownloadManyRequest(contents=contents)):
            for part in message.parts:
                self.assertEqual(part.index, len(ended), "a book after the other")
                whole[part.index] = whole.get(part.index, b"") + part.data
                if part.HasField("error"):
                    errors[part.index] = part.error.reason
                if part.last or part.HasField("error"):
                    ended.append(part.index)
        self.assertEqual(errors, {1: "BOOK_GONE"})
        del whole[1]
        self.assertEqual(list(whole.values()), books)
        large = self.content(bytes(1))
        large.size_bytes = peers.MIB + 1
        for contents in ([], [large], [self.content(bytes(1))] * 1001):
            self.assert_fails(Code.INVALID_ARGUMENT, "INVALID_FIELD", lambda: list(
                self.peer.DownloadMany(file_pb2.DownloadManyRequest(contents=contents))))

    # --- Moves between the two implementations ---

    def release(self, peer, transfer_id, number, content):
        item = file_pb2.ReleaseRequest.Item(transfer_id=transfer_id, listing_number=number,
                                            content=content)
        request = file_pb2.ReleaseRequest(
            source_public_key=self.peer_key, receiver_public_key=peer.key.public, items=[item],
            signature=peer.key.sign(peers.release_bytes(self.peer_key, peer.key.public, [item])))
        (result,) = self.peer.Release(request).results
        return result

    def test_python_takes_a_book_from_cpp(self):
        data = random_bytes(2 * peers.MIB + 17, 77)
        with open(os.path.join(self.books, "to python"), "wb") as file:
            file.write(data)
        self.assertTrue(eventually(lambda: self.holders(data) == [self.peer_id]))
        (result,) = self.search(name="to python")
        number = result.holders[0].listing_number
        peer, token, stream = self.join()
        self.assertEqual(self.download(data), data)

        transfer_id = os.urandom(16)
        result = self.release(peer, transfer_id, number, self.content(data))
        ticket = result.ticket
        self.assertEqual((ticket.transfer_id, ticket.source_public_key,
                          ticket.source_listing_number, ticket.receiver_public_key,
                          ticket.content),
                         (transfer_id, self.peer_key, number, peer.key.public,
                          self.content(data)))
        self.assertTrue(peers.ticket_verifies(ticket))
        self.assertEqual(self.release(peer, transfer_id, number, self.content(data)), result)
        self.assertFalse(os.path.exists(os.path.join(self.books, "to python")))
        late = self.release(self.make_peer(), os.urandom(16), number, self.content(data))
        self.assertEqual((late.refusal.code, late.refusal.reason),
                         (Code.FAILED_PRECONDITION.value[0], "BOOK_MOVED"))
        self.assertEqual(late.refusal.metadata["moved_to_public_key"], peer.key.public.hex())
        info, _ = self.assert_fails(Code.FAILED_PRECONDITION, "BOOK_MOVED",
                                    lambda: self.download(data))
        self.assertEqual(info.metadata["moved_to_public_key"], peer.key.public.hex())

        # The index believes only the ticket.
        peer.books[1] = ("from cpp", data)
        good = index_pb2.UpdateOwnerRequest.Item(ticket=ticket, new_listing=peer.listing(1))
        update = lambda item, who: self.index.UpdateOwner(
            index_pb2.UpdateOwnerRequest(items=[item]), metadata=self.bearer(who)).results[0].error
        for spoil in (lambda i: i.ticket.ClearField("signature"),
                      lambda i: setattr(i.ticket, "source_listing_number", number + 1),
                      lambda i: setattr(i.ticket, "transfer_id", os.urandom(16)),
                      lambda i: setattr(i.ticket, "source_public_key", peer.key.public),
                      lambda i: setattr(i.ticket, "batch_size", 2),
                      lambda i: i.new_listing.content.CopyFrom(self.content(b"another"))):
            bad = index_pb2.UpdateOwnerRequest.Item()
            bad.CopyFrom(good)
            spoil(bad)
            with self.subTest(bad):
                self.assertIn(update(bad, token).reason, ("TICKET_INVALID", "INVALID_FIELD"))
        _, thief, _ = self.join()
        self.assertEqual(update(good, thief).reason, "TICKET_INVALID")
        self.assert_fails(Code.INVALID_ARGUMENT, "INVALID_FIELD", lambda: self.index.UpdateOwner(
            index_pb2.UpdateOwnerRequest(), metadata=self.bearer(token)))

        watch = self.watch(name="from cpp")
        for event in watch:
            if event.HasField("snapshot_complete"):
                break
        self.assertEqual(update(good, token), types_pb2.ItemError())
        self.assertEqual(update(good, token), types_pb2.ItemError())
        (me,) = self.index.ListPeers(
            index_pb2.ListPeersRequest(public_key=peer.key.public)).peers
        self.assertEqual(self.holders(data), [me.peer_id])
        for event in watch:
            if event.WhichOneof("event").startswith("book"):
                break
        # The source may have said "gone" already.
        self.assertIn(event.WhichOneof("event"), ("book_moved", "book_listed"))

        for _ in range(2):
            confirm = file_pb2.ConfirmRequest(
                source_public_key=self.peer_key, receiver_public_key=peer.key.public,
                transfer_ids=[transfer_id], signature=peer.key.sign(peers.confirm_bytes(
                    self.peer_key, peer.key.public, [transfer_id])))
            (confirmed,) = self.peer.Confirm(confirm).results
            self.assertFalse(confirmed.HasField("error"))
        self.assertEqual(len(self.control.ListLimbo(peer_pb2.ListLimboRequest()).entries), 0)

    def test_a_move_between_two_python_peers(self):
        book = "Ein schönes Buch".encode()
        source, _, said = self.join([("Schöne Bücher/Erstes", book)])
        receiver, token, _ = self.join()
        (source_id,) = self.holders(book)
        watch = self.watch(content=self.content(book))
        for event in watch:
            if event.HasField("snapshot_complete"):
                break
        ticket = types_pb2.MoveTicket(
            transfer_id=os.urandom(16), source_public_key=source.key.public,
            source_listing_number=1, receiver_public_key=receiver.key.public,
            content=self.content(book))
        peers.sign_tickets(source.key, [ticket])
        receiver.books[3] = ("Erstes", book)
        item = index_pb2.UpdateOwnerRequest.Item(ticket=ticket, new_listing=receiver.listing(3))
        for _ in range(2):
            answer = self.index.UpdateOwner(index_pb2.UpdateOwnerRequest(items=[item]),
                                            metadata=self.bearer(token))
            self.assertFalse(answer.results[0].HasField("error"))
        event = next(watch)
        self.assertEqual(event.book_moved.from_peer_id, source_id)
        self.assertEqual(event.book_moved.old_listing, source.listing(1))
        self.assertEqual(event.book_moved.new_listing, receiver.listing(3))
        # Gone is final: the source's older word does not bring it back.
        said.send(first_sequence=2, statements=[{"present": source.listing(1)}])
        said.wait_acknowledged(2)
        self.assertEqual(self.holders(book), [event.book_moved.to_peer_id])

    def test_cpp_takes_a_book_from_python(self):
        for size in (0, 1, peers.MIB, 3 * peers.MIB + 999):
            with self.subTest(size):
                data = random_bytes(size, size + 5)
                if self.holders(data):  # the empty book, which everybody can have
                    data = random_bytes(11, 12)
                name = "from python %d" % size
                peer, _, _ = self.join([(name, data)])
                states = [r.transfer for r in self.control.Fetch(
                    peer_pb2.FetchRequest(name=name))]
                done = states[-1]
                self.assertEqual(done.state, peer_pb2.TRANSFER_STATE_DONE)
                self.assertTrue(done.moving)
                self.assertEqual(done.source_public_key, peer.key.public)
                self.assertEqual(peer.books, {})
                self.assertTrue(eventually(lambda: peer.confirmed == [done.transfer_id]))
                self.assertTrue(eventually(lambda: self.holders(data) == [self.peer_id]))
                with open(os.path.join(self.books, name), "rb") as file:
                    self.assertEqual(file.read(), data)

    def test_cpp_takes_many_books_from_python(self):
        """With a peer that has no DownloadMany: each book has a Download, but all are moved together."""
        sizes = [10 + i for i in range(20)] + [2 * peers.MIB]
        books = [("many %d" % size, random_bytes(size, size + 1000)) for size in sizes]
        peer, _, _ = self.join(books)
        last = {}
        for response in self.control.FetchMany(peer_pb2.FetchManyRequest(wishes=[
                peer_pb2.FetchRequest(name=name) for name, _ in books])):
            for update in response.updates:
                last[update.index] = update.transfer
        self.assertEqual(sorted(last), list(range(len(books))))
        for index, (name, data) in enumerate(books):
            self.assertEqual(last[index].state, peer_pb2.TRANSFER_STATE_DONE, last[index])
            self.assertTrue(last[index].moving)
            with open(os.path.join(self.books, name), "rb") as file:
                self.assertEqual(file.read(), data)
        self.assertEqual(peer.books, {})
        self.assertTrue(eventually(lambda: sorted(peer.confirmed) == sorted(
            transfer.transfer_id for transfer in last.values())))
        for _, data in books:
            self.assertTrue(eventually(lambda: self.holders(data) == [self.peer_id]))

    def test_a_lying_peer_gives_nothing(self):
        data = random_bytes(2 * peers.MIB, 99)
        peer, _, _ = self.join([("lie", data)])
        find = peer._find

        def lie(content, context):
            truth = bytearray(find(content, context))
            truth[peers.MIB + 5] ^= 1
            return bytes(truth)

        def honest_manifest(request, context):
            return file_pb2.GetManifestResponse(
                content=request.content, piece_length_bytes=peers.MIB,
                piece_hashes=b"".join(peers.manifest(data)[1]))

        # First the manifest is wrong, then a piece.
        peer._find = lie
        for _ in range(2):
            self.assert_fails(Code.DATA_LOSS, "CONTENT_MISMATCH", lambda: list(self.control.Fetch(
                peer_pb2.FetchRequest(name="lie"))))
            self.assertFalse(os.path.exists(os.path.join(self.books, "lie")))
            self.assertIn(1, peer.books)
            peer._get_manifest = honest_manifest
        peer.stop()


if __name__ == "__main__":
    unittest.main(verbosity=2)
