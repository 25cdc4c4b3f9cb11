#!/usr/bin/python3
"""A second client, in another language, written from the protos alone.

It plays a peer towards a real arkshare-index (registers, announces, searches, watches, hands a ticket to
UpdateOwner) and a receiver towards a real arkshare-peer (pings, downloads, releases, confirms), and checks
every signed byte and every error against the comments in proto/arkshare/v1. Ed25519 is openssl's.

tests/support/arkshare_test_client.py says what it needs. CTest runs it.
"""

import hashlib
import os
import queue
import struct
import sys
import unittest
from concurrent import futures

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from arkshare_test_client import FOLDER, WAIT, Key, Program, Service, grpc, verify  # noqa: E402
from arkshare.v1 import file_pb2, index_pb2, peer_pb2, types_pb2  # noqa: E402
from google.rpc import error_details_pb2, status_pb2  # noqa: E402


def be32(number):
    return struct.pack(">I", number)


def be64(number):
    return struct.pack(">Q", number)


def block_root(data, blocks):
    """The BEP 52 root over `blocks` blocks of 16 KiB, missing ones as zero leaves."""
    leaves = [hashlib.sha256(data[i:i + 16384]).digest() for i in range(0, len(data), 16384)]
    leaves += [bytes(32)] * (blocks - len(leaves))
    while len(leaves) > 1:
        leaves = [hashlib.sha256(leaves[i] + leaves[i + 1]).digest() for i in range(0, len(leaves), 2)]
    return leaves[0]


def content_of(data):
    blocks = 1
    while blocks * 16384 < len(data):
        blocks *= 2
    root = block_root(data, blocks) if data else hashlib.sha256(b"").digest()
    return types_pb2.ContentId(root=root, size_bytes=len(data))


def ticket_for(source, receiver, listing, content, transfer_id):
    """A ticket that was issued alone."""
    body = (b"arkshare-ticket-v1" + transfer_id + source.public + be64(listing) + receiver.public +
            content.root + be64(content.size_bytes))
    leaf = hashlib.sha256(b"\0" + body).digest()
    return types_pb2.MoveTicket(
        transfer_id=transfer_id, source_public_key=source.public, source_listing_number=listing,
        receiver_public_key=receiver.public, content=content, batch_size=1, batch_index=0,
        signature=source.sign(b"arkshare-ticket-batch-v1" + be32(1) + leaf))


class LittlePeer:
    """A FileService that answers Ping, as an index dials it back."""

    def __init__(self, name):
        self.key = Key(name)
        self.boot_id = os.urandom(16)
        self.vouched = None
        self.server = grpc.server(futures.ThreadPoolExecutor(2))
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
            "arkshare.v1.FileService",
            {"Ping": grpc.unary_unary_rpc_method_handler(
                self.ping, file_pb2.PingRequest.FromString,
                lambda message: message.SerializeToString())}),))
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def ping(self, request, context):
        if request.registration_id != (self.vouched or b""):
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "not mine")
        signed = (b"arkshare-ping-v1" + be32(len(request.nonce)) + request.nonce + self.boot_id +
                  be32(len(request.registration_id)) + request.registration_id)
        return file_pb2.PingResponse(nonce=request.nonce, boot_id=self.boot_id,
                                     public_key=self.key.public, signature=self.key.sign(signed))

    def register(self, index, **more):
        self.vouched = os.urandom(16)
        response = index.Register(index_pb2.RegisterRequest(
            public_key=self.key.public, port=self.port, policy=types_pb2.SHARE_POLICY_MOVE,
            upload_slots=1, registration_id=self.vouched, **more), timeout=WAIT)
        self.metadata = (("authorization", "Bearer " + response.session_token),)
        return response


class Announcement:
    """An Announce stream that is fed message by message."""

    def __init__(self, index, peer):
        self.requests = queue.Queue()
        self.call = index.Announce(iter(self.requests.get, None), metadata=peer.metadata)
        self.first = next(self.call).acknowledged_sequence

    def say(self, first, *statements, complete=False):
        self.requests.put(index_pb2.AnnounceRequest(
            first_sequence=first, statements=statements, snapshot_complete=complete, free_slots=1))
        return next(self.call).acknowledged_sequence

    def close(self):
        self.requests.put(None)
        self.call.cancel()


def present(number, name, content):
    return index_pb2.Statement(present=types_pb2.Listing(
        listing_number=number, name=name, content=content))


class ContractTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.programs = []
        index = Program("arkshare-index", "--listen", "127.0.0.1:0", "--lease", "10s")
        cls.programs.append(index)
        cls.index_channel = grpc.insecure_channel(index.address)
        cls.index = Service(cls.index_channel, index_pb2, "IndexService")
        cls.share = os.path.join(FOLDER.name, "share")
        os.mkdir(cls.share)
        cls.book = os.urandom(3 * 1024 * 1024 + 7)
        for name in ("taken", "lent twice"):
            with open(os.path.join(cls.share, name), "wb") as file:
                file.write(cls.book if name == "taken" else b"another")
        peer = Program("arkshare-peer", "--index", index.address, "--share", cls.share,
                       "--control", f"unix:{FOLDER.name}/control.sock")
        cls.programs.append(peer)
        cls.peer_channel = grpc.insecure_channel(peer.address)
        cls.peer = Service(cls.peer_channel, file_pb2, "FileService")
        cls.control_channel = grpc.insecure_channel(f"unix:{FOLDER.name}/control.sock")
        cls.control = Service(cls.control_channel, peer_pb2, "PeerService")

    @classmethod
    def tearDownClass(cls):
        for channel in (cls.index_channel, cls.peer_channel, cls.control_channel):
            channel.close()
        for program in reversed(cls.programs):
            assert program.end() == 0, program.read_log()

    def fails(self, code, reason, call, *args, **kwargs):
        """The call ends with this code and an ErrorInfo of this reason; yields the metadata."""
        with self.assertRaises(grpc.RpcError) as raised:
            answer = call(*args, timeout=WAIT, **kwargs)
            if hasattr(answer, "__iter__"):
                list(answer)
        self.assertEqual(raised.exception.code(), code, raised.exception.details())
        details = dict(raised.exception.trailing_metadata())["grpc-status-details-bin"]
        status = status_pb2.Status.FromString(details)
        info = error_details_pb2.ErrorInfo()
        self.assertTrue(any(any_.Unpack(info) for any_ in status.details))
        self.assertEqual((info.domain, info.reason), ("arkshare", reason))
        return dict(info.metadata)

    def listing_of_peer(self, name):
        """The real peer's listing, once its index knows it."""
        watch = self.index.Watch(index_pb2.WatchRequest(name=name), timeout=WAIT)
        for event in watch:
            if event.HasField("book_listed"):
                watch.cancel()
                return event.book_listed.listing
        self.fail("the watch ended")

    def test_health_and_reflection_on_every_port(self):
        for channel, service in ((self.index_channel, "arkshare.v1.IndexService"),
                                 (self.peer_channel, "arkshare.v1.FileService"),
                                 (self.control_channel, "arkshare.v1.PeerService")):
            check = channel.unary_unary("/grpc.health.v1.Health/Check")
            for name in ("", service):
                request = b"" if not name else b"\x0a" + bytes([len(name)]) + name.encode()
                self.assertEqual(check(request, timeout=WAIT), b"\x08\x01", name)  # SERVING
            reflect = channel.stream_stream(
                "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
            answer = next(reflect(iter([b"\x3a\x00"]), timeout=WAIT))  # list_services
            self.assertIn(service.encode(), answer)

    def test_a_peer_of_another_language(self):
        one, two = LittlePeer("one"), LittlePeer("two")
        first = one.register(self.index)
        self.assertTrue(first.reachability.reachable, first.reachability.message)
        self.assertEqual(first.address, f"127.0.0.1:{one.port}")
        self.assertEqual(first.lease.seconds, 10)
        second = two.register(self.index)
        self.assertNotEqual(first.peer_id, second.peer_id)

        content = content_of("Ein schönes Buch".encode())
        watch = self.index.Watch(index_pb2.WatchRequest(content=content), timeout=WAIT)
        for event in watch:
            if event.HasField("snapshot_complete"):
                break
        said = Announcement(self.index, one)
        self.assertEqual(said.first, 0)
        self.assertEqual(said.say(1, present(7, "Schöne Bücher/Erstes", content), complete=True), 1)
        other = Announcement(self.index, two)
        other.say(1, complete=True)

        for query in ({"name": "Schöne Bücher/Erstes"}, {"keywords": "buch SCHON"},
                      {"keywords": "ers"}, {"content": content}):
            found = self.index.Search(index_pb2.SearchRequest(**query), timeout=WAIT).results
            self.assertEqual(len(found), 1, query)
            holder = found[0].holders[0]
            self.assertEqual((holder.peer_id, holder.listing_number, holder.public_key),
                             (first.peer_id, 7, one.key.public))
        nothing = self.index.Search(index_pb2.SearchRequest(name="Zweites"), timeout=WAIT)
        self.assertEqual(len(nothing.results), 0)

        transfer = os.urandom(16)
        item = index_pb2.UpdateOwnerRequest.Item(
            ticket=ticket_for(one.key, two.key, 7, content, transfer),
            new_listing=types_pb2.Listing(listing_number=3, name="Erstes", content=content))
        forged = index_pb2.UpdateOwnerRequest.Item()
        forged.CopyFrom(item)
        forged.ticket.source_listing_number = 8
        for who, what, reason in ((two, forged, "TICKET_INVALID"), (one, item, "TICKET_INVALID"),
                                  (two, item, ""), (two, item, "")):
            result = self.index.UpdateOwner(index_pb2.UpdateOwnerRequest(items=[what]), timeout=WAIT,
                                            metadata=who.metadata).results[0]
            self.assertEqual(result.error.reason, reason)
        # Gone is final: the source's older word does not bring it back.
        said.say(2, present(7, "Schöne Bücher/Erstes", content))
        found = self.index.Search(index_pb2.SearchRequest(content=content), timeout=WAIT).results
        self.assertEqual([h.peer_id for r in found for h in r.holders], [second.peer_id])
        kinds = []
        for event in watch:
            kinds.append(event.WhichOneof("event"))
            if kinds[-1] == "book_moved":
                self.assertEqual((event.book_moved.from_peer_id, event.book_moved.to_peer_id),
                                 (first.peer_id, second.peer_id))
                break
        watch.cancel()
        self.assertIn("book_listed", kinds)

        self.fails(grpc.StatusCode.UNAUTHENTICATED, "SESSION_UNKNOWN", self.index.UpdateOwner,
                   index_pb2.UpdateOwnerRequest(items=[item]),
                   metadata=(("authorization", "Bearer 0000"),))
        for announcement, peer in ((said, one), (other, two)):
            self.index.Unregister(index_pb2.UnregisterRequest(), metadata=peer.metadata, timeout=WAIT)
            announcement.close()
            peer.server.stop(0)
        found = self.index.Search(index_pb2.SearchRequest(content=content), timeout=WAIT).results
        self.assertEqual(len(found), 0)

    def test_nobody_registers_in_anothers_name(self):
        victim = LittlePeer("victim")
        victim.register(self.index)
        # The victim's key at the victim's own address: it does not vouch for this registration.
        self.fails(grpc.StatusCode.ALREADY_EXISTS, "KEY_IN_USE", self.index.Register,
                   index_pb2.RegisterRequest(public_key=victim.key.public, port=victim.port,
                                             policy=types_pb2.SHARE_POLICY_MOVE,
                                             registration_id=os.urandom(16)))
        victim.server.stop(0)
        lonely = index_pb2.RegisterRequest(public_key=Key("lonely").public, port=1,
                                           policy=types_pb2.SHARE_POLICY_COPY,
                                           registration_id=os.urandom(16))
        answer = self.index.Register(lonely, timeout=WAIT)
        self.assertEqual(answer.reachability.reason, "PORT_UNREACHABLE")
        self.assertFalse(answer.reachability.reachable)
        invalid = grpc.StatusCode.INVALID_ARGUMENT
        for field, value in (("public_key", b"short"), ("port", 70000), ("policy", 0),
                             ("advertised_address", "nowhere")):
            request = index_pb2.RegisterRequest()
            request.CopyFrom(lonely)
            setattr(request, field, value)
            self.fails(invalid, "INVALID_FIELD", self.index.Register, request)
        self.fails(invalid, "INVALID_NAME", self.index.Search, index_pb2.SearchRequest(name="../x"))
        self.fails(invalid, "QUERY_EMPTY", self.index.Search, index_pb2.SearchRequest(keywords=" ,"))
        self.fails(invalid, "PAGE_TOKEN_INVALID", self.index.ListPeers,
                   index_pb2.ListPeersRequest(page_token="forged"))
        self.fails(grpc.StatusCode.NOT_FOUND, "PEER_UNKNOWN", self.index.ListBooks,
                   index_pb2.ListBooksRequest(peer_id=4711))

    def test_a_ping_is_signed(self):
        nonce = os.urandom(16)
        pong = self.peer.Ping(file_pb2.PingRequest(nonce=nonce), timeout=WAIT)
        signed = b"arkshare-ping-v1" + be32(16) + nonce + pong.boot_id + be32(0)
        self.assertEqual(pong.nonce, nonce)
        self.assertTrue(verify(pong.public_key, signed, pong.signature))
        self.assertFalse(verify(pong.public_key, signed + b"x", pong.signature))
        self.fails(grpc.StatusCode.PERMISSION_DENIED, "REGISTRATION_UNKNOWN", self.peer.Ping,
                   file_pb2.PingRequest(nonce=nonce, registration_id=os.urandom(16)))
        self.fails(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", self.peer.Ping,
                   file_pb2.PingRequest(nonce=b"short"))

    def test_a_book_is_downloaded_verified_released_and_confirmed(self):
        content = content_of(self.book)
        listing = self.listing_of_peer("taken")
        self.assertEqual(listing.content, content)

        manifest = self.peer.GetManifest(file_pb2.GetManifestRequest(content=content), timeout=WAIT)
        self.assertEqual(manifest.piece_length_bytes, 1 << 20)
        pieces = [block_root(self.book[i:i + (1 << 20)], 64)
                  for i in range(0, len(self.book), 1 << 20)]
        self.assertEqual(manifest.piece_hashes, b"".join(pieces))

        def download(**more):
            got, header = b"", None
            for message in self.peer.Download(
                    file_pb2.DownloadRequest(content=content, **more), timeout=WAIT):
                kind = message.WhichOneof("message")
                if kind == "header":
                    self.assertIsNone(header)
                    header = message.header
                elif kind == "chunk":
                    self.assertLessEqual(len(message.chunk.data), 1 << 20)
                    self.assertEqual(message.chunk.offset, header.range_offset + len(got))
                    got += message.chunk.data
            self.assertEqual(header.range_length, len(got))
            return got

        size = len(self.book)
        self.assertEqual(download(), self.book)
        self.assertEqual(download(read_offset=5, read_limit=100), self.book[5:105])
        self.assertEqual(download(read_offset=size - 3, read_limit=100), self.book[-3:])
        self.assertEqual(download(read_offset=size), b"")
        self.fails(grpc.StatusCode.OUT_OF_RANGE, "OFFSET_OUT_OF_RANGE", self.peer.Download,
                   file_pb2.DownloadRequest(content=content, read_offset=size + 1))
        other = types_pb2.ContentId(root=content.root, size_bytes=size - 1)
        self.fails(grpc.StatusCode.NOT_FOUND, "BOOK_GONE", self.peer.Download,
                   file_pb2.DownloadRequest(content=other))

        receiver = Key("receiver")
        source = self.control.GetStatus(peer_pb2.GetStatusRequest(), timeout=WAIT).public_key
        transfer = os.urandom(16)

        def release(key, **changed):
            item = file_pb2.ReleaseRequest.Item(transfer_id=transfer,
                                                listing_number=listing.listing_number,
                                                content=content)
            request = file_pb2.ReleaseRequest(source_public_key=source,
                                              receiver_public_key=receiver.public, items=[item])
            request.signature = key.sign(
                b"arkshare-release-v1" + source + receiver.public + be32(1) + transfer +
                be64(item.listing_number) + content.root + be64(size))
            for field, value in changed.items():
                setattr(request, field, value)
            return request

        denied = grpc.StatusCode.PERMISSION_DENIED
        self.fails(denied, "SIGNATURE_INVALID", self.peer.Release, release(Key("thief")))
        self.fails(denied, "SIGNATURE_INVALID", self.peer.Release,
                   release(receiver, source_public_key=Key("elsewhere").public))
        self.fails(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", self.peer.Release,
                   file_pb2.ReleaseRequest(source_public_key=source,
                                           receiver_public_key=receiver.public))
        ticket = self.peer.Release(release(receiver), timeout=WAIT).results[0].ticket
        body = (b"arkshare-ticket-v1" + transfer + source + be64(listing.listing_number) +
                receiver.public + content.root + be64(size))
        leaf = hashlib.sha256(b"\0" + body).digest()
        self.assertTrue(verify(source, b"arkshare-ticket-batch-v1" + be32(1) + leaf,
                               ticket.signature))
        again = self.peer.Release(release(receiver), timeout=WAIT).results[0].ticket
        self.assertEqual(again, ticket)
        self.assertFalse(os.path.exists(os.path.join(self.share, "taken")))
        moved = self.fails(grpc.StatusCode.FAILED_PRECONDITION, "BOOK_MOVED", self.peer.Download,
                           file_pb2.DownloadRequest(content=content))
        self.assertEqual(moved["moved_to_public_key"], receiver.public.hex())
        limbo = self.control.ListLimbo(peer_pb2.ListLimboRequest(), timeout=WAIT).entries
        self.assertEqual([entry.transfer_id for entry in limbo], [transfer])

        def confirm(key):
            return file_pb2.ConfirmRequest(
                source_public_key=source, receiver_public_key=receiver.public,
                transfer_ids=[transfer], signature=key.sign(
                    b"arkshare-confirm-v1" + source + receiver.public + be32(1) + transfer))

        self.fails(denied, "SIGNATURE_INVALID", self.peer.Confirm, confirm(Key("another thief")))
        for _ in range(2):
            self.assertFalse(self.peer.Confirm(confirm(receiver), timeout=WAIT)
                             .results[0].HasField("error"))
        limbo = self.control.ListLimbo(peer_pb2.ListLimboRequest(), timeout=WAIT).entries
        self.assertEqual(len(limbo), 0)
        self.assertEqual(os.listdir(os.path.join(self.share, ".arkshare", "released")), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
