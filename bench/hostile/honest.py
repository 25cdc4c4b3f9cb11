#!/usr/bin/python3
"""An honest client, which measures the index and a peer while another client attacks them.

It makes one call of each kind at each tick of that kind's clock. A call that takes longer than a tick
counts for the calls that could not begin meanwhile, too: each of them has waited until it ended.

  honest.py SETTINGS.json OUT.json    prints "ready", runs until a line comes from stdin, writes OUT
"""

import contextlib
import itertools
import json
import os
import queue
import subprocess
import sys
import threading
import time

import contract
from contract import (FILE, INDEX, Key, Pinged, Stub, bearer, channel, file_pb2, grpc, index_pb2,
                      listing)

DEADLINE = 5  # seconds, of a call
CLI_DEADLINE = 10
STATEMENT_EVERY = 5  # beats
SETTLE_SECONDS = 5  # the longest that what was acknowledged may take to be found in the end
ADDRESS = "127.0.0.1"


class Session:
    """A proven session at the index, and what the index has acknowledged of it."""

    def __init__(self, index):
        self._index, self._key, self._pinged = index, Key(), Pinged(ADDRESS)
        self.acknowledged, self._sequence = 0, 0
        self.lost = -1  # The first session begins, too.
        self._call, self._token, self._peer_id = None, None, None
        self._requests, self._answers = None, None

    def beat(self, statement):
        """One message and its acknowledgement; begins what is missing."""
        try:
            if self._call is None:
                self._begin_stream()
            self._sequence += statement
            self._send([self._sequence] if statement else [])
        except grpc.RpcError as error:
            self._call = None
            if error.code() == grpc.StatusCode.UNAUTHENTICATED:
                self._token = None
            raise
        self.acknowledged = self._sequence

    def missing(self):
        """How many acknowledged books the index does not list now."""
        books = Stub(self._index, INDEX).unary("ListBooks", index_pb2.ListBooksResponse)
        listed, request = set(), index_pb2.ListBooksRequest(peer_id=self._peer_id, page_size=1000)
        while True:
            answer = books(request, timeout=DEADLINE)
            listed.update(book.listing_number for book in answer.listings)
            if not answer.next_page_token:
                return self.acknowledged - len(listed & set(range(1, self.acknowledged + 1)))
            request.page_token = answer.next_page_token

    def _begin_stream(self):
        stub = Stub(self._index, INDEX)
        if self._token is None:
            answer = stub.unary("Register", index_pb2.RegisterResponse)(
                self._pinged.request(self._key), timeout=DEADLINE)
            self._token, self._peer_id = answer.session_token, answer.peer_id
            self.lost += 1
        self._requests, self._answers = queue.Queue(), queue.Queue()
        call = stub.both_stream("Announce", index_pb2.AnnounceResponse)(
            iter(self._requests.get, None), metadata=bearer(self._token))
        threading.Thread(target=self._read, args=(call, self._answers), daemon=True).start()
        known = self._next()
        self._call = call
        if self._sequence > known:
            self._send(range(known + 1, self._sequence + 1))

    def _send(self, numbers):
        self._requests.put(index_pb2.AnnounceRequest(
            first_sequence=numbers[0] if numbers else 0,
            snapshot_complete=bool(numbers) and numbers[0] == 1,
            statements=[{"present": listing(n, f"honest volume {n}")} for n in numbers]))
        while self._next() < self._sequence:
            pass

    def _next(self):
        """The next acknowledgement; raises what has ended the stream."""
        try:
            answer = self._answers.get(timeout=DEADLINE)
        except queue.Empty:
            raise Late() from None
        if isinstance(answer, grpc.RpcError):
            raise answer
        return answer.acknowledged_sequence

    @staticmethod
    def _read(call, answers):
        try:
            for answer in call:
                answers.put(answer)
        except grpc.RpcError as error:
            answers.put(error)


class Late(grpc.RpcError):
    """No acknowledgement came in time."""

    def code(self):
        return grpc.StatusCode.DEADLINE_EXCEEDED


class Moves:
    """A receiver that takes one book after another from the source, by the command of its owner."""

    def __init__(self, settings, index):
        self._settings, self._index = settings, index
        self._names = iter(settings["books to take"])
        self.done = []

    def take(self):
        name = next(self._names, None)
        if name is None:
            return
        run([self._settings["cli"], "--peer", self._settings["receiver"], "get", name])
        self.done.append(name)

    def missing(self):
        """How many of the books that were taken are not with the receiver, or not with it only."""
        search = Stub(self._index, INDEX).unary("Search", index_pb2.SearchResponse)
        lost = 0
        for name in self.done:
            answer = search(index_pb2.SearchRequest(name=name), timeout=DEADLINE)
            here = os.path.exists(os.path.join(self._settings["receiver folder"], name))
            holders = sum(result.holder_count for result in answer.results)
            lost += not (here and holders == 1)
        return lost


def run(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, timeout=CLI_DEADLINE, check=False)
    if done.returncode != 0:
        raise subprocess.SubprocessError(f"{command[-1]}: exit code {done.returncode}")


def small_book(index, name):
    """The content of a book that the index lists under this name."""
    answer = Stub(index, INDEX).unary("Search", index_pb2.SearchResponse)(
        index_pb2.SearchRequest(name=name), timeout=DEADLINE)
    return answer.results[0].content


class Client:
    """All kinds of calls, each in a thread of its own, and what they took."""

    def __init__(self, settings):
        self.samples, self._over, self._threads = [], threading.Event(), []
        self._settings, self._session, self._moves = settings, None, None
        if "index" in settings:
            self._ask_index(channel(settings["index"]))
        if "peer" in settings:
            self._ask_peer(channel(settings["peer"]))
        self._every("status", 0.25, lambda: run([settings["cli"], "--peer", settings["control"],
                                                 "status"]))

    def stop(self):
        """Ends the calls; returns what the index has acknowledged and lost."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        result = {"samples": self.samples, "lost": 0, "sessions lost": 0, "acknowledged": 0}
        if self._session is not None:
            result["lost"] = None  # Unknown, when the index does not answer.
            result["acknowledged"] = self._session.acknowledged + len(self._moves.done)
            result["sessions lost"] = self._session.lost
            end = time.monotonic() + SETTLE_SECONDS
            while True:
                with contextlib.suppress(grpc.RpcError):
                    result["lost"] = self._session.missing() + self._moves.missing()
                    if result["lost"] == 0:
                        break
                if time.monotonic() > end:
                    break
                time.sleep(0.1)
        return result

    def _every(self, kind, interval, call):
        thread = threading.Thread(target=self._loop, args=(kind, interval, call))
        self._threads.append(thread)
        call()  # The first one is not measured: it may connect.
        thread.start()

    def _loop(self, kind, interval, call):
        tick = time.monotonic()
        while not self._over.is_set():
            good = True
            try:
                call()
            except (grpc.RpcError, subprocess.SubprocessError):
                good = False
            now = time.monotonic()
            while tick <= now:
                self.samples.append((kind, tick, now - tick, good))
                tick += interval
            self._over.wait(tick - now)

    def _ask_index(self, index):
        search = Stub(index, INDEX).unary("Search", index_pb2.SearchResponse)
        request = index_pb2.SearchRequest(keywords="honest sou")
        self._every("search", 0.01, lambda: search(request, timeout=DEADLINE))

        def connect():
            with channel(self._settings["index"]) as fresh:
                Stub(fresh, INDEX).unary("Search", index_pb2.SearchResponse)(request, timeout=DEADLINE)
        self._every("connect", 0.1, connect)

        self._session = Session(index)
        beats = itertools.count()
        self._every("beat", 0.1, lambda: self._session.beat(next(beats) % STATEMENT_EVERY == 0))

        pinged, stub = Pinged(ADDRESS), Stub(index, INDEX)
        register = stub.unary("Register", index_pb2.RegisterResponse)
        unregister = stub.unary("Unregister", index_pb2.UnregisterResponse)

        def join():
            answer = register(pinged.request(Key()), timeout=DEADLINE)
            unregister(index_pb2.UnregisterRequest(), timeout=DEADLINE,
                       metadata=bearer(answer.session_token))
            if not answer.reachability.reachable:
                raise subprocess.SubprocessError("the index could not reach this client")
        self._every("register", 0.5, join)
        self._moves = Moves(self._settings, index)
        self._every("get", 0.5, self._moves.take)

    def _ask_peer(self, peer):
        if "index" in self._settings:
            book = small_book(channel(self._settings["index"]), self._settings["small book"])
            download = Stub(peer, FILE).stream("Download", file_pb2.DownloadResponse)
            wanted = file_pb2.DownloadRequest(content=book)

            def fetch():
                if sum(len(m.chunk.data) for m in download(wanted, timeout=DEADLINE)) != book.size_bytes:
                    raise subprocess.SubprocessError("the book is incomplete")
            self._every("download", 0.02, fetch)
        ping = Stub(peer, FILE).unary("Ping", file_pb2.PingResponse)
        self._every("ping", 0.02, lambda: ping(file_pb2.PingRequest(nonce=os.urandom(16)),
                                               timeout=DEADLINE))


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        settings = json.load(file)
    client = Client(settings)
    print("ready", flush=True)
    sys.stdin.readline()
    result = client.stop()
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        json.dump(result, file)
    # The threads of gRPC's servers and streams would keep the process.
    os._exit(0)


if __name__ == "__main__":
    main()
