#!/usr/bin/python3
"""Runs the grpcurl commands of docs/protocol.md against an index and five peers, as in scripts/demo.

Skipped without grpcurl, which scripts/test builds, or jq. CTest runs it.
"""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import grpcurl_commands  # noqa: E402

if grpcurl_commands.missing_tool():
    print(f"SKIP: {grpcurl_commands.missing_tool()} is not installed")
    sys.exit(77)

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


if __name__ == "__main__":
    unittest.main(verbosity=2)
