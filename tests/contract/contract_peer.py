"""A second implementation of arkshare's contracts, written only from the protos' comments.

Shares no code with the C++ programs: SHA-256 is hashlib's, Ed25519 is openssl's. contract_test.py uses
it to test that the contracts say enough.
"""

import hashlib
import os
import queue
import struct
import sys
import threading
from concurrent import futures

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from arkshare_test_client import Key, grpc, verify  # noqa: E402
from arkshare.v1 import file_pb2, index_pb2, types_pb2  # noqa: E402
from google.rpc import error_details_pb2, status_pb2  # noqa: E402

PATIENCE = 60  # seconds; only a test that fails ever waits this long


def error_info(error):
    """(status code, ErrorInfo, all details) of an RpcError, out of its google.rpc.Status."""
    trailers = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    infos = []
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            infos.append(info)
    assert len(infos) == 1, "an error has one ErrorInfo: %s" % status
    assert infos[0].domain == "arkshare", status
    assert status.code == error.code().value[0], status
    assert status.message == error.details() != "", status
    return error.code(), infos[0], status.details


# --- Content (types.proto, ContentId) ---

BLOCK = 16 * 1024
MIB = 1024 * 1024


def sha256(data):
    return hashlib.sha256(data).digest()


def tree(hashes, width, padding):
    """The root over `hashes`, padded to `width`, a power of two."""
    level = list(hashes) + [padding] * (width - len(hashes))
    while len(level) > 1:
        level = [sha256(level[i] + level[i + 1]) for i in range(0, len(level), 2)]
    return level[0]


def power_of_two(least):
    width = 1
    while width < least:
        width *= 2
    return width


def piece_length(size):
    length = MIB
    while length * 65536 < size:
        length *= 2
    return length


def blocks_of(data):
    return [sha256(data[i:i + BLOCK]) for i in range(0, len(data), BLOCK)]


def manifest(data):
    """(root, piece hashes) of a book."""
    if not data:
        return sha256(b""), []
    length = piece_length(len(data))
    zero = bytes(32)
    if len(data) <= length:
        blocks = blocks_of(data)
        root = tree(blocks, power_of_two(len(blocks)), zero)
        return root, [root]
    width = length // BLOCK
    pieces = [tree(blocks_of(data[i:i + length]), width, zero)
              for i in range(0, len(data), length)]
    return tree(pieces, power_of_two(len(pieces)), tree([], width, zero)), pieces


# --- What is signed (types.proto, file.proto) ---

def be32(value):
    return struct.pack(">I", value)


def be64(value):
    return struct.pack(">Q", value)


def ping_bytes(nonce, boot_id, registration_id):
    return (b"arkshare-ping-v1" + be32(len(nonce)) + nonce + boot_id +
            be32(len(registration_id)) + registration_id)


def release_bytes(source, receiver, items):
    out = b"arkshare-release-v1" + source + receiver + be32(len(items))
    for item in items:
        out += (item.transfer_id + be64(item.listing_number) + item.content.root +
                be64(item.content.size_bytes))
    return out


def confirm_bytes(source, receiver, transfer_ids):
    return (b"arkshare-confirm-v1" + source + receiver + be32(len(transfer_ids)) +
            b"".join(transfer_ids))


def ticket_leaf(ticket):
    return sha256(b"\0" + b"arkshare-ticket-v1" + ticket.transfer_id + ticket.source_public_key +
                  be64(ticket.source_listing_number) + ticket.receiver_public_key +
                  ticket.content.root + be64(ticket.content.size_bytes))


def ticket_root(ticket):
    """RFC 9162, 2.1.3.2: the tree root that the leaf and its path lead to."""
    node, index, last = ticket_leaf(ticket), ticket.batch_index, ticket.batch_size - 1
    for sibling in ticket.batch_path:
        assert last > 0, "the path is too long"
        if index % 2 == 1 or index == last:
            node = sha256(b"\1" + sibling + node)
            while index % 2 == 0 and index != 0:
                index, last = index >> 1, last >> 1
        else:
            node = sha256(b"\1" + node + sibling)
        index, last = index >> 1, last >> 1
    assert last == 0, "the path is too short"
    return node


def ticket_verifies(ticket):
    message = b"arkshare-ticket-batch-v1" + be32(ticket.batch_size) + ticket_root(ticket)
    return verify(ticket.source_public_key, message, ticket.signature)


def rfc9162_root(leaves):
    if len(leaves) == 1:
        return leaves[0]
    split = power_of_two(len(leaves)) // 2
    return sha256(b"\1" + rfc9162_root(leaves[:split]) + rfc9162_root(leaves[split:]))


def rfc9162_path(leaves, index):
    if len(leaves) == 1:
        return []
    split = power_of_two(len(leaves)) // 2
    if index < split:
        return rfc9162_path(leaves[:split], index) + [rfc9162_root(leaves[split:])]
    return rfc9162_path(leaves[split:], index - split) + [rfc9162_root(leaves[:split])]


def sign_tickets(key, tickets):
    """Issues a batch: RFC 9162, section 2.1."""
    leaves = [ticket_leaf(ticket) for ticket in tickets]
    signature = key.sign(b"arkshare-ticket-batch-v1" + be32(len(leaves)) + rfc9162_root(leaves))
    for index, ticket in enumerate(tickets):
        ticket.batch_size, ticket.batch_index = len(leaves), index
        ticket.batch_path[:] = rfc9162_path(leaves, index)
        ticket.signature = signature


# --- A peer ---

class Announcing:
    """One Announce stream. Collects acknowledgements; `error` is set when it has ended.

    Calls `on_call` for each AnnounceResponse.Call."""

    def __init__(self, index, token, on_call=None):
        self._on_call = on_call
        self._requests = queue.Queue()
        self._changed = threading.Condition()
        self.acknowledged = []
        self.revision = 0  # of the last acknowledgement
        self.error = None
        self._ended = False
        self._call = index.Announce(iter(self._requests.get, None),
                                    metadata=(("authorization", "Bearer " + token),))
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        error = None
        try:
            for response in self._call:
                for call in response.calls:
                    if self._on_call is not None:
                        self._on_call(call)
                with self._changed:
                    self.acknowledged.append(response.acknowledged_sequence)
                    self.revision = response.revision
                    self._changed.notify_all()
        except grpc.RpcError as failure:
            error = failure
        with self._changed:
            self.error, self._ended = error, True
            self._changed.notify_all()

    def send(self, **fields):
        self._requests.put(index_pb2.AnnounceRequest(**fields))

    def wait_acknowledged(self, sequence):
        with self._changed:
            assert self._changed.wait_for(
                lambda: self._ended or (self.acknowledged and self.acknowledged[-1] >= sequence),
                PATIENCE), "statement %d was not acknowledged" % sequence
            assert not self._ended, self.error

    def wait_end(self):
        with self._changed:
            assert self._changed.wait_for(lambda: self._ended, PATIENCE), "the stream goes on"
            return self.error

    def half_close(self):
        self._requests.put(None)

    def cancel(self):
        self._call.cancel()


class Peer:
    """A peer with its books in memory: serves them, and gives them away once."""

    def __init__(self, books):
        self.key = Key(os.urandom(8).hex())
        self.boot_id = os.urandom(16)
        self.registrations = set()
        # listing number -> (name, bytes)
        self.books = dict(enumerate(books, start=1))
        self.answers = {}  # transfer id -> Result
        self.confirmed = []
        self._lock = threading.Lock()
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
        self._server.add_generic_rpc_handlers((self._handlers(),))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def stop(self):
        self._server.stop(None)

    def content(self, data):
        return types_pb2.ContentId(root=manifest(data)[0], size_bytes=len(data))

    def listing(self, number):
        name, data = self.books[number]
        return types_pb2.Listing(listing_number=number, name=name, content=self.content(data))

    def register_request(self, **fields):
        registration_id = os.urandom(16)
        self.registrations.add(registration_id)
        values = {"public_key": self.key.public, "port": self.port,
                  "policy": types_pb2.SHARE_POLICY_MOVE, "upload_slots": 4,
                  "registration_id": registration_id}
        values.update(fields)
        return index_pb2.RegisterRequest(**values)

    def _handlers(self):
        unary, stream = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
        handlers = {
            name: kind(method, request.FromString, lambda message: message.SerializeToString())
            for name, kind, method, request in (
                ("Ping", unary, self._ping, file_pb2.PingRequest),
                ("GetManifest", unary, self._get_manifest, file_pb2.GetManifestRequest),
                ("Download", stream, self._download, file_pb2.DownloadRequest),
                ("Release", unary, self._release, file_pb2.ReleaseRequest),
                ("Confirm", unary, self._confirm, file_pb2.ConfirmRequest))}
        return grpc.method_handlers_generic_handler("arkshare.v1.FileService", handlers)

    def _find(self, content, context):
        with self._lock:
            for name, data in self.books.values():
                if self.content(data) == content:
                    return data
        context.abort(grpc.StatusCode.NOT_FOUND, "no such book")

    def _ping(self, request, context):
        if request.registration_id and request.registration_id not in self.registrations:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "not mine")
        message = ping_bytes(request.nonce, self.boot_id, request.registration_id)
        return file_pb2.PingResponse(nonce=request.nonce, boot_id=self.boot_id,
                                       public_key=self.key.public,
                                       signature=self.key.sign(message))

    def _get_manifest(self, request, context):
        data = self._find(request.content, context)
        return file_pb2.GetManifestResponse(content=request.content,
                                              piece_length_bytes=piece_length(len(data)),
                                              piece_hashes=b"".join(manifest(data)[1]))

    def _download(self, request, context):
        data = self._find(request.content, context)
        end = len(data)
        if request.read_limit:
            end = min(end, request.read_offset + request.read_limit)
        response = file_pb2.DownloadResponse
        yield response(header={"content": request.content, "range_offset": request.read_offset,
                               "range_length": end - request.read_offset})
        # Chunks of odd sizes: nothing says that they fit blocks or pieces.
        for at in range(request.read_offset, end, 777_777):
            yield response(chunk={"offset": at, "data": data[at:min(end, at + 777_777)]})

    def _release(self, request, context):
        message = release_bytes(self.key.public, request.receiver_public_key, request.items)
        if (request.source_public_key != self.key.public or
                not verify(request.receiver_public_key, message, request.signature)):
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "bad signature")
        response = file_pb2.ReleaseResponse()
        with self._lock:
            tickets = []
            for item in request.items:
                if item.transfer_id in self.answers:
                    continue
                del self.books[item.listing_number]
                tickets.append(types_pb2.MoveTicket(
                    transfer_id=item.transfer_id, source_public_key=self.key.public,
                    source_listing_number=item.listing_number,
                    receiver_public_key=request.receiver_public_key, content=item.content))
            # Signed in a batch with strangers, so that the receiver must walk the path.
            others = [types_pb2.MoveTicket(transfer_id=os.urandom(16)) for _ in range(4)]
            if tickets:
                sign_tickets(self.key, others[:3] + tickets + others[3:])
            for ticket in tickets:
                self.answers[ticket.transfer_id] = ticket
            for item in request.items:
                response.results.add().ticket.CopyFrom(self.answers[item.transfer_id])
        return response

    def _confirm(self, request, context):
        message = confirm_bytes(self.key.public, request.receiver_public_key, request.transfer_ids)
        if not verify(request.receiver_public_key, message, request.signature):
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "bad signature")
        with self._lock:
            self.confirmed += request.transfer_ids
        return file_pb2.ConfirmResponse(
            results=[file_pb2.ConfirmResponse.Result() for _ in request.transfer_ids])
