#!/usr/bin/python3
"""The relay of the index, as peers and receivers in another language understand it.

A peer in Python is called by the index and comes to the relay; receivers in Python and in C++ reach it there.
tests/support/arkshare_test_client.py says what this needs. CTest runs it.
"""

import os
import socket
import subprocess
import sys
import threading
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
        self._threads = []

    def register_request(self, **fields):
        return super().register_request(**{"takes_calls": True, **fields})

    def answer(self, call_id):
        thread = threading.Thread(target=self._answer, args=(call_id,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def answer_call(self, call):
        self.callers.append(call.caller)
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


if __name__ == "__main__":
    unittest.main()
