#!/usr/bin/python3
"""The relay of the index, as peers and receivers in another language understand it.

A peer in Python is called by the index and comes to the relay; receivers in Python and in C++ reach it there.
tests/support/arkshare_test_client.py says what this needs. CTest runs it.
"""

import os
import queue
import socket
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import contract_peer as peers  # noqa: E402
from arkshare_test_client import (BIN, FOLDER, WAIT, Program, Service, grpc,  # noqa: E402
                                  verify)
from arkshare.v1 import file_pb2, index_pb2, types_pb2  # noqa: E402

Code = grpc.StatusCode


def read_head(connection):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            break
        head += byte
    return head.decode("ascii")


class CallablePeer(peers.Peer):
    """A peer that comes to the relay when it is called."""

    def __init__(self, books, relay):
        super().__init__(books)
        self.relay, self.callers, self.answers_from_relay = relay, [], []
        self.addresses = queue.Queue()
        self._threads = []

    def register_request(self, **fields):
        return super().register_request(**{"takes_calls": True, **fields})

    def answer(self, call_id):
        thread = threading.Thread(target=self._answer, args=(call_id,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def answer_call(self, call):
        self.callers.append(call.caller)
        if call.address:  # these tests only look at it
            self.addresses.put((call.call_id, call.address))
        else:
            self.answer(call.call_id)

    def _answer(self, call_id):
        with socket.create_connection(self.relay, WAIT) as relay:
            relay.sendall(f"CONNECT {call_id.hex()}.call:1 HTTP/1.1\r\n\r\n".encode())
            head = read_head(relay)
            self.answers_from_relay.append(head.split("\r\n", 1)[0])
            if not head.startswith("HTTP/1.1 200 "):
                return
            with socket.create_connection(("127.0.0.1", self.port)) as own:
                relay.settimeout(None)
                back = threading.Thread(target=self._copy, args=(own, relay), daemon=True)
                back.start()
                self._copy(relay, own)
                back.join()

    @staticmethod
    def _copy(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one side has broken; the other one ends by itself


class RelayContractTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.index_program = Program("arkshare-index", "--listen", "127.0.0.1:0", "--relay",
                                    "127.0.0.1:0", "--lease", "30s")
        (relay,) = [line.split("=", 1)[1] for line in cls.index_program.lines
                    if line.startswith("relay address=")]
        cls.relay = ("127.0.0.1", int(relay.rsplit(":", 1)[1]))
        cls.channel = grpc.insecure_channel(cls.index_program.address)
        cls.index = Service(cls.channel, index_pb2, "IndexService")

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        assert cls.index_program.end() == 0, cls.index_program.read_log()

    def make_peer(self, books=()):
        peer = CallablePeer(list(books), self.relay)
        self.addCleanup(peer.stop)
        return peer

    def register(self, peer, answered_by=None, **fields):
        """Registers by the relay; `answered_by` (or the peer) comes to it."""
        request = peer.register_request(by_relay=True, **fields)
        (answered_by or peer).answer(request.registration_id)
        answer = self.index.Register(request)
        self.addCleanup(self.index.Unregister, index_pb2.UnregisterRequest(),
                        metadata=(("authorization", "Bearer " + answer.session_token),))
        return answer

    def join(self, books):
        """A peer that is listed through the relay: (peer, registration)."""
        peer = self.make_peer(books)
        answer = self.register(peer)
        self.assertTrue(answer.reachability.reachable, answer)
        stream = peers.Announcing(self.index, answer.session_token, peer.answer_call)
        self.addCleanup(stream.cancel)
        stream.wait_acknowledged(0)
        statements = [{"present": peer.listing(number)} for number in peer.books]
        stream.send(first_sequence=1, statements=statements, snapshot_complete=True, free_slots=4)
        stream.wait_acknowledged(len(statements))
        return peer, answer

    def file_service(self, key):
        """FileService of the peer with a key, through the relay."""
        channel = grpc.insecure_channel(
            "%s:%d" % self.relay, options=[("grpc.http_connect_server", key.hex() + ".peer:1")])
        self.addCleanup(channel.close)
        return Service(channel, file_pb2, "FileService")

    def assert_fails(self, code, reason, call):
        with self.assertRaises(grpc.RpcError) as raised:
            call()
        got, info, _ = peers.error_info(raised.exception)
        self.assertEqual((got, info.reason), (code, reason), raised.exception.details())

    def ask(self, head):
        """The first line with which the relay answers."""
        with socket.create_connection(self.relay, WAIT) as connection:
            connection.sendall(head.encode())
            return read_head(connection).split("\r\n", 1)[0]

    # --- Register ---

    def test_by_relay_needs_takes_calls(self):
        request = self.make_peer().register_request(by_relay=True, takes_calls=False)
        self.assert_fails(Code.INVALID_ARGUMENT, "INVALID_FIELD",
                          lambda: self.index.Register(request))

    def test_a_peer_that_comes_to_the_relay_is_reachable(self):
        answer = self.register(self.make_peer())
        self.assertTrue(answer.reachability.reachable, answer)
        self.assertEqual(answer.reachability.way, types_pb2.WAY_RELAYED)
        self.assertEqual(answer.address, "")
        self.assertEqual(answer.relay_port, self.relay[1])

    def test_a_peer_that_does_not_come_is_not(self):
        peer = self.make_peer()
        answer = self.index.Register(peer.register_request(by_relay=True))
        self.assertEqual((answer.reachability.reachable, answer.reachability.reason),
                         (False, "RELAY_UNREACHABLE"))
        self.assertEqual(answer.reachability.way, types_pb2.WAY_UNSPECIFIED)

    def test_a_peer_with_another_key_is_not(self):
        impostor = self.make_peer()
        peer = self.make_peer()
        impostor.registrations = peer.registrations  # it knows all but the key
        answer = self.register(peer, answered_by=impostor)
        self.assertEqual((answer.reachability.reachable, answer.reachability.reason),
                         (False, "KEY_MISMATCH"))

    def test_an_index_without_a_relay_says_so(self):
        index = Program("arkshare-index", "--listen", "127.0.0.1:0")
        try:
            with grpc.insecure_channel(index.address) as channel:
                service = Service(channel, index_pb2, "IndexService")
                answer = service.Register(self.make_peer().register_request(by_relay=True))
                self.assertEqual(answer.reachability.reason, "NO_RELAY")
                self.assertEqual(answer.relay_port, 0)
        finally:
            index.end()

    def test_a_direct_peer_that_takes_calls_has_the_relay_as_second_way(self):
        peer = self.make_peer()
        answer = self.index.Register(peer.register_request())
        self.assertEqual(answer.reachability.way, types_pb2.WAY_DIRECT)
        (listed,) = self.index.ListPeers(index_pb2.ListPeersRequest(peer_id=answer.peer_id)).peers
        self.assertEqual((listed.address, listed.relay_port),
                         ("127.0.0.1:%d" % peer.port, self.relay[1]))
        old = self.make_peer()
        answer = self.index.Register(old.register_request(takes_calls=False))
        (listed,) = self.index.ListPeers(index_pb2.ListPeersRequest(peer_id=answer.peer_id)).peers
        self.assertEqual(listed.relay_port, 0)

    def test_only_if_reachable_leaves_the_session_alone(self):
        peer, answer = self.join([("kept", b"kept book")])
        request = peer.register_request(port=1, only_if_reachable=True)
        self.assert_fails(Code.ALREADY_EXISTS, "KEY_IN_USE", lambda: self.index.Register(request))
        (result,) = self.index.Search(index_pb2.SearchRequest(name="kept")).results
        self.assertEqual([holder.peer_id for holder in result.holders], [answer.peer_id])

    # --- Reaching a peer ---

    def test_receivers_reach_the_peer(self):
        book = os.urandom(3_000_000)
        peer, answer = self.join([("through the relay", book)])
        (result,) = self.index.Search(index_pb2.SearchRequest(name="through the relay")).results
        (holder,) = result.holders
        self.assertEqual((holder.address, holder.relay_port), ("", self.relay[1]))
        nonce = os.urandom(16)
        pong = self.file_service(holder.public_key).Ping(file_pb2.PingRequest(nonce=nonce))
        self.assertTrue(verify(peer.key.public, peers.ping_bytes(nonce, pong.boot_id, b""),
                               pong.signature))

        folder, control = os.path.join(FOLDER.name, "receiver"), f"unix:{FOLDER.name}/relay.sock"
        os.mkdir(folder)
        receiver = Program("arkshare-peer", "--index", self.index_program.address, "--listen",
                           "127.0.0.1:0", "--share", folder, "--control", control)
        self.addCleanup(receiver.end)
        done = subprocess.run([os.path.join(BIN, "arkshare-cli"), "--peer", control, "get",
                               "through the relay"], text=True, capture_output=True, timeout=3 * WAIT)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(folder, "through the relay"), "rb") as file:
            self.assertEqual(file.read(), book)
        self.assertEqual(peer.books, {})  # it was moved
        # All of these receivers are on this machine, so they are of one network.
        self.assertEqual(len(set(peer.callers)), 1)
        self.assertEqual(set(peer.answers_from_relay), {"HTTP/1.1 200 OK"})

    def test_the_relay_says_why_it_does_not_connect(self):
        self.assertEqual(self.ask("GET / HTTP/1.1\r\n\r\n"), "HTTP/1.1 400 Bad Request")
        self.assertEqual(self.ask("CONNECT example.org:80 HTTP/1.1\r\n\r\n"),
                         "HTTP/1.1 400 Bad Request")
        self.assertEqual(self.ask(f"CONNECT {os.urandom(32).hex()}.peer:1 HTTP/1.1\r\n\r\n"),
                         "HTTP/1.1 404 Not Found")
        self.assertEqual(self.ask(f"CONNECT {os.urandom(16).hex()}.call:1 HTTP/1.1\r\n\r\n"),
                         "HTTP/1.1 404 Not Found")
        # A peer that does not come when it is called.
        silent = self.make_peer()
        stream = peers.Announcing(self.index, self.register(silent).session_token)
        self.addCleanup(stream.cancel)
        stream.wait_acknowledged(0)
        with self.assertRaises(grpc.RpcError) as raised:
            self.file_service(silent.key.public).Ping(file_pb2.PingRequest(nonce=os.urandom(16)))
        self.assertEqual(raised.exception.code(), Code.UNAVAILABLE)
        self.assertIn("504", raised.exception.details())

    # --- CallPeer ---

    def join_directly(self, **fields):
        """A peer that is reached at its address: (peer, registration)."""
        peer = self.make_peer()
        answer = self.index.Register(peer.register_request(**fields))
        self.addCleanup(self.index.Unregister, index_pb2.UnregisterRequest(),
                        metadata=(("authorization", "Bearer " + answer.session_token),))
        stream = peers.Announcing(self.index, answer.session_token, peer.answer_call)
        self.addCleanup(stream.cancel)
        stream.wait_acknowledged(0)
        return peer, answer

    def call_peer(self, token, key, call_id=None):
        return self.index.CallPeer(
            index_pb2.CallPeerRequest(public_key=key, call_id=call_id or os.urandom(16)),
            metadata=(("authorization", "Bearer " + token),) if token else ())

    def test_a_peer_is_called_to_the_proven_address_of_the_caller(self):
        source, _ = self.join([])
        receiver, answer = self.join_directly()
        call_id = os.urandom(16)
        self.call_peer(answer.session_token, source.key.public, call_id)
        self.assertEqual(source.addresses.get(timeout=WAIT),
                         (call_id, "127.0.0.1:%d" % receiver.port))
        # Any peer that takes calls can be called, also one that is reached at its address.
        other, _ = self.join_directly()
        self.call_peer(answer.session_token, other.key.public, call_id)
        self.assertEqual(other.addresses.get(timeout=WAIT)[0], call_id)

    def test_call_peer_says_why_it_does_not_call(self):
        source, relayed = self.join([])
        _, answer = self.join_directly()
        token, key = answer.session_token, source.key.public
        self.assert_fails(Code.UNAUTHENTICATED, "SESSION_UNKNOWN", lambda: self.call_peer("", key))
        self.assert_fails(Code.UNAUTHENTICATED, "SESSION_UNKNOWN",
                          lambda: self.call_peer("no session", key))
        self.assert_fails(Code.INVALID_ARGUMENT, "INVALID_FIELD",
                          lambda: self.call_peer(token, key[:31]))
        for wrong in (b"short", os.urandom(17)):
            self.assert_fails(Code.INVALID_ARGUMENT, "INVALID_FIELD",
                              lambda wrong=wrong: self.call_peer(token, key, wrong))
        self.assert_fails(Code.UNAVAILABLE, "PEER_UNREACHABLE",
                          lambda: self.call_peer(token, self.make_peer().key.public))
        silent, _ = self.join_directly(takes_calls=False)
        self.assert_fails(Code.UNAVAILABLE, "PEER_UNREACHABLE",
                          lambda: self.call_peer(token, silent.key.public))
        # A caller without an address of its own, and one whose address is a name.
        self.assert_fails(Code.INVALID_ARGUMENT, "ADDRESS_NOT_ALLOWED",
                          lambda: self.call_peer(relayed.session_token, key))
        named = self.make_peer()
        named_answer = self.index.Register(
            named.register_request(advertised_address="localhost:%d" % named.port))
        self.assertTrue(named_answer.reachability.reachable, named_answer)
        self.assert_fails(Code.INVALID_ARGUMENT, "ADDRESS_NOT_ALLOWED",
                          lambda: self.call_peer(named_answer.session_token, key))
        # A caller that the index has not reached.
        hidden = self.index.Register(self.make_peer().register_request(port=1))
        self.assert_fails(Code.INVALID_ARGUMENT, "ADDRESS_NOT_ALLOWED",
                          lambda: self.call_peer(hidden.session_token, key))
        self.assertTrue(source.addresses.empty())

    def test_a_caller_has_eight_calls_at_once(self):
        source, _ = self.join([])
        _, answer = self.join_directly()
        begin, made, refused = time.monotonic(), 0, False
        while not refused:
            try:
                self.call_peer(answer.session_token, source.key.public)
                made += 1
            except grpc.RpcError as error:
                code, info, details = peers.error_info(error)
                self.assertEqual((code, info.reason), (Code.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED"))
                self.assertEqual(len(details), 2)  # RetryInfo is the other one
                refused = True
        self.assertGreaterEqual(made, 8)
        self.assertLessEqual(made, 8 + int(time.monotonic() - begin) + 1)
        # Another caller is not held up.
        _, other = self.join_directly()
        self.call_peer(other.session_token, source.key.public)

    def test_the_calls_of_a_peer_are_those_of_the_relay(self):
        source, _ = self.join([])
        receivers = [self.join_directly()[1].session_token for _ in range(9)]
        begin = time.monotonic()
        outcomes = []
        for receiver in receivers:
            for _ in range(8):
                try:
                    self.call_peer(receiver, source.key.public)
                    outcomes.append("")
                except grpc.RpcError as error:
                    outcomes.append(peers.error_info(error)[1].reason)
        earned = int((time.monotonic() - begin) * 20) + 1  # a call in 50 ms
        self.assertLessEqual(outcomes.count(""), 64 + earned)
        self.assertEqual(set(outcomes[:64]), {""})
        if earned <= 8:
            self.assertIn("LIMIT_EXCEEDED", outcomes[64:])
            self.assertEqual(self.ask(f"CONNECT {source.key.public.hex()}.peer:1 HTTP/1.1\r\n\r\n"),
                             "HTTP/1.1 429 Too Many Requests")

    def test_an_index_without_a_relay_calls_no_peer(self):
        index = Program("arkshare-index", "--listen", "127.0.0.1:0")
        try:
            with grpc.insecure_channel(index.address) as channel:
                service = Service(channel, index_pb2, "IndexService")
                answer = service.Register(self.make_peer().register_request())
                with self.assertRaises(grpc.RpcError) as raised:
                    service.CallPeer(
                        index_pb2.CallPeerRequest(public_key=self.make_peer().key.public,
                                                  call_id=os.urandom(16)),
                        metadata=(("authorization", "Bearer " + answer.session_token),))
                self.assertEqual(peers.error_info(raised.exception)[1].reason, "PEER_UNREACHABLE")
        finally:
            index.end()


if __name__ == "__main__":
    unittest.main()
