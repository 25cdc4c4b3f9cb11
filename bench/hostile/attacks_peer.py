"""Attacks on a peer: on its memory, its threads, its slots and its ledger."""

import contextlib
import itertools
import queue

from attacks_index import CompressedRequests, EndlessHeaders, RapidResets
from contract import FILE, INDEX, PAGE, Key, file_pb2, index_pb2, release_request
from http2 import Connection, flood, for_each, statuses, told

SMALL_RANGE = 64 * 1024  # bytes: fits the slots of small ranges
PAUSE_SECONDS = 0.1  # before a download that was ended is begun again


def find_book(attack):
    """The content of the peer's large book, and the peer's key, as the index lists them."""
    index = Connection(attack.index, attack.source)
    answer = index.call(INDEX + "Search", index_pb2.SearchRequest(name=attack.large_book),
                        index_pb2.SearchResponse)
    index.close()
    return answer.results[0].content, answer.results[0].holders[0].public_key


class CompressedPings(CompressedRequests):
    """Requests to a peer that are gigabytes when they are inflated."""

    path = FILE + "Ping"


class ResetPings(RapidResets):
    """Rapid resets at a peer."""

    path, message = FILE + "Ping", file_pb2.PingRequest(nonce=bytes(16))


class EndlessHeadersOfPing(EndlessHeaders):
    """An endless header block at a peer."""

    path = FILE + "Ping"


class OpenCalls:
    """Pings whose answers the attacker never takes: each of them occupies the peer."""

    def __init__(self, attack):
        self._calls = 20 if attack.small else 250
        self._connections = [attack.connect(window=0) for _ in range(2 if attack.small else 20)]

    def run(self, until):
        message = file_pb2.PingRequest(nonce=bytes(16))

        def one(connection):
            for _ in range(self._calls):
                connection.begin(FILE + "Ping", message)
        for_each(self._connections, one)
        until.wait()
        return told(statuses(self._connections))


class IgnoredSettings:
    """Calls beyond the limit of a connection, by an attacker that never acknowledges the settings.

    The first calls of each connection send no message, so they stay open; the others ask for an answer."""

    def __init__(self, attack):
        self._calls = 300 if attack.small else 1_000
        self._connections = [attack.connect(polite=False) for _ in range(4)]

    def run(self, until):
        beyond, message = itertools.count(), file_pb2.PingRequest(nonce=bytes(16))

        def one(connection):
            for _ in range(self._calls):
                connection.open(FILE + "Ping")
            for _ in range(self._calls):
                connection.begin(FILE + "Ping", message)
                next(beyond)
        for_each(self._connections, one)
        until.wait()
        return {"calls beyond the limit": next(beyond), **told(statuses(self._connections))}


class ZeroWindows:
    """Downloads by 80 connections that take nothing, half of them in the slots of small ranges.

    A download that the peer ends is begun again a little later."""

    def __init__(self, attack):
        self._book, _ = find_book(attack)
        self._connections = [attack.connect(window=0) for _ in range(8 if attack.small else 80)]

    def run(self, until):
        ended = queue.SimpleQueue()
        for number in range(len(self._connections)):
            ended.put(number)
        while until.is_ahead():
            while not ended.empty():
                number = ended.get()
                with contextlib.suppress(OSError):
                    self._connections[number].begin(
                        FILE + "Download", file_pb2.DownloadRequest(
                            content=self._book, read_limit=SMALL_RANGE * (number % 2)),
                        on_end=lambda _, n=number: ended.put(n))
            until.wait(PAUSE_SECONDS)
        return told(statuses(self._connections))


class Releases:
    """Releases of listings that never were, each call by a key of its own."""

    def __init__(self, attack):
        _, self._source = find_book(attack)
        self._items = 50 if attack.small else PAGE
        self._connections = [attack.connect(keep=False) for _ in range(4)]

    def run(self, until):
        numbers = itertools.count(10 ** 9)
        figures = flood(self._connections, FILE + "Release", lambda: release_request(
            self._source, Key(), list(itertools.islice(numbers, self._items))), 2, until)
        return {"releases": next(numbers) - 10 ** 9, **figures}
