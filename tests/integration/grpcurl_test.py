#!/usr/bin/python3
"""Runs the grpcurl commands of docs/protocol.md against an index and five peers, as in scripts/demo, and
against a group.

Skipped without grpcurl, which scripts/test builds, or jq. CTest runs it.
"""

import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import grpcurl_commands  # noqa: E402

if grpcurl_commands.missing_tool():
    print(f"SKIP: {grpcurl_commands.missing_tool()} is not installed")
    sys.exit(77)

import cli_group_test  # noqa: E402
import cluster_test  # noqa: E402
from arkshare_test_client import FOLDER, Program, Service, grpc  # noqa: E402
from arkshare.v1 import index_pb2  # noqa: E402


class GrpcurlTest(unittest.TestCase):
    def test_the_commands_of_the_document(self):
        index = Program("arkshare-index", "--listen", "127.0.0.1:0")
        self.addCleanup(index.end)
        channel = grpc.insecure_channel(index.address)
        self.addCleanup(channel.close)
        watch = cluster_test.Watch(Service(channel, index_pb2, "IndexService"))
        self.addCleanup(watch.call.cancel)
        peers = {}
        for n in range(1, 6):
            peers[n] = cluster_test.Peer(index.address, f"{FOLDER.name}/peer{n}")
            self.addCleanup(peers[n].program.end)
            peers[n].write(f"{n}95", os.urandom(2_500_000))  # more than one message
            watch.shows(n, f"{n}95")
        folder = f"{FOLDER.name}/commands"
        os.mkdir(folder)
        outcomes = grpcurl_commands.run(index.address, folder)
        grpcurl_commands.check(self, outcomes, peers=5, read_book=peers[1].read)

    def test_a_peer_behind_a_firewall_is_called_through_the_relay(self):
        index = Program("arkshare-index", "--listen", "127.0.0.1:0", "--relay", "127.0.0.1:0")
        self.addCleanup(index.end)
        relay = next(line.split("=", 1)[1] for line in index.lines
                     if line.startswith("relay address="))
        # Nothing listens at the address that it advertises.
        peer = cluster_test.Peer(index.address, f"{FOLDER.name}/hidden", "--listen", "0.0.0.0:0",
                                 "--insecure", "--advertise", "127.0.0.1:9", "--reach", "relay")
        self.addCleanup(peer.program.end)
        channel = grpc.insecure_channel(index.address)
        self.addCleanup(channel.close)
        service = Service(channel, index_pb2, "IndexService")

        def listed():
            return list(service.ListPeers(index_pb2.ListPeersRequest()).peers)
        self.assertTrue(cluster_test.eventually(listed))
        (found,) = listed()
        self.assertEqual(found.address, "")
        done = subprocess.run(
            ["grpcurl", "-plaintext", f"{found.public_key.hex()}.peer:1", "list"], text=True,
            capture_output=True, timeout=grpcurl_commands.LIMIT,
            env={**os.environ, "PATH": grpcurl_commands.PATH, "HTTPS_PROXY": f"http://{relay}"})
        self.assertIn("arkshare.v1.FileService", done.stdout, done.stderr)

    def test_the_commands_in_a_group(self):
        group = cli_group_test.Group(self)
        peers = [group.ada, group.bob]
        for n in range(3, 6):
            peers.append(cli_group_test.GroupPeer(group, f"p{n}", n, group.invite(f"p{n}")))
            self.addCleanup(peers[-1].program.end)
        for n, peer in enumerate(peers, 1):
            peer.write(f"{n}95", os.urandom(2_500_000))
        for n in range(1, 6):
            self.assertTrue(cluster_test.eventually(
                lambda: group.ada.cli("search", "--name", f"{n}95").code == 0))
        folder = f"{FOLDER.name}/group_commands"
        # The files of a peer do not trust the peer itself, and the book is at ada.
        exported = group.bob.cli("tls", folder)
        self.assertEqual(exported.code, 0, exported)
        outcomes = grpcurl_commands.run(group.index.address, folder, group=True)

        def read(name):
            with open(os.path.join(group.ada.folder, name), "rb") as file:
                return file.read()
        grpcurl_commands.check(self, outcomes, peers=5, read_book=read)


if __name__ == "__main__":
    unittest.main(verbosity=2)
