#!/usr/bin/python3
"""arkshare-cli in a group: a real index with --home, and two peers that have joined it by invitation.

The part with grpcurl is skipped without it. tests/support/arkshare_test_client.py says what the rest needs.
CTest runs it.
"""

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import grpcurl_commands  # noqa: E402
from arkshare_test_client import FOLDER, WAIT, Program, Service, grpc  # noqa: E402
from arkshare.v1 import file_pb2, index_pb2  # noqa: E402
from cluster_test import eventually, run  # noqa: E402

BOOK = os.urandom(300_000)


class GroupPeer:
    def __init__(self, group, name, number, word):
        self.folder = f"{group.folder}/{name}"
        self.control = f"unix:{self.folder}.sock"
        os.makedirs(self.folder)
        self.options = ["--share", self.folder, "--control", self.control, "--number", str(number),
                        "--listen", "127.0.0.1:0"]
        # The word is not in the list of processes.
        self.program = Program("arkshare-peer", *self.options, env={**os.environ, "ARKSHARE_JOIN": word})

    def cli(self, *args, stdin=""):
        return run("arkshare-cli", "--peer", self.control, *args, stdin=stdin)

    def status(self):
        return json.loads(self.cli("--json", "status").out)

    def write(self, name, data):
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(data)

    def has(self, name):
        return os.path.exists(os.path.join(self.folder, name))


class Group:
    """An index, and the peers ada (1) and bob (2)."""

    def __init__(self, test):
        # Short, because the paths of sockets have a limit.
        self.folder = tempfile.mkdtemp(prefix="g", dir=FOLDER.name)
        self.home = f"{self.folder}/home"
        self.index = Program("arkshare-index", "--listen", "127.0.0.1:0", "--home", self.home)
        test.addCleanup(self.index.end)
        self.ada = GroupPeer(self, "ada", 1, self.invite("ada"))
        test.addCleanup(self.ada.program.end)
        self.bob = GroupPeer(self, "bob", 2, self.invite("bob"))
        test.addCleanup(self.bob.program.end)
        for peer in (self.ada, self.bob):
            test.assertTrue(eventually(lambda: peer.status()["online"]), peer.status())
            test.assertTrue(eventually(lambda: peer.status()["group"]["member_count"] == 2))

    def invite(self, name):
        done = run("arkshare-index", "invite", "--home", self.home, "--address", self.index.address, "--name", name)
        assert done.code == 0, done
        return done.out.strip()

    def list_book(self, test, name):
        self.ada.write(name, BOOK)
        test.assertTrue(eventually(lambda: self.bob.cli("search", "--name", name).code == 0))


class CliGroupTest(unittest.TestCase):
    def setUp(self):
        self.group = Group(self)
        self.ada, self.bob = self.group.ada, self.group.bob

    def test_numbers_of_peers_come_with_names(self):
        self.group.list_book(self, "195")
        peers = self.bob.cli("peers")
        self.assertEqual(peers.code, 0, peers)
        for shown in ("1 (ada)", "2 (bob)"):
            self.assertIn(shown, peers.out)
        self.assertIn("  1 (ada)\n", self.bob.cli("search", "195").out)
        got = self.bob.cli("get", "195")
        self.assertEqual(got.code, 0, got)
        self.assertIn("from peer 1 (ada)", got.out)
        self.assertTrue(self.bob.has("195"))
        self.assertFalse(self.ada.has("195"))
        self.assertIn("1 (ada)", self.bob.cli("transfers").out)
        pinged = self.bob.cli("ping", "1")
        self.assertIn("peer 1 (ada) at ", pinged.out)
        self.assertIn("signature verified", pinged.out)

    def test_the_menu_names_the_holder(self):
        self.group.list_book(self, "195")
        menu = self.bob.cli(stdin="1\n195\ny\n")
        self.assertEqual(menu.code, 0, menu)
        self.assertIn("registered successfully with id 2\n", menu.out)
        self.assertIn("book found in peer 1 (ada) want to download (y for yes) ", menu.out)
        self.assertIn("received the data\n['195']", menu.out)

    def test_status_shows_the_group(self):
        status = self.ada.status()["group"]
        self.assertEqual((status["member"]["name"], status["member"]["role"]), ("ada", "full"))
        self.assertEqual((status["member_count"], status["members_version"]), (2, 2))
        shown = self.ada.cli("status").out
        self.assertIn("peer            1 (ada)\n", shown)
        self.assertIn(f"group           of the index {status['index_public_key'][:12]}, 2 members, list version 2\n"
                      "member          ada, full\n", shown)

    def test_health_asks_the_index_and_members(self):
        addresses = [self.group.index.address, self.bob.program.address]
        done = self.ada.cli("health", *addresses)
        self.assertEqual(done.code, 0, done)
        self.assertEqual(done.out, "".join(f"{address} serves\n" for address in addresses))

    def test_without_a_peer_in_the_group_the_index_says_how_to_join(self):
        done = run("arkshare-cli", "--peer", f"unix:{self.group.folder}/none.sock", "--index",
                   self.group.index.address, "peers")
        self.assertEqual(done.code, 4, done)
        for part in ("it belongs to a group", "--join", "arkshare-cli tls DIR"):
            self.assertIn(part, done.err)

    def test_exported_files_work_until_the_peer_is_removed(self):
        tls = f"{self.group.folder}/tls"
        done = self.ada.cli("tls", tls)
        self.assertEqual(done.code, 0, done)
        self.assertEqual(stat.S_IMODE(os.stat(f"{tls}/key.pem").st_mode), 0o600)
        files = ["--tls-cert", f"{tls}/cert.pem", "--tls-key", f"{tls}/key.pem", "--tls-ca", f"{tls}/ca.pem"]

        def by_files():
            return run("arkshare-cli", *files, "--peer", f"unix:{self.group.folder}/none.sock", "--index",
                       self.group.index.address, "--json", "peers")
        peers = by_files()
        self.assertEqual(peers.code, 0, peers)
        self.assertEqual([json.loads(line)["peer_id"] for line in peers.out.splitlines()], [1, 2])
        self.assertEqual(self.ada.cli("tls", tls).code, 0)  # Its own files may be replaced.
        self.assertEqual(self.bob.cli("tls", tls).code, 2)  # Those of another peer may not.
        self.check_other_language(tls)

        removed = run("arkshare-index", "members", "remove", "ada", "--home", self.group.home)
        self.assertEqual(removed.code, 0, removed)
        refused = by_files()
        self.assertEqual(refused.code, 4, refused)
        self.assertIn("removed from the group", refused.err)
        own = self.ada.cli("peers")
        self.assertNotEqual(own.code, 0, own)
        self.assertEqual(self.bob.cli("peers").code, 0)

    def check_other_language(self, tls):
        """Calls the index and bob with gRPC for Python."""
        def read(name):
            with open(f"{tls}/{name}", "rb") as file:
                return file.read()
        credentials = grpc.ssl_channel_credentials(read("ca.pem"), read("key.pem"), read("cert.pem"))

        def service(address, module, name):
            channel = grpc.secure_channel(address, credentials, [("grpc.ssl_target_name_override", "arkshare")])
            self.addCleanup(channel.close)
            return Service(channel, module, name)
        peers = service(self.group.index.address, index_pb2, "IndexService").ListPeers(
            index_pb2.ListPeersRequest(), timeout=WAIT).peers
        self.assertEqual([peer.peer_id for peer in peers], [1, 2])
        nonce = os.urandom(32)
        pong = service(peers[1].address, file_pb2, "FileService").Ping(
            file_pb2.PingRequest(nonce=nonce), timeout=WAIT)
        self.assertEqual((pong.nonce, pong.public_key), (nonce, peers[1].public_key))

    def test_the_printed_grpcurl_command(self):
        if not shutil.which("grpcurl", path=grpcurl_commands.PATH):
            self.skipTest("grpcurl is not installed")
        done = self.ada.cli("tls", f"{self.group.folder}/tls files")
        command, = (line for line in done.out.splitlines() if line.startswith("grpcurl "))
        for line, wanted in ((command, "arkshare.v1.IndexService"),
                             (command.replace(self.group.index.address, self.bob.program.address),
                              "arkshare.v1.FileService")):
            shown = subprocess.run(["bash", "-c", line], text=True, capture_output=True, timeout=WAIT * 3,
                                   env={**os.environ, "PATH": grpcurl_commands.PATH})
            self.assertEqual(shown.returncode, 0, shown)
            self.assertIn(wanted, shown.stdout.splitlines())


if __name__ == "__main__":
    unittest.main(verbosity=2)
