#!/usr/bin/python3
"""A peer with many books, which the index lists while others attack it: shelf.py INDEX COUNT short|long

It prints "ready ID", with its number at the index, when all are acknowledged, and goes on until it is ended.
It serves no book."""

import random
import sys
import threading
import time

from attacks_index import long_name
from contract import INDEX, PAGE, WORDS, Key, Pinged, Stub, bearer, channel, index_pb2, listing

BEAT_SECONDS = 1
MOST_PAGES_AHEAD = 5  # stated and not yet acknowledged


def make_name(chance, style, number):
    if style == "long":
        return long_name(chance, number)
    return " ".join(chance.choices(WORDS, k=3)) + f" {number}"


def messages(count, style, room):
    """All statements, as fast as `room` allows, and then heartbeats."""
    chance = random.Random(7)
    for first in range(1, count + 1, PAGE):
        last = min(first + PAGE - 1, count)
        room.acquire()
        yield index_pb2.AnnounceRequest(
            first_sequence=first, snapshot_complete=last == count,
            statements=[{"present": listing(number, make_name(chance, style, number))}
                        for number in range(first, last + 1)])
    while True:
        time.sleep(BEAT_SECONDS)
        yield index_pb2.AnnounceRequest()


def main():
    index, count, style = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    pinged, stub = Pinged("127.0.0.1"), Stub(channel(index), INDEX)
    session = stub.unary("Register", index_pb2.RegisterResponse)(pinged.request(Key()))
    room = threading.Semaphore(MOST_PAGES_AHEAD)
    known = 0
    for answer in stub.both_stream("Announce", index_pb2.AnnounceResponse)(
            messages(count, style, room), metadata=bearer(session.session_token)):
        room.release()
        if known < count == answer.acknowledged_sequence:
            print(f"ready {session.peer_id}", flush=True)
        known = answer.acknowledged_sequence


if __name__ == "__main__":
    main()
