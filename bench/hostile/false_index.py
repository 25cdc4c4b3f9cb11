#!/usr/bin/python3
"""An index that acknowledges statements that no peer has made: false_index.py SECONDS

It prints its address and is honest until a line comes from stdin. Then it lies for SECONDS, prints KEY=VALUE
lines and ends."""

import collections
import os
import sys
import time
from concurrent import futures

import grpc
from contract import index_pb2

LEASE_SECONDS = 2
ACKNOWLEDGED = 1_000_000


class FalseIndex:
    """Registers every peer; while it is `lying`, it acknowledges more than any peer has stated."""

    def __init__(self):
        self.lying = False
        self.calls, self._boot_id = collections.Counter(), os.urandom(16)
        self._server = grpc.server(futures.ThreadPoolExecutor(16))
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
            "arkshare.v1.IndexService", {
                "Register": grpc.unary_unary_rpc_method_handler(
                    self._register, index_pb2.RegisterRequest.FromString,
                    index_pb2.RegisterResponse.SerializeToString),
                "Announce": grpc.stream_stream_rpc_method_handler(
                    self._announce, index_pb2.AnnounceRequest.FromString,
                    index_pb2.AnnounceResponse.SerializeToString)}),))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def _register(self, request, _):
        self.calls["registrations"] += 1
        answer = index_pb2.RegisterResponse(
            peer_id=1, session_token="t" * 64, address=f"127.0.0.1:{request.port}",
            boot_id=self._boot_id, max_books=1_000_000)
        answer.lease.seconds = LEASE_SECONDS
        answer.reachability.reachable = True
        return answer

    def _announce(self, requests, _):
        self.calls["streams"] += 1
        known = 0
        yield self._acknowledgement(known)
        for request in requests:
            if request.statements:
                known = request.first_sequence + len(request.statements) - 1
            yield self._acknowledgement(known)
            if self.lying:
                return  # The next stream of the peer begins with a lie.

    def _acknowledgement(self, known):
        self.calls["lies"] += self.lying
        return index_pb2.AnnounceResponse(acknowledged_sequence=ACKNOWLEDGED if self.lying else known)


def main():
    index = FalseIndex()
    print(f"serving address=127.0.0.1:{index.port}", flush=True)
    sys.stdin.readline()
    index.lying = True
    time.sleep(float(sys.argv[1]))
    for name in ("registrations", "streams", "lies"):
        print(f"{name}={index.calls[name]}", flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
