#!/usr/bin/python3
"""Joins a group from another language, by docs/protocol.md only: certificate, invitation, proof, list of
members, and calls of the index and of a peer.

It needs python3-cryptography, and what tests/support/arkshare_test_client.py says. CTest runs it.
"""

import base64
import datetime
import hashlib
import hmac
import ipaddress
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError as error:
    print(f"SKIP: {error}; python3-cryptography is needed")
    sys.exit(77)

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from arkshare_test_client import BIN, FOLDER, WAIT, Program, Service, grpc  # noqa: E402
from arkshare.v1 import file_pb2, index_pb2, types_pb2  # noqa: E402

PEM = serialization.Encoding.PEM


def raw(public):
    return public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def common_name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(key, join=None):
    """The certificate of an Ed25519 key, and the P-256 key of TLS, as PEM."""
    digits = raw(key.public_key()).hex()
    names = [x509.DNSName("arkshare"), x509.DNSName("localhost"),
             x509.UniformResourceIdentifier("arkshare:" + digits)]
    if join:
        names.append(x509.UniformResourceIdentifier("arkshare-join:" + join))
    leaf = ec.generate_private_key(ec.SECP256R1())
    built = (x509.CertificateBuilder()
             .issuer_name(common_name(digits)).subject_name(common_name("m-" + digits[:60]))
             .not_valid_before(datetime.datetime(1970, 1, 1))
             .not_valid_after(datetime.datetime(9999, 12, 31))
             .serial_number(x509.random_serial_number()).public_key(leaf.public_key())
             .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
             .add_extension(x509.KeyUsage(True, False, False, False, False, False, False, False, False),
                            critical=True)
             .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH,
                                                   ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
             .add_extension(x509.SubjectAlternativeName(names), critical=False)
             .sign(key, None))
    return built.public_bytes(PEM), leaf.private_bytes(
        PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def anchor(public):
    """A certificate that makes a TLS client with CAs trust the owner of a key."""
    name = common_name(public.hex())
    return (x509.CertificateBuilder().issuer_name(name).subject_name(name)
            .not_valid_before(datetime.datetime(1970, 1, 1))
            .not_valid_after(datetime.datetime(9999, 12, 31)).serial_number(1)
            .public_key(ed25519.Ed25519PublicKey.from_public_bytes(public))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(ed25519.Ed25519PrivateKey.generate(), None).public_bytes(PEM))


def read_word(word):
    """The addresses, fingerprint and secret of an invitation."""
    assert word.startswith("ark1"), word
    letters = word[4:].upper()
    data = base64.b32decode(letters + "=" * (-len(letters) % 8))
    body, check = data[:-3], data[-3:]
    assert hashlib.sha256(body).digest()[:3] == check, "mistyped"
    addresses, at = [], 0
    while body[at] != 0:
        kind, at = body[at], at + 1
        length = {4: 4, 6: 16}.get(kind, kind - 0x80)
        host, at = body[at:at + length], at + length
        name = host.decode() if kind >= 0x80 else str(ipaddress.ip_address(host))
        addresses.append((name, int.from_bytes(body[at:at + 2], "big")))
        at += 2
    return addresses, body[at + 1:at + 17], body[at + 17:]


def key_at(address, own):
    """The Ed25519 key that the server there proves."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["h2"])
    with tempfile.TemporaryDirectory(dir=FOLDER.name) as folder:
        paths = [os.path.join(folder, name) for name in ("cert", "key")]
        for path, pem in zip(paths, own):
            with open(path, "wb") as file:
                file.write(pem)
        context.load_cert_chain(*paths)
    with socket.create_connection(address, WAIT) as plain:
        with context.wrap_socket(plain) as connection:
            shown = x509.load_der_x509_certificate(connection.getpeercert(binary_form=True))
    digits = shown.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    public = ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(digits))
    public.verify(shown.signature, shown.tbs_certificate_bytes)
    names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "arkshare:" + digits in names.get_values_for_type(x509.UniformResourceIdentifier)
    return raw(public)


def members_of(update, index, known=None):
    """The list {key: (role, name)} to which an update leads; raises InvalidSignature."""
    members = {} if update.complete else dict(known)
    for key in update.removed_public_keys:
        members.pop(key)
    for member in update.members:
        members[member.public_key] = (member.role, member.name.encode())
    content = b"".join(key + bytes([role, len(name)]) + name
                       for key, (role, name) in sorted(members.items()))
    ed25519.Ed25519PublicKey.from_public_bytes(index).verify(
        update.signature, b"arkshare-members-v1" + update.version.to_bytes(8, "big")
        + hashlib.sha256(content).digest())
    return members


class Client:
    """A program with a key of its own."""

    def __init__(self, test):
        self.test, self.key = test, ed25519.Ed25519PrivateKey.generate()
        self.public = raw(self.key.public_key())

    def connect(self, address, expected, module, name, join=None):
        shown, private = certificate(self.key, join)
        channel = grpc.secure_channel(
            "%s:%d" % address, grpc.ssl_channel_credentials(anchor(expected), private, shown),
            [("grpc.ssl_target_name_override", "arkshare")])
        self.test.addCleanup(channel.close)
        return Service(channel, module, name)

    def join(self, word, name=""):
        (address,), fingerprint, secret = read_word(word)
        index = key_at(address, certificate(self.key))
        assert hashlib.sha256(b"arkshare-index-v1" + index).digest()[:16] == fingerprint
        identity = hashlib.sha256(b"arkshare-invitation-v1" + secret).digest()[:8]
        proof = hmac.new(secret, b"arkshare-join-v1" + index + self.public, hashlib.sha256).digest()
        service = self.connect(address, index, index_pb2, "IndexService",
                               f"{identity.hex()}:{proof[:16].hex()}")
        answer = service.Join(index_pb2.JoinRequest(name=name), timeout=WAIT)
        self.address, self.index = address, answer.index_public_key
        self.test.assertEqual(self.index, index)
        return answer


class GroupClientTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="g", dir=FOLDER.name)
        self.home = self.folder + "/home"
        self.program = Program("arkshare-index", "--listen", "127.0.0.1:0", "--home", self.home)
        self.addCleanup(self.program.end)

    def command(self, *words):
        return subprocess.run([os.path.join(BIN, "arkshare-index"), *words, "--home", self.home],
                              check=True, capture_output=True, text=True).stdout.strip()

    def invite(self, *options):
        return self.command("invite", "--address", self.program.address, *options)

    def test_a_program_that_is_not_ours_joins_and_calls(self):
        books = self.folder + "/books"
        os.mkdir(books)
        with open(books + "/195", "wb") as file:
            file.write(b"the book")
        peer = Program("arkshare-peer", "--share", books, "--control", f"unix:{self.folder}/c/sock",
                       "--listen", "127.0.0.1:0", "--join", self.invite("--name", "ada"))
        self.addCleanup(peer.end)
        word = self.invite()
        client = Client(self)
        joined = client.join(word, "Zoë")
        self.assertEqual((joined.member.public_key, joined.member.name), (client.public, "Zoë"))
        members = members_of(joined.members, client.index)
        self.assertEqual(members[client.public], (types_pb2.MEMBER_ROLE_FULL, "Zoë".encode()))
        self.assertEqual(client.join(word).members.version, joined.members.version, "the same again")

        index = client.connect(client.address, client.index, index_pb2, "IndexService")
        found = index.Watch(index_pb2.WatchRequest(), timeout=WAIT)
        listed = next(event for message in found for event in (message, *message.more)
                      if event.HasField("book_listed"))
        found.cancel()
        content = listed.book_listed.listing.content
        holder, = index.Search(index_pb2.SearchRequest(name="195"), timeout=WAIT).results[0].holders
        self.assertIn(holder.public_key, members)
        host, port = holder.address.rsplit(":", 1)
        files = client.connect((host, int(port)), holder.public_key, file_pb2, "FileService")
        messages = files.Download(file_pb2.DownloadRequest(content=content), timeout=WAIT)
        data = b"".join(message.chunk.data for message in messages if message.HasField("chunk"))
        self.assertEqual(data, b"the book")

    def test_changes_of_the_list_are_signed(self):
        client, other = Client(self), Client(self)
        first = client.join(self.invite()).members
        members = members_of(first, client.index)
        other.join(self.invite("--name", "other"))
        index = client.connect(client.address, client.index, index_pb2, "IndexService")
        whole = index.ListMembers(index_pb2.ListMembersRequest(), timeout=WAIT).members
        members = members_of(whole, client.index)
        self.assertEqual(set(members), {client.public, other.public})
        self.assertGreater(whole.version, first.version)
        whole.members[0].role = types_pb2.MEMBER_ROLE_READER
        with self.assertRaises(InvalidSignature):
            members_of(whole, client.index)

    def test_a_word_is_used_once_and_a_stranger_is_refused(self):
        word = self.invite()
        Client(self).join(word)
        with self.assertRaises(grpc.RpcError) as late:
            Client(self).join(word)
        self.assertEqual(late.exception.code(), grpc.StatusCode.PERMISSION_DENIED)
        stranger, member = Client(self), Client(self)
        member.join(self.invite())
        with self.assertRaises(grpc.RpcError) as refused:
            stranger.connect(member.address, member.index, index_pb2, "IndexService").ListPeers(
                index_pb2.ListPeersRequest(), timeout=WAIT)
        self.assertEqual(refused.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.command("members", "remove", member.public.hex()[:12])
        with self.assertRaises(grpc.RpcError):
            member.connect(member.address, member.index, index_pb2, "IndexService").ListPeers(
                index_pb2.ListPeersRequest(), timeout=WAIT)


if __name__ == "__main__":
    unittest.main(verbosity=2)
