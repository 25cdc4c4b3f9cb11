"""arkshare's contract, as far as the programs of this folder speak it: messages, paths, keys, what is signed.

The stubs are made from proto/ before these programs start; ARKSHARE_BENCH_STUBS is their folder."""

import hashlib
import os
import struct
import sys
from concurrent import futures

import grpc
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

sys.path.insert(0, os.environ["ARKSHARE_BENCH_STUBS"])
from arkshare.v1 import file_pb2, index_pb2, peer_pb2, types_pb2  # noqa: E402, F401

INDEX, FILE = "/arkshare.v1.IndexService/", "/arkshare.v1.FileService/"
PAGE = 1_000  # the most items of a call, a message or a page
WORDS = [a + b for a in "abcdefghijklmnopqrstuvwxyz" for b in "abcdefghijklmnopqrstuvwxyz"]


class Key:
    """An Ed25519 key."""

    def __init__(self):
        self._key = Ed25519PrivateKey.generate()
        self.public = self._key.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.sign = self._key.sign


def content(number, size=5):
    """The identity of a book that does not exist."""
    return types_pb2.ContentId(root=hashlib.sha256(b"%d" % number).digest(), size_bytes=size)


def listing(number, name):
    return types_pb2.Listing(listing_number=number, name=name, content=content(number))


def bearer(token):
    return (("authorization", "Bearer " + token),)


def register_request(key, port, **fields):
    values = {"public_key": key.public if isinstance(key, Key) else key, "port": port,
              "policy": types_pb2.SHARE_POLICY_COPY, "upload_slots": 8,
              "registration_id": os.urandom(16)}
    values.update(fields)
    return index_pb2.RegisterRequest(**values)


def ticket(source, number, receiver, size=3):
    """A ticket of `source`, which signs it, for `receiver`, a public key."""
    what = content(number, size)
    transfer = os.urandom(16)
    body = (b"arkshare-ticket-v1" + transfer + source.public + struct.pack(">Q", number) + receiver
            + what.root + struct.pack(">Q", size))
    leaf = hashlib.sha256(b"\0" + body).digest()
    return types_pb2.MoveTicket(
        transfer_id=transfer, source_public_key=source.public, source_listing_number=number,
        receiver_public_key=receiver, content=what, batch_size=1,
        signature=source.sign(b"arkshare-ticket-batch-v1" + struct.pack(">I", 1) + leaf))


def release_request(source, receiver, numbers):
    """A signed Release of the listings with these numbers; `source` is a public key."""
    request = file_pb2.ReleaseRequest(source_public_key=source, receiver_public_key=receiver.public)
    signed = b"arkshare-release-v1" + source + receiver.public + struct.pack(">I", len(numbers))
    for number in numbers:
        item = request.items.add(transfer_id=os.urandom(16), listing_number=number,
                                 content=content(number))
        signed += (item.transfer_id + struct.pack(">Q", number) + item.content.root
                   + struct.pack(">Q", item.content.size_bytes))
    request.signature = receiver.sign(signed)
    return request


class Pinged:
    """Answers the dial-back of an index, for the registrations that it has been told of."""

    def __init__(self, address):
        self._keys, self._boot_id = {}, os.urandom(16)
        self._server = grpc.server(futures.ThreadPoolExecutor(4))
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
            "arkshare.v1.FileService", {"Ping": grpc.unary_unary_rpc_method_handler(
                self._ping, file_pb2.PingRequest.FromString,
                lambda message: message.SerializeToString())}),))
        self.port = self._server.add_insecure_port(f"{address}:0")
        self._server.start()

    def request(self, key, **fields):
        """The request by which `key` registers at this port."""
        request = register_request(key, self.port, **fields)
        self._keys[request.registration_id] = key
        return request

    def _ping(self, request, context):
        key = self._keys.get(request.registration_id)
        if key is None:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "not of this peer")
        signed = (b"arkshare-ping-v1" + struct.pack(">I", len(request.nonce)) + request.nonce
                  + self._boot_id + struct.pack(">I", len(request.registration_id))
                  + request.registration_id)
        return file_pb2.PingResponse(nonce=request.nonce, boot_id=self._boot_id,
                                     public_key=key.public, signature=key.sign(signed))


class Stub:
    """Calls by the names of their methods, over a channel of grpcio."""

    def __init__(self, channel, prefix):
        self._channel, self._prefix = channel, prefix

    def unary(self, method, answer):
        return self._channel.unary_unary(self._prefix + method, lambda m: m.SerializeToString(),
                                         answer.FromString)

    def stream(self, method, answer):
        return self._channel.unary_stream(self._prefix + method, lambda m: m.SerializeToString(),
                                          answer.FromString)

    def both_stream(self, method, answer):
        return self._channel.stream_stream(self._prefix + method, lambda m: m.SerializeToString(),
                                           answer.FromString)


def channel(target, **options):
    """A channel with a connection of its own."""
    return grpc.insecure_channel(target, [("grpc.use_local_subchannel_pool", 1), *options.items()])
